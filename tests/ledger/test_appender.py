"""The appender: receipts, replays, unknown outcomes, zombies and back-pressure."""

import asyncio

import pytest

from ledger import appender, writers
from ledger.appender import Appender
from ledger.clock import Clock
from ledger.errors import (
    BatchStopped,
    BooksBusy,
    BooksUnavailable,
    Duplicate,
    Fenced,
    InvalidEvent,
    KeyReused,
)
from ledger.events import GENESIS, Draft, Schemas, chain_hash
from tests.ledger.drafts import recharge
from tests.ledger.faults import FaultyStore

pytestmark = pytest.mark.database

SCHEMAS = Schemas()


class Desk:
    """An appender over a store that can fail, and what it handed on."""

    def __init__(self, store, writer, max_pending=1_000):
        self.store = FaultyStore(store)
        self.landed = []
        self.appender = Appender(
            self.store,
            Clock(),
            SCHEMAS,
            writer,
            max_pending=max_pending,
            on_landed=self.landed.extend,
        )

    async def all(self, drafts):
        """Append all at once, so that they share batches."""
        return await asyncio.gather(
            *(self.appender.append(d) for d in drafts), return_exceptions=True
        )


@pytest.fixture
async def desk(store):
    return Desk(store, await writers.acquire(store, Clock()))


async def chain_of(store):
    """Return all events, having checked that they are one gapless chain."""
    events = await store.find_list("events", {"writer": 1}, sort=[("seq", 1)])
    head = GENESIS
    for number, event in enumerate(events, start=1):
        assert (event["seq"], event["prev"]) == (number, head)
        head = chain_hash(head, event)
        assert event["hash"] == head
    return events


def ids(events):
    return [event["_id"] for event in events if event["type"] != "epoch.closed"]


async def test_callers_of_one_batch_get_their_own_receipts(store, desk):
    receipts = await desk.all([recharge(str(n)) for n in range(20)])
    assert [r.event_id for r in receipts] == [f"recharge:test:{n}" for n in range(20)]
    assert [r.seq for r in receipts] == list(range(2, 22))
    assert ids(await chain_of(store)) == [r.event_id for r in receipts] == ids(desk.landed)


async def test_a_batch_forms_while_another_is_in_flight(desk):
    await desk.all([recharge(str(n)) for n in range(50)])
    batches = [len(args[0]) for name, args in desk.store.calls if name == "insert_events"]
    assert sum(batches) == 50 and len(batches) <= 2


@pytest.mark.parametrize("plan", ["ok", "unanswered", "lost", 0, 1, 2])
async def test_a_full_batch_is_numbered_while_another_is_in_flight(store, monkeypatch, plan):
    monkeypatch.setattr(appender, "MAX_BATCH", 3)
    writer = await writers.acquire(store, Clock())
    desk, numbered = Desk(store, writer), []
    desk.appender._on_landed = lambda events: numbered.append((events[-1]["seq"], writer.next_seq))
    await desk.appender.append(recharge("4"))
    desk.store.plan("insert_events", plan)
    receipts = await desk.all([recharge(str(n)) for n in range(10)])
    assert [r.event_id for r in receipts] == [f"recharge:test:{n}" for n in range(10)]
    assert [n for n, r in enumerate(receipts) if r.replayed] == [4]
    events = await chain_of(store)
    assert sorted(ids(events)) == sorted(f"recharge:test:{n}" for n in range(10))
    ahead = [next_seq - last - 1 for last, next_seq in numbered]
    assert max(ahead) >= 2, "no batch was numbered ahead"
    assert desk.appender.idle and desk.appender.pending == 0


async def test_a_replay_in_mid_batch_gets_the_first_receipt_and_leaves_no_gap(store, desk):
    first = await desk.appender.append(recharge("5"))
    receipts = await desk.all([recharge(str(n)) for n in range(10)])
    assert receipts[5].replayed and receipts[5].hash == first.hash
    assert not any(r.replayed for n, r in enumerate(receipts) if n != 5)
    assert len(await chain_of(store)) == 1 + 10


async def test_a_reused_id_in_mid_batch_fails_alone(store, desk):
    await desk.appender.append(recharge("5", amount_nano=7))
    receipts = await desk.all([recharge(str(n)) for n in range(10)])
    assert isinstance(receipts[5], KeyReused)
    assert sum(isinstance(r, Exception) for r in receipts) == 1
    assert len(await chain_of(store)) == 1 + 10


async def test_the_same_event_twice_in_one_batch_lands_once(store, desk):
    one, two, three = await desk.all([recharge("a"), recharge("a"), recharge("b")])
    assert two.replayed and two.hash == one.hash and not three.replayed
    assert len(await chain_of(store)) == 3


async def test_many_replays_in_one_batch(store, desk):
    await desk.all([recharge(str(n)) for n in range(0, 30, 2)])
    receipts = await desk.all([recharge(str(n)) for n in range(30)])
    assert [r.replayed for r in receipts] == [n % 2 == 0 for n in range(30)]
    assert len(await chain_of(store)) == 31


@pytest.mark.parametrize("plan", ["unanswered", "lost", 0, 1, 4, 9])
async def test_an_unknown_outcome_is_resolved_without_loss_or_double(store, desk, plan):
    desk.store.plan("insert_events", "ok", plan)
    await desk.appender.append(recharge("before"))
    receipts = await desk.all([recharge(str(n)) for n in range(10)])
    assert [r.event_id for r in receipts] == [f"recharge:test:{n}" for n in range(10)]
    assert not any(r.replayed for r in receipts)
    events = await chain_of(store)
    assert len(events) == 12
    assert ids(desk.landed) == ids(events)


