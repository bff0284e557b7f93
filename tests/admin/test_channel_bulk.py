"""Many channels at once, copies, and lists by what channels have."""

from typing import Any

import httpx

from tests.admin.harness import Server, channel_body, data, refused

CHANNEL, BULK = "/api/channel/", "/api/channel/bulk"


async def made(admin: httpx.AsyncClient, **fields: Any) -> int:
    (created,) = await data(await admin.post(CHANNEL, json=channel_body(**fields)))
    return int(created["id"])


async def test_the_same_is_done_to_a_list_or_a_tag(
    server: Server, admin: httpx.AsyncClient
) -> None:
    a = await made(admin, name="a", tag="cheap")
    b = await made(admin, name="b", tag="cheap", priority=7)
    c = await made(admin, name="c")
    shown = await data(
        await admin.post(BULK, json={"tag": "cheap", "action": "disable", "dry_run": True})
    )
    assert shown["channels"] == [{"id": a, "name": "a"}, {"id": b, "name": "b"}]
    done = await data(await admin.post(BULK, json={"tag": "cheap", "action": "disable"}))
    assert done == {"changed": 2, "of": 2, "failed": []}
    done = await data(await admin.post(BULK, json={"ids": [a, b, c], "action": "enable"}))
    assert done == {"changed": 2, "of": 3, "failed": []}
    edit = {
        "action": "edit",
        "priority": 7,
        "group": "vip,default",
        "add_models": "o3",
        "remove_models": "gpt-4o",
        "set_tag": "dear",
    }
    done = await data(await admin.post(BULK, json={"ids": [a, b], **edit}))
    assert done["changed"] == 2
    rows = (await data(await admin.get(CHANNEL, params={"tag": "dear"})))[::-1]
    assert [(row["id"], row["priority"], row["models"]) for row in rows] == [
        (a, 7, "gpt-4o-mini,o3"),
        (b, 7, "gpt-4o-mini,o3"),
    ]
    # The last model of a channel cannot be taken from it, and the others are changed all the same.
    await data(await admin.put(CHANNEL, json={"id": c, "models": "o3"}))
    done = await data(
        await admin.post(BULK, json={"ids": [a, c], "action": "edit", "remove_models": "o3"})
    )
    assert done["changed"] + len(done["failed"]) == 2
    done = await data(await admin.post(BULK, json={"tag": "dear", "action": "delete"}))
    assert done["changed"] == 2
    refused(await admin.post(BULK, json={"ids": [a], "action": "enable"}), 400, str(a))
    actions = [
        event["body"]["action"]
        for event in await server.books.store.find_list("events", {"type": "audit.recorded"})
    ]
    assert actions.count("channel.delete") == 2 and actions.count("channel.update") >= 6


async def test_it_must_be_said_what_and_to_which(admin: httpx.AsyncClient) -> None:
    number = await made(admin)
    for body in (
        {"action": "enable"},
        {"ids": [number], "tag": "x", "action": "enable"},
        {"ids": [number], "action": "edit"},
        {"ids": [number], "action": "enable", "priority": 3},
        {"ids": [number], "action": "explode"},
        {"ids": [], "action": "enable"},
        {"ids": [number, 999], "action": "enable"},
    ):
        refused(await admin.post(BULK, json=body), 400)


async def test_a_copy_has_the_keys_and_waits_to_be_enabled(
    server: Server, admin: httpx.AsyncClient
) -> None:
    number = await made(
        admin, name="one", type=37, config={"account_id": "0" * 32}, proxy="http://u:p@proxy:1"
    )
    await data(await admin.put(CHANNEL, json={"id": number, "tag": "t", "cost_ratio": "0.5"}))
    copied = await data(await admin.post(f"{CHANNEL}{number}/copy"))
    first = await data(await admin.get(f"{CHANNEL}{number}"))
    same = ("type", "models", "group", "config", "tag", "cost_ratio", "proxy")
    assert {name: copied[name] for name in same} == {name: first[name] for name in same}
    assert (copied["name"], copied["status"]) == ("one (copy)", 2)
    kept = [server.directory.channel(each) for each in (number, copied["id"])]
    assert all(kept)
    assert len({server.directory.secret_of(channel) for channel in kept if channel}) == 1
    assert len({server.directory.channels.proxy_of(c) for c in kept if c}) == 1
    renamed = await data(await admin.post(f"{CHANNEL}{number}/copy", json={"name": "two"}))
    assert renamed["name"] == "two"
    refused(await admin.post(f"{CHANNEL}999/copy"), 404)


async def test_lists_by_what_channels_have(admin: httpx.AsyncClient) -> None:
    a = await made(admin, name="a", models="m1,m2", group="vip", groups=["vip"])
    b = await made(admin, name="b", models="m2", type=8, base_url="http://x.example")
    await data(await admin.put(CHANNEL, json={"id": b, "status": 2}))

    async def listed(**asked: Any) -> list[int]:
        answer = await admin.get(CHANNEL, params=asked)
        assert answer.json()["total"] == len(await data(answer))
        return [row["id"] for row in await data(answer)]

    assert await listed() == [b, a]
    assert await listed(model="m2") == [b, a] and await listed(model="m1") == [a]
    assert await listed(status=2) == [b] and await listed(type=8) == [b]
    assert await listed(group="vip") == [a]
    found = await data(await admin.get("/api/channel/search?keyword=a&model=m2"))
    assert [row["id"] for row in found] == [a]
    refused(await admin.get(CHANNEL, params={"status": 9}), 400, "status")
