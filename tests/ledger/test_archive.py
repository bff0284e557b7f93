"""Archives: out, verified, pruned, read, and back; nothing is ever lost on the way."""

import itertools
import random
from dataclasses import replace
from pathlib import Path

import orjson
import pytest

from ledger import archive as archiving
from ledger import archive_plan
from ledger.accounts import balance_nano
from ledger.archive import archive
from ledger.archive_files import MANIFEST, BrokenArchive, directory_name
from ledger.archive_plan import gaps, make_plan
from ledger.archived import PRUNED, PRUNED_TYPES, WRITTEN, Archives, archived_at
from ledger.books import Books
from ledger.clock import Clock
from ledger.errors import KeyReused, LedgerError
from ledger.prune import prune
from ledger.rebuild import rebuild
from ledger.restore import archives_in, bring_back, restore
from ledger.scan import last_event
from ledger.spill import Spilled
from ledger.verify import verify
from tests.ledger.archive_books import (
    EVER,
    Breaking,
    Cut,
    archived,
    assert_sound,
    balances,
    everything,
    fill,
)
from tests.ledger.drafts import charge, recharge

pytestmark = pytest.mark.database


@pytest.fixture(autouse=True)
def small_segments(monkeypatch):
    monkeypatch.setattr(archiving, "SEGMENT_EVENTS", 7)


@pytest.fixture
async def kept(store):
    """Books of two writers, closed."""
    await fill(store, "a")
    return store


async def test_out_and_back_as_if_nothing_had_been(kept, tmp_path):
    before, accounts = await everything(kept), await balances(kept)
    done, gone = await archived(kept, tmp_path)
    assert len(done) == 1 and gone == done[0].pruned == 25
    left = await everything(kept)
    leaving = before.keys() - left.keys()
    assert len(leaving) == 25 and {before[i]["type"] for i in leaving} == PRUNED_TYPES
    assert (await balances(kept)) == accounts
    await assert_sound(kept)
    result = await restore(kept, done[0].directory)
    assert (result.inserted, result.events) == (25, done[0].events)
    after = await everything(kept)
    assert {i: after[i] for i in before} == before
    assert await kept.find_list("carried", {}) == await kept.find_list("archived_ids", {}) == []
    await assert_sound(kept)
    assert (await restore(kept, done[0].directory)).inserted == 0
    await assert_sound(kept)


async def test_what_must_stay_stays(kept, tmp_path):
    before = await everything(kept)
    await archived(kept, tmp_path)
    left = await everything(kept)
    for event in before.values():
        if event["type"] not in PRUNED_TYPES:
            assert event["_id"] in left
    for writer in (1, 2):
        last = await last_event(kept, writer)
        numbers = [e["seq"] for e in left.values() if e["writer"] == writer]
        assert last["seq"] == max(numbers)


async def test_life_goes_on_after_pruning(kept, tmp_path):
    await archived(kept, tmp_path)
    await fill(kept, "b")
    await assert_sound(kept)
    done, gone = await archived(kept, tmp_path)
    assert done[0].number == 2 and gone
    await assert_sound(kept)
    # the newest archive first is only the usual order
    for directory in reversed(archives_in(tmp_path)):
        await restore(kept, directory)
        await assert_sound(kept)
    done, gone = await archived(kept, tmp_path)
    assert done[0].number == 3 and gone > 40
    await assert_sound(kept)


async def test_a_rebuild_begins_with_what_is_carried(kept, tmp_path):
    accounts = await balances(kept)
    await archived(kept, tmp_path)
    await kept.delete_many("accounts", {})
    result = await rebuild(kept)
    assert await balances(kept) == accounts and not result.left
    await assert_sound(kept)