async def test_unknown_outcomes_in_a_row_with_a_duplicate_in_the_batch(store, desk):
    await desk.appender.append(recharge("5"))
    desk.store.plan("insert_events", 3, "lost", 1, "unanswered")
    receipts = await desk.all([recharge(str(n)) for n in range(10)])
    assert [r.replayed for r in receipts] == [n == 5 for n in range(10)]
    assert len(await chain_of(store)) == 11
    assert len(ids(desk.landed)) == 10


async def test_never_renumbers_after_an_unknown_outcome(store, desk):
    """The answer is lost, and the batch arrives only after the appender has looked for it."""
    held_back = []

    class LateStore(FaultyStore):
        async def insert_events(self, events):
            if not held_back:
                held_back.extend(events)
                from ledger.errors import OutcomeUnknown

                raise OutcomeUnknown("on its way")
            if held_back[0] is not None:
                await self.real.insert_events([dict(e) for e in held_back])
                held_back[0] = None
            await self.real.insert_events(events)

    desk.appender._store = LateStore(store)
    receipts = await desk.all([recharge(str(n)) for n in range(5)])
    assert not any(isinstance(r, Exception) or r.replayed for r in receipts)
    assert len(await chain_of(store)) == 6


async def test_a_zombie_is_fenced_and_nothing_of_it_lands(store, desk):
    await desk.appender.append(recharge("mine"))
    await store.update_one("writers", {"_id": 1}, {"$set": {"expires_us": 0}})
    await writers.acquire(store, Clock())
    results = await desk.all([recharge(str(n)) for n in range(5)])
    assert all(isinstance(r, Fenced) for r in results)
    assert desk.appender.fenced.is_set()
    with pytest.raises(Fenced):
        await desk.appender.append(recharge("again"))
    with pytest.raises(Fenced):
        desk.appender.place()
    assert ids(await chain_of(store)) == ["recharge:test:mine"]


async def test_a_zombie_with_an_unknown_outcome_is_fenced_too(store, desk):
    desk.store.plan("insert_events", "lost")
    await store.update_one("writers", {"_id": 1}, {"$set": {"expires_us": 0}})
    heir = Desk(store, await writers.acquire(store, Clock()))
    await heir.appender.append(recharge("heir"))
    results = await desk.all([recharge(str(n)) for n in range(3)])
    assert all(isinstance(r, Fenced) for r in results)
    assert ids(await chain_of(store)) == ["recharge:test:heir"]


async def test_a_number_taken_by_what_is_not_to_be_seen_yet_is_no_zombie(store, desk):
    class ShyStore(FaultyStore):
        """Refuses an insert for the sake of an earlier one that lands a moment later."""

        async def insert_events(self, events):
            self.insert_events = lambda again: self.real.insert_events(again)
            await self.real.insert_events(events[:2])
            raise BatchStopped(2, Duplicate("events.seq", 4))

    desk.appender._store = ShyStore(store)
    receipts = await desk.all([recharge(str(n)) for n in range(5)])
    assert not any(isinstance(r, Exception) or r.replayed for r in receipts)
    assert not desk.appender.fenced.is_set() and not desk.appender.stalled_s
    assert len(await chain_of(store)) == 6


async def test_a_caller_that_goes_away_does_not_undo_its_event(store, desk):
    task = asyncio.create_task(desk.appender.append(recharge("gone")))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await desk.appender.close()
    assert ids(await chain_of(store)) == ["recharge:test:gone"]


async def test_back_pressure_counts_places_and_lets_them_through(store):
    desk = Desk(store, await writers.acquire(store, Clock()), max_pending=3)
    places = [desk.appender.place() for _ in range(3)]
    with pytest.raises(BooksBusy) as refusal:
        desk.appender.place()
    assert refusal.value.retry_after_s >= 1
    with pytest.raises(BooksBusy):
        await desk.appender.append(recharge("late"))
    await desk.appender.append(recharge("early"), places[0])
    places[1].release()
    places[1].release()
    assert desk.appender.pending == 1
    assert ids(await chain_of(store)) == ["recharge:test:early"]


async def test_an_invalid_event_is_refused_before_anything_is_written(store, desk):
    with pytest.raises(InvalidEvent):
        await desk.appender.append(recharge("bad", amount_nano=-1))
    assert ids(await chain_of(store)) == []


async def test_closing_records_what_waits_and_refuses_the_rest(store, desk):
    waiting = [asyncio.create_task(desk.appender.append(recharge(str(n)))) for n in range(5)]
    await asyncio.sleep(0)
    await desk.appender.close()
    await asyncio.gather(*waiting)
    with pytest.raises(BooksUnavailable):
        await desk.appender.append(recharge("late"))
    assert len(ids(await chain_of(store))) == 5


def audit(before):
    return Draft("audit:1", "audit.recorded", "directory", 0, "user:1", before)


@pytest.mark.parametrize(
    "poison",
    [
        {"x": "y" * 9_000_000},
        {"x": 2**63},
        {"x": 2**65},
        {"x": "\ud800"},
        {"x": {1: 2}},
        {"x": 0.5},
    ],
    ids=["too large", "64 bits", "65 bits", "surrogate", "key", "float"],
)
async def test_what_the_database_would_choke_on_fails_alone(store, desk, poison):
    bad = audit({"action": "a", "object": "o", "before": poison})
    results = await desk.all([recharge("a"), bad, recharge("b")])
    assert isinstance(results[1], InvalidEvent)
    assert ids(await chain_of(store)) == ["recharge:test:a", "recharge:test:b"]
