"""The store: each call, each kind of trouble, alike on both drivers."""

import asyncio
import time

import pytest
from pymongo.errors import PyMongoError

from ledger.errors import (
    BatchStopped,
    Duplicate,
    OutcomeUnknown,
    StoreRefused,
    Unavailable,
)
from ledger.indexes import INDEXES, Index
from ledger.store import Store
from ledger.store_errors import READING, WRITING, write_error

BIG = 2**62 + 1


@pytest.fixture
def used_databases() -> list[str]:
    """Each test makes collections of its own, so none gets the database of another."""
    return []


def event(number: int, *, writer: int = 1, event_id: str | None = None) -> dict[str, object]:
    return {"_id": event_id or f"e:{writer}:{number}", "writer": writer, "seq": number}


# -- plain calls ------------------------------------------------------------------------------


async def test_it_says_which_driver_and_server_it_talks_to(store, mongo_driver):
    await store.ping()
    assert store.driver == mongo_driver
    assert (await store.server_version()).split(".")[0].isdigit()


async def test_the_clock_of_the_database_is_in_microseconds(store):
    before = await store.server_now_us()
    here_us = time.time() * 1e6
    assert abs(before - here_us) < 60e6
    assert isinstance(before, int) and before % 1000 == 0
    assert await store.server_now_us() >= before


async def test_documents_come_back_as_they_went_in(store):
    document = {"_id": 1, "amount": BIG, "small": 3, "text": "é", "none": None, "list": [1, {}]}
    await store.insert_one("things", document)
    assert await store.find_one("things", {"_id": 1}) == document
    assert await store.find_one("things", {"_id": 1}, projection={"text": 1}) == {
        "_id": 1,
        "text": "é",
    }
    assert await store.find_one("things", {"_id": 2}) is None


async def test_integers_grow_from_32_to_64_bits_and_never_beyond(store):
    await store.insert_one("things", {"_id": 1, "n": 2**31 - 1})
    await store.update_one("things", {"_id": 1}, {"$inc": {"n": 1}})
    assert (await store.find_one("things", {}))["n"] == 2**31
    await store.update_one("things", {"_id": 1}, {"$set": {"n": 2**63 - 1}})
    with pytest.raises(StoreRefused):
        await store.update_one("things", {"_id": 1}, {"$inc": {"n": 1}})
    assert (await store.find_one("things", {}))["n"] == 2**63 - 1
    with pytest.raises(OverflowError):
        await store.insert_one("things", {"_id": 2, "n": 2**63})


async def test_a_document_without_an_id_is_not_changed(store):
    mine = {"a": 1}
    await store.insert_one("things", mine)
    await store.insert_many("things", [mine])
    assert mine == {"a": 1}
    assert await store.count("things", {"a": 1}) == 2


async def test_finding_sorts_skips_and_limits(store):
    await store.insert_many("things", [{"_id": n, "odd": n % 2} for n in range(10)])
    found = await store.find_list("things", {"odd": 1}, sort=[("_id", -1)], skip=1, limit=2)
    assert [d["_id"] for d in found] == [7, 5]
    first = await store.find_one("things", {}, sort=[("odd", -1), ("_id", -1)])
    assert first["_id"] == 9
    assert await store.count("things", {"odd": 0}) == 5


@pytest.mark.parametrize(("limit", "batch_size"), [(0, 0), (0, 7), (25, 10), (10, 10), (3, 100)])
async def test_streaming_gives_every_document_once_in_order(store, limit, batch_size):
    await store.insert_many("things", [{"_id": n} for n in range(50)])
    found = store.find(
        "things", {}, sort=[("_id", 1)], limit=limit, batch_size=batch_size, projection={"_id": 1}
    )
    assert [d["_id"] async for d in found] == list(range(limit or 50))


