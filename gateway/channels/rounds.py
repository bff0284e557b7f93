"""Rounds: one kind of care for many channels, once at a time in the whole cluster.

A round is claimed before it begins (gateway/directory/care.py), says how far it is while it runs,
and says in one line of the log how it ended.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any

from gateway.directory.care import CareRecords, Claim
from gateway.directory.channels import Channel
from gateway.tasks import end_all, waited
from ledger.clock import Clock
from ledger.errors import StoreError

PROGRESS_S = 1.0
CLOSE_S = 2.0
MOST_NAMED = 200

#: Looks at one channel and returns labels for what it found, such as ("failed", "switched off").
#: Must not raise for what an upstream or the database does; what it raises all the same is logged.
Look = Callable[[Channel], Awaitable[Sequence[str]]]

log = logging.getLogger("tollgate.channels")


@dataclass(frozen=True, slots=True)
class Pace:
    """How many channels are looked at at once, and the seconds between one and the next."""

    at_once: int
    pause_s: float = 0.0


@dataclass(slots=True)
class Tally:
    """What a round found: by label how often, and of which channels, up to MOST_NAMED."""

    done: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    channels: dict[str, list[int]] = field(default_factory=dict)

    def add(self, channel_id: int, labels: Sequence[str]) -> None:
        """Count a channel."""
        self.done += 1
        for label in labels:
            self.counts[label] = self.counts.get(label, 0) + 1
            named = self.channels.setdefault(label, [])
            if len(named) < MOST_NAMED:
                named.append(channel_id)

    def told(self, quiet: str) -> str:
        """Say it in one line; of the label `quiet` only how many there are."""
        parts = []
        for label, count in self.counts.items():
            which = (
                "" if label == quiet else f" ({', '.join(map(str, sorted(self.channels[label])))})"
            )
            parts.append(f"{count} {label}{which}")
        return "; ".join(parts) or "nothing to do"

    def stored(self) -> dict[str, Any]:
        """Return it as a round's document holds it."""
        return {
            label: {"count": count, "channels": sorted(self.channels[label])}
            for label, count in self.counts.items()
        }


class Background:
    """Rounds that run while nobody waits for them. `stopping` is set when they are to end."""

    def __init__(self) -> None:
        self.stopping = asyncio.Event()
        self._tasks: set[asyncio.Task[Tally]] = set()

    def start(self, round_: Coroutine[Any, Any, Tally]) -> None:
        """Begin one."""
        task = asyncio.create_task(round_)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def aclose(self) -> None:
        """End them all, for another process to begin anew."""
        self.stopping.set()
        await end_all(set(self._tasks), CLOSE_S)


class Rounds:
    """Runs rounds."""

    def __init__(self, records: CareRecords, clock: Clock) -> None:
        self._records = records
        self._clock = clock

    async def claim(self, kind: str, by: str, scope: str, channels: Sequence[Channel]) -> Claim:
        """Begin a round. Raises RoundRuns while one of its kind runs, StoreError."""
        return await self._records.claim(kind, by, scope, len(channels))

    async def run(
        self,
        claim: Claim,
        channels: Sequence[Channel],
        look: Look,
        pace: Pace,
        stopping: asyncio.Event,
        good: str = "ok",
    ) -> Tally:
        """Look at every channel, and tell how it went. Ends early when `stopping` is set.

        `good` is the label that needs no names in the notice at the end.
        """
        tally, ended = Tally(), False
        try:
            ended = await self._go(claim, channels, look, pace, stopping, tally)
        finally:
            await self._end(claim, tally)
        rest = "" if ended else f", {len(channels) - tally.done} left out"
        level = logging.INFO if set(tally.counts) <= {good} else logging.WARNING
        log.log(level, "a round of %s is over: %s%s", claim.kind, tally.told(good), rest)
        return tally

    async def _go(
        self,
        claim: Claim,
        channels: Sequence[Channel],
        look: Look,
        pace: Pace,
        stopping: asyncio.Event,
        tally: Tally,
    ) -> bool:
        """Work through the channels; False when some were left out."""
        waiting, owned, told_s = iter(channels), True, self._clock.monotonic_s()

        async def work() -> None:
            nonlocal owned, told_s
            for channel in waiting:
                if stopping.is_set() or not owned:
                    return
                tally.add(channel.id, await _looked_at(look, channel))
                now_s = self._clock.monotonic_s()
                if now_s - told_s >= PROGRESS_S:
                    told_s = now_s
                    owned = await self._told(claim, tally)
                if pace.pause_s:
                    await waited(stopping, pace.pause_s)

        async with asyncio.TaskGroup() as group:
            for _ in range(min(pace.at_once, len(channels))):
                group.create_task(work())
        return tally.done == len(channels)

    async def _told(self, claim: Claim, tally: Tally) -> bool:
        """Write down how far a round is; False when another process has taken it over."""
        try:
            return await self._records.progress(claim, tally.done, tally.stored())
        except StoreError as error:
            log.debug("the progress of a round of %s was not written: %s", claim.kind, error)
            return True

    async def _end(self, claim: Claim, tally: Tally) -> None:
        try:
            await self._records.progress(claim, tally.done, tally.stored(), ended=True)
        except StoreError as error:  # another one may begin when this one shows no progress
            log.warning("the end of a round of %s was not written: %s", claim.kind, error)


async def _looked_at(look: Look, channel: Channel) -> Sequence[str]:
    """Look at a channel; a fault of ours with one of them must not end the round."""
    try:
        return await look(channel)
    except Exception:
        log.exception("channel %d could not be looked at", channel.id)
        return ("not looked at",)
