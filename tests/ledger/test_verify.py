"""Verification names each planted fault, rebuild mends accounts, export is complete."""

import csv
import io
import json

import pytest

from ledger import export
from ledger.accounts import balance_nano, read
from ledger.books import Books
from ledger.clock import Clock
from ledger.errors import LedgerError
from ledger.events import chain_hash
from ledger.rebuild import rebuild
from ledger.verify import verify
from tests.ledger.drafts import charge, recharge

pytestmark = pytest.mark.database


@pytest.fixture
async def kept(store):
    """Books with a history, closed."""
    books = await Books.open(store, Clock())
    await books.record(recharge("a", amount_nano=10**6))
    await books.record(recharge("large", account="user:2", amount_nano=10**18))
    for n in range(12):
        hold = await books.credit.hold(["user:1"], 9_000)
        await books.append(charge(f"r{n:02}", n % 5, held=("user:1",)), books.place())
        hold.settle(n % 5 * 1_000)
    await books.close()
    report = await verify(store)
    assert report.ok and report.events == 15, report.lines
    return store


async def event_of(store, number):
    return await store.find_one("events", {"_id": f"usage:r{number:02}"})


async def put_back(store, *events):
    for event in events:
        await store.delete_one("events", {"_id": event["_id"]})
    for event in events:
        await store.insert_one("events", event)


async def amount_changed(store):
    event = await event_of(store, 4)
    await put_back(store, {**event, "amount": event["amount"] + 1})
    return "event changed", event["_id"]


async def amount_changed_and_hash_mended(store):
    event = {**(await event_of(store, 4)), "amount": -1}
    await put_back(store, {**event, "hash": chain_hash(event["prev"], event)})
    return "amount wrong", event["_id"]


async def last_amount_changed_with_hash_and_factors_mended(store):
    event = await event_of(store, 11)
    body = {**event["body"], "usage": {"input": 500}}
    event = {**event, "amount": -500_000, "body": body}
    await put_back(store, {**event, "hash": chain_hash(event["prev"], event)})
    return "account changed", "user:1"


async def event_removed(store):
    event = await event_of(store, 5)
    await store.delete_one("events", {"_id": event["_id"]})
    return "event missing", "writer 1"


async def last_event_removed(store):
    event = await event_of(store, 11)
    await store.delete_one("events", {"_id": event["_id"]})
    return "event missing", "writer 1"


async def event_inserted(store):
    last = await event_of(store, 11)
    extra = {**last, "_id": "usage:extra", "seq": last["seq"] + 1}
    await store.insert_one("events", extra)
    return "chain broken", "usage:extra"


async def event_inserted_for_another_writer(store):
    last = await event_of(store, 11)
    await store.insert_one("events", {**last, "_id": "usage:extra", "writer": 9, "seq": 1})
    return "event changed", "usage:extra"


async def event_inserted_below_number_one(store):
    last = await event_of(store, 11)
    await store.insert_one("events", {**last, "_id": "usage:extra", "seq": -5})
    return "event inserted", "writer 1"


async def order_changed(store):
    one, two = await event_of(store, 3), await event_of(store, 4)
    await put_back(store, {**one, "seq": two["seq"]}, {**two, "seq": one["seq"]})
    return "order changed", "usage:r03"


async def chain_cut(store):
    event = {**(await event_of(store, 6)), "prev": "0" * 64}
    await put_back(store, {**event, "hash": chain_hash(event["prev"], event)})
    return "chain broken", event["_id"]


async def id_changed(store):
    event = await event_of(store, 6)
    await store.delete_one("events", {"_id": event["_id"]})
    event = {**event, "_id": "usage:other"}
    await store.insert_one("events", {**event, "hash": chain_hash(event["prev"], event)})
    return "id wrong", "usage:other"


async def account_changed(store):
    await store.update_one("accounts", {"_id": "user:1"}, {"$inc": {"credited": 1}})
    return "account changed", "user:1"


async def account_removed(store):
    await store.delete_one("accounts", {"_id": "key:7"})
    return "account changed", "key:7"


async def account_planted(store):
    await store.insert_one("accounts", {"_id": "user:66", "credited": 10**9})
    return "account changed", "user:66"