async def test_streaming_more_than_one_chunk_and_leaving_early(store):
    await store.insert_many("things", [{"_id": n} for n in range(2500)])
    assert len([1 async for _ in store.find("things", {})]) == 2500
    found = store.find("things", {}, sort=[("_id", 1)], batch_size=5)
    async for document in found:
        if document["_id"] == 7:
            break
    await found.aclose()
    assert [d async for d in store.find("nothing", {})] == []


async def test_documents_are_found_by_many_ids(store):
    await store.insert_many("things", [{"_id": n, "square": n * n} for n in range(130)])
    found = await store.find_ids("things", [*range(-5, 120), 3, 3], projection={"_id": 1})
    assert sorted(document["_id"] for document in found) == list(range(120))
    assert found[0].keys() == {"_id"}
    assert await store.find_ids("things", iter(())) == []


async def test_pipelines_return_documents(store):
    await store.insert_many("things", [{"_id": n, "amount": BIG // 10} for n in range(5)])
    total = [{"$group": {"_id": None, "n": {"$sum": 1}, "sum": {"$sum": "$amount"}}}]
    assert await store.aggregate("things", total) == [{"_id": None, "n": 5, "sum": 5 * (BIG // 10)}]


async def test_updates_say_what_they_matched(store):
    assert await store.update_one("things", {"_id": 1}, {"$set": {"a": 1}}) == 0
    assert await store.update_one("things", {"_id": 1}, {"$set": {"a": 1}}, upsert=True) == 1
    assert await store.update_one("things", {"_id": 1}, {"$set": {"a": 1}}, upsert=True) == 1
    assert await store.update_one("things", {"_id": 1}, [{"$set": {"b": {"$add": ["$a", 1]}}}]) == 1
    await store.insert_one("things", {"_id": 2, "a": 1})
    assert await store.update_many("things", {"a": 1}, {"$inc": {"a": 1}}) == 2
    assert await store.find_list("things", {}, sort=[("_id", 1)]) == [
        {"_id": 1, "a": 2, "b": 2},
        {"_id": 2, "a": 2},
    ]


async def test_an_upsert_of_a_falsy_id_counts(store):
    assert await store.update_one("things", {"_id": 0}, {"$set": {"a": 1}}, upsert=True) == 1


async def test_find_one_and_update_returns_the_document_after(store):
    change = {"$inc": {"n": 1}}
    assert await store.find_one_and_update("things", {"_id": 1}, change) is None
    assert await store.find_one_and_update("things", {"_id": 1}, change, upsert=True) == {
        "_id": 1,
        "n": 1,
    }
    await store.insert_one("things", {"_id": 2, "n": 9})
    last = await store.find_one_and_update("things", {}, change, sort=[("n", -1)])
    assert last == {"_id": 2, "n": 10}


async def test_a_guarded_update_lets_exactly_as_many_through_as_it_says(store):
    await store.insert_one("things", {"_id": 1, "left": 5})
    guarded = ("things", {"_id": 1, "left": {"$gte": 1}}, {"$inc": {"left": -1}})
    won = await asyncio.gather(*(store.update_one(*guarded) for _ in range(30)))
    assert sum(won) == 5
    assert (await store.find_one("things", {}))["left"] == 0


async def test_deleting_says_how_many(store):
    await store.insert_many("things", [{"_id": n} for n in range(5)])
    assert await store.delete_one("things", {"_id": 0}) == 1
    assert await store.delete_one("things", {"_id": 0}) == 0
    assert await store.delete_many("things", {"_id": {"$lt": 3}}) == 2
    assert await store.count("things", {}) == 2


async def test_ids_are_unique_and_without_gaps_when_many_ask_at_once(store, database_url):
    other = await Store.connect(database_url, store.name, store.driver)
    both = [
        *(store.next_id("users") for _ in range(20)),
        *(other.next_id("users") for _ in range(20)),
    ]
    assert sorted(await asyncio.gather(*both)) == list(range(1, 41))
    assert await store.next_id("keys") == 1
    await other.close()


# -- bulk -------------------------------------------------------------------------------------


async def test_a_bulk_of_updates_counts_matched_and_upserted(store):
    await store.insert_one("accounts", {"_id": "a", "n": 1})
    done = await store.bulk_update(
        "accounts",
        [
            ({"_id": "a", "n": 1}, {"$inc": {"n": BIG}}, False),
            ({"_id": "b"}, {"$inc": {"n": 1}}, True),
            ({"_id": "c"}, {"$inc": {"n": 1}}, False),
        ],
    )
    assert done == 2
    assert await store.bulk_update("accounts", []) == 0
    assert await store.find_list("accounts", {}, sort=[("_id", 1)]) == [
        {"_id": "a", "n": BIG + 1},
        {"_id": "b", "n": 1},
    ]


async def test_an_upsert_that_lost_its_race_counts_as_unmatched(store):
    await store.insert_one("accounts", {"_id": "a", "mark": 5})
    done = await store.bulk_update(
        "accounts",
        [
            ({"_id": "a", "mark": 4}, {"$set": {"mark": 5}}, True),
            ({"_id": "b", "mark": None}, {"$set": {"mark": 1}}, True),
        ],
    )
    assert done == 1
    assert (await store.find_one("accounts", {"_id": "a"}))["mark"] == 5


async def test_a_duplicate_from_an_update_that_is_no_upsert_is_raised(store):
    await store.ensure_indexes([Index("things", "name", (("name", 1),), True, "test")])
    await store.insert_many("things", [{"_id": 1, "name": "x"}, {"_id": 2, "name": "y"}])
    with pytest.raises(Duplicate) as caught:
        await store.bulk_update("things", [({"_id": 2}, {"$set": {"name": "x"}}, False)])
    assert (caught.value.index, caught.value.key) == ("name", "x")


async def test_a_refused_update_is_raised_after_the_rest_was_applied(store):
    await store.insert_many("things", [{"_id": 1, "text": "a"}, {"_id": 2, "n": 1}])
    with pytest.raises(StoreRefused):
        await store.bulk_update(
            "things",
            [({"_id": 1}, {"$inc": {"text": 1}}, False), ({"_id": 2}, {"$inc": {"n": 1}}, False)],
        )
    assert (await store.find_one("things", {"_id": 2}))["n"] == 2


# -- events -----------------------------------------------------------------------------------


async def test_events_land_in_order_and_stay_the_callers(store):
    docs = [event(n) for n in range(1, 301)]
    copies = [dict(doc) for doc in docs]
    await store.insert_events(docs)
    await store.insert_events([])
    assert docs == copies
    assert await store.find_list("events", {}, sort=[("seq", 1)]) == docs


@pytest.mark.parametrize("position", [0, 1, 7])
async def test_a_batch_stops_at_a_duplicate_id(store, position):
    await store.insert_events([event(100, writer=9, event_id="usage:x")])
    docs = [event(n) for n in range(8)]
    docs[position]["_id"] = "usage:x"
    with pytest.raises(BatchStopped) as caught:
        await store.insert_events(docs)
    cause = caught.value.cause
    assert caught.value.position == position
    assert isinstance(cause, Duplicate) and (cause.index, cause.key) == ("_id_", "usage:x")
    landed = await store.find_list("events", {"writer": 1}, sort=[("seq", 1)])
    assert landed == docs[:position]
    # The driver's own exception would keep the documents alive and print them.
    assert caught.value.__cause__ is None and caught.value.__suppress_context__


async def test_a_batch_stops_at_a_number_that_is_taken(store):
    await store.insert_events([event(2, event_id="epoch:1:4")])
    with pytest.raises(BatchStopped) as caught:
        await store.insert_events([event(n) for n in (1, 2, 3)])
    cause = caught.value.cause
    assert caught.value.position == 1
    assert isinstance(cause, Duplicate) and (cause.index, cause.key) == ("writer_seq", (1, 2))
    assert await store.count("events", {}) == 2


# -- refusals ---------------------------------------------------------------------------------


async def test_a_duplicate_names_its_index_and_key(store):
    await store.insert_one("users", {"_id": 1, "username": "ann"})
    with pytest.raises(Duplicate) as caught:
        await store.insert_one("users", {"_id": 1, "username": "bob"})
    assert (caught.value.index, caught.value.key) == ("_id_", 1)
    with pytest.raises(Duplicate) as caught:
        await store.insert_one("users", {"_id": 2, "username": "ann"})
    assert (caught.value.index, caught.value.key) == ("username", "ann")
    with pytest.raises(Duplicate):
        await store.update_one("users", {"_id": 3}, {"$set": {"username": "ann"}}, upsert=True)


@pytest.mark.parametrize("field", ["access_token_hash", "aff_code"])
async def test_users_without_a_value_do_not_collide(store, field):
    await store.insert_many(
        "users",
        [
            {"_id": 1, "username": "a", field: None},
            {"_id": 2, "username": "b", field: ""},
            {"_id": 3, "username": "c", field: ""},
            {"_id": 4, "username": "d"},
            {"_id": 5, "username": "e", field: "x"},
        ],
    )
    with pytest.raises(Duplicate):
        await store.insert_one("users", {"_id": 6, "username": "f", field: "x"})


@pytest.mark.parametrize(
    "call",
    [
        lambda s: s.update_one("things", {}, {"$nonsense": {"a": 1}}, upsert=True),
        lambda s: s.find_list("things", {"$nonsense": 1}),
        lambda s: s.aggregate("things", [{"$nonsense": {}}]),
        lambda s: s.insert_one("things", {"_id": object()}),
        lambda s: s.insert_one("things", {"_id": 1, "blob": "x" * (17 * 2**20)}),
    ],
)
async def test_what_the_database_rejects_is_refused(store, call):
    with pytest.raises(StoreRefused):
        await call(store)
    assert await store.count("things", {}) == 0


async def test_wrong_urls_and_drivers_are_refused(mongo_driver):
    with pytest.raises(StoreRefused, match="mongodb://"):
        await Store.connect("http://127.0.0.1/", "x", mongo_driver)
    with pytest.raises(StoreRefused, match="motor or pymongo"):
        await Store.connect("mongodb://127.0.0.1/", "x", "sqlite")


async def test_a_closed_store_refuses(database_url, database_name, mongo_driver):
    store = await Store.connect(database_url, database_name, mongo_driver)
    await store.close()
    with pytest.raises(StoreRefused):
        await store.ping()


def test_an_unknown_exception_comes_through_as_it_is():
    class Novel(PyMongoError):
        pass

    for block in (READING, WRITING):
        with pytest.raises(Novel), block:
            raise Novel("never seen")
        with pytest.raises(KeyError), block:
            raise KeyError("not the driver's")


@pytest.mark.parametrize(
    ("code", "kind"),
    [(112, Unavailable), (10107, Unavailable), (64, OutcomeUnknown), (50, OutcomeUnknown)],
)
def test_error_codes_say_whether_something_may_have_happened(code, kind):
    assert type(write_error({"code": code, "errmsg": "x"})) is kind
    assert type(write_error({"code": 2, "errmsg": "x"})) is StoreRefused


# -- indexes ----------------------------------------------------------------------------------


async def test_every_declared_index_is_justified_and_exists(store):
    assert all(len(index.why) > 20 for index in INDEXES)
    await store.ensure_indexes(INDEXES)  # a second start finds them all
    for index in INDEXES:
        assert index.name in await store.index_names(index.collection), index
    assert len({(i.collection, i.name) for i in INDEXES}) == len(INDEXES)


async def test_an_index_that_exists_otherwise_is_refused(store):
    other = Index("users", "username", (("username", 1), ("x", 1)), False, "test")
    with pytest.raises(StoreRefused):
        await store.ensure_indexes([other])


async def test_an_index_can_forget_old_documents(store):
    index = Index("marks", "old", (("when", 1),), False, "test", ttl_s=60)
    await store.ensure_indexes([index])
    assert "old" in await store.index_names("marks")
