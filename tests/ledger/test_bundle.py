"""Bundles: what is written checks out, and any single tampering is caught, wherever it is."""

import asyncio
import random
import shutil
import tarfile
from dataclasses import dataclass
from pathlib import Path

import orjson
import pytest

from ledger import bundle as bundles
from ledger import bundle_check, seals
from ledger.books import Books
from ledger.bundle import export_bundle
from ledger.bundle_check import check_bundle
from ledger.clock import Clock
from ledger.errors import LedgerError
from ledger.events import Draft
from ledger.indexes import INDEXES
from ledger.signing import Signer
from ledger.store import Store
from tests.ledger.drafts import charge, recharge
from tests.ledger.tampering import TAMPERINGS, Tampered

pytestmark = pytest.mark.database

SEEDS = range(3)
NEEDS_SIGNATURES = "signatures removed, seals mended"
EVENTS = 240


@dataclass(frozen=True)
class Made:
    """A bundle, and what somebody else knows of it."""

    path: Path
    key: str | None
    digest: str

    def check(self, path: Path | None = None, **options):
        known = {"keys": [self.key]} if self.key else {"expected": [self.digest]}
        return check_bundle(path or self.path, **{**known, **options})


def reverse(charged: Draft, **body) -> Draft:
    said = charged.body
    body = {
        "charge": charged.id,
        "reason": "test",
        "key": said["key"],
        "channel": said["channel"],
        "group": said["group"],
        "model": said["model"],
        "hold_accounts": said["hold"]["accounts"],
        "lots": [],
        "price_version": 1,
        "charged_us": 0,
        "reversal": "r1",
        "approver": None,
    } | body
    amount = -charged.amount_nano
    return Draft(f"reverse:{charged.id}", "usage.reversed", charged.account, amount, "user:1", body)


async def keep_books(store: Store, signer: Signer | None, events: int = 60) -> None:
    """Two writers, three users, charges, reversals and seals between them."""
    rng = random.Random(7)
    crowd = [await Books.open(store, Clock(), flush_interval_s=0.01) for _ in range(2)]
    for user in (1, 2, 3):
        await crowd[0].record(recharge(f"u{user}", f"user:{user}", 10**9))
    for n in range(events):
        books, user = rng.choice(crowd), rng.choice((1, 2, 3))
        draft = charge(f"r{n}", rng.randrange(50), user=user, key=user + 10, held=())
        await books.append(draft)
        if n % 40 == 39:
            await books.record(reverse(draft))
        if n % 25 == 24:
            await seals.seal(crowd[0], signer)
    for books in crowd:
        await books.close()
    books = await Books.open(store, Clock())
    await seals.seal(books, signer)
    await books.close()


async def make(url: str, driver: str, path: Path, signer: Signer | None) -> Made:
    store = await Store.connect(url, f"bundle_{path.name}_{driver}", driver)
    try:
        await store.drop_database()
        await store.ensure_indexes(INDEXES)
        await keep_books(store, signer, EVENTS)
        seal = await seals.latest(store)
        await export_bundle(store, path, seal, made_by="test", now_us=1)
        return Made(path, signer.public_key if signer else None, seal.digest)
    finally:
        await store.drop_database()
        await store.close()


@pytest.fixture(scope="module")
def made(database_url, mongo_driver, tmp_path_factory) -> dict[str, Made]:
    """One signed and one unsigned bundle, of several files each."""
    usual, bundles.SEGMENT_EVENTS = bundles.SEGMENT_EVENTS, 30
    directory, signer = tmp_path_factory.mktemp("bundles"), Signer.make()
    try:
        return {
            name: asyncio.run(make(database_url, mongo_driver, directory / name, key))
            for name, key in (("signed", signer), ("unsigned", None))
        }
    finally:
        bundles.SEGMENT_EVENTS = usual


@pytest.mark.parametrize("name", ["signed", "unsigned"])
def test_what_was_written_checks_out(made, name) -> None:
    bundle = made[name]
    report = bundle.check()
    assert report.ok, report.lines
    manifest = orjson.loads((bundle.path / "manifest.json").read_bytes())
    assert report.events == manifest["events"] > EVENTS
    assert len(manifest["segments"]) >= 6 and report.writers == 2
    assert report.seals == manifest["seals"]["lines"] >= 9
    assert report.signed == (report.seals if name == "signed" else 0)
    assert report.balances_nano == manifest["balances_nano"] > 0