async def slice_planted(store):
    change = {"$inc": {"granted": 5, "granted_by.4": 5, "consumed_by.4": 5, "consumed": 5}}
    await store.update_one("accounts", {"_id": "user:1"}, change)
    return "account changed", "user:1"


FAULTS = [
    amount_changed,
    amount_changed_and_hash_mended,
    last_amount_changed_with_hash_and_factors_mended,
    event_removed,
    last_event_removed,
    event_inserted,
    event_inserted_for_another_writer,
    event_inserted_below_number_one,
    order_changed,
    chain_cut,
    id_changed,
    account_changed,
    account_removed,
    account_planted,
    slice_planted,
]


@pytest.mark.parametrize("plant", FAULTS, ids=lambda plant: plant.__name__)
async def test_verify_finds_and_names(kept, plant):
    kind, subject = await plant(kept)
    report = await verify(kept)
    assert not report.ok
    assert "do not balance" in report.headline
    found = [(fault.kind, fault.subject) for fault in report.faults]
    assert (kind, subject) in found, report.lines


ACCOUNT_FAULTS = [account_changed, account_removed, account_planted, slice_planted]


@pytest.mark.parametrize("plant", ACCOUNT_FAULTS, ids=lambda plant: plant.__name__)
async def test_rebuild_mends_accounts_from_events_alone(kept, plant):
    before = balance_nano(await read(kept, "user:1"))
    await plant(kept)
    result = await rebuild(kept)
    assert result.changed >= 1 and not result.left
    assert balance_nano(await read(kept, "user:1")) == before
    if plant is not slice_planted:
        report = await verify(kept)
        assert report.ok, report.lines


async def test_dropping_all_accounts_and_rebuilding_gives_the_same(kept):
    before = {d["_id"]: d for d in await kept.find_list("accounts", {})}
    await kept.delete_many("accounts", {})
    await rebuild(kept)
    after = {d["_id"]: d for d in await kept.find_list("accounts", {})}
    for account, document in before.items():
        assert balance_nano(after[account]) == balance_nano(document)
        assert after[account]["applied"] == document["applied"]
    assert (await verify(kept)).ok


async def test_rebuild_beside_running_books_stays_exact(store):
    books = await Books.open(store, Clock())
    await books.record(recharge("a", amount_nano=10**6))
    for n in range(30):
        hold = await books.credit.hold(["user:1"], 9_000)
        await books.append(charge(f"r{n:02}", 2, held=("user:1",)), books.place())
        hold.settle(2_000)
        if n % 10 == 3:
            await rebuild(store)
            assert (await verify(store)).ok
    await books.close()
    report = await verify(store)
    assert report.ok, report.lines
    assert balance_nano(await read(store, "user:1")) == 10**6 - 60_000


async def collect(store, format, **filters):
    return "".join([line async for line in export.lines(store, format, **filters)])


async def test_exports_agree_with_the_balance(kept):
    rows = [json.loads(line) for line in (await collect(kept, "jsonl")).splitlines()]
    table = list(csv.DictReader(io.StringIO(await collect(kept, "csv"))))
    assert len(rows) == len(table) == 15
    balance = balance_nano(await read(kept, "user:1"))
    assert sum(r["amount_nano"] for r in rows if r["account"] == "user:1") == balance
    assert sum(int(r["amount_nano"]) for r in table if r["account"] == "user:1") == balance
    assert [r["id"] for r in rows] == [r["id"] for r in table]
    assert json.loads(table[4]["body"]) == rows[4]["body"]


async def test_exports_can_be_filtered(kept):
    rows = [json.loads(line) for line in (await collect(kept, "jsonl")).splitlines()]
    one = (await collect(kept, "jsonl", account="ledger")).splitlines()
    assert len(one) == 1
    cut = (await event_of(kept, 6))["ts"]
    early = (await collect(kept, "jsonl", to_us=cut)).splitlines()
    late = (await collect(kept, "jsonl", from_us=cut)).splitlines()
    assert len(early) + len(late) == len(rows) and early and late


async def test_an_unknown_format_is_refused(kept):
    with pytest.raises(LedgerError):
        await collect(kept, "pdf")
