"""Taking recharges back: whole, or by force what is there, also out of their lots."""

from collections.abc import AsyncIterator

import pytest

from ledger import reversal_runs, reversals
from ledger.books import Books
from ledger.clock import Clock
from ledger.events import Draft
from ledger.lot_names import body_of
from ledger.reversal_errors import (
    AlreadyReversed,
    NotEnoughLeft,
)
from ledger.reversals import propose
from ledger.store import Store
from tests.ledger.drafts import recharge
from tests.ledger.reversing import USD, balance, charged, check, done, single


@pytest.fixture
async def books(store: Store) -> AsyncIterator[Books]:
    books = await Books.open(store, Clock(), flush_interval_s=0.01)
    yield books
    await books.close()


async def test_a_spent_recharge_is_refused_unless_forced(books: Books) -> None:
    await books.record(recharge("whole", "user:5", USD))
    whole = await done(books, single("recharge:test:whole"), 2 * USD)
    assert whole["state"] == "done" and await balance(books, "user:5") == 0
    await charged(books)
    document, _ = await propose(books, single("recharge:test:a"), 2 * USD)
    with pytest.raises(NotEnoughLeft, match="0.996994 USD free"):
        await reversal_runs.run(books, document["_id"])
    assert (await reversals.get(books.store, document["_id"]))["state"] == "rejected"
    assert await balance(books, "user:1") == USD - 3_006_000
    forced = await done(books, single("recharge:test:a", force=True), 2 * USD)
    assert forced["done"]["total_nano"] == USD - 3_006_000
    event = await books.store.find_one("events", {"_id": "reverse:recharge:test:a"})
    assert event is not None and event["body"]["short_nano"] == 3_006_000
    assert await balance(books, "user:1") == 0
    with pytest.raises(AlreadyReversed):
        await propose(books, single("recharge:test:a", "user:7"), 2 * USD)
    await check(books.store)


async def test_a_recharge_that_opened_a_lot_is_taken_out_of_the_lot(books: Books) -> None:
    draft = recharge("gift", "user:6", USD)
    lot = body_of(draft.id, "paid", None)
    gift = Draft(draft.id, draft.type, draft.account, USD, draft.actor, {**draft.body, "lot": lot})
    await books.record(gift)
    account = f"lot:6:{lot['id']}"
    assert await balance(books, account) == USD
    result = await done(books, single(draft.id), 2 * USD)
    assert result["state"] == "done"
    assert await balance(books, account) == await balance(books, "user:6") == 0
    event = await books.store.find_one("events", {"_id": f"reverse:{draft.id}"})
    assert event is not None and event["body"]["lot"] == [account, USD]
    await check(books.store)
