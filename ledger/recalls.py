"""Recalls: asking other processes for credit that lies idle with them.

Owns the collection `recalls`, one small document for each account that somebody is looking for:
{_id: account, n, at_us}. Promises no more than a hint: a process that sees `n` change gives back
what it has free of the account. Nothing depends on a recall being seen, since idle slices come back
by themselves. Refuses to remember: old documents are removed by whoever asks.
"""

from ledger.clock import Clock
from ledger.store import Store

COLLECTION = "recalls"
AGAIN_S = 0.2
FORGET_US = 60 * 1_000_000


class Recalls:
    """The recalls that one process makes and sees."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._asked_s: dict[str, float] = {}
        self._seen: dict[str, int] | None = None

    async def ask(self, account: str) -> None:
        """Ask for an account's credit, not more often than is of use. Raises StoreError."""
        now_s = self._clock.monotonic_s()
        if now_s - self._asked_s.get(account, float("-inf")) < AGAIN_S:
            return
        self._asked_s[account] = now_s
        change = {"$inc": {"n": 1}, "$set": {"at_us": self._clock.now_us()}}
        await self._store.update_one(COLLECTION, {"_id": account}, change, upsert=True)

    async def seen(self) -> list[str]:
        """Return the accounts that somebody has asked for since the last call. Raises StoreError.

        The first call only learns what is there.
        """
        found = {d["_id"]: int(d["n"]) for d in await self._store.find_list(COLLECTION, {})}
        before, self._seen = self._seen, found
        if before is None:
            return []
        return [account for account, n in found.items() if before.get(account) != n]

    async def tidy(self) -> None:
        """Remove what nobody asks for any more. Raises StoreError."""
        now_s = self._clock.monotonic_s()
        self._asked_s = {a: at_s for a, at_s in self._asked_s.items() if now_s - at_s < AGAIN_S}
        long_ago = self._clock.now_us() - FORGET_US
        await self._store.delete_many(COLLECTION, {"at_us": {"$lt": long_ago}})
