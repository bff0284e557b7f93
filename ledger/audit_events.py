"""The part of an audit that reads events, each of them once.

Owns the document `audit` in `positions`: how far each writer's events were read, the hash there,
and what they added up to for all users. Promises that its sums speak of exactly the events up to
those numbers, so that they can be compared with the accounts at any moment. Refuses to go on from
a memory that events were archived away in front of; it begins again from the carried sums.
"""

from collections.abc import Callable, Mapping
from contextlib import aclosing
from typing import Any, Protocol

from ledger.accounts import Sums, effects
from ledger.archived import Archives, merge
from ledger.chains import chain
from ledger.errors import InvalidEvent
from ledger.events import GENESIS, Document
from ledger.quote import unpriced_tools
from ledger.scan import last_event
from ledger.store import Store

MEMORY = "audit"
PAGE = 250
LATE_US = 60 * 1_000_000
UNPRICED_US = 24 * 3_600 * 1_000_000

Show = Callable[[int, list[Document]], None]


class Findings(Protocol):
    """Where findings and counts go."""

    at_us: int
    events: int
    behind: int
    waiting: int
    writers: int

    def add(self, kind: str, subject: str, message: str, level: str = ...) -> None:
        """Note a finding."""


class EventScan:
    """The events that were not read by an earlier audit."""

    def __init__(
        self,
        store: Store,
        archives: Archives,
        positions: Mapping[int, int],
        result: Findings,
        memory: Document,
        show: Show | None = None,
    ) -> None:
        self._store = store
        self._show = show
        self._archives = archives
        self._positions = positions
        self._result = result
        self._rev = int(memory.get("rev", 0))
        self._writers: dict[str, Document] = dict(memory.get("writers", {}))
        self._columns = {k: int(v) for k, v in memory.get("columns", {}).items()}
        self._unpriced = {
            (str(seen["model"]), str(seen.get("tool", ""))): seen
            for seen in memory.get("unpriced", ())
        }
        self._above: dict[str, int] = {}
        self._late: dict[str, tuple[int, str]] = {}
        self.last_seq: dict[int, int] = {}
        self.complete = True
        self.oldest_us = int(memory.get("oldest_us", 0))
        self.newest_us = max((int(w["ts"]) for w in self._writers.values()), default=0)

    @classmethod
    async def resume(
        cls,
        store: Store,
        archives: Archives,
        positions: Mapping[int, int],
        result: Findings,
        show: Show | None = None,
    ) -> "EventScan":
        """Go on where the last audit stopped, or begin again; `show` gets what is read."""
        memory = await store.find_one("positions", {"_id": MEMORY}) or {}
        if memory and not _reached(memory, archives):
            memory = {"rev": memory["rev"]}
        if "writers" not in memory:
            memory["columns"] = await _carried(store, archives)
        return cls(store, archives, positions, result, memory, show)

    async def read(
        self, writers: set[int], applied: Mapping[str, Mapping[str, int]], budget: int
    ) -> None:
        """Read what is new of these writers, at most `budget` events in all.

        `applied` holds the marks of the accounts that are ahead of the watermarks.
        """
        for writer in sorted(writers | {int(w) for w in self._writers}):
            self._result.writers += 1
            budget -= await self._read_one(writer, applied, budget)
        self._tell_late()
        self._tell_unpriced()

    async def _read_one(
        self, writer: int, applied: Mapping[str, Mapping[str, int]], budget: int
    ) -> int:
        start = self._writers.get(str(writer)) or _beginning()
        at, read, where = dict(start), 0, f"writer {writer}"
        watermark = self._positions.get(writer, 0)
        pages = chain(self._store, writer, int(at["seq"]), page_size=PAGE)
        async with aclosing(pages):
            async for page in pages:
                if read + len(page) > budget:
                    last = await last_event(self._store, writer)
                    self._result.behind += int(last["seq"]) - int(at["seq"]) if last else 0
                    self.complete = False
                    break
                if self._show is not None:
                    self._show(writer, page)
                for event in page:
                    try:
                        self._check_link(writer, at, event)
                        at = {key: event[key] for key in ("seq", "hash", "ts", "epoch")}
                    except (KeyError, TypeError) as error:
                        said = f"number {event['seq']} of {where} is no event: {error!r}"
                        self._result.add("event invalid", str(event["_id"]), said)
                        continue
                    if event["seq"] <= watermark:
                        self._fold(event)
                        start = at
                    else:
                        self._fold_above(event, applied)
                read += len(page)
            else:
                self.last_seq[writer] = int(at["seq"])
        self._writers[str(writer)] = start
        self._result.events += read
        self.newest_us = max(self.newest_us, int(at["ts"]))
        return read

    def _check_link(self, writer: int, at: Document, event: Document) -> None:
        add, where, seq = self._result.add, f"writer {writer}", int(event["seq"])
        if not self.oldest_us or event["ts"] < self.oldest_us:
            self.oldest_us = int(event["ts"])
        expected = int(at["seq"]) + 1
        if seq != expected:
            if not self._archives.explain(writer, expected, seq - 1):
                add("event missing", where, f"no event has number {expected} to {seq - 1}")
        elif event["prev"] != at["hash"]:
            add("chain broken", str(event["_id"]), f"number {seq} of {where} follows another event")
        if event["ts"] <= at["ts"] or event["epoch"] < at["epoch"]:
            add("order changed", str(event["_id"]), "is recorded as earlier than the one before it")

    def _fold(self, event: Document) -> None:
        """Remember what an event gave to users. It is in all accounts already."""
        if self._archives.carry(event):
            return
        for effect in self._effects(event):
            if effect.account.startswith("user:"):
                _add(self._columns, effect.columns)
        if event["type"] == "usage.charged":
            self._note_unpriced(event)

    def _note_unpriced(self, event: Document) -> None:
        """Remember a model, or a tool of a model, that was used and had no price."""
        body = event["body"]
        price, usage, model = body["price"], body["usage"], str(body["model"])
        tools = [""] if price.get("unpriced") and usage else unpriced_tools(price, usage)
        for tool in tools:
            known = {"model": model, "tool": tool, "events": 0, "ts": 0}
            seen = self._unpriced.setdefault((model, tool), known)
            seen["events"] += 1
            seen["ts"] = int(event["ts"])

    def _fold_above(self, event: Document, applied: Mapping[str, Mapping[str, int]]) -> None:
        """Take an event above the watermark for those accounts that have it already."""
        writer, seq = str(event["writer"]), int(event["seq"])
        for effect in self._effects(event):
            if seq <= applied.get(effect.account, {}).get(writer, 0):
                if effect.account.startswith("user:"):
                    _add(self._above, effect.columns)
                continue
            self._result.waiting += 1
            if event["ts"] + LATE_US < self._result.at_us and writer not in self._late:
                self._late[writer] = (seq, effect.account)

    def _effects(self, event: Document) -> list[Any]:
        try:
            return effects(event)
        except (InvalidEvent, KeyError, TypeError, IndexError) as error:
            self._result.add("event invalid", str(event["_id"]), f"has no effect: {error!r}")
            return []

    def sums(self) -> dict[str, int]:
        """Return what users must have by now, by column: below the watermarks and above them."""
        total = dict(self._columns)
        _add(total, self._above)
        return {column: amount for column, amount in total.items() if amount}

    def _tell_late(self) -> None:
        for writer, (seq, account) in self._late.items():
            self._result.add(
                "projection behind",
                f"writer {writer}",
                f"event {seq} is older than a minute and not in {account} yet",
            )

    def _tell_unpriced(self) -> None:
        """Usage that nobody had a price for, in the last day."""
        since = self._result.at_us - UNPRICED_US
        self._unpriced = {m: s for m, s in self._unpriced.items() if s["ts"] >= since}
        for (model, tool), seen in sorted(self._unpriced.items()):
            what = f"the {tool.replace('_', ' ')} of {{}} requests" if tool else "{} requests"
            message = f"{what.format(seen['events'])} were free for want of a price"
            self._result.add("usage unpriced", f"model {model}", message, "notice")

    async def remember(self) -> None:
        """Write down how far events were read, unless another audit did so meanwhile."""
        memory = {
            "seq": 0,  # a watermark like the others, for whoever reads them all
            "writers": self._writers,
            # As text: what all users have together may be more than 64 bits hold.
            "columns": {column: str(amount) for column, amount in self._columns.items()},
            "unpriced": list(self._unpriced.values()),
            "oldest_us": self.oldest_us,
        }
        guard: Document = {"_id": MEMORY, "rev": self._rev or {"$exists": False}}
        change = {"$set": memory, "$inc": {"rev": 1}}
        await self._store.bulk_update("positions", [(guard, change, not self._rev)])


def _beginning() -> Document:
    return {"seq": 0, "hash": GENESIS, "ts": 0, "epoch": 0}


def _reached(memory: Document, archives: Archives) -> bool:
    """Tell whether everything that was archived had been read before."""
    writers = memory.get("writers", {})
    return all(
        int(writers.get(str(r.writer), {"seq": 0})["seq"]) >= r.last_seq for r in archives.ranges
    )


async def _carried(store: Store, archives: Archives) -> dict[str, int]:
    total = Sums()
    async for account, sums in archives.sums(store):
        if account.startswith("user:"):
            merge(total, sums)
    return total.columns


def _add(into: dict[str, int], columns: Mapping[str, int]) -> None:
    for column, amount in columns.items():
        into[column] = into.get(column, 0) + amount
