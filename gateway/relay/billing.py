"""The legacy billing routes, with which client programs show what is left.

They speak of the key or of its owner (option DisplayTokenStatEnabled), in USD or in quota (option
DisplayInCurrencyEnabled). These fields are numbers in that protocol; the books stay exact.
"""

from decimal import Decimal

from gateway.directory.keys import NEVER, Key
from gateway.relay.admit import identify
from gateway.relay.answer import RelayHandler
from ledger import accounts
from ledger.money import NANO_PER_QUOTA, NANO_PER_USD

UNLIMITED = 100_000_000
_CENTS = 100


class _BillingHandler(RelayHandler):
    async def _figures(self) -> tuple[Key, int | None, int]:
        """Return the key, what is left in nano-dollars (None: no limit), and what was used."""
        relay, request = self.relay, self.request
        key, user, _ = await identify(relay, request.headers, request.remote_ip or "")
        await relay.books.settled()
        by_key = relay.directory.options.get("DisplayTokenStatEnabled")
        account = await accounts.read(relay.books.store, key.account if by_key else user.account)
        used = int(account.get("spent", 0)) - int(account.get("refunded", 0))
        left = None if by_key and key.unlimited else accounts.balance_nano(account)
        return key, left, used

    def _shown(self, amount_nano: int) -> float:
        in_usd = self.relay.directory.options.get("DisplayInCurrencyEnabled")
        return float(Decimal(amount_nano) / (NANO_PER_USD if in_usd else NANO_PER_QUOTA))


class SubscriptionHandler(_BillingHandler):
    """The limit: what is left and what was used, together."""

    async def get(self) -> None:
        """Answer as OpenAI's old dashboard did."""
        key, left, used = await self._figures()
        limit = UNLIMITED if left is None else self._shown(max(0, left) + used)
        self.send_json(
            {
                "object": "billing_subscription",
                "has_payment_method": True,
                "soft_limit_usd": limit,
                "hard_limit_usd": limit,
                "system_hard_limit_usd": limit,
                "access_until": 0 if key.expired_s == NEVER else key.expired_s,
            }
        )


class UsageHandler(_BillingHandler):
    """What was used, in hundredths; dates are not considered."""

    async def get(self) -> None:
        """Answer as OpenAI's old dashboard did."""
        _, _, used = await self._figures()
        self.send_json({"object": "list", "total_usage": self._shown(used * _CENTS)})
