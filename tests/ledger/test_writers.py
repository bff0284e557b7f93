"""Writers: slots, epochs and fences."""

import pytest

from ledger import writers
from ledger.clock import Clock
from ledger.errors import BatchStopped, Fenced
from ledger.events import GENESIS, chain_hash, request_hash
from ledger.writers import Writer
from tests.ledger.drafts import GONE, recharge
from tests.ledger.faults import FaultyStore

pytestmark = pytest.mark.database


async def expire(store, slot):
    assert await store.update_one("writers", {"_id": slot}, {"$set": {"expires_us": 0}})


async def test_two_living_processes_get_two_slots(store):
    one = await writers.acquire(store, Clock())
    two = await writers.acquire(store, Clock())
    assert (one.slot, two.slot) == (1, 2)


async def test_a_released_slot_is_used_again_with_a_new_epoch(store):
    one = await writers.acquire(store, Clock())
    await writers.release(store, one)
    again = await writers.acquire(store, Clock())
    assert (again.slot, again.epoch) == (1, 2)
    assert again.next_seq == one.next_seq + 1


async def test_a_dead_process_of_this_machine_is_noticed_at_once(store):
    await writers.acquire(store, Clock())
    await store.update_one("writers", {"_id": 1}, {"$set": GONE})
    assert await writers.abandoned(store) == [1]
    assert (await writers.acquire(store, Clock())).slot == 1


async def test_a_process_of_another_machine_keeps_its_slot_until_the_lease_ends(store):
    await writers.acquire(store, Clock())
    elsewhere = {"$set": {"host": "elsewhere", "pid": 2**22 + 1, "owner": "x:1"}}
    await store.update_one("writers", {"_id": 1}, elsewhere)
    assert await writers.abandoned(store) == []
    await expire(store, 1)
    assert await writers.abandoned(store) == [1]


async def test_who_has_not_watched_the_database_does_not_go_by_leases(store):
    await writers.acquire(store, Clock())
    await expire(store, 1)
    assert await writers.abandoned(store, trust_leases=False) == []
    assert await writers.acquire(store, Clock(), only_slot=1, trust_leases=False) is None
    assert (await writers.acquire(store, Clock(), trust_leases=False)).slot == 2
    assert await writers.abandoned(store) == [1]


async def test_the_fence_kills_a_zombies_next_batch(store):
    zombie = await writers.acquire(store, Clock())
    await expire(store, 1)
    heir = await writers.acquire(store, Clock())
    assert heir.slot == zombie.slot and heir.epoch == zombie.epoch + 1
    late = zombie.number(recharge("late"), 1, "r", 1)
    with pytest.raises(BatchStopped):
        await store.insert_events([late])
    assert await store.find_one("events", {"_id": late["_id"]}) is None


async def test_a_zombies_event_that_lands_first_is_kept_and_chained(store):
    zombie = await writers.acquire(store, Clock())
    await expire(store, 1)

    class SlowDoor(FaultyStore):
        landed = False

        async def insert_events(self, events):
            if not self.landed:
                self.landed = True
                await self.real.insert_events([zombie.number(recharge("just"), 1, "r", 1)])
            await self.real.insert_events(events)

    heir = await writers.acquire(SlowDoor(store), Clock())
    chain = await store.find_list("events", {"writer": 1}, sort=[("seq", 1)])
    assert [event["type"] for event in chain] == [
        "epoch.closed",
        "recharge.credited",
        "epoch.closed",
    ]
    head = GENESIS
    for event in chain:
        assert event["prev"] == head
        head = chain_hash(head, event)
        assert event["hash"] == head
    assert heir.head == head


@pytest.mark.parametrize("plan", ["unanswered", "lost"])
async def test_a_fence_with_an_unknown_outcome_is_set_once(store, plan):
    faulty = FaultyStore(store)
    faulty.plan("insert_events", plan)
    writer = await writers.acquire(faulty, Clock())
    assert await store.count("events", {}) == 1
    assert writer.next_seq == 2


async def test_renewing_a_lost_slot_says_so(store):
    zombie = await writers.acquire(store, Clock())
    await writers.renew(store, zombie)
    await expire(store, 1)
    await writers.acquire(store, Clock())
    with pytest.raises(Fenced):
        await writers.renew(store, zombie)


def test_recorded_time_never_goes_back_when_the_clock_does():
    writer = Writer(1, 1, 1, GENESIS, 0)
    draft = recharge("a")
    times = [writer.number(draft, 1, request_hash(draft), now)["ts"] for now in (50, 40, 40, 90)]
    assert times == [50, 51, 52, 90]
