"""The end of lots: what is left of them when their time is over, and of those taken back.

Owns the events lot.expired. Promises that a lot expires once, that its user never loses more than
there is, and that nothing is taken which a running request holds: credit is held on the lot and on
its user before it goes, as for any debit, and what can't be held now is tried at the next turn.
Refuses to touch a lot in the first minute after its time, while requests that took from it settle.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace

from ledger import accounts
from ledger.accounts import balance_nano
from ledger.books import Books
from ledger.errors import InsufficientCredit, KeyReused
from ledger.events import Draft, Receipt
from ledger.lot_names import Lot, parse, span
from ledger.lots import left_of
from ledger.store import Store

EXPIRED_ID = "lot-expired:"
GRACE_US = 60 * 1_000_000
WAIT_S = 2.0

log = logging.getLogger("tollgate.ledger")


async def expire(
    books: Books, *, grace_us: int = GRACE_US, stopping: asyncio.Event | None = None
) -> int:
    """Expire all lots whose time is over and that can be; return how many.

    Raises BooksUnavailable, StoreError.
    """
    await books.settled()
    now_us, count = books.clock.now_us(), 0
    async for lot, left_nano in _leftovers(books.store):
        if stopping is not None and stopping.is_set():
            break
        if lot.expires_us is not None and lot.expires_us + grace_us <= now_us:
            if await expire_one(books, lot, left_nano):
                count += 1
                await books.settled()  # the next lot may have the same user
    return count


async def expire_one(books: Books, lot: Lot, left_nano: int) -> bool:
    """Take what is left of a lot; False when some of it, or of its user's balance, is in use."""
    user = f"user:{lot.user}"
    balance = balance_nano(await accounts.read(books.store, user))
    taken = min(left_nano, max(0, balance))
    wanted = [(lot.account, left_nano)] + ([(user, taken)] if taken else [])
    place, holds = books.place(), []
    try:
        for account, amount in wanted:
            holds.append((await books.credit.hold([account], amount, wait_s=WAIT_S), amount))
        await books.charge(_draft(lot, user, taken, left_nano), place, *holds)
    except (InsufficientCredit, KeyReused) as error:
        log.info("%s does not expire yet: %s", lot.account, error)
        return False
    finally:
        place.release()
        for held, _ in holds:
            held.release()
    return True


def _draft(lot: Lot, user: str, taken: int, left_nano: int) -> Draft:
    body = {
        "lot": lot.account,
        "source": lot.source,
        "expires_us": lot.expires_us,
        "left_nano": left_nano,
    }
    return Draft(f"{EXPIRED_ID}{lot.account}", "lot.expired", user, -taken, "system", body)


async def taken_by_expiry(store: Store, lot: str) -> int:
    """Return what a user lost when a lot expired, in nano-dollars; 0 when it did not."""
    event = await store.find_one("events", {"_id": f"{EXPIRED_ID}{lot}"})
    return 0 if event is None else -int(event["amount"])


async def take_back(books: Books, draft: Draft, lot: str | None) -> Receipt:
    """Record that a recharge is taken back, and with it what is left of the lot that it opened.

    Raises InsufficientCredit when the user does not have the amount.
    """
    if lot is None:
        return await (books.debit(draft) if draft.amount_nano else books.record(draft))
    await books.settled()
    left_nano = await left_of(books.store, lot)
    place, holds = books.place(), []
    try:
        if draft.amount_nano:
            amount = -draft.amount_nano
            held = await books.credit.hold([draft.account], amount, wait_s=WAIT_S)
            holds.append((held, amount))
        with suppress(InsufficientCredit):
            held = await books.credit.hold([lot], left_nano, floor_nano=1, wait_s=WAIT_S)
            holds.append((held, held.amount_nano))
            draft = replace(draft, body={**draft.body, "lot": [lot, held.amount_nano]})
        receipt = await books.charge(draft, place, *holds)
    finally:
        place.release()
        for held, _ in holds:
            held.release()
    await books.settled()
    return receipt


async def _leftovers(store: Store) -> AsyncIterator[tuple[Lot, int]]:
    async for document in store.find("accounts", span()):
        lot, left_nano = parse(document["_id"]), balance_nano(document)
        if lot is not None and left_nano > 0:
            yield lot, left_nano
