"""Segments: runs of one writer's events in files that can be checked alone.

Owns the file format of archives and bundles: `*.jsonl.gz`, one stored event a line as canonical
JSON with its `prev` and `hash`, of one writer, in the order of their numbers and without gaps.
Promises that equal events give equal files, that a file with its final name is whole and on disk,
that memory holds one event at a time, and that damage is named by file and line. Refuses to write
events that do not follow each other, and lines longer than an event can be.
"""

import gzip
import hashlib
import os
import zlib
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import IO, Any, Self

import orjson

from ledger.errors import LedgerError
from ledger.events import MAX_EVENT_BYTES, Document, chain_hash

SUFFIX = ".jsonl.gz"
GZIP_LEVEL = 4
MAX_LINE_BYTES = 2 * MAX_EVENT_BYTES
_READ_BYTES = 1 << 20
_FIELDS = frozenset(
    ("_id", "v", "type", "account", "amount", "at", "ts", "writer", "epoch", "seq", "actor")
) | {"body", "req_hash", "prev", "hash"}
_NUMBERS = ("v", "amount", "at", "ts", "writer", "epoch", "seq")


class BrokenSegment(LedgerError):
    """A segment file is damaged, or is not what its description says.

    `line` is the first line that is wrong, counted from 1; 0 means the file as a whole.
    """

    code = "broken_segment"

    def __init__(self, path: Path, line: int, why: str) -> None:
        super().__init__(f"{path}{f', line {line}' if line else ''}: {why}")
        self.path = path
        self.line = line
        self.why = why


@dataclass(frozen=True, slots=True)
class Segment:
    """What one segment file holds. `file` is its name without a directory; times in microseconds.

    `first_prev` is the hash before the first event, so that segments join into one chain; `sha256`
    and `bytes` are those of the compressed file.
    """

    file: str
    writer: int
    events: int
    first_seq: int
    first_prev: str
    last_seq: int
    last_hash: str
    first_ts: int
    last_ts: int
    bytes: int
    sha256: str

    def to_json(self) -> Document:
        """Return the description as a JSON object."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Document) -> "Segment":
        """Read a description, also one that came through the database. Raises LedgerError."""
        values: Document = {}
        for field in fields(cls):
            value = data.get(field.name)
            if not isinstance(value, (int if field.type is int else str)):
                raise LedgerError(f"a segment's description has no valid {field.name}")
            values[field.name] = int(value) if isinstance(value, int) else value
        return cls(**values)


def line_of(event: Document) -> bytes:
    """Return a stored event as one line of a segment."""
    return orjson.dumps(event, option=orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE)


class _Digest:
    """A binary file that hashes and counts what is written to it."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.sha256 = hashlib.sha256()
        self.bytes = 0

    def write(self, data: bytes) -> int:
        self.sha256.update(data)
        self.bytes += len(data)
        return self._file.write(data)

    def flush(self) -> None:
        self._file.flush()


class SegmentWriter:
    """Writes one segment file. Nothing has the final name until `close` has made it durable."""

    def __init__(self, path: Path) -> None:
        if not path.name.endswith(SUFFIX):
            raise LedgerError(f"a segment's name must end in {SUFFIX}: {path.name}")
        self.path = path
        self._temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
        self._file: IO[bytes] = self._temporary.open("wb")
        self._digest = _Digest(self._file)
        # No name and no time in the header: equal events, equal bytes.
        self._gzip = gzip.GzipFile("", "wb", GZIP_LEVEL, self._digest, 0)
        self._first: Document | None = None
        self._last: Document | None = None

    def add(self, event: Document) -> None:
        """Append an event. Raises LedgerError when it does not follow the one before."""
        last = self._last
        if last is None:
            self._first = event
        elif (event["writer"], event["seq"], event["prev"]) != (
            last["writer"],
            last["seq"] + 1,
            last["hash"],
        ):
            raise LedgerError(
                f"{event['_id']}: number {event['seq']} of writer {event['writer']} does not"
                f" follow number {last['seq']} of writer {last['writer']}"
            )
        self._gzip.write(line_of(event))
        self._last = event

    def close(self) -> Segment:
        """Make the file durable, give it its name, and describe it. Refuses an empty one."""
        if self._first is None or self._last is None:
            self.discard()
            raise LedgerError(f"{self.path}: a segment needs at least one event")
        self._gzip.close()
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        self._temporary.replace(self.path)
        sync_directory(self.path.parent)
        first, last = self._first, self._last
        return _describe(
            self.path, first, last, self._digest.bytes, self._digest.sha256.hexdigest()
        )

    def discard(self) -> None:
        """Leave nothing behind; harmless after `close`."""
        if not self._file.closed:
            self._gzip.close()
            self._file.close()
        self._temporary.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.discard()