async def test_only_events_before_the_time_and_up_to_a_seal(kept, tmp_path):
    times = sorted(e["ts"] for e in (await everything(kept)).values())
    cut = times[len(times) // 2]
    done, _ = await archived(kept, tmp_path, before_us=cut)
    manifest = orjson.loads((done[0].directory / MANIFEST).read_bytes())
    assert max(s["last_ts"] for s in manifest["segments"]) < cut
    await fill(kept, "b")  # not sealed
    plan = await make_plan(kept, EVER)
    sealed = {head["writer"]: head["seq"] for head in (await seal_of(kept, plan))["heads"]}
    assert all(run.last_seq <= sealed[run.writer] for run in plan.runs)


async def seal_of(store, plan):
    return (await store.find_one("events", {"_id": f"seal:{plan.seal}"}))["body"]


async def test_nothing_is_archived_twice(kept, tmp_path):
    await archived(kept, tmp_path)
    assert await make_plan(kept, EVER) is None
    assert await archived(kept, tmp_path) == ([], 0)


async def test_large_periods_become_several_archives(kept, tmp_path, monkeypatch):
    before = await everything(kept)
    monkeypatch.setattr(archive_plan, "MAX_EVENTS", 9)
    done, gone = await archived(kept, tmp_path)
    assert len(done) > 2 and gone
    await assert_sound(kept)
    for directory in archives_in(tmp_path):
        await restore(kept, directory)
    assert (await everything(kept)).items() >= before.items()
    await assert_sound(kept)


async def test_without_prune_nothing_goes(kept, tmp_path):
    before = await everything(kept)
    done, _ = await archived(kept, tmp_path, pruned=False)
    assert (await everything(kept)).items() >= before.items()
    assert (await kept.find_one("archives", {"_id": 1}))["state"] == WRITTEN
    await assert_sound(kept)
    await prune(kept, tmp_path, EVER)
    assert (await kept.find_one("archives", {"_id": 1}))["state"] == PRUNED
    await assert_sound(kept)
    assert done[0].number == 1


async def test_the_digest_is_in_the_books(kept, tmp_path):
    done, _ = await archived(kept, tmp_path)
    event = await kept.find_one("events", {"_id": "archive:1"})
    assert (event["type"], event["account"], event["amount"]) == ("ledger.archived", "ledger", 0)
    assert event["body"]["digest"] == done[0].digest


# -- interruptions --------------------------------------------------------------------------------


@pytest.fixture
async def few(store):
    """Small books, for tests that go through everything many times."""
    await fill(store, "a", charges=4)
    return store


@pytest.mark.timeout(400)
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
async def test_a_cut_at_every_change_loses_nothing(few, tmp_path, after):
    """Archive and prune, cut before or after the n-th change of the database, for every other n:
    these or those, by chance."""
    before, accounts = await everything(few), await balances(few)
    first = random.randrange(2)
    print(f"cut at {first}, {first + 2}, …")
    for n in itertools.count(first, 2):
        to = tmp_path / str(n)
        to.mkdir()
        complete = await cut_archive(few, to, n, after)
        assert await balances(few) == accounts
        gone = before.keys() - (await everything(few)).keys()
        assert not gone or (await Archives.load(few)).numbers, "gone before an archive stood for it"
        report = await verify(few)
        assert report.ok, report.lines
        assert (await rebuild(few)).changed == 0
        await archived(few, to)  # what was begun is finished by doing it again
        for directory in archives_in(to):
            await restore(few, directory)
        assert (await everything(few)).items() >= before.items()
        if complete:
            break
    assert n > 10
    await assert_sound(few)


async def cut_archive(store, to, changes, after):
    """Archive and prune with a database that stops; True if it was all done before that."""
    books = await Books.open(store, Clock(), flush_interval_s=0.01)
    books.store = Breaking(store, changes, after=after)
    try:
        await archive(books, to, EVER)
        await prune(books.store, to, EVER)
    except Cut:
        return False
    finally:
        books.store = store
        await books.close()
    return True


@pytest.mark.timeout(400)
async def test_a_cut_at_every_file_loses_nothing(few, tmp_path, monkeypatch):
    """The process dies when the n-th file is about to get its name."""
    before = await everything(few)
    real, complete = Path.replace, False
    for n in itertools.count():
        left = itertools.count(n, -1)

        def stop(self, target, left=left):
            if next(left) <= 0:
                raise OSError("no space left on the device")
            return real(self, target)

        to = tmp_path / str(n)
        to.mkdir()
        with monkeypatch.context() as patched:
            patched.setattr("pathlib.Path.replace", stop)
            try:
                await archived(few, to)
                complete = True
            except OSError:
                assert (await everything(few)).items() >= before.items()
        await archived(few, to)
        report = await verify(few)
        assert report.ok, report.lines
        for directory in archives_in(to):
            await restore(few, directory)
        assert (await everything(few)).items() >= before.items()
        if complete:
            break
    assert n > 4
    await assert_sound(few)


@pytest.mark.timeout(400)
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
async def test_a_restore_cut_at_every_change_goes_on(few, tmp_path, after):
    before = await everything(few)
    await archived(few, tmp_path, pruned=False)
    (directory,) = archives_in(tmp_path)
    for n in itertools.count():
        await few.update_one("archives", {"_id": 1}, {"$set": {"state": WRITTEN}})
        manifest = orjson.loads((directory / MANIFEST).read_bytes())
        await archiving.keep(few, manifest, archiving.check(directory, manifest))
        await prune(few, tmp_path, EVER)
        try:
            await restore(Breaking(few, n, after=after), directory)
        except Cut:
            report = await verify(few)
            assert report.ok, report.lines
            assert (await rebuild(few)).changed == 0
            await restore(few, directory)
            assert (await everything(few)).items() >= before.items()
        else:
            break
    assert n > 4
    await assert_sound(few)


# -- beside everything else -----------------------------------------------------------------------


async def test_pruning_waits_for_projections(kept, tmp_path):
    await archived(kept, tmp_path, pruned=False)
    await kept.update_one("positions", {"_id": "accounts:1"}, {"$set": {"seq": 3}})
    with pytest.raises(LedgerError, match="accounts of writer 1 are at 3"):
        await prune(kept, tmp_path, EVER, wait_s=0.3)
    assert (await kept.find_one("archives", {"_id": 1}))["state"] == WRITTEN


async def test_archived_ids_are_known_and_not_recorded_twice(kept, tmp_path):
    await archived(kept, tmp_path)
    archives = await Archives.load(kept)
    events = await everything(kept)
    for name in ("usage:a0-00", "usage:a1-10", "audit:a1"):
        assert name not in events
        assert await archives.find(kept, name) == await archived_at(kept, name) is not None
    for name in ("usage:a0-99", "usage:a1-11", "recharge:test:a0-1", "archive:1", ""):
        assert await archives.find(kept, name) is None
    books = await Books.open(kept, Clock())
    receipt = await books.record(recharge("a0-1", "user:1", 10**8))
    assert receipt.replayed, "what moves money in is refused by its id for ever"
    with pytest.raises(KeyReused):
        await books.record(recharge("a0-1", "user:1", 5))
    await books.close()


async def test_one_event_can_be_brought_back_to_work_on_it(kept, tmp_path):
    before = await everything(kept)
    await archived(kept, tmp_path)
    accounts = await balances(kept)
    assert await bring_back(kept, tmp_path, "usage:a0-07")
    assert not await bring_back(kept, tmp_path, "usage:a0-07")
    assert not await bring_back(kept, tmp_path, "usage:nobody")
    assert (await everything(kept))["usage:a0-07"] == before["usage:a0-07"]
    await assert_sound(kept)
    assert (await rebuild(kept)).changed == 0 and await balances(kept) == accounts
    (directory,) = archives_in(tmp_path)
    assert (await restore(kept, directory)).inserted == 24
    await assert_sound(kept)


async def test_beside_running_writers(kept, tmp_path):
    books = await Books.open(kept, Clock(), flush_interval_s=0.01)
    for n in range(40):
        await books.append(charge(f"live-{n}", n % 5, user=1, held=()), books.place())
    done = await archive(books, tmp_path, EVER)
    for n in range(40, 60):
        await books.append(charge(f"live-{n}", n % 5, user=1, held=()), books.place())
    assert await prune(kept, tmp_path, EVER) > 25
    for n in range(60, 80):
        await books.append(charge(f"live-{n}", n % 5, user=1, held=()), books.place())
    await assert_sound(kept)
    await books.close()
    await assert_sound(kept)
    await restore(kept, done[0].directory)
    await assert_sound(kept)
    account = await kept.find_one("accounts", {"_id": "user:1"})
    charged = [e for e in (await everything(kept)).values() if e["account"] == "user:1"]
    assert balance_nano(account) == sum(e["amount"] for e in charged)


async def test_an_archive_without_its_files_is_named(kept, tmp_path):
    with pytest.raises(LedgerError, match="no archive"):
        archives_in(tmp_path)
    done, _ = await archived(kept, tmp_path)
    done[0].directory.rename(tmp_path / "elsewhere")
    with pytest.raises(BrokenArchive):
        await restore(kept, tmp_path / directory_name(1))


def test_numbers_that_are_in_no_archive():
    assert gaps([], 9) == [(1, 9)]
    assert gaps([(1, 5)], 9) == [(6, 9)]
    assert gaps([(6, 9), (1, 2)], 12) == [(3, 5), (10, 12)]
    assert gaps([(4, 9)], 6) == [(1, 3)]
    assert gaps([(1, 9)], 9) == []


async def test_an_old_spill_is_not_recorded_again(kept, tmp_path):
    """A charge that was spilled, recorded, archived, and then found in the spill once more."""
    event = await kept.find_one("events", {"_id": "usage:a0-05"})
    await archived(kept, tmp_path)
    accounts = await balances(kept)
    draft = charge("a0-05", 0, user=2, held=("user:2",))
    draft = replace(draft, body=event["body"], amount_nano=event["amount"], at_us=event["at"])
    spills = tmp_path / "spill"
    spills.mkdir()
    books = await Books.open(kept, Clock(), spill_dir=spills)
    await books._record_late(Spilled(draft, event["at"]))
    await books.close()
    assert await kept.find_one("events", {"_id": "usage:a0-05"}) is None
    assert await balances(kept) == accounts
