"""What the books said of an account before some hour, from rollups.

Owns the way from sums by event type to the columns of an account. Promises an exact answer or none:
before rollups are believed they must add up to what the account itself has, less its events since
the last full hour, so that an answer never depends on their being there. Refuses accounts of which
rollups know nothing, such as lots and codes.
"""

import logging

from ledger import scan, totals
from ledger.accounts import COLUMNS
from ledger.cubes import AMOUNT, COST, HOUR_US, REQUESTS, TYPE, Cell
from ledger.store import Store

Columns = dict[str, int]

SETTLING_US = 60 * 1_000_000
MOST_BEHIND = 20_000
_KINDS = frozenset(("user", "key", "channel"))
#: What the amounts of a type add to, and with which sign. Types that are not here move nothing.
MOVES = {
    "usage.charged": ("spent", -1),
    "usage.reversed": ("refunded", 1),
    "recharge.credited": ("credited", 1),
    "recharge.reversed": ("clawed_back", -1),
    "redemption.redeemed": ("credited", 1),
    "grant.signup": ("credited", 1),
    "grant.invitee": ("credited", 1),
    "grant.inviter": ("credited", 1),
    "balance.adjusted": ("adjusted", 1),
    "balance.opened": ("credited", 1),
    "lot.expired": ("adjusted", 1),
}

log = logging.getLogger("tollgate.ledger")


def last_full_hour(now_us: int) -> int:
    """Return the hour before which everything is recorded by now, in microseconds."""
    return (now_us - SETTLING_US) // HOUR_US * HOUR_US


async def rolled_up(
    store: Store, account: str, hour_us: int, last_us: int, owner: str | None
) -> tuple[Columns, Columns] | None:
    """Return the columns of an account as known before an hour, and what came between two hours.

    None where rollups can't tell. The caller must know that they are complete: see `agree`. The
    two together use every page that the first one uses, so that a missing page shows in their sum.
    """
    if account.partition(":")[0] not in _KINDS or await _behind(store) > MOST_BEHIND:
        return None
    first = await _sums(store, account, None, hour_us, owner)
    second = await _sums(store, account, hour_us, last_us, owner)
    return None if first is None or second is None else (first, second)


async def _sums(
    store: Store, account: str, from_us: int | None, to_us: int, owner: str | None
) -> Columns | None:
    filters = scan.about(account, owner)
    groups = await totals.sums(store, filters, from_us, to_us, by=(TYPE,))
    if groups is None:
        return None
    columns = dict.fromkeys(COLUMNS, 0)
    for (kind,), cell in groups.items():
        _count(columns, str(kind), cell, of_channel=account.startswith("channel:"))
    return columns


async def _behind(store: Store) -> int:
    """Count the events that accounts have and rollups lack: all of them would have to be read."""
    found = await store.find_list("positions", {"_id": {"$gte": "accounts:", "$lt": "rollups;"}})
    reached = {document["_id"]: int(document.get("seq", 0)) for document in found}
    return sum(
        max(0, seq - reached.get(f"rollups:{name.partition(':')[2]}", 0))
        for name, seq in reached.items()
        if name.startswith("accounts:")
    )


def agree(parts: tuple[Columns, Columns], expected: Columns, account: str) -> bool:
    """Tell whether rollups add up to all that an account has.

    All columns but `adjusted` only grow, so that a page which is not there shows in one of them.
    """
    ours = {name: sum(part[name] for part in parts) for name in _COMPARED}
    if ours == {name: expected[name] for name in _COMPARED}:
        return True
    log.info("the rollups of %s are not complete; its events are read instead", account)
    return False


def _count(columns: Columns, kind: str, cell: Cell, *, of_channel: bool) -> None:
    if kind not in MOVES:
        return
    column, sign = MOVES[kind]
    columns[column] += sign * cell[AMOUNT]
    if kind == "usage.charged":
        columns["requests"] += cell[REQUESTS]
        columns["cost"] += cell[COST] if of_channel else 0


#: What a statement's opening balance consists of; lots are only counted for those who spend them.
_COMPARED = tuple(name for name in COLUMNS if name not in ("lots", "opened_us"))
