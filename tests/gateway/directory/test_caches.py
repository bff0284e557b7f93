"""Bounds of the caches, and loading once for many."""

import asyncio

import pytest

from gateway.directory.caches import Absent, OneLoad, RecentlyUsed


def test_the_least_recently_used_is_forgotten() -> None:
    cache = RecentlyUsed[str, int](2)
    cache.put("a", 1)
    cache.put("b", 2)
    assert cache.get("a") == 1
    cache.put("c", 3)
    assert (cache.peek("a"), cache.peek("b"), cache.peek("c"), len(cache)) == (1, None, 3, 2)


def test_absence_is_remembered_briefly_and_within_bounds() -> None:
    absent = Absent[str](2, ttl_s=1.0)
    absent.add("a", 10.0)
    assert absent.has("a", 10.9) and not absent.has("a", 11.0) and not absent.has("b", 10.0)
    absent.add("b", 10.0)
    absent.add("c", 10.0)
    assert not absent.has("a", 10.1)
    absent.drop("c")
    assert not absent.has("c", 10.1)


async def test_many_callers_share_one_load_and_one_may_give_up() -> None:
    loads = 0
    go = asyncio.Event()

    async def load(key: str) -> str:
        nonlocal loads
        loads += 1
        await go.wait()
        return key.upper()

    one = OneLoad[str, str](load, at_once=1)
    callers = [asyncio.create_task(one.get("a")) for _ in range(50)]
    await asyncio.sleep(0)
    callers[0].cancel()
    go.set()
    assert set(await asyncio.gather(*callers[1:])) == {"A"}
    assert loads == 1
    assert await one.get("a") == "A" and loads == 2


async def test_a_failed_load_is_told_to_all_and_tried_again() -> None:
    async def load(key: str) -> str:
        raise ValueError(key)

    one = OneLoad[str, str](load, at_once=2)
    results = await asyncio.gather(*(one.get("a") for _ in range(3)), return_exceptions=True)
    assert [str(result) for result in results] == ["a"] * 3
    with pytest.raises(ValueError):
        await one.get("a")
