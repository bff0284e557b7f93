"""The projector: every event in every account exactly once."""

import asyncio
import random
from dataclasses import replace

import pytest

from ledger import accounts, chains, projector, writers
from ledger.accounts import balance_nano
from ledger.appender import Appender
from ledger.books import Books
from ledger.clock import Clock
from ledger.events import Schemas
from ledger.projector import Projector, catch_up, project
from ledger.verify import verify
from tests.ledger.drafts import GONE, charge, recharge
from tests.ledger.faults import FaultyStore
from tests.waiting import until

pytestmark = pytest.mark.database


async def append_only(store, drafts):
    """Append without projecting, as a process that dies at once."""
    writer = await writers.acquire(store, Clock())
    appender = Appender(
        store, Clock(), Schemas(), writer, max_pending=10_000, on_landed=lambda events: None
    )
    for draft in drafts:
        await appender.append(draft)
    await store.update_one("writers", {"_id": writer.slot}, {"$set": GONE})
    return writer


def some_drafts(count, seed):
    rng = random.Random(seed)
    drafts = [recharge(f"{seed}-{n}", f"user:{n + 1}", 10**9) for n in range(3)]
    for n in range(count):
        user = rng.randint(1, 3)
        drafts.append(charge(f"{seed}-{n}", rng.randint(0, 9), user=user, key=user, held=()))
    return drafts


async def balances_from_events(store):
    sums = {}
    async for event in store.find("events", {}):
        for effect in accounts.effects(event):
            column = sums.setdefault(effect.account, {})
            for name, amount in effect.columns.items():
                column[name] = column.get(name, 0) + amount
    return sums


async def assert_exact(store):
    for account, columns in (await balances_from_events(store)).items():
        document = await accounts.read(store, account)
        assert {name: document.get(name) for name in columns} == columns, account
    report = await verify(store)
    assert report.ok, report.lines


async def test_a_crash_between_append_and_projection_is_made_good_at_the_next_start(store):
    await append_only(store, some_drafts(40, 1))
    assert await store.count("accounts", {}) == 0
    assert (await verify(store)).waiting > 0
    books = await Books.open(store, Clock())
    await assert_exact(store)
    await books.close()


async def test_projecting_again_with_other_page_boundaries_changes_nothing(store, monkeypatch):
    writer = await append_only(store, some_drafts(60, 2))
    for chunk in (7, 1, 13, 1_000, 5):
        monkeypatch.setattr(chains, "PAGE", chunk)
        await store.update_one(
            "positions", {"_id": projector.position_id(writer.slot)}, {"$set": {"seq": 0}}
        )
        await catch_up(store, writer.slot)
        await assert_exact(store)


async def test_two_processes_projecting_one_writer_at_once_count_each_event_once(store):
    writer = await append_only(store, some_drafts(80, 3))
    await asyncio.gather(*(catch_up(store, writer.slot) for _ in range(4)))
    await assert_exact(store)


@pytest.mark.parametrize("seed", range(8))
async def test_late_overlapping_pages_with_stale_marks(store, seed):
    """Pages in any cut, applied by processes that remember wrong marks, out of step."""
    rng = random.Random(seed)
    writer = await append_only(store, some_drafts(30, seed))
    events = await store.find_list("events", {"writer": writer.slot}, sort=[("seq", 1)])
    marks = [{} for _ in range(3)]
    reached = [0, 0, 0]
    while min(reached) < len(events):
        who = rng.randrange(3)
        end = min(len(events), reached[who] + rng.randint(1, 9))
        start = max(0, reached[who] - rng.randint(0, 5))
        await project(store, writer.slot, events[start:end], marks[who])
        reached[who] = end
    await assert_exact(store)


@pytest.mark.parametrize("plan", ["lost", "unanswered"])
async def test_an_update_with_an_unknown_outcome_is_applied_once(store, plan):
    writer = await append_only(store, some_drafts(20, 4))
    events = await store.find_list("events", {"writer": writer.slot}, sort=[("seq", 1)])
    faulty = FaultyStore(store)
    faulty.plan("bulk_update", plan, "ok", plan)
    follower = Projector(faulty, writer.slot, 0, interval_s=0.01)
    follower.start()
    follower.feed(events[:10])
    await follower.until(events[9]["seq"])
    follower.feed(events[10:])
    await follower.until(events[-1]["seq"])
    await follower.close()
    await assert_exact(store)