def test_several_processes_find_the_same(made, monkeypatch) -> None:
    monkeypatch.setattr(bundle_check, "WORTH_PROCESSES", 0)
    alone, together = made["signed"].check(), made["signed"].check(processes=2)
    assert together.ok and together.lines == alone.lines


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", ["signed", "unsigned"])
@pytest.mark.parametrize("plant", TAMPERINGS, ids=lambda plant: plant.replace(" ", "-"))
def test_every_tampering_is_caught(made, tmp_path, plant, name, seed) -> None:
    if name == "unsigned" and plant == NEEDS_SIGNATURES:
        return  # there is nothing to take away
    copy = tmp_path / "copy"
    shutil.copytree(made[name].path, copy)
    said = TAMPERINGS[plant](Tampered(copy, random.Random(f"{plant} {seed}")))
    report = made[name].check(copy)
    assert not report.ok, f"seed {seed}: {plant}: {said}"
    assert report.headline.startswith("The bundle is not right: ")


@pytest.mark.parametrize("seed", range(40))
def test_any_value_changed_anywhere_is_caught_by_itself(made, tmp_path, seed) -> None:
    """Without key or digest: whoever changes one value and mends only the files' fingerprints."""
    rng, copy = random.Random(seed), tmp_path / "copy"
    shutil.copytree(made["unsigned"].path, copy)
    tampered = Tampered(copy, rng)
    files = [segment["file"] for segment in tampered.manifest["segments"]]
    name = rng.choice([*files, "seals.jsonl.gz", "accounts.jsonl.gz"])
    documents = tampered.lines(name)
    path = change_one(rng.choice(documents), rng)
    tampered.write(name, documents)
    assert not check_bundle(copy).ok, f"seed {seed}: {path} in {name}"


def change_one(value, rng) -> str:
    """Change one value somewhere inside and return where."""
    if isinstance(value, dict) and value:
        key = rng.choice(sorted(value))
    elif isinstance(value, list) and value:
        key = rng.randrange(len(value))
    else:
        return ""
    if isinstance(value[key], dict | list) and value[key]:
        return f".{key}{change_one(value[key], rng)}"
    old = value[key]
    value[key] = {str: f"{old}x", bool: not old, int: 7 if old != 7 else 8}.get(type(old), "new")
    return f".{key}"


@pytest.mark.parametrize("seed", range(15))
def test_any_flipped_bit_is_caught(made, tmp_path, seed) -> None:
    rng, copy = random.Random(seed), tmp_path / "copy"
    shutil.copytree(made["unsigned"].path, copy)
    path = rng.choice(sorted(copy.glob("*.gz")))
    data = bytearray(path.read_bytes())
    data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    path.write_bytes(data)
    assert not check_bundle(copy).ok, f"seed {seed}: {path.name}"


def test_reversals_of_nothing_twice_and_of_other_amounts_are_caught(made, tmp_path) -> None:
    for number, (change, kind) in enumerate(
        (
            (lambda e: e["body"].update(charge="usage:none"), "reversal wrong"),
            (lambda e: e["body"].update(key=999), "reversal wrong"),
            (lambda e: e.update(amount=e["amount"] + 1), "reversal wrong"),
        )
    ):
        copy = tmp_path / str(number)
        shutil.copytree(made["unsigned"].path, copy)
        tampered = Tampered(copy, random.Random(number))
        segment, events, at = tampered.place(lambda e: e["_id"] == "reverse:usage:r39")
        change(events[at])
        events[at]["_id"] = f"reverse:{events[at]['body']['charge']}"
        tampered.write_segment(segment, events)
        for writer in {s["writer"] for s in tampered.manifest["segments"]}:
            tampered.mend_chain(writer)
        tampered.mend_sums()
        tampered.mend_seals()
        report = check_bundle(copy)
        kinds = {fault.kind for fault in report.faults}
        assert kind in kinds, report.lines


