"""The log of a system that this one was moved in from: history, which no balance is made from.

Owns the collection `old_log`. Its rows are no events: they were not written here, nothing seals
them, and they carry no money, so that totals, statements and `ledger verify` know nothing of them.

They are kept in pages of the rows with neighbouring ids, compressed; beside them stands how many
there are by owner, type, model, channel and key, so that sums and the place of a row are known
without reading the rows. A page is written whole: however often it is, each row is there once.
"""

import asyncio
import zlib
from collections.abc import Iterable, Sequence
from contextlib import aclosing
from dataclasses import asdict, astuple, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import orjson

from ledger.store import Store

COLLECTION = "old_log"
#: Ids to a page.
PAGE_IDS = 1_000
CONSUME = 2
#: The owner of rows whose user did not come along; only operators see them.
NOBODY = 0
_AT_ONCE = 100
_EITHER_SIDE = timedelta(days=1)  # a request id begins with the time where the server stood


@dataclass(frozen=True, slots=True)
class OldRow:
    """One row as it was there. `quota` is that system's, `elapsed_ms` is milliseconds."""

    id: int
    user_id: int
    created_s: int
    type: int
    content: str
    username: str
    key: str
    model: str
    quota: int
    prompt_tokens: int
    completion_tokens: int
    channel: int
    request_id: str
    elapsed_ms: int
    stream: bool


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which rows are asked for; what is None is not asked. `keyword` is one of a row's names.

    `user_id` with `username`: the user's rows, and those by this name of nobody here.
    """

    user_id: int | None = None
    username: str | None = None
    type: int | None = None
    model: str | None = None
    key: str | None = None
    channel: int | None = None
    from_s: int | None = None
    to_s: int | None = None
    keyword: str | None = None

    @property
    def anything(self) -> bool:
        """Whether all rows are wanted, but for their time."""
        asked = (self.user_id, self.type, self.model, self.key, self.channel, self.keyword)
        return all(each is None for each in asked)

    def of(self, row: "OldRow | Cell") -> bool:
        """Whether a row or a cell has all of it but the time and the keyword."""
        return (
            self._owner(row)
            and self.type in (None, row.type)
            and self.model in (None, row.model)
            and self.key in (None, row.key)
            and self.channel in (None, row.channel)
        )

    def in_time(self, created_s: int) -> bool:
        """Whether a time is within the one asked for; both ends belong to it."""
        after = self.from_s is None or created_s >= self.from_s
        return after and (self.to_s is None or created_s <= self.to_s)

    def named(self, row: "OldRow | Cell") -> bool:
        """Whether the keyword is a name that rows and cells have."""
        names = (row.model, row.key, row.username) if self.user_id is None else (row.model, row.key)
        return self.keyword is None or self.keyword in names

    def _owner(self, row: "OldRow | Cell") -> bool:
        if self.user_id is None or row.user_id == self.user_id:
            return True
        return self.username is not None and (row.user_id, row.username) == (NOBODY, self.username)


class Cell(NamedTuple):
    """How many rows of a page are alike, and their quota."""

    user_id: int
    username: str
    type: int
    model: str
    key: str
    channel: int
    rows: int
    quota: int


@dataclass(frozen=True, slots=True)
class Sums:
    """What of a page is wanted: how many rows, how many of them requests, and their quota.

    `whole`: the cells of the page say it; otherwise the rows must be looked at.
    """

    page: str
    to_s: int
    whole: bool
    count: int
    requests: int
    quota: int


def page_id(source: str, number: int) -> str:
    """Name a page: its numbers are in the order of the old ids."""
    return f"{source}:{number:015d}"


def packed(source: str, system: str, rows: Sequence[OldRow]) -> dict[str, Any]:
    """Make the document of a page from its rows, one at least, all with ids of one page."""
    cells: dict[tuple[Any, ...], list[int]] = {}
    for row in rows:
        alike = (row.user_id, row.username, row.type, row.model, row.key, row.channel)
        sums = cells.setdefault(alike, [0, 0])
        sums[0] += 1
        sums[1] += row.quota
    times = [row.created_s for row in rows]
    return {
        "_id": page_id(source, rows[0].id // PAGE_IDS),
        "source": source,
        "system": system,
        "count": len(rows),
        "requests": sum(row.type == CONSUME for row in rows),
        "quota": sum(row.quota for row in rows if row.type == CONSUME),
        "from_s": min(times),
        "to_s": max(times),
        "cells": _pressed([[*alike, *sums] for alike, sums in cells.items()]),
        "rows": _pressed([astuple(row) for row in rows]),
    }


def unpacked(document: dict[str, Any]) -> list[OldRow]:
    """Return the rows of a page's document, by id."""
    return [OldRow(*row) for row in _unpressed(document["rows"])]


