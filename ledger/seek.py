"""Seek: the rows of a log, found through the rollups.

Owns the pages of a log: for any filter, newest or oldest first, from any place. Promises every
matching event once and in order, and to read little more than the page: days and hours without a
match, or that are skipped over, are known from their cells and not read. Refuses nothing; where
cells can't tell, the events are read in order (ledger/scan.py).
"""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from ledger.cubes import DAY_US, EVENTS, FIRST, HOUR_US, LAST, MINUTE_US, TRIED, WHEN, Cell
from ledger.events import Document
from ledger.scan import birth_us, in_time, within
from ledger.store import Store
from ledger.totals import FOREVER_US, sums
from ledger.wanted import Filter, translate

DAYS_AT_FIRST, DAYS_AT_MOST = 4, 366
FEW = 200
SPARE = 5
SHORTEST_US = 1_000_000


Piece = tuple[int, int]


class Seek:
    """One search for rows, from `from_us` to before `to_us`."""

    def __init__(
        self,
        store: Store,
        filters: Sequence[Filter],
        from_us: int | None,
        to_us: int | None,
        *,
        newest_first: bool,
        now_us: int,
    ) -> None:
        self._store = store
        self._filters = filters
        self._from_us = from_us or 0
        self._to_us = FOREVER_US if to_us is None else to_us
        self._newest_first = newest_first
        self._now_us = now_us
        self._indexed = bool(filters) and all("account" in given for given in filters)
        self._skip = self._need = 0

    async def rows(self, *, skip: int = 0, need: int) -> AsyncGenerator[Document, None]:
        """Yield events behind the first `skip`, in order; `need` says how many will be read."""
        self._skip, self._need = skip, need
        known = translate([given for given in self._filters if "_id" not in given])
        async with aclosing(self._read_all() if known is None else self._read_found()) as events:
            async for event in events:
                if self._skip:
                    self._skip -= 1
                else:
                    self._need -= 1
                    yield event

    def _read_all(self) -> AsyncGenerator[Document, None]:
        return in_time(
            self._store,
            *self._filters,
            from_us=self._from_us,
            to_us=self._to_us,
            newest_first=self._newest_first,
            now_us=self._now_us,
        )

    async def _read_found(self) -> AsyncGenerator[Document, None]:
        async with aclosing(self._windows()) as windows:
            async for cell, span_us, start in windows:
                whole = self._whole(start, span_us)
                pieces = self._pieces(cell, span_us, start)
                width = _width(pieces, cell, self._skip + max(self._need, 1))
                for piece in pieces:
                    events = within(
                        self._store,
                        self._filters or ({},),
                        *piece,
                        newest_first=self._newest_first,
                        width=width,
                    )
                    async with aclosing(events):
                        async for event in events:
                            yield event
                if whole:
                    self._skip = 0  # some of what was counted may be in an archive

    async def _windows(self) -> AsyncGenerator[tuple[Cell, int, int], None]:
        """Yield (cell, its length, its start) of the days and hours that must be read."""
        async with aclosing(self._days()) as days:
            async for start, cell in days:
                if self._passed(start, DAY_US, cell):
                    continue
                if self._indexed and cell[EVENTS] + cell[TRIED] <= FEW:
                    yield cell, DAY_US, start
                    continue
                for hour, hourly in await self._cells(start, start + DAY_US, 1):
                    if not self._passed(hour, HOUR_US, hourly):
                        yield hourly, HOUR_US, hour

    async def _days(self) -> AsyncGenerator[tuple[int, Cell], None]:
        """Yield the days that have matching events, few at first, then more at a time."""
        born = await birth_us(self._store)
        if born is None:
            return
        first = max(self._from_us, born) // DAY_US
        end = min(-(-self._to_us // DAY_US), self._now_us // DAY_US + 2)
        size = DAYS_AT_FIRST
        while first < end:
            cut = max(first, end - size) if self._newest_first else min(end, first + size)
            some = (cut, end) if self._newest_first else (first, cut)
            for found in await self._cells(some[0] * DAY_US, some[1] * DAY_US, 24):
                yield found
            first, end = (first, cut) if self._newest_first else (cut, end)
            size = min(size * 4, DAYS_AT_MOST)

    async def _cells(self, start: int, end: int, hours: int) -> list[tuple[int, Cell]]:
        found = await sums(self._store, self._filters, start, end, bucket=hours) or {}
        cells = [(int(group[0]), cell) for group, cell in found.items()]
        return sorted(cells, key=lambda pair: pair[0], reverse=self._newest_first)

    def _whole(self, start: int, span_us: int) -> bool:
        return self._from_us <= start and start + span_us <= self._to_us

    def _passed(self, start: int, span_us: int, cell: Cell) -> bool:
        """Tell whether a day or hour need not be read; what is skipped over is counted."""
        count = cell[EVENTS]
        if not count or start >= self._to_us or start + span_us <= self._from_us:
            return True
        if not self._whole(start, span_us) or count > self._skip:
            return False
        self._skip -= count
        return True

    def _pieces(self, cell: Cell, span_us: int, start: int) -> list[Piece]:
        """Return the times to read, in order: as tight as the cell can tell."""
        if cell[EVENTS] <= 2 and not cell[TRIED]:
            pieces = [(at, at + 1) for at in sorted({cell[FIRST], cell[LAST]})]
        elif self._indexed:
            pieces = [(start, start + span_us)]
        else:
            bit_us = MINUTE_US if span_us == HOUR_US else HOUR_US
            pieces = _runs(cell[WHEN], start, bit_us)
        low, high = max(self._from_us, cell[FIRST]), min(self._to_us, cell[LAST] + 1)
        cut = [(max(low, first), min(high, last)) for first, last in pieces]
        cut = [piece for piece in cut if piece[0] < piece[1]]
        return cut[::-1] if self._newest_first else cut


def _runs(bits: int, start: int, bit_us: int) -> list[Piece]:
    """Return the times whose bits are set, neighbours as one."""
    runs: list[Piece] = []
    for number in range(bits.bit_length()):
        if bits >> number & 1:
            first, last = start + number * bit_us, start + (number + 1) * bit_us
            if runs and runs[-1][1] == first:
                runs[-1] = (runs[-1][0], last)
            else:
                runs.append((first, last))
    return runs


def _width(pieces: Sequence[Piece], cell: Cell, need: int) -> int:
    """Return how long a piece of time should hold as many events as are needed."""
    length = sum(last - first for first, last in pieces)
    share = min(1.0, (need + SPARE) / max(1, cell[EVENTS]))
    return max(round(length * share), SHORTEST_US)
