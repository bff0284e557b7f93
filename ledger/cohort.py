"""Cohorts: charges chosen by what they have in common.

Owns the filter, the walk over the charges that match it and have not been given back, and their
tally with its digest. Promises that a cohort, once its heads are fixed, can only shrink: it is made
of events recorded up to those numbers, and events never change. Memory stays constant but for one
sum for each user and model. Refuses a filter that chooses everything.
"""

import hashlib
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

from ledger.archive_read import ArchiveMissing
from ledger.errors import LedgerError
from ledger.events import Document
from ledger.history import History
from ledger.money import usd
from ledger.scan import last_event
from ledger.store import Store

PAGE = 250
SHOWN = 1_000

#: What a filter may name, and where a charge says it.
FIELDS: dict[str, str] = {
    "price_version": "body.price.version",
    "channel": "body.channel",
    "model": "body.model",
    "served_model": "body.served_model",
    "key": "body.key",
    "user": "account",
    "group": "body.group",
    "outcome": "body.outcome",
    "usage_source": "body.usage_source",
    "endpoint": "body.endpoint",
}
PERIOD = ("from_us", "to_us")

Filter = dict[str, Any]
Heads = dict[str, int]
Place = tuple[int, str]


class InvalidFilter(LedgerError):
    """A filter names nothing, or something that charges do not have."""

    code = "invalid_filter"


def checked_filter(given: Mapping[str, Any]) -> Filter:
    """Return a filter without what is not set, in one order. Raises InvalidFilter."""
    unknown = [name for name in given if name not in FIELDS and name not in PERIOD]
    if unknown:
        raise InvalidFilter(f"charges can't be chosen by {unknown[0]!r:.60}")
    chosen = {name: given[name] for name in (*FIELDS, *PERIOD) if given.get(name) is not None}
    if not chosen:
        raise InvalidFilter("a filter must name something: it would choose every charge")
    return chosen


async def heads(store: Store) -> Heads:
    """Return the last number of every writer now, by which a cohort is fixed."""
    found = {}
    for writer in await store.find_list("writers", {}, projection={"_id": 1}):
        last = await last_event(store, writer["_id"])
        if last is not None:
            found[str(writer["_id"])] = int(last["seq"])
    return found


async def charges(
    store: Store, chosen: Filter, upto: Heads, *, after: Place | None = None
) -> AsyncGenerator[list[Document], None]:
    """Yield pages of the charges that match, recorded up to `upto`, in order of (ts, id).

    `after` is the place of the last charge that is not wanted any more. Charges of nothing are left
    out: there is nothing to give back. Raises InvalidFilter when some of the period are archived,
    for a cohort that leaves some out would pass for the whole.
    """
    page: list[Document] = []
    from_us = chosen.get("from_us")
    if after is not None:
        from_us = max(after[0], from_us or 0)
    history = await History.open(store)
    found = history.read([_query(chosen)], from_us=from_us, to_us=chosen.get("to_us"))
    async with aclosing(_none_archived(found)) as matching:
        async for event in matching:
            if event["seq"] > upto.get(str(event["writer"]), 0) or event["amount"] == 0:
                continue
            if after is not None and (event["ts"], event["_id"]) <= after:
                continue
            page.append(event)
            if len(page) == PAGE:
                yield page
                page = []
    if page:
        yield page


async def _none_archived(
    found: AsyncGenerator[Document, None],
) -> AsyncGenerator[Document, None]:
    async with aclosing(found):
        try:
            async for event in found:
                yield event
        except ArchiveMissing:
            raise InvalidFilter(
                "some charges of this period are archived: restore them first, or begin later"
            ) from None


def _query(chosen: Filter) -> Document:
    named = {FIELDS[name]: value for name, value in chosen.items() if name in FIELDS}
    if "account" in named:
        named["account"] = f"user:{named['account']}"
    return {"type": "usage.charged", **named}


def reversal_id(event_id: str) -> str:
    """Return the id of the event that takes back another: there can be only one."""
    return f"reverse:{event_id}"


async def reversals_of(store: Store, events: Sequence[Document]) -> dict[str, Document]:
    """Return the reversals of some events that have one, by the id of the event."""
    wanted = {reversal_id(event["_id"]): event["_id"] for event in events}
    found = await store.find_ids("events", wanted)
    return {wanted[reversal["_id"]]: reversal for reversal in found}


@dataclass(slots=True)
class Sum:
    """How many, and how much together."""

    count: int = 0
    nano: int = 0

    def add(self, nano: int) -> None:
        """Count one more."""
        self.count += 1
        self.nano += nano


@dataclass(slots=True)
class Tally:
    """What a cohort adds up to. The digest names exactly these events with these amounts."""

    whole: Sum = field(default_factory=Sum)
    reversed: int = 0
    users: dict[str, Sum] = field(default_factory=dict)
    models: dict[str, Sum] = field(default_factory=dict)
    _digest: Any = field(default_factory=hashlib.sha256)

    def add(self, event: Document, part_nano: int | None = None) -> None:
        """Count an event, or only a part of its amount."""
        nano = abs(event["amount"]) if part_nano is None else part_nano
        signed = event["amount"] if part_nano is None else part_nano
        self.whole.add(nano)
        self.users.setdefault(event["account"], Sum()).add(nano)
        self.models.setdefault(event["body"].get("model", ""), Sum()).add(nano)
        self._digest.update(f"{event['_id']} {signed}\n".encode())

    @property
    def digest(self) -> str:
        """The fingerprint of the events in it, in their order."""
        return str(self._digest.hexdigest())

    def numbers(self) -> Document:
        """Return the tally as a document holds it and as it is answered."""
        return {
            "count": self.whole.count,
            "total": usd(self.whole.nano),
            "total_nano": self.whole.nano,
            "already_reversed": self.reversed,
            "users": _largest(self.users, "account"),
            "models": _largest(self.models, "model"),
            "digest": self.digest,
        }


def _largest(sums: Mapping[str, Sum], name: str) -> list[Document]:
    """Return the largest sums first, at most SHOWN of them."""
    ordered = sorted(sums.items(), key=lambda item: (-item[1].nano, item[0]))[:SHOWN]
    return [
        {name: key, "count": each.count, "amount": usd(each.nano), "amount_nano": each.nano}
        for key, each in ordered
    ]


async def tally(store: Store, chosen: Filter, upto: Heads) -> Tally:
    """Add up the charges of a cohort that have not been given back."""
    result = Tally()
    pages = charges(store, chosen, upto)
    async with aclosing(pages):
        async for page in pages:
            known = await reversals_of(store, page)
            result.reversed += len(known)
            for event in page:
                if event["_id"] not in known:
                    result.add(event)
    return result
