"""The audit finds each planted fault, reads events once, and is exact beside traffic."""

import asyncio
import logging

import pytest

from ledger import audit as audits
from ledger import writers
from ledger.audit import FAULT, audit, history, latest
from ledger.books import Books
from ledger.clock import Clock
from ledger.rebuild import rebuild
from ledger.seals import seal
from tests.ledger.drafts import charge, recharge

pytestmark = pytest.mark.database


class Then(Clock):
    """A clock that stands at another time."""

    def __init__(self, shift_s: float) -> None:
        self.shift_us = int(shift_s * 1_000_000)

    def now_us(self) -> int:
        return super().now_us() + self.shift_us


async def keep(store, clock=None, count=12):
    books = await Books.open(store, clock or Clock())
    await books.record(recharge("a", amount_nano=10**6))
    await books.record(recharge("b", account="user:2", amount_nano=10**18))
    for n in range(count):
        hold = await books.credit.hold(["user:1"], 9_000)
        await books.append(charge(f"r{n:02}", n % 5, held=("user:1",)), books.place())
        hold.settle(n % 5 * 1_000)
    await books.close()


@pytest.fixture
async def kept(store):
    """Books with a history, closed."""
    await keep(store)
    return store


async def user_changed(store):
    await store.update_one("accounts", {"_id": "user:1"}, {"$inc": {"credited": 1}})
    return "sums differ", "all users, credited"


async def user_removed(store):
    await store.delete_one("accounts", {"_id": "user:2"})
    return "sums differ", "all users, credited"


async def user_planted(store):
    await store.insert_one("accounts", {"_id": "user:66", "adjusted": 10**9})
    return "sums differ", "all users, adjusted"


async def spending_hidden(store):
    await store.update_one("accounts", {"_id": "user:1"}, {"$inc": {"spent": -1}})
    return "sums differ", "all users, spent"


async def column_negative(store):
    await store.update_one("accounts", {"_id": "channel:3"}, {"$set": {"spent": -5}})
    return "component negative", "channel:3"


async def slice_negative(store):
    change = {"$inc": {"granted": -9, "granted_by.4": -9}}
    await store.update_one("accounts", {"_id": "key:7"}, change)
    return "component negative", "key:7"


async def balance_negative(store):
    await store.update_one("accounts", {"_id": "user:1"}, {"$inc": {"spent": 10**7}})
    return "balance negative", "user:1"


async def slice_of_a_stopped_writer(store):
    change = {"$inc": {"granted": 5, "granted_by.1": 5}}
    await store.update_one("accounts", {"_id": "user:1"}, change)
    return "slice orphaned", "user:1"


async def slice_of_nobody(store):
    change = {"$inc": {"granted": 5, "granted_by.44": 5}}
    await store.update_one("accounts", {"_id": "user:2"}, change)
    return "slice orphaned", "user:2"


async def slice_overspent(store):
    change = {"$inc": {"consumed": 5, "consumed_by.1": 5}}
    await store.update_one("accounts", {"_id": "user:1"}, change)
    return "slice overspent", "user:1"


async def slices_do_not_add_up(store):
    await store.update_one("accounts", {"_id": "user:1"}, {"$inc": {"granted": 5}})
    return "slices differ", "user:1"


async def mark_ahead(store):
    await store.update_one("accounts", {"_id": "key:7"}, {"$set": {"applied.1": 999}})
    return "account ahead", "key:7"


ACCOUNT_FAULTS = [
    user_changed,
    user_removed,
    user_planted,
    spending_hidden,
    column_negative,
    slice_negative,
    balance_negative,
    slice_of_a_stopped_writer,
    slice_of_nobody,
    slice_overspent,
    slices_do_not_add_up,
    mark_ahead,
]


async def event_removed(store):
    await store.delete_one("events", {"_id": "usage:r05"})
    return "event missing", "writer 1"


async def event_put_between(store):
    event = await store.find_one("events", {"_id": "usage:r05"})
    await store.delete_one("events", {"_id": "usage:r05"})
    await store.insert_one("events", {**event, "hash": "f" * 64})
    return "chain broken", "usage:r06"


async def order_changed(store):
    event = await store.find_one("events", {"_id": "usage:r05"})
    await store.delete_one("events", {"_id": "usage:r05"})
    await store.insert_one("events", {**event, "ts": 5})
    return "order changed", "usage:r05"


