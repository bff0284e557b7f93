"""Reading in pages and windows: everything once, in order, whatever the gaps and bursts."""

import random

import pytest

from ledger import scan

pytestmark = pytest.mark.database

NOW = 2_000_000_000_000_000


async def plant(store, times):
    """Store bare events of one writer at these times."""
    await store.insert_one("writers", {"_id": 1})
    events = [
        {
            "_id": f"e{n:05}",
            "writer": 1,
            "seq": n,
            "ts": ts,
            "account": f"user:{n % 3}",
            "body": {"key": n % 5},
        }
        for n, ts in enumerate(times, start=1)
    ]
    await store.insert_many("events", events)
    return events


async def collect(store, *filters, **options):
    return [e["_id"] async for e in scan.in_time(store, *filters, now_us=NOW, **options)]


def bursts(seed):
    """Quiet months and busy seconds, with equal times now and then."""
    rng, ts, times = random.Random(seed), NOW - 400 * 24 * 3_600 * 10**6, []
    while ts < NOW - 10**6 and len(times) < 2_500:
        for _ in range(rng.choice((1, 1, 40, 900))):
            times.append(ts)
            ts += rng.choice((0, 1, 50, 1_000))
        ts += rng.choice((10**6, 10**9, 10**12, 4 * 10**12))
    return times


@pytest.mark.parametrize("seed", range(3))
async def test_all_events_once_in_both_orders(store, seed):
    events = await plant(store, bursts(seed))
    ids = [e["_id"] for e in events]
    assert await collect(store) == ids
    assert await collect(store, newest_first=True) == ids[::-1]
    cut = events[len(events) // 2]["ts"]
    assert await collect(store, to_us=cut) + await collect(store, from_us=cut) == ids


async def test_several_filters_are_merged_without_repeating(store):
    events = await plant(store, bursts(9))
    wanted = [e["_id"] for e in events if e["account"] == "user:1" or e["body"]["key"] == 2]
    assert await collect(store, {"account": "user:1"}, {"body.key": 2}) == wanted


async def test_a_page_of_the_newest_asks_for_little(store):
    from tests.ledger.faults import FaultyStore

    await plant(store, [NOW - 10**12 + n * 10**7 for n in range(2_000)])
    spy = FaultyStore(store)
    found = scan.in_time(spy, newest_first=True, now_us=NOW)
    newest = [(await anext(found))["_id"] for _ in range(50)]
    await found.aclose()
    assert newest[0] == "e02000" and newest == sorted(newest, reverse=True)
    assert len([name for name, _ in spy.calls if name == "find_list"]) < 20


async def test_empty_books_have_nothing(store):
    assert await collect(store) == []
    assert await scan.last_event(store, 1) is None
    assert await scan.total(store) == 0


async def test_the_last_event_is_found_with_and_without_a_watermark(store):
    await plant(store, range(1, 51))
    for watermark in (None, 45, 50, 99):
        if watermark is not None:
            await store.update_one(
                "positions", {"_id": "accounts:1"}, {"$set": {"seq": watermark}}, upsert=True
            )
        assert (await scan.last_event(store, 1))["seq"] == 50
    assert await scan.total(store) == 50
    assert await scan.counts(store) == {1: 50}


@pytest.mark.parametrize("newest_first", [False, True])
async def test_young_and_busy_books_are_asked_for_in_pieces(store, newest_first):
    busy = [NOW - 2 * 24 * 3_600 * 10**6 + n * 10_000 for n in range(4_000)]
    events = await plant(store, busy)
    asked = []

    class Watched:
        def __getattr__(self, name):
            return getattr(store, name)

        def find(self, collection, wanted, **options):
            low, high = wanted["ts"]["$gte"], wanted["ts"]["$lt"]
            asked.append(sum(low <= event["ts"] < high for event in events))
            return store.find(collection, wanted, **options)

    found = scan.in_time(Watched(), now_us=NOW, newest_first=newest_first)
    assert sum([1 async for _ in found]) == len(events)
    assert len(asked) < len(events) / 2
    assert sum(asked) < 6 * len(events), "events that are fetched to be dropped"