@pytest.mark.parametrize("kind", ["directory", "tar"])
async def test_directory_or_tar(store, tmp_path, kind) -> None:
    await keep_books(store, None)
    seal = await seals.latest(store)
    path = tmp_path / ("books.tar" if kind == "tar" else "books")
    await export_bundle(store, path, seal, made_by="test", now_us=1)
    assert check_bundle(path, expected=[seal.digest]).ok
    assert [each.name for each in tmp_path.iterdir()] == [path.name]
    with pytest.raises(LedgerError):
        await export_bundle(store, path, seal, made_by="test", now_us=1)
    if kind == "tar":
        with tarfile.open(path) as tar:
            assert "manifest.json" in tar.getnames()
        data = path.read_bytes()
        for part in (0.9, 0.5, 0.1):
            path.write_bytes(data.rstrip(b"\0")[: int(len(data.rstrip(b"\0")) * part)])
            assert not is_whole(path, seal.digest)


def is_whole(path: Path, digest: str) -> bool:
    try:
        return check_bundle(path, expected=[digest]).ok
    except LedgerError:
        return False


async def test_accounts_are_taken_back_to_the_seal(store, tmp_path) -> None:
    """Events go on being recorded and projected, while and after a bundle is sealed."""
    books = await Books.open(store, Clock(), flush_interval_s=0.01)
    await books.record(recharge("a", amount_nano=10**9))
    await books.record(charge("before", 5))
    await seals.seal(books)
    seal = await seals.latest(store)
    await books.record(charge("after", 7))
    await books.record(charge("later", 7, user=2))
    await export_bundle(store, tmp_path / "books", seal, made_by="test", now_us=1)
    report = check_bundle(tmp_path / "books")
    assert report.ok, report.lines
    assert report.balances_nano == 10**9 - 5_000
    await books.close()


async def test_changed_accounts_of_the_database_show_in_the_bundle(store, tmp_path) -> None:
    await keep_books(store, None)
    await store.update_one("accounts", {"_id": "user:2"}, {"$inc": {"credited": 1}})
    seal = await seals.latest(store)
    await export_bundle(store, tmp_path / "books", seal, made_by="test", now_us=1)
    report = check_bundle(tmp_path / "books")
    assert [fault.subject for fault in report.faults] == ["user:2"]


async def test_damaged_books_are_not_exported(store, tmp_path) -> None:
    await keep_books(store, None)
    await store.delete_one("events", {"_id": "usage:r50"})
    seal = await seals.latest(store)
    with pytest.raises(LedgerError):
        await export_bundle(store, tmp_path / "books", seal, made_by="test", now_us=1)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b"\xff", b'{"format": "tollgate-bundle"}'])
def test_a_manifest_that_is_none(tmp_path, content) -> None:
    (tmp_path / "manifest.json").write_bytes(content)
    report = check_bundle(tmp_path)
    assert [fault.kind for fault in report.faults] == ["file damaged"]


def test_no_bundle_at_all(tmp_path) -> None:
    with pytest.raises(LedgerError):
        check_bundle(tmp_path / "nowhere")
    (tmp_path / "text").write_text("no tar")
    with pytest.raises(LedgerError):
        check_bundle(tmp_path / "text")


def test_names_that_lead_out_of_the_bundle_are_refused(made, tmp_path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(made["unsigned"].path, copy)
    tampered = Tampered(copy, random.Random(1))
    segment = tampered.manifest["segments"][0]
    (tmp_path / "outside").write_bytes((copy / segment["file"]).read_bytes())
    segment["file"] = "../outside"
    tampered.save()
    assert not check_bundle(copy).ok


def test_an_older_expected_seal_is_found_too(made) -> None:
    tampered = Tampered(made["unsigned"].path, random.Random(1))
    body = tampered.lines("seals.jsonl.gz")[2]["body"]
    following = tampered.lines("seals.jsonl.gz")[3]["body"]
    assert check_bundle(made["unsigned"].path, expected=[following["previous"]]).ok
    assert body["number"] == 3
    assert not check_bundle(made["unsigned"].path, expected=["a" * 64]).ok