def sync_directory(directory: Path) -> None:
    """Make the names in a directory durable."""
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def read_lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Yield (number of the line, bytes of the line). Raises BrokenSegment on damage.

    The compressed stream carries its own checksum, which is checked when its end is reached.
    """
    number = 0
    try:
        with path.open("rb", buffering=_READ_BYTES) as file, gzip.open(file) as lines:
            while line := lines.readline(MAX_LINE_BYTES + 1):
                number += 1
                if not line.endswith(b"\n"):
                    why = "is too long" if len(line) > MAX_LINE_BYTES else "is cut off"
                    raise BrokenSegment(path, number, f"the line {why}")
                yield number, line
    except EOFError:
        raise BrokenSegment(path, number + 1, "the file is cut off here") from None
    except (gzip.BadGzipFile, zlib.error) as error:
        raise BrokenSegment(path, number + 1, f"can't be decompressed: {error}") from None
    except OSError as error:
        raise BrokenSegment(path, 0, f"can't be read: {error.strerror or error}") from None


def read(path: Path) -> Iterator[Document]:
    """Yield the events of a segment, one at a time. Raises BrokenSegment on damage.

    A line must be an event in its canonical form; whether numbers, links and hashes are right is
    for the reader to check, or for `check`.
    """
    for number, line in read_lines(path):
        yield parse(path, number, line)


def parse(path: Path, number: int, line: bytes) -> Document:
    """Return the event on a line. Raises BrokenSegment naming the line."""
    try:
        event: Any = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise BrokenSegment(path, number, f"is not JSON: {error}") from None
    if not isinstance(event, dict) or event.keys() != _FIELDS:
        raise BrokenSegment(path, number, "is not an event")
    if any(not isinstance(event[name], int) for name in _NUMBERS):
        raise BrokenSegment(path, number, "has a number that is none")
    return event


def check(path: Path, expected: Segment | None = None) -> Segment:
    """Read a whole segment, recompute every hash and link, and describe it.

    Raises BrokenSegment at the first line that is wrong, or when the file is not the `expected`.
    """
    return checked(path, expected, lambda event: None)


def checked(path: Path, expected: Segment | None, see: Callable[[Document], None]) -> Segment:
    """Like `check`, and show each event to `see` once it is known to be unchanged."""
    sha256, size = fingerprint(path)
    if expected is not None and (sha256, size) != (expected.sha256, expected.bytes):
        _find_damage(path)
        raise BrokenSegment(path, 0, f"its SHA-256 is {sha256}, not {expected.sha256}")
    first, last = _follow(path, see)
    found = _describe(path, first, last, size, sha256)
    if expected is not None and found != expected:
        raise BrokenSegment(path, 0, "does not hold the events that its description names")
    return found


def fingerprint(path: Path) -> tuple[str, int]:
    """Return the SHA-256 and the size of a file. Raises BrokenSegment when it can't be read."""
    digest, size = hashlib.sha256(), 0
    try:
        with path.open("rb") as file:
            while block := file.read(_READ_BYTES):
                digest.update(block)
                size += len(block)
    except OSError as error:
        raise BrokenSegment(path, 0, f"can't be read: {error.strerror or error}") from None
    return digest.hexdigest(), size


def _find_damage(path: Path) -> None:
    """Raise BrokenSegment with the line if the damage can be found inside."""
    _follow(path, lambda event: None)


def _follow(path: Path, see: Callable[[Document], None]) -> tuple[Document, Document]:
    first: Document | None = None
    last: Document | None = None
    for number, line in read_lines(path):
        event = parse(path, number, line)
        subject = f"event {event['_id']}"
        if line != line_of(event):
            raise BrokenSegment(path, number, f"{subject} is not in canonical form")
        if chain_hash(event["prev"], event) != event["hash"]:
            raise BrokenSegment(path, number, f"{subject} does not match its own hash")
        if last is not None:
            if event["writer"] != last["writer"] or event["seq"] != last["seq"] + 1:
                raise BrokenSegment(
                    path, number, f"{subject} is number {event['seq']} of writer {event['writer']}"
                )
            if event["prev"] != last["hash"]:
                raise BrokenSegment(path, number, f"{subject} does not follow the one before it")
        see(event)
        first, last = first or event, event
    if first is None or last is None:
        raise BrokenSegment(path, 0, "holds no events")
    return first, last


def _describe(path: Path, first: Document, last: Document, size: int, sha256: str) -> Segment:
    return Segment(
        file=path.name,
        writer=int(first["writer"]),
        events=int(last["seq"]) - int(first["seq"]) + 1,
        first_seq=int(first["seq"]),
        first_prev=first["prev"],
        last_seq=int(last["seq"]),
        last_hash=last["hash"],
        first_ts=int(first["ts"]),
        last_ts=int(last["ts"]),
        bytes=size,
        sha256=sha256,
    )
