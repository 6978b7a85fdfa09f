"""Run the whole product on one machine: services, functions, what Terraform would provision, a ready file.

>>> with Stack(Options(port=0)) as ready:  # doctest: +SKIP
...     print(ready.api, ready.sendgrid)
"""

import contextlib
import json
import os
import socket
import sys
import threading
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import TracebackType

from local.child import Child
from local.data_dir import DataDir, StackError, read_keys, write_atomically
from local.functions import FUNCTIONS, PROJECT, ROOT, Endpoints, Function, environment, process_environment
from local.probe import await_answer, post
from local.provision import provision, sample_table

__all__ = ["Options", "Ready", "Stack", "StackError"]

# Within this the functions end their requests; whoever takes longer is killed.
_FUNCTIONS_STOP_S = 1.5
_SERVICES_STOP_S = 1.0
_HOLD_PUSH = "--hold-push"


@dataclass(frozen=True)
class Options:
    """What a user may choose. `port` is that of the API; 0 picks a free one. Without `data_dir` nothing is kept."""

    port: int = 8080
    data_dir: Path | None = None
    configs: Path = ROOT / "configs"
    templates: Path = ROOT / "templates"
    sample: bool = True
    ready_file: Path | None = None
    verbose: bool = False
    functions: tuple[Function, ...] = FUNCTIONS


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


