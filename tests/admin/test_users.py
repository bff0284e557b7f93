"""One's own account, and users as admins manage them."""

from typing import Any

import httpx
import pytest

from ledger.accounts import balance_nano, read
from tests.admin.harness import ROOT_PASSWORD, ROOT_TOKEN, Person, Server, data, person, refused


async def events_of(server: Server, account: str) -> list[dict[str, Any]]:
    return await server.books.store.find_list("events", {"account": account}, sort=[("ts", 1)])


async def test_self_shows_oneself_without_secrets(user: httpx.AsyncClient, bob: Person) -> None:
    me = await data(await user.get("/api/user/self"))
    assert (me["id"], me["username"], me["role"], me["quota"]) == (bob.id, "bob", 1, 0)
    assert not {"password", "access_token", "password_hash"} & set(me)


async def test_self_edit_accepts_what_self_answered(user: httpx.AsyncClient) -> None:
    me = await data(await user.get("/api/user/self"))
    await data(await user.put("/api/user/self", json={**me, "display_name": "Bobby", "quota": 99}))
    assert await data(await user.get("/api/user/self")) == {**me, "display_name": "Bobby"}


async def test_delete_self(server: Server, user: httpx.AsyncClient) -> None:
    await data(await user.delete("/api/user/self"))
    refused(await user.get("/api/user/self"), 401)


async def test_root_cannot_delete_itself(root: httpx.AsyncClient) -> None:
    refused(await root.delete("/api/user/self"), 403)
    refused(await root.delete("/api/user/1"), 403)


async def test_a_new_access_token_replaces_the_old(server: Server, user: httpx.AsyncClient) -> None:
    token = await data(await user.get("/api/user/token"))
    assert len(token) == 32 and int(token, 16) >= 0
    refused(await user.get("/api/user/self"), 401)
    async with server.client(token) as client:
        assert (await client.get("/api/user/self")).status_code == 200


async def test_create_gives_a_key_and_the_quota(server: Server, admin: httpx.AsyncClient) -> None:
    body = {"username": "carol", "password": "carols-password", "group": "vip", "quota": 500_000}
    created = await data(await admin.post("/api/user/", json=body))
    assert (created["quota"], created["group"], created["role"]) == (500_000, "vip", 1)
    keys = await server.directory.keys.list(filters={"user_id": created["id"]})
    assert [key.name for key in keys.items] == ["default"]
    audits = await events_of(server, "directory")
    assert audits[-1]["body"]["action"] == "user.create"
    assert "carols-password" not in str(audits)
    refused(await admin.post("/api/user/", json=body), 409, "username")


async def test_create_gives_the_sign_up_credit(
    server: Server, root: httpx.AsyncClient, admin: httpx.AsyncClient
) -> None:
    await data(await root.put("/api/option/", json={"key": "QuotaForNewUser", "value": 250}))
    body = {"username": "carol", "password": "carols-password"}
    created = await data(await admin.post("/api/user/", json=body))
    assert created["quota"] == 250
    (event,) = await events_of(server, f"user:{created['id']}")
    assert event["type"] == "grant.signup" and event["actor"] == "user:2"


async def test_list_pages_counts_searches_and_orders(
    server: Server, admin: httpx.AsyncClient, root: httpx.AsyncClient
) -> None:
    people = [await person(server, f"user{number:02}") for number in range(12)]
    body = {"user_id": people[5].id, "quota": 7, "remark": ""}
    await data(await admin.post("/api/topup", json=body))
    first = (await admin.get("/api/user/?p=0")).json()
    second = (await admin.get("/api/user?p=1")).json()
    assert first["total"] == second["total"] == 14  # with root and the admin
    assert len(first["data"]) == 10 and len(second["data"]) == 4
    found = (await admin.get("/api/user/search?keyword=user0&page_size=3&p=1")).json()
    assert found["total"] == 10 and len(found["data"]) == 3
    ordered = (await admin.get("/api/user/?order=quota&p=0")).json()
    assert [row["username"] for row in ordered["data"][:2]] == ["root", "user05"]
    assert ordered["total"] == 14
    for row in first["data"]:
        assert not {"password", "access_token", "access_token_hash"} & set(row)


async def test_edit_quota_is_a_difference_never_an_overwrite(
    server: Server, admin: httpx.AsyncClient, bob: Person
) -> None:
    async def edit(**fields: Any) -> Any:
        return await data(await admin.put("/api/user/", json={"id": bob.id, **fields}))

    assert (await edit(quota=1000))["quota"] == 1000
    assert (await edit(quota=400))["quota"] == 400
    assert (await edit(quota=400))["quota"] == 400
    assert (await edit(group="vip"))["quota"] == 400
    assert (await edit(quota=0))["quota"] == 0
    events = await events_of(server, f"user:{bob.id}")
    assert [event["amount"] for event in events] == [2_000_000, -1_200_000, -800_000]
    assert {event["type"] for event in events} == {"balance.adjusted"}
    assert events[0]["body"]["reason"] == "edited by alice"
    assert balance_nano(await read(server.books.store, f"user:{bob.id}")) == 0


