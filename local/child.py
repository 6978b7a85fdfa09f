"""One process of the stack: started, watched, started again when it dies, stopped with all its workers."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

_FIRST_BACKOFF_S = 0.1
_MOST_BACKOFF_S = 5.0
# A process that lived this long has started properly: the next backoff begins anew.
_SETTLED_S = 10.0


class Child:
    """A process that is kept running from `start` to `stop`.

    Its output goes to `log`, and with `verbose` also to stderr, each line behind its name.
    `on_death` is called from the watching thread with the exit status each time it dies unasked (negative: a signal).
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        environment: Mapping[str, str],
        directory: Path,
        log: Path,
        pass_fds: Sequence[int] = (),
        verbose: bool = False,
        on_death: Callable[["Child", int], None] = lambda _child, _status: None,
        on_restart: Callable[["Child"], None] = lambda _child: None,
    ) -> None:
        self.name = name
        self.command = list(command)  # may be changed: holds from the next start on
        self.log = log
        self.deaths = 0
        self._environment = dict(environment)
        self._directory = directory
        self._pass_fds = tuple(pass_fds)
        self._verbose = verbose
        self._on_death, self._on_restart = on_death, on_restart
        self._process: subprocess.Popen[bytes] | None = None
        self._stopping = threading.Event()
        self._spawning = threading.Lock()
        self._watcher: threading.Thread | None = None

    @property
    def pid(self) -> int | None:
        """The process now running, also the id of its process group; None while there is none."""
        process = self._process
        return None if process is None or process.returncode is not None else process.pid

    def start(self) -> None:
        """Start the process, and keep it running."""
        process = self._spawn()
        self._watcher = threading.Thread(target=self._watch, args=(process,), name=f"watch-{self.name}", daemon=True)
        self._watcher.start()

    def terminate(self) -> None:
        """Ask it to end; it is not started again. Returns at once."""
        self._stopping.set()
        with self._spawning:
            self._signal(signal.SIGTERM, group=False)

    def join(self, deadline: float) -> None:
        """Wait for the end that `terminate` asked for, until the monotonic time `deadline`, then kill the group."""
        process = self._process
        if process is None:
            return
        # Not by the watcher alone: a signal to the supervisor can come when the process is there and it is not.
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(max(deadline - time.monotonic(), 0))
        self._kill_group(process.pid)
        process.wait()
        if self._watcher is not None and self._watcher.is_alive():
            self._watcher.join()

    def last_lines(self, count: int = 20) -> str:
        """The end of its log."""
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return "\n".join(text.splitlines()[-count:])

    def _spawn(self) -> "subprocess.Popen[bytes] | None":
        """Start the process, unless it is to stop: then None."""
        with self._spawning, self.log.open("ab") as log:
            if self._stopping.is_set():
                return None
            self._process = subprocess.Popen(  # noqa: S603 - a command of ours
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE if self._verbose else log,
                stderr=subprocess.STDOUT,
                cwd=self._directory,
                env=self._environment,
                pass_fds=self._pass_fds,
                # A group of its own: Ctrl-C reaches the supervisor alone, and workers can be killed with it.
                start_new_session=True,
            )
            if self._verbose:
                threading.Thread(target=self._forward, args=(self._process,), daemon=True).start()
            return self._process

    def _watch(self, process: "subprocess.Popen[bytes] | None") -> None:
        backoff_s = _FIRST_BACKOFF_S
        while process is not None:
            started = time.monotonic()
            status = process.wait()
            self._kill_group(process.pid)  # a killed gunicorn leaves workers behind
            if self._stopping.is_set():
                return
            self.deaths += 1
            self._on_death(self, status)
            if time.monotonic() - started > _SETTLED_S:
                backoff_s = _FIRST_BACKOFF_S
            self._stopping.wait(backoff_s)
            backoff_s = min(backoff_s * 2, _MOST_BACKOFF_S)
            process = self._spawn()
            if process is not None:
                self._on_restart(self)

    def _signal(self, number: signal.Signals, *, group: bool) -> None:
        process = self._process
        if process is None or process.returncode is not None:
            return
        if group:
            self._kill_group(process.pid)
        else:
            process.send_signal(number)

    @staticmethod
    def _kill_group(pid: int) -> None:
        # PermissionError: what macOS says of a group of which only zombies are left.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)

    def _forward(self, process: "subprocess.Popen[bytes]") -> None:
        assert process.stdout is not None
        with process.stdout, self.log.open("ab") as log:
            for line in process.stdout:
                log.write(line)
                log.flush()
                sys.stderr.write(f"{self.name:>17} | {line.decode(errors='replace')}")
