"""Seals bind everything, once, whoever seals, and leave idle books alone."""

import asyncio
import base64
import random
import stat

import pytest

from admin.explain import for_owner
from ledger import seal_walks, seals
from ledger.audit import audit
from ledger.books import Books
from ledger.clock import Clock
from ledger.errors import LedgerError
from ledger.merkle import root_of
from ledger.public import public_digest, public_view
from ledger.seal_body import Seal, digest_of, is_genuine
from ledger.signing import InvalidKey, Signer, is_signed, read_public_key, write_secret
from tests.ledger.drafts import charge, recharge
from tests.ledger.faults import FaultyStore

database = pytest.mark.database


@pytest.fixture
async def books(store):
    books = await Books.open(store, Clock(), flush_interval_s=0.01)
    yield books
    await books.close()


async def events_of(store, writer):
    return await store.find_list("events", {"writer": writer}, sort=[("seq", 1)])


async def body_of(store, number):
    event = await store.find_one("events", {"_id": f"seal:{number}"})
    return None if event is None else event["body"]


async def check_chain(store):
    """Compare every seal with the events, by other means than those that made it."""
    previous, ends, number = None, {}, 0
    while (body := await body_of(store, number + 1)) is not None:
        number += 1
        assert (body["number"], body["previous"]) == (number, previous)
        for head in body["heads"]:
            events = await events_of(store, head["writer"])
            covered = [e for e in events if head["first_seq"] <= e["seq"] <= head["seq"]]
            assert head["first_seq"] == ends.get(head["writer"], 0) + 1
            assert head["root"] == root_of([public_digest(e) for e in covered])
            assert head["hash"] == events[head["seq"] - 1]["hash"]
            ends[head["writer"]] = head["seq"]
        previous = digest_of(body)
    return number


@database
async def test_a_seal_binds_what_came_since_the_one_before(store, books):
    await books.record(recharge("a"))
    assert await seals.seal(books) == 1
    first = await body_of(store, 1)
    assert first["previous"] is None and len(first["heads"]) == 1
    await books.record(charge("r1", 0))
    assert await seals.seal(books) == 2
    second = await body_of(store, 2)
    assert second["previous"] == digest_of(first)
    assert second["heads"][0]["first_seq"] == first["heads"][0]["seq"] + 1
    assert await check_chain(store) == 2


@database
async def test_idle_books_do_not_grow(store, books):
    await books.record(recharge("a"))
    assert await seals.seal(books) == 1
    for _ in range(3):
        assert await seals.seal(books) is None
    assert await store.find_one("events", {"_id": "seal:2"}) is None
    await books.record(recharge("b"))
    assert await seals.seal(books) == 2


@database
async def test_every_writer_is_bound_and_none_is_forgotten(store, books):
    await books.record(recharge("a"))
    other = await Books.open(store, Clock(), flush_interval_s=0.01)
    await other.record(recharge("b"))
    assert await seals.seal(books) == 1
    await other.record(recharge("c"))
    await other.close()
    await store.delete_many("writers", {"_id": other.writer.slot})
    assert await seals.seal(books) == 2
    heads = Seal.of(await body_of(store, 2)).heads
    assert sorted(heads) == sorted([books.writer.slot, other.writer.slot])
    assert heads[other.writer.slot].events == 1
    assert await seals.seal(books) is None
    await books.record(recharge("d"))
    assert await seals.seal(books) == 3
    idle = Seal.of(await body_of(store, 3)).heads[other.writer.slot]
    assert idle.events == 0 and idle.root is None
    assert await check_chain(store) == 3


@database
async def test_processes_that_seal_at_once_make_one_chain(store, books):
    crowd = [books]
    for _ in range(3):
        crowd.append(await Books.open(store, Clock(), flush_interval_s=0.01))

    async def work(mine, name):
        for n in range(5):
            await mine.record(recharge(f"{name}-{n}"))
            await seals.seal(mine)

    await asyncio.gather(*(work(mine, name) for name, mine in enumerate(crowd)))
    for mine in crowd[1:]:
        await mine.close()
    await seals.seal(books)
    assert await check_chain(store) >= 1
    last = await seals.latest(store)
    for writer in last.heads:
        events = await events_of(store, writer)
        unsealed = events[last.heads[writer].seq :]
        assert all(event["type"] == seals.TYPE for event in unsealed)


