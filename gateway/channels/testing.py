"""Tests of channels, one at a time or in rounds, for people and for jobs.

What is found is kept in the channel's record (gateway/directory/care.py) and in One API's columns
of the channel; what follows from it is in judge.py, what it cost in trial_cost.py.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import NamedTuple
from uuid import uuid4

from gateway.channels.judge import OK, SLOW, Judge
from gateway.channels.probe import Probe, Trial, Wanted
from gateway.channels.rounds import Background, Pace, Rounds, Tally
from gateway.channels.trial_cost import TrialBooks
from gateway.directory.care import TESTED, CareRecords, Claim
from gateway.directory.channels import STATUS_DISABLED, Channel
from gateway.directory.directory import Directory
from ledger.clock import Clock
from ledger.errors import StoreError

TESTS = "tests"
TESTS_AT_ONCE = 8
#: Which channels a round is about: all of them, those that are off, or those that no person
#: switched off.
SCOPES: dict[str, Callable[[Channel], bool]] = {
    "all": lambda channel: True,
    "disabled": lambda channel: not channel.is_enabled,
    "kept": lambda channel: channel.status != STATUS_DISABLED,
}

log = logging.getLogger("tollgate.channels")


class Latest(NamedTuple):
    """The newest test of a channel by this process, for metrics."""

    ok: bool
    seconds: float


class ChannelTests:
    """Tests channels. `pause_s` are the seconds between two tests of a round."""

    def __init__(
        self,
        directory: Directory,
        records: CareRecords,
        probe: Probe,
        judge: Judge,
        books: TrialBooks,
        clock: Clock,
        pause_s: float,
    ) -> None:
        self.latest: dict[int, Latest] = {}
        self._directory = directory
        self._records = records
        self._probe = probe
        self._judge = judge
        self._books = books
        self._clock = clock
        self._rounds = Rounds(records, clock)
        self._pace = Pace(1 if pause_s else TESTS_AT_ONCE, pause_s)
        self._background = Background()

    async def test(
        self,
        channel: Channel,
        by: str,
        *,
        model: str | None = None,
        stream: bool | None = None,
        kind: str | None = None,
    ) -> Trial:
        """Test one channel because somebody asks: a success may switch it on, nothing else follows.

        What is None is as the channel says. Raises StoreError.
        """
        trial = await self._trial(channel, Wanted(model, stream, kind), by)
        verdict = self._judge.verdict(trial)
        if trial.ok and verdict != SLOW:
            await self._judge.praise(channel)
        await self._note(channel, trial, verdict)
        return trial

    async def run(self, scope: str, by: str, stopping: asyncio.Event) -> Tally:
        """Test many channels, and return when that is done. Raises RoundRuns, StoreError."""
        channels = self._in_scope(scope)
        claim = await self._rounds.claim(TESTS, by, scope, channels)
        return await self._round(claim, channels, by, stopping)

    async def begin(self, scope: str, by: str) -> int:
        """Begin to test many channels in the background; return how many. Raises as `run`."""
        channels = self._in_scope(scope)
        claim = await self._rounds.claim(TESTS, by, scope, channels)
        self._background.start(self._round(claim, channels, by, self._background.stopping))
        return len(channels)

    async def aclose(self) -> None:
        """End what runs in the background, for another process to begin anew."""
        await self._background.aclose()

    def _in_scope(self, scope: str) -> list[Channel]:
        kept = {channel.id for channel in self._directory.all_channels()}
        for gone in self.latest.keys() - kept:
            del self.latest[gone]
        return list(filter(SCOPES[scope], self._directory.all_channels()))

    async def _round(
        self, claim: Claim, channels: Sequence[Channel], by: str, stopping: asyncio.Event
    ) -> Tally:
        async def look(channel: Channel) -> Sequence[str]:
            # As it is now: the round may have begun long ago.
            current = self._directory.channel(channel.id)
            return () if current is None else await self._look(current, by)

        return await self._rounds.run(claim, channels, look, self._pace, stopping)

    async def _look(self, channel: Channel, by: str) -> Sequence[str]:
        trial = await self._trial(channel, Wanted(), by)
        try:
            labels = await self._judge.judge(channel, trial)
            await self._note(channel, trial, labels[0])
        except StoreError as error:
            log.error("the test of channel %d was not written down: %s", channel.id, error)
            return ("not written down",)
        if labels[0] != OK:
            told = f"{trial.message} ({trial.seconds:.1f} s)"
            log.info("channel %d: %s: %s", channel.id, labels[0], told)
        return labels

    async def _trial(self, channel: Channel, wanted: Wanted, by: str) -> Trial:
        trial = await self._probe.test(channel, wanted)
        self.latest[channel.id] = Latest(trial.ok, trial.seconds)
        await self._books.record(channel, trial, f"test-{uuid4().hex}", by)
        return trial

    async def _note(self, channel: Channel, trial: Trial, verdict: str) -> None:
        at_s, milliseconds = self._clock.now_us() // 1_000_000, int(trial.seconds * 1000)
        found = {
            "at_s": at_s,
            "verdict": verdict,
            "message": trial.message,
            "milliseconds": milliseconds,
            "model": trial.model,
            "kind": trial.kind,
            "stream": trial.stream,
        }
        await self._records.note(channel.id, TESTED, found)
        columns = {"test_s": at_s}
        if trial.ok:
            columns["response_ms"] = milliseconds
        await self._directory.channels.note(channel.id, columns, "test_s")
