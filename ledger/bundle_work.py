"""The part of checking a bundle that can be shared between processes: a run of segments.

Owns the index that the seals leave behind for it (in files, so that memory stays small) and the
check of one run: segments of one writer that begin where a seal ends, so that roots lie within.
Promises the same findings whichever process does it. Refuses nothing.
"""

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import orjson

from ledger.accounts import Sums
from ledger.bundle_files import BrokenBundle, Bundle
from ledger.check_chain import Bound, ChainCheck, Mark
from ledger.check_events import EventCheck, is_event
from ledger.check_reversals import REVERSALS
from ledger.check_sums import Totals
from ledger.errors import LedgerError
from ledger.events import Document, Schemas
from ledger.report import Report
from ledger.seal_body import TYPE, Head, digest_of
from ledger.segments import Segment

CHANGED = "it does not have its SHA-256 any more"
_RECORD = 8 + 8 + 32 + 32
_DIGEST = 32


class SealIndex:
    """Where seals end each writer's events, and the seals' digests, in files of a directory."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._count = 0

    def add(self, number: int, digest: str, heads: list[Head]) -> None:
        """Note a seal; they come in the order of their numbers, and one that does not is not noted.

        Nor are heads that are none: these were named as faults when the seal was checked.
        """
        if number != self._count + 1:
            return
        self._count += 1
        with (self._directory / "digests").open("ab") as file:
            file.write(bytes.fromhex(digest))
        for head in heads:
            if head.events > 0 and (record := _record(number, head)) is not None:
                with self._file(head.writer).open("ab") as file:
                    file.write(record)

    def digest(self, number: int) -> str | None:
        """Return the digest of a seal, or None."""
        with (self._directory / "digests").open("rb") as file:
            file.seek((number - 1) * _DIGEST)
            found = file.read(_DIGEST) if number > 0 else b""
        return found.hex() if found else None

    def ends_at(self, writer: int, seq: int) -> bool:
        """Tell whether a seal ends at this number, or nothing comes before it."""
        bound = next(self.bounds(writer, seq - 1), None)
        return seq == 0 or (bound is not None and bound.seq == seq)

    def bounds(self, writer: int, behind: int) -> Iterator[Bound]:
        """Yield the ends behind a number, in their order."""
        path = self._file(writer)
        if not path.exists():
            return
        with path.open("rb") as file:

            def seq_at(position: int) -> int:
                file.seek(position * _RECORD + 8)
                return int.from_bytes(file.read(8), "big")

            count = path.stat().st_size // _RECORD
            file.seek(bisect_right(range(count), behind, key=seq_at) * _RECORD)
            while record := file.read(_RECORD):
                yield Bound(
                    int.from_bytes(record[:8], "big"),
                    int.from_bytes(record[8:16], "big"),
                    record[16:48].hex(),
                    record[48:].hex(),
                )

    def _file(self, writer: int) -> Path:
        return self._directory / f"w{writer}"


def _record(number: int, head: Head) -> bytes | None:
    try:
        record = number.to_bytes(8, "big") + head.seq.to_bytes(8, "big")
        record += bytes.fromhex(head.hash) + bytes.fromhex(head.root or "")
    except (ValueError, OverflowError):
        return None
    return record if len(record) == _RECORD else None


@dataclass(slots=True)
class Done:
    """What checking a run found, to be joined with the others."""

    report: Report
    first_ts: int = 0
    first_epoch: int = 0
    mark: Mark = field(default_factory=Mark)
    sums: dict[str, Sums] = field(default_factory=dict)
    reversals: list[Document] = field(default_factory=list)


@cache
def schemas() -> Schemas:
    """Return the schemas, compiled once for all runs of a process."""
    return Schemas()


def check_run(path: Path, index: Path, segments: list[Segment]) -> Done:
    """Check consecutive segments of one writer, the first of which begins behind a seal."""
    first, last = segments[0], segments[-1]
    done = Done(Report("The bundle is right", "The bundle is not right"))
    seals = SealIndex(index)
    mark = Mark(first.first_seq - 1, first.first_prev)
    chain = ChainCheck(first.writer, done.report, mark, sealed_to=last.last_seq)
    run = _Run(done, chain, seals, Totals(done.report, done.sums), schemas())
    bundle = Bundle(path)
    for segment in segments:
        run.check(bundle, segment)
    chain.end()
    done.mark = chain.mark
    return done


class _Run:
    """Checks the events of one run."""

    def __init__(
        self, done: Done, chain: ChainCheck, seals: SealIndex, totals: Totals, schemas: Schemas
    ) -> None:
        self._done = done
        self._chain = chain
        self._seals = seals
        self._totals = totals
        self._events = EventCheck(done.report, schemas)
        self._bounds = seals.bounds(chain.writer, chain.mark.seq)
        self._next: Bound | None = next(self._bounds, None)

    def check(self, bundle: Bundle, segment: Segment) -> None:
        """Check one file: its fingerprint, then each of its events."""
        report, read = self._done.report, 0
        try:
            for number, event in bundle.documents(segment.file):
                read += 1
                if is_event(event):
                    self._see(event)
                else:
                    report.add("event invalid", f"{segment.file}, line {number}", "is no event")
            if bundle.fingerprint(segment.file) != (segment.sha256, segment.bytes):
                report.add("file changed", segment.file, CHANGED)
        except BrokenBundle as error:
            report.add("file damaged", error.file, error.why)
        mark = self._chain.mark
        if (read, mark.seq, mark.hash) != (segment.events, segment.last_seq, segment.last_hash):
            message = f"it does not hold numbers {segment.first_seq} to {segment.last_seq}"
            report.add("file changed", segment.file, message)

    def _see(self, event: Document) -> None:
        done, chain = self._done, self._chain
        if not done.first_ts:
            done.first_ts, done.first_epoch = event["ts"], event["epoch"]
            chain.mark.ts, chain.mark.epoch = event["ts"] - 1, event["epoch"]
        done.report.events += 1
        while self._next is not None and (not chain.bounds or chain.bounds[-1].seq < event["seq"]):
            chain.bounds.append(self._next)
            self._next = next(self._bounds, None)
        if event["writer"] != chain.writer:
            message = f"it is in a file of writer {chain.writer}"
            done.report.add("event inserted", event["_id"], message)
        chain.check(event)
        self._events.check(event)
        self._totals.fold(event)
        if event["type"] in REVERSALS:
            done.reversals.append(event)
        elif event["type"] == TYPE and event["v"] > 1:
            self._check_seal(event)

    def _check_seal(self, event: Document) -> None:
        number = event["body"].get("number")
        known = self._seals.digest(number) if isinstance(number, int) else None
        if known != digest_of(event["body"]):
            message = "it is not the one among the seals of the bundle"
            self._done.report.add("seal changed", event["_id"], message)


def wanted_ids(path: Path, segment: Segment, ids: set[str]) -> list[Document]:
    """Return the events of a segment with one of these ids. Raises LedgerError on damage."""
    found, bundle = [], Bundle(path)
    begins = tuple({f'{{"_id":"{each.partition(":")[0]}:'.encode() for each in ids})
    for number, line in bundle.lines(segment.file):
        if not line.startswith(begins) and b"\\" not in line[:400]:
            continue
        name = line[8 : line.find(b'"', 8)]
        if b"\\" in name or name.decode(errors="replace") in ids:
            event = _parsed(line)
            if event is None:
                raise LedgerError(f"{segment.file}, line {number}: is no JSON object")
            if event.get("_id") in ids:
                found.append(event)
    return found


def _parsed(line: bytes) -> Document | None:
    try:
        document = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    return document if isinstance(document, dict) else None
