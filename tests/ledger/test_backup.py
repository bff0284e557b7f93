"""Backups: what comes back is right and goes on, and what is not whole is refused in words."""

import gzip
import hashlib
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import orjson
import pytest

from ledger import seals
from ledger.accounts import balance_nano, read
from ledger.archive import archive
from ledger.backup import take_backup
from ledger.backup_restore import GAP, NotRestored, restore_backup
from ledger.books import Books
from ledger.bundle_check import check_bundle
from ledger.bundle_files import MANIFEST
from ledger.clock import Clock
from ledger.errors import LedgerError
from ledger.half import mark_half_restored, refuse_half_restored
from ledger.prune import prune
from ledger.spill import Spilled, SpillFile, file_of
from ledger.store import Store
from ledger.verify import verify
from ledger.writers import RESTORED
from tests.conftest import new_name
from tests.ledger.archive_books import EVER, fill
from tests.ledger.drafts import charge

pytestmark = pytest.mark.database


@pytest.fixture
async def empty(database_url: str, mongo_driver: str) -> AsyncIterator[Store]:
    """A database that nobody ever used."""
    store = await Store.connect(database_url, new_name(), mongo_driver)
    yield store
    await store.drop_database()
    await store.close()


async def backed_up(store: Store, path: Path, archives: Path | None = None) -> str:
    async def seal() -> seals.Seal:
        books = await Books.open(store, Clock())
        await seals.seal(books)
        await books.close()
        last = await seals.latest(store)
        assert last is not None
        return last

    return await take_backup(
        store,
        path,
        seal,
        besides=("sessions",),
        made_by="test",
        now_us=Clock().now_us(),
        archives_dir=archives,
    )


async def balances(store: Store) -> dict[str, int]:
    return {a: balance_nano(await read(store, a)) for a in ("user:1", "user:2")}


async def test_what_was_lost_goes_on(store: Store, empty: Store, tmp_path: Path) -> None:
    await fill(store, "a")
    await store.insert_one("users", {"_id": 1, "username": "x", "big": 2**60, "of": {"a": [None]}})
    await store.insert_one("some_day_s_collection", {"_id": "x", "data": b"\x00\xff"})
    await store.insert_one("sessions", {"_id": "secret"})
    assert await store.next_id("users") == 1
    before = await balances(store)
    digest = await backed_up(store, tmp_path / "b.tar")
    assert (tmp_path / "b.tar").stat().st_mode & 0o077 == 0
    # The lost books went on after the backup, and spilled a charge that nobody recorded.
    lost = await Books.open(store, Clock())
    await lost.append(charge("after", 5, held=()), lost.place())
    spill = tmp_path / "spill"
    left = SpillFile(file_of(spill, lost.writer.slot, lost.writer.epoch))
    await left.write([Spilled(charge("spilled", 7), Clock().now_us())])
    left.close()
    ended = (lost.writer.slot, lost.writer.epoch)
    await lost.close()

    with pytest.raises(NotRestored, match="the manifest has the SHA-256"):
        await restore_backup(empty, Clock(), tmp_path / "b.tar", manifest_digest="0" * 64)
    done = await restore_backup(empty, Clock(), tmp_path / "b.tar", manifest_digest=digest)
    assert await balances(empty) == before and done.balances_nano == sum(before.values())
    user = await empty.find_one("users", {"_id": 1})
    assert user == {"_id": 1, "username": "x", "big": 2**60, "of": {"a": [None]}}
    other = await empty.find_one("some_day_s_collection", {})
    assert other is not None and bytes(other["data"]) == b"\x00\xff"
    assert await empty.find_one("sessions", {}) is None
    assert await empty.next_id("users") == 2 + GAP

    # Two processes at once: one in a slot of old, one in a new slot; neither in an epoch of old.
    one = await Books.open(empty, Clock(), spill_dir=spill)
    opened = [one, *[await Books.open(empty, Clock()) for _ in range(2)]]
    assert min(books.writer.epoch for books in opened) > RESTORED > ended[1]
    assert await empty.find_one("events", {"_id": "usage:spilled"}) is not None
    assert await empty.find_one("events", {"_id": "usage:after"}) is None
    await one.append(charge("go on", 3), one.place())
    for books in opened:
        await books.close()
    report = await verify(empty)
    assert report.ok, report.lines
    assert (await balances(empty))["user:1"] == before["user:1"] - 7_000 - 3_000
    with pytest.raises(NotRestored, match="is not empty"):
        await restore_backup(empty, Clock(), tmp_path / "b.tar")


