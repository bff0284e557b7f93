"""Slices: what one process may spend of each account without asking the database.

Owns the fields granted, granted_by and slice_rev of account documents. Promises that all slices of
an account together never exceed its balance: a slice grows by one guarded update that succeeds only
while the account has that much available, and an update whose outcome is unknown is made harmless
before anything is concluded. Refuses to take less than is of use, so that processes do not hoard
halves of what each of them needs.

In an account document `granted_by.W` is all that writer W was ever granted (less what it gave
back), `consumed_by.W` all that its events took; the difference is its slice. `slice_rev.W` counts
changes, so that an update whose outcome is unknown can be made harmless before it is looked up.
`slice_epoch.W` names the owner of the slot that looked last: what a later owner has, an earlier one
that comes back to life can't touch.
"""

import asyncio
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from ledger.accounts import available_expression, available_nano
from ledger.clock import Clock
from ledger.errors import Fenced
from ledger.events import Document
from ledger.store import Store

FIRST_APPETITE = 64
MAX_APPETITE = 4_096
GRANT_SHARE = 4
GRANT_TRIES = 8
# While others look for this account's credit, only what a request needs is taken of it.
SCARCE_S = 5.0
# How often an account that has nothing to give is looked at for those who wait.
LOOK_AGAIN_S = 0.05


@dataclass(slots=True, eq=False)
class Slice:
    """What this process may spend of one account. All amounts in nano-dollars, cumulative.

    `available` and `elsewhere` are as last seen: what nobody holds a slice of, and the slices of
    other processes. With less free than `refill_below`, more should be taken before it runs out.
    `lots` is how many balance lots a user was ever given, as last seen. `users` are the open holds
    and all that wait for more: a slice in use is never forgotten, since an account must not have
    two.
    """

    account: str
    granted: int = 0
    charged: int = 0
    held: int = 0
    rev: int = 0
    known: bool = False
    appetite: int = FIRST_APPETITE
    used_at_s: float = 0.0
    scarce_until_s: float = 0.0
    available: int = 0
    elsewhere: int = 0
    refill_below: int = 0
    lots: int = 0
    users: int = 0
    looks: int = 0
    looked_at_s: float = float("-inf")
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    freed: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def free(self) -> int:
        """What is neither spent nor held."""
        return self.granted - self.charged - self.held


