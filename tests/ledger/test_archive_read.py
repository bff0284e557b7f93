"""Archived events answer as they did before they were archived."""

import random
from contextlib import aclosing

import pytest

from ledger import archive as archiving
from ledger.archive import archive
from ledger.archive_chain import at_hand, whole_chain
from ledger.archive_read import (
    ArchiveMissing,
    archived_in_time,
    everything_in_time,
    find_event,
    matcher,
)
from ledger.archived import ArchiveChanged, Archives
from ledger.balances import AsOf, balance_at
from ledger.books import Books
from ledger.clock import Clock
from ledger.errors import LedgerError
from ledger.history import History
from ledger.prune import prune
from ledger.recount_rollups import rebuild_rollups
from ledger.restore import archives_in, restore
from ledger.rollups import cells_of
from ledger.scan import about, in_time
from ledger.segments import BrokenSegment
from ledger.statement_rows import View, rows
from ledger.statements import Statement
from tests.ledger.archive_books import EVER, everything, fill

pytestmark = pytest.mark.database

ACCOUNTS = ("user:1", "user:2", "key:8", "channel:4", "directory", "ledger", "user:99")


@pytest.fixture
async def books_before(store, monkeypatch):
    """Books of several writers, with all their events before anything was archived."""
    monkeypatch.setattr(archiving, "SEGMENT_EVENTS", 5)
    await fill(store, "a")
    await fill(store, "b")
    return store, await everything(store)


async def prune_all(store, to):
    books = await Books.open(store, Clock(), flush_interval_s=0.01)
    await archive(books, to, EVER)
    gone = await prune(store, to, EVER)
    await books.close()
    assert gone > 20


async def collect(events):
    async with aclosing(events):
        return [event async for event in events]


def expected(events, account, from_us, to_us):
    """The events about an account in a period, found by hand."""
    test = matcher(about(account))
    found = [e for e in events.values() if from_us <= e["ts"] < to_us and test(e)]
    return sorted(found, key=lambda e: (e["ts"], e["_id"]))


@pytest.mark.parametrize("newest_first", [False, True], ids=["oldest", "newest"])
async def test_any_period_of_any_account_is_whole(books_before, tmp_path, newest_first):
    store, events = books_before
    await prune_all(store, tmp_path)
    rng = random.Random(7)
    times = sorted(e["ts"] for e in events.values())
    now_us = await store.server_now_us()
    for account in ACCOUNTS:
        filters = about(account)
        for _ in range(4):
            from_us, to_us = sorted((rng.choice(times), rng.choice(times) + 1))
            period = {"from_us": from_us, "to_us": to_us, "newest_first": newest_first}
            here = in_time(store, *filters, **period, now_us=now_us)
            found = await collect(everything_in_time(store, tmp_path, here, *filters, **period))
            wanted = expected(events, account, from_us, to_us)
            assert found == (wanted[::-1] if newest_first else wanted), account


async def test_files_alone_hold_what_left_and_nothing_else(books_before, tmp_path):
    store, events = books_before
    await prune_all(store, tmp_path)
    left = await everything(store)
    found = await collect(archived_in_time(store, tmp_path))
    gone = [e for e in events.values() if e["_id"] not in left]
    assert found == sorted(gone, key=lambda e: (e["ts"], e["_id"]))


async def test_while_events_are_in_both_places_each_comes_once(books_before, tmp_path):
    store, events = books_before
    await prune_all(store, tmp_path)
    gone = [e for i, e in events.items() if i not in await everything(store)]
    await store.insert_many("events", gone[::2])
    here = in_time(store, now_us=await store.server_now_us())
    found = await collect(everything_in_time(store, tmp_path, here))
    assert sorted(e["_id"] for e in found if e["_id"] in events) == sorted(events)
    assert len({e["_id"] for e in found}) == len(found)


