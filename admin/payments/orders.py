"""Orders: top-ups that users began here and pay elsewhere.

Owns the collection `payment_orders`. An order is bound, from its beginning, to a user, a provider,
an amount, a currency and the rate that the user was shown. Promises that one payment at most is
claimed for an order. Refuses to forget what was paid: only what nobody paid is removed, long after
it ended. That an order has ended is for the user's eyes; who pays late is credited all the same.
What is credited is for the books to say (crediting.py); the state here follows them.

    {_id, user_id, provider, method, amount, currency, rate, credit_nano, created_us, expires_us,
     state, pay_url, session, reference, trade, paid_us}
"""

from typing import Any

from gateway.directory.errors import NotFound
from gateway.directory.randomness import hex_token
from ledger.clock import Clock
from ledger.store import Store

COLLECTION = "payment_orders"
OPEN, PAID, REFUNDED, CHARGED_BACK = "open", "paid", "refunded", "charged_back"
EXPIRED = "expired"
STATES = (OPEN, EXPIRED, PAID, REFUNDED, CHARGED_BACK)
US_PER_S = 1_000_000
LASTS_US = 23 * 3_600 * US_PER_S
FORGOTTEN_US = 180 * 86_400 * US_PER_S

Order = dict[str, Any]


class Orders:
    """All orders, in the database."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def begin(self, fields: Order) -> Order:
        """Store a new order and return it."""
        now_us = self._clock.now_us()
        old = {"created_us": {"$lt": now_us - FORGOTTEN_US}}
        await self._store.delete_many(COLLECTION, {**old, "state": OPEN, "reference": None})
        order = {
            "_id": f"tg{hex_token()}",
            **fields,
            "created_us": now_us,
            "expires_us": now_us + LASTS_US,
            "state": OPEN,
            "pay_url": "",
            "session": None,
            "reference": None,
            "trade": "",
            "paid_us": None,
        }
        await self._store.insert_one(COLLECTION, order)
        return order

    async def open_of(self, user_id: int) -> int:
        """Return how many orders of a user wait to be paid."""
        waiting = {"state": OPEN, "expires_us": {"$gt": self._clock.now_us()}}
        return await self._store.count(COLLECTION, {"user_id": user_id, **waiting})

    async def payable_at(self, order_id: str, url: str, session: str | None = None) -> Order:
        """Note where an order can be paid, and in which session of the provider's."""
        change = {"$set": {"pay_url": url, "session": session}}
        order = await self._store.find_one_and_update(COLLECTION, {"_id": order_id}, change)
        if order is None:
            raise NotFound("order", order_id)
        return order

    async def drop(self, order_id: str) -> None:
        """Remove an order that can't be paid, as nobody was told where."""
        await self._store.delete_one(COLLECTION, {"_id": order_id, "state": OPEN, "pay_url": ""})

    async def find(self, order_id: str) -> Order | None:
        """Return an order."""
        return await self._store.find_one(COLLECTION, {"_id": order_id})

    async def of_user(self, user_id: int, order_id: str) -> Order:
        """Return an order of a user's. Raises NotFound."""
        order = await self._store.find_one(COLLECTION, {"_id": order_id, "user_id": user_id})
        if order is None:
            raise NotFound("order", order_id)
        return order

    async def end(self, user_id: int, order_id: str) -> Order:
        """Let a user's open order end now; one that ended or was paid stays as it is.

        Raises NotFound.
        """
        mine = {"_id": order_id, "user_id": user_id}
        now_us = self._clock.now_us()
        waiting = {**mine, "state": OPEN, "expires_us": {"$gt": now_us}}
        await self._store.update_one(COLLECTION, waiting, {"$set": {"expires_us": now_us}})
        return await self.of_user(user_id, order_id)

    async def by_trade(self, provider: str, trade: str) -> Order | None:
        """Return the order that was paid under a provider's own number."""
        if not trade:
            return None
        return await self._store.find_one(COLLECTION, {"trade": trade, "provider": provider})

    async def claim(self, order_id: str, reference: str, trade: str) -> bool:
        """Bind a payment to an order before it is credited; False when another one is bound."""
        free = {"_id": order_id, "reference": {"$in": [None, reference]}}
        change: dict[str, Any] = {"reference": reference}
        if trade:
            change["trade"] = trade
        return bool(await self._store.update_one(COLLECTION, free, {"$set": change}))

    async def paid(self, order_id: str) -> None:
        """Note that an order's payment is in the books."""
        change = {"$set": {"state": PAID, "paid_us": self._clock.now_us()}}
        await self._store.update_one(COLLECTION, {"_id": order_id, "state": OPEN}, change)

    async def turned(self, order_id: str, state: str, *, was: str | None = None) -> None:
        """Note that a paid order was refunded or charged back, or that a dispute was won."""
        guard = {"_id": order_id} if was is None else {"_id": order_id, "state": was}
        await self._store.update_one(COLLECTION, guard, {"$set": {"state": state}})

    async def page(self, wanted: dict[str, Any], skip: int, limit: int) -> tuple[list[Order], int]:
        """Return a page of orders, newest first, and how many there are."""
        chosen = self._chosen(wanted)
        found = await self._store.find_list(
            COLLECTION, chosen, sort=[("created_us", -1), ("_id", 1)], skip=skip, limit=limit
        )
        return found, await self._store.count(COLLECTION, chosen)

    def state_of(self, order: Order) -> str:
        """Return an order's state as it is shown."""
        ended = order["state"] == OPEN and order["expires_us"] <= self._clock.now_us()
        return EXPIRED if ended else str(order["state"])

    def _chosen(self, wanted: dict[str, Any]) -> dict[str, Any]:
        chosen, state = dict(wanted), wanted.get("state")
        if state in (OPEN, EXPIRED):
            bound = "$lte" if state == EXPIRED else "$gt"
            chosen |= {"state": OPEN, "expires_us": {bound: self._clock.now_us()}}
        return chosen
