"""Run the whole product on one machine: services, functions, what Terraform would provision, a ready file.

>>> with Stack(Options(port=0)) as ready:  # doctest: +SKIP
...     print(ready.api, ready.sendgrid)
"""

import contextlib
import json
import os
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from types import TracebackType

from local.child import Child
from local.data_dir import DataDir, StackError, read_keys, remove_file, write_atomically
from local.functions import (
    FUNCTIONS,
    PROJECT,
    ROOT,
    Endpoints,
    Function,
    function_environment,
    platform_settings,
    process_environment,
)
from local.ports import API, BIGQUERY, SENDGRID, Ports
from local.probe import await_answer, is_listening, post
from local.provision import MOST_BACKOFF_S, provision, sample_table
from local.scheduler import RECONCILE_EVERY_S, Scheduler

__all__ = ["Options", "Ready", "Stack", "StackError"]

# Within this the functions end their requests; whoever takes longer is killed.
_FUNCTIONS_STOP_S = 1.5
_SERVICES_STOP_S = 1.0
_HOLD_PUSH = "--hold-push"


@dataclass(frozen=True)
class Options:
    """What a user may choose. `port` is that of the API; 0 picks a free one. Without `data_dir` nothing is kept.

    `most_backoff_s`: a subscription whose messages are refused again and again pauses for no longer.
    """

    port: int = 8080
    data_dir: Path | None = None
    configs: Path = ROOT / "configs"
    templates: Path = ROOT / "templates"
    sample: bool = True
    ready_file: Path | None = None
    verbose: bool = False
    functions: tuple[Function, ...] = FUNCTIONS
    reconcile_every_s: float = RECONCILE_EVERY_S
    most_backoff_s: float = MOST_BACKOFF_S


@dataclass(frozen=True)
class Ready:
    """Where everything answers: URLs for HTTP, host:port for gRPC; what the ready file holds.

    `GET {sendgrid}/mails` lists the mails, `GET {sendgrid}/pubsub` the messages not yet acknowledged.
    `pids` are those of the start; `Stack.pids` and the ready file follow a process that was started again.
    """

    api: str
    bigquery: str
    pubsub: str
    kms: str
    secret_manager: str
    sendgrid: str
    project: str
    admin_key: str
    pids: dict[str, int]
    logs: str
    environment: dict[str, str] = field(repr=False)
    """Every setting of the platform, and the api function's own: `convergence` reads them from the ready file."""