class Slices:
    """The slices of one owner of a writer slot."""

    def __init__(self, store: Store, clock: Clock, slot: int, epoch: int = 0) -> None:
        self._store = store
        self._clock = clock
        self._writer = str(slot)
        self._epoch = epoch
        self._slices: dict[str, Slice] = {}

    def __iter__(self) -> Iterator[Slice]:
        """Iterate over a copy, so that slices may come and go meanwhile."""
        return iter(list(self._slices.values()))

    def of(self, account: str) -> Slice:
        """Return the slice of an account, empty at first."""
        piece = self._slices.get(account)
        if piece is None:
            piece = self._slices[account] = Slice(account)
        return piece

    def known(self, account: str) -> Slice | None:
        """Return the slice of an account if there is one."""
        return self._slices.get(account)

    def forget_idle(self, idle_s: float) -> None:
        """Drop the slices that are empty and were not used for a while.

        Only to be called while every event of this writer is in the accounts: a slice that comes
        back later begins with what the account says was consumed.
        """
        now_s = self._clock.monotonic_s()
        for account, piece in list(self._slices.items()):
            unused = not piece.users and not piece.free and not piece.lock.locked()
            unused = unused and (piece.known or not piece.rev)  # else something may be left
            if unused and now_s - piece.used_at_s >= idle_s:
                del self._slices[account]

    async def top_up(
        self, piece: Slice, need_nano: int, least_nano: int, *, again: bool = False
    ) -> None:
        """Take more of the account, so that `need_nano` is free, or at least `least_nano`.

        Tells in `available` and `elsewhere` what else there is, as of a moment after the call, or
        `again`, for those who have been waiting, as of a moment ago. Raises StoreError.
        """
        looks = piece.looks
        async with piece.lock:
            if piece.free >= need_nano:
                return
            recent = self._clock.monotonic_s() - piece.looked_at_s < LOOK_AGAIN_S
            nothing = piece.free + piece.available < least_nano
            if nothing and (piece.looks > looks or (again and recent)):
                return
            for _ in range(GRANT_TRIES):
                await self._look(piece)
                if piece.free >= need_nano:  # more was granted than this process had heard of
                    return
                if piece.free + piece.available < least_nano or piece.available <= 0:
                    return
                grant = self._plan(piece, need_nano - piece.free)
                if await self._take(piece, grant):
                    piece.available -= grant
                    piece.refill_below = grant // 4 if piece.available > grant else 0
                    return

    async def give_back(self, piece: Slice) -> None:
        """Give back what is free. Raises StoreError.

        Where it is in doubt how much that is, since an answer was lost or a change refused, that is
        looked up first: nothing may lie where nobody can spend it. What a later owner of the slot
        has is not this one's to give.
        """
        async with piece.lock:
            for _ in range(GRANT_TRIES):
                if not piece.known and piece.rev:
                    try:
                        await self._look_up(piece)
                    except Fenced:
                        return
                amount = piece.free
                if amount <= 0 or not piece.known:
                    return
                piece.appetite = FIRST_APPETITE
                piece.granted -= amount  # nobody here spends it while it travels
                if await self._change(piece, {"_id": piece.account}, -amount):
                    return

    async def release(self, account: str) -> None:
        """Somebody elsewhere looks for this account's credit: give back what is free of it."""
        piece = self._slices.get(account)
        if piece is not None:
            piece.scarce_until_s = self._clock.monotonic_s() + SCARCE_S
            await self.give_back(piece)

    def _plan(self, piece: Slice, need_nano: int) -> int:
        """Choose how much to take: enough for many requests, but only a share of what is there.

        The appetite grows while an account is busy, so that a rich one is seldom asked for; the
        share leaves something for other processes and shrinks the slices of a poor one to single
        requests.
        """
        if self._clock.monotonic_s() < piece.scarce_until_s:
            return min(piece.available, need_nano)
        comfortable = min(need_nano * piece.appetite, piece.available // GRANT_SHARE)
        piece.appetite = min(piece.appetite * 4, MAX_APPETITE)
        return min(piece.available, max(need_nano, comfortable))

    async def _take(self, piece: Slice, grant: int) -> bool:
        enough = {"$gte": [available_expression(), grant]}
        return await self._change(piece, {"_id": piece.account, "$expr": enough}, grant)

    async def _change(self, piece: Slice, guard: Document, by_nano: int) -> bool:
        """Change what this writer is granted, exactly once even when the outcome is unknown."""
        w = self._writer
        guard = {**guard, f"slice_rev.{w}": piece.rev if piece.rev else {"$exists": False}}
        change = {"$inc": {"granted": by_nano, f"granted_by.{w}": by_nano, f"slice_rev.{w}": 1}}
        try:
            account = await self._store.find_one_and_update("accounts", guard, change)
        except BaseException:  # a cancelled update may still happen
            piece.known = False
            raise
        if account is None:
            # Refused, or it had happened before and this is the answer to a second delivery.
            piece.known = False
            return False
        self._learn(piece, account)
        return True

    async def _look(self, piece: Slice) -> None:
        """See what the account has to give, and first what this writer has of it."""
        piece.looks += 1
        if piece.known:
            account = await self._store.find_one("accounts", {"_id": piece.account})
        else:
            account = await self._look_up(piece)
        piece.looked_at_s = self._clock.monotonic_s()
        piece.available = available_nano(account or {})
        piece.elsewhere = self._elsewhere(account or {})
        piece.lots = int((account or {}).get("lots", 0))

    async def _look_up(self, piece: Slice) -> Document | None:
        """Learn what the database says this writer was granted.

        Counting `slice_rev` up first makes every earlier change that may still be on its way fail.
        An account without a document has no credit, so there is nothing to know of it yet. Raises
        Fenced when a later owner of the slot has a slice of the account.
        """
        w = self._writer
        first_time = not piece.rev and not piece.granted
        account = await self._store.find_one_and_update(
            "accounts",
            {"_id": piece.account, "$expr": _not_later(w, self._epoch)},
            {"$inc": {f"slice_rev.{w}": 1}, "$set": {f"slice_epoch.{w}": self._epoch}},
        )
        if account is None:
            account = await self._store.find_one("accounts", {"_id": piece.account})
            if account is None:
                return None
            if int(account.get("slice_epoch", {}).get(w, 0)) > self._epoch:
                raise Fenced(f"writer slot {w} was taken over by another process")
            return await self._look_up(piece)  # its first event was added a moment ago
        if first_time:
            piece.charged = int(account.get("consumed_by", {}).get(w, 0))
        self._learn(piece, account)
        piece.known = True
        return account

    def _learn(self, piece: Slice, account: Document) -> None:
        piece.granted = int(account.get("granted_by", {}).get(self._writer, 0))
        piece.rev = int(account["slice_rev"][self._writer])

    def _elsewhere(self, account: Document) -> int:
        w = self._writer
        mine = account.get("granted_by", {}).get(w, 0) - account.get("consumed_by", {}).get(w, 0)
        return outstanding([account]) - int(mine)


async def free_slices(store: Store, slot: int, epoch: int) -> int:
    """Free what a stopped writer still held; call it only once the writer is fenced and projected.

    Slices that an owner of the slot after `epoch` has looked up are that owner's and are left
    alone. Returns the number of accounts that got credit back.
    """
    w, freed = str(slot), 0
    async for account in store.find("accounts", {f"granted_by.{w}": {"$exists": True}}):
        granted = int(account["granted_by"][w])
        left = granted - int(account.get("consumed_by", {}).get(w, 0))
        if left:
            guard = {
                "_id": account["_id"],
                f"granted_by.{w}": granted,
                "$expr": _not_later(w, epoch),
            }
            change = {
                "$inc": {"granted": -left, f"granted_by.{w}": -left, f"slice_rev.{w}": 1},
                "$set": {f"slice_epoch.{w}": epoch},
            }
            freed += await store.update_one("accounts", guard, change)
    return freed


def _not_later(writer: str, epoch: int) -> Document:
    """Say that no owner of the slot after `epoch` has looked the slice up."""
    return {"$lte": [{"$ifNull": [f"$slice_epoch.{writer}", 0]}, epoch]}


def outstanding(accounts: Iterable[Document]) -> int:
    """Add up what processes hold slices of, over account documents, in nano-dollars."""
    return sum(int(a.get("granted", 0)) - int(a.get("consumed", 0)) for a in accounts)
