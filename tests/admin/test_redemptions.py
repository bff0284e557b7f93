"""Redemption codes: made in batches, exported, redeemed once."""

import asyncio
import csv
import io
from collections import Counter
from typing import Any

import httpx

from ledger.accounts import balance_nano, read
from ledger.store import Store
from ledger.verify import verify
from tests.admin.harness import Person, Server, data, person, refused, serve

CODES = "/api/redemption/"


async def issue(admin: httpx.AsyncClient, **fields: Any) -> list[str]:
    body = {"name": "gift", "quota": 500_000, "count": 1, **fields}
    codes: list[str] = await data(await admin.post(CODES, json=body))
    return codes


async def test_a_batch_of_a_thousand_is_one_call_and_exports(
    server: Server, admin: httpx.AsyncClient, user: httpx.AsyncClient, bob: Person
) -> None:
    made = (await admin.post(CODES, json={"name": "gift", "quota": 7, "count": 1000})).json()
    codes, batch = made["data"], made["batch"]
    assert len(set(codes)) == 1000 and all(len(code) == 32 for code in codes)
    event = await server.books.store.find_one("events", {"_id": f"issue:{batch}"})
    assert event is not None and event["body"]["count"] == 1000
    assert event["body"]["value_nano"] == 14_000
    answer = (await user.post("/api/user/topup", json={"key": codes[3]})).json()
    assert answer["amount_nano"] == answer["data"] * 2_000 and answer["event"].startswith("redeem:")
    text = await admin.get(f"{CODES}export?batch={batch}&format=txt")
    assert text.text.split() == codes
    table = await admin.get(f"{CODES}export?batch={batch}&format=csv")
    rows = list(csv.DictReader(io.StringIO(table.text)))
    assert [row["key"] for row in rows] == codes
    assert rows[0]["quota"] == "7" and rows[0]["amount"] == "0.000014"
    assert (rows[3]["status"], rows[3]["redeemed_username"]) == ("3", "bob")
    refused(await admin.get(f"{CODES}export?batch=999"), 404)
    listed = (await admin.get(f"{CODES}?p=0")).json()
    assert listed["total"] == 1000 and len(listed["data"]) == 10


