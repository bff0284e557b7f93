"""Rollups: sums of events by quarter of an hour, hour and day, for charts, totals and finding rows.

Owns the pages of the collection `rollups`: what a page holds, and how events are folded into it.
Promises that a page is the exact sum of the events of one writer up to `applied.<writer>`: each
writer has pages of its own, so that writers never wait for one another, and the guard of
ledger/projector.py lets each event in once. Refuses nothing.

A page is one cube's cells for one shelf (an account, or everybody) for one of these times:

    {_id: "<shelf>:<start>:<writer>", shelf: "hour.account:user:42", start: µs, writer, rev,
     applied: {w: seq}, cells: "[[type, account, key, model, channel, group, …measures], …]"}

The last measure, counts by minute, is written as hexadecimal text, and only where there are any.

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
    MINUTE_US,
    MINUTES,
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
    first: int
    last: int
    cells: Cells = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Page:
    """What is in a page: up to which event, rebuilt how often, its cells, and each one's text."""

    seq: int
    rev: int
    cells: Cells
    rows: dict[Key, bytes]


class Folding:
    """Folds one writer's events into cells by quarters of hours, and these into pages."""

    def __init__(self, slot: int) -> None:
        self._slot = slot
        self._quarters: dict[tuple[int, Key], Cell] = {}
        self._seqs: dict[tuple[int, Key], list[int]] = {}

    def add(self, events: Iterable[Document]) -> None:
        """Fold more events."""
        quarters, seqs = self._quarters, self._seqs
        for event in events:
            ts, seq = int(event["ts"]), int(event["seq"])
            key = key_of(event)
            at = (ts // QUARTER_US, key)
            cell = quarters.get(at)
            if cell is None:
                cell = quarters[at] = empty_cell()
                seqs[at] = [seq, seq]
            else:
                seqs[at][1] = seq
            count(cell, event)
            cell[WHEN] |= 1 << (ts % HOUR_US // MINUTE_US)
            if key[TYPE] == "usage.charged" and len(event["body"].get("attempts", ())) > 1:
                self._spread(at, cell, event)

    def _spread(self, at: tuple[int, Key], answered: Cell, event: Document) -> None:
        """Count a charge also on the channels that were tried before, with their costs."""
        ts, seq, key = int(event["ts"]), int(event["seq"]), at[1]
        for channel, cost in elsewhere(event).items():
            place = at[0], (*key[:CHANNEL], channel, *key[GROUP:])
            cell = self._quarters.setdefault(place, empty_cell())
            self._seqs.setdefault(place, [seq, seq])[1] = seq
            cell[TRIED] += 1
            cell[TRIED_AMOUNT] += int(event["amount"])
            cell[COST] += cost
            answered[COST] -= cost
            cell[FIRST], cell[LAST] = min(cell[FIRST], ts), max(cell[LAST], ts)
            cell[WHEN] |= 1 << (ts % HOUR_US // MINUTE_US)

    def cells(self) -> Iterable[tuple[int, Key, Cell]]:
        """Return the cells, each with the start of the quarter of an hour that it belongs to."""
        return ((at * QUARTER_US, key, cell) for (at, key), cell in self._quarters.items())

    def deltas(self) -> dict[str, PageDelta]:
        """Return what the events add to each page, by its id."""
        pages: dict[str, PageDelta] = {}
        found: dict[tuple[int, int, str], PageDelta] = {}
        for at, cell in self._quarters.items():
            start, key = at[0] * QUARTER_US, at[1]
            first, last = self._seqs[at]
            fresh = {
                QUARTER_US: cell,
                HOUR_US: [*cell[:MINUTES], 0],
                DAY_US: [*cell[:WHEN], 1 << start % DAY_US // HOUR_US, 0],
            }
            for number, cube in enumerate(CUBES):
                place = (number, start // cube.span_us, cube.by(key))
                page = found.get(place)
                if page is None:
                    page = self._page(cube, *place[1:], first)
                    found[place] = pages[page.id] = page
                if first < page.first:
                    page.first = first
                if last > page.last:
                    page.last = last
                kept, more = cube.key(key), fresh[cube.span_us]
                before = page.cells.get(kept)
                page.cells[kept] = more if before is None else merged(before, more)
        return pages

    def _page(self, cube: Cube, period: int, partition: str, seq: int) -> PageDelta:
        start = period * cube.span_us
        name = page_id(cube, partition, start, self._slot)
        return PageDelta(name, cube.shelf(partition), start, cube.span_us, seq, seq)


def page_id(cube: Cube, partition: str, start: int, slot: int) -> str:
    """Name the page of a writer that holds a partition's cells of the time from `start`."""
    return f"{cube.name}:{partition}:{start // MINUTE_US}:{slot}"


def cells_of(page: Document) -> Cells:
    """Read the cells of a stored page. Raises ValueError or TypeError when it was damaged."""
    width, full, cells = len(DIMENSIONS), len(DIMENSIONS) + len(MEASURES), dict[Key, Cell]()
    for row in orjson.loads(page["cells"]):
        if len(row) == full:
            row[-1] = int(row[-1], 16)
        else:
            row.append(0)
        cells[tuple(row[:width])] = row[width:]
    return cells


def packed(cells: Cells) -> str:
    """Write cells as the text that a page holds."""
    return _joined([_row(key, cell) for key, cell in cells.items()])


def _row(key: Key, cell: Cell) -> bytes:
    if cell[MINUTES]:
        return orjson.dumps((*key, *cell[:MINUTES], f"{cell[MINUTES]:x}"))
    return orjson.dumps((*key, *cell[:MINUTES]))


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
