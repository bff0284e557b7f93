"""Rollups: sums of events by quarter of an hour, hour and day, for charts, totals and finding rows.

Owns the pages of the collection `rollups`: what a page holds, and how events are folded into it.
Promises that a page is the exact sum of the events of one writer up to `applied.<writer>`: each
writer has pages of its own, so that writers never wait for one another, and the guard of
ledger/projector.py lets each event in once. Refuses nothing.

A page is one cube's cells for one shelf (an account, or everybody) for one of these times:

    {_id: "<shelf>:<start>:<writer>", shelf: "hour.account:user:42", start: µs, writer, rev,
     applied: {w: seq}, cells: "[[type, account, key, model, channel, group, …measures], …]"}

The last measure, counts by minute, is written only where there are any, as hexadecimal text: the
number of the first minute with a count in one digit, then the counts from there on as one number.

The cells are one JSON text, because the database never needs to look inside: it writes and reads a
page as one value, which is far cheaper than as many fields to increment. `rev` counts rebuilds: it
is part of the guard, so that no process goes on from sums that were replaced. A sum beyond 64 bits
(over nine billion USD in one cell) is written as text: "!" and its digits.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

import orjson

from ledger.cubes import (
    CUBES,
    DAY_US,
    DIMENSIONS,
    HOUR_US,
    MEASURES,
    MINUTE_BITS,
    MINUTE_US,
    MINUTES,
    NEVER_US,
    QUARTER_ALL,
    QUARTER_US,
    WHEN,
    Cell,
    Cells,
    Cube,
    Key,
    key_of,
    merged,
    widened,
)
from ledger.events import Document
from ledger.grid import Grid, Run, Runs
from ledger.views import View, applied

_BIG = '"!'
_EXACT = 2**63


@dataclass(slots=True)
class PageDelta:
    """What a run of events adds to one page."""

    id: str
    shelf: str
    start: int
    span_us: int
    first: int = NEVER_US
    last: int = 0
    cells: Cells = field(default_factory=dict)

    def take(self, key: Key, run: Run) -> None:
        """Add what a cell counted."""
        if run.first < self.first:
            self.first = run.first
        if run.last > self.last:
            self.last = run.last
        before = self.cells.get(key)
        self.cells[key] = run.cell if before is None else merged(before, run.cell)


_CUBES = {
    span_us: tuple(cube for cube in CUBES if cube.span_us == span_us)
    for span_us in (QUARTER_US, HOUR_US, DAY_US)
}


@dataclass(frozen=True, slots=True)
class Page:
    """What is in a page: up to which event, rebuilt how often, its cells, and each one's text."""

    seq: int
    rev: int
    cells: Cells
    rows: dict[Key, bytes]


