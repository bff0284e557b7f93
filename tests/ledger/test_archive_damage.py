"""Archives that are damaged, foreign or tampered with are refused, before anything is changed."""

import gzip

import orjson
import pytest

from ledger import archive as archiving
from ledger.archive_check import check_archives
from ledger.archive_files import ACCOUNTS, MANIFEST
from ledger.archived import WRITTEN, Archives
from ledger.books import Books
from ledger.clock import Clock
from ledger.errors import LedgerError
from ledger.prune import prune
from ledger.report import Report
from ledger.restore import restore
from ledger.segments import BrokenSegment
from ledger.verify import verify
from tests.ledger.archive_books import EVER, archived, assert_sound, everything, fill

pytestmark = pytest.mark.database


@pytest.fixture
async def kept(store, monkeypatch):
    """Books of two writers, closed; their archives have small segments."""
    monkeypatch.setattr(archiving, "SEGMENT_EVENTS", 7)
    await fill(store, "a")
    return store


def first_segment(directory):
    return min(directory.glob("w*.jsonl.gz"))


def byte_changed(directory):
    path = first_segment(directory)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 4
    path.write_bytes(data)


def event_changed(directory):
    path = first_segment(directory)
    lines = gzip.decompress(path.read_bytes()).splitlines(keepends=True)
    lines[3] = lines[3].replace(b'"amount":', b'"amount":-1', 1)
    path.write_bytes(gzip.compress(b"".join(lines)))


def file_gone(directory):
    first_segment(directory).unlink()


def sums_changed(directory):
    path = directory / ACCOUNTS
    text = gzip.decompress(path.read_bytes()).replace(b'"spent":', b'"spent":1', 1)
    path.write_bytes(gzip.compress(text))


def manifest_changed(directory):
    path = directory / MANIFEST
    path.write_bytes(path.read_bytes().replace(b'"before_us":', b'"before_us":1', 1))


def manifest_gone(directory):
    (directory / MANIFEST).unlink()


DAMAGE = [byte_changed, event_changed, file_gone, sums_changed, manifest_changed, manifest_gone]


@pytest.mark.parametrize("damage", DAMAGE, ids=lambda damage: damage.__name__)
async def test_damage_is_refused_before_anything_goes(kept, tmp_path, damage):
    done, _ = await archived(kept, tmp_path, pruned=False)
    before = await everything(kept)
    damage(done[0].directory)
    with pytest.raises(LedgerError):
        await prune(kept, tmp_path, EVER)
    assert await everything(kept) == before
    assert (await kept.find_one("archives", {"_id": 1}))["state"] == WRITTEN


@pytest.mark.parametrize("damage", DAMAGE, ids=lambda damage: damage.__name__)
async def test_damage_is_refused_before_anything_comes_back(kept, tmp_path, damage):
    done, _ = await archived(kept, tmp_path)
    before = await everything(kept)
    damage(done[0].directory)
    with pytest.raises(LedgerError):
        await restore(kept, done[0].directory)
    assert await everything(kept) == before
    await assert_sound(kept)


async def test_damage_while_it_is_being_written_is_found(kept, tmp_path, monkeypatch):
    real = archiving._read_back

    def damaged(directory, plan, segments):
        byte_changed(directory)
        return real(directory, plan, segments)

    with monkeypatch.context() as patched:
        patched.setattr(archiving, "_read_back", damaged)
        with pytest.raises(BrokenSegment):
            await archived(kept, tmp_path)
    assert await kept.find_one("events", {"_id": "archive:1"}) is None
    _, gone = await archived(kept, tmp_path)  # the damaged file is written again
    assert gone == 25
    await assert_sound(kept)


async def test_events_that_do_not_form_a_chain_are_not_archived(kept, tmp_path):
    books = await Books.open(kept, Clock())
    await archiving.seals.seal(books)
    await books.close()
    event = await kept.find_one("events", {"_id": "usage:a0-05"})
    await kept.delete_one("events", {"_id": event["_id"]})
    await kept.insert_one("events", {**event, "amount": event["amount"] + 1})
    before = await everything(kept)
    with pytest.raises(BrokenSegment, match="usage:a0-05"):
        await archived(kept, tmp_path)
    assert (await everything(kept)).items() >= before.items()


async def test_a_missing_event_is_not_archived_over(kept, tmp_path):
    books = await Books.open(kept, Clock())
    await archiving.seals.seal(books)
    await books.close()
    await kept.delete_one("events", {"_id": "usage:a0-05"})
    with pytest.raises(LedgerError, match="gap|missing|follow"):
        await archived(kept, tmp_path)


async def test_the_archive_of_other_books_is_refused(kept, tmp_path, database_url, mongo_driver):
    done, _ = await archived(kept, tmp_path)
    await kept.delete_one("events", {"_id": "archive:1"})
    with pytest.raises(LedgerError, match="other books"):
        await restore(kept, done[0].directory)


async def test_other_books_with_the_same_record_are_refused_by_the_chain(kept, tmp_path):
    done, _ = await archived(kept, tmp_path)
    manifest = orjson.loads((done[0].directory / MANIFEST).read_bytes())
    run = manifest["ranges"][0]
    last = {"writer": run["writer"], "seq": run["last_seq"]}
    await kept.update_one("events", last, {"$set": {"hash": "f" * 64}})
    with pytest.raises(LedgerError, match="does not join the chain"):
        await restore(kept, done[0].directory)


async def carried_changed(store):
    await store.update_one("carried", {"_id": "1:user:1"}, {"$inc": {"columns.spent": 1}})


async def carried_removed(store):
    await store.delete_one("carried", {"_id": "1:key:7"})


async def manifest_of_document_changed(store):
    await store.update_one("archives", {"_id": 1}, {"$set": {"manifest.before_us": 5}})


async def staying_event_removed(store):
    await store.delete_one("events", {"_id": "recharge:test:a0-1"})


TAMPERING = [carried_changed, carried_removed, manifest_of_document_changed, staying_event_removed]


@pytest.mark.parametrize("tamper", TAMPERING, ids=lambda tamper: tamper.__name__)
async def test_tampering_with_what_is_carried_is_found(kept, tmp_path, tamper):
    await archived(kept, tmp_path)
    await tamper(kept)
    archives = await Archives.load(kept)
    assert await archives.faults(kept)
    assert not (await verify(kept)).ok


async def test_a_lost_document_is_learned_from_the_files(kept, tmp_path):
    before = await everything(kept)
    done, _ = await archived(kept, tmp_path)
    for collection in ("archives", "carried", "archived_ids"):
        await kept.delete_many(collection, {})
    assert not (await verify(kept)).ok
    await restore(kept, done[0].directory)
    assert (await everything(kept)).items() >= before.items()
    await assert_sound(kept)


async def test_files_are_checked_to_the_last_event(kept, tmp_path):
    done, _ = await archived(kept, tmp_path)
    report = Report()
    assert await check_archives(kept, tmp_path, report) == done[0].events and report.ok
    event_changed(done[0].directory)
    await check_archives(kept, tmp_path, report)
    assert report.faults[0].kind == "archive broken" and "line 4" in report.faults[0].message
    missing = Report()
    await check_archives(kept, tmp_path / "elsewhere", missing)
    assert not missing.ok
