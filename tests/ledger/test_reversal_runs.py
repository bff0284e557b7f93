"""Carrying reversals out: at once, twice, cut off anywhere, resumed to the same end."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from ledger import reversal_runs, reversals
from ledger.books import Books
from ledger.clock import Clock
from ledger.errors import BooksUnavailable
from ledger.events import Draft, Receipt
from ledger.reversal_errors import AlreadyDecided
from ledger.reversals import approve, propose
from ledger.store import Store
from tests.ledger.reversing import MUCH, USD, balance, charged, check, cohort, done


@pytest.fixture
async def books(store: Store) -> AsyncIterator[Books]:
    books = await Books.open(store, Clock(), flush_interval_s=0.01)
    yield books
    await books.close()


@pytest.fixture
async def other(store: Store, books: Books) -> AsyncIterator[Books]:
    """The books of a second process."""
    other = await Books.open(store, Clock(), flush_interval_s=0.01)
    yield other
    await other.close()


async def test_two_admins_reverse_the_same_cohort_at_once(books: Books, other: Books) -> None:
    await charged(books, 60)
    results = await asyncio.gather(done(books, cohort("user:100")), done(other, cohort("user:101")))
    assert {result["state"] for result in results} == {"done"}
    counts = [result["done"] for result in results]
    assert sum(c["count"] for c in counts) == 60
    assert sum(c["total_nano"] for c in counts) == sum(1_000_000 + n * 1_000 for n in range(60))
    assert await books.store.count("events", {"type": "usage.reversed"}) == 60
    await other.settled()
    assert await balance(books, "user:1") == await balance(books, "user:2") == USD
    await check(books.store)


async def test_one_request_sent_twice_at_once_is_one_reversal(books: Books, other: Books) -> None:
    await charged(books)
    made = await asyncio.gather(
        *(propose(each, cohort(), 0) for each in (books, other, books, other))
    )
    assert len({document["_id"] for document, _ in made}) == 1
    assert sum(not replayed for _, replayed in made) == 1
    assert await books.store.count("reversals", {}) == 1


async def test_two_who_approve_at_once_are_one_approval(books: Books, other: Books) -> None:
    await charged(books)
    document, _ = await propose(books, cohort(), 0)
    results = await asyncio.gather(
        approve(books, document["_id"], "user:101", None),
        approve(other, document["_id"], "user:102", None),
        return_exceptions=True,
    )
    assert {type(result) for result in results} == {dict, AlreadyDecided}


class Crash(Exception):
    """The process is gone."""


class Dying:
    """Books of a process that dies after so many appends."""

    def __init__(self, books: Books, appends: int) -> None:
        self._books = books
        self._left = appends

    def __getattr__(self, name: str) -> Any:
        return getattr(self._books, name)

    async def append(self, draft: Draft) -> Receipt:
        if self._left == 0:
            raise Crash
        self._left -= 1
        return await self._books.append(draft)


@pytest.mark.parametrize("appends", [0, 1, 3, 4, 9])
async def test_a_crash_in_mid_execution_is_resumed_to_the_same_end(
    books: Books, other: Books, monkeypatch: pytest.MonkeyPatch, appends: int
) -> None:
    monkeypatch.setattr("ledger.cohort.PAGE", 4)
    await charged(books, 10)
    document, _ = await propose(books, cohort(), MUCH)
    dying: Any = Dying(books, appends)
    with pytest.raises(Crash):
        await reversal_runs.run(dying, document["_id"])
    between = await reversals.get(books.store, document["_id"])
    assert between["state"] == "approved" and between["done"]["count"] == appends // 4 * 4
    assert await reversal_runs.resume(other) == 1
    result = await reversals.get(books.store, document["_id"])
    assert result["state"] == "done"
    assert result["done"] == {
        "count": 10,
        "total_nano": document["numbers"]["total_nano"],
        "skipped": 0,
    }
    assert await books.store.count("events", {"type": "usage.reversed"}) == 10
    assert await reversal_runs.resume(other) == 0
    await check(books.store)


async def test_a_reversal_in_other_hands_is_left_to_them_until_their_lease_ends(
    books: Books,
) -> None:
    await charged(books)
    document, _ = await propose(books, cohort(), MUCH)
    lease = {"lease_us": await books.store.server_now_us() + 10**12, "runner": "another"}
    await books.store.update_one("reversals", {"_id": document["_id"]}, {"$set": lease})
    assert (await reversal_runs.run(books, document["_id"]))["state"] == "approved"
    assert await reversal_runs.resume(books) == 0
    await books.store.update_one("reversals", {}, {"$set": {"lease_us": 1}})
    assert await reversal_runs.resume(books) == 1
    assert (await reversals.get(books.store, document["_id"]))["state"] == "done"


async def test_a_runner_goes_on_behind_the_answer_and_stops_when_told(
    books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reversal_runs, "AT_ONCE", 2)
    monkeypatch.setattr("ledger.cohort.PAGE", 2)
    await charged(books, 8)
    runner = reversal_runs.Runner(books)
    document, _ = await propose(books, cohort(), MUCH)
    assert (await runner.advance(document))["state"] == "approved"
    await runner.close()
    between = await reversals.get(books.store, document["_id"])
    assert 0 < between["done"]["count"] < 8
    await reversal_runs.resume(books)
    assert (await reversals.get(books.store, document["_id"]))["done"]["count"] == 8


async def test_books_that_are_away_leave_a_reversal_to_be_resumed(books: Books) -> None:
    class Away(Dying):
        async def append(self, draft: Draft) -> Receipt:
            raise BooksUnavailable("away")

    await charged(books)
    document, _ = await propose(books, cohort(), MUCH)
    away: Any = Away(books, 0)
    with pytest.raises(BooksUnavailable):
        await reversal_runs.run(away, document["_id"])
    assert await reversal_runs.resume(books) == 1
