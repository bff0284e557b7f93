"""Balances, now and at any other time.

Owns two questions: what an account had, counting only what took effect by some time (`at`), and
what the books said by some time (`ts`, as known then); they combine. Promises exact answers with
every durable event in them, projected or not, that nothing recorded later can change what was
known. An answer is what the account has now less the events that do not count, so that its cost is
that of the time since, and it needs no event from before. Refuses nothing.
"""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

from ledger import scan
from ledger.accounts import COLUMNS, balance_nano, effects, read_many
from ledger.events import Document
from ledger.history import History
from ledger.store import Store

Columns = dict[str, int]


@dataclass(frozen=True, slots=True)
class AsOf:
    """Which events count: those in effect by `at_us` and recorded by `known_us`, both included.

    Microseconds since the epoch; None means any time.
    """

    at_us: int | None = None
    known_us: int | None = None

    def counts(self, event: Document) -> bool:
        """Tell whether an event counts."""
        return (self.at_us is None or event["at"] <= self.at_us) and (
            self.known_us is None or event["ts"] <= self.known_us
        )


NOW = AsOf()


@dataclass(slots=True)
class Present:
    """Columns of accounts, and for each writer the number up to which its events are in them."""

    columns: dict[str, Columns]
    reached: dict[str, int] = field(default_factory=dict)

    def has(self, event: Document) -> bool:
        """Tell whether an event is in the columns of the accounts that it moves."""
        return int(event["seq"]) <= self.reached.get(str(event["writer"]), 0)


async def present(store: Store, accounts: Sequence[str]) -> Present:
    """Return what accounts have now, with every durable event in it, projected or not.

    The watermarks are read first: what they cover is in the accounts, and of the events after them
    an account takes those that it does not have yet.
    """
    marks = await store.find_list("positions", {"_id": {"$gte": "accounts:", "$lt": "accounts;"}})
    reached = {d["_id"].removeprefix("accounts:"): int(d["seq"]) for d in marks}
    documents = await read_many(store, accounts)
    now = Present({name: columns_of(documents[name]) for name in accounts}, reached)
    for writer in await store.find_list("writers", {}, projection={"_id": 1}):
        slot = str(writer["_id"])
        async with aclosing(scan.chain(store, int(slot), reached.get(slot, 0))) as pages:
            async for page in pages:
                for event in page:
                    _add_late(event, documents, now.columns)
                reached[slot] = int(page[-1]["seq"])
    return now


def _add_late(
    event: Document, documents: Mapping[str, Document], columns: dict[str, Columns]
) -> None:
    writer, seq = str(event["writer"]), int(event["seq"])
    for effect in effects(event):
        if effect.account not in columns:
            continue
        if seq > int(documents[effect.account].get("applied", {}).get(writer, 0)):
            add(columns[effect.account], effect.columns)


def columns_of(document: Mapping[str, Any]) -> Columns:
    """Return the columns of an account document, zeros included."""
    return {name: int(document.get(name, 0)) for name in COLUMNS}


def add(columns: Columns, more: Mapping[str, int], sign: int = 1) -> None:
    """Add to columns (or with `sign` -1 take away) what events did to them."""
    for name, amount in more.items():
        columns[name] = columns.get(name, 0) + sign * amount


async def exact_balances(store: Store, accounts: Sequence[str]) -> dict[str, int]:
    """Return balances in nano-dollars as they are now, with every recorded event."""
    found = (await present(store, accounts)).columns
    return {account: balance_nano(found[account]) for account in accounts}


async def columns_at(
    history: History, account: str, as_of: AsOf = NOW, *, owner: str | None = None
) -> Columns:
    """Return all columns of an account as of a time.

    The `owner` of a key, as in user:42, makes its events much cheaper to find.
    """
    now = await present(history.store, [account])
    columns = now.columns[account]
    if as_of == NOW:
        return columns
    filters, from_us = _that_do_not_count(account, as_of, owner)
    async with aclosing(history.read(filters, from_us=from_us)) as events:
        async for event in events:
            if now.has(event) and not as_of.counts(event):
                for effect in effects_on(account, event):
                    add(columns, effect, -1)
    return columns


def _that_do_not_count(
    account: str, as_of: AsOf, owner: str | None
) -> tuple[list[Mapping[str, Any]], int]:
    """Return filters for the events to take away, and when the first can have been recorded.

    No event takes effect after it was recorded, so all of them were recorded after one of the two
    times.
    """
    limits = [limit for limit in (as_of.at_us, as_of.known_us) if limit is not None]
    filters = scan.about(account, owner)
    if as_of.known_us is None:
        filters = tuple({**wanted, "at": {"$gt": as_of.at_us}} for wanted in filters)
    return list(filters), min(limits) + 1


async def balance_at(
    history: History, account: str, as_of: AsOf = NOW, *, owner: str | None = None
) -> int:
    """Return the balance of an account as of a time, in nano-dollars."""
    return balance_nano(await columns_at(history, account, as_of, owner=owner))


def effects_on(account: str, event: Document) -> Iterable[Mapping[str, int]]:
    """Return what an event does to the columns of one account."""
    return [effect.columns for effect in effects(event) if effect.account == account]
