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
is part of the guard, so that no process goes on from sums that were replaced.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

import orjson

from ledger.cubes import (
    CHANNEL,
    COST,
    CUBES,
    DAY_US,
    DIMENSIONS,
    FIRST,
    GROUP,
    HOUR_US,
    LAST,
    MEASURES,
    MINUTE_BITS,
    MINUTE_US,
    MINUTES,
    NEVER_US,
    QUARTER_US,
    TRIED,
    TRIED_AMOUNT,
    TYPE,
    WHEN,
    Cell,
    Cells,
    Cube,
    Key,
    count,
    elsewhere,
    empty_cell,
    key_of,
    merged,
    widened,
)
from ledger.events import Document
from ledger.views import View, applied


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

    def take(self, key: Key, run: "Run") -> None:
        """Add what a cell counted."""
        if run.first < self.first:
            self.first = run.first
        if run.last > self.last:
            self.last = run.last
        before = self.cells.get(key)
        self.cells[key] = run.cell if before is None else merged(before, run.cell)


@dataclass(frozen=True, slots=True)
class Page:
    """What is in a page: up to which event, rebuilt how often, its cells, and each one's text."""

    seq: int
    rev: int
    cells: Cells
    rows: dict[Key, bytes]


@dataclass(slots=True)
class Run:
    """A cell, and the numbers of the first and the last event in it."""

    cell: Cell
    first: int
    last: int

    def add(self, cell: Cell, other: "Run") -> None:
        """Add a cell of the events of another run."""
        self.cell = merged(self.cell, cell)
        self.first, self.last = min(self.first, other.first), max(self.last, other.last)


Runs = dict[tuple[int, Key], Run]  # by (number of the time, key)

#: The cubes by how long the times of their pages are, the shortest first: cells of one are added up
#: to those of the next.
_LEVELS = tuple(
    (span_us, tuple(cube for cube in CUBES if cube.span_us == span_us))
    for span_us in sorted({cube.span_us for cube in CUBES})
)


class Folding:
    """Folds one writer's events into cells by quarters of hours, and these into pages."""

    def __init__(self, slot: int) -> None:
        self._slot = slot
        self._cells: tuple[Runs, ...] = tuple({} for _ in _LEVELS)

    def add(self, events: Iterable[Document]) -> None:
        """Fold more events."""
        quarters = self._cells[0]
        for event in events:
            ts, seq = int(event["ts"]), int(event["seq"])
            key = key_of(event)
            at = (ts // QUARTER_US, key)
            run = quarters.get(at)
            if run is None:
                run = quarters[at] = Run(empty_cell(), seq, seq)
            else:
                run.last = seq
            cell = run.cell
            count(cell, event)
            cell[WHEN] |= 1 << (ts % HOUR_US // MINUTE_US)
            if key[TYPE] == "usage.charged" and len(event["body"].get("attempts", ())) > 1:
                self._spread(at, cell, event)

    def _spread(self, at: tuple[int, Key], answered: Cell, event: Document) -> None:
        """Count a charge also on the channels that were tried before, with their costs."""
        ts, seq, key = int(event["ts"]), int(event["seq"]), at[1]
        for channel, cost in elsewhere(event).items():
            place = at[0], (*key[:CHANNEL], channel, *key[GROUP:])
            run = self._cells[0].setdefault(place, Run(empty_cell(), seq, seq))
            cell, run.last = run.cell, seq
            cell[TRIED] += 1
            cell[TRIED_AMOUNT] += int(event["amount"])
            cell[COST] += cost
            answered[COST] -= cost
            cell[FIRST], cell[LAST] = min(cell[FIRST], ts), max(cell[LAST], ts)
            cell[WHEN] |= 1 << (ts % HOUR_US // MINUTE_US)

    def cells(self) -> Iterable[tuple[int, Key, Cell]]:
        """Return the cells, each with the start of the quarter of an hour that it belongs to."""
        return ((at * QUARTER_US, key, run.cell) for (at, key), run in self._cells[0].items())

    def deltas(self) -> dict[str, PageDelta]:
        """Return what the events add to each page, by its id, and forget them."""
        return self.closed(NEVER_US)

    def closed(self, before_us: int) -> dict[str, PageDelta]:
        """Return what the events add to the pages of times that end by `before_us`, and forget
        that. No later event may belong into these times."""
        pages: dict[str, PageDelta] = {}
        for level, (span_us, cubes) in enumerate(_LEVELS):
            cells, longer = self._cells[level], self._cells[level + 1 : level + 2]
            over = [at for at in cells if (at[0] + 1) * span_us <= before_us]
            found: dict[tuple[int, int, str], PageDelta] = {}
            for at in over:
                run = cells.pop(at)
                for number, cube in enumerate(cubes):
                    place = (number, at[0], cube.by(at[1]))
                    page = found.get(place)
                    if page is None:
                        page = found[place] = self._page(cube, at[0], place[2])
                        pages[page.id] = page
                    page.take(cube.key(at[1]), run)
                for coarser in longer:
                    _carry(coarser, at, span_us, run)
        return pages

    def _page(self, cube: Cube, period: int, partition: str) -> PageDelta:
        start = period * cube.span_us
        name = page_id(cube, partition, start, self._slot)
        return PageDelta(name, cube.shelf(partition), start, cube.span_us)


def _carry(coarser: Runs, at: tuple[int, Key], span_us: int, run: Run) -> None:
    """Add a cell to the one of the next longer time; what only the shorter one tells is left out.

    In an hour's cell that is the count by minute, in a day's the bits are those of hours.
    """
    start, cell = at[0] * span_us, run.cell
    if span_us == QUARTER_US:
        cell, place = [*cell[:MINUTES], 0], (start // HOUR_US, at[1])
    else:
        bit = 1 << start % DAY_US // HOUR_US
        cell, place = [*cell[:WHEN], bit, 0], (start // DAY_US, at[1])
    former = coarser.get(place)
    if former is None:
        coarser[place] = Run(cell, run.first, run.last)
    else:
        former.add(cell, run)


def page_id(cube: Cube, partition: str, start: int, slot: int) -> str:
    """Name the page of a writer that holds a partition's cells of the time from `start`."""
    return f"{cube.name}:{partition}:{start // MINUTE_US}:{slot}"


def cells_of(page: Document) -> Cells:
    """Read the cells of a stored page. Raises IndexError, TypeError or ValueError if damaged."""
    width, full, cells = len(DIMENSIONS), len(DIMENSIONS) + len(MEASURES), dict[Key, Cell]()
    for row in orjson.loads(page["cells"]):
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
    if not minutes:
        return orjson.dumps((*key, *cell[:MINUTES]))
    first = ((minutes & -minutes).bit_length() - 1) // MINUTE_BITS
    text = f"{first:x}{minutes >> first * MINUTE_BITS:x}"
    return orjson.dumps((*key, *cell[:MINUTES], text))


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
