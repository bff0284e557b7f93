"""Chores: what is done again and again, whatever happens to it."""

import asyncio

import pytest

from ledger.chores import Chores
from ledger.errors import Unavailable


@pytest.mark.parametrize(
    ("error", "said"), [(Unavailable("away"), "look: away;"), (KeyError("a bug"), "look failed;")]
)
async def test_a_chore_that_fails_is_done_again(caplog, error, said):
    chores, done = Chores(), asyncio.Event()
    turns = [error, error, None, None]

    async def look() -> None:
        if len(turns) == 1:
            done.set()
        if turns and (failure := turns.pop(0)) is not None:
            raise failure

    chores.start("look", 0.001, look)
    async with asyncio.timeout(5):
        await done.wait()
    await chores.end()
    assert said in caplog.text
    caplog.clear()
