"""Statements and balances over periods whose events went to an archive."""

import pytest

from ledger import tables
from ledger.archive import archive
from ledger.archive_read import ArchiveMissing
from ledger.balances import AsOf, balance_at
from ledger.books import Books
from ledger.clock import Clock
from ledger.export import EVENTS, rows, selected
from ledger.history import History
from ledger.prune import prune
from ledger.statements import Statement
from tests.ledger.archive_books import EVER, fill
from tests.ledger.drafts import charge

pytestmark = pytest.mark.database

ACCOUNTS = ("user:1", "user:2", "key:7", "channel:3")


async def read(store, account, archive_dir=None, **options):
    history = await History.open(store, archive_dir)
    statement = await Statement.open(history, account, **options)
    lines = [line async for line in statement.lines()]
    return statement.opening_nano, lines, statement.closing_nano


async def exported(store, archive_dir=None):
    found = rows(selected(store, archive_dir=archive_dir))
    return [line async for line in tables.lines("jsonl", EVENTS, found)]


@pytest.fixture
async def archived(store, tmp_path):
    """What statements said before their charges were archived, and when that was."""
    await fill(store, "a")
    everything = [event async for event in store.find("events", {}, sort=[("ts", 1)])]
    times = [everything[len(everything) * n // 4]["ts"] for n in (1, 2, 3)]
    end = everything[-1]["ts"] + 1
    said = {}
    for account in ACCOUNTS:
        for by in ("ts", "at"):
            period = {"from_us": times[0], "to_us": times[2], "by": by}
            said[account, by] = await read(store, account, **period)
            said[account, by, "all"] = await read(store, account, by=by, to_us=end)
        for time in times:
            for as_of in (AsOf(time), AsOf(None, time), AsOf(time, times[1])):
                said[account, as_of] = await balance_at(await History.open(store), account, as_of)
    lines = await exported(store)
    books = await Books.open(store, Clock(), flush_interval_s=0.01)
    await archive(books, tmp_path, EVER)
    assert await prune(store, tmp_path, EVER) > 10
    closed = await store.find_one("events", {}, sort=[("ts", -1)])
    await books.append(charge("later", 3_000, held=()))
    await books.close()
    return said, times, end, lines, closed["ts"] + 1


async def test_nothing_changes_with_the_archive_at_hand(store, archived, tmp_path):
    said, times, end, lines, _ = archived
    for account in ACCOUNTS:
        for by in ("ts", "at"):
            period = {"from_us": times[0], "to_us": times[2], "by": by}
            assert await read(store, account, tmp_path, **period) == said[account, by]
            whole = await read(store, account, tmp_path, by=by, to_us=end)
            assert whole == said[account, by, "all"]
    for key, expected in said.items():
        if isinstance(key[1], AsOf):
            history = await History.open(store, tmp_path)
            assert await balance_at(history, *key) == expected, key
    assert (await exported(store, tmp_path))[: len(lines)] == lines


async def test_without_the_archive_a_part_is_never_passed_off_as_the_whole(store, archived):
    _, times, _, _, _ = archived
    for options in ({}, {"from_us": times[1]}, {"to_us": times[1], "by": "at"}):
        with pytest.raises(ArchiveMissing, match="archive-000001"):
            await read(store, "user:1", **options)
    with pytest.raises(ArchiveMissing):
        await balance_at(await History.open(store), "user:1", AsOf(None, times[1]))
    with pytest.raises(ArchiveMissing):
        await exported(store)


async def test_periods_after_the_archive_do_not_need_it(store, archived):
    said, _, _, _, end = archived
    for account in ("user:1", "key:7", "channel:3"):
        opening, lines, closing = await read(store, account, from_us=end)
        assert opening == said[account, "ts", "all"][2]
        assert [line.moved.id for line in lines] == ["usage:later"]
        assert closing == await balance_at(await History.open(store), account)
        history = await History.open(store)
        assert await balance_at(history, account, AsOf(None, end - 1)) == opening
