"""Keys of the user who asks."""

import time
from typing import Any

import httpx

from ledger.accounts import balance_nano, read
from tests.admin.harness import Person, Server, data, person, refused

TOKEN = "/api/token/"


async def make(user: httpx.AsyncClient, **fields: Any) -> dict[str, Any]:
    made: dict[str, Any] = await data(await user.post(TOKEN, json={"name": "mine", **fields}))
    return made


async def test_a_key_works_as_it_is_shown(
    server: Server, user: httpx.AsyncClient, bob: Person
) -> None:
    fields = {
        "remain_quota": 1000,
        "expired_time": -1,
        "unlimited_quota": False,
        "models": "gpt-4o,gpt-4o-mini",
        "subnet": "10.0.0.0/8",
        "rpm": 0,
        "tpm": 0,
        "concurrency": 0,
    }
    made = await make(user, **fields)
    assert {name: made[name] for name in fields} == fields
    assert made["status"] == 1 and made["used_quota"] == 0 and made["user_id"] == bob.id
    key = await server.directory.key_by_secret(made["key"])
    assert key is not None and key.id == made["id"]
    assert await data(await user.get(f"{TOKEN}{made['id']}")) == made
    assert balance_nano(await read(server.books.store, f"key:{made['id']}")) == 2_000_000


async def test_others_keys_do_not_exist(server: Server, user: httpx.AsyncClient) -> None:
    made = await make(user)
    eve = await person(server, "eve", 10)
    async with server.client(eve.token) as client:
        refused(await client.get(f"{TOKEN}{made['id']}"), 404)
        refused(await client.delete(f"{TOKEN}{made['id']}"), 404)
        refused(await client.put(TOKEN, json={"id": made["id"], "name": "stolen"}), 404)
        assert (await client.get(TOKEN)).json()["total"] == 0
        assert (await client.get(f"{TOKEN}search?keyword=mine")).json()["data"] == []


