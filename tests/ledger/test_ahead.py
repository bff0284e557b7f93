"""Reading ahead: order, errors, and nothing left running."""

import asyncio

import pytest

from ledger.ahead import ahead


async def test_pages_come_in_their_order_while_more_are_fetched():
    fetched, seen = [], []

    async def reader():
        for number in range(10):
            fetched.append(number)
            yield [number]

    async for page in ahead(reader(), depth=2):
        seen += page
        for _ in range(20):
            await asyncio.sleep(0)
        assert len(fetched) == min(10, page[0] + 4)  # two wait, one is waiting for room
    assert seen == list(range(10))


async def test_an_error_comes_after_what_was_read_before_it():
    async def reader():
        yield 1
        yield 2
        raise LookupError("gone")

    seen = []
    with pytest.raises(LookupError, match="gone"):
        async for page in ahead(reader(), depth=1):
            seen.append(page)
    assert seen == [1, 2]


async def test_nothing_yields_nothing():
    async def reader():
        for _ in ():
            yield 1

    assert [page async for page in ahead(reader())] == []


@pytest.mark.parametrize("taken", [0, 1, 3])
async def test_whoever_leaves_early_stops_the_reader(taken):
    closed = asyncio.Event()

    async def reader():
        try:
            while True:
                yield 1
        finally:
            closed.set()

    pages = ahead(reader(), depth=2)
    for _ in range(taken):
        await anext(pages)
    await pages.aclose()
    assert closed.is_set() or not taken
    assert not [t for t in asyncio.all_tasks() if t.get_name() == "ledger reading ahead"]
