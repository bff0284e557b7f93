"""Seek: the rows of a log, found through the rollups.

Owns the pages of a log: for any filter, newest or oldest first, from any place. Promises every
matching event once and in order, and to read little more than the page: days and hours without a
match, or that are skipped over, are known from their cells and not read. Refuses nothing; where
cells can't tell, the events are read in order (ledger/scan.py).
"""

from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing

from ledger.cubes import (
    DAY_US,
    EVENTS,
    FIRST,
    HOUR_US,
    LAST,
    MINUTE_US,
    QUARTER_US,
    TRIED,
    WHEN,
    Cell,
    by_minute,
)
from ledger.events import Document
from ledger.recent import Recent
from ledger.scan import at_times, birth_us, in_time, within
from ledger.store import Store
from ledger.totals import FOREVER_US, sums
from ledger.wanted import Filter, translate
from ledger.windows import Piece, Window, hour, runs

DAYS_AT_FIRST, DAYS_AT_MOST = 4, 366
FEW = 200
EXACT = 2  # the first and the last time in a cell are those of all its events
DEEP = 50


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
        recent: Recent | None = None,
    ) -> None:
        self._store = store
        self._filters = filters
        self._from_us = from_us or 0
        self._to_us = FOREVER_US if to_us is None else to_us
        self._newest_first = newest_first
        self._now_us = now_us
        self._recent = recent
        self._dense = not filters or all(set(given) == {"account"} for given in filters)
        self._by_account = bool(filters) and all("account" in given for given in filters)
        self._has_quarters = not any("account" in given or "body.key" in given for given in filters)
        self._skip = self._need = 0

    async def rows(self, *, skip: int = 0, need: int) -> AsyncGenerator[Document, None]:
        """Yield events behind the first `skip`, in order; `need` says how many will be read."""
        self._skip, self._need = skip, need
        known = translate([given for given in self._filters if "_id" not in given])
        async with aclosing(self._read_all() if known is None else self._read_found()) as events:
            async for event in events:
                self._need -= 1
                yield event

    async def _read_all(self) -> AsyncGenerator[Document, None]:
        events = in_time(
            self._store,
            *self._filters,
            from_us=self._from_us,
            to_us=self._to_us,
            newest_first=self._newest_first,
            now_us=self._now_us,
        )
        async with aclosing(events):
            async for event in events:
                if self._skip:
                    self._skip -= 1
                else:
                    yield event

    async def _read_found(self) -> AsyncGenerator[Document, None]:
        """Gather windows until they hold enough, then read them together."""
        self._recent = self._recent or await Recent.read(self._store)
        gathered: list[Window] = []
        async with aclosing(self._windows()) as windows:
            async for window in windows:
                gathered.append(window)
                sure = sum(w.count - (w.skip or 0) for w in gathered if w.count is not None)
                if window.count is None or sure >= self._need:
                    async for event in self._read(gathered):
                        yield event
                    gathered = []
        async for event in self._read(gathered):
            yield event

    async def _read(self, windows: Sequence[Window]) -> AsyncGenerator[Document, None]:
        points = [at for window in windows for at in window.points or ()]
        there = await at_times(self._store, self._filters, points) if points else []
        for window in windows:
            skip = window.skip
            if window.points is not None:
                found = self._at(window, there)
            elif skip and skip > (window.count or 0) // 2:
                found, skip = self._from_the_other_end(window), 0
            else:
                found = self._in(window)
            async with aclosing(found):
                async for event in found:
                    if skip:
                        skip -= 1
                    elif skip is None and self._skip:
                        self._skip -= 1
                    else:
                        yield event

    async def _at(
        self, window: Window, there: Sequence[Document]
    ) -> AsyncGenerator[Document, None]:
        mine = [event for event in there if event["ts"] in (window.points or ())]
        order = sorted(mine, key=lambda event: (event["ts"], event["_id"]))
        for event in reversed(order) if self._newest_first else order:
            yield event

    async def _in(self, window: Window) -> AsyncGenerator[Document, None]:
        width = window.width((window.skip or self._skip) + max(self._need, 1))
        for piece in window.pieces:
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

    async def _from_the_other_end(self, window: Window) -> AsyncGenerator[Document, None]:
        """Yield the events of a window of which most are skipped, those in between left out.

        Its count says how many there are on the other side of the rows that are needed.
        """
        count, skip = window.count or 0, window.skip or 0
        spare = max(0, count - skip - max(self._need, 1))
        rows: list[Document] = []
        for first, last in reversed(window.pieces):
            events = within(
                self._store,
                self._filters or ({},),
                first,
                last,
                newest_first=not self._newest_first,
                width=window.width(count - skip),
            )
            async with aclosing(events):
                async for event in events:
                    rows.append(event)
                    if len(rows) == count - skip:
                        break
            if len(rows) == count - skip:
                break
        del rows[:spare]
        for event in reversed(rows):
            yield event

    async def _windows(self) -> AsyncGenerator[Window, None]:
        """Yield the days and hours that must be read."""
        async with aclosing(self._days()) as days:
            async for start, cell in days:
                if self._passed(start, DAY_US, cell[EVENTS]):
                    continue
                if self._few(cell):
                    yield self._window(start, DAY_US, cell)
                    continue
                for at_hour, hourly in await self._cells(start, start + DAY_US, HOUR_US):
                    if self._passed(at_hour, HOUR_US, hourly[EVENTS]):
                        continue
                    if not self._by_quarters(hourly):
                        yield self._window(at_hour, HOUR_US, hourly)
                        continue
                    for at, cell in await self._cells(at_hour, at_hour + HOUR_US, QUARTER_US):
                        if not self._passed(at, QUARTER_US, cell[EVENTS]):
                            for window in self._minutes(at, cell):
                                yield window

    def _few(self, cell: Cell) -> bool:
        """Tell whether a day need not be searched by the hour."""
        count = cell[EVENTS] + cell[TRIED]
        return count <= EXACT or (count <= FEW and self._by_account)

    def _by_quarters(self, hourly: Cell) -> bool:
        """Tell whether an hour should be searched by the quarter: much of it is skipped, or the
        rows are among others, and its cell can't tell when exactly each was recorded."""
        if not self._has_quarters:
            return False
        return self._skip >= DEEP or (not self._dense and hourly[EVENTS] > EXACT)

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
            for found in await self._cells(some[0] * DAY_US, some[1] * DAY_US, DAY_US):
                yield found
            first, end = (first, cut) if self._newest_first else (cut, end)
            size = min(size * 4, DAYS_AT_MOST)

    async def _cells(self, start: int, end: int, bucket_us: int) -> list[tuple[int, Cell]]:
        """Return the cells of whole buckets that reach into the period, in order."""
        start = max(start, self._from_us // bucket_us * bucket_us)
        end = min(end, -(-self._to_us // bucket_us) * bucket_us)
        found = await sums(
            self._store, self._filters, start, end, bucket_us=bucket_us, recent=self._recent
        )
        found = found or {}
        cells = [(int(group[0]), cell) for group, cell in found.items()]
        return sorted(cells, key=lambda pair: pair[0], reverse=self._newest_first)

    def _whole(self, start: int, span_us: int) -> bool:
        return self._from_us <= start and start + span_us <= self._to_us

    def _passed(self, start: int, span_us: int, count: int) -> bool:
        """Tell whether a piece of time with so many events need not be read; what is skipped over
        is counted."""
        if not count or start >= self._to_us or start + span_us <= self._from_us:
            return True
        if not self._whole(start, span_us) or count > self._skip:
            return False
        self._skip -= count
        return True

    def _window(self, start: int, span_us: int, cell: Cell) -> Window:
        """Return what to read of a day or hour, as tight as its cell can tell, in order."""
        count = cell[EVENTS] if self._whole(start, span_us) else None
        if cell[EVENTS] <= EXACT and not cell[TRIED]:
            low, high = self._within(cell)
            points = [at for at in {cell[FIRST], cell[LAST]} if low <= at < high]
            return self._begun(count, [], cell, points)
        pieces = [(start, start + span_us)]
        if not self._dense and not (self._by_account and span_us < DAY_US):
            bit_us, base = (HOUR_US, start) if span_us == DAY_US else (MINUTE_US, hour(start))
            pieces = runs(cell[WHEN], base, bit_us)
        return self._begun(count, pieces, cell)

    def _minutes(self, start: int, cell: Cell) -> Iterator[Window]:
        """Yield what to read of a quarter of an hour: not the minutes that are skipped over.

        Of a minute that is only partly in the period it is not known how many are skipped before it
        has been read, so it is a window of its own, which is read before this goes on.
        """
        counts = by_minute(cell) if cell[EVENTS] > EXACT else None
        if counts is None:
            yield self._window(start, QUARTER_US, cell)
            return
        left = {at: count for at, count in zip(_minutes_of(start), counts, strict=True) if count}
        for at in sorted(left, reverse=self._newest_first):
            if not self._passed(at, MINUTE_US, left[at]):
                if self._whole(at, MINUTE_US):
                    break
                yield self._begun(None, [(at, at + MINUTE_US)], cell)
            del left[at]
        if left:
            pieces = runs(sum(1 << (at - start) // MINUTE_US for at in left), start, MINUTE_US)
            first, last = pieces[0][0], pieces[-1][1]
            count = sum(left.values()) if self._whole(first, last - first) else None
            yield self._begun(count, [(first, last)] if self._dense else pieces, cell)

    def _within(self, cell: Cell) -> Piece:
        return max(self._from_us, cell[FIRST]), min(self._to_us, cell[LAST] + 1)

    def _begun(
        self, count: int | None, pieces: list[Piece], cell: Cell, points: list[int] | None = None
    ) -> Window:
        """Return a window of pieces in order of time; if it is whole, skipping ends in it."""
        low, high = self._within(cell)
        cut = [(max(low, first), min(high, last)) for first, last in pieces]
        cut = [piece for piece in cut if piece[0] < piece[1]]
        skip = None if count is None else self._skip
        if count is not None:
            self._skip = 0
        return Window(count, skip, cut[::-1] if self._newest_first else cut, points, cell)


def _minutes_of(quarter: int) -> range:
    return range(quarter, quarter + QUARTER_US, MINUTE_US)
