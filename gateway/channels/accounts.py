"""What is left at the vendors: asked for one channel or for all, and kept as the vendor said it.

A channel with several upstream keys has what all of them have together; each key's own amount is
in the channel's record, by its fingerprint. Keys of one and the same account each show all of it,
which nobody but the operator can know: the record tells.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from gateway.channels.balances import PROBES, Account, Amount, BalanceUnknown, today_of
from gateway.channels.upstream_keys import UpstreamKey, read_keys
from gateway.channels.vendor_rounds import VendorRounds
from gateway.directory.care import BALANCE
from gateway.directory.channels import Channel
from gateway.directory.errors import Invalid, SecretsLocked

MOST_KEYS = 50
READ, EMPTY, UNKNOWN = "read", "nothing left", "failed"

log = logging.getLogger("tollgate.channels")


@dataclass(frozen=True, slots=True)
class Left:
    """What a channel's keys have left together: decimal text, and what it counts; or an `error`."""

    balance: str
    currency: str
    error: str = ""


class ChannelBalances(VendorRounds):
    """Asks vendors for balances."""

    kind, part, good = "balances", "balance", READ

    def offered(self, channel: Channel) -> bool:
        """Whether the channel's vendor shows balances at all."""
        vendor = self._catalogue.find(channel.type)
        return vendor is not None and vendor.balance in PROBES

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
        account = Account(self._pages, channel, vendor, key.secret, today)
        return await PROBES[vendor.balance](account)

    async def _labels(self, channel: Channel) -> Sequence[str]:
        try:
            left = await self.read(channel)
        except BalanceUnknown as error:
            log.info("channel %d: its balance is not known: %s", channel.id, error)
            return (UNKNOWN,)
        return (READ,) if Decimal(left.balance) > 0 else (READ, EMPTY)
