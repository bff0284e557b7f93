"""Tally: what is gathered for one answer.

Owns the sums in the making, and what is known of the pages that went into them. Promises that what
a page lacks of the recent events is told apart from what it has. Refuses nothing; ledger/totals.py
reads the pages.
"""

from collections.abc import Iterable, Sequence
from operator import sub
from typing import Any

from ledger.cubes import (
    AMOUNT,
    EVENTS,
    MINUTES,
    SUMMED,
    TRIED,
    TRIED_AMOUNT,
    Cell,
    Cube,
    Key,
    total,
)
from ledger.events import Document
from ledger.grid import by_quarter
from ledger.recent import Recent
from ledger.rollups import page_id
from ledger.spans import Span
from ledger.views import applied
from ledger.wanted import Wanted

Group = tuple[Any, ...]
Grouped = dict[Group, Cell]


class PagesRead:
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
        for events in late.values():
            for at, key, cell in by_quarter(events):
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


class Tally:
    """Cells grouped by some dimensions and, if asked for, by periods."""

    def __init__(self, by: Sequence[int], bucket_us: int | None) -> None:
        self.by = tuple(by)
        self.bucket_us = bucket_us
        self._more: dict[Group, list[Cell]] = {}
        self._less: dict[Group, list[Cell]] = {}

    def take(self, start: int, key: Key, cell: Cell, sign: int, *, tried: bool) -> None:
        """Add a cell, or take it away. Times and bits are those of what was added."""
        group: Group = tuple([key[at] for at in self.by])
        if self.bucket_us is not None:
            group = (start // self.bucket_us * self.bucket_us, *group)
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
                cell[MINUTES] -= less[MINUTES]
            if any(cell[:size]):
                found[group] = cell
        return found