async def test_edit_cannot_take_what_is_being_spent(
    server: Server, admin: httpx.AsyncClient, bob: Person
) -> None:
    await data(await admin.put("/api/user/", json={"id": bob.id, "quota": 1000}))
    hold = await server.books.credit.hold([f"user:{bob.id}"], 1_500_000)
    refused(await admin.put("/api/user/", json={"id": bob.id, "quota": 0}), 409, "USD")
    hold.release()
    await data(await admin.put("/api/user/", json={"id": bob.id, "quota": 0}))


async def test_edit_accepts_what_the_list_answered(admin: httpx.AsyncClient, bob: Person) -> None:
    row = await data(await admin.get(f"/api/user/{bob.id}"))
    assert await data(await admin.put("/api/user/", json={**row, "email": "b@example.com"})) == {
        **row,
        "email": "b@example.com",
    }
    refused(await admin.put("/api/user/", json={**row, "role": 10}), 400, "role")
    refused(await admin.put("/api/user/", json={**row, "status": 2}), 400, "status")


async def test_an_edited_password_signs_in(
    admin: httpx.AsyncClient, bob: Person, stranger: httpx.AsyncClient
) -> None:
    body = {"id": bob.id, "password": "brand-new-one"}
    await data(await admin.put("/api/user/", json=body))
    login = {"username": "bob", "password": "brand-new-one"}
    assert (await stranger.post("/api/user/login", json=login)).status_code == 200
    login["password"] = ROOT_PASSWORD
    refused(await stranger.post("/api/user/login", json=login), 401)


@pytest.mark.parametrize("victim", ["root", "carol"])
async def test_admins_cannot_act_on_their_equals_or_betters(
    server: Server, admin: httpx.AsyncClient, victim: str
) -> None:
    carol = await person(server, "carol", 10)
    number = 1 if victim == "root" else carol.id
    refused(await admin.get(f"/api/user/{number}"), 403)
    refused(await admin.delete(f"/api/user/{number}"), 403)
    refused(await admin.put("/api/user/", json={"id": number, "quota": 1}), 403)
    for action in ("disable", "enable", "delete", "promote", "demote"):
        body = {"username": victim, "action": action}
        refused(await admin.post("/api/user/manage", json=body), 403)
    body = {"username": "dave", "password": "daves-password", "role": 10}
    refused(await admin.post("/api/user/", json=body), 403)


async def test_manage_walks_a_user_through_roles_and_states(
    server: Server, root: httpx.AsyncClient, admin: httpx.AsyncClient, bob: Person
) -> None:
    async def manage(action: str) -> httpx.Response:
        return await root.post("/api/user/manage", json={"username": "bob", "action": action})

    refused(
        await admin.post("/api/user/manage", json={"username": "bob", "action": "promote"}),
        403,
        "root",
    )
    assert await data(await manage("promote")) == {"role": 10, "status": 1}
    refused(await manage("promote"), 409)
    assert await data(await manage("demote")) == {"role": 1, "status": 1}
    assert await data(await manage("disable")) == {"role": 1, "status": 2}
    assert await data(await manage("enable")) == {"role": 1, "status": 1}
    await data(await manage("delete"))
    refused(await manage("enable"), 404, "bob")


async def test_nobody_can_disable_or_demote_root(root: httpx.AsyncClient) -> None:
    for action in ("disable", "delete", "demote", "promote"):
        body = {"username": "root", "action": action}
        refused(await root.post("/api/user/manage", json=body), 403, "root")


async def test_topup_credits_once_for_each_idempotency_key(
    server: Server, admin: httpx.AsyncClient, bob: Person
) -> None:
    body = {"user_id": bob.id, "quota": 500_000, "remark": "cash"}
    key = {"Idempotency-Key": "order-17"}
    assert await data(await admin.post("/api/topup", json=body, headers=key)) == 500_000
    again = await admin.post("/api/topup/", json=body, headers=key)
    assert again.json() == {"success": True, "message": "", "data": 500_000, "replayed": True}
    refused(await admin.post("/api/topup", json={**body, "quota": 1}, headers=key), 409, "order-17")
    assert balance_nano(await read(server.books.store, f"user:{bob.id}")) == 10**9
    await data(await admin.post("/api/topup", json=body))
    await data(await admin.post("/api/topup", json=body))
    assert balance_nano(await read(server.books.store, f"user:{bob.id}")) == 3 * 10**9
    refused(await admin.post("/api/topup", json={**body, "user_id": 10**9}), 404)
    bad = {"Idempotency-Key": "with space"}
    refused(await admin.post("/api/topup", json=body, headers=bad), 400, "Idempotency-Key")


async def test_root_token_from_the_first_start_works(server: Server) -> None:
    async with server.client(f"Bearer {ROOT_TOKEN}") as client:
        me = await data(await client.get("/api/user/self"))
    assert me["username"] == "root" and me["quota"] == 500_000_000_000_000
