"""Rollups: every event in every page exactly once, and sums that equal a naive recomputation."""

import asyncio

import orjson
import pytest

from ledger.books import Books
from ledger.clock import Clock
from ledger.cubes import AMOUNT, CUBES, DAY_US, DIMENSIONS, HOUR_US, MEASURES, SUMMED, merged
from ledger.projector import Projector, catch_up, project, save_position
from ledger.quote import USAGE_CLASSES
from ledger.recount_rollups import rebuild_rollups, verify_rollups
from ledger.rollups import ROLLUPS, Folding, cells_of, packed
from ledger.totals import sums
from ledger.verify import verify
from ledger.verify_rollups import RollupFeed
from tests.ledger.drafts import recharge
from tests.ledger.faults import FaultyStore
from tests.ledger.random_books import naive, plant, random_events, seeded

pytestmark = pytest.mark.database


def expected_cells(cube, events):
    """What all pages of a cube must hold together, by (start, key)."""
    cells = {}
    for event in events:
        folding = Folding(1)
        folding.add([event])
        for page in folding.deltas().values():
            if page.id.startswith(f"{cube.name}:"):
                for key, cell in page.cells.items():
                    at = (page.start, key)
                    cells[at] = merged(cells[at], cell) if at in cells else cell
    return cells


async def assert_pages_are(store, events):
    stored = {cube.name: {} for cube in CUBES}
    async for page in store.find("rollups", {}):
        cells = stored[page["shelf"].partition(":")[0]]
        for key, cell in cells_of(page).items():
            at = (page["start"], key)
            cells[at] = merged(cells[at], cell) if at in cells else cell
    for cube in CUBES:
        assert stored[cube.name] == expected_cells(cube, events), cube.name


@pytest.mark.parametrize("seed", range(4))
async def test_any_cuts_stale_marks_and_crashes_between(store, seed):
    """Three processes apply one writer's events in overlapping runs and forget now and then."""
    rng = seeded(seed)
    events = random_events(rng, 1, 70)
    await plant(store, events)
    reached, marks = [0, 0, 0], [{}, {}, {}]
    while min(reached) < len(events):
        who = rng.randrange(3)
        end = min(len(events), reached[who] + rng.randint(1, 40))
        start = max(0, reached[who] - rng.randint(0, 20))
        await project(store, 1, events[start:end], marks[who], ROLLUPS)
        reached[who] = end
        if rng.random() < 0.2:
            marks[who].clear()
    await assert_pages_are(store, events)


async def test_catching_up_twice_or_at_once_counts_each_event_once(store, monkeypatch):
    rng = seeded(11)
    events = random_events(rng, 1, 60) + random_events(rng, 2, 40)
    await plant(store, events)
    await asyncio.gather(*(catch_up(store, slot, ROLLUPS) for slot in (1, 1, 2, 1)))
    await assert_pages_are(store, events)
    await store.delete_many("positions", {})
    monkeypatch.setattr("ledger.chains.PAGE", 7)
    for slot in (1, 2, 2):
        await catch_up(store, slot, ROLLUPS)
    await assert_pages_are(store, events)


@pytest.mark.parametrize("plan", ["lost", "unanswered"])
async def test_an_update_with_an_unknown_outcome_is_applied_once(store, plan):
    events = random_events(seeded(3), 1, 60)
    await plant(store, events)
    faulty = FaultyStore(store)
    faulty.plan("bulk_update", plan, "ok", plan)
    follower = Projector(faulty, 1, 0, interval_s=0.01, view=ROLLUPS)
    follower.start()
    follower.feed(events[:25])
    await follower.until(25)
    follower.feed(events[25:])
    await follower.close()
    await assert_pages_are(store, events)


@pytest.mark.parametrize("seed", range(4))
async def test_sums_equal_a_naive_recomputation_with_any_tail(store, seed):
    """Every filter and grouping, over any period, whatever part is in the pages already."""
    rng = seeded(100 + seed)
    events = random_events(rng, 1, 80) + random_events(rng, 2, 60)
    await plant(store, events)
    for slot in (1, 2):
        mine = [event for event in events if event["writer"] == slot]
        done = rng.randint(0, len(mine))
        await project(store, slot, mine[:done], {}, ROLLUPS)
        await save_position(store, slot, rng.randint(0, done), ROLLUPS)
    times = sorted(event["ts"] for event in events)
    for _ in range(40):
        start, end = sorted((rng.choice(times) + rng.randint(-2, 2), rng.choice(times)))
        start, end = rng.choice(((None, None), (start, end), (None, end), (start, None)))
        where = random_filter(rng)
        by = rng.sample(DIMENSIONS, rng.choice((0, 0, 1, 2)))
        bucket_us = rng.choice((None, HOUR_US, DAY_US))
        inside = [e for e in events if (start or 0) <= e["ts"] < (end or 2**62)]
        wanted = naive(inside, by, bucket_us, selects(where))
        numbers = [DIMENSIONS.index(name) for name in by]
        found = await sums(store, (mongo(where),), start, end, by=numbers, bucket_us=bucket_us)
        assert counted(found) == counted(wanted), (where, by, bucket_us, start, end)


