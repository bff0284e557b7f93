"""Credit: who may spend what, before it is spent.

Owns the slices: what this process may spend of each account without asking the database. Promises
that all processes together never spend more than an account has: a slice is granted by one guarded
update that succeeds only while the account has that much available, holds are cut from slices in
memory, and a dead process's slices are freed only after its writer was fenced off and its events
were projected. Refuses a hold that cannot be covered, after waiting for credit that is held by
requests still running here.

In an account document `granted_by.W` is all that writer W was ever granted (less what it gave
back), `consumed_by.W` all that its events took; the difference is its slice. `slice_rev.W` counts
changes, so that an update whose outcome is unknown can be made harmless before it is looked up.
"""

import asyncio
import logging
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from ledger.accounts import available_expression, available_nano
from ledger.clock import Clock
from ledger.errors import InsufficientCredit, OutcomeUnknown, StoreError, Unavailable
from ledger.events import Document
from ledger.store import Store

FIRST_APPETITE = 16
MAX_APPETITE = 4_096
GRANT_SHARE = 4
IDLE_S = 15.0
GRANT_TRIES = 8

log = logging.getLogger("tollgate.ledger")


@dataclass(slots=True, eq=False)
class Slice:
    """What this process may spend of one account. All amounts in nano-dollars, cumulative."""

    account: str
    granted: int = 0
    charged: int = 0
    held: int = 0
    rev: int = 0
    known: bool = False
    appetite: int = FIRST_APPETITE
    used_at_s: float = 0.0
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    freed: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def free(self) -> int:
        """What is neither spent nor held."""
        return self.granted - self.charged - self.held


class Hold:
    """Credit set aside for one request on all of its accounts. Resolved exactly once."""

    __slots__ = ("_slices", "accounts", "amount_nano", "open")

    def __init__(self, slices: list[Slice], amount_nano: int) -> None:
        self._slices = slices
        self.accounts = [s.account for s in slices]
        self.amount_nano = amount_nano
        self.open = True

    def settle(self, charged_nano: int) -> None:
        """Replace the hold by what was charged, at most the hold; the rest is free again."""
        if not 0 <= charged_nano <= self.amount_nano:
            raise ValueError(
                f"a charge of {charged_nano} does not fit a hold of {self.amount_nano}"
            )
        if not self.open:
            raise ValueError("this hold is resolved already")
        self.open = False
        for piece in self._slices:
            piece.held -= self.amount_nano
            piece.charged += charged_nano
            piece.freed.set()

    def release(self) -> None:
        """Give everything back; harmless when the hold is resolved already."""
        if self.open:
            self.settle(0)


