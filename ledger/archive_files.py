"""The files of an archive: their names, their manifest, and whether they are whole.

Owns the directory `archive-<number>`: segments (ledger/segments.py), `accounts.jsonl.gz` with the
sums that are carried forward, a line per account, and `manifest.json`, whose exact bytes the
recorded digest covers. Promises that a manifest which `load` returns is well-formed and that files
which `check` has passed are, event by event, what the manifest says. Refuses files that are
damaged, too many or too few, naming the first.
"""

import gzip
import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

import orjson

from ledger.accounts import Sums, effects
from ledger.archived import (
    ID_BYTES,
    PRUNED_TYPES,
    Range,
    id_record,
    manifest_bytes,
    ranges_of,
    sums_line,
    sums_of,
)
from ledger.errors import LedgerError
from ledger.events import GENESIS, Document
from ledger.segments import (
    SUFFIX,
    BrokenSegment,
    Segment,
    checked,
    fingerprint,
    read_lines,
    sync_directory,
)

FORMAT = "tollgate-archive/1"
MANIFEST = "manifest.json"
ACCOUNTS = f"accounts{SUFFIX}"
RECORDS_A_BUCKET = 4_096

See = Callable[[Document], None]


class BrokenArchive(LedgerError):
    """An archive's files are not what its manifest says; the message names the first fault."""

    code = "broken_archive"


def directory_name(number: int) -> str:
    """Name the directory of an archive."""
    return f"archive-{number:06}"


def segment_name(writer: int, first_seq: int, last_seq: int) -> str:
    """Name a segment file so that names sort like what they hold."""
    return f"w{writer:04}-{first_seq:012}-{last_seq:012}{SUFFIX}"


def is_pruned(event: Document, last_seq: int) -> bool:
    """Tell whether an event of a range that ends at `last_seq` leaves the database."""
    return event["type"] in PRUNED_TYPES and event["seq"] != last_seq


@dataclass(slots=True)
class Contents:
    """What the events that leave the database add up to."""

    sums: dict[str, Sums] = field(default_factory=dict)
    totals: dict[str, list[int]] = field(default_factory=dict)
    pruned: dict[int, int] = field(default_factory=dict)
    ids: dict[str, bytearray] = field(default_factory=dict)

    def add(self, event: Document) -> None:
        """Count an event that leaves."""
        writer = int(event["writer"])
        self.pruned[writer] = self.pruned.get(writer, 0) + 1
        total = self.totals.setdefault(event["type"], [0, 0])
        total[0] += 1
        total[1] += int(event["amount"])
        for effect in effects(event):
            account = self.sums.get(effect.account)
            if account is None:
                account = self.sums[effect.account] = Sums()
            account.add(effect, str(writer), int(event["seq"]))
        record = id_record(event)
        self.ids.setdefault(record[:2].hex(), bytearray()).extend(record)

    @property
    def id_digits(self) -> int:
        """How many hexadecimal digits of an id's hash choose its bucket."""
        digits, count = 1, sum(self.pruned.values())
        while count > RECORDS_A_BUCKET << (4 * digits) and digits < 4:
            digits += 1
        return digits

    def buckets(self) -> Iterator[tuple[str, bytes]]:
        """Yield (beginning of the hashes, sorted records), for the table of archived ids."""
        digits = self.id_digits
        for name, beginnings in groupby(sorted(self.ids), key=lambda b: b[:digits]):
            data = b"".join(self.ids[beginning] for beginning in beginnings)
            records = [data[at : at + ID_BYTES] for at in range(0, len(data), ID_BYTES)]
            yield name, b"".join(sorted(records))


def sums_lines(sums: dict[str, Sums]) -> Iterator[bytes]:
    """Yield the lines of the file of carried sums."""
    for account in sorted(sums):
        yield sums_line(account, sums[account])


def write_sums(directory: Path, sums: dict[str, Sums]) -> Document:
    """Write the file of carried sums and return its entry in the manifest."""
    hashed = hashlib.sha256()

    def lines() -> Iterator[bytes]:
        for line in sums_lines(sums):
            hashed.update(line)
            yield line

    _write(directory / ACCOUNTS, lines(), compressed=True)
    return {"file": ACCOUNTS, "accounts": len(sums), "sha256": hashed.hexdigest()}


def write_manifest(directory: Path, manifest: Document) -> bytes:
    """Write the manifest; from then on the archive's files are complete. Returns its bytes."""
    data = manifest_bytes(manifest)
    _write(directory / MANIFEST, [data], compressed=False)
    return data


def _write(path: Path, parts: Iterable[bytes], *, compressed: bool) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with temporary.open("wb") as file:
            if compressed:
                with gzip.GzipFile("", "wb", 6, file, 0) as packed:
                    for part in parts:
                        packed.write(part)
            else:
                for part in parts:
                    file.write(part)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    sync_directory(path.parent)