@database
async def test_a_process_that_died_after_its_seal_leaves_no_trace(store, books):
    await books.record(recharge("a"))
    await seals.seal(books)
    await store.delete_many("positions", {"_id": seals.HINT})
    assert (await seals.latest(store)).number == 1
    await books.record(recharge("b"))
    assert await seals.seal(books) == 2
    await store.update_one("positions", {"_id": seals.HINT}, {"$set": {"number": 900}})
    assert (await seals.latest(store)).number == 2


@database
async def test_a_fenced_writer_is_sealed_with_its_fence(store, books):
    other = await Books.open(store, Clock(), flush_interval_s=0.01)
    await other.record(recharge("b"))
    slot = other.writer.slot
    await other.close()
    again = await Books.open(store, Clock(), flush_interval_s=0.01)
    assert again.writer.slot == slot
    assert await seals.seal(books) == 1
    head = Seal.of(await body_of(store, 1)).heads[slot]
    assert head.seq == (await events_of(store, slot))[-1]["seq"]
    await again.close()


@database
async def test_sealing_ends_although_events_keep_coming(books):
    ended = asyncio.Event()

    async def keep_recording():
        number = 0
        while not ended.is_set():
            number += 1
            await books.record(recharge(str(number)))

    await books.record(recharge("first"))
    busy = asyncio.create_task(keep_recording())
    try:
        assert await asyncio.wait_for(seals.seal(books), 10) == 1
    finally:
        ended.set()
        await busy


@database
async def test_large_backlogs_are_sealed_in_steps(store, books, monkeypatch):
    for where in (seals, seal_walks):
        monkeypatch.setattr(where, "MOST", 7)
    monkeypatch.setattr(seal_walks, "PAGE", 3)
    for n in range(20):
        await books.record(recharge(str(n)))
    assert await seals.seal(books) == 3
    assert await check_chain(store) == 3


@database
@pytest.mark.parametrize("seed", range(6))
async def test_a_seal_of_what_the_audit_showed_is_the_same(store, books, monkeypatch, seed):
    """Whether the audit stands behind the last seal, in front of it, or far in front."""
    rng = random.Random(seed)
    for where in (seals, seal_walks):
        monkeypatch.setattr(where, "MOST", rng.choice((5, 50_000)))
    other = await Books.open(store, Clock(), flush_interval_s=0.01)
    recorded = 0
    for _ in range(12):
        for _ in range(rng.randint(0, 9)):
            recorded += 1
            await rng.choice((books, other)).record(recharge(str(recorded)))
        walks = seal_walks.Walks(await seals.latest(store))
        if rng.random() < 0.7:
            assert (await audit(store, show=walks.take)).ok
        if rng.random() < 0.7:
            await seals.seal(rng.choice((books, other)), None, walks)
    await seals.seal(books)
    assert await check_chain(store) > 2
    await other.close()


@database
async def test_the_seal_reads_only_what_the_audit_has_not_shown(store, books):
    for n in range(30):
        await books.record(recharge(str(n)))
    walks, counting = seal_walks.Walks(None), FaultyStore(store)
    assert (await audit(counting, show=walks.take)).ok
    counting.calls.clear()
    await books.record(recharge("late"))
    heads, fresh = await walks.finish(counting)
    assert fresh and heads[0].seq == (await events_of(store, heads[0].writer))[-1]["seq"]
    asked = [args[1]["seq"] for name, args in counting.calls if args[0] == "events"]
    assert asked and min(window["$gt"] for window in asked) >= 30


