"""Slices that nobody uses are forgotten, and nothing is lost or spent twice by it."""

import asyncio

import pytest

from ledger import credit
from ledger.books import Books
from ledger.clock import Clock
from ledger.errors import InsufficientCredit
from tests.ledger.drafts import charge, recharge
from tests.ledger.faults import FaultyStore
from tests.waiting import until

pytestmark = pytest.mark.database


@pytest.fixture
async def books(store):
    books = await Books.open(store, Clock())
    yield books
    await books.close()


async def test_slices_that_are_long_unused_are_forgotten_and_come_back_right(store, books):
    await books.record(recharge("a", amount_nano=10_000))
    hold = await books.credit.hold(["user:1"], 4_000)
    await books.charge(charge("1", 3), books.place(), (hold, 3_000))
    await books.settled()
    await books.credit.return_idle(idle_s=0)
    books.credit.slices.forget_idle(idle_s=0)
    assert list(books.credit.slices) == []
    (await books.credit.hold(["user:1"], 7_000, wait_s=0)).release()
    with pytest.raises(InsufficientCredit):
        await books.credit.hold(["user:1"], 7_001, wait_s=0)


async def test_a_slice_is_not_forgotten_before_its_charges_are_in_the_accounts(store, monkeypatch):
    monkeypatch.setattr(credit, "FORGET_S", 0)
    faulty = FaultyStore(store)
    books = await Books.open(faulty, Clock())
    await books.record(recharge("a", amount_nano=10_000))
    hold = await books.credit.hold(["user:1"], 10_000)
    faulty.plan("insert_events", "lost", "lost", "lost")
    charging = asyncio.create_task(books.charge(charge("1", 10), books.place(), (hold, 10_000)))
    for _ in range(3):
        await asyncio.sleep(0)
    assert len(faulty.faults["insert_events"]) == 2
    charging.cancel()
    await asyncio.gather(charging, return_exceptions=True)
    await books._return_idle()
    assert [piece.account for piece in books.credit.slices] == ["user:1"]
    await books.appender.close()
    await books.projector.until(books.projector.fed)
    await books._return_idle()
    assert list(books.credit.slices) == []
    await books.close()


async def test_whether_slices_may_be_forgotten_is_asked_when_all_else_is_done(books, monkeypatch):
    monkeypatch.setattr(credit, "FORGET_S", 0)
    await books.record(recharge("a", amount_nano=10_000))
    (await books.credit.hold(["user:1"], 1_000)).release()
    piece = books.credit.slices.of("user:1")
    await books.credit.return_idle(idle_s=0, settled=lambda: piece.free > 0)
    assert list(books.credit.slices) == [piece] and not piece.free


async def test_a_slice_that_somebody_waits_for_is_not_forgotten(store, books):
    await books.record(recharge("a", amount_nano=10_000))
    first = await books.credit.hold(["user:1"], 10_000)
    waiting = asyncio.create_task(books.credit.hold(["user:1"], 6_000, wait_s=30))
    nothing = await books.credit.hold(["user:2"], 0)
    piece = books.credit.slices.of("user:1")
    await until(lambda: piece.users >= 2)
    books.credit.slices.forget_idle(idle_s=0)
    assert {piece.account for piece in books.credit.slices} == {"user:1", "user:2"}
    first.settle(10_000 - 6_000)
    async with asyncio.timeout(5):
        (await waiting).release()
    assert not await books.credit.extend(nothing, 1, wait_s=0)
    nothing.release()
    books.credit.slices.forget_idle(idle_s=0)
    assert {piece.account for piece in books.credit.slices} == {"user:1"}
