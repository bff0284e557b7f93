"""What commands write: files that are whole or not there, and progress on a terminal."""

import contextlib
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

PROGRESS_EVERY_S = 0.2


@contextlib.contextmanager
def output(name: str) -> Iterator[IO[str]]:
    """Open the file to write: standard output for -, else a new file that is renamed when whole.

    What is no regular file (a pipe, /dev/null) is written to as it is.
    """
    if name == "-":
        yield sys.stdout
        sys.stdout.flush()
        return
    target = Path(name).resolve()
    if target.exists() and not target.is_file():
        with target.open("w", encoding="utf-8", newline="") as file:
            yield file
        return
    with new_file(target) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        yield file


@contextlib.contextmanager
def new_file(target: Path) -> Iterator[Path]:
    """Name a file to fill beside the target, which it replaces when whole, and never else."""
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    temporary = Path(name)
    os.close(handle)
    try:
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        os.chmod(temporary, 0o600)
        os.replace(temporary, target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


class Progress:
    """Counts on standard error, when that is a terminal."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._shown_at_s = 0.0

    @staticmethod
    def shows() -> bool:
        """Tell whether anybody can see it."""
        return sys.stderr.isatty()

    def __enter__(self) -> "Progress":
        return self

    def __call__(self, done: int, total: int) -> None:
        now_s = time.monotonic()
        if self.shows() and now_s - self._shown_at_s >= PROGRESS_EVERY_S:
            self._shown_at_s = now_s
            of = f" of {total}" if total else ""
            print(f"\r{done}{of} {self._what}", end="", file=sys.stderr, flush=True)

    def __exit__(self, *exc_info: object) -> None:
        if self._shown_at_s:
            print("\r\033[K", end="", file=sys.stderr, flush=True)
