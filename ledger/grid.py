"""Grids: cells by time, and which events are in them.

Owns how events become cells of one length of time. Promises that each event is counted once, and on
the channels that were tried before the one that answered with what they cost. Refuses nothing.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from ledger.cubes import (
    CHANNEL,
    COST,
    FIRST,
    GROUP,
    HOUR_US,
    LAST,
    MINUTE_US,
    MINUTES,
    QUARTER_US,
    TRIED,
    TRIED_AMOUNT,
    TYPE,
    WHEN,
    Cell,
    Key,
    count,
    elsewhere,
    empty_cell,
    key_of,
    merged,
    minute_of,
)
from ledger.events import Document


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


class Grid:
    """One writer's cells of times of `span_us`. `narrow` leaves out of a key what the cells are not
    kept by. In quarters of hours they count by minute, too."""

    def __init__(self, span_us: int, narrow: Callable[[Key], Key] | None = None) -> None:
        self.runs: Runs = {}
        self._span_us = span_us
        self._narrow = narrow
        self._by_minute = span_us == QUARTER_US

    def add(self, event: Document, key: Key) -> None:
        """Count an event; `key` is its own."""
        ts, seq = int(event["ts"]), int(event["seq"])
        run = self._run(ts, key, seq)
        cell, run.last = run.cell, seq
        count(cell, event)
        if self._by_minute:
            cell[MINUTES] += minute_of(ts)
        cell[WHEN] |= 1 << (ts % HOUR_US // MINUTE_US)
        if key[TYPE] == "usage.charged" and len(event["body"].get("attempts", ())) > 1:
            self._spread(key, cell, event)

    def _run(self, ts: int, key: Key, seq: int) -> Run:
        at = (ts // self._span_us, key if self._narrow is None else self._narrow(key))
        run = self.runs.get(at)
        if run is None:
            run = self.runs[at] = Run(empty_cell(), seq, seq)
        return run

    def _spread(self, key: Key, answered: Cell, event: Document) -> None:
        """Count a charge also on the channels that were tried before, with their costs."""
        ts, seq = int(event["ts"]), int(event["seq"])
        for channel, cost in elsewhere(event).items():
            run = self._run(ts, (*key[:CHANNEL], channel, *key[GROUP:]), seq)
            cell, run.last = run.cell, seq
            cell[TRIED] += 1
            cell[TRIED_AMOUNT] += int(event["amount"])
            cell[COST] += cost
            answered[COST] -= cost
            cell[FIRST], cell[LAST] = min(cell[FIRST], ts), max(cell[LAST], ts)
            cell[WHEN] |= 1 << (ts % HOUR_US // MINUTE_US)


def by_quarter(events: Iterable[Document]) -> list[tuple[int, Key, Cell]]:
    """Return the cells of some events, each with the start of its quarter of an hour."""
    grid = Grid(QUARTER_US)
    for event in events:
        grid.add(event, key_of(event))
    return [(at * QUARTER_US, key, run.cell) for (at, key), run in grid.runs.items()]