async def without_meaning(store):
    event = await store.find_one("events", {"_id": "usage:r05"})
    await store.delete_one("events", {"_id": "usage:r05"})
    await store.insert_one("events", {**event, "type": "money.made"})
    return "event invalid", "usage:r05"


async def unpriced(store):
    event = await store.find_one("events", {"_id": "usage:r06"})
    await store.delete_one("events", {"_id": "usage:r06"})
    body = {**event["body"], "price": {**event["body"]["price"], "unpriced": True}}
    await store.insert_one("events", {**event, "body": body})
    return "usage unpriced", "model test-model"


async def free_searches(store):
    event = await store.find_one("events", {"_id": "usage:r06"})
    await store.delete_one("events", {"_id": "usage:r06"})
    usage = {**event["body"]["usage"], "web_searches": 2}
    await store.insert_one("events", {**event, "body": {**event["body"], "usage": usage}})
    return "usage unpriced", "model test-model"


NOTICED = (unpriced, free_searches)
EVENT_FAULTS = [event_removed, event_put_between, order_changed, without_meaning, *NOTICED]


def found(result):
    return [(finding.kind, finding.subject) for finding in result.findings]


async def test_sound_books_have_no_finding(kept):
    result = await audit(kept)
    assert result.ok and result.compared and not result.findings, result.lines
    assert result.events == 15 and "no fault" in result.headline
    again = await audit(kept)
    assert again.ok and again.compared and again.events == 0 and not again.findings


@pytest.mark.parametrize("plant", ACCOUNT_FAULTS, ids=lambda plant: plant.__name__)
@pytest.mark.parametrize("remembered", [False, True], ids=["first", "later"])
async def test_faults_in_accounts_are_named(kept, plant, remembered):
    if remembered:
        assert (await audit(kept)).ok
    expected = await plant(kept)
    result = await audit(kept)
    assert expected in found(result), result.lines
    assert not result.ok and result.headline.startswith("The audit found a fault")
    again = await audit(kept)
    assert expected in found(again), again.lines


@pytest.mark.parametrize("plant", EVENT_FAULTS, ids=lambda plant: plant.__name__)
async def test_faults_in_new_events_are_named(kept, plant):
    expected = await plant(kept)
    result = await audit(kept)
    assert expected in found(result), result.lines
    assert result.ok is (plant in NOTICED)


async def test_projections_that_lag_are_named(store):
    await keep(store, Then(-600))
    await store.delete_one("accounts", {"_id": "key:7"})
    await store.update_one("positions", {"_id": "accounts:1"}, {"$set": {"seq": 5}})
    result = await audit(store)
    assert ("projection behind", "writer 1") in found(result), result.lines
    assert result.waiting > 0


async def test_events_that_were_just_recorded_may_wait(store):
    books = await Books.open(store, Clock(), flush_interval_s=30)
    await books.record(recharge("a", amount_nano=10**6))
    for n in range(5):
        await books.append(charge(f"r{n}", 3, held=()), books.place())
    result = await audit(store)
    assert result.ok and result.compared and result.waiting, result.lines
    await books.close()
    assert (await audit(store)).ok


async def test_an_abandoned_writer_is_a_notice(kept):
    gone = {"released": False, "expires_us": 5, "host": "elsewhere", "pid": 1}
    await kept.update_one("writers", {"_id": 1}, {"$set": gone})
    result = await audit(kept)
    assert result.ok and ("writer abandoned", "writer 1") in found(result)


async def test_a_running_writer_may_hold_slices(store):
    books = await Books.open(store, Clock())
    await books.record(recharge("a", amount_nano=10**9))
    hold = await books.credit.hold(["user:1"], 9_000)
    result = await audit(store)
    assert result.ok, result.lines
    hold.release()
    await books.close()


async def test_missing_seals_are_noticed(store, monkeypatch):
    await keep(store, Then(-3_600), count=3)
    books = await Books.open(store, Clock())
    await books.record(recharge("late"))
    await books.close()
    result = await audit(store)
    assert ("seals behind", "ledger") in found(result) and result.ok
    seal = {"_id": "seal:1", "type": "ledger.sealed", "writer": 9, "seq": 1, "ts": 1}
    await store.insert_one("events", seal)
    await store.insert_one("positions", {"_id": "seal", "number": 1})
    result = await audit(store)
    assert ("seals behind", "ledger") in found(result) and not result.ok


