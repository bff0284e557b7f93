"""The spill: charges that wait on this machine's disk while the database is away.

Owns the files in the spill directory, one for each writer epoch that is running here. Promises that
what `write` returned for is on the disk: synced, and readable again after a crash, a torn last line
apart, which nobody was told of. Refuses to grow beyond its bound, and to read a file whose writer
is still alive.

A file is `SLOT-EPOCH.jsonl`; a line is a CRC-32 in hex, a space, and a draft as JSON.
"""

import asyncio
import fcntl
import logging
import os
import uuid
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import orjson

from ledger.errors import LedgerError
from ledger.events import Draft

MAX_BYTES = 256 << 20
_SUFFIX = ".jsonl"
_IDENTITY = "identity"

log = logging.getLogger("tollgate.ledger")


@dataclass(frozen=True, slots=True)
class Spilled:
    """A draft that was promised to be recorded, and when (microseconds since the epoch)."""

    draft: Draft
    accepted_us: int


class SpillLog(Protocol):
    """Where an appender spills. `full` is true once the bound is reached."""

    @property
    def bytes(self) -> int: ...
    @property
    def full(self) -> bool: ...
    async def write(self, entries: Sequence[Spilled]) -> None: ...
    async def clear(self) -> None: ...
    def close(self) -> None: ...


class SpillFile:
    """The file of one writer epoch, locked for as long as the process lives."""

    def __init__(self, path: Path, max_bytes: int = MAX_BYTES) -> None:
        """Create the file, or open what is left of it. Raises OSError, LedgerError if in use."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._max_bytes = max_bytes
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        if not _lock(self._file):
            os.close(self._file)
            raise LedgerError(f"another process is using {path}")
        self.bytes = os.fstat(self._file).st_size
        _sync_directory(path.parent)

    @property
    def full(self) -> bool:
        """True when nothing more should be promised."""
        return self.bytes >= self._max_bytes

    async def write(self, entries: Sequence[Spilled]) -> None:
        """Put entries on the disk; they are there when this returns. Raises OSError."""
        text = b"".join(map(_line, entries))
        await asyncio.to_thread(self._append, text)

    async def clear(self) -> None:
        """Forget everything: it has been recorded. Raises OSError."""
        await asyncio.to_thread(os.ftruncate, self._file, 0)
        self.bytes = 0

    def close(self) -> None:
        """Let go of the file; it is removed if nothing is in it."""
        if not self.bytes:
            self.path.unlink(missing_ok=True)
        os.close(self._file)

    def _append(self, text: bytes) -> None:
        start = self.bytes
        try:
            rest = memoryview(text)
            while rest:
                rest = rest[os.write(self._file, rest) :]
            os.fsync(self._file)
        except OSError:
            os.ftruncate(self._file, start)
            raise
        self.bytes = start + len(text)


@dataclass(frozen=True, slots=True)
class Orphan:
    """A spill file whose process is gone: locked by us, so that only we replay it."""

    slot: int
    epoch: int
    path: Path

    def read(self) -> Iterator[Spilled]:
        """Yield what was spilled, in its order; a torn last line was promised to nobody."""
        with self.path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                entry = _entry(line)
                if entry is not None:
                    yield entry
                elif line.endswith(b"\n"):
                    log.error("%s: line %d is damaged and was not replayed", self.path, number)

    def remove(self) -> None:
        """Remove the file: everything in it is recorded."""
        self.path.unlink(missing_ok=True)
        _sync_directory(self.path.parent)


@contextmanager
def orphans(directory: Path | None) -> Iterator[list[Orphan]]:
    """Lock and return the spill files here whose processes are gone, until the block ends."""
    locked: list[int] = []
    found: list[Orphan] = []
    try:
        for path in sorted(directory.glob(f"*{_SUFFIX}")) if directory else ():
            slot, _, epoch = path.stem.partition("-")
            file = os.open(path, os.O_RDWR)
            if not _lock(file):
                os.close(file)
                continue
            locked.append(file)
            if path.exists() and slot.isdigit() and epoch.isdigit():
                found.append(Orphan(int(slot), int(epoch), path))
        yield found
    finally:
        for file in locked:
            os.close(file)


def file_of(directory: Path, slot: int, epoch: int) -> Path:
    """Return the path of the file of one writer epoch."""
    return directory / f"{slot}-{epoch}{_SUFFIX}"


def identity(directory: Path) -> str:
    """Return the name of this directory among all machines, made at first use. Raises OSError."""
    path = directory / _IDENTITY
    directory.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        mine = directory / f"{_IDENTITY}.{uuid.uuid4().hex}"
        mine.write_text(uuid.uuid4().hex, encoding="ascii")
        try:
            os.link(mine, path)  # the first of several processes wins
        except FileExistsError:
            pass
        finally:
            mine.unlink()
        _sync_directory(directory)
    return path.read_text(encoding="ascii")


def _line(entry: Spilled) -> bytes:
    draft = entry.draft
    text = orjson.dumps(
        {
            "id": draft.id,
            "type": draft.type,
            "account": draft.account,
            "amount": draft.amount_nano,
            "actor": draft.actor,
            "body": draft.body,
            "at": draft.at_us,
            "accepted": entry.accepted_us,
        }
    )
    return b"%08x %b\n" % (zlib.crc32(text), text)


def _entry(line: bytes) -> Spilled | None:
    if len(line) < 10 or not line.endswith(b"\n") or line[8:9] != b" ":
        return None
    text = line[9:-1]
    if line[:8] != b"%08x" % zlib.crc32(text):
        return None
    said = orjson.loads(text)
    draft = Draft(
        said["id"],
        said["type"],
        said["account"],
        said["amount"],
        said["actor"],
        said["body"],
        said["at"],
    )
    return Spilled(draft, said["accepted"])


def _lock(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _sync_directory(directory: Path) -> None:
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