async def test_one_charge_counts_for_user_key_and_channel(store):
    books = await Books.open(store, Clock())
    await books.record(recharge("a", amount_nano=10_000))
    await books.record(charge("r1", 3, held=()))
    documents = await accounts.read_many(store, ["user:1", "key:7", "channel:3", "user:9"])
    assert balance_nano(documents["user:1"]) == 7_000
    assert documents["key:7"]["spent"] == documents["channel:3"]["spent"] == 3_000
    assert documents["key:7"]["requests"] == 1
    assert documents["user:9"] == {"_id": "user:9"}
    await books.close()


async def test_record_returns_only_when_other_processes_see_the_effect(store):
    one, two = await Books.open(store, Clock()), await Books.open(store, Clock())
    await one.record(recharge("a", amount_nano=5_000))
    hold = await two.credit.hold(["user:1"], 5_000, wait_s=0)
    hold.release()
    await one.close()
    await two.close()


async def test_what_comes_during_a_flush_gathers_for_the_next(store, monkeypatch):
    writer = await append_only(store, some_drafts(7, seed=5))
    events = await chains.numbered(store, writer.slot, 0, 10)
    view = replace(projector.ACCOUNTS, gather=4)
    busy = Projector(store, writer.slot, 0, interval_s=60, view=view)
    busy.feed(events[:4])
    busy._hurry.clear()
    rounds = []

    async def apply(store, slot, todo, marks, view):
        if not rounds:
            busy.feed(events[4:7])
            assert not busy._hurry.is_set()  # three wait; the four under way do not count
            busy.feed(events[7:])
            assert busy._hurry.is_set()
        rounds.append(max(delta.last for delta in todo.values()))
        todo.clear()

    monkeypatch.setattr(projector, "apply", apply)
    assert await busy._flush()
    assert rounds == [4] and busy.reached == 4 and busy.lag == 6
    assert await busy._flush()
    assert rounds == [4, 10] and busy.lag == 0


async def test_events_that_wait_are_kept_as_sums(store):
    writer = await append_only(store, some_drafts(projector.BREATH * 3, seed=6))
    events = await chains.numbered(store, writer.slot, 0, 1_000)
    waiting = Projector(store, writer.slot, 0, interval_s=3_600)
    waiting.start()
    for some in projector.batches(events, 50):
        waiting.feed(list(some))
    await until(lambda: len(waiting._fresh) < projector.BREATH, what="most are folded")
    assert waiting.lag == len(events) and await store.count("accounts", {}) == 0
    await waiting.close()
    await assert_exact(store)


@pytest.mark.parametrize("done", [1, 17, 42, 43])
async def test_what_another_process_projected_in_part_is_completed(store, done):
    """A delta covers events of which some are in some of its documents already."""
    writer = await append_only(store, some_drafts(40, seed=7))
    events = await chains.numbered(store, writer.slot, 0, 100)
    slow = Projector(store, writer.slot, 0, interval_s=0.01)
    slow.feed(events)
    await project(store, writer.slot, events[:done], {})
    slow.start()
    await slow.close()
    await assert_exact(store)


class Interrupted:
    """A store in which another process projects events while this one is about to."""

    def __init__(self, store, slot, events):
        self._store = store
        self._others = (slot, events)

    def __getattr__(self, name):
        return getattr(self._store, name)

    async def bulk_update(self, *args):
        others, self._others = self._others, None
        if others is not None:
            await project(self._store, *others, {})
        return await self._store.bulk_update(*args)


@pytest.mark.parametrize("theirs", [12, 30, 43])
async def test_a_late_update_of_the_former_owner_lands_between_reading_and_writing(store, theirs):
    """The heir's own update reaches further, and must not go on top of it."""
    writer = await append_only(store, some_drafts(40, seed=10))
    events = await chains.numbered(store, writer.slot, 0, 100)
    await project(store, writer.slot, events[:10], {})
    await project(Interrupted(store, writer.slot, events[:theirs]), writer.slot, events, {})
    await assert_exact(store)


async def test_whoever_gives_up_leaves_the_watermark_alone(store):
    writer = await append_only(store, some_drafts(20, seed=8))
    events = await chains.numbered(store, writer.slot, 0, 100)
    faulty = FaultyStore(store)
    faulty.plan("bulk_update", "unanswered")
    stuck = Projector(faulty, writer.slot, 0, interval_s=0.01)
    stuck.feed(events)
    stuck.start()
    await stuck.close(give_up=True)
    assert stuck.lag == len(events) and await store.count("positions", {}) == 0
    await catch_up(store, writer.slot)
    await assert_exact(store)


async def test_catching_up_in_pieces(store, monkeypatch):
    monkeypatch.setattr(chains, "PAGE", 7)
    writer = await append_only(store, some_drafts(60, seed=9))
    view = replace(projector.ACCOUNTS, chunk=10)
    assert await catch_up(store, writer.slot, view) == await store.count("events", {})
    await assert_exact(store)
