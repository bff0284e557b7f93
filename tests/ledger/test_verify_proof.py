"""Verification: seals, reversals, splits, slices; only what is new; going on after a break."""

import pytest

from ledger import chains, seals, verified
from ledger import verify as verifying
from ledger.archive import archive
from ledger.archive_read import find_event
from ledger.books import Books
from ledger.bundle import export_bundle
from ledger.bundle_check import check_bundle
from ledger.clock import Clock
from ledger.errors import LedgerError
from ledger.events import Draft, chain_hash
from ledger.merkle import root_of
from ledger.prune import prune
from ledger.public import public_digest
from ledger.receipts import check_receipt, make_receipt
from ledger.seal_body import digest_of, signed_bytes
from ledger.signing import Signer
from ledger.verified import COLLECTION
from ledger.verify import verify
from tests.ledger.drafts import charge, recharge
from tests.ledger.test_bundle import reverse

pytestmark = pytest.mark.database

SIGNER = Signer.make()
EVER = 2**53


async def keep(store, first, count, signer=SIGNER):
    """Record some charges, a seal after every fourth, and close the books."""
    books = await Books.open(store, Clock(), flush_interval_s=0.01)
    await books.record(recharge(f"u{first}", amount_nano=10**6))
    for n in range(first, first + count):
        await books.record(charge(f"r{n:02}", n % 5, held=()))
        if n % 4 == 3:
            await seals.seal(books, signer)
    await books.close()


@pytest.fixture
async def kept(store):
    await keep(store, 0, 14)
    report = await verify(store, keys=[SIGNER.public_key])
    assert report.ok, report.lines
    assert report.seals == report.signed == 3 and report.unsealed > 0
    return store


async def put_back(store, *events):
    for event in events:
        await store.delete_one("events", {"_id": event["_id"]})
    for event in events:
        await store.insert_one("events", event)


async def rewrite(store, change):
    """Change events of writer 1 and compute all hashes after them anew, but no seal."""
    prev = "0" * 64
    for event in await store.find_list("events", {"writer": 1}, sort=[("seq", 1)]):
        change(event)
        event["prev"] = prev
        event["hash"] = prev = chain_hash(prev, event)
        await put_back(store, event)


async def record(store, *drafts):
    books = await Books.open(store, Clock(), flush_interval_s=0.01)
    for draft in drafts:
        await books.record(draft)
    await books.close()


# -- one planted fault each -------------------------------------------------------------------


async def seal_changed(store):
    def change(event):
        if event["_id"] == "seal:2":
            event["body"]["heads"][0]["root"] = "0" * 64

    await rewrite(store, change)
    return "seal forged", "seal 2"


async def seal_changed_and_signed_by_another(store):
    def change(event):
        if event["_id"] == "seal:2":
            other = Signer.make()
            event["body"] |= {"sealed_us": event["body"]["sealed_us"] + 1}
            event["body"]["public_key"] = other.public_key
            event["body"]["signature"] = other.sign(signed_bytes(event["body"]))

    await rewrite(store, change)
    return "seal broken", "seal:3"


async def seal_removed(store):
    await store.delete_one("events", {"_id": "seal:2"})
    return "seal missing", "seal 2"


async def last_seal_removed(store):
    await store.delete_one("events", {"_id": "seal:3"})
    return "event missing", "writer 1"


async def sealed_event_changed_and_chain_mended(store):
    def change(event):
        if event["_id"] == "usage:r02":
            event["actor"] = "user:5"

    await rewrite(store, change)
    return "seal broken", "seal 1"


async def seals_name_another_order(store):
    event = await store.find_one("events", {"_id": "seal:3"})
    event["body"]["heads"][0]["first_seq"] += 1
    event["hash"] = chain_hash(event["prev"], event)
    await put_back(store, event)
    return "seal broken", "seal 3"


async def slice_orphaned(store):
    grant = {"$inc": {"granted": 5, "granted_by.1": 5}}
    await store.update_one("accounts", {"_id": "user:1"}, grant)
    return "slice orphaned", "user:1"


