"""Credit: who may spend what, before it is spent.

Owns the holds: credit set aside in memory for requests that are running, cut from this process's
slices (ledger/slices.py). Promises that no more is ever held than the slices have, and that a hold
is resolved once. A hold that the slices do not cover waits: for requests here to free some, and for
other processes to give back what lies idle with them. Refuses a hold that cannot be covered.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager, suppress

from ledger.clock import Clock
from ledger.errors import DatabaseAway, InsufficientCredit, LedgerError
from ledger.recalls import Recalls
from ledger.slices import Slice, Slices
from ledger.store import Store

IDLE_S = 15.0
FORGET_S = 300.0
# How long a request waits for a database that answers others, but is slow; one that answers nobody
# is noticed much sooner (ledger/outage.py).
ASK_S = 15.0
FIRST_POLL_S, LAST_POLL_S = 0.05, 1.0
EXTEND_WAIT_S = 2.0


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
            piece.users -= 1
            piece.freed.set()

    def absorb(self, extra: "Hold") -> None:
        """Take over what another hold on the same accounts has set aside."""
        extra.open = False
        self.amount_nano += extra.amount_nano
        for piece in extra._slices:
            piece.users -= 1

    def split(self, amount_nano: int) -> "Hold":
        """Return a hold of its own over a part of this one, at most all of it."""
        if not 0 <= amount_nano <= self.amount_nano or not self.open:
            raise ValueError(f"no {amount_nano} can be split from a hold of {self.amount_nano}")
        self.amount_nano -= amount_nano
        for piece in self._slices:
            piece.users += 1
        return Hold(self._slices, amount_nano)

    def release(self) -> None:
        """Give everything back; harmless when the hold is resolved already."""
        if self.open:
            self.settle(0)


class Credit:
    """Holds against the slices of one writer. `reachable` says whether the database answers,
    `asking` bounds a question to it, given how long it may take at most."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        slot: int,
        epoch: int = 0,
        *,
        reachable: Callable[[], bool] = lambda: True,
        asking: Callable[[float], AbstractAsyncContextManager[object]] = asyncio.timeout,
    ) -> None:
        self._clock = clock
        self._reachable = reachable
        self._asking = asking
        self._recalls = Recalls(store, clock)
        self._refills: set[asyncio.Task[None]] = set()
        self.slices = Slices(store, clock, slot, epoch)

    def try_hold(self, accounts: Sequence[str], amount_nano: int) -> Hold | None:
        """Hold from the slices at hand, or return None. Never waits, never asks the database."""
        pieces = [self.slices.of(account) for account in accounts]
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

        When credit is short but held by other requests, here or elsewhere, waits up to `wait_s`
        for it. Raises InsufficientCredit; DatabaseAway or StoreError when it can't be asked for.
        """
        floor = amount_nano if floor_nano is None else min(floor_nano, amount_nano)
        pieces = [self.slices.of(account) for account in accounts]
        for piece in pieces:
            piece.users += 1
        try:
            return await self._hold(pieces, amount_nano, floor, wait_s)
        finally:
            for piece in pieces:
                piece.users -= 1

    async def _hold(self, pieces: list[Slice], amount_nano: int, floor: int, wait_s: float) -> Hold:
        deadline_s = self._clock.monotonic_s() + wait_s
        poll_s, waited = FIRST_POLL_S, False
        while True:
            if all(piece.free >= amount_nano for piece in pieces):
                return self._cut(pieces, amount_nano)
            for piece in pieces:
                if piece.free < amount_nano:
                    await self._top_up(piece, amount_nano, floor, again=waited)
            short = next((piece for piece in pieces if piece.free < amount_nano), None)
            if short is None:
                continue
            left_s = deadline_s - self._clock.monotonic_s()
            if left_s <= 0 or not _worth_waiting(short, floor):
                break
            waited = True
            poll_s = await self._wait(short, left_s, poll_s)
        amount = min(piece.free for piece in pieces)
        if amount >= floor and amount > 0:
            return self._cut(pieces, amount)
        short = next(piece for piece in pieces if piece.free < floor or piece.free <= 0)
        available = max(0, short.free + short.available)
        raise InsufficientCredit(short.account, floor, available)

    async def extend(self, held: Hold, to_nano: int, *, wait_s: float = EXTEND_WAIT_S) -> bool:
        """Enlarge an open hold to `to_nano` on all its accounts; False when credit is short."""
        more = to_nano - held.amount_nano
        if more <= 0:
            return True
        try:
            extra = await self.hold(held.accounts, more, wait_s=wait_s)
        except LedgerError:
            return False
        held.absorb(extra)
        return True

    async def return_idle(
        self, idle_s: float = IDLE_S, *, settled: Callable[[], bool] = lambda: False
    ) -> None:
        """Give slices back that were not used for a while, so that others may spend them.

        `settled` tells, at the moment when it is asked, whether every event of this process is in
        the accounts; long unused slices are forgotten then. Raises StoreError.
        """
        now_s = self._clock.monotonic_s()
        for piece in self.slices:
            if piece.held == 0 and now_s - piece.used_at_s >= idle_s:
                await self.slices.give_back(piece)
        if settled():
            self.slices.forget_idle(FORGET_S)
        await self._recalls.tidy()

    async def recall(self, account: str) -> None:
        """Give back what is free of one account at once. Raises StoreError."""
        piece = self.slices.known(account)
        if piece is not None:
            await self.slices.give_back(piece)

    async def heed_recalls(self) -> None:
        """Give back what other processes are looking for. Raises StoreError."""
        for account in await self._recalls.seen():
            await self.slices.release(account)

    async def close(self) -> None:
        """Wait for what is under way to the database, so that nothing is taken afterwards."""
        while self._refills:
            await asyncio.wait(self._refills)

    def take(self, account: str, up_to_nano: int) -> Hold | None:
        """Hold what is free here of an account, up to an amount. Never waits."""
        piece = self.slices.known(account)
        amount = 0 if piece is None else min(piece.free, up_to_nano)
        return self._cut([piece], amount) if piece is not None and amount > 0 else None

    async def prefetch(self, account: str, need_nano: int) -> int:
        """Take of an account what it has, up to a need; return what is free of it here.

        Raises DatabaseAway or StoreError.
        """
        piece = self.slices.of(account)
        piece.used_at_s = self._clock.monotonic_s()
        if piece.free < need_nano:
            await self._top_up(piece, need_nano, 1, again=False)
        return piece.free

    def _cut(self, pieces: list[Slice], amount_nano: int) -> Hold:
        now_s = self._clock.monotonic_s()
        for piece in pieces:
            piece.held += amount_nano
            piece.users += 1
            piece.used_at_s = now_s
            if piece.free < piece.refill_below:
                self._refill(piece, amount_nano)
        return Hold(pieces, amount_nano)

    def _refill(self, piece: Slice, amount_nano: int) -> None:
        """Take more in the background, before a request has to wait for it."""
        piece.refill_below = 0
        if self._reachable():
            piece.users += 1
            task = asyncio.create_task(self._refilled(piece, piece.free + amount_nano))
            self._refills.add(task)
            task.add_done_callback(self._refills.discard)

    async def _refilled(self, piece: Slice, need_nano: int) -> None:
        try:
            with suppress(LedgerError):  # whoever needs it will ask again
                await self._top_up(piece, need_nano, need_nano, again=False)
        finally:
            piece.users -= 1

    async def _top_up(self, piece: Slice, need: int, floor: int, *, again: bool) -> None:
        if not self._reachable():
            raise DatabaseAway("the database does not answer", retry_after_s=2)
        try:
            async with self._asking(ASK_S):
                await self.slices.top_up(piece, need, max(1, floor), again=again)
        except TimeoutError:
            raise DatabaseAway("the database takes too long", retry_after_s=2) from None

    async def _wait(self, piece: Slice, left_s: float, poll_s: float) -> float:
        """Wait until credit may have come free; return how long to wait the next time."""
        piece.freed.clear()
        if piece.elsewhere <= 0:
            poll_s = left_s
        else:
            await self._recalls.ask(piece.account)
        with suppress(TimeoutError):
            async with asyncio.timeout(min(left_s, poll_s)):
                await piece.freed.wait()
        return min(poll_s * 1.5, LAST_POLL_S)


def _worth_waiting(piece: Slice, floor_nano: int) -> bool:
    """Whether what others hold of this account, here or elsewhere, could make the floor."""
    hoped = piece.free + piece.held + piece.available + piece.elsewhere
    return (piece.held > 0 or piece.elsewhere > 0) and hoped >= floor_nano