class Stack:
    """A running stack, from `with` to its end. Raises StackError when it cannot start.

    Nothing is left behind: neither when starting fails, nor when the process that holds the stack is killed.
    """

    def __init__(self, options: Options) -> None:
        self._options = options
        self._cleanup = contextlib.ExitStack()
        self._children: dict[str, Child] = {}
        self._ready: Ready | None = None
        self._reporting = threading.Lock()

    @property
    def pids(self) -> dict[str, int]:
        """The processes now running, by name."""
        return {name: child.pid for name, child in self._children.items() if child.pid is not None}

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
        # The API's port first: it is the one that a user chose, and that may be in use.
        listening = {"api": cleanup.enter_context(_listen(options.port))}
        for name in ("bigquery", "sendgrid", *(one.name for one in options.functions)):
            if name not in listening:
                listening[name] = cleanup.enter_context(_listen(0))
        urls = {name: f"http://127.0.0.1:{one.getsockname()[1]}" for name, one in listening.items()}
        grpc_port = cleanup.enter_context(_reserve()).getsockname()[1]
        emulator = os.environ.get("PUBSUB_EMULATOR_HOST", "")
        endpoints = Endpoints(
            bigquery=urls["bigquery"],
            pubsub=emulator or f"127.0.0.1:{grpc_port}",
            kms=f"127.0.0.1:{grpc_port}",
            secret_manager=f"127.0.0.1:{grpc_port}",
            sendgrid=urls["sendgrid"],
        )
        data_dir = cleanup.enter_context(DataDir(options.data_dir))
        keys = read_keys(data_dir.path)
        alive_fd, our_end = os.pipe()
        cleanup.callback(os.close, alive_fd)
        cleanup.callback(os.close, our_end)

        cleanup.callback(self._stop, endpoints)
        services = self._child(
            "services",
            ["local.services", f"--data-dir={data_dir.path}", f"--grpc-port={grpc_port}"]
            + [f"--{name}-fd={listening[name].fileno()}" for name in ("bigquery", "sendgrid")]
            + (["--no-pubsub"] if emulator else [_HOLD_PUSH]),
            alive_fd=alive_fd,
            pass_fds=(listening["bigquery"].fileno(), listening["sendgrid"].fileno(), data_dir.lock_fd),
            environment=process_environment(),
            logs=data_dir.logs,
        )
        for function in options.functions:
            self._child(
                function.name,
                [
                    "functions_framework",
                    f"--source={ROOT / 'functions' / function.source / 'main.py'}",
                    f"--target={function.target}",
                    "--signature-type=http",
                    "--host=127.0.0.1",
                    f"--port={listening[function.name].getsockname()[1]}",
                ],
                alive_fd=alive_fd,
                listening=listening[function.name],
                environment=environment(
                    function,
                    endpoints,
                    configs=options.configs.absolute(),
                    templates=options.templates.absolute(),
                    billing_table=sample_table(),
                    logs=data_dir.logs,
                ),
                logs=data_dir.logs,
            )
        await_answer(services, f"{endpoints.sendgrid}/mails")
        push_endpoints = {one.topic: f"{urls[one.name]}/" for one in options.functions if one.topic}
        provision(endpoints, keys, push_endpoints, options.templates, sample=options.sample)
        for function in options.functions:
            # /robots.txt is answered by functions-framework itself (FACTS 26): a subscriber must not take the
            # question for a message.
            path = "/robots.txt" if function.topic else "/healthz"
            await_answer(self._children[function.name], urls[function.name] + path)
        if not emulator:
            # Only now: the endpoints of an earlier run were on other ports.
            post(f"{endpoints.sendgrid}/pubsub/release")
            services.command.remove(_HOLD_PUSH)
        self._ready = Ready(
            api=urls["api"],
            **asdict(endpoints),
            project=PROJECT,
            admin_key=keys.admin_key,
            pids=self.pids,
            logs=str(data_dir.logs),
        )
        self._write_ready_file()
        return self._ready

    def _child(
        self,
        name: str,
        arguments: list[str],
        *,
        alive_fd: int,
        environment: dict[str, str],
        logs: Path,
        listening: socket.socket | None = None,
        pass_fds: tuple[int, ...] = (),
    ) -> Child:
        """Start a module under the guard and keep it running."""
        listen_fd = -1 if listening is None else listening.fileno()
        child = Child(
            name,
            [sys.executable, "-m", "local.guard", str(alive_fd), str(listen_fd), *arguments],
            environment=environment,
            directory=ROOT,
            log=logs / f"{name}.log",
            pass_fds=(alive_fd, *pass_fds, *(() if listening is None else (listen_fd,))),
            verbose=self._options.verbose,
            on_death=self._report_death,
            on_restart=lambda _: self._write_ready_file(),
        )
        self._children[name] = child
        child.start()
        return child

    def _stop(self, endpoints: Endpoints) -> None:
        """Functions first: what they are doing needs the services."""
        self._ready = None
        functions = [child for name, child in self._children.items() if name != "services"]
        services = [child for name, child in self._children.items() if name == "services"]
        if functions and endpoints.pubsub == endpoints.kms:
            with contextlib.suppress(StackError):
                # So that pushes cut short by the end of a function do not count as refused.
                post(f"{endpoints.sendgrid}/pubsub/hold")
        _end(functions, _FUNCTIONS_STOP_S)
        _end(services, _SERVICES_STOP_S)

    def _report_death(self, child: Child, status: int) -> None:
        if self._ready is not None:
            sys.stderr.write(f"{child.name} ended ({_reason(status)}) and is started again; see {child.log}\n")

    def _write_ready_file(self) -> None:
        with self._reporting:
            if self._ready is not None and self._options.ready_file is not None:
                report = asdict(replace(self._ready, pids=self.pids))
                write_atomically(self._options.ready_file.absolute(), json.dumps(report, indent=2) + "\n")


def _listen(port: int) -> socket.socket:
    """A listening socket of 127.0.0.1, kept by the supervisor while the processes that serve it come and go."""
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind(("127.0.0.1", port))
    except OverflowError:
        listening.close()
        raise StackError(f"port {port} is not a port; choose one from 0 to 65535") from None
    except OSError as error:
        listening.close()
        raise StackError(f"cannot use port {port}: {error.strerror}; choose another with --port") from None
    listening.listen(1024)
    return listening


def _reserve() -> socket.socket:
    """A free port of 127.0.0.1 that stays ours while the gRPC server comes and goes: gRPC takes no open socket."""
    reserved = socket.socket()
    reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    reserved.bind(("127.0.0.1", 0))
    return reserved


def _end(children: list[Child], within_s: float) -> None:
    for child in children:
        child.terminate()
    deadline = time.monotonic() + within_s
    for child in children:
        child.join(deadline)


def _reason(status: int) -> str:
    return f"signal {-status}" if status < 0 else f"status {status}"