def load(directory: Path) -> tuple[Document, bytes]:
    """Read a manifest and its bytes. Raises BrokenArchive."""
    path = directory / MANIFEST
    try:
        data = path.read_bytes()
        manifest = orjson.loads(data)
    except OSError as error:
        raise BrokenArchive(f"{path} can't be read: {error.strerror or error}") from None
    except orjson.JSONDecodeError as error:
        raise BrokenArchive(f"{path} is not JSON: {error}") from None
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise BrokenArchive(f"{path} is not the manifest of an archive ({FORMAT})")
    if manifest_bytes(manifest) != data:
        raise BrokenArchive(f"{path} is not in canonical form")
    return manifest, data


def segments_of(manifest: Document) -> list[Segment]:
    """Return the segments of a manifest, by writer and number."""
    return [Segment.from_json(data) for data in manifest["segments"]]


def check(directory: Path, manifest: Document, *, see: See | None = None) -> Contents:
    """Read all files of an archive and return what they hold.

    Every event is hashed and linked to the one before; the sums are computed anew and compared
    with those in the manifest and in the file of sums. `see` is shown every event. Raises
    BrokenSegment or BrokenArchive at the first fault.
    """
    contents = read_segments(directory, manifest, see)
    where = directory / MANIFEST
    totals = {kind: list(total) for kind, total in manifest["totals"].items()}
    pruned: dict[int, int] = {}
    for run in ranges_of(0, manifest):
        pruned[run.writer] = pruned.get(run.writer, 0) + run.pruned
    if contents.totals != totals or contents.pruned != {w: n for w, n in pruned.items() if n}:
        raise BrokenArchive(f"{where}: its events do not add up to its totals")
    hashed = hashlib.sha256()
    for line in sums_lines(contents.sums):
        hashed.update(line)
    if hashed.hexdigest() != manifest["sums"]["sha256"]:
        raise BrokenArchive(f"{where}: its events do not add up to the sums that it carries")
    if read_sums(directory, manifest) != contents.sums:
        raise BrokenArchive(f"{directory / ACCOUNTS}: is not what the events add up to")
    return contents


def read_sums(directory: Path, manifest: Document) -> dict[str, Sums]:
    """Read the file of carried sums. Raises BrokenSegment or BrokenArchive."""
    path, hashed = directory / manifest["sums"]["file"], hashlib.sha256()
    sums: dict[str, Sums] = {}
    for _, line in read_lines(path):
        hashed.update(line)
        document = orjson.loads(line)
        sums[document["account"]] = sums_of(document)
    if hashed.hexdigest() != manifest["sums"]["sha256"]:
        raise BrokenArchive(f"{path}: its SHA-256 is not the one in the manifest")
    return sums


def read_segments(directory: Path, manifest: Document, see: See | None = None) -> Contents:
    """Read all segments of a manifest, check them event by event, and add them up."""
    contents = Contents()
    by_range = _by_range(manifest)
    for run, segments in by_range:
        expected_seq, expected_prev = run.first_seq, run.first_prev

        def count(event: Document, last_seq: int = run.last_seq) -> None:
            if is_pruned(event, last_seq):
                contents.add(event)
            if see is not None:
                see(event)

        for segment in segments:
            path = directory / segment.file
            if (segment.first_seq, segment.first_prev) != (expected_seq, expected_prev):
                raise BrokenSegment(path, 0, "does not follow the segment before it")
            checked(path, segment, count)
            expected_seq, expected_prev = segment.last_seq + 1, segment.last_hash
        if (expected_seq - 1, expected_prev) != (run.last_seq, run.last_hash):
            raise BrokenArchive(
                f"{directory / MANIFEST}: the files of writer {run.writer} end at number"
                f" {expected_seq - 1}, not {run.last_seq}"
            )
    return contents


def _by_range(manifest: Document) -> list[tuple[Range, list[Segment]]]:
    segments = segments_of(manifest)
    grouped = []
    for run in ranges_of(0, manifest):
        inside = [
            segment
            for segment in segments
            if segment.writer == run.writer and run.first_seq <= segment.first_seq <= run.last_seq
        ]
        grouped.append((run, sorted(inside, key=lambda s: s.first_seq)))
    if sum(len(inside) for _, inside in grouped) != len(segments):
        raise BrokenArchive("a manifest names segments that are in none of its ranges")
    return grouped


def unchanged(path: Path, segment: Segment) -> None:
    """Raise BrokenSegment unless a file still has the bytes that its manifest names."""
    sha256, size = fingerprint(path)
    if (sha256, size) != (segment.sha256, segment.bytes):
        raise BrokenSegment(path, 0, f"its SHA-256 is {sha256}, not {segment.sha256}")


def hash_before(first_seq: int, before: Document | None) -> str:
    """Return what a range that begins at a number must link to, given the event before it."""
    if first_seq == 1:
        return GENESIS
    if before is None:
        raise LedgerError(f"event {first_seq - 1}, before the archive's first one, is missing")
    return str(before["hash"])
