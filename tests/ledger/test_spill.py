"""The spill: what is promised on disk while the database is away is recorded once, later."""

import asyncio
import contextlib
import os

import pytest

from ledger import accounts, writers
from ledger.accounts import available_nano, balance_nano
from ledger.appender import Appender
from ledger.books import Books
from ledger.clock import Clock
from ledger.errors import DatabaseAway, DiskFull, LedgerError, SpillFull, Unavailable
from ledger.events import Schemas
from ledger.recovery import recover_abandoned
from ledger.spill import Spilled, SpillFile, file_of, identity, orphans
from ledger.verify import verify
from tests.ledger.drafts import GONE, charge, recharge
from tests.waiting import until

SCHEMAS = Schemas()


class AwayStore:
    """A real store that can be taken away: calls then fail, or hang until it is back."""

    def __init__(self, store):
        self.real = store
        self.here = asyncio.Event()
        self.here.set()
        self.hangs = False

    def __getattr__(self, name):
        method = getattr(self.real, name)
        if name in ("find", "driver", "close", "watch"):
            return method

        async def call(*args, **kwargs):
            if not self.here.is_set():
                if not self.hangs:
                    raise Unavailable("the test took the database away")
                await self.here.wait()
            return await method(*args, **kwargs)

        return call


class Time(Clock):
    """A clock whose monotonic time can be moved on."""

    ahead_s = 0.0

    def monotonic_s(self):
        return super().monotonic_s() + self.ahead_s


@pytest.fixture
def away(store):
    return AwayStore(store)


async def opened(store, tmp_path, **options):
    return await Books.open(
        store, Clock(), spill_dir=tmp_path / "spill", flush_interval_s=0.01, **options
    )


async def crash(books):
    """End a process's tasks without any of its goodbyes; its lock on the spill goes with it."""
    await books._chores.end()
    for task in (books.appender._pump, books.projector._task):
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
    os.close(books.appender._spiller._spill._file)


async def buy(books, number, tokens=5):
    """One request with a hold of 20,000 that costs `tokens` x 1,000; returns its receipt."""
    hold = await books.credit.hold(["user:1"], 20_000)
    receipt = await books.append(charge(str(number), tokens, held=("user:1",)), books.place())
    hold.settle(tokens * 1_000)
    return receipt


# -- the file ---------------------------------------------------------------------------------


def entry(number):
    return Spilled(charge(str(number), 5), 1_700_000_000_000_000 + number)


async def test_what_was_written_is_read_again_in_order_and_a_torn_line_is_not(tmp_path):
    file = SpillFile(file_of(tmp_path, 3, 7))
    await file.write([entry(1), entry(2)])
    await file.write([entry(3)])
    with orphans(tmp_path) as found:
        assert not found  # its writer is alive
    os.close(file._file)
    with file.path.open("ab") as torn:
        torn.write(b'0000abcd {"id": "usage:4", "ty')
    with orphans(tmp_path) as found:
        assert [(o.slot, o.epoch) for o in found] == [(3, 7)]
        assert list(found[0].read()) == [entry(1), entry(2), entry(3)]
        found[0].remove()
    assert not list(tmp_path.iterdir())


async def test_a_damaged_line_is_named_and_the_rest_is_read(tmp_path, caplog):
    file = SpillFile(file_of(tmp_path, 1, 1))
    await file.write([entry(1), entry(2), entry(3)])
    os.close(file._file)
    lines = file.path.read_bytes().splitlines(keepends=True)
    file.path.write_bytes(lines[0] + lines[1].replace(b"usage:2", b"usage:9") + lines[2])
    with orphans(tmp_path) as found:
        assert list(found[0].read()) == [entry(1), entry(3)]
    assert "line 2 is damaged" in caplog.text


async def test_two_processes_cannot_use_one_file_and_an_empty_one_goes_away(tmp_path):
    file = SpillFile(file_of(tmp_path, 1, 1))
    with pytest.raises(LedgerError, match="another process"):
        SpillFile(file.path)
    file.close()
    assert not file.path.exists()


def test_a_directory_keeps_its_identity(tmp_path):
    assert identity(tmp_path / "a") == identity(tmp_path / "a") != identity(tmp_path / "b")


async def test_a_write_that_fails_half_way_leaves_nothing_behind(tmp_path):
    file = SpillFile(file_of(tmp_path, 1, 1))
    await file.write([entry(1)])
    full, real = os.open("/dev/full", os.O_WRONLY), file._file
    size = file.bytes
    os.close(full)
    os.close(real)
    file._file = os.open(file.path, os.O_RDONLY)
    with pytest.raises(OSError):
        await file.write([entry(2)])
    assert file.bytes == size
    os.close(file._file)
    with orphans(tmp_path) as found:
        assert list(found[0].read()) == [entry(1)]


# -- the appender -----------------------------------------------------------------------------


