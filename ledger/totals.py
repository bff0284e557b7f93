"""Totals: exact sums over any filter and period, without reading the events.

Owns the way from a question to pages: whole days from daily pages, whole hours (for everybody:
quarters of hours) from theirs, shorter pieces from the events themselves (where events are only
counted: from the counts by minute), and the events that are not in their pages yet from the tail
behind the watermarks. Promises that each event counts exactly once: the watermarks are read first,
then the tail, then pages, and a page itself says which of the tail is in it already.
Refuses filters that cells can't answer (`sums` returns None).
"""

from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import aclosing

from ledger.cubes import (
    ACCOUNT,
    CUBES,
    DAY_PEOPLE,
    DAY_US,
    EVENTS,
    HOUR_US,
    MEASURES,
    MINUTE_US,
    WHEN,
    Cell,
    Cube,
    by_minute,
    empty_cell,
)
from ledger.events import Document
from ledger.grid import by_quarter
from ledger.recent import Recent
from ledger.rollups import cells_of
from ledger.scan import matching
from ledger.spans import Span, plan, units_for, units_to_count
from ledger.store import Store
from ledger.tally import Grouped, PagesRead, Tally
from ledger.wanted import TRIED_FIELD, Filter, Wanted, terms, translate

FOREVER_US = 4_102_444_800 * 1_000_000


def measures(cell: Cell) -> dict[str, int]:
    """Return what a cell counts, by name."""
    return dict(zip(MEASURES, cell, strict=True))


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
    wanted = _wanted(filters)
    if wanted is None:
        return None
    units = units_for(wanted, by, bucket_us)
    out = Tally(by, bucket_us)
    await _add_up(store, filters, wanted, from_us, to_us, units, out, recent)
    return out.grouped()


async def count_events(
    store: Store,
    filters: Sequence[Filter],
    from_us: int | None = None,
    to_us: int | None = None,
    *,
    recent: Recent | None = None,
) -> int | None:
    """Count the events that match any filter, like `sums`, but without reading whole minutes."""
    wanted = _wanted(filters)
    if wanted is None:
        return None
    recent = recent or await Recent.read(store)
    for units in (units_to_count(wanted), units_for(wanted, (), None)):
        if units is None:
            continue
        out = Tally((), None)
        try:
            await _add_up(store, filters, wanted, from_us, to_us, units, out, recent)
        except _NotByMinute:
            continue
        return sum(cell[EVENTS] for cell in out.grouped().values())
    return None


class _NotByMinute(Exception):
    """A page that an earlier version wrote does not count by minute."""


def _wanted(filters: Sequence[Filter]) -> list[Wanted] | None:
    """Return what filters select but for ids; no filter at all selects everything."""
    plain = [given for given in filters if "_id" not in given]
    return translate(plain) if plain or not filters else []


async def _add_up(
    store: Store,
    filters: Sequence[Filter],
    wanted: list[Wanted],
    from_us: int | None,
    to_us: int | None,
    units: Sequence[int],
    out: Tally,
    recent: Recent | None,
) -> None:
    start, end = from_us or 0, FOREVER_US if to_us is None else min(to_us, FOREVER_US)
    plan_, pages = plan(start, end, units), PagesRead(recent or await Recent.read(store))
    used: list[tuple[int, Wanted, Span, Cube]] = []
    for sign, one in terms(one for one in wanted if all(one.allowed.values())):
        for span in plan_.spans:
            cube = await _read_pages(store, one, span, pages, out, sign)
            used.append((sign, one, span, cube))
    for sign, one, span, cube in used:
        for at, key, cell in pages.lack(cube, span, one):
            out.take(at, key, _by_day(at, cell, out.bucket_us), sign, tried=one.tried)
    cubes = {cube.name: cube for _, _, _, cube in used if cube.span_us < DAY_US}.values()
    for first, last, sign in plan_.edges:
        events = await _edge(store, filters, first, last)
        if sign < 0:
            events = [event for event in events if pages.counted(cubes, event)]
        _take_folded(events, out, sign, wanted)
    await _take_named(store, filters, start, end, wanted, out)


async def _read_pages(
    store: Store,
    wanted: Wanted,
    span: Span,
    pages: PagesRead,
    out: Tally,
    sign: int,
) -> Cube:
    cube, partitions = _cube(wanted, out.by, span.page_us)
    if partitions is None:
        partitions = await _accounts(store, wanted, span)
    for partition in partitions:
        async with aclosing(_pages(store, cube, partition, span)) as found:
            async for page in found:
                pages.note(page)
                start = int(page["start"])
                whole = span.start <= start and start + span.page_us <= span.end
                for key, cell in cells_of(page).items():
                    if wanted.matches(key):
                        if not whole:
                            cell = _part(cell, start, span)
                        if span.unit_us < DAY_US:
                            cell = _by_day(start, cell, out.bucket_us)
                        out.take(start, key, cell, sign, tried=wanted.tried)
    return cube


def _pages(store: Store, cube: Cube, partition: str, span: Span) -> AsyncGenerator[Document, None]:
    times = {"$gte": span.start // span.page_us * span.page_us, "$lt": span.end}
    return store.find("rollups", {"shelf": cube.shelf(partition), "start": times})


def _part(cell: Cell, start: int, span: Span) -> Cell:
    """Count what a cell of the quarter of an hour from `start` has in the minutes of a span."""
    counts, part = by_minute(cell), empty_cell()
    if counts is None:
        raise _NotByMinute
    first, end = max(0, span.start - start) // MINUTE_US, (span.end - start) // MINUTE_US
    part[EVENTS] = sum(counts[first:end])
    return part


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
    return [*cell[:WHEN], 1 << start % DAY_US // HOUR_US if cell[WHEN] else 0, 0]


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
    filters: Sequence[Filter],
    start: int,
    end: int,
    wanted: list[Wanted],
    out: Tally,
) -> None:
    """Add the events that filters name by id and that no other filter wants already."""
    found: dict[str, Document] = {}
    for given in filters:
        for event in await store.find_list("events", given) if "_id" in given else ():
            if start <= event["ts"] < end:
                found[event["_id"]] = event
    if found:
        lone = [event for event in found.values() if not _wanted_already(event, wanted)]
        _take_folded(lone, out, 1, [Wanted({})])


def _wanted_already(event: Document, wanted: list[Wanted]) -> bool:
    return any(
        one.matches(key) and (cell[EVENTS] or one.tried)
        for _, key, cell in by_quarter([event])
        for one in wanted
    )


def _take_folded(
    events: Iterable[Document],
    out: Tally,
    sign: int,
    wanted: list[Wanted],
) -> None:
    for event in events:
        for at, key, cell in by_quarter([event]):
            matching = [one for one in wanted if one.matches(key)]
            if matching:
                tried = any(one.tried for one in matching)
                out.take(at, key, _by_day(at, cell, out.bucket_us), sign, tried=tried)