@database
@pytest.mark.parametrize("shown", [False, True])
@pytest.mark.parametrize(
    "change",
    [{"prev": "0" * 64}, {"body": {"on": b"bytes"}}, {"hash": ...}, None],
)
async def test_what_does_not_join_is_not_sealed(store, books, change, shown, caplog):
    """Gone, changed, no JSON, or with a part missing; whether the audit stumbles over it first."""
    for n in range(4):
        await books.record(recharge(str(n)))
    event = (await events_of(store, books.writer.slot))[2]
    await store.delete_one("events", {"_id": event["_id"]})
    if change:
        planted = {**event, **change}
        await store.insert_one("events", {k: v for k, v in planted.items() if v is not ...})
    walks = seal_walks.Walks(None)
    if shown:
        found = await audit(store, show=walks.take)
        assert found.ok is (change is not None and "body" in change)  # that is for verify
    assert await seals.seal(books, None, walks) == 1
    assert Seal.of(await body_of(store, 1)).heads[books.writer.slot].seq == 2
    assert "does not join" in caplog.text
    assert await seals.seal(books) is None


@database
async def test_the_seal_of_an_event_is_found(store, books):
    for n in range(9):
        await books.record(recharge(str(n)))
        if n % 2:
            await seals.seal(books)
    for event in await events_of(store, books.writer.slot):
        found = await seals.sealing(store, event["writer"], event["seq"])
        head = found and found.heads[event["writer"]]
        if head is None:
            assert event["_id"] in ("recharge:test:8", "seal:4")
        else:
            assert head.first_seq <= event["seq"] <= head.seq


@database
async def test_a_lost_seal_is_no_reason_to_name_another(store, books):
    for n in range(4):
        await books.record(recharge(str(n)))
        await seals.seal(books)
    event = await store.find_one("events", {"_id": "recharge:test:1"})
    await store.delete_one("events", {"_id": "seal:2"})
    with pytest.raises(LedgerError):
        await seals.sealing(store, event["writer"], event["seq"])


@database
async def test_signed_seals_name_their_key(store, books):
    signer = Signer.make()
    await books.record(recharge("a"))
    await seals.seal(books, signer)
    body = await body_of(store, 1)
    assert body["public_key"] == signer.public_key and is_genuine(body)
    for name, value in (
        ("sealed_us", body["sealed_us"] + 1),
        ("public_key", Signer.make().public_key),
        ("public_key", None),
        ("signature", None),
        ("signature", "?"),
    ):
        assert not is_genuine({**body, name: value})
    assert is_genuine({**body, "public_key": None, "signature": None})


def test_keys_are_read_in_every_form(tmp_path):
    signer, path = Signer.make(), tmp_path / "signing.pem"
    write_secret(path, signer.pem())
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(FileExistsError):
        write_secret(path, signer.pem())
    seed = base64.b64encode(signer._key.private_bytes_raw()).decode()
    for given in (str(path), signer.pem(), signer.pem().replace("\n", "\\n"), seed, f" {seed}\n"):
        assert Signer.read(given).public_key == signer.public_key
    public = tmp_path / "signing.pub"
    public.write_text(f"{signer.public_key}\n")
    assert read_public_key(str(public)) == read_public_key(signer.public_key) == signer.public_key
    assert is_signed(b"text", signer.sign(b"text"), signer.public_key)
    assert not is_signed(b"other", signer.sign(b"text"), signer.public_key)


@pytest.mark.parametrize("given", ["", "no key", "AAAA", "-----BEGIN PRIVATE KEY-----\nAAAA"])
def test_what_is_no_key_is_refused_without_repeating_it(given):
    with pytest.raises(InvalidKey) as refused:
        Signer.read(given)
    assert not given or given not in str(refused.value)
    with pytest.raises(InvalidKey):
        read_public_key(given)


def test_the_public_view_hides_what_is_the_operators_business():
    event = {"_id": "usage:r", "type": "usage.charged", "body": charge("r", 1).body}
    event |= {"prev": "p", "hash": "h", "req_hash": "r", "amount": -1}
    view = public_view(event)
    assert view.keys() == {"_id", "type", "body", "amount"}
    gone = event["body"].keys() - view["body"].keys()
    assert gone == {"channel", "attempts", "cost_nano"}
    assert {"usage", "price", "shortfall_nano", "request_id"} < view["body"].keys()


def test_the_public_view_is_what_an_owner_is_shown():
    event = {"_id": "usage:r", "type": "usage.charged", "body": charge("r", 1).body}
    shown = for_owner({**event, "prev": "p", "hash": "h", "req_hash": "r"})
    assert public_view(event)["body"] == shown["body"]