async def test_statements_and_balances_are_the_same_as_before(books_before, tmp_path):
    store, events = books_before
    times = sorted(e["ts"] for e in events.values())
    middle, later = times[len(times) // 3], times[2 * len(times) // 3]

    async def answers():
        history = await History.open(store, tmp_path)
        found = []
        for account in ("user:1", "key:7", "channel:3"):
            for at_us in (times[0], middle, later, times[-1]):
                found.append(await balance_at(history, account, AsOf(known_us=at_us)))
                found.append(await balance_at(history, account, AsOf(at_us=at_us)))
            statement = await Statement.open(history, account, from_us=middle, to_us=later)
            found.append([list(row) async for row in rows(statement, View(None))])
        return found

    before = await answers()
    await prune_all(store, tmp_path)
    assert await answers() == before
    for directory in archives_in(tmp_path):
        await restore(store, directory)
    assert await answers() == before


async def test_one_event_is_found_wherever_it_is(books_before, tmp_path):
    store, events = books_before
    await prune_all(store, tmp_path)
    for name, event in events.items():
        assert await find_event(store, tmp_path, name) == event
    assert await find_event(store, tmp_path, "usage:nobody") is None
    with pytest.raises(ArchiveMissing):
        await find_event(store, None, "usage:a0-00")


async def test_a_period_that_is_not_at_hand_is_refused(books_before, tmp_path):
    store, _ = books_before
    await prune_all(store, tmp_path)
    end = max(e["ts"] for e in (await everything(store)).values()) + 1
    for directory in (None, tmp_path / "elsewhere"):
        with pytest.raises(ArchiveMissing, match="archive-000001"):
            await collect(archived_in_time(store, directory, to_us=end))
        assert await collect(archived_in_time(store, directory, from_us=end)) == []


async def test_a_file_that_was_changed_is_refused(books_before, tmp_path):
    store, _ = books_before
    await prune_all(store, tmp_path)
    path = min(tmp_path.glob("*/w*.jsonl.gz"))
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(BrokenSegment, match="SHA-256"):
        await collect(archived_in_time(store, tmp_path))


async def test_pruning_meanwhile_is_told(books_before, tmp_path):
    store, _ = books_before
    here = in_time(store, now_us=await store.server_now_us())
    reading = everything_in_time(store, tmp_path, here)
    await anext(reading)
    await prune_all(store, tmp_path)
    with pytest.raises(ArchiveChanged):
        await collect(reading)


async def test_ids_are_found_in_any_number_of_buckets(books_before, tmp_path, monkeypatch):
    monkeypatch.setattr("ledger.archive_files.RECORDS_A_BUCKET", 1)
    store, events = books_before
    await prune_all(store, tmp_path)
    archives = await Archives.load(store)
    assert archives.id_digits[1] >= 2
    left = await everything(store)
    for name, event in events.items():
        place = await archives.find(store, name)
        assert place == (None if name in left else (event["writer"], event["seq"]))


def test_filters_match_as_in_the_database():
    event = {"a": {"b": [{"c": 1}, {"c": 5}]}, "n": None, "t": "x"}
    for wanted, holds in (
        ({"a.b.c": 5}, True),
        ({"a.b.c": 6}, False),
        ({"a.b.c": {"$gt": 4, "$lt": 2}}, True),
        ({"a.b.c": {"$in": [7, 1]}}, True),
        ({"n": None}, True),
        ({"missing": None}, True),
        ({"missing": 1}, False),
        ({"t": {"$gt": 3}}, False),
        ({"t": "x", "a.b.c": 1}, True),
    ):
        assert matcher([wanted])(event) is holds, wanted
    assert matcher([])(event)
    for unknown in ({"t": {"$regex": "x"}}, {"$or": []}):
        with pytest.raises(LedgerError):
            matcher([unknown])


@pytest.mark.parametrize("after_seq", [0, 3, 11])
async def test_a_chain_is_read_through_archives(books_before, tmp_path, after_seq):
    store, _ = books_before
    await prune_all(store, tmp_path)
    await fill(store, "c")
    archives = await Archives.load(store)
    assert at_hand(tmp_path, archives) and not at_hand(tmp_path / "elsewhere", archives)
    whole = whole_chain(tmp_path, archives)
    for writer in (1, 2):
        found = [e for page in [p async for p in whole(store, writer, after_seq)] for e in page]
        last = max(e["seq"] for e in (await everything(store)).values() if e["writer"] == writer)
        assert [e["seq"] for e in found] == list(range(after_seq + 1, last + 1))
        assert all(b["prev"] == a["hash"] for a, b in zip(found, found[1:], strict=False))


async def test_rollups_can_be_dropped_and_made_again_from_archives(books_before, tmp_path):
    store, _ = books_before
    await rebuild_rollups(store)
    pages = {d["_id"]: cells_of(d) for d in await store.find_list("rollups", {})}
    assert pages
    await prune_all(store, tmp_path)
    await store.delete_many("rollups", {})
    whole = whole_chain(tmp_path, await Archives.load(store))
    await rebuild_rollups(store, whole=whole)
    after = {d["_id"]: cells_of(d) for d in await store.find_list("rollups", {})}
    assert pages.keys() <= after.keys()
    charges = [(p, k) for p in pages for k in pages[p] if k[0] == "usage.charged"]
    assert charges and all(after[p][k] == pages[p][k] for p, k in charges)