class Stack:
    """A running stack, from `with` to its end. Raises StackError when it cannot start.

    Nothing is left behind: neither when starting fails, nor when the process that holds the stack is killed.
    """

    def __init__(self, options: Options) -> None:
        self._options = options
        self._cleanup = contextlib.ExitStack()
        self._services: Child | None = None
        self._functions: list[Child] = []
        self._ready: Ready | None = None
        self._api = ""
        self._reporting = threading.Lock()

    @property
    def pids(self) -> dict[str, int]:
        """The processes now running, by name."""
        children = [*self._functions, *([] if self._services is None else [self._services])]
        return {child.name: child.pid for child in children if child.pid is not None}

    def __enter__(self) -> Ready:
        with contextlib.ExitStack() as cleanup:
            ready = self._start(cleanup)
            self._cleanup = cleanup.pop_all()
        return ready

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._cleanup.close()

    def _start(self, cleanup: contextlib.ExitStack) -> Ready:
        options = self._options
        for folder in (options.configs, options.templates):
            if not folder.is_dir():
                raise StackError(f"no directory {folder}")
        if options.ready_file is not None and not options.ready_file.absolute().parent.is_dir():
            raise StackError(f"cannot write {options.ready_file}: no such directory")
        # The directory first: once it is ours, the processes of an earlier stack have left the port, too.
        data_dir = cleanup.enter_context(DataDir(options.data_dir))
        if options.ready_file is not None and not _is_of_a_running_stack(options.ready_file):
            remove_file(options.ready_file)  # a killed stack's: who waits for this one must not read it
        ports = cleanup.enter_context(Ports(options.port, [function.name for function in options.functions]))
        keys = read_keys(data_dir.path)
        embedded = f"127.0.0.1:{ports.grpc}"
        endpoints = Endpoints(
            bigquery=ports.url(BIGQUERY),
            pubsub=os.environ.get("PUBSUB_EMULATOR_HOST") or embedded,
            kms=embedded,
            secret_manager=embedded,
            sendgrid=ports.url(SENDGRID),
        )
        alive_fd, our_end = os.pipe()
        cleanup.callback(os.close, alive_fd)
        cleanup.callback(os.close, our_end)

        cleanup.callback(self._remove_ready_file)
        cleanup.callback(self._stop, endpoints)
        services = self._services = self._services_child(ports, endpoints, data_dir, alive_fd)
        platform = platform_settings(
            endpoints,
            configs=options.configs.absolute(),
            templates=options.templates.absolute(),
            billing_table=sample_table(),
            logs=data_dir.logs,
        )
        self._functions = [
            self._function_child(function, ports, platform, data_dir, alive_fd) for function in options.functions
        ]
        # All at once: what takes time is importing, and that they do beside one another.
        for child in (services, *self._functions):
            child.start()
        await_answer(services, f"{endpoints.sendgrid}/mails")
        # What is published for a function that does not run waits in its subscription.
        push_endpoints = dict.fromkeys((topic for one in FUNCTIONS for topic in one.topics), "")
        push_endpoints |= {topic: f"{ports.url(one.name)}/" for one in options.functions for topic in one.topics}
        provision(
            endpoints,
            keys,
            push_endpoints,
            options.templates,
            sample=options.sample,
            most_backoff_s=options.most_backoff_s,
        )
        for function, child in zip(options.functions, self._functions, strict=True):
            # /robots.txt is answered by functions-framework itself (facts 26): a subscriber must not take the
            # question for a message.
            await_answer(child, ports.url(function.name) + ("/robots.txt" if function.topics else "/healthz"))
        if endpoints.pubsub == embedded:
            # Only now: the endpoints of an earlier run were on other ports.
            post(f"{endpoints.sendgrid}/pubsub/release")
            services.command.remove(_HOLD_PUSH)
        self._ready = Ready(
            api=ports.url(API),
            **asdict(endpoints),
            project=PROJECT,
            admin_key=keys.admin_key,
            pids=self.pids,
            logs=str(data_dir.logs),
            environment=platform | dict(next(one for one in options.functions if not one.topics).settings),
        )
        self._api = self._ready.api
        cleanup.enter_context(Scheduler(endpoints.pubsub, every_s=options.reconcile_every_s))
        self._write_ready_file()
        return self._ready

    def _services_child(self, ports: Ports, endpoints: Endpoints, data_dir: DataDir, alive_fd: int) -> Child:
        is_embedded = endpoints.pubsub == endpoints.kms
        module = [
            "local.services",
            f"--data-dir={data_dir.path}",
            f"--grpc-port={ports.grpc}",
            f"--bigquery-fd={ports.fd(BIGQUERY)}",
            f"--sendgrid-fd={ports.fd(SENDGRID)}",
            _HOLD_PUSH if is_embedded else "--no-pubsub",
        ]
        return self._child(
            "services",
            module,
            variables=process_environment(),
            data_dir=data_dir,
            alive_fd=alive_fd,
            served_fds=(ports.fd(BIGQUERY), ports.fd(SENDGRID)),
        )

    def _function_child(
        self, function: Function, ports: Ports, platform: dict[str, str], data_dir: DataDir, alive_fd: int
    ) -> Child:
        module = [
            "functions_framework",
            f"--source={ROOT / 'functions' / function.source / 'main.py'}",
            f"--target={function.target}",
            "--signature-type=http",
            "--host=127.0.0.1",
            f"--port={ports.port(function.name)}",
        ]
        return self._child(
            function.name,
            module,
            variables=process_environment() | function_environment(function, platform),
            data_dir=data_dir,
            alive_fd=alive_fd,
            gunicorn_fd=ports.fd(function.name),
            served_fds=(ports.fd(function.name),),
        )

    def _child(
        self,
        name: str,
        module: Sequence[str],
        *,
        variables: dict[str, str],
        data_dir: DataDir,
        alive_fd: int,
        served_fds: tuple[int, ...],
        gunicorn_fd: int = -1,
    ) -> Child:
        """A module to run under the guard, not yet started."""
        return Child(
            name,
            [sys.executable, "-m", "local.guard", str(alive_fd), str(gunicorn_fd), *module],
            environment=variables,
            directory=ROOT,
            log=data_dir.logs / f"{name}.log",
            # With the lock: a stack that was killed holds its directory until all its processes are gone.
            pass_fds=(alive_fd, data_dir.lock_fd, *served_fds),
            verbose=self._options.verbose,
            on_death=self._report_death,
            on_restart=lambda _: self._write_ready_file(),
        )

    def _stop(self, endpoints: Endpoints) -> None:
        """Functions first: what they are doing needs the services."""
        was_ready, self._ready = self._ready is not None, None
        if was_ready and endpoints.pubsub == endpoints.kms:
            with contextlib.suppress(StackError):
                # So that pushes cut short by the end of a function do not count as refused.
                post(f"{endpoints.sendgrid}/pubsub/hold")
        _end(self._functions, _FUNCTIONS_STOP_S)
        _end([] if self._services is None else [self._services], _SERVICES_STOP_S)

    def _report_death(self, child: Child, status: int) -> None:
        if self._ready is not None:
            reason = f"signal {-status}" if status < 0 else f"status {status}"
            sys.stderr.write(f"{child.name} ended ({reason}) and is started again; see {child.log}\n")

    def _write_ready_file(self) -> None:
        with self._reporting:
            if self._ready is not None and self._options.ready_file is not None:
                report = asdict(replace(self._ready, pids=self.pids))
                write_atomically(self._options.ready_file.absolute(), json.dumps(report, indent=2) + "\n")

    def _remove_ready_file(self) -> None:
        """Unless another stack has written its own in its place."""
        file = self._options.ready_file
        with self._reporting, contextlib.suppress(OSError):
            if file is not None and self._api and _api_of(file) == self._api:
                file.unlink()


def _is_of_a_running_stack(ready_file: Path) -> bool:
    return is_listening(_api_of(ready_file))


def _api_of(ready_file: Path) -> str:
    """The address that a ready file names; empty where the file is not there, or is none."""
    try:
        return str(json.loads(ready_file.read_text())["api"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def _end(children: Sequence[Child], within_s: float) -> None:
    for child in children:
        child.terminate()
    deadline = time.monotonic() + within_s
    for child in children:
        child.join(deadline)
