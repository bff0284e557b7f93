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
    handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with open(handle, "w", encoding="utf-8", newline="") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o600)
        os.replace(temporary, target)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
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
            print(f"\r{done} of {total} {self._what}", end="", file=sys.stderr, flush=True)

    def __exit__(self, *exc_info: object) -> None:
        if self._shown_at_s:
            print("\r\033[K", end="", file=sys.stderr, flush=True)
