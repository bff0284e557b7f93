"""Chains are read whole and in order, whatever the gaps, and while they grow."""

import asyncio
import gc
import random
from contextlib import aclosing

import pytest

from ledger import chains
from ledger.errors import Unavailable

pytestmark = pytest.mark.database


async def plant(store, numbers):
    """Store bare events of one writer with these numbers."""
    await store.insert_many(
        "events", [{"_id": f"e{n}", "writer": 1, "seq": n, "ts": n} for n in numbers]
    )


@pytest.mark.parametrize("page", [1, 7, 1_000])
async def test_chains_come_in_pages_and_jump_over_gaps(store, monkeypatch, page):
    monkeypatch.setattr(chains, "PAGE", page)
    await plant(store, range(1, 101))
    await store.delete_many("events", {"seq": {"$gt": 40, "$lt": 60}})
    seqs = [e["seq"] async for events in chains.chain(store, 1, 10) for e in events]
    assert seqs == [*range(11, 41), *range(60, 101)]


async def numbers_of(store, writer=1, after_seq=0):
    pages = [page async for page in chains.chain(store, writer, after_seq)]
    assert all(0 < len(page) <= chains.PAGE for page in pages)
    return [event["seq"] for page in pages for event in page]


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("position", [None, 0, 0.5, 1, 1.2])
async def test_a_chain_is_read_whole_however_thin_it_is(store, monkeypatch, seed, position):
    monkeypatch.setattr(chains, "PAGE", 5)
    monkeypatch.setattr(chains, "WIDEST", 40)
    monkeypatch.setattr(chains, "MOST_EMPTY", 6)
    rng, seq, numbers = random.Random(seed), 0, []
    for _ in range(rng.randint(1, 12)):
        seq += rng.choice((1, 1, 3, 60, 500, 5_000))
        for _ in range(rng.choice((1, 2, 30))):
            numbers.append(seq)
            seq += 1
    await plant(store, numbers)
    if position is not None:
        mark = {"_id": "accounts:1", "seq": int(numbers[-1] * position)}
        await store.insert_one("positions", mark)
    assert await numbers_of(store) == numbers
    after = rng.choice(numbers)
    assert await numbers_of(store, after_seq=after) == [n for n in numbers if n > after]
    assert await numbers_of(store, writer=2) == []


async def test_a_chain_that_grows_while_it_is_read_has_no_hole(store, monkeypatch):
    """Whatever is recorded between the look at a window and the look at the end."""
    monkeypatch.setattr(chains, "PAGE", 5)
    await plant(store, range(1, 4))
    ends, look = iter(range(4, 60, 7)), chains._known_end

    async def growing(store, writer, after_seq):
        first = next(ends, None)
        if first is not None:
            await plant(store, range(first, first + 7))
        return await look(store, writer, after_seq)

    monkeypatch.setattr(chains, "_known_end", growing)
    assert await numbers_of(store) == list(range(1, 60))


async def test_what_is_recorded_behind_a_page_that_was_not_full_is_not_skipped(store, monkeypatch):
    """Pages are asked for ahead; one that is not full may have been filled since."""
    monkeypatch.setattr(chains, "PAGE", 5)
    await plant(store, range(1, 13))
    ask, asked = chains.numbered, []

    async def growing(store, writer, above, to, **options):
        asked.append(above)
        found = await ask(store, writer, above, to, **options)
        if above == 10 and asked.count(10) == 1:
            await plant(store, range(13, 25))  # before the page behind it is read
        return found

    monkeypatch.setattr(chains, "numbered", growing)
    assert await numbers_of(store) == list(range(1, 25))


async def test_a_chain_ends_where_it_was_told_to(store, monkeypatch):
    monkeypatch.setattr(chains, "PAGE", 5)
    await plant(store, [*range(1, 8), *range(60, 70)])
    for to in (0, 3, 5, 7, 30, 60, 64, 99):
        pages = [page async for page in chains.chain(store, 1, 2, to)]
        numbers = [event["seq"] for page in pages for event in page]
        assert numbers == [n for n in [*range(3, 8), *range(60, 70)] if n <= to]


async def test_whoever_leaves_early_leaves_nothing_running(store, monkeypatch):
    monkeypatch.setattr(chains, "PAGE", 5)
    await plant(store, range(1, 101))
    ask = chains.numbered

    async def slow_from_the_third(store, writer, above, to, **options):
        if above >= 10:
            await asyncio.Event().wait()
        return await ask(store, writer, above, to, **options)

    monkeypatch.setattr(chains, "numbered", slow_from_the_third)
    before = asyncio.all_tasks()
    async with aclosing(chains.unbroken(store, 1, 0)) as pages:
        assert len(await anext(pages)) == 5
        assert len(await anext(pages)) == 5
        assert len(asyncio.all_tasks() - before) == chains.AT_ONCE - 1
    left = asyncio.all_tasks() - before
    assert not left or await asyncio.wait(left, timeout=5) == (left, set())


async def test_pages_that_fail_ahead_are_told_of_once(store, monkeypatch, caplog):
    monkeypatch.setattr(chains, "PAGE", 5)
    await plant(store, range(1, 101))
    ask = chains.numbered

    async def failing(store, writer, above, to, **options):
        if above >= 5:
            raise Unavailable(f"no answer for {above}")
        return await ask(store, writer, above, to, **options)

    monkeypatch.setattr(chains, "numbered", failing)
    with pytest.raises(Unavailable, match="for 5"):
        await numbers_of(store)
    await asyncio.sleep(0)
    gc.collect()
    assert not caplog.records