@pytest.mark.database
@pytest.mark.parametrize("hangs", [False, True], ids=["refuses", "hangs"])
async def test_promised_events_are_recorded_once_when_the_database_is_back(
    store, away, tmp_path, hangs
):
    books = await opened(away, tmp_path)
    await books.record(recharge("a", amount_nano=10**8))
    await buy(books, 0)
    away.hangs = hangs
    away.here.clear()
    receipts = await asyncio.gather(*(buy(books, n) for n in range(1, 30)))
    assert all(receipt.spilled for receipt in receipts)
    assert books.state().spilled == 29 and books.state().spill_bytes > 0
    await until(lambda: not books.state().reachable)
    assert await store.count("events", {"type": "usage.charged"}) == 1
    away.here.set()
    await until(lambda: not books.state().spilled and not books.state().spill_bytes)
    await books.settled()
    assert await store.count("events", {"type": "usage.charged"}) == 30
    assert balance_nano(await accounts.read(store, "user:1")) == 10**8 - 30 * 5_000
    assert (await verify(store)).ok
    await books.close()
    assert [p.name for p in (tmp_path / "spill").iterdir()] == ["identity"]


@pytest.mark.database
async def test_what_needs_an_answer_from_the_database_is_not_promised(away, tmp_path):
    books = await opened(away, tmp_path)
    away.here.clear()
    waiting = asyncio.create_task(books.record(recharge("a")))
    await until(lambda: books.appender.stalled_s > 0)
    assert books.state().spilled == 0 and not waiting.done()
    away.here.set()
    assert not (await waiting).spilled
    await books.close()


@pytest.mark.database
async def test_a_spilled_event_says_when_it_was_accepted(store, away, tmp_path):
    books = await opened(away, tmp_path)
    await books.record(recharge("a", amount_nano=10**8))
    await buy(books, 0)
    away.here.clear()
    await buy(books, 1)
    before_us = Clock().now_us()
    await buy(books, "late")  # gets its number only when the batch before it has landed
    after_us = Clock().now_us()
    away.here.set()
    await until(lambda: not books.state().spilled)
    event = await store.find_one("events", {"_id": "usage:late"})
    assert before_us <= event["at"] <= after_us < event["ts"]
    await books.close()


@pytest.mark.database
async def test_admission_goes_on_from_slices_and_refuses_the_rest(away, tmp_path):
    books = await opened(away, tmp_path)
    await books.record(recharge("a", amount_nano=10**8))
    await books.record(recharge("b", account="user:2", amount_nano=10**8))
    await buy(books, 0)
    away.here.clear()
    await until(lambda: not books.state().reachable)
    assert (await buy(books, 1)).spilled
    with pytest.raises(DatabaseAway):
        await books.credit.hold(["user:2"], 1_000)
    away.here.set()
    await until(lambda: books.state().reachable)
    (await books.credit.hold(["user:2"], 1_000)).release()
    await books.close()


@pytest.mark.database
async def test_the_spill_is_bounded(away, tmp_path):
    books = await opened(away, tmp_path, spill_max_bytes=3_000)
    await books.record(recharge("a", amount_nano=10**8))
    time = Time()
    books.appender._clock = time
    await buy(books, 0)
    away.here.clear()
    number = 0
    with pytest.raises(SpillFull):
        for number in range(1, 1_000):
            await buy(books, number)
            time.ahead_s += 3
    assert 1 <= number < 20
    away.here.set()
    await until(lambda: not books.state().spill_bytes)
    books.place().release()
    await books.close()


@pytest.mark.database
async def test_without_room_on_the_disk_nothing_is_admitted(store, tmp_path):
    books = await opened(store, tmp_path, min_free_disk_bytes=1 << 62)
    with pytest.raises(DiskFull):
        books.place()
    assert books.state().disk_low and books.state().disk_free_bytes > 0
    await books.close()


@pytest.mark.database
async def test_a_disk_that_fails_makes_answers_wait_and_refuses_new_ones(away, tmp_path, caplog):
    books = await opened(away, tmp_path)
    await books.record(recharge("a", amount_nano=10**8))
    await buy(books, 0)
    spill = books.appender._spiller._spill

    async def broken(entries):
        raise OSError(28, "No space left on device")

    spill.write = broken
    time = Time()
    books.appender._clock = time
    away.here.clear()
    waiting = asyncio.create_task(buy(books, 1))
    await until(lambda: "cannot spill" in caplog.text)
    time.ahead_s += 6
    with pytest.raises(SpillFull):
        books.place()
    assert not waiting.done()
    away.here.set()
    assert not (await waiting).spilled
    await books.close()


# -- crashes ----------------------------------------------------------------------------------