@pytest.mark.parametrize(("shift_s", "late"), [(0, False), (-1_200, True)])
async def test_the_first_event_after_a_rest_may_wait_for_its_seal(store, shift_s, late):
    books = await Books.open(store, Then(-3_600))
    await books.record(recharge("early"))
    await seal(books)
    await books.close()
    books = await Books.open(store, Then(shift_s))
    await books.record(recharge("later"))
    await books.close()
    assert ("seals behind" in {kind for kind, _ in found(await audit(store))}) is late


async def test_a_large_backlog_is_read_a_piece_at_a_time(store, monkeypatch):
    await keep(store, count=30)
    monkeypatch.setattr("ledger.audit_events.PAGE", 10)
    rounds = 0
    while not (result := await audit(store, budget_events=10)).compared:
        rounds += 1
        assert result.ok and result.behind and rounds < 10, result.lines
    assert rounds >= 2 and result.ok and not result.behind
    await user_changed(store)
    assert not (await audit(store, budget_events=10)).ok


async def test_it_stays_exact_beside_running_books(store):
    books = await Books.open(store, Clock(), flush_interval_s=0.01)
    for user in (1, 2, 3):
        await books.record(recharge(str(user), f"user:{user}", 10**9))
    done = asyncio.Event()

    async def traffic():
        for n in range(400):
            await books.append(charge(f"r{n:03}", n % 7, user=n % 3 + 1, held=()), books.place())
        done.set()

    running = asyncio.create_task(traffic())
    compared = 0
    while not done.is_set():
        result = await audit(store)
        assert not result.faults, result.lines
        compared += result.compared
    await running
    await books.close()
    result = await audit(store)
    assert result.ok and result.compared and compared, result.lines


async def test_two_audits_at_once_do_not_count_twice(kept):
    both = await asyncio.gather(audit(kept), audit(kept))
    assert all(result.ok for result in both)
    result = await audit(kept)
    assert result.ok and result.compared and result.events == 0, result.lines


async def test_a_forgotten_watermark_only_costs_time(kept):
    await audit(kept)
    await kept.delete_one("positions", {"_id": "audit"})
    result = await audit(kept)
    assert result.ok and result.compared and result.events == 15


async def test_a_rebuild_mends_what_it_found(kept):
    await user_changed(kept)
    assert not (await audit(kept)).ok
    await rebuild(kept)
    assert (await audit(kept)).ok


async def test_results_are_kept_for_a_while(kept, monkeypatch):
    monkeypatch.setattr(audits, "HISTORY", 3)
    assert await latest(kept) is None
    for _ in range(5):
        result = await audit(kept)
    assert (await latest(kept))["_id"] == result.at_us
    assert 1 <= len(await history(kept)) <= 3
    before = await kept.find_list("audits", {})
    await audit(kept, keep=False)
    assert await kept.find_list("audits", {}) == before


async def test_many_findings_keep_the_faults(kept):
    result = audits.Audit(1)
    for n in range(audits.MAX_FINDINGS + 5):
        result.add("usage unpriced", f"model {n}", "free", audits.NOTICE)
    result.add("sums differ", "all users", "by one")
    assert result.faults == 1 and any(f.level == FAULT for f in result.findings)
    assert "more" in result.lines[-1] and "sums differ" in result.headline


async def test_a_slot_that_was_taken_again_is_not_accused(kept):
    await kept.update_one(
        "accounts", {"_id": "user:1"}, {"$inc": {"granted": 5, "granted_by.1": 5}}
    )
    writer = await writers.acquire(kept, Clock(), only_slot=1)
    assert writer is not None
    assert ("slice orphaned", "user:1") not in found(await audit(kept))


async def test_the_watch_speaks_up_only_when_something_changes(kept, caplog):
    log = logging.getLogger("tollgate.test")
    caplog.set_level(logging.WARNING, logger=log.name)
    await audits.watch(kept, log)
    assert not caplog.records
    await user_changed(kept)
    for _ in range(3):
        await audits.watch(kept, log)
    assert ["fault" in r.message for r in caplog.records] == [True]
    await rebuild(kept)
    await audits.watch(kept, log)
    assert len(caplog.records) == 2 and "no fault" in caplog.records[1].message