async def count_of(store: Store, source: str) -> int:
    """Return how many rows of a source are here."""
    pages = store.find(COLLECTION, {"source": source}, projection={"count": 1})
    return sum([page["count"] async for page in pages])


class OldLog:
    """Reads the history, newest first."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def listed(
        self, wanted: Wanted, *, skip: int, limit: int
    ) -> tuple[list[dict[str, Any]], int]:
        """Return rows behind the first `skip`, each with `source` and `system`, and how many rows
        there are in all."""
        found: list[dict[str, Any]] = []
        total = 0
        for sums in await self._sums(wanted):
            count, document = sums.count, None
            if not sums.whole or (len(found) < limit and total + count > skip):
                document = await self._store.find_one(COLLECTION, {"_id": sums.page})
            if document is not None:
                rows = await asyncio.to_thread(_matching, document["rows"], wanted)
                count = len(rows)
                about = {"source": document["source"], "system": document["system"]}
                rest = rows[max(0, skip - total) :][: max(0, limit - len(found))]
                found += [{**asdict(row), **about} for row in rest]
            total += count
        return found, total

    async def consumed(self, wanted: Wanted) -> tuple[int, int]:
        """Return the quota of the requests among the rows, and how many they are."""
        quota = count = 0
        for sums in await self._sums(wanted):
            if sums.whole:
                quota, count = quota + sums.quota, count + sums.requests
                continue
            document = await self._store.find_one(COLLECTION, {"_id": sums.page})
            if document is not None:
                for row in await asyncio.to_thread(_matching, document["rows"], wanted):
                    if row.type == CONSUME:
                        quota, count = quota + row.quota, count + 1
        return quota, count

    async def _sums(self, wanted: Wanted) -> list[Sums]:
        """The pages that have or may have such rows, newest first."""
        query: dict[str, Any] = {}
        if wanted.from_s is not None:
            query["to_s"] = {"$gte": wanted.from_s}
        if wanted.to_s is not None:
            query["from_s"] = {"$lte": wanted.to_s}
        less = {"rows": 0, "cells": 0} if wanted.anything else {"rows": 0}
        some: list[dict[str, Any]] = []
        sums: list[Sums] = []
        found = self._store.find(COLLECTION, query, projection=less, batch_size=_AT_ONCE)
        async with aclosing(found):
            async for document in found:
                some.append(document)
                if len(some) == _AT_ONCE:
                    sums += await asyncio.to_thread(_summed, some, wanted)
                    some = []
        sums += _summed(some, wanted)
        return sorted(sums, key=lambda each: (each.to_s, each.page), reverse=True)


def _summed(documents: Sequence[dict[str, Any]], wanted: Wanted) -> list[Sums]:
    found = []
    for document in documents:
        inside = wanted.in_time(document["from_s"]) and wanted.in_time(document["to_s"])
        whole = inside and not _may_be_request(document, wanted)
        sums = [document["count"], document["requests"], document["quota"]]
        if not wanted.anything:
            cells = map(Cell._make, _unpressed(document["cells"]))
            sums, whole = _of_cells(cells, wanted, whole)
        if sums[0] or not whole:
            found.append(Sums(document["_id"], document["to_s"], whole, *sums))
    return found


def _of_cells(cells: Iterable[Cell], wanted: Wanted, whole: bool) -> tuple[list[int], bool]:
    """Sum the cells that are wanted. Where none is but for the keyword, there is nothing to see."""
    sums, some = [0, 0, 0], False
    for cell in cells:
        if not wanted.of(cell):
            continue
        some = True
        if wanted.named(cell):
            sums[0] += cell.rows
            if cell.type == CONSUME:
                sums[1] += cell.rows
                sums[2] += cell.quota
    return sums, whole or not some


def _may_be_request(page: dict[str, Any], wanted: Wanted) -> bool:
    """Whether the keyword may be the id of a request of this page: it begins with its time."""
    if wanted.keyword is None:
        return False
    try:
        asked = datetime.strptime(wanted.keyword[:14], "%Y%m%d%H%M%S").replace(tzinfo=UTC)
        early, late = ((asked + sign * _EITHER_SIDE).timestamp() for sign in (-1, 1))
    except (ValueError, OverflowError):
        return False
    return bool(page["from_s"] <= late and page["to_s"] >= early)


def _matching(pressed: bytes, wanted: Wanted) -> list[OldRow]:
    rows = (OldRow(*row) for row in reversed(_unpressed(pressed)))
    return [
        row
        for row in rows
        if wanted.in_time(row.created_s)
        and wanted.of(row)
        and (wanted.named(row) or row.request_id == wanted.keyword)
    ]


def _pressed(value: Any) -> bytes:
    return zlib.compress(orjson.dumps(value), 6)


def _unpressed(pressed: bytes) -> Any:
    return orjson.loads(zlib.decompress(pressed))
