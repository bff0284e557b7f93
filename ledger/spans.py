"""Spans: how a period is cut into the times of pages.

Owns the cutting. Promises that spans and edges together are the period, no time twice. Refuses
nothing.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from ledger.cubes import DAY_US, HOUR_US, MINUTE_US, QUARTER_ALL, QUARTER_US
from ledger.wanted import Wanted


@dataclass(frozen=True, slots=True)
class Span:
    """A run of whole days, hours, quarters of hours or minutes: `unit_us` is how long one is.

    Each but a minute has a page of its own; those of minutes are the quarters' (`page_us`).
    """

    unit_us: int
    start: int
    end: int

    def __contains__(self, ts: int) -> bool:
        return self.start <= ts < self.end

    @property
    def page_us(self) -> int:
        """How long the time of a page is."""
        return max(self.unit_us, QUARTER_US)


@dataclass(slots=True)
class Plan:
    """Where the numbers of a period come from. An edge with sign -1 is taken away again."""

    spans: list[Span] = field(default_factory=list)
    edges: list[tuple[int, int, int]] = field(default_factory=list)


def plan(from_us: int, to_us: int, units: Sequence[int]) -> Plan:
    """Cut a period into whole units, the longest where possible, and pieces of one at its ends.

    Of a shortest unit of which more than half is wanted the whole is taken, the rest taken away.
    """
    made, unit = Plan(), units[-1]
    if from_us >= to_us:
        return made
    start, end = -(-from_us // unit) * unit, to_us // unit * unit
    if start > end:
        made.edges.append((from_us, to_us, 1))
        return made
    if start - from_us > unit // 2:
        made.edges.append((start - unit, from_us, -1))
        start -= unit
    elif start > from_us:
        made.edges.append((from_us, start, 1))
    if to_us - end > unit // 2:
        made.edges.append((to_us, end + unit, -1))
        end += unit
    elif end < to_us:
        made.edges.append((end, to_us, 1))
    made.spans = _cut(start, end, units)
    return made


def _cut(start: int, end: int, units: Sequence[int]) -> list[Span]:
    if start >= end or not units:
        return []
    unit, shorter = units[0], units[1:]
    first, last = -(-start // unit) * unit, end // unit * unit
    if first >= last:
        return _cut(start, end, shorter)
    middle = Span(unit, first, last)
    return [*_cut(start, first, shorter), middle, *_cut(last, end, shorter)]


def units_for(wanted: Iterable[Wanted], by: Sequence[int], bucket_us: int | None) -> list[int]:
    """Return the lengths of the units that can be used, the longest first."""
    needed = {*by, *(at for one in wanted for at in one.allowed)}
    shortest = QUARTER_US if needed <= set(QUARTER_ALL.keeps) else HOUR_US
    return [
        unit
        for unit in (DAY_US, HOUR_US, QUARTER_US)
        if unit >= shortest and (bucket_us is None or unit <= bucket_us)
    ]


def units_to_count(wanted: Sequence[Wanted]) -> list[int] | None:
    """Return the lengths of the units that can be used where only events are counted: minutes too.

    None when there is nothing to gain. Attempts on other channels are not counted by minute.
    """
    units = units_for(wanted, (), None)
    if units[-1] != QUARTER_US or any(one.tried for one in wanted):
        return None
    return [DAY_US, HOUR_US, MINUTE_US]