async def test_limit_edits_are_differences(server: Server, user: httpx.AsyncClient) -> None:
    made = await make(user, remain_quota=1000)
    assert (made["remain"], made["remain_nano"], made["used"]) == ("0.002", 2_000_000, "0")
    for quota in (1500, 200, 200, 0, 10):
        edited = await data(await user.put(TOKEN, json={"id": made["id"], "remain_quota": quota}))
        assert edited["remain_quota"] == quota
        assert edited["status"] == (4 if quota == 0 else 1)
    events = await server.books.store.find_list(
        "events", {"account": f"key:{made['id']}"}, sort=[("ts", 1)]
    )
    assert [event["amount"] // 2000 for event in events] == [1000, 500, -1300, -200, 10]


async def test_edits_accept_what_the_list_answered(user: httpx.AsyncClient) -> None:
    made = await make(user, unlimited_quota=True, models="a")
    row = (await user.get(TOKEN)).json()["data"][0]
    edited = await data(await user.put(TOKEN, json={**row, "name": "renamed", "models": ""}))
    assert edited == {**row, "name": "renamed", "models": ""}
    assert edited["id"] == made["id"]


async def test_status_only_changes_the_status_alone(user: httpx.AsyncClient) -> None:
    made = await make(user, unlimited_quota=True)
    body = {"id": made["id"], "status": 2, "name": "ignored", "remain_quota": 5}
    edited = await data(await user.put(f"{TOKEN}?status_only=true", json=body))
    assert (edited["status"], edited["name"], edited["remain_quota"]) == (2, "mine", 0)


async def test_what_cannot_work_is_not_switched_on(user: httpx.AsyncClient) -> None:
    past = int(time.time()) - 10
    expired = await make(user, unlimited_quota=True, expired_time=past)
    assert expired["status"] == 3
    empty = await make(user)
    assert empty["status"] == 4
    for made, why in ((expired, "expired"), (empty, "used up")):
        await data(await user.put(TOKEN, json={"id": made["id"], "status": 2}))
        refused(await user.put(TOKEN, json={"id": made["id"], "status": 1}), 409, why)
    revived = {"id": empty["id"], "status": 1, "remain_quota": 5}
    assert (await data(await user.put(TOKEN, json=revived)))["status"] == 1


async def test_list_pages_searches_and_orders(user: httpx.AsyncClient) -> None:
    for number in range(12):
        await make(user, name=f"key{number:02}", remain_quota=number)
    page = (await user.get("/api/token/?p=1")).json()
    assert page["total"] == 12 and len(page["data"]) == 2
    ordered = (await user.get("/api/token/?order=remain_quota&page_size=2")).json()
    assert [row["remain_quota"] for row in ordered["data"]] == [11, 10]
    found = (await user.get("/api/token/search?keyword=key0")).json()
    assert found["total"] == 10


async def test_delete(server: Server, user: httpx.AsyncClient) -> None:
    made = await make(user)
    await data(await user.delete(f"{TOKEN}{made['id']}"))
    refused(await user.get(f"{TOKEN}{made['id']}"), 404)
    assert await server.directory.key_by_secret(made["key"]) is None


BAD_FIELDS: list[tuple[Any, ...]] = [
    ({"name": ""}, "name"),
    ({"name": 5}, "name"),
    ({"name": "x" * 31}, "name"),
    ({"remain_quota": -1}, "remain_quota"),
    ({"remain_quota": 1.5}, "remain_quota"),
    ({"remain_quota": "5"}, "remain_quota"),
    ({"remain_quota": 2**63}, "remain_quota"),
    ({"remain_quota": True}, "remain_quota"),
    ({"unlimited_quota": 1}, "unlimited_quota"),
    ({"expired_time": 0}, "expired_time"),
    ({"expired_time": -2}, "expired_time"),
    ({"subnet": "10.0.0.0/99"}, "subnet"),
    ({"models": ["a"]}, "models"),
    ({"rpm": -1}, "rpm"),
    ({"rpm": "5"}, "rpm"),
    ({"tpm": 2**31}, "tpm"),
    ({"concurrency": 1.5}, "concurrency"),
    ({"quota": 5}, "quota"),
]


async def test_bad_fields_are_named_and_write_nothing(user: httpx.AsyncClient) -> None:
    for fields, named in BAD_FIELDS:
        refused(await user.post(TOKEN, json={"name": "mine", **fields}), 400, named)
        assert (await user.get(TOKEN)).json()["total"] == 0


async def test_several_at_once_and_a_new_secret_for_one(
    user: httpx.AsyncClient, admin: httpx.AsyncClient
) -> None:
    body = {"name": "a name of just about thirty l", "count": 12, "remain_quota": 7, "rpm": 3}
    made = await data(await user.post(TOKEN, json=body))
    assert len({row["key"] for row in made}) == 12 and made[11]["name"].endswith(" 12")
    assert {(row["remain_quota"], row["rpm"]) for row in made} == {(7, 3)}
    refused(await user.post(TOKEN, json={"name": "x", "count": 101}), 400, "count")
    path = f"{TOKEN}{made[0]['id']}/rotate"
    turned = await data(await user.post(path, json={"grace_s": 60}))
    assert turned["key"] != made[0]["key"]
    assert {**turned, "key": ""} == {**made[0], "key": ""}
    refused(await admin.post(path), 404)
    refused(await user.post(path, json={"grace_s": -1}), 400, "grace_s")


async def test_a_key_is_used_in_a_group_that_is_open_to_its_owner(
    user: httpx.AsyncClient, root: httpx.AsyncClient
) -> None:
    refused(await user.post(TOKEN, json={"name": "k", "group": "fast"}), 403, "fast")
    option = {"key": "UserUsableGroups", "value": '{"fast": "Twice the price"}'}
    await data(await root.put("/api/option/", json=option))
    made = await data(await user.post(TOKEN, json={"name": "k", "group": "fast"}))
    assert made["group"] == "fast"
    groups = await data(await user.get("/api/user/groups"))
    assert groups["fast"]["desc"] == "Twice the price" and "default" in groups
    back = await data(await user.put(TOKEN, json={"id": made["id"], "group": None}))
    assert back["group"] == ""
    refused(await user.put(TOKEN, json={"id": made["id"], "group": "vip"}), 403, "vip")
    wrong = {"key": "UserUsableGroups", "value": '{"": "x"}'}
    refused(await root.put("/api/option/", json=wrong), 400)
