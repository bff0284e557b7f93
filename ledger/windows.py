"""Windows: the pieces of time that must be read for rows.

Owns how tight they are: from the bits and counts of a cell to times. Refuses nothing;
ledger/seek.py decides what must be read.
"""

from dataclasses import dataclass
from math import isqrt

from ledger.cubes import EVENTS, FIRST, HOUR_US, LAST, TRIED, Cell

SPARE = 5
SHORTEST_US = 1_000_000
MOST_PIECES = 8

Piece = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Window:
    """A day, an hour or some minutes that must be read.

    `count` events match in it, of which the first `skip` are not wanted; both None when only a part
    of it is in the period. `points` are times at which all of them are, if that is known. `cell`
    tells how close together they are.
    """

    count: int | None
    skip: int | None
    pieces: list[Piece]
    points: list[int] | None
    cell: Cell

    def width(self, need: int) -> int:
        """Return how long a piece of time should hold as many events as are needed."""
        cell = self.cell
        length = cell[LAST] + 1 - cell[FIRST]
        share = min(1.0, (need + SPARE + 2 * isqrt(need)) / max(1, cell[EVENTS] + cell[TRIED]))
        return max(round(length * share), SHORTEST_US)


def hour(at: int) -> int:
    """Return the start of an hour."""
    return at // HOUR_US * HOUR_US


def runs(bits: int, start: int, bit_us: int) -> list[Piece]:
    """Return the times whose bits are set: near ones as one, and all as one if they are many."""
    found: list[Piece] = []
    for number in range(bits.bit_length()):
        if bits >> number & 1:
            first, last = start + number * bit_us, start + (number + 1) * bit_us
            if found and found[-1][1] + bit_us >= first:
                found[-1] = (found[-1][0], last)
            else:
                found.append((first, last))
    return found if len(found) <= MOST_PIECES else [(found[0][0], found[-1][1])]
