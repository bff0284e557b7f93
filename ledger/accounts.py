"""Accounts: what the events add up to.

Owns the columns of an account document and the meaning of every event type for them. Promises
that columns only ever grow by what an event says (`adjusted` may go either way), so that a balance
can always be recomputed from the events alone. Refuses to overwrite a total.

An account document is

    {_id, credited, clawed_back, spent, refunded, adjusted, requests, cost, lots, consumed,
     consumed_by: {w: nano}, applied: {w: seq}, granted, granted_by: {w: nano}, slice_rev: {w: n},
     slice_epoch: {w: n}, limit_nano, limit_us}

Everything down to `applied` is a projection of events; `applied` names, for each writer, the last
sequence number that is in it. `cost` is what a channel's attempts cost upstream; `lots` counts the
balance lots that a user was ever given, and `opened_us` is when a lot was opened: one event opens
it, so that this is a sum as well. The next four belong to ledger/slices.py: what each writer
was granted to spend. A writer's slice is granted_by[w] - consumed_by[w]. The last two belong to
ledger/budgets.py: what may be spent in the period, which is no balance.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ledger.costs import by_channel
from ledger.errors import InvalidEvent
from ledger.events import Document
from ledger.lot_names import expired, opened_by
from ledger.store import Store

COLUMNS = (
    "credited",
    "clawed_back",
    "spent",
    "refunded",
    "adjusted",
    "requests",
    "cost",
    "lots",
    "opened_us",
)
FAILED = "failed"
BALANCE_SIGNS = {"credited": 1, "clawed_back": -1, "spent": -1, "refunded": 1, "adjusted": 1}


class Effect(NamedTuple):
    """What one event does to one account: columns grow by `columns`, `consumed_nano` leaves the
    slice of the writer that recorded the event."""

    account: str
    columns: dict[str, int]
    consumed_nano: int = 0


@dataclass(slots=True)
class Sums:
    """Columns of one account, folded from events."""

    columns: dict[str, int] = field(default_factory=dict)
    consumed_by: dict[str, int] = field(default_factory=dict)
    applied: dict[str, int] = field(default_factory=dict)

    def add(self, effect: Effect, writer: str, seq: int) -> None:
        """Fold one effect of event number `seq` of `writer`, in any order."""
        columns, (_, more, consumed_nano) = self.columns, effect
        for column, amount in more.items():
            columns[column] = columns.get(column, 0) + amount
        if consumed_nano:
            self.consumed_by[writer] = self.consumed_by.get(writer, 0) + consumed_nano
        if seq > self.applied.get(writer, 0):
            self.applied[writer] = seq


def _usage_charged(event: Document) -> list[Effect]:
    """Count a charge where it belongs: one effect for each account, however often it is named."""
    body, charge = event["body"], -event["amount"]
    held, costs = body["hold"]["accounts"], by_channel(body)
    columns = {"spent": charge, "requests": 0 if body["outcome"] == FAILED else 1}
    channel = f"channel:{body['channel']}"
    effects = [
        Effect(account, columns, charge if account in held else 0)
        for account in (event["account"], f"key:{body['key']}")
    ]
    effects += [Effect(account, columns, charge) for account in held if is_budget(account)]
    effects += [Effect(lot, {"spent": nano}, nano) for lot, nano in body.get("lots") or ()]
    cost = costs.pop(channel, 0)
    effects.append(Effect(channel, {**columns, "cost": cost} if cost else columns))
    effects += [Effect(other, {"cost": cost}) for other, cost in costs.items()]
    return effects


def _usage_reversed(event: Document) -> list[Effect]:
    """Give a charge back, also to the budgets that it counted in and the lots that it names."""
    body, columns = event["body"], {"refunded": event["amount"]}
    accounts = [event["account"], f"key:{body['key']}", f"channel:{body['channel']}"]
    accounts += [account for account in body["hold_accounts"] if is_budget(account)]
    lots = [
        Effect(lot, {"refunded": nano})
        for lot, nano in body.get("lots") or ()
        if not expired(lot, event["ts"])
    ]
    return [Effect(account, columns) for account in accounts] + lots


def is_budget(account: str) -> bool:
    """Tell whether an account is a period of a budget."""
    return account.startswith("budget:")


def _credited(event: Document) -> list[Effect]:
    amount, lot = event["amount"], opened_by(event)
    if lot is None:
        return [Effect(event["account"], {"credited": amount})]
    opened = Effect(lot, {"credited": amount, "opened_us": event["ts"]})
    return [Effect(event["account"], {"credited": amount, "lots": 1}), opened]


def _clawed_back(event: Document) -> list[Effect]:
    """What a provider took back was not held under version 1; it is held since."""
    taken, lot = -event["amount"], event["body"].get("lot")
    effects = [Effect(event["account"], {"clawed_back": taken}, taken if event["v"] > 1 else 0)]
    if lot is not None:
        effects.append(Effect(lot[0], {"clawed_back": lot[1]}, lot[1]))
    return effects


def _redeemed(event: Document) -> list[Effect]:
    code = Effect(f"code:{event['body']['code']}", {"spent": event["amount"], "requests": 1})
    return [*_credited(event), code]


def _adjusted(event: Document) -> list[Effect]:
    amount = event["amount"]
    return [Effect(event["account"], {"adjusted": amount}, max(0, -amount))]


def _expired(event: Document) -> list[Effect]:
    """The lot loses all that was left, its user what there still was of it."""
    taken, left = -event["amount"], event["body"]["left_nano"]
    lot = Effect(event["body"]["lot"], {"adjusted": -left}, left)
    return [Effect(event["account"], {"adjusted": -taken}, taken), lot]


def _nothing(event: Document) -> list[Effect]:
    return []


EFFECTS: dict[str, Callable[[Document], list[Effect]]] = {
    "usage.charged": _usage_charged,
    "usage.reversed": _usage_reversed,
    "recharge.credited": _credited,
    "recharge.reversed": _clawed_back,
    "redemption.issued": _nothing,
    "redemption.redeemed": _redeemed,
    "redemption.revoked": _nothing,
    "grant.signup": _credited,
    "grant.invitee": _credited,
    "grant.inviter": _credited,
    "balance.adjusted": _adjusted,
    "balance.opened": _credited,
    "lot.expired": _expired,
    "price.published": _nothing,
    "audit.recorded": _nothing,
    "ledger.sealed": _nothing,
    "ledger.archived": _nothing,
    "epoch.closed": _nothing,
}


def effects(event: Document) -> list[Effect]:
    """Return what a stored event does to accounts. Raises InvalidEvent for an unknown type."""
    effect = EFFECTS.get(event["type"])
    if effect is None:
        raise InvalidEvent(f"{event['_id']}: unknown event type {event['type']!r}")
    return effect(event)


def balance_nano(account: Document) -> int:
    """Return the balance of an account document in nano-dollars."""
    return sum(sign * int(account.get(column, 0)) for column, sign in BALANCE_SIGNS.items())


def available_nano(account: Document) -> int:
    """Return what no process holds a slice of yet: balance (and limit) less outstanding slices."""
    outstanding = int(account.get("granted", 0)) - int(account.get("consumed", 0))
    return int(account.get("limit_nano", 0)) + balance_nano(account) - outstanding


def available_expression() -> Document:
    """Return `available_nano` as an aggregation expression, for guarded updates."""
    minus: list[Any] = [_or_zero(c) for c, sign in BALANCE_SIGNS.items() if sign < 0]
    plus: list[Any] = [_or_zero(c) for c, sign in BALANCE_SIGNS.items() if sign > 0]
    plus += [_or_zero("consumed"), _or_zero("limit_nano")]
    minus.append(_or_zero("granted"))
    return {"$subtract": [{"$add": plus}, {"$add": minus}]}


def _or_zero(column: str) -> Document:
    return {"$ifNull": [f"${column}", 0]}


async def read(store: Store, account: str) -> Document:
    """Return one account document; an account without events reads as an empty one."""
    return await store.find_one("accounts", {"_id": account}) or {"_id": account}


async def read_many(store: Store, accounts: Iterable[str]) -> dict[str, Document]:
    """Return account documents by id, with an empty one for each account without events."""
    wanted = list(accounts)
    found = await store.find_ids("accounts", wanted)
    by_id = {document["_id"]: document for document in found}
    return {account: by_id.get(account, {"_id": account}) for account in wanted}
