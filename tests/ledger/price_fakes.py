"""A store and books for prices, in memory: events by id, nothing else."""

from typing import Any

from ledger.clock import Clock
from ledger.errors import KeyReused
from ledger.events import Draft, Receipt
from ledger.price_table import PriceTable
from ledger.prices import PriceBook


class HandClock(Clock):
    """Stands still until it is moved."""

    def __init__(self, now_us: int = 1_000_000_000_000_000) -> None:
        self.us = now_us

    def now_us(self) -> int:
        return self.us


class Events:
    """What several processes share: reads like the store, records like the books."""

    def __init__(self) -> None:
        self.by_id: dict[str, dict[str, Any]] = {}
        self.asked = 0

    async def find_one(self, collection: str, filter: dict[str, Any]) -> dict[str, Any] | None:
        self.asked += 1
        return self.by_id.get(filter["_id"])

    async def find_list(self, collection: str, filter: dict[str, Any]) -> list[dict[str, Any]]:
        found = [e for e in self.by_id.values() if e["account"] == filter["account"]]
        return sorted(found, key=lambda event: str(event["_id"]), reverse=True)

    async def record(self, draft: Draft) -> Receipt:
        known = self.by_id.get(draft.id)
        if known is not None and known["body"] != draft.body:
            raise KeyReused(draft.id, known)
        event = {
            "_id": draft.id,
            "type": draft.type,
            "account": draft.account,
            "amount": draft.amount_nano,
            "actor": draft.actor,
            "body": draft.body,
        }
        self.by_id[draft.id] = event
        return Receipt(draft.id, 0, 1, len(self.by_id), 0, "", replayed=known is not None)


async def open_book(events: Events, clock: Clock) -> PriceBook:
    """Return the book as one process sees it."""
    book = PriceBook(clock)
    await book.load(events)
    return book


def table_of(*rows: dict[str, Any], groups: dict[str, str] | None = None) -> PriceTable:
    """Return a table of canonical rows."""
    return PriceTable(1, {row["model"]: row for row in rows}, groups or {})
