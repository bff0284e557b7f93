"""What the next archive would hold.

Owns the choice of ranges: of each writer, the numbers that are in no archive yet, recorded before
a time, and bound by a seal. Promises that a plan, once made, says exactly which events are meant:
ranges carry the hashes at both ends. Refuses books in which such an event is missing.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass

from ledger import seals
from ledger.archive_files import hash_before
from ledger.archived import PRUNED_TYPES, RESTORED
from ledger.errors import LedgerError
from ledger.events import Document
from ledger.store import Store

MAX_EVENTS = 2_000_000


@dataclass(frozen=True, slots=True)
class Run:
    """A run of one writer's numbers, between two hashes."""

    writer: int
    first_seq: int
    first_prev: str
    last_seq: int
    last_hash: str

    def to_json(self) -> Document:
        """Return the run as a JSON object."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Plan:
    """The ranges of one archive. `pruned` says how many events would leave the database."""

    number: int
    before_us: int
    seal: int
    runs: tuple[Run, ...]
    pruned: int

    @property
    def events(self) -> int:
        """How many events are in the ranges."""
        return sum(run.last_seq - run.first_seq + 1 for run in self.runs)

    @property
    def lines(self) -> list[str]:
        """The plan in words."""
        return [
            f"archive {self.number} would hold {self.events} events up to seal {self.seal},"
            f" {self.pruned} of which could leave the database",
            *(f"writer {r.writer}: numbers {r.first_seq} to {r.last_seq}" for r in self.runs),
        ]

    def to_json(self) -> Document:
        """Return the plan as a document."""
        return {
            "_id": self.number,
            "before_us": self.before_us,
            "seal": self.seal,
            "runs": [run.to_json() for run in self.runs],
            "pruned": self.pruned,
        }

    @classmethod
    def from_json(cls, data: Document) -> "Plan":
        """Read what `to_json` wrote, also from the database."""
        runs = tuple(
            Run(
                int(run["writer"]),
                int(run["first_seq"]),
                run["first_prev"],
                int(run["last_seq"]),
                run["last_hash"],
            )
            for run in data["runs"]
        )
        numbers = int(data["_id"]), int(data["before_us"]), int(data["seal"])
        return cls(*numbers, runs, int(data["pruned"]))


async def make_plan(store: Store, before_us: int) -> Plan | None:
    """Return the next archive's ranges, or None when nothing would leave the database."""
    seal = await seals.latest(store)
    if seal is None:
        return None
    known = await store.find_list("archives", {}, projection={"state": 1, "runs": 1})
    taken: dict[int, list[tuple[int, int]]] = {}
    for document in known:
        for run in document["runs"] if document["state"] != RESTORED else ():
            ends = int(run["first_seq"]), int(run["last_seq"])
            taken.setdefault(int(run["writer"]), []).append(ends)
    sealed = {writer: head.seq for writer, head in seal.heads.items()}
    runs, pruned = await _runs(store, sealed, taken, before_us)
    if not pruned:
        return None
    number = 1 + max((int(document["_id"]) for document in known), default=0)
    return Plan(number, before_us, seal.number, tuple(runs), pruned)


async def _runs(
    store: Store,
    sealed: Mapping[int, int],
    taken: Mapping[int, list[tuple[int, int]]],
    before_us: int,
) -> tuple[list[Run], int]:
    runs: list[Run] = []
    room, pruned = MAX_EVENTS, 0
    for writer, to_seq in sorted(sealed.items()):
        for first, last in gaps(taken.get(writer, []), to_seq):
            last = await _last_before(store, writer, first, min(last, first + room - 1), before_us)
            leaving = await _leaving(store, writer, first, last) if last > first else 0
            if leaving:
                runs.append(await _run(store, writer, first, last))
                room -= last - first + 1
                pruned += leaving
    return runs, pruned


def gaps(taken: list[tuple[int, int]], to_seq: int) -> list[tuple[int, int]]:
    """Return the runs of numbers from 1 to `to_seq` that none of the given runs holds."""
    found, following = [], 1
    for first, last in sorted(taken):
        if first > following:
            found.append((following, min(first - 1, to_seq)))
        following = max(following, last + 1)
    found.append((following, to_seq))
    return [(first, last) for first, last in found if first <= last]


async def _last_before(store: Store, writer: int, first: int, last: int, before_us: int) -> int:
    """Return the highest number from `first` to `last` recorded before a time, or first - 1."""
    low, high = first - 1, last
    while low < high:
        middle = (low + high + 1) // 2
        if (await _event(store, writer, middle))["ts"] < before_us:
            low = middle
        else:
            high = middle - 1
    return low


async def _leaving(store: Store, writer: int, first: int, last: int) -> int:
    count = 0
    for kind in PRUNED_TYPES:
        wanted = {"writer": writer, "seq": {"$gte": first, "$lt": last}, "type": kind}
        count += await store.count("events", wanted)
    return count


async def _run(store: Store, writer: int, first: int, last: int) -> Run:
    before = await store.find_one("events", {"writer": writer, "seq": first - 1})
    end = await _event(store, writer, last)
    return Run(writer, first, hash_before(first, before), last, end["hash"])


async def _event(store: Store, writer: int, seq: int) -> Document:
    event = await store.find_one("events", {"writer": writer, "seq": seq})
    if event is None:
        raise LedgerError(f"number {seq} of writer {writer} is missing; run verify")
    return event