async def test_archived_events_come_back_with_the_rest(
    store: Store, empty: Store, tmp_path: Path
) -> None:
    await fill(store, "a")
    books = await Books.open(store, Clock())
    await archive(books, tmp_path / "archive", EVER)
    await books.close()
    await prune(store, tmp_path / "archive", EVER)
    with pytest.raises(LedgerError, match="archive"):
        await backed_up(store, tmp_path / "lacks", tmp_path / "nowhere")
    assert not (tmp_path / "lacks").exists()
    await backed_up(store, tmp_path / "b", tmp_path / "archive")
    assert check_bundle(tmp_path / "b").ok
    await restore_backup(empty, Clock(), tmp_path / "b")
    assert await balances(empty) == await balances(store)
    await fill(empty, "b")
    books = await Books.open(empty, Clock())
    again = await archive(books, tmp_path / "second", EVER)
    await books.close()
    assert [each.number for each in again] == [2]
    report = await verify(empty)
    assert report.ok, report.lines


async def test_half_restored_books_are_refused(store: Store) -> None:
    await mark_half_restored(store, 1)
    with pytest.raises(LedgerError, match="drop the database and restore again"):
        await refuse_half_restored(store)


def cut(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 2 // 3])


def rewrite(path: Path) -> None:
    """Give a user another name, in a file that is whole."""
    text = gzip.decompress(path.read_bytes())
    path.write_bytes(gzip.compress(text.replace(b"root", b"evil")))


def forge_tail(directory: Path) -> None:
    """Change an event behind the head, and everything that tells of it."""
    path = directory / "tail.jsonl.gz"
    lines = gzip.decompress(path.read_bytes()).splitlines(keepends=True)
    path.write_bytes(gzip.compress(b"".join(lines[:-1])))
    manifest = orjson.loads((directory / MANIFEST).read_bytes())
    said = {"sha256": hashlib.sha256(path.read_bytes()).hexdigest(), "bytes": path.stat().st_size}
    manifest["backup"]["tail"] |= said
    (directory / MANIFEST).write_bytes(orjson.dumps(manifest))


async def test_what_is_not_whole_is_refused_before_anything_is_written(
    store: Store, empty: Store, tmp_path: Path
) -> None:
    await fill(store, "a")
    await store.insert_one("users", {"_id": 1, "username": "root"})
    await backed_up(store, tmp_path / "b")
    await backed_up(store, tmp_path / "b.tar")
    cases = {
        "a tar that was cut off": (lambda at: cut(at), "b.tar", "damaged|neither|missing"),
        "no manifest": (lambda at: (at / MANIFEST).unlink(), "b", "manifest"),
        "a cut collection": (lambda at: cut(at / "c-users.jsonl.gz"), "b", "file changed: c-users"),
        "another name": (lambda at: rewrite(at / "c-users.jsonl.gz"), "b", "file changed: c-users"),
        "a lost file": (lambda at: (at / "c-users.jsonl.gz").unlink(), "b", "file missing"),
        "more files": (lambda at: (at / "x").write_text(""), "b", "file inserted"),
        "a forged tail": (forge_tail, "b", "does not lead to the seal"),
        "no events": (lambda at: [p.unlink() for p in at.glob("w*")], "b", "file missing"),
    }
    for name, (spoil, source, words) in cases.items():
        spoiled = tmp_path / name
        copy = shutil.copytree if source == "b" else shutil.copy
        copy(tmp_path / source, spoiled)
        spoil(spoiled)
        with pytest.raises(NotRestored, match=words) as refused:
            await restore_backup(empty, Clock(), spoiled)
        assert "nothing was restored" in str(refused.value), name
        assert await empty.collection_names() == [], name