async def slice_of_nobody(store):
    grant = {"$inc": {"granted": 5, "granted_by.77": 5}}
    await store.update_one("accounts", {"_id": "user:1"}, grant)
    return "slice orphaned", "user:1"


async def part_negative(store):
    change = {"$inc": {"granted": -5, "granted_by.1": -5, "consumed_by.1": -5, "consumed": -5}}
    await store.update_one("accounts", {"_id": "user:1"}, change)
    return "part negative", "user:1"


async def reversed_without_a_charge(store):
    await record(store, reverse(charge("none", 3)))
    return "reversal wrong", "usage:none"


async def reversed_with_another_amount(store):
    draft = reverse(charge("r04", 4))
    await record(store, Draft(draft.id, draft.type, draft.account, 3_999, "user:1", draft.body))
    return "reversal wrong", "usage:r04"


async def reversed_for_another_user(store):
    draft = reverse(charge("r04", 4))
    await record(store, Draft(draft.id, draft.type, "user:9", 4_000, "user:1", draft.body))
    return "reversal wrong", "usage:r04"


async def reversed_twice(store):
    draft = reverse(charge("r04", 4))
    again = Draft("reverse:again", draft.type, draft.account, 4_000, "user:1", draft.body)
    await record(store, draft, again)
    return "reversed twice", "usage:r04"


async def reversed_under_another_name(store):
    draft = reverse(charge("r04", 4))
    await record(store, Draft("reverse:x", draft.type, draft.account, 4_000, "u", draft.body))
    return "id wrong", "reverse:x"


def split(request_id, **body):
    draft = charge(request_id, 4)
    return Draft(
        draft.id, draft.type, draft.account, draft.amount_nano, draft.actor, {**draft.body, **body}
    )


async def lots_of_more_than_the_charge(store):
    await record(store, split("lots", lots=[["lot:1:gift-1-0123456789ab", 4_001]]))
    return "lots wrong", "usage:lots"


async def lots_of_somebody_else(store):
    await record(store, split("lots", lots=[["lot:2:gift-1-0123456789ab", 1]]))
    return "lots wrong", "usage:lots"


async def budget_of_somebody_else(store):
    held = {"nano": 4_000, "accounts": ["user:1", "budget:user:2:day:2026-01-01"]}
    await record(store, split("budget", hold=held))
    return "hold wrong", "usage:budget"


async def costs_that_do_not_add_up(store):
    await record(store, split("cost", cost_nano=7))
    return "cost wrong", "usage:cost"


async def rollup_changed(store):
    page = await store.find_one("rollups", {})
    applied = {f"applied.{page['writer']}": 1}
    await store.update_one("rollups", {"_id": page["_id"]}, {"$inc": applied})
    return "rollup changed", page["_id"]


async def rollup_removed(store):
    page = await store.find_one("rollups", {})
    await store.delete_one("rollups", {"_id": page["_id"]})
    return "rollup changed", page["_id"]


async def not_an_event(store):
    event = await store.find_one("events", {"_id": "usage:r05"})
    await put_back(store, {**event, "note": "x"})
    return "event invalid", "usage:r05"


FAULTS = [
    seal_changed,
    seal_changed_and_signed_by_another,
    seal_removed,
    last_seal_removed,
    sealed_event_changed_and_chain_mended,
    seals_name_another_order,
    slice_orphaned,
    slice_of_nobody,
    part_negative,
    reversed_without_a_charge,
    reversed_with_another_amount,
    reversed_for_another_user,
    reversed_twice,
    reversed_under_another_name,
    lots_of_more_than_the_charge,
    lots_of_somebody_else,
    budget_of_somebody_else,
    costs_that_do_not_add_up,
    rollup_changed,
    rollup_removed,
    not_an_event,
]


@pytest.mark.parametrize("plant", FAULTS, ids=lambda plant: plant.__name__)
async def test_verify_finds_and_names(kept, plant):
    expected = await plant(kept)
    report = await verify(kept)
    assert not report.ok
    assert expected in [(fault.kind, fault.subject) for fault in report.faults], report.lines


