"""Lots: parts of a balance that are spent first, and may expire.

Owns the split of charges over a user's lots. A lot is an account like any other, credited by the
event that credits its user; the user's balance stays the total, so that nothing can be overspent
whatever becomes of the lots. Promises that gifts are taken before what was paid for, what expires
earlier before what expires later, then what is older; that no lot is taken from beyond what it has
or after its time; and that users without lots cost nothing. Refuses to wait for others: a charge
takes what this process has of the lots or can get at once, and the rest is paid from the plain
balance. The end of lots is in ledger/lot_expiry.py.
"""

import asyncio
import logging
from collections.abc import Iterator
from dataclasses import dataclass, field

from ledger import accounts
from ledger.accounts import balance_nano
from ledger.clock import Clock
from ledger.credit import Credit, Hold
from ledger.errors import LedgerError
from ledger.events import Document
from ledger.lot_names import Lot, parse, span
from ledger.store import Store

MAX_PER_CHARGE = 64
# Users who were active within this time are asked after, whether they were given lots meanwhile.
ACTIVE_S = 30.0
# A lot that had nothing to give is asked again after this time: other processes may return some.
DRY_S = 15.0

log = logging.getLogger("tollgate.ledger")


@dataclass(slots=True)
class _Known:
    """A lot, and since when it is known to have nothing for this process."""

    lot: Lot
    dry_at_s: float = float("-inf")


@dataclass(slots=True)
class _Purse:
    """A user's lots in the order in which they are spent; `count` is how many there ever were."""

    count: int
    lots: list[_Known] = field(default_factory=list)
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class Lots:
    """The lots of the users of this process."""

    def __init__(self, store: Store, clock: Clock, credit: Credit) -> None:
        self._store = store
        self._clock = clock
        self._credit = credit
        self._purses: dict[str, _Purse] = {}

    def any(self, user: str) -> bool:
        """Whether a user was ever given a lot, as far as this process has seen."""
        piece = self._credit.slices.known(user)
        return piece is not None and piece.lots > 0

    async def prepare(self, user: str, need_nano: int) -> None:
        """See to it that lots at hand cover a charge to come, as far as there are any.

        Asks the database only when what is at hand does not suffice; when it does not answer, the
        charge will be paid from the plain balance.
        """
        piece = self._credit.slices.known(user)
        if piece is None or not piece.lots:
            return
        try:
            purse = self._purses.get(user)
            if purse is None or purse.count != piece.lots:
                purse = await self._open(user, piece.lots)
            await self._fill(purse, need_nano)
        except (LedgerError, TimeoutError) as error:
            log.info("%s: the lots can't be asked: %s", user, error)

    async def take(self, user: str, charge_nano: int) -> list[tuple[Hold, int]]:
        """Hold what a charge takes from lots, in order, each with its amount.

        Long answers find their lots' slices given back, and ask for them again.
        """
        taken: list[tuple[Hold, int]] = []
        await self.prepare(user, charge_nano)
        purse = self._purses.get(user)
        if purse is None:
            return taken
        for known in self._open_now(purse):
            if charge_nano <= 0 or len(taken) == MAX_PER_CHARGE:
                break
            held = self._credit.take(known.lot.account, charge_nano)
            if held is not None:
                taken.append((held, held.amount_nano))
                charge_nano -= held.amount_nano
        return taken

    async def refresh(self) -> None:
        """Learn which active users were given lots since. Raises StoreError."""
        now_s = self._clock.monotonic_s()
        active = {
            piece.account: piece
            for piece in self._credit.slices
            if piece.account.startswith("user:")
            and (piece.held or now_s - piece.used_at_s < ACTIVE_S)
        }
        for user in [user for user in self._purses if user not in active]:
            del self._purses[user]
        for document in await self._store.find_ids("accounts", active, projection={"lots": 1}):
            active[document["_id"]].lots = int(document.get("lots", 0))

    async def _open(self, user: str, count: int) -> _Purse:
        found = await of_user(self._store, user)
        lots = [_Known(lot) for lot, _, left in found if left > 0]
        purse = self._purses[user] = _Purse(count, lots)
        return purse

    async def _fill(self, purse: _Purse, need_nano: int) -> None:
        if self._at_hand(purse, need_nano):
            return
        async with purse.lock:
            for known in self._open_now(purse):
                piece = self._credit.slices.of(known.lot.account)
                now_s = self._clock.monotonic_s()
                free = piece.free
                if free < need_nano and now_s - known.dry_at_s >= DRY_S:
                    free = await self._credit.prefetch(known.lot.account, need_nano)
                    known.dry_at_s = now_s if free < need_nano else known.dry_at_s
                need_nano -= free
                if need_nano <= 0:
                    return

    def _at_hand(self, purse: _Purse, need_nano: int) -> bool:
        for known in self._open_now(purse):
            piece = self._credit.slices.known(known.lot.account)
            need_nano -= piece.free if piece is not None else 0
            if need_nano <= 0:
                return True
        return False

    def _open_now(self, purse: _Purse) -> Iterator[_Known]:
        now_us = self._clock.now_us()
        return (known for known in purse.lots if known.lot.is_open(now_us))


async def of_user(store: Store, user: str) -> list[tuple[Lot, int, int]]:
    """Return all lots of a user's account in the order in which they are spent.

    Each with when it was opened (microseconds since the epoch) and what is left of it. Raises
    StoreError.
    """
    found = await store.find_list("accounts", span(int(user.partition(":")[2])))
    lots = [(lot, document) for document in found if (lot := parse(document["_id"])) is not None]
    lots.sort(key=lambda pair: (*pair[0].rank, int(pair[1].get("opened_us", 0)), pair[0].account))
    return [(lot, int(doc.get("opened_us", 0)), balance_nano(doc)) for lot, doc in lots]


async def left_of(store: Store, account: str) -> int:
    """Return what is left of a lot, in nano-dollars."""
    document: Document = await accounts.read(store, account)
    return max(0, balance_nano(document))