@pytest.mark.database
@pytest.mark.parametrize("landed", [False, True], ids=["nothing landed", "all landed"])
async def test_after_a_crash_the_spill_is_replayed_exactly_once(store, away, tmp_path, landed):
    books = await opened(away, tmp_path)
    await books.record(recharge("a", amount_nano=10**8))
    await buy(books, 0)
    away.here.clear()
    await asyncio.gather(*(buy(books, n) for n in range(1, 20)))
    if landed:
        # Everything arrives, but the process dies before it can clear its file.
        books.appender._spiller._spill.clear = lambda: asyncio.sleep(3600)
        away.here.set()
        await until(lambda: books.appender._spiller.outstanding == 0)
    await crash(books)
    away.here.set()
    await store.update_one("writers", {"_id": books.writer.slot}, {"$set": GONE})
    again = await opened(store, tmp_path)
    assert await store.count("events", {"type": "usage.charged"}) == 20
    account = await accounts.read(store, "user:1")
    assert balance_nano(account) == available_nano(account) == 10**8 - 20 * 5_000
    report = await verify(store)
    assert report.ok, report.lines
    await again.close()
    assert [p.name for p in (tmp_path / "spill").iterdir()] == ["identity"]


@pytest.mark.database
async def test_closing_while_the_database_is_away_leaves_the_spill_to_the_next_start(
    store, away, tmp_path
):
    books = await opened(away, tmp_path)
    await books.record(recharge("a", amount_nano=10**8))
    await buy(books, 0)
    away.here.clear()
    await asyncio.gather(*(buy(books, n) for n in range(1, 5)))
    async with asyncio.timeout(5):
        await books.close()
    await store.update_one("writers", {"_id": books.writer.slot}, {"$set": GONE})
    again = await opened(store, tmp_path)
    assert await store.count("events", {"type": "usage.charged"}) == 5
    assert (await verify(store)).ok
    await again.close()


@pytest.mark.database
async def test_the_credit_of_a_machine_with_a_spill_is_left_to_it_for_a_while(
    store, away, tmp_path
):
    books = await opened(away, tmp_path / "one")
    await books.record(recharge("a", amount_nano=10**8))
    await buy(books, 0)
    away.here.clear()
    await asyncio.gather(*(buy(books, n) for n in range(1, 5)))
    await crash(books)
    away.here.set()
    slot = {"_id": books.writer.slot}
    await store.update_one("writers", slot, {"$set": {"expires_us": 1 + Clock().now_us()}})
    other = await opened(store, tmp_path / "two")
    assert other.writer.slot != books.writer.slot
    assert await recover_abandoned(store, Clock(), tmp_path / "two" / "spill") == 0
    # After the time of grace its credit is freed, and what it had promised comes late.
    await store.update_one("writers", slot, {"$set": {"expires_us": 0}})
    assert await recover_abandoned(store, Clock(), tmp_path / "two" / "spill") == 1
    drain = await other.credit.hold(["user:1"], 10**8 - 5_000 - 2 * 5_000)
    late = await opened(store, tmp_path / "one")
    events = await store.find_list("events", {"type": "usage.charged"})
    assert len(events) == 5
    assert sum(-e["amount"] for e in events) == 5_000 + 2 * 5_000
    assert sum(e["body"]["shortfall_nano"] for e in events) == 2 * 5_000
    drain.release()
    await late.close()
    await other.close()
    report = await verify(store)
    assert report.ok, report.lines


@pytest.mark.database
async def test_a_zombie_that_spilled_is_fenced_and_its_promises_survive(store, away, tmp_path):
    books = await opened(away, tmp_path)
    await books.record(recharge("a", amount_nano=10**8))
    await buy(books, 0)
    away.here.clear()
    await buy(books, 1)
    slot = {"_id": books.writer.slot}
    await store.update_one("writers", slot, {"$set": {"expires_us": 0, "spill": None}})
    heir = await writers.acquire(store, Clock(), only_slot=books.writer.slot)
    away.here.set()
    async with asyncio.timeout(10):
        await books.fenced.wait()
    await books.close()
    await writers.release(store, heir)
    again = await opened(store, tmp_path)
    assert await store.count("events", {"type": "usage.charged"}) == 2
    await again.close()
    assert (await verify(store)).ok


@pytest.mark.database
async def test_replaying_is_idempotent_when_it_is_interrupted(store, tmp_path):
    writer = await writers.acquire(store, Clock())
    file = SpillFile(file_of(tmp_path, writer.slot, writer.epoch))
    await file.write([entry(n) for n in range(1_200)])
    os.close(file._file)
    landed = []
    appender = Appender(store, Clock(), SCHEMAS, writer, max_pending=1, on_landed=landed.extend)
    with orphans(tmp_path) as found:
        for spilled in list(found[0].read())[:300]:
            task = asyncio.create_task(appender.replay(spilled.draft, spilled.accepted_us))
            await asyncio.sleep(0)
            with contextlib.suppress(asyncio.CancelledError):
                task.cancel()
                await task
    await appender.close()
    await store.update_one("writers", {"_id": writer.slot}, {"$set": GONE})
    books = await Books.open(store, Clock(), spill_dir=tmp_path)
    assert await store.count("events", {"type": "usage.charged"}) == 1_200
    await books.close()
