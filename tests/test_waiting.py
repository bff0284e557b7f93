"""The waits of the tests: at once when it is so, and a failure that says what did not come."""

import asyncio

import pytest

from tests.waiting import until, until_sync

SOON_S = 0.05


async def test_what_is_waited_for_is_returned_from_functions_and_coroutines() -> None:
    found: list[int] = []
    asyncio.get_running_loop().call_later(0.01, found.append, 7)

    async def first() -> int:
        return found[0] if found else 0

    assert await until(lambda: found) is found
    assert await until(first) == 7
    assert until_sync(lambda: found) is found


async def test_what_does_not_come_is_named_with_the_last_that_was_seen() -> None:
    with pytest.raises(AssertionError, match=r"within 0.05 s: the moon \(last: \[\]\)"):
        await until(list, SOON_S, "the moon")
    with pytest.raises(AssertionError, match=r"until\(lambda: 0 == 1, SOON_S\) \(last: False\)"):
        await until(lambda: 0 == 1, SOON_S)
    with pytest.raises(AssertionError, match=r"the sun \(last: \[\]\)"):
        until_sync(list, SOON_S, "the sun")
    with pytest.raises(AssertionError, match=r"within 0.05 s: .*forever.*\(last: None\)"):
        await until(asyncio.Event().wait, SOON_S, "forever")


async def test_what_a_condition_raises_is_not_hidden() -> None:
    def broken() -> bool:
        raise TimeoutError("its own")

    with pytest.raises(TimeoutError, match="its own"):
        await until(broken)
