"""Charges to reverse, and people who ask for it."""

import asyncio
from typing import Any

from ledger import reversal_runs
from ledger.accounts import balance_nano, read
from ledger.books import Books
from ledger.events import Document
from ledger.reversals import Request, propose
from ledger.store import Store
from ledger.verify import verify
from tests.ledger.drafts import charge, recharge

USD = 10**9
MUCH = 10**15


async def charged(books: Books, count: int = 6, *, tokens: int = 1_000) -> None:
    """Give users 1 and 2 a dollar each, and charge them in turn."""
    await books.append(recharge("a", "user:1", USD))
    await books.append(recharge("b", "user:2", USD))
    await asyncio.gather(
        *(
            books.append(charge(f"r{n}", tokens + n, user=1 + n % 2, key=7 + n % 2, held=()))
            for n in range(count)
        )
    )
    await books.settled()


def cohort(actor: str = "user:100", **chosen: Any) -> Request:
    return Request(actor, "bad prices", filter=chosen or {"model": "test-model"})


def single(event: str, actor: str = "user:100", **more: Any) -> Request:
    return Request(actor, "it failed", event=event, **more)


async def done(books: Books, request: Request, limit_nano: int = MUCH) -> Document:
    document, _ = await propose(books, request, limit_nano)
    return await reversal_runs.run(books, document["_id"])


async def balance(books: Books, account: str) -> int:
    await books.settled()
    return balance_nano(await read(books.store, account))


async def check(store: Store) -> None:
    report = await verify(store)
    assert report.ok, report.lines
