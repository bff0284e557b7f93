"""Attempts, bounded per address and per account; counted by whoever composes the server."""

from collections.abc import Iterable
from typing import Protocol

#: Failed attempts to sign in that an address or an account has in so many seconds.
LIMIT = 20
WINDOW_S = 20 * 60


class Throttle(Protocol):
    """Counts attempts by subject (an address, an account)."""

    async def enter(self, subjects: Iterable[str]) -> int | None:
        """Count one attempt; returns None, or the seconds to wait when there were too many.

        An attempt counts from its start, so a burst cannot slip through before its first failure.
        """
        ...

    def forgive(self, subjects: Iterable[str]) -> None:
        """Take back the newest attempt of these subjects: it succeeded."""
        ...


class ByAddress(Protocol):
    """Counts requests by address."""

    async def enter(self, subjects: Iterable[str]) -> int | None:
        """Count one request; returns None, or the seconds to wait when there were too many."""
        ...

    def words(self, address: str, wait_s: int) -> str:
        """Say why an address must wait, and for how long."""
        ...