def selects(where):
    return lambda named: all(named[field] in values for field, values in where.items())


def random_filter(rng):
    choices = {
        "type": (("usage.charged",), ("usage.charged", "usage.reversed"), ("recharge.credited",)),
        "account": (("user:1",), ("user:2",), ("user:9",), ("user:1", "user:3")),
        "key": ((1,), (2, 3), (99,)),
        "model": (("gpt-4o",), ("rare",), ("nothing",)),
        "channel": ((1,), (3,), (9,)),
        "group": (("default",), ("vip",)),
    }
    fields = rng.sample(list(choices), rng.choice((0, 1, 1, 2, 3)))
    return {field: rng.choice(choices[field]) for field in fields}


def mongo(where):
    query = {}
    for field, values in where.items():
        name = field if field in ("type", "account") else f"body.{field}"
        query[name] = values[0] if len(values) == 1 else {"$in": list(values)}
    return query


def counted(groups):
    size = len(SUMMED)
    return {g: list(map(int, c[:size])) for g, c in groups.items() if any(c[:size])}


def test_a_page_from_before_a_class_was_counted_means_what_it_meant():
    key = ("usage.charged", "user:1", 7, "gpt-4o", 3, "default")
    measures = [2, -500, 40, 2, 90, 12, 1, 0, 0]
    usage = [10, 4, 3, 0, 0, 20, 5, 0, 0, 0, 2, 0, 0]
    old = {"cells": orjson.dumps([[*key, *measures, *usage, 100, 200, 6]]).decode()}
    cell = dict(zip(MEASURES, cells_of(old)[key], strict=True))
    assert (cell["cache_write"], cell["seconds"], cell["calls"]) == (3, 0, 2)
    assert (cell["cache_write_1h"], cell["web_searches"]) == (0, 0)
    assert (cell["first_us"], cell["last_us"], cell["when"]) == (100, 200, 6)
    assert set(USAGE_CLASSES) <= set(SUMMED)
    assert cells_of({"cells": packed(cells_of(old))}) == cells_of(old)


async def test_alternatives_that_overlap_count_once(store):
    rng = seeded(7)
    events = random_events(rng, 1, 100)
    await plant(store, events)
    await project(store, 1, events[:70], {}, ROLLUPS)
    await save_position(store, 1, 70, ROLLUPS)
    alternatives = [
        {"account": "user:1"},
        {"body.model": "gpt-4o"},
        {"body.key": {"$in": [1, 2]}},
        {"_id": events[17]["_id"]},
        {"_id": "missing"},
    ]
    for size in range(1, 6):
        some = rng.sample(alternatives, size)
        ids = set()
        for query in some:
            ids |= {e["_id"] for e in await store.find_list("events", query)}
        (total,) = ((await sums(store, some)) or {(): [0]}).values()
        assert total[0] == len(ids), some
    either = ({"account": "channel:2"}, {"body.channel": 2}, {"body.attempts.channel": 2})
    ids = {e["_id"] for query in either for e in await store.find_list("events", query)}
    (total,) = (await sums(store, either)).values()
    assert total[0] == len(ids)
    assert await sums(store, ({"body.outcome": "failed"},)) is None


async def books_with_pages(store, seed):
    """Two writers' events, of which a part is projected and of these a part watermarked."""
    rng = seeded(seed)
    events = random_events(rng, 1, 60) + random_events(rng, 2, 30)
    await plant(store, events)
    for slot in (1, 2):
        mine = [event for event in events if event["writer"] == slot]
        done = len(mine) - 7
        await project(store, slot, mine[:done], {}, ROLLUPS)
        await save_position(store, slot, done - 11, ROLLUPS)
    return events


async def test_pages_verify_with_a_tail_and_each_change_is_found_and_mended(store, monkeypatch):
    monkeypatch.setattr("ledger.chains.PAGE", 13)
    events = await books_with_pages(store, 31)
    assert await verify_rollups(store) == []
    pages = await store.find_list("rollups", {}, sort=[("_id", 1)])
    changed, gone, moved = pages[3]["_id"], pages[40]["_id"], pages[80]["_id"]
    lie = packed({key: [cell[0] + 1, *cell[1:]] for key, cell in cells_of(pages[3]).items()})
    await store.update_one("rollups", {"_id": changed}, {"$set": {"cells": lie}})
    quarter = next(page for page in pages if page["shelf"] == "quarter.all")
    uncounted = packed({key: [*cell[:-1], 0] for key, cell in cells_of(quarter).items()})
    await store.update_one("rollups", {"_id": quarter["_id"]}, {"$set": {"cells": uncounted}})
    await store.delete_one("rollups", {"_id": gone})
    writer = pages[80]["writer"]
    await store.update_one("rollups", {"_id": moved}, {"$inc": {f"applied.{writer}": 1}})
    await store.insert_one("rollups", {**pages[5], "_id": "hour.all::1:1"})
    subjects = {fault.subject for fault in await verify_rollups(store)}
    assert subjects == {changed, gone, moved, "hour.all::1:1"}, "what was not counted is no fault"
    assert await rebuild_rollups(store) == 5
    assert await verify_rollups(store) == []
    await assert_pages_are(store, events)


