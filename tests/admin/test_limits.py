"""Where limits are set: by owners of keys, by admins on users and channels, and by options."""

from typing import Any

import httpx

from ledger.store import Store
from tests.admin.harness import OPENAI, Person, Server, data, refused, serve

LIMITS = {"rpm": 60, "tpm": 100_000, "concurrency": 5}
NONE = dict.fromkeys(LIMITS, 0)


def shown(row: dict[str, Any]) -> dict[str, int]:
    return {name: row[name] for name in LIMITS}


async def test_keys_users_and_channels_have_limits(
    server: Server, admin: httpx.AsyncClient, user: httpx.AsyncClient, bob: Person
) -> None:
    key = await data(await user.post("/api/token/", json={"name": "k", **LIMITS}))
    assert shown(key) == LIMITS
    changed = await data(await user.put("/api/token/", json={"id": key["id"], "rpm": 7}))
    assert shown(changed) == {**LIMITS, "rpm": 7}
    body: dict[str, Any] = {"id": bob.id, **LIMITS}
    assert shown(await data(await admin.put("/api/user/", json=body))) == LIMITS
    own = await data(await user.get("/api/user/self"))
    assert shown(own) == LIMITS
    # What one may see of oneself is not one's own to set.
    await user.put("/api/user/self", json={**own, **NONE})
    assert shown(await data(await user.get("/api/user/self"))) == LIMITS
    body = {"id": bob.id, "rpm": 0, "tpm": None}
    assert shown(await data(await admin.put("/api/user/", json=body))) == {**LIMITS, "rpm": 0}
    fields = {"type": OPENAI, "name": "c", "key": "sk-x", "models": "m", "group": "default"}
    (channel,) = await data(await admin.post("/api/channel/", json={**fields, "rpm": 9}))
    assert shown(channel) == {**NONE, "rpm": 9}
    edited = {"id": channel["id"], "rpm": None, "concurrency": 2}
    row = await data(await admin.put("/api/channel/", json=edited))
    assert shown(row) == {**NONE, "concurrency": 2}
    audits = await server.books.store.find_list("events", {"type": "audit.recorded"})
    assert any(each["body"]["after"] == {"rpm": 0} for each in audits)
    for where, sent in (("user", {"id": bob.id}), ("channel", {"id": channel["id"]})):
        for bad in (-1, "5", 2**31, 1.5, True):
            refused(await admin.put(f"/api/{where}/", json={**sent, "tpm": bad}), 400, "tpm")


WRONG_TABLES = [
    ("GroupLimits", "{", "not valid JSON"),
    ("GroupLimits", "[]", "must be a JSON object"),
    ("GroupLimits", '{"default": 5}', "default: must be an object"),
    ("GroupLimits", '{"vip": {"rpm": -1}}', "vip: rpm must be between 0 and"),
    ("GroupLimits", '{"vip": {"tpm": "9"}}', "vip: tpm must be a whole number"),
    ("GroupLimits", '{"vip": {"rph": 9}}', "vip: there is no limit 'rph'; there are rpm"),
    ("GroupLimits", '{"vip": {"each_user": {"rpm": true}}}', "each_user: rpm must be"),
    ("GroupLimits", '{"vip": {"each_user": {"each_user": {}}}}', "no limit 'each_user'"),
    ("ModelLimits", '{"m": {"each_user": {"rpm": 1}}}', "no limit 'each_user'"),
    ("ModelLimits", '{"": {"rpm": 1}}', "names must have"),
]


async def test_wrong_tables_of_limits_are_refused_with_the_reason(root: httpx.AsyncClient) -> None:
    for name, value, says in WRONG_TABLES:
        refused(await root.put("/api/option/", json={"key": name, "value": value}), 400, says)


async def test_tables_of_limits_are_shown_as_they_are(root: httpx.AsyncClient) -> None:
    table = '{"default": {"each_user": {"rpm": 6}, "rpm": 60, "tpm": 100000}}'
    for value in (table, "", table):
        await data(await root.put("/api/option/", json={"key": "GroupLimits", "value": value}))
        listed = {row["key"]: row["value"] for row in await data(await root.get("/api/option/"))}
        assert listed["GroupLimits"] == value or (value == "" and listed["GroupLimits"] == "{}")
    assert listed["ModelLimits"] == "{}"


async def test_requests_of_one_address_are_bounded(store: Store) -> None:
    server = await serve(store, requests_by_address=3)
    try:
        async with server.client() as client:
            for path in ("/api/status", "/api/user/self", "/api/status"):
                assert (await client.get(path)).status_code in (200, 401)
            answer = await client.get("/api/status")
            refused(answer, 429, "too many requests from 127.0.0.1")
            assert 170 < int(answer.headers["retry-after"]) <= 180
    finally:
        await server.close()
