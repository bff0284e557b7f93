"""Rests of channels and upstream keys, told to the other processes through Redis.

What one process learned the hard way (a limit with its time, refused credentials, a breaker) the
others need not learn again. Each asks once a second, so short rests are not worth telling. Nothing
depends on it: without Redis every process finds out for itself.
"""

import asyncio
from collections.abc import Callable

from gateway.channels.health import Health, Subject
from gateway.limits.line import Line
from gateway.limits.rule import Away
from gateway.limits.scripts import HEAR, TELL
from gateway.tasks import end_all

ASK_EVERY_S = 1.0
SHORTEST_TOLD_S = 2.0


class Rests:
    """Tells and hears for one process. `name` is the installation's, `origin` the process's own."""

    def __init__(
        self,
        line: Line,
        name: str,
        origin: str,
        health: Callable[[], Health],
        now_s: Callable[[], float],
        *,
        ask_every_s: float = ASK_EVERY_S,
    ) -> None:
        self._line = line
        self._key = f"{{tollgate:{name}}}:rests"
        self._origin = origin
        self._health = health
        self._now_s = now_s
        self._ask_every_s = ask_every_s
        # Until when, by Redis's clock, each was heard to rest.
        self._heard: dict[str, int] = {}
        self._asker: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to tell and to ask."""
        self._health().told = self.tell
        self._asker = asyncio.create_task(self._ask())

    async def close(self) -> None:
        """Stop asking."""
        await end_all([self._asker] if self._asker is not None else [])

    def tell(self, subject: Subject, length_s: float) -> None:
        """Say that a subject rests from now on; nobody waits."""
        if length_s >= SHORTEST_TOLD_S:
            channel, fingerprint = subject
            arguments: list[str | int] = [
                "",
                f"{channel}:{fingerprint}",
                int(length_s * 1000),
                self._origin,
            ]
            self._line.send(TELL, [self._key], arguments)

    async def _ask(self) -> None:
        while True:
            await asyncio.sleep(self._ask_every_s)
            try:
                said = await self._line.call(HEAR, [self._key], [""])
            except Away:
                continue
            self._hear([each.decode() for each in said])

    def _hear(self, said: list[str]) -> None:
        """Take over what others told: who, until when, for how many milliseconds still, whose."""
        heard: dict[str, int] = {}
        for place in range(0, len(said), 4):
            name, until_ms, left_ms, origin = said[place : place + 4]
            heard[name] = int(until_ms)
            if origin != self._origin and self._heard.get(name, 0) < heard[name]:
                channel, _, fingerprint = name.partition(":")
                now_s = self._now_s()
                self._health().learn((int(channel), fingerprint), now_s, int(left_ms) / 1000)
        self._heard = heard
