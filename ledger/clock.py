"""Time, passed in.

Owns the only two readings of time that the books use. Promises nothing about the wall clock (it
may jump); whoever needs order takes max(now, last + 1) of it. Refuses nothing.
"""

import time


class Clock:
    """The machine's clocks; tests pass a subclass that they move by hand."""

    def now_us(self) -> int:
        """Return wall-clock time in microseconds since the epoch."""
        return time.time_ns() // 1_000

    def monotonic_s(self) -> float:
        """Return seconds of a clock that never goes back; only differences mean anything."""
        return time.monotonic()
