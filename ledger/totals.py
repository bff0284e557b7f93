"""Totals: exact sums over any filter and period, without reading the events.

Owns the way from a question to pages: whole days from daily pages, whole hours (for everybody:
quarters of hours) from theirs, shorter pieces from the events themselves, and the events that are
not in their pages yet from the tail behind the watermarks. Promises that each event counts exactly
once: the watermarks are read first, then the tail, then pages, and a page itself says which of the
tail is in it already.
Refuses filters that cells can't answer (`sums` returns None).
"""

from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from contextlib import aclosing
from operator import sub
from typing import Any

from ledger.cubes import (
    ACCOUNT,
    AMOUNT,
    CUBES,
    DAY_PEOPLE,
    DAY_US,
    EVENTS,
    HOUR_US,
    MEASURES,
    SUMMED,
    TRIED,
    TRIED_AMOUNT,
    WHEN,
    Cell,
    Cube,
    Key,
    total,
)
from ledger.events import Document
from ledger.recent import Recent
from ledger.rollups import Folding, cells_of, page_id
from ledger.scan import matching
from ledger.spans import Plan, Span, plan, units_for
from ledger.store import Store
from ledger.views import applied
from ledger.wanted import TRIED_FIELD, Filter, Wanted, terms, translate

FOREVER_US = 4_102_444_800 * 1_000_000

Group = tuple[Any, ...]
Grouped = dict[Group, Cell]
Take = Callable[[int, Key, Cell, int], None]


def measures(cell: Cell) -> dict[str, int]:
    """Return what a cell counts, by name."""
    return dict(zip(MEASURES, cell, strict=True))


class _Pages:
    """The pages that were read for one answer, and up to which event each is complete."""

    def __init__(self, recent: Recent) -> None:
        self._recent = recent
        self._marks: dict[str, int] = {}

    def note(self, page: Document) -> None:
        """Remember how far a page is."""
        self._marks[page["_id"]] = applied(page, page["writer"])

    def lack(self, cube: Cube, span: Span, wanted: Wanted) -> Iterable[tuple[int, Key, Cell]]:
        """Return the cells of recent events that the pages of a cube lack."""
        late: dict[int, list[Document]] = {}
        for event in self._recent.events:
            if event["ts"] in span and self.mark(cube, event) < event["seq"]:
                late.setdefault(int(event["writer"]), []).append(event)
        for slot, events in late.items():
            folding = Folding(slot)
            folding.add(events)
            for at, key, cell in folding.cells():
                if wanted.matches(key):
                    yield at, key, cell

    def mark(self, cube: Cube, event: Document) -> int:
        """Return up to which number the page of an event is complete."""
        start = int(event["ts"]) // cube.span_us * cube.span_us
        key = (event["type"], event["account"], None, None, None, None)
        return self._marks.get(page_id(cube, cube.by(key), start, event["writer"]), 0)

    def counted(self, cubes: Iterable[Cube], event: Document) -> bool:
        """Tell whether an event is in the pages or among the recent ones."""
        mark = max((self.mark(cube, event) for cube in cubes), default=0)
        return self._recent.counted(event, mark)