async def test_who_wrote_a_digest_down_finds_a_history_that_was_written_anew(store):
    await keep(store, 0, 14, signer=None)
    last = await seals.latest(store)

    def change(event):
        if event["_id"] == "usage:r02":
            event["actor"] = "user:5"

    await rewrite(store, change)
    await mend_seals(store)
    assert (await verify(store)).ok
    report = await verify(store, expected=[last.digest])
    assert [fault.kind for fault in report.faults] == ["seal missing"]
    assert not (await verify(store, keys=[SIGNER.public_key])).ok


async def mend_seals(store):
    """Make unsigned seals agree with the events, as somebody who owns the database could."""
    prev, previous, seen = "0" * 64, None, []
    for event in await store.find_list("events", {"writer": 1}, sort=[("seq", 1)]):
        if event["_id"].startswith("seal:"):
            (head,) = event["body"]["heads"]
            covered = seen[head["first_seq"] - 1 : head["seq"]]
            head["hash"] = covered[-1]["hash"]
            head["root"] = root_of([public_digest(each) for each in covered])
            event["body"]["previous"] = previous
            previous = digest_of(event["body"])
        event["prev"] = prev
        event["hash"] = prev = chain_hash(prev, event)
        seen.append(event)
        await put_back(store, event)


async def test_charges_without_a_price_are_told_and_no_fault(kept):
    draft = split("free", price={**charge("x", 1).body["price"], "rates": {}, "unpriced": True})
    await record(kept, Draft(draft.id, draft.type, draft.account, 0, draft.actor, draft.body))
    report = await verify(kept)
    assert report.ok and report.unpriced == 1
    assert any("without a price" in line for line in report.lines)


async def test_positions_of_others_are_no_watermarks(kept):
    await kept.update_one("positions", {"_id": "rollups:1"}, {"$set": {"seq": 999}}, upsert=True)
    await kept.update_one("positions", {"_id": "other"}, {"$set": {"x": 1}}, upsert=True)
    assert (await verify(kept)).ok


# -- only what is new -------------------------------------------------------------------------


async def test_only_what_is_new_is_read(kept):
    whole = await verify(kept)
    await keep(kept, 14, 10)
    new = await verify(kept, new=True)
    assert new.ok, new.lines
    assert new.before + new.events == (await verify(kept)).events
    assert new.before >= whole.events - 1 and new.events < 20
    again = await verify(kept, new=True)
    assert again.ok and again.events == 0 and again.accounts == new.accounts
    assert again.balances_nano == new.balances_nano


async def test_what_is_new_may_be_wrong(kept):
    await verify(kept)
    await keep(kept, 14, 10)
    await kept.update_one("events", {"_id": "usage:r19"}, {"$set": {"amount": -1}})
    new, whole = await verify(kept, new=True), await verify(kept)
    wrong = [str(fault) for fault in whole.faults if fault.kind != "rollup changed"]
    assert [str(fault) for fault in new.faults] == wrong
    assert new.before > 0 and not new.ok
    assert not (await verify(kept, new=True)).ok  # a fault is never remembered as verified


async def test_accounts_are_compared_with_what_was_summed_before(kept):
    await verify(kept)
    await kept.update_one("accounts", {"_id": "user:1"}, {"$inc": {"credited": 1}})
    report = await verify(kept, new=True)
    assert report.before and [fault.subject for fault in report.faults] == ["user:1"]


async def test_what_is_old_is_for_the_whole_check(kept):
    await verify(kept)
    await kept.delete_one("events", {"_id": "usage:r03"})
    assert (await verify(kept, new=True)).before
    assert not (await verify(kept)).ok


async def test_the_last_event_that_was_checked_is_missed(kept):
    last = (await verify(kept)).events
    await kept.delete_one("events", {"writer": 1, "seq": last})
    assert not (await verify(kept, new=True)).ok


ODD = [(1, 0), (1, -3), (1, 2.5), (1, 19.5), (1, "text"), (1, None), (9, 1), (9, 0), (9, 2.5)]
ODD += [(-1, 2.5), (1.5, 1), ("text", 1), (None, 1), (2**40, 10**9)]