async def test_64_redemptions_of_one_code_through_two_processes_credit_once(
    server: Server, store: Store, admin: httpx.AsyncClient
) -> None:
    (code,) = await issue(admin)
    people = [await person(server, f"user{number}") for number in range(4)]
    second = await serve(store)
    try:
        clients = [
            node.client(people[number % 4].token)
            for number in range(64)
            for node in [(server, second)[number // 4 % 2]]
        ]
        calls = [client.post("/api/user/topup", json={"key": code}) for client in clients]
        answers = await asyncio.gather(*calls)
        await asyncio.gather(*(client.aclose() for client in clients))
        assert Counter(answer.status_code for answer in answers) == {200: 1, 409: 63}
        for answer in answers:
            if answer.status_code == 409:
                refused(answer, 409, "this code has been used")
            else:
                assert answer.json()["data"] == 500_000
        balances = [balance_nano(await read(store, f"user:{redeemer.id}")) for redeemer in people]
        assert sorted(balances) == [0, 0, 0, 10**9]
        report = await verify(store)
        assert report.ok, report.lines
    finally:
        await second.close()


async def test_a_used_code_says_by_whom_and_stays_used(
    admin: httpx.AsyncClient, user: httpx.AsyncClient, bob: Person
) -> None:
    (code,) = await issue(admin)
    assert await data(await user.post("/api/user/topup", json={"key": f" {code} "})) == 500_000
    refused(await user.post("/api/user/topup", json={"key": code}), 409, "has been used")
    row = (await admin.get(CODES)).json()["data"][0]
    assert row["status"] == 3 and row["redeemed_time"] > 0
    assert (row["redeemed_user_id"], row["redeemed_username"]) == (bob.id, "bob")
    refused(await admin.put(CODES, json={"id": row["id"], "status": 1}), 409, "used")
    assert (await data(await admin.put(CODES, json={**row, "name": "thanks"})))["name"] == "thanks"
    assert (await data(await user.get("/api/user/self")))["quota"] == 500_000


async def test_switched_off_deleted_and_unknown_codes_are_refused(
    server: Server, admin: httpx.AsyncClient, user: httpx.AsyncClient
) -> None:
    off, gone = await issue(admin, count=2)
    rows = {row["key"]: row["id"] for row in (await admin.get(CODES)).json()["data"]}
    await data(await admin.put(f"{CODES}?status_only=true", json={"id": rows[off], "status": 2}))
    await data(await admin.delete(f"{CODES}{rows[gone]}"))
    refused(await user.post("/api/user/topup", json={"key": off}), 409, "switched off")
    refused(await user.post("/api/user/topup", json={"key": gone}), 404)
    refused(await user.post("/api/user/topup", json={"key": "nonsense"}), 404)
    revoked = await server.books.store.find_one("events", {"_id": f"revoke:{rows[gone]}"})
    assert revoked is not None
    await data(await admin.put(CODES, json={"id": rows[off], "status": 1}))
    await data(await user.post("/api/user/topup", json={"key": off}))


async def test_a_code_whose_issue_is_not_in_the_books_is_worth_nothing(
    server: Server, user: httpx.AsyncClient
) -> None:
    batch = await server.directory.codes.create_batch(1, "loose", 10**9, 1)
    refused(await user.post("/api/user/topup", json={"key": batch.secrets[0]}), 409)


async def test_the_value_of_an_issued_code_is_fixed(admin: httpx.AsyncClient) -> None:
    await issue(admin)
    row = (await admin.get(CODES)).json()["data"][0]
    refused(await admin.put(CODES, json={**row, "quota": 1}), 409, "quota")
    assert await data(await admin.put(CODES, json=row)) == row
    assert await data(await admin.get(f"{CODES}{row['id']}")) == row
    found = (await admin.get(f"{CODES}search?keyword=gi")).json()
    assert found["total"] == 1


BAD_BATCHES: list[tuple[Any, ...]] = [
    ({"name": ""}, "name"),
    ({"name": "x" * 21}, "name"),
    ({"quota": 0}, "quota"),
    ({"quota": -5}, "quota"),
    ({"count": 0}, "count"),
    ({"count": 10_001}, "count"),
    ({"count": "3"}, "count"),
    ({"expires": 3}, "expires"),
]


async def test_bad_batches_write_nothing(admin: httpx.AsyncClient) -> None:
    for fields, named in BAD_BATCHES:
        refused(await admin.post(CODES, json={"name": "gift", "quota": 5, **fields}), 400, named)
        assert (await admin.get(CODES)).json()["total"] == 0


async def test_a_code_ends_and_a_user_redeems_only_so_many_of_a_batch(
    server: Server, store: Store, admin: httpx.AsyncClient, bob: Person
) -> None:
    past = {"expires_at": int(server.context.now_s()) - 1}
    refused(await admin.post(CODES, json={"name": "x", "quota": 1, **past}), 400, "expires_at")
    soon = {"expires_at": int(server.context.now_s()) + 60}
    (ends,) = await issue(admin, **soon)
    await store.update_one("codes", {"expires_s": soon["expires_at"]}, {"$set": {"expires_s": 1}})
    codes = await issue(admin, count=8, per_user=2)
    second = await serve(store)
    try:
        async with server.client(bob.token) as one, second.client(bob.token) as two:
            refused(await one.post("/api/user/topup", json={"key": ends}), 409, "expired")
            calls = [
                client.post("/api/user/topup", json={"key": code})
                for code in codes
                for client in (one, two)
            ]
            answers = await asyncio.gather(*calls)
            assert Counter(answer.status_code for answer in answers) == {200: 2, 409: 14}
            assert balance_nano(await read(store, f"user:{bob.id}")) == 2 * 10**9
            # What a crash left of a place is taken over, once nothing can be under way with it.
            await store.update_many("code_places", {}, {"$set": {"at_us": 0}})
            refused(await one.post("/api/user/topup", json={"key": codes[0]}), 409)
            event = await store.find_one("events", {"type": "redemption.redeemed"})
            assert event is not None
            unused = next(iter({*range(1, 10)} - {event["body"]["code"]}))
            first = {"code": event["body"]["code"]}
            await store.update_one("code_places", first, {"$set": {"code": 10**6 + unused}})
            statuses = [
                (await one.post("/api/user/topup", json={"key": code})).status_code
                for code in codes
            ]
            assert statuses.count(200) == 1
    finally:
        await second.close()
    report = await verify(store)
    assert report.ok, report.lines


async def test_what_is_left_of_a_batch_is_withdrawn(
    server: Server, admin: httpx.AsyncClient, user: httpx.AsyncClient, bob: Person
) -> None:
    made = (await admin.post(CODES, json={"name": "gift", "quota": 7, "count": 5})).json()
    await data(await user.post("/api/user/topup", json={"key": made["data"][1]}))
    path = f"{CODES}batch/{made['batch']}/revoke"
    refused(await admin.post(path, json={}), 400, "reason")
    done = await data(await admin.post(path, json={"reason": "sent to the wrong list"}))
    assert done == {"revoked": 4, "used": 1}
    refused(await user.post("/api/user/topup", json={"key": made["data"][0]}), 404)
    rows = await data(await admin.get(CODES, params={"batch": made["batch"]}))
    assert [(row["status"], row["redeemed_username"]) for row in rows] == [(3, "bob")]
    assert balance_nano(await read(server.books.store, f"user:{bob.id}")) == 14_000
    revoked = await server.books.store.count("events", {"type": "redemption.revoked"})
    assert revoked == 4
    refused(await admin.post(f"{CODES}batch/999/revoke", json={"reason": "x"}), 404)
