"""The store when the network or the database fails: what may have happened is said right."""

import asyncio
import time

import pytest

from ledger.errors import OutcomeUnknown, Unavailable
from ledger.store import Store


@pytest.fixture(scope="module")
def change_streams() -> bool:
    """Some of these tests watch a database for changes."""
    return True


@pytest.fixture
def used_databases() -> list[str]:
    """Each test makes collections of its own, so none gets the database of another."""
    return []


def event(number):
    return {"_id": f"e:{number}", "writer": 1, "seq": number}


# -- the network ------------------------------------------------------------------------------


async def test_a_port_where_nobody_listens_is_reported_soon(mongo_driver, unused_tcp_port):
    began = time.monotonic()
    with pytest.raises(Unavailable):
        await Store.connect(
            f"mongodb://127.0.0.1:{unused_tcp_port}/", "x", mongo_driver, timeout_s=0.3
        )
    assert time.monotonic() - began < 3


async def test_without_a_database_everything_is_unavailable(hasty, far, proxy):
    await hasty.insert_one("things", {"_id": 1})
    await proxy.cut()
    # The first command may find a connection that only looks alive.
    with pytest.raises((Unavailable, OutcomeUnknown)):
        await hasty.insert_one("things", {"_id": 2})
    for call in (
        hasty.insert_one("things", {"_id": 3}),
        hasty.insert_events([event(1)]),
        hasty.bulk_update("things", [({"_id": 1}, {"$set": {"a": 1}}, False)]),
        hasty.find_one("things", {}),
        hasty.ping(),
    ):
        with pytest.raises(Unavailable):
            await call
    await proxy.restore()
    await far.ping()
    assert await far.count("things", {"_id": 1}) == 1


async def test_one_lost_answer_is_healed_and_the_events_are_there_once(far, proxy):
    proxy.plan("insert", "lose_answer")
    await far.insert_events([event(n) for n in range(1, 4)])
    assert proxy.seen["insert"] == 2
    assert await far.count("events", {}) == 3


async def test_two_lost_answers_leave_the_outcome_unknown_and_the_events_there(far, proxy):
    proxy.plan("insert", "lose_answer", "lose_answer")
    with pytest.raises(OutcomeUnknown):
        await far.insert_events([event(n) for n in range(1, 4)])
    assert await far.count("events", {}) == 3


async def test_two_lost_commands_leave_the_outcome_unknown_and_nothing_there(far, proxy):
    proxy.plan("insert", "lose_command", "lose_command")
    with pytest.raises(OutcomeUnknown):
        await far.insert_events([event(n) for n in range(1, 4)])
    assert await far.count("events", {}) == 0


async def test_a_lost_answer_and_then_no_database_is_unknown_not_unavailable(far, proxy):
    proxy.plan("insert", "lose_answer")
    waiting = asyncio.create_task(far.insert_events([event(1)]))
    await proxy.saw("insert")
    # From here on new connections are refused, while the first attempt is under way.
    proxy.refuse_new()
    with pytest.raises(OutcomeUnknown):
        await waiting
    await proxy.restore()
    assert await far.count("events", {}) == 1


async def test_an_answer_that_never_comes_is_given_up(store, hasty, proxy):
    proxy.plan("update", "stall", "stall")
    with pytest.raises(OutcomeUnknown):
        await hasty.bulk_update("things", [({"_id": 1}, {"$inc": {"n": 1}}, True)])
    assert await store.find_one("things", {}) == {"_id": 1, "n": 1}


async def test_a_read_without_an_answer_is_only_unavailable(far, proxy):
    proxy.plan("find", "lose_answer", "lose_answer")
    with pytest.raises(Unavailable):
        await far.find_list("things", {})
    proxy.plan("aggregate", "lose_answer", "lose_answer")
    with pytest.raises(Unavailable):
        await far.count("things", {})
    assert await far.find_list("things", {}) == []


async def test_a_stream_that_breaks_in_the_middle_is_unavailable(far, store, proxy):
    await store.insert_many("things", [{"_id": n} for n in range(30)])
    proxy.plan("getMore", "lose_answer", "lose_answer")
    found = far.find("things", {}, batch_size=10)
    seen = []
    with pytest.raises(Unavailable):
        async for document in found:
            seen.append(document["_id"])
    assert len(seen) == 10


# -- watching ---------------------------------------------------------------------------------


async def test_watching_wakes_up_for_the_named_collections_only(store):
    changes = store.watch(["things"])
    assert await anext(changes) == {}
    waiting = asyncio.create_task(anext(changes))
    await store.insert_one("others", {"_id": 1})
    await store.insert_one("others", {"_id": 2})
    done, _ = await asyncio.wait({waiting}, timeout=0.2)
    assert not done
    await store.insert_one("things", {"_id": 1})
    assert await asyncio.wait_for(waiting, 5) == {}
    await changes.aclose()


async def test_watching_without_a_database_is_unavailable(far, proxy):
    changes = far.watch(["things"])
    assert await anext(changes) == {}
    await proxy.cut()
    with pytest.raises(Unavailable):
        await asyncio.wait_for(anext(changes), 10)