class _Sums:
    """Cells grouped by some dimensions and, if asked for, by periods."""

    def __init__(self, by: Sequence[int], bucket_us: int | None) -> None:
        self._by = tuple(by)
        self._bucket_us = bucket_us
        self._more: dict[Group, list[Cell]] = {}
        self._less: dict[Group, list[Cell]] = {}

    def take(self, start: int, key: Key, cell: Cell, sign: int, *, tried: bool) -> None:
        """Add a cell, or take it away. Times and bits are those of what was added."""
        group: Group = tuple([key[at] for at in self._by])
        if self._bucket_us is not None:
            group = (start // self._bucket_us * self._bucket_us, *group)
        if tried:
            cell = cell.copy()
            cell[EVENTS], cell[TRIED] = cell[EVENTS] + cell[TRIED], 0
            cell[AMOUNT], cell[TRIED_AMOUNT] = cell[AMOUNT] + cell[TRIED_AMOUNT], 0
        groups = self._more if sign > 0 else self._less
        groups.setdefault(group, []).append(cell)

    def grouped(self) -> Grouped:
        """Return the sums of all groups that are not empty."""
        found: Grouped = {}
        size = len(SUMMED)
        for group in {**self._more, **self._less}:
            cell = total(self._more.get(group, ()))
            for less in self._less.get(group, ()):
                cell[:size] = map(sub, cell[:size], less[:size])
            if any(cell[:size]):
                found[group] = cell
        return found


async def sums(
    store: Store,
    filters: Sequence[Filter],
    from_us: int | None = None,
    to_us: int | None = None,
    *,
    by: Sequence[int] = (),
    bucket_us: int | None = None,
    recent: Recent | None = None,
) -> Grouped | None:
    """Sum the events that match any filter, grouped by dimensions and periods of `bucket_us`.

    None when cells can't tell. Without groups there is one group, (), or none if nothing matches.
    `recent` makes several sums agree, as of the moment that it was read.
    """
    named = [given for given in filters if "_id" in given]
    wanted = translate([given for given in filters if "_id" not in given]) if _some(filters) else []
    if wanted is None:
        return None
    start, end = from_us or 0, FOREVER_US if to_us is None else min(to_us, FOREVER_US)
    plan_ = plan(start, end, units_for(wanted, by, bucket_us))
    out, pages = _Sums(by, bucket_us), _Pages(recent or await Recent.read(store))
    used: list[tuple[int, Wanted, Span, Cube]] = []
    for sign, one in terms(one for one in wanted if all(one.allowed.values())):
        for span in plan_.spans:
            cube = await _read_pages(store, one, span, by, pages, out, sign, bucket_us)
            used.append((sign, one, span, cube))
    for sign, one, span, cube in used:
        for at, key, cell in pages.lack(cube, span, one):
            out.take(at, key, _by_day(at, cell, bucket_us), sign, tried=one.tried)
    cubes = {cube.name: cube for _, _, _, cube in used if cube.span_us < DAY_US}.values()
    for first, last, sign in plan_.edges:
        events = await _edge(store, filters, first, last)
        if sign < 0:
            events = [event for event in events if pages.counted(cubes, event)]
        _take_folded(events, out, sign, bucket_us, wanted)
    await _take_named(store, named, start, end, plan_, wanted, out, bucket_us)
    return out.grouped()


def _some(filters: Sequence[Filter]) -> bool:
    """Tell whether there is a filter that is not only an event's id; no filter wants all."""
    return not filters or any("_id" not in given for given in filters)


async def _read_pages(
    store: Store,
    wanted: Wanted,
    span: Span,
    by: Sequence[int],
    pages: _Pages,
    out: _Sums,
    sign: int,
    bucket_us: int | None,
) -> Cube:
    cube, partitions = _cube(wanted, by, span.unit_us)
    if partitions is None:
        partitions = await _accounts(store, wanted, span)
    for partition in partitions:
        async with aclosing(_pages(store, cube, partition, span)) as found:
            async for page in found:
                pages.note(page)
                start = int(page["start"])
                for key, cell in cells_of(page).items():
                    if wanted.matches(key):
                        if span.unit_us < DAY_US:
                            cell = _by_day(start, cell, bucket_us)
                        out.take(start, key, cell, sign, tried=wanted.tried)
    return cube


def _pages(store: Store, cube: Cube, partition: str, span: Span) -> AsyncGenerator[Document, None]:
    times = {"$gte": span.start, "$lt": span.end}
    return store.find("rollups", {"shelf": cube.shelf(partition), "start": times})


def _cube(wanted: Wanted, by: Sequence[int], unit_us: int) -> tuple[Cube, list[str] | None]:
    """Choose the first cube that tells, and its partitions (None: those of all accounts)."""
    needed = {*wanted.allowed, *by}
    sized = [cube for cube in CUBES if cube.span_us == unit_us]
    accounts = wanted.allowed.get(ACCOUNT)
    if accounts is None:
        for cube in sized:
            if needed <= set(cube.keeps) and (cube.blocks or ACCOUNT not in cube.keeps):
                return cube, [""]
    return sized[0], None if accounts is None else sorted(accounts)


async def _accounts(store: Store, wanted: Wanted, span: Span) -> list[str]:
    """Return the accounts with pages in a span that may hold what is wanted."""
    days = Span(DAY_US, span.start // DAY_US * DAY_US, -(-span.end // DAY_US) * DAY_US)
    kept = {at: values for at, values in wanted.allowed.items() if at in DAY_PEOPLE.keeps}
    likely, found = Wanted(kept), set[str]()
    async with aclosing(_pages(store, DAY_PEOPLE, "", days)) as pages:
        async for page in pages:
            found.update(key[ACCOUNT] for key in cells_of(page) if likely.matches(key))
    return sorted(found)


def _by_day(start: int, cell: Cell, bucket_us: int | None) -> Cell:
    """Return an hour's cell with the bits of a day's, where sums are by day."""
    if bucket_us != DAY_US:
        return cell
    return [*cell[:WHEN], 1 << start % DAY_US // HOUR_US if cell[WHEN] else 0]


async def _edge(store: Store, filters: Sequence[Filter], first: int, last: int) -> list[Document]:
    """Read the events of a piece of a page's time, each once."""
    found: dict[str, Document] = {}
    for given in _with_tried(filters):
        async with aclosing(matching(store, given, first, last)) as events:
            async for event in events:
                found[event["_id"]] = event
    return list(found.values())


def _with_tried(filters: Sequence[Filter]) -> list[Filter]:
    """Return the filters but for ids; where one names a channel, also what was tried there."""
    plain = [given for given in filters or ({},) if "_id" not in given]
    tried = [
        {TRIED_FIELD if name == "body.channel" else name: value for name, value in given.items()}
        for given in plain
        if "body.channel" in given
    ]
    return [*plain, *tried]


async def _take_named(
    store: Store,
    named: Sequence[Filter],
    start: int,
    end: int,
    plan_: Plan,
    wanted: list[Wanted],
    out: _Sums,
    bucket_us: int | None,
) -> None:
    """Add the events that filters name by id and that no other filter wants already."""
    found: dict[str, Document] = {}
    for given in named:
        for event in await store.find_list("events", given):
            if start <= event["ts"] < end:
                found[event["_id"]] = event
    if found:
        lone = [event for event in found.values() if not _wanted_already(event, wanted)]
        _take_folded(lone, out, 1, bucket_us, [Wanted({})])


def _wanted_already(event: Document, wanted: list[Wanted]) -> bool:
    folding = Folding(0)
    folding.add([event])
    return any(
        one.matches(key) and (cell[EVENTS] or one.tried)
        for _, key, cell in folding.cells()
        for one in wanted
    )


def _take_folded(
    events: Iterable[Document],
    out: _Sums,
    sign: int,
    bucket_us: int | None,
    wanted: list[Wanted],
) -> None:
    for event in events:
        folding = Folding(0)
        folding.add([event])
        for at, key, cell in folding.cells():
            matching = [one for one in wanted if one.matches(key)]
            if matching:
                tried = any(one.tried for one in matching)
                out.take(at, key, _by_day(at, cell, bucket_us), sign, tried=tried)
