"""Balances, now and at any other time.

Owns two questions: what an account had, counting only what took effect by some time (`at`), and
what the books said by some time (`ts`, as known then); they combine. Promises exact answers with
every durable event in them, projected or not, that nothing recorded later can change what was
known. An answer is what rollups had before, and the events that count since; or, where rollups are
not complete, what the account has now less the events that do not count. Neither needs the events
of a closed period. Refuses nothing.
"""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

from ledger import chains, scan
from ledger.accounts import COLUMNS, balance_nano, effects, read_many
from ledger.cubes import HOUR_US
from ledger.events import Document
from ledger.history import History
from ledger.known import agree, last_full_hour, rolled_up
from ledger.store import Store

Columns = dict[str, int]

#: The columns of an answer. The others count what only the books themselves ask for.
SHOWN = tuple(name for name in COLUMNS if name not in ("lots", "opened_us"))


@dataclass(frozen=True, slots=True)
class AsOf:
    """Which events count: those in effect by `at_us` and recorded by `known_us`, both included.

    Microseconds since the epoch; None means any time.
    """

    at_us: int | None = None
    known_us: int | None = None

    @property
    def first_us(self) -> int:
        """The earlier of the times: what was recorded by then counts. Raises ValueError for NOW."""
        return min(limit for limit in (self.at_us, self.known_us) if limit is not None)

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
        async with aclosing(chains.chain(store, int(slot), reached.get(slot, 0))) as pages:
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
    """Return the columns of an account as of a time, those that make its balance and what it used.

    The `owner` of a key, as in user:42, makes its events much cheaper to find.
    """
    if as_of == NOW:
        return _shown((await present(history.store, [account])).columns[account])
    columns = await _from_rollups(history, account, as_of, owner)
    if columns is None:
        columns = await _from_events(history, account, as_of, owner)
    return _shown(columns)


def _shown(columns: Columns) -> Columns:
    return {name: columns.get(name, 0) for name in SHOWN}


async def _from_events(history: History, account: str, as_of: AsOf, owner: str | None) -> Columns:
    """Take away what does not count from what there is now.

    No event takes effect after it was recorded, so all of these were recorded after one of the two
    times.
    """
    now = await present(history.store, [account])
    columns = now.columns[account]
    filters = scan.about(account, owner)
    if as_of.known_us is None:
        filters = tuple({**wanted, "at": {"$gt": as_of.at_us}} for wanted in filters)
    async with aclosing(history.read(filters, from_us=as_of.first_us + 1)) as events:
        async for event in events:
            if now.has(event) and not as_of.counts(event):
                for effect in effects_on(account, event):
                    add(columns, effect, -1)
    return columns


async def _from_rollups(
    history: History, account: str, as_of: AsOf, owner: str | None
) -> Columns | None:
    """Begin with what was known before the hour, and add what counts since; None if unsure."""
    hour, last = (as_of.first_us + 1) // HOUR_US * HOUR_US, last_full_hour(history.now_us)
    if hour >= last:
        return None
    parts = await rolled_up(history.store, account, hour, last, owner)
    if parts is None:
        return None
    expected = await _from_events(history, account, AsOf(known_us=last - 1), owner)
    if not agree(parts, expected, account):
        return None
    columns = parts[0]
    await _add_counting(history, account, as_of, owner, hour, columns)
    return columns


async def _add_counting(
    history: History, account: str, as_of: AsOf, owner: str | None, hour: int, columns: Columns
) -> None:
    """Add what counts of the events since an hour. After `at_us` that is only what was late."""
    filters = scan.about(account, owner)
    late = tuple({**wanted, "at": {"$lte": as_of.at_us}} for wanted in filters)
    end = None if as_of.known_us is None else as_of.known_us + 1
    wanted = filters if as_of.at_us is None else late
    async with aclosing(history.read(wanted, from_us=hour, to_us=end)) as events:
        async for event in events:
            if as_of.counts(event):
                for effect in effects_on(account, event):
                    add(columns, effect)


async def balance_at(
    history: History, account: str, as_of: AsOf = NOW, *, owner: str | None = None
) -> int:
    """Return the balance of an account as of a time, in nano-dollars."""
    return balance_nano(await columns_at(history, account, as_of, owner=owner))


def effects_on(account: str, event: Document) -> Iterable[Mapping[str, int]]:
    """Return what an event does to the columns of one account."""
    return [effect.columns for effect in effects(event) if effect.account == account]
