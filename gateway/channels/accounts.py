"""What is left at the vendors: asked for one channel or for all, and kept as the vendor said it.

A channel with several upstream keys has what all of them have together; each key's own amount is
in the channel's record, by its fingerprint. Keys of one and the same account each show all of it,
which nobody but the operator can know: the record tells.
"""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from gateway.channels.balances import PROBES, Account, Amount, BalanceUnknown, today_of
from gateway.channels.rounds import Background, Pace, Rounds, Tally
from gateway.channels.upstream_keys import UpstreamKey, read_keys
from gateway.directory.care import BALANCE, CareRecords
from gateway.directory.catalogue import Catalogue
from gateway.directory.channels import STATUS_DISABLED, Channel
from gateway.directory.directory import Directory
from gateway.directory.errors import Invalid, SecretsLocked
from gateway.providers.fetch import Fetcher
from ledger.clock import Clock
from ledger.errors import StoreError

BALANCES = "balances"
AT_ONCE = 4
MOST_KEYS = 50
READ, EMPTY, UNKNOWN = "read", "nothing left", "failed"

log = logging.getLogger("tollgate.channels")


@dataclass(frozen=True, slots=True)
class Left:
    """What a channel's keys have left together: decimal text, and what it counts; or an `error`."""

    balance: str
    currency: str
    error: str = ""


class ChannelBalances:
    """Asks vendors for balances. `pause_s` are the seconds between two channels of a round."""

    def __init__(
        self,
        directory: Directory,
        catalogue: Catalogue,
        records: CareRecords,
        fetcher: Fetcher,
        clock: Clock,
        pause_s: float,
    ) -> None:
        self._directory = directory
        self._catalogue = catalogue
        self._records = records
        self._fetcher = fetcher
        self._clock = clock
        self._rounds = Rounds(records, clock)
        self._pace = Pace(1 if pause_s else AT_ONCE, pause_s)
        self._background = Background()

    def offered(self, channel: Channel) -> bool:
        """Whether the channel's vendor shows balances at all."""
        return channel.type in PROBES

    async def ask(self, channel: Channel) -> Left:
        """Ask for one channel, and keep what its vendor says. Raises StoreError."""
        try:
            return await self.read(channel)
        except BalanceUnknown as error:
            return Left("0", "", str(error))

    async def read(self, channel: Channel) -> Left:
        """Ask for one channel, and keep what its vendor says.

        Raises BalanceUnknown with words for the operator, StoreError.
        """
        vendor = self._catalogue.find(channel.type)
        if vendor is None or not self.offered(channel):
            name = f"channel type {channel.type}" if vendor is None else vendor.name
            raise BalanceUnknown(f"{name} shows no balance to the keys that call it")
        try:
            keys = read_keys(channel.id, self._directory.secret_of(channel))
        except SecretsLocked as error:
            raise BalanceUnknown(str(error)) from None
        if len(keys) > MOST_KEYS:
            raise BalanceUnknown(f"it has {len(keys)} keys; of at most {MOST_KEYS} they are added")
        found: dict[str, Any] = {"at_s": self._clock.now_us() // 1_000_000, "keys": {}}
        try:
            left = await self._sum(channel, keys, found["keys"])
        except BalanceUnknown as error:
            await self._records.note(channel.id, BALANCE, {**found, "error": str(error)})
            raise
        found |= {"balance": left.balance, "currency": left.currency, "error": ""}
        await self._records.note(channel.id, BALANCE, found)
        columns = {
            "balance": left.balance,
            "balance_currency": left.currency,
            "balance_s": found["at_s"],
        }
        try:
            await self._directory.channels.note(channel.id, columns, "balance_s")
        except Invalid as error:
            raise BalanceUnknown(str(error)) from None
        return left

    async def _sum(
        self, channel: Channel, keys: Sequence[UpstreamKey], each: dict[str, Any]
    ) -> Left:
        """Ask with every key; what each has is written into `each`. Raises BalanceUnknown."""
        total, currency = Decimal(0), ""
        for number, key in enumerate(keys):
            try:
                amount = await self._ask(channel, key)
            except BalanceUnknown as error:
                said = key.hidden_in(str(error))[:300]
                each[key.fingerprint] = {"error": said}
                raise BalanceUnknown(
                    said if len(keys) == 1 else f"key {number + 1}: {said}"
                ) from None
            each[key.fingerprint] = {"balance": f"{amount.value:f}", "currency": amount.currency}
            if number and amount.currency != currency:
                raise BalanceUnknown(f"its keys have {currency} and {amount.currency}")
            total, currency = total + amount.value, amount.currency
        return Left(f"{total:f}", currency)

    async def _ask(self, channel: Channel, key: UpstreamKey) -> Amount:
        vendor = self._catalogue.vendor(channel.type)
        today = today_of(self._clock.now_us())
        account = Account(self._fetcher, channel, vendor, key.secret, today)
        return await PROBES[channel.type](account)

    # -- rounds ---------------------------------------------------------------------------------

    async def run(self, by: str, stopping: asyncio.Event) -> Tally:
        """Ask for every channel whose vendor shows it. Raises RoundRuns, StoreError."""
        channels = self._in_scope()
        claim = await self._rounds.claim(BALANCES, by, "all", channels)
        return await self._rounds.run(claim, channels, self._look, self._pace, stopping, good=READ)

    async def begin(self, by: str) -> int:
        """Begin that in the background; return for how many channels. Raises as `run`."""
        channels = self._in_scope()
        claim = await self._rounds.claim(BALANCES, by, "all", channels)
        stopping = self._background.stopping
        self._background.start(
            self._rounds.run(claim, channels, self._look, self._pace, stopping, good=READ)
        )
        return len(channels)

    async def aclose(self) -> None:
        """End what runs in the background."""
        await self._background.aclose()

    def _in_scope(self) -> list[Channel]:
        return [
            channel
            for channel in self._directory.all_channels()
            if self.offered(channel) and channel.status != STATUS_DISABLED
        ]

    async def _look(self, channel: Channel) -> Sequence[str]:
        current = self._directory.channel(channel.id)
        if current is None:
            return ()
        try:
            left = await self.read(current)
        except BalanceUnknown as error:
            log.info("channel %d: its balance is not known: %s", channel.id, error)
            return (UNKNOWN,)
        except StoreError as error:
            log.error("the balance of channel %d was not written down: %s", channel.id, error)
            return ("not written down",)
        return (READ,) if Decimal(left.balance) > 0 else (READ, EMPTY)
