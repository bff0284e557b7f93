"""What an admin sees and does for one user: keys without secrets, sign-ins, a balance put right."""

import httpx

from tests.admin.harness import ROOT_PASSWORD, Person, Server, data, refused
from tests.ledger.drafts import recharge


async def balance(server: Server, admin: httpx.AsyncClient, person: Person) -> int:
    asked = {"account": f"user:{person.id}"}
    return int((await data(await admin.get("/api/ledger/balance", params=asked)))["balance_nano"])


async def test_an_adjustment_counts_once(
    server: Server, admin: httpx.AsyncClient, alice: Person, bob: Person
) -> None:
    route, key = f"/api/user/{bob.id}/adjust", {"Idempotency-Key": "k-1"}
    await server.books.record(recharge("a", f"user:{bob.id}", 10**9))
    for again in (False, True):
        sent = {"amount": "-1", "reason": "charged back"}
        answer = await admin.post(route, json=sent, headers=key)
        assert (await data(answer))["event"] == "adjust:admin:k-1"
        assert answer.json()["replayed"] is again
        assert await balance(server, admin, bob) == 0
    refused(await admin.post(route, json={"amount": "-2", "reason": "x"}, headers=key), 409)
    refused(await admin.post(route, json={"amount": "-0.5", "reason": "x"}), 409)
    await data(await admin.post(route, json={"amount": "0.000000001", "reason": "put right"}))
    assert await balance(server, admin, bob) == 1
    for wrong in ({"amount": 1}, {"amount": "0"}, {"amount": "1e3"}, {"amount": "1", "reason": ""}):
        refused(await admin.post(route, json={"reason": "x", **wrong}), 400)
    for other in (1, alice.id):  # root, and oneself
        there = f"/api/user/{other}/adjust"
        refused(await admin.post(there, json={"amount": "1", "reason": "x"}), 403)


async def test_keys_and_sign_ins(
    server: Server, admin: httpx.AsyncClient, user: httpx.AsyncClient, bob: Person
) -> None:
    made = await data(await user.post("/api/token/", json={"name": "laptop"}))
    answer = await admin.get(f"/api/user/{bob.id}/tokens")
    (row,) = await data(answer)
    assert row["name"] == "laptop" and made["key"] not in answer.text
    async with server.client() as browser:
        login = {"username": "bob", "password": ROOT_PASSWORD}
        await data(await browser.post("/api/user/login", json=login))
        sessions = (await admin.get(f"/api/user/{bob.id}/sessions")).json()
        assert len(sessions["data"]) == 1 and sessions["second_factor"] is False
        (listed,) = await data(await admin.get("/api/user/search", params={"keyword": "bob"}))
        assert listed["key_count"] == 1 and listed["seen_time"] > 0
        await data(await admin.put("/api/user/", json={**listed, "display_name": "Bobby"}))
        await data(await admin.delete(f"/api/user/{bob.id}/sessions"))
        refused(await browser.get("/api/user/self"), 401)
    for what in ("tokens", "sessions"):
        refused(await admin.get(f"/api/user/1/{what}"), 403)
        refused(await user.get(f"/api/user/{bob.id}/{what}"), 403)


async def test_lists_are_narrowed(
    server: Server, admin: httpx.AsyncClient, alice: Person, bob: Person
) -> None:
    await server.directory.users.update(bob.id, {"status": 2, "group": "vip"})
    for query in ("status=2", "group=vip", "role=1", "order=quota&status=2"):
        rows = await data(await admin.get(f"/api/user/?{query}"))
        assert [row["username"] for row in rows] == ["bob"], query
    assert await data(await admin.get("/api/user/search?keyword=bob&status=1")) == []


async def test_a_batch_tells_what_is_left(
    admin: httpx.AsyncClient, user: httpx.AsyncClient
) -> None:
    body = {"name": "spring", "quota": 500_000, "count": 3, "per_user": 2}
    answer = (await admin.post("/api/redemption/", json=body)).json()
    batch, codes = answer["batch"], answer["data"]
    await data(await user.post("/api/user/topup", json={"key": codes[0]}))
    rows = await data(await admin.get("/api/redemption/", params={"batch": batch}))
    await data(await admin.delete(f"/api/redemption/{rows[0]['id']}"))
    found = await data(await admin.get(f"/api/redemption/batch/{batch}"))
    assert (found["count"], found["used"], found["left"], found["ended"]) == (3, 1, 1, 1)
    assert (found["amount"], found["per_user"], found["name"]) == ("1", 2, "spring")
    refused(await admin.get("/api/redemption/batch/999"), 404)
