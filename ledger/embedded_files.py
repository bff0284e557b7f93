"""What the embedded database keeps in its data directory, beside the data.

Owns the directory's lock, its run file, the log and the checks on the disk. Promises that one
process at a time owns a directory, and that the lock ends with that process however it ends.
Refuses a directory that lacks rights or room, in words for the person who started the server.
"""

import fcntl
import json
import os
import shutil
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO

from ledger.errors import EmbeddedError

MIN_FREE_BYTES = 64 * 1024 * 1024
_LOCK_NAME = "tollgate.lock"
_RUN_NAME = "embedded.json"
_LOG_NAME = "db.log"
_LOG_MAX_BYTES = 8 * 1024 * 1024
_LOG_TAIL_LINES = 8
# A process that was just killed may need a moment to let go of its files.
_LOCK_PATIENCE_S = 1.0
_LOCK_POLL_S = 0.05


@dataclass(frozen=True, slots=True)
class RunFile:
    """Who runs the database of a directory and where it listens."""

    pid: int
    child_pid: int
    port: int
    url: str


def prepare_directory(data_dir: Path, min_free_bytes: int = MIN_FREE_BYTES) -> None:
    """Make the directory if need be and check that the database can live in it."""
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise EmbeddedError(f"{data_dir} is not a directory; choose another data directory") from (
            None
        )
    except OSError as exc:
        raise EmbeddedError(f"cannot make the data directory {data_dir}: {exc.strerror}") from exc
    if not os.access(data_dir, os.R_OK | os.W_OK | os.X_OK):
        raise EmbeddedError(
            f"the data directory {data_dir} is not writable; fix its rights or choose another"
        )
    free = shutil.disk_usage(data_dir).free
    if free < min_free_bytes:
        raise EmbeddedError(
            f"only {free // 2**20} MB are free in {data_dir};"
            f" the database needs at least {min_free_bytes // 2**20} MB to start"
        )


class DirectoryLock:
    """The right to use a data directory, held until `release` or the end of this process."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self._fd = -1

    def acquire(self) -> None:
        """Take the lock. Raises EmbeddedError that names the process which holds it."""
        path = self._data_dir / _LOCK_NAME
        try:
            # Python opens it close-on-exec: no program started from here keeps the lock.
            fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as exc:
            raise EmbeddedError(f"cannot write to {path}: {exc.strerror}") from exc
        if not _lock(fd):
            holder = os.pread(fd, 32, 0).decode("ascii", "replace").strip() or "unknown"
            os.close(fd)
            raise EmbeddedError(f"{self._data_dir} is already in use by process {holder}")
        os.ftruncate(fd, 0)
        os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)
        self._fd = fd

    def release(self) -> None:
        """Give the lock back; does nothing when it is not held."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def _lock(fd: int) -> bool:
    deadline = time.monotonic() + _LOCK_PATIENCE_S
    while True:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                return False
            time.sleep(_LOCK_POLL_S)
        else:
            return True


def _is_locked(data_dir: Path) -> bool:
    try:
        fd = os.open(data_dir / _LOCK_NAME, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    else:
        return False
    finally:
        os.close(fd)


def write_run_file(data_dir: Path, run: RunFile) -> None:
    """Tell other processes about the running database, in one step."""
    scratch = data_dir / f"{_RUN_NAME}.new"
    scratch.write_text(json.dumps(asdict(run)) + "\n", encoding="utf-8")
    scratch.replace(data_dir / _RUN_NAME)


def remove_run_file(data_dir: Path) -> None:
    """Tell other processes that nothing runs here any more."""
    (data_dir / _RUN_NAME).unlink(missing_ok=True)


def read_run_file(data_dir: Path) -> RunFile | None:
    """Return what the last start wrote, or None if there is nothing that makes sense."""
    try:
        return RunFile(**json.loads((data_dir / _RUN_NAME).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def running_url(data_dir: Path) -> str | None:
    """Return the URL of the database that a live server runs in this directory, or None."""
    run = read_run_file(data_dir)
    if run is None or not is_alive(run.pid) or not _is_locked(data_dir):
        return None
    return run.url


def open_log(data_dir: Path) -> BinaryIO:
    """Open the database's log for appending, after putting a large one aside."""
    path = data_dir / _LOG_NAME
    if path.exists() and path.stat().st_size > _LOG_MAX_BYTES:
        path.replace(path.with_suffix(".log.1"))
    return open(path, "ab", opener=lambda name, flags: os.open(name, flags, 0o600))


def read_log(data_dir: Path, start: int) -> str:
    """Return the last lines that the database wrote after position `start`, as one line."""
    with open(data_dir / _LOG_NAME, "rb") as log:
        log.seek(start)
        lines = log.read().decode("utf-8", "replace").splitlines()
    return " | ".join(line.strip() for line in lines[-_LOG_TAIL_LINES:]) or "none"


def is_alive(pid: int) -> bool:
    """Tell whether a process exists."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
