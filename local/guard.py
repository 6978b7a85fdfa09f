"""Run a module as a child of the stack, and end it when the stack is gone.

`python -m local.guard ALIVE_FD LISTEN_FD MODULE ARGUMENT…`

ALIVE_FD is the read end of a pipe whose write end only the supervisor holds: it reaches its end when the
supervisor dies, however it dies, on any Unix. LISTEN_FD is a listening socket for gunicorn, handed over as systemd
does (https://www.freedesktop.org/software/systemd/man/latest/sd_listen_fds.html), or -1. The supervisor keeps the
socket too, so that requests wait while a function is started again instead of being refused.
"""

import contextlib
import os
import runpy
import signal
import sys
import threading

# Time for gunicorn to end its workers before the whole process group is killed.
_GRACE_S = 2.0
_FIRST_SYSTEMD_FD = 3


def main() -> None:
    """Run the module named on the command line under its own name."""
    alive_fd, listen_fd, module, arguments = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4:]
    if listen_fd >= 0:
        alive_fd = _hand_over(listen_fd, alive_fd)
    threading.Thread(target=_end_with_parent, args=(alive_fd,), daemon=True).start()
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def _hand_over(listen_fd: int, alive_fd: int) -> int:
    """Put the listening socket where gunicorn looks for it; where the pipe is then."""
    if listen_fd != _FIRST_SYSTEMD_FD:
        with contextlib.suppress(OSError):  # nothing is there
            moved = os.dup(_FIRST_SYSTEMD_FD)  # what is there stays open: the pipe, or the lock of the data directory
            alive_fd = moved if alive_fd == _FIRST_SYSTEMD_FD else alive_fd
        os.dup2(listen_fd, _FIRST_SYSTEMD_FD)
        os.close(listen_fd)
    os.environ["LISTEN_FDS"], os.environ["LISTEN_PID"] = "1", str(os.getpid())
    return alive_fd


def _end_with_parent(alive_fd: int) -> None:
    os.read(alive_fd, 1)  # nothing is ever written: it returns at the end of the pipe
    os.kill(os.getpid(), signal.SIGTERM)
    threading.Event().wait(_GRACE_S)
    # The stack starts each child as the leader of a process group: this takes gunicorn's workers along.
    if os.getpgrp() == os.getpid():
        os.killpg(os.getpgrp(), signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    main()
