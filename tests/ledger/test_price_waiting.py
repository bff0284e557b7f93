"""Proposals that wait: told once, put away, and back with other prices; never a price changed."""

import logging

import pytest

from gateway.jobs import JOBS, JobContext
from gateway.settings import Settings
from ledger import price_waiting
from ledger.errors import InvalidPrices
from ledger.price_proposals import propose
from ledger.store import Store
from tests.ledger.test_price_proposals import NEW, row, seeded

pytestmark = pytest.mark.database


async def test_each_proposal_is_new_once_and_a_dismissed_one_comes_back_with_other_prices(
    store: Store,
) -> None:
    book, _ = await seeded(row("a", "1"), row("b", "1"))
    seed = [row("a", "2", NEW), row("b", "1", NEW), row("c.$x", "2", NEW)]
    found = propose(book, seed, "s")
    first = await price_waiting.note(store, found, 5)
    assert (sorted(first.new), first.waiting) == (["a", "c.$x"], 2)
    again = await price_waiting.note(store, propose(book, seed, "another source"), 6)
    assert (again.new, again.waiting) == ([], 2)
    (kept,) = await store.find_list(price_waiting.COLLECTION, {"_id": "a"})
    assert kept["found_s"] == 5 and await price_waiting.count(store) == 2

    for models, word in ((["b"], "b: nothing"), ([], "nothing is")):
        with pytest.raises(InvalidPrices, match=word):
            await price_waiting.dismiss(store, found, models, "user:1", 7)
    assert await price_waiting.dismiss(store, found, ["c.$x"], "user:1", 7) == 1
    left = await price_waiting.wanted(store, found)
    assert (list(left.rows), left.dismissed) == (["a"], ["c.$x"])
    assert found.rows.keys() == {"a", "c.$x"} and await price_waiting.count(store) == 1
    quiet = await price_waiting.note(store, found, 8)
    assert (quiet.new, quiet.waiting) == ([], 1)

    other = propose(book, [row("c.$x", "3", NEW)], "s")
    back = await price_waiting.note(store, other, 9)
    assert (back.new, back.waiting) == (["c.$x"], 1), "and `a`, proposed no more, is forgotten"
    assert not (await price_waiting.wanted(store, other)).dismissed
    await price_waiting.forget(store, ["c.$x"])
    assert await price_waiting.count(store) == 0 and book.latest == 1


async def test_the_job_writes_proposals_and_no_prices(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    from gateway.app import PRICES
    from ledger.books import Books
    from ledger.clock import Clock

    (job,) = [job for job in JOBS if job.name == "prices"]
    assert job.interval_s(Settings()) == 0, "it is off unless asked for"
    assert job.leader_only and job.interval_s(Settings(price_sync_minutes=2)) == 120
    clock = Clock()
    books = await Books.open(store, clock)
    try:
        ours = row("gpt-4o", "77")
        await books.prices.publish(books, author="user:1", note="ours", set_rows=[ours])
        context = JobContext(store, books, None, Settings(), clock)  # type: ignore[arg-type]
        await job.run(context)  # not composed: nothing to compare with
        context.prices_file = PRICES
        with caplog.at_level(logging.INFO, "tollgate.jobs"):
            await job.run(context)
            await job.run(context)
        (told,) = [each.message for each in caplog.records if "packaged prices" in each.message]
        caplog.clear()
        waiting = await price_waiting.count(store)
        assert waiting > 1_000 and told.startswith(f"packaged prices: {waiting} new proposals")
        assert books.prices.latest == 1 and books.prices.table().rows.keys() == {"gpt-4o"}
    finally:
        await books.close()