class Folding:
    """Folds one writer's events into cells of quarters of hours and of hours, and those of hours
    into cells of days; and all of these into pages."""

    def __init__(self, slot: int) -> None:
        self._slot = slot
        self._quarters = Grid(QUARTER_US, QUARTER_ALL.key)
        self._hours = Grid(HOUR_US)
        self._days: Runs = {}

    def add(self, events: Iterable[Document]) -> None:
        """Fold more events."""
        quarter, hour = self._quarters.add, self._hours.add
        for event in events:
            key = key_of(event)
            quarter(event, key)
            hour(event, key)

    def deltas(self) -> dict[str, PageDelta]:
        """Return what the events add to each page, by its id, and forget them."""
        return self.closed(NEVER_US)

    def closed(self, before_us: int) -> dict[str, PageDelta]:
        """Return what the events add to the pages of times that end by `before_us`, and forget
        that. No later event may belong into these times."""
        pages: dict[str, PageDelta] = {}
        for span_us, runs in (
            (QUARTER_US, self._quarters.runs),
            (HOUR_US, self._hours.runs),
            (DAY_US, self._days),
        ):
            cubes = _CUBES[span_us]
            found: dict[tuple[str, int, str], PageDelta] = {}
            for at in [at for at in runs if (at[0] + 1) * span_us <= before_us]:
                run = runs.pop(at)
                for cube in cubes:
                    place = (cube.name, at[0], cube.by(at[1]))
                    page = found.get(place)
                    if page is None:
                        page = found[place] = self._page(cube, at[0], place[2])
                        pages[page.id] = page
                    page.take(cube.key(at[1]), run)
                if span_us == HOUR_US:
                    self._carry(at, run)
        return pages

    def _page(self, cube: Cube, period: int, partition: str) -> PageDelta:
        start = period * cube.span_us
        name = page_id(cube, partition, start, self._slot)
        return PageDelta(name, cube.shelf(partition), start, cube.span_us)

    def _carry(self, at: tuple[int, Key], run: Run) -> None:
        """Add an hour's cell to the day's, whose bits are those of hours."""
        start = at[0] * HOUR_US
        cell = [*run.cell[:WHEN], 1 << start % DAY_US // HOUR_US, 0]
        place = (start // DAY_US, at[1])
        former = self._days.get(place)
        if former is None:
            self._days[place] = Run(cell, run.first, run.last)
        else:
            former.add(cell, run)


def page_id(cube: Cube, partition: str, start: int, slot: int) -> str:
    """Name the page of a writer that holds a partition's cells of the time from `start`."""
    return f"{cube.name}:{partition}:{start // MINUTE_US}:{slot}"


def cells_of(page: Document) -> Cells:
    """Read the cells of a stored page. Raises IndexError, TypeError or ValueError if damaged."""
    width, full, cells = len(DIMENSIONS), len(DIMENSIONS) + len(MEASURES), dict[Key, Cell]()
    rows = orjson.loads(page["cells"])
    if _BIG in page["cells"]:
        rows = [[*row[:width], *map(_exact, row[width:])] for row in rows]
    for row in rows:
        if len(row) == full:
            row[-1] = int(row[-1][1:], 16) << int(row[-1][0], 16) * MINUTE_BITS
            cells[tuple(row[:width])] = row[width:]
        else:
            cells[tuple(row[:width])] = [*widened(row[width:]), 0]
    return cells


def packed(cells: Cells) -> str:
    """Write cells as the text that a page holds."""
    return _joined([_row(key, cell) for key, cell in cells.items()])


def _row(key: Key, cell: Cell) -> bytes:
    minutes = cell[MINUTES]
    counts: tuple[str, ...] = ()
    if minutes:
        first = ((minutes & -minutes).bit_length() - 1) // MINUTE_BITS
        counts = (f"{first:x}{minutes >> first * MINUTE_BITS:x}",)
    try:
        return orjson.dumps((*key, *cell[:MINUTES], *counts))
    except TypeError:  # a sum that JSON would not keep exactly
        return orjson.dumps((*key, *map(_written, cell[:MINUTES]), *counts))


def _written(value: int) -> int | str:
    return value if -_EXACT <= value < _EXACT else f"!{value}"


def _exact(value: int | str) -> int | str:
    """Read a measure back; the counts by minute stay as they are."""
    return int(value[1:]) if isinstance(value, str) and value.startswith("!") else value


def _joined(rows: Iterable[bytes]) -> str:
    return "[" + b",\n".join(rows).decode() + "]"


def _everything(slot: int) -> None:
    return None


def _known(document: Document | None, slot: int) -> Page:
    if document is None:
        return Page(0, 0, {}, {})
    cells = cells_of(document)
    rows = {key: _row(key, cell) for key, cell in cells.items()}
    return Page(applied(document, slot), int(document["rev"]), cells, rows)


def _change(known: Page, delta: PageDelta, slot: int) -> tuple[Document, Document, Page]:
    cells, rows = known.cells.copy(), known.rows.copy()
    for key, cell in delta.cells.items():
        before = cells.get(key)
        cells[key] = cell = cell if before is None else merged(before, cell)
        rows[key] = _row(key, cell)
    page: Document = {"cells": _joined(rows.values())}
    if not known.seq:
        page |= {"shelf": delta.shelf, "start": delta.start, "writer": slot, "rev": 0}
        return {}, {"$set": page}, Page(delta.last, 0, cells, rows)
    return {"rev": known.rev}, {"$set": page}, Page(delta.last, known.rev, cells, rows)


ROLLUPS: View[PageDelta, Page] = View(
    name="rollups",
    collection="rollups",
    fold=Folding,
    fields=_everything,
    known=_known,
    change=_change,
    chunk=10_000,
    gather=10_000,
    remember=2_000,
    share=10,
)
ROLLUP_INTERVAL_S = 3.0
