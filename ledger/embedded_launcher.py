"""Start a program that cannot outlive the process that asked for it.

Run as a script: `embedded_launcher.py HOW PARENT_PID PROGRAM ARGUMENT…`. It binds its own life to
its parent's, even when that is killed with SIGKILL, and then becomes PROGRAM, with the same process
id. HOW is `prctl` (Linux: the kernel kills it; the parent is the thread that started it) or `pipe`
(any Unix: a small watcher kills it when the pipe on its standard input closes).
Imports nothing of the product, so that it starts fast and from anywhere.
"""

import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def _bind_by_prctl(parent: int) -> None:
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")
    if os.getppid() != parent:  # it died before the line above took effect
        raise SystemExit(1)


def _bind_by_pipe(parent: int) -> None:
    program = os.getpid()
    if os.fork() != 0:
        return
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    while os.read(sys.stdin.fileno(), 4096):  # ends when no process holds the other end
        pass
    if os.getppid() == program:  # else it has ended by itself and its id may be another's
        os.kill(program, signal.SIGKILL)
    os._exit(0)


_BIND = {"prctl": _bind_by_prctl, "pipe": _bind_by_pipe}


def main(arguments: list[str]) -> None:
    """Bind this process to its parent and become the program."""
    how, parent, *command = arguments
    _BIND[how](int(parent))
    os.execv(command[0], command)


if __name__ == "__main__":
    main(sys.argv[1:])
