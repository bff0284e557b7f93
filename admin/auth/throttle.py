"""Sign-in attempts, bounded per address and per account.

Owns the record of recent failed attempts of this process. Promises that guessing stops after
`LIMIT` failures in `WINDOW_S`, also when they are sent at once, and that memory stays bounded.
"""

from collections import OrderedDict, deque
from collections.abc import Callable, Iterable

LIMIT = 20
WINDOW_S = 20 * 60
MAX_SUBJECTS = 10_000


class Throttle:
    """Counts attempts by subject (an address, an account)."""

    def __init__(self, now_s: Callable[[], float], *, limit: int = LIMIT) -> None:
        self._now_s = now_s
        self._limit = limit
        self._attempts: OrderedDict[str, deque[float]] = OrderedDict()

    def enter(self, subjects: Iterable[str]) -> int | None:
        """Count one attempt; returns None, or the seconds to wait when there were too many.

        An attempt counts from its start, so a burst cannot slip through before its first failure.
        """
        now = self._now_s()
        names = tuple(subjects)
        waits = [wait for name in names if (wait := self._wait_s(name, now)) is not None]
        if waits:
            return max(waits)
        for name in names:
            self._attempts.setdefault(name, deque()).append(now)
            self._attempts.move_to_end(name)
        while len(self._attempts) > MAX_SUBJECTS:
            self._attempts.popitem(last=False)
        return None

    def forgive(self, subjects: Iterable[str]) -> None:
        """Take back the newest attempt of each subject: it succeeded."""
        for name in subjects:
            attempts = self._attempts.get(name)
            if attempts:
                attempts.pop()

    def _wait_s(self, name: str, now: float) -> int | None:
        attempts = self._attempts.get(name)
        if attempts is None:
            return None
        while attempts and attempts[0] <= now - WINDOW_S:
            attempts.popleft()
        if len(attempts) < self._limit:
            return None
        return max(1, int(attempts[0] + WINDOW_S - now) + 1)