async def test_pages_may_know_of_more_events_than_were_handed_over(store):
    """Accounts may be behind the rollups when a verification begins to read."""
    events = random_events(seeded(7), 1, 40)
    await plant(store, events)
    await catch_up(store, 1, ROLLUPS)
    for handed in (0, 1, 25, 40):
        feed = RollupFeed(store, 1)
        if handed:
            await feed.put(events[:handed])
        assert await feed.end() == [], handed


async def test_a_projector_does_not_go_on_from_a_page_that_was_rebuilt(store):
    events = random_events(seeded(5), 1, 30)
    await plant(store, events)
    marks = {}
    await project(store, 1, events[:29], marks, ROLLUPS)
    for page in await store.find_list("rollups", {}):
        await store.update_one("rollups", {"_id": page["_id"]}, {"$set": {"cells": "[]"}})
    marks = {name: page.__class__(page.seq, page.rev, {}, {}) for name, page in marks.items()}
    await save_position(store, 1, 29, ROLLUPS)
    assert await rebuild_rollups(store) > 0
    await project(store, 1, events[29:], marks, ROLLUPS)
    await assert_pages_are(store, events)
    assert await verify_rollups(store) == []


async def test_books_of_an_older_version_get_their_rollups_when_opened(store):
    books = await Books.open(store, Clock())
    for number in range(20):
        await books.record(recharge(f"old-{number}"))
    await books.close()
    await store.delete_many("rollups", {})
    await store.delete_many("positions", {"_id": {"$gte": "rollups:", "$lt": "rollups;"}})
    await (await Books.open(store, Clock())).close()
    assert await verify_rollups(store) == []
    events = await store.find_list("events", {}, sort=[("seq", 1)])
    await assert_pages_are(store, events)


async def test_a_process_rolls_up_behind_its_appender_and_at_its_end(store):
    books = await Books.open(store, Clock(), rollup_interval_s=0.05)
    await books.record(recharge("a"))
    await books.rollups.until(books.rollups.fed)
    (total,) = (await sums(store, ({"account": "user:1"},))).values()
    assert total[:2] == [1, 1_000]
    await books.record(recharge("b"))
    (total,) = (await sums(store, ({"account": "user:1"},))).values()
    assert total[:2] == [2, 2_000]
    await books.close()
    assert await store.count("rollups", {"shelf": "hour.account:user:1"}) >= 1
    assert await verify_rollups(store) == []


async def test_pages_of_an_older_version_are_right_and_can_be_renewed(store):
    """Without counts by minute, and without the classes that came later; then some more events."""
    rng = seeded(11)
    events = random_events(rng, 1, 60)
    await plant(store, events)
    await catch_up(store, 1, ROLLUPS)
    old = 0
    async for page in store.find("rollups", {}):
        rows = [strip(row) for row in orjson.loads(page["cells"])]
        if all(rows):
            old += 1
            await store.update_one(
                "rollups", {"_id": page["_id"]}, {"$set": {"cells": orjson.dumps(rows).decode()}}
            )
    assert old > 3
    assert await verify_rollups(store) == []
    assert await rebuild_rollups(store) > 0
    assert await rebuild_rollups(store) == 0
    assert await verify_rollups(store) == []


def strip(row):
    """Write a row as it was before; None where it counts what was not counted then."""
    width, since = len(DIMENSIONS) + len(SUMMED), 3
    new, times = row[width - since : width], row[width : width + 3]
    return None if any(new) else [*row[: width - since], *times]


async def test_sums_beyond_64_bits_stay_exact_and_stop_nothing(store):
    """Operators give users billions of dollars each; together that is more than 64 bits hold."""
    books = await Books.open(store, Clock())
    most = 2 * 10**18
    for number in range(9):
        await books.append(recharge(f"{number}", f"user:{number}", most))
    await books.append(recharge("dust", "user:3", 7))
    await books.rollups.until(books.rollups.fed)
    totals = await sums(store, [{"type": "recharge.credited"}])
    assert totals[()][AMOUNT] == 9 * most + 7 > 2**63
    assert not await verify_rollups(store)
    await rebuild_rollups(store)
    assert not await verify_rollups(store)
    report = await verify(store)
    assert report.ok, report.lines
    await books.close()
