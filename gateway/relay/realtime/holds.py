"""Holding credit for what a realtime session may cost next."""

from gateway.relay.context import Exchange, Relay
from ledger.errors import InsufficientCredit


async def hold_up_to(
    relay: Relay, x: Exchange, needed_nano: int, ahead_nano: int, wait_s: float
) -> None:
    """Hold what is needed now, or rather what will soon be, so that not every piece asks for more.

    Raises InsufficientCredit, BooksUnavailable, StoreError.
    """
    if x.hold is None:
        await hold(relay, x, needed_nano, wait_s)
    elif x.hold.amount_nano < needed_nano:
        extend = relay.books.credit.extend
        if await extend(x.hold, ahead_nano, wait_s=0):
            return
        if not await extend(x.hold, needed_nano, wait_s=wait_s):
            raise InsufficientCredit(x.user.account, needed_nano, x.hold.amount_nano)


async def hold(relay: Relay, x: Exchange, amount_nano: int, wait_s: float) -> None:
    """Hold an amount on all that a key spends from. Raises as hold_up_to does."""
    accounts = [x.user.account] if x.key.unlimited else [x.user.account, x.key.account]
    books = relay.books
    limited = x.user.budgets or x.key.budgets
    running = books.budgets.in_force(x.user, x.key) if limited else ()
    x.hold = await books.budgets.hold(accounts, running, amount_nano, wait_s=wait_s)
    if books.lots.any(x.user.account):
        await books.lots.prepare(x.user.account, amount_nano)


async def hold_some(relay: Relay, x: Exchange, due_nano: int) -> None:
    """Hold what can be had for something that began uncovered."""
    try:
        if due_nano:
            await hold(relay, x, due_nano, 0)
    except InsufficientCredit as error:
        if error.available_nano > 0:
            await hold(relay, x, min(due_nano, error.available_nano), 0)