class Credit:
    """Holds against the slices of one writer."""

    def __init__(self, store: Store, clock: Clock, slot: int) -> None:
        self._store = store
        self._clock = clock
        self._writer = str(slot)
        self._slices: dict[str, Slice] = {}

    def try_hold(self, accounts: Sequence[str], amount_nano: int) -> Hold | None:
        """Hold from the slices at hand, or return None. Never waits, never asks the database."""
        pieces = [self._slice(account) for account in accounts]
        if any(piece.free < amount_nano for piece in pieces):
            return None
        return self._cut(pieces, amount_nano)

    async def hold(
        self,
        accounts: Sequence[str],
        amount_nano: int,
        *,
        floor_nano: int | None = None,
        wait_s: float = 10.0,
    ) -> Hold:
        """Set `amount_nano` aside on every account, or less, down to `floor_nano`, if need be.

        When credit is short but requests of this process still hold some, waits up to `wait_s`
        for them. Raises InsufficientCredit, or StoreError when the database can't be asked.
        """
        floor = amount_nano if floor_nano is None else min(floor_nano, amount_nano)
        deadline_s = self._clock.monotonic_s() + wait_s
        pieces = [self._slice(account) for account in accounts]
        while True:
            held = self.try_hold(accounts, amount_nano)
            if held is not None:
                return held
            available = 0
            for piece in pieces:
                if piece.free < amount_nano:
                    available = await self._top_up(piece, amount_nano)
                    if piece.free < amount_nano:
                        break
            else:
                continue
            left_s = deadline_s - self._clock.monotonic_s()
            hoped = piece.free + piece.held + available
            if piece.held > 0 and left_s > 0 and hoped >= floor:
                await _wait_for_credit(piece, left_s)
                continue
            amount = min(p.free for p in pieces)
            if amount >= floor and amount > 0:
                return self._cut(pieces, amount)
            raise InsufficientCredit(piece.account, floor, max(0, piece.free + available))

    async def extend(self, held: Hold, to_nano: int) -> bool:
        """Enlarge an open hold to `to_nano` on all its accounts; False when credit is short."""
        more = to_nano - held.amount_nano
        if more <= 0:
            return True
        try:
            extra = await self.hold(held.accounts, more, wait_s=0)
        except (InsufficientCredit, StoreError):
            return False
        extra.open = False
        held.amount_nano = to_nano
        return True

    async def return_idle(self, idle_s: float = IDLE_S) -> None:
        """Give slices back that were not used for a while, so that others may spend them."""
        now_s = self._clock.monotonic_s()
        for piece in list(self._slices.values()):
            if piece.held == 0 and now_s - piece.used_at_s >= idle_s:
                await self._give_back(piece)

    async def recall(self, account: str) -> None:
        """Give back what is free of one account at once."""
        if account in self._slices:
            await self._give_back(self._slices[account])

    def _slice(self, account: str) -> Slice:
        piece = self._slices.get(account)
        if piece is None:
            piece = self._slices[account] = Slice(account)
        return piece

    def _cut(self, pieces: list[Slice], amount_nano: int) -> Hold:
        now_s = self._clock.monotonic_s()
        for piece in pieces:
            piece.held += amount_nano
            piece.used_at_s = now_s
        return Hold(pieces, amount_nano)

    async def _top_up(self, piece: Slice, need_nano: int) -> int:
        """Take more of the account if it has more; return what stays available to anybody."""
        async with piece.lock:
            if piece.free >= need_nano:
                return 0
            if not piece.known:
                await self._look_up(piece)
            if not piece.known:
                return 0
            available = 0
            for _ in range(GRANT_TRIES):
                account = await self._store.find_one("accounts", {"_id": piece.account})
                available = available_nano(account or {})
                if available <= 0:
                    return 0
                grant = _plan(need_nano - piece.free, piece.appetite, available)
                if await self._take(piece, grant):
                    piece.appetite = min(piece.appetite * 4, MAX_APPETITE)
                    return available - grant
            return available

    async def _take(self, piece: Slice, grant: int) -> bool:
        w = self._writer
        guard: Document = {
            "_id": piece.account,
            "$expr": {"$gte": [available_expression(), grant]},
        }
        return await self._change(piece, guard, grant, w)

    async def _give_back(self, piece: Slice) -> None:
        async with piece.lock:
            amount = piece.free
            if amount <= 0 or not piece.known:
                return
            piece.appetite = FIRST_APPETITE
            piece.granted -= amount  # nobody here spends it while it travels
            await self._change(piece, {"_id": piece.account}, -amount, self._writer)

    async def _change(self, piece: Slice, guard: Document, by_nano: int, w: str) -> bool:
        """Change what this writer is granted, exactly once even when the outcome is unknown."""
        guard = {**guard, f"slice_rev.{w}": piece.rev if piece.rev else {"$exists": False}}
        change = {"$inc": {"granted": by_nano, f"granted_by.{w}": by_nano, f"slice_rev.{w}": 1}}
        try:
            account = await self._store.find_one_and_update("accounts", guard, change)
        except (OutcomeUnknown, Unavailable):
            piece.known = False
            raise
        if account is None:
            return False
        self._learn(piece, account)
        return True

    async def _look_up(self, piece: Slice) -> None:
        """Learn what the database says this writer was granted.

        Counting `slice_rev` up first makes every earlier change that may still be on its way fail.
        An account without a document has no credit, so there is nothing to know of it yet.
        """
        w = self._writer
        first_time = not piece.rev and not piece.granted
        account = await self._store.find_one_and_update(
            "accounts", {"_id": piece.account}, {"$inc": {f"slice_rev.{w}": 1}}
        )
        if account is None:
            return
        if first_time:
            piece.charged = int(account.get("consumed_by", {}).get(w, 0))
        self._learn(piece, account)
        piece.known = True

    def _learn(self, piece: Slice, account: Document) -> None:
        piece.granted = int(account.get("granted_by", {}).get(self._writer, 0))
        piece.rev = int(account["slice_rev"][self._writer])


def _plan(need_nano: int, appetite: int, available_nano: int) -> int:
    """Choose how much to take: enough for `appetite` requests, but only a share of what is there.

    The appetite grows while an account is busy, so that a rich one is seldom asked for; the share
    leaves something for other processes and shrinks the slices of a poor one to single requests.
    """
    comfortable = max(need_nano, min(need_nano * appetite, available_nano // GRANT_SHARE))
    return min(available_nano, comfortable)


async def _wait_for_credit(piece: Slice, wait_s: float) -> None:
    piece.freed.clear()
    with suppress(TimeoutError):
        async with asyncio.timeout(wait_s):
            await piece.freed.wait()


async def free_slices(store: Store, slot: int) -> int:
    """Free what a stopped writer still held; call it only once the writer is fenced and projected.

    Returns the number of accounts that got credit back.
    """
    w, freed = str(slot), 0
    async for account in store.find("accounts", {f"granted_by.{w}": {"$exists": True}}):
        granted = int(account["granted_by"][w])
        left = granted - int(account.get("consumed_by", {}).get(w, 0))
        if left:
            guard = {"_id": account["_id"], f"granted_by.{w}": granted}
            change = {
                "$inc": {"granted": -left, f"granted_by.{w}": -left, f"slice_rev.{w}": 1},
            }
            freed += await store.update_one("accounts", guard, change)
    return freed


def outstanding(accounts: Iterable[Document]) -> int:
    """Add up what processes hold slices of, over account documents, in nano-dollars."""
    return sum(int(a.get("granted", 0)) - int(a.get("consumed", 0)) for a in accounts)
