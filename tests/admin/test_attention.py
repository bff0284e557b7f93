"""What needs attention is named, each kind once, and goes when it is mended; the first steps."""

from typing import Any

import httpx

from gateway.directory.notices import MAIL, Words
from ledger.audit import audit
from tests.admin.harness import (
    ROOT_PASSWORD,
    ROOT_TOKEN,
    Person,
    Server,
    channel_body,
    data,
    refused,
)
from tests.ledger.drafts import charge, recharge


async def kinds(admin: httpx.AsyncClient) -> dict[str, dict[str, Any]]:
    found = await data(await admin.get("/api/attention"))
    assert len({item["kind"] for item in found}) == len(found)
    return {item["kind"]: item for item in found}


async def test_channels_and_prices(server: Server, admin: httpx.AsyncClient) -> None:
    assert (await kinds(admin))["channels_none"]["level"] == "danger"
    body = channel_body(models="gpt-4o,not-in-the-book", name="east")
    (made,) = await data(await admin.post("/api/channel/", json=body))
    found = await kinds(admin)
    assert "channels_none" not in found
    unpriced = found["models_unpriced"]
    east = {"id": made["id"], "name": "east"}
    assert {item["name"] for item in unpriced["items"]} >= {"not-in-the-book"}
    assert unpriced["items"][-1]["channel"] == east
    assert found["channels_uncosted"]["items"] == [east]
    assert found["channels_resting"]["items"] == [{**east, "seconds": 12}]
    row = {"model": "not-in-the-book", "input": "1", "output": "2"}
    known = {"model": "gpt-4o", "input": "1", "output": "2"}
    async with server.client(ROOT_TOKEN) as root:
        await data(await root.post("/api/ledger/prices", json={"set": [row, known]}))
    await server.directory.channels.update(made["id"], {"status": 3, "cost_ratio": "1"})
    found = await kinds(admin)
    assert found["channels_off"]["items"] == [east]
    assert not {"models_unpriced", "channels_uncosted", "channels_resting"} & set(found)


async def test_people_books_and_notices(
    server: Server, admin: httpx.AsyncClient, user: httpx.AsyncClient, bob: Person
) -> None:
    books = server.books
    await books.record(recharge("a", f"user:{bob.id}", 1_000_000))
    await books.record(charge("r", 10, user=bob.id, key=7, channel=3, held=()))
    await server.directory.notices.put(MAIL, "a@example.org", Words("hello", "text"))
    await books.store.update_many("notices", {}, {"$set": {"state": "dead"}})
    await audit(books.store)
    found = await kinds(admin)
    (low,) = found["users_low"]["items"]
    assert (low["name"], low["balance"]) == ("bob", "0.00099")
    assert found["notices_dead"]["count"] == 1
    assert "audit_late" not in found
    await books.store.update_many(
        "audits",
        {},
        {
            "$set": {
                "ok": False,
                "found": 1,
                "findings": [
                    {
                        "kind": "sums differ",
                        "subject": "all users",
                        "message": "!",
                        "level": "fault",
                    }
                ],
            }
        },
    )
    assert (await kinds(admin))["audit_findings"]["level"] == "danger"
    refused(await user.get("/api/attention"), 403)


async def test_the_first_steps(
    server: Server, root: httpx.AsyncClient, admin: httpx.AsyncClient
) -> None:
    state = await data(await root.get("/api/setup"))
    assert (state["password"], state["named"], state["address"]) == (False, False, False)
    assert (state["channels"], state["users"], state["requested"]) == (0, 1, False)
    await server.directory.users.set_password(1, ROOT_PASSWORD + "!")
    await data(await root.post("/api/channel/", json=channel_body(models="odd-model")))
    for key, value in (("SystemName", "Mine"), ("ServerAddress", "https://llm.example.org")):
        await data(await root.put("/api/option/", json={"key": key, "value": value}))
    await server.books.record(charge("r", 10, user=1, key=7, channel=1, held=()))
    state = await data(await root.get("/api/setup"))
    assert state == {
        "password": True,
        "named": True,
        "address": True,
        "channels": 1,
        "models": 1,
        "unpriced": ["odd-model"],
        "users": 1,
        "requested": True,
    }
    refused(await admin.get("/api/setup"), 403)
