"""What is asked of channels' vendors with the channels' own keys, for one channel or in a round.

The two kinds of it (accounts.py, model_diffs.py) say which channels it is for and look at one of
them; how a round over all goes is here.
"""

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from gateway.channels.rounds import Background, Pace, Rounds, Tally
from gateway.directory.care import CareRecords
from gateway.directory.catalogue import Catalogue
from gateway.directory.channels import STATUS_DISABLED, Channel
from gateway.directory.directory import Directory
from gateway.providers.pages import VendorPages
from ledger.clock import Clock
from ledger.errors import StoreError

AT_ONCE = 4

log = logging.getLogger("tollgate.channels")


@dataclass(frozen=True, slots=True)
class Asking:
    """What it takes to ask. `pause_s` are the seconds between two channels of a round."""

    directory: Directory
    catalogue: Catalogue
    records: CareRecords
    pages: VendorPages
    clock: Clock
    pause_s: float


class VendorRounds(ABC):
    """Base of both. `kind` names a round, `part` what it writes down of a channel; `good` is the
    label of a channel of which there is nothing to tell."""

    kind: ClassVar[str]
    part: ClassVar[str]
    good: ClassVar[str]

    def __init__(self, asking: Asking) -> None:
        self._directory = asking.directory
        self._catalogue = asking.catalogue
        self._records = asking.records
        self._pages = asking.pages
        self._clock = asking.clock
        self._rounds = Rounds(asking.records, asking.clock)
        self._pace = Pace(1 if asking.pause_s else AT_ONCE, asking.pause_s)
        self._background = Background()

    @abstractmethod
    def offered(self, channel: Channel) -> bool:
        """Whether the channel's vendor shows it at all."""

    @abstractmethod
    async def _labels(self, channel: Channel) -> Sequence[str]:
        """Ask for one channel, keep what is found, and say it in labels. Raises StoreError."""

    async def run(self, by: str, stopping: asyncio.Event) -> Tally:
        """Ask for every channel that is offered it. Raises RoundRuns, StoreError."""
        channels = self._in_scope()
        claim = await self._rounds.claim(self.kind, by, "all", channels)
        look, pace = self._look, self._pace
        return await self._rounds.run(claim, channels, look, pace, stopping, good=self.good)

    async def begin(self, by: str) -> int:
        """Begin that in the background; return for how many channels. Raises as `run`."""
        channels = self._in_scope()
        claim = await self._rounds.claim(self.kind, by, "all", channels)
        look, pace, stopping = self._look, self._pace, self._background.stopping
        self._background.start(
            self._rounds.run(claim, channels, look, pace, stopping, good=self.good)
        )
        return len(channels)

    async def aclose(self) -> None:
        """End what runs in the background."""
        await self._background.aclose()

    def _in_scope(self) -> list[Channel]:
        return [
            channel
            for channel in self._directory.all_channels()
            if channel.status != STATUS_DISABLED and self.offered(channel)
        ]

    async def _look(self, channel: Channel) -> Sequence[str]:
        """Look at a channel as it is by now."""
        current = self._directory.channel(channel.id)
        if current is None:
            return ()
        try:
            return await self._labels(current)
        except StoreError as error:
            log.error("the %s of channel %d was not written down: %s", self.part, channel.id, error)
            return ("not written down",)
