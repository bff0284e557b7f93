"""Receipts prove one event, show no other, and break when anything in them is changed."""

import copy
import random

import orjson
import pytest

from ledger import seals
from ledger.books import Books
from ledger.clock import Clock
from ledger.errors import LedgerError
from ledger.receipts import NotSealed, check_receipt, make_receipt, seal_of
from ledger.signing import Signer
from tests.ledger.drafts import charge, recharge

pytestmark = pytest.mark.database

SIGNER = Signer.make()


@pytest.fixture
async def books(store):
    """Books with two seals and events behind the last."""
    books = await Books.open(store, Clock(), flush_interval_s=0.01)
    await books.record(recharge("a", amount_nano=10**9))
    for n in range(20):
        await books.append(charge(f"r{n:02}", n, user=1 + n % 2, held=()))
        if n in (6, 13):
            await seals.seal(books, SIGNER)
    yield books
    await books.close()


async def receipt_of(books, event_id, **options):
    event = await books.store.find_one("events", {"_id": event_id})
    seal = await seal_of(books, SIGNER, event)
    return await make_receipt(books.store, seal, event, **options)


async def test_every_event_has_a_receipt(store, books) -> None:
    for n in range(20):
        receipt = await receipt_of(books, f"usage:r{n:02}")
        again = orjson.loads(orjson.dumps(receipt))
        report = check_receipt(again, keys=[SIGNER.public_key], expected=[receipt["digest"]])
        assert report.ok, report.lines
        assert receipt["seal"]["number"] == (1 if n <= 6 else 2 if n <= 13 else 3)


async def test_what_is_not_sealed_yet_is_sealed_for_it(store, books) -> None:
    assert (await seals.latest(store)).number == 2
    receipt = await receipt_of(books, "usage:r19")
    assert receipt["seal"]["number"] == 3
    assert (await receipt_of(books, "usage:r18"))["digest"] == receipt["digest"]
    assert (await seals.latest(store)).number == 3


async def test_the_last_seal_is_not_sealed_for_itself(store, books) -> None:
    await seals.seal(books, SIGNER)
    with pytest.raises(NotSealed):
        await receipt_of(books, "seal:3")


async def test_no_other_event_and_nothing_hidden_is_in_it(store, books) -> None:
    receipt = await receipt_of(books, "usage:r04")
    text = orjson.dumps(receipt).decode()
    for n in range(20):
        assert (f"usage:r{n:02}" in text) == (n == 4)
    assert "user:2" not in text and "key:" in text
    event = await store.find_one("events", {"_id": "usage:r04"})
    assert event["hash"] not in text and event["req_hash"] not in text
    assert not {"cost_nano", "attempts", "channel"} & receipt["event"]["body"].keys()


async def test_a_digest_that_was_written_down_later(store, books) -> None:
    await seals.seal(books, SIGNER)
    last = await seals.latest(store)
    plain = await receipt_of(books, "usage:r01")
    assert not check_receipt(plain, expected=[last.digest]).ok
    through = await receipt_of(books, "usage:r01", through=last.number)
    assert len(through["later"]) == 2
    assert check_receipt(through, expected=[last.digest]).ok
    del through["later"][0]
    assert not check_receipt(through, expected=[last.digest]).ok


def leaves(value, path=()):
    """Yield the path of every value inside that holds no other."""
    inner = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in inner:
        if isinstance(item, dict | list) and item:
            yield from leaves(item, (*path, key))
        else:
            yield (*path, key)


async def test_any_change_is_caught(store, books) -> None:
    receipt = orjson.loads(orjson.dumps(await receipt_of(books, "usage:r09")))
    rng = random.Random(5)
    for path in leaves(receipt):
        if path[0] == "how":
            continue
        changed = copy.deepcopy(receipt)
        holder = changed
        for key in path[:-1]:
            holder = holder[key]
        old = holder[path[-1]]
        if isinstance(old, str) and len(old) == 64:
            holder[path[-1]] = f"{rng.getrandbits(256):064x}"
        else:
            new = {str: f"{old}x", bool: not old, int: 7 if old != 7 else 8}
            holder[path[-1]] = new.get(type(old), "new")
        assert not check_receipt(changed).ok, path
    for part in ("event", "path", "seal", "digest", "version", "later"):
        missing = {name: value for name, value in receipt.items() if name != part}
        assert not check_receipt(missing).ok, part


async def test_another_key_another_digest_another_event(store, books) -> None:
    receipt = await receipt_of(books, "usage:r09")
    assert not check_receipt(receipt, keys=[Signer.make().public_key]).ok
    assert not check_receipt(receipt, expected=["0" * 64]).ok
    other = await receipt_of(books, "usage:r10")
    assert not check_receipt({**receipt, "event": other["event"]}).ok
    assert not check_receipt({**receipt, "path": other["path"]}).ok
    forged = copy.deepcopy(receipt)
    forged["event"]["body"]["price"]["rates"]["input"] = "0.5"
    assert {"amount wrong", "event not sealed"} <= {f.kind for f in check_receipt(forged).faults}


@pytest.mark.parametrize("text", ["[]", "{}", "null", '{"format": "tollgate-receipt"}', '"x"'])
async def test_what_is_no_receipt(text) -> None:
    assert not check_receipt(orjson.loads(text)).ok


async def test_damaged_books_give_no_receipt(store, books) -> None:
    event = await store.find_one("events", {"_id": "usage:r03"})
    await store.update_one("events", {"_id": "usage:r05"}, {"$set": {"amount": -1}})
    seal = await seal_of(books, SIGNER, event)
    with pytest.raises(LedgerError):
        await make_receipt(store, seal, event)
    await store.delete_one("events", {"_id": "usage:r05"})
    with pytest.raises(LedgerError):
        await make_receipt(store, seal, event)
