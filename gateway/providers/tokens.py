"""Tokens that vendors hand out for credentials: kept until they expire, fetched once at a time."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass

MOST = 10_000
# A token is renewed when so much of its time is left, so that none expires on its way.
_EARLY_S = 120.0


@dataclass(frozen=True, slots=True)
class Token:
    """`text` is what is sent, `until_s` when it expires (Unix seconds)."""

    text: str
    until_s: float


class Tokens:
    """The tokens of one protocol in this process.

    Names are for the credentials, which must be part of them: whoever knows none gets no token.
    """

    def __init__(self, now_s: Callable[[], float]) -> None:
        self._now_s = now_s
        self._kept: dict[Hashable, Token] = {}
        self._fetching: dict[Hashable, asyncio.Task[Token]] = {}

    async def get(self, name: Hashable, fetch: Callable[[], Awaitable[Token]]) -> str:
        """Return a token that is good for a while yet. Raises what `fetch` raises.

        Who asks meanwhile waits for the same fetch; one who leaves does not take it from others.
        """
        known = self._kept.get(name)
        if known is not None and self._now_s() < known.until_s - _EARLY_S:
            return known.text
        task = self._fetching.get(name)
        if task is None:
            task = self._fetching[name] = asyncio.ensure_future(self._fetch(name, fetch))
            task.add_done_callback(_noted)
        return (await asyncio.shield(task)).text

    def forget(self, name: Hashable) -> None:
        """Let go of a token that was refused."""
        self._kept.pop(name, None)

    async def _fetch(self, name: Hashable, fetch: Callable[[], Awaitable[Token]]) -> Token:
        try:
            token = await fetch()
            if len(self._kept) >= MOST:
                self._kept.clear()
            self._kept[name] = token
            return token
        finally:
            self._fetching.pop(name, None)


def _noted(task: asyncio.Task[Token]) -> None:
    """Look at how a fetch ended that nobody may wait for any more."""
    if not task.cancelled():
        task.exception()
