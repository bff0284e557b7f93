"""Archived: what became of events that are no longer in the database.

Owns the reading side of archives: which numbers of which writer are in files, what they
contributed to each account, and under which number an archived event can be found. Promises that
an event is either in the database or in the carried sums, never in both: which of the two is
decided by the state of its archive, one field of one document. Refuses a manifest that is not the
one whose digest was recorded as an event.

Collections, all written by ledger/archive.py:

    archives      {_id: number, state, before_us, id_digits, manifest, digest}
    carried       {_id: "<number>:<account>", columns, consumed_by, applied}
    archived_ids  {_id: "<number>:<bucket>", ids: sorted records of `ID_BYTES`}
"""

import hashlib
from bisect import bisect_left, bisect_right
from collections.abc import AsyncGenerator, Iterable
from dataclasses import dataclass, field

import orjson

from ledger.accounts import Sums
from ledger.errors import LedgerError
from ledger.events import Document
from ledger.store import Store

# Only these leave the database. Every other type stays: its id must be refused for ever, and
# prices, seals and epochs are read all the time.
PRUNED_TYPES = frozenset({"usage.charged", "audit.recorded"})

WRITING, WRITTEN, PRUNING, PRUNED = "writing", "written", "pruning", "pruned"
RESTORING, RESTORED = "restoring", "restored"
# From the first deletion until the last event is back, the carried sums stand for the events.
CARRIED_STATES = frozenset({PRUNING, PRUNED, RESTORING})

HASH_BYTES = 16
ID_BYTES = HASH_BYTES + 2 + 6


class ArchiveChanged(LedgerError):
    """Events went to an archive or came back while they were being read; try again."""

    code = "archive_changed"


@dataclass(frozen=True, slots=True)
class Range:
    """A run of one writer's numbers that is in an archive.

    Of these, the events of PRUNED_TYPES are gone from the database, `pruned` in all; the last
    number always stays, so that the writer goes on counting from there.
    """

    archive: int
    writer: int
    first_seq: int
    first_prev: str
    last_seq: int
    last_hash: str
    pruned: int


@dataclass(slots=True)
class Archives:
    """The archives whose events are carried as sums, as they were when they were loaded."""

    stamp: tuple[tuple[int, str], ...] = ()
    by_writer: dict[int, list[Range]] = field(default_factory=dict)
    id_digits: dict[int, int] = field(default_factory=dict)

    @classmethod
    async def load(cls, store: Store) -> "Archives":
        """Read which archives there are."""
        fields = {"state": 1, "digest": 1, "id_digits": 1, "manifest.ranges": 1}
        archives, stamp = cls(), []
        documents = await store.find_list("archives", {}, projection=fields)
        for document in sorted(documents, key=lambda d: int(d["_id"])):
            if document["state"] not in CARRIED_STATES:
                continue
            number = int(document["_id"])
            stamp.append((number, str(document["digest"])))
            archives.id_digits[number] = int(document["id_digits"])
            for found in ranges_of(number, document["manifest"]):
                archives.by_writer.setdefault(found.writer, []).append(found)
        for ranges in archives.by_writer.values():
            ranges.sort(key=lambda r: r.first_seq)
        archives.stamp = tuple(stamp)
        return archives

    @property
    def numbers(self) -> list[int]:
        """The numbers of the archives, oldest first."""
        return [number for number, _ in self.stamp]

    @property
    def ranges(self) -> list[Range]:
        """All ranges, by writer and number."""
        return [r for writer in sorted(self.by_writer) for r in self.by_writer[writer]]

    @property
    def pruned(self) -> int:
        """How many events are gone from the database."""
        return sum(r.pruned for r in self.ranges)

    def at(self, writer: int, seq: int) -> Range | None:
        """Return the range that a number lies in."""
        ranges = self.by_writer.get(writer)
        if not ranges:
            return None
        position = bisect_right(ranges, seq, key=lambda r: r.first_seq) - 1
        return ranges[position] if position >= 0 and seq <= ranges[position].last_seq else None

    def explain(self, writer: int, first_seq: int, last_seq: int) -> bool:
        """Tell whether all numbers from `first_seq` to `last_seq` may be gone."""
        while first_seq <= last_seq:
            found = self.at(writer, first_seq)
            if found is None or first_seq == found.last_seq:
                return False  # the last number of a range stays
            if last_seq < found.last_seq:
                return True
            first_seq = found.last_seq
        return True

    def carry(self, event: Document) -> bool:
        """Tell whether the carried sums stand for an event, even if it is (still) there."""
        if event["type"] not in PRUNED_TYPES:
            return False
        found = self.at(int(event["writer"]), int(event["seq"]))
        return found is not None and event["seq"] != found.last_seq

    async def still(self, store: Store) -> bool:
        """Tell whether nothing was pruned or restored since this was loaded."""
        return (await Archives.load(store)).stamp == self.stamp

    async def sums(self, store: Store) -> AsyncGenerator[tuple[str, Sums], None]:
        """Yield (account, what archived events contributed to it), once per archive."""
        for number in self.numbers:
            async for document in store.find("carried", _of(number)):
                yield account_of(document), sums_of(document)

    async def sums_by_account(self, store: Store, accounts: Iterable[str]) -> dict[str, Sums]:
        """Return what archived events contributed to these accounts, all archives together."""
        totals: dict[str, Sums] = {account: Sums() for account in accounts}
        wanted = [f"{number}:{account}" for number in self.numbers for account in totals]
        for document in await store.find_ids("carried", wanted):
            merge(totals[account_of(document)], sums_of(document))
        return totals

    async def find(self, store: Store, event_id: str) -> tuple[int, int] | None:
        """Return (writer, number) of an event that is in an archive, or None. One query."""
        if not self.numbers:
            return None
        key = id_hash(event_id)
        wanted = [bucket_id(number, key, self.id_digits[number]) for number in self.numbers]
        for document in await store.find_ids("archived_ids", wanted):
            place = _search(bytes(document["ids"]), key)
            if place is not None:
                return place
        return None

    async def faults(self, store: Store) -> list[tuple[str, str]]:
        """Return (archive, what is wrong) for each archive that is not as it was recorded."""
        found: list[tuple[str, str]] = []
        for number in self.numbers:
            document = await store.find_one("archives", {"_id": number})
            event = await store.find_one("events", {"_id": archive_event_id(number)})
            recorded = event["body"]["digest"] if event is not None else None
            if document is None or digest(manifest_bytes(document["manifest"])) != recorded:
                found.append((f"archive {number}", "its manifest is not the one recorded"))
            elif await sums_digest(store, number) != document["manifest"]["sums"]["sha256"]:
                found.append((f"archive {number}", "the sums it carries were changed"))
        for run in self.ranges:
            stay = run.last_seq - run.first_seq + 1 - run.pruned
            there = await _staying(store, run)
            if there != stay:
                message = f"of writer {run.writer} it leaves {stay} events here, there are {there}"
                found.append((f"archive {run.archive}", message))
        return found


