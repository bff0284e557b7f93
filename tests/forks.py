"""The command line without its start: each command is forked from a process that has read it.

A command is a process of its own, with its directory, environment, output and exit status, as when
people run it; but Python has read the program once and not for every command, which takes longer
than what most commands do. `python -m tests.forks` is that process.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Self

ROOT = Path(__file__).resolve().parents[1]


class Forks:
    """Runs `tollgate …`, one command at a time. Use as a context manager."""

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.forks"],
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        return self

    def __exit__(self, *exc: object) -> None:
        # All of them: a command that hung is still there.
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.communicate()

    def run(
        self, args: Iterable[str], cwd: Path, environ: Mapping[str, str]
    ) -> "subprocess.CompletedProcess[bytes]":
        """Run a command in a directory, with nothing in its environment but PATH and what is given.

        How long it may take is for the test's own timeout to say.
        """
        assert self._process.stdin is not None and self._process.stdout is not None
        with tempfile.TemporaryDirectory() as files:
            order = {
                "args": list(args),
                "cwd": str(cwd),
                "environ": {"PATH": os.environ["PATH"], **environ},
                "files": [os.devnull, f"{files}/out", f"{files}/error"],
            }
            print(json.dumps(order), file=self._process.stdin, flush=True)
            status = int(self._process.stdout.readline())
            out, error = (Path(name).read_bytes() for name in order["files"][1:])
        return subprocess.CompletedProcess(order["args"], status, out, error)


def text_of(done: "subprocess.CompletedProcess[bytes]") -> "subprocess.CompletedProcess[str]":
    """The same with its output as text."""
    out, error = done.stdout.decode(), done.stderr.decode()
    return subprocess.CompletedProcess(done.args, done.returncode, out, error)


def _become(order: dict[str, Any]) -> int:
    """Go on as the command that was ordered; return its exit status."""
    from gateway.cli import main

    for number, name in enumerate(order["files"]):
        os.dup2(os.open(name, os.O_RDWR | os.O_CREAT), number)
    os.chdir(order["cwd"])
    os.environ.clear()
    os.environ.update(order["environ"])
    sys.argv = ["tollgate", *order["args"]]
    return main()


def _serve() -> int:
    """Fork for every line of orders, and say how each ended."""
    import motor.motor_asyncio
    import pymongo

    import gateway.commands
    from ledger.events import Schemas, compiled

    assert all(map(compiled, Schemas().all.values()))  # kept for all
    assert motor and pymongo and gateway.commands
    while line := sys.stdin.readline():
        child = os.fork()
        if not child:
            return _become(json.loads(line))
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(_serve())