@pytest.mark.parametrize("writer, seq", ODD)
async def test_an_event_is_found_whatever_its_number_and_writer(kept, writer, seq):
    """The index allows one event for each pair, so nothing is in the way of odd ones."""
    event = await kept.find_one("events", {"_id": "usage:r03"})
    await kept.insert_one("events", {**event, "_id": "usage:x", "seq": seq, "writer": writer})
    report = await verify(kept)
    assert not report.ok, report.lines


async def test_an_event_hidden_among_the_old_is_found(kept):
    await verify(kept)
    event = await kept.find_one("events", {"_id": "usage:r03"})
    await kept.insert_one("events", {**event, "_id": "usage:x", "seq": -3})
    report = await verify(kept, new=True)
    assert [fault.kind for fault in report.faults] == ["event inserted"]


async def drop_all(store):
    await store.delete_many(COLLECTION, {})


async def drop_pointer(store):
    await store.delete_many(COLLECTION, {"_id": "whole"})


async def drop_a_part(store):
    await store.delete_many(COLLECTION, {"_id": {"$gt": "whole:"}})


async def change_a_part(store):
    parts = {"_id": {"$gt": "whole:"}}
    await store.update_many(COLLECTION, parts, {"$set": {"data": b"x"}})


@pytest.mark.parametrize("harm", [drop_all, drop_pointer, drop_a_part, change_a_part])
async def test_without_the_cache_everything_is_read_and_the_answer_is_the_same(kept, harm):
    before = await verify(kept)
    await harm(kept)
    after = await verify(kept, new=True)
    assert after.ok and after.before == 0
    assert after.lines == before.lines


async def test_what_other_code_verified_is_verified_again(kept, monkeypatch):
    await verify(kept)
    monkeypatch.setattr(verified, "made_by", lambda: "another version")
    assert (await verify(kept, new=True)).before == 0


async def test_a_history_that_was_replaced_is_verified_again(kept):
    await verify(kept)

    def change(event):
        event["actor"] = "user:6"

    await rewrite(kept, change)
    report = await verify(kept, new=True)
    assert report.before == 0 and not report.ok


class Stop(Exception):
    """Somebody pressed a key."""


async def test_a_check_that_was_broken_off_goes_on(kept, monkeypatch):
    monkeypatch.setattr(chains, "PAGE", 3)
    monkeypatch.setattr(verifying, "SAVE_EVERY_S", -1.0)
    await drop_all(kept)

    def stop(done, total):
        if done > total // 2:
            raise Stop

    with pytest.raises(Stop):
        await verify(kept, progress=stop)
    report = await verify(kept, resume=True)
    assert report.ok and report.before > 3
    assert report.before + report.events == (await verify(kept)).events
    assert (await verify(kept, resume=True)).before == 0  # what is done is not gone on with


# -- archives -----------------------------------------------------------------------------------


async def test_archived_events_are_in_bundles_and_have_receipts(kept, tmp_path):
    books = await Books.open(kept, Clock(), flush_interval_s=0.01)
    await verify(kept)
    await archive(books, tmp_path, EVER)
    assert await prune(kept, tmp_path, EVER, wait_s=0)
    assert await kept.find_one("events", {"_id": "usage:r02"}) is None
    await seals.seal(books, SIGNER)
    await books.close()
    for new in (True, False):
        report = await verify(kept, new=new)
        assert report.ok and report.archived, report.lines
    seal = await seals.latest(kept)
    with pytest.raises(LedgerError):
        await export_bundle(kept, tmp_path / "b", seal, made_by="test", now_us=1)
    options = {"made_by": "test", "now_us": 1, "archives_dir": tmp_path}
    await export_bundle(kept, tmp_path / "b", seal, **options)
    checked = check_bundle(tmp_path / "b", keys=[SIGNER.public_key])
    assert checked.ok, checked.lines
    event = await find_event(kept, tmp_path, "usage:r02")
    sealed = await seals.sealing(kept, event["writer"], event["seq"])
    receipt = await make_receipt(kept, sealed, event, archives_dir=tmp_path)
    assert check_receipt(receipt, keys=[SIGNER.public_key]).ok