async def _staying(store: Store, run: Range) -> int:
    """Count the events of a range that no archive takes away."""
    wanted = {"writer": run.writer, "seq": {"$gte": run.first_seq, "$lte": run.last_seq}}
    leaving = {"writer": run.writer, "seq": {"$gte": run.first_seq, "$lt": run.last_seq}}
    count = await store.count("events", wanted)
    for kind in PRUNED_TYPES:
        count -= await store.count("events", {**leaving, "type": kind})
    return count


async def archived_at(store: Store, event_id: str) -> tuple[int, int] | None:
    """Return (writer, number) if an event with this id is in an archive and not in the database.

    For whoever records an event that may be old: `events` itself no longer refuses these ids.
    """
    return await (await Archives.load(store)).find(store, event_id)


def ranges_of(number: int, manifest: Document) -> list[Range]:
    """Read the ranges of a manifest."""
    return [
        Range(
            number,
            int(r["writer"]),
            int(r["first_seq"]),
            r["first_prev"],
            int(r["last_seq"]),
            r["last_hash"],
            int(r["pruned"]),
        )
        for r in manifest["ranges"]
    ]


def archive_event_id(number: int) -> str:
    """Name the event that records an archive."""
    return f"archive:{number}"


def manifest_bytes(manifest: Document) -> bytes:
    """Return the exact bytes of a manifest, which its digest covers."""
    return orjson.dumps(manifest, option=orjson.OPT_SORT_KEYS)


def digest(data: bytes) -> str:
    """Return SHA-256 as hex text."""
    return hashlib.sha256(data).hexdigest()


def sums_line(account: str, sums: Sums) -> bytes:
    """Return what an account's archived events add up to, as one line of the sums file."""
    document = {
        "account": account,
        "columns": sums.columns,
        "consumed_by": sums.consumed_by,
        "applied": sums.applied,
    }
    return orjson.dumps(document, option=orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE)


async def sums_digest(store: Store, number: int) -> str:
    """Return the digest of the carried sums in the database, to compare with the manifest's."""
    hashed = hashlib.sha256()
    async for document in store.find("carried", _of(number), sort=[("_id", 1)]):
        hashed.update(sums_line(account_of(document), sums_of(document)))
    return hashed.hexdigest()


def account_of(document: Document) -> str:
    """Return the account of a document of carried sums."""
    return str(document["_id"]).partition(":")[2]


def sums_of(document: Document) -> Sums:
    """Read the sums of a document."""
    return Sums(
        columns=_numbers(document["columns"]),
        consumed_by=_numbers(document["consumed_by"]),
        applied=_numbers(document["applied"]),
    )


def _numbers(values: Document) -> dict[str, int]:
    return {name: int(value) for name, value in values.items()}


def merge(into: Sums, other: Sums) -> None:
    """Add sums of other events of the same account."""
    for mine, theirs in ((into.columns, other.columns), (into.consumed_by, other.consumed_by)):
        for name, amount in theirs.items():
            mine[name] = mine.get(name, 0) + amount
    for writer, seq in other.applied.items():
        into.applied[writer] = max(into.applied.get(writer, 0), seq)


def _of(number: int) -> Document:
    return {"_id": {"$gte": f"{number}:", "$lt": f"{number};"}}


def id_hash(event_id: str) -> bytes:
    """Return what stands for an event id in the table of archived ids."""
    return hashlib.sha256(event_id.encode()).digest()[:HASH_BYTES]


def id_record(event: Document) -> bytes:
    """Return an event's record in the table of archived ids."""
    place = int(event["writer"]).to_bytes(2, "big") + int(event["seq"]).to_bytes(6, "big")
    return id_hash(event["_id"]) + place


def bucket_id(number: int, key: bytes, digits: int) -> str:
    """Name the document that holds the records of an archive whose ids begin like `key`."""
    return f"{number}:{key.hex()[:digits]}"


def _search(records: bytes, key: bytes) -> tuple[int, int] | None:
    def hash_at(index: int) -> bytes:
        return records[index * ID_BYTES : index * ID_BYTES + HASH_BYTES]

    at = bisect_left(range(len(records) // ID_BYTES), key, key=hash_at)
    if hash_at(at) != key:
        return None
    place = records[at * ID_BYTES + HASH_BYTES : (at + 1) * ID_BYTES]
    return int.from_bytes(place[:2], "big"), int.from_bytes(place[2:], "big")
