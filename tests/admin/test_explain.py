"""The explanation of one event: everything for admins, no operator's business for users."""

from typing import Any

import httpx
import orjson
import pytest

from ledger.events import Draft, Schemas
from ledger.quote import Quote
from tests.admin.harness import Person, Server, channel_body, data, refused
from tests.ledger.drafts import recharge

EVENTS = "/api/ledger/events"
OWN = "/api/ledger/self/events"
FRAME = '{"prompt_tokens":11,"completion_tokens":3}'
WITHHELD = '["attempts","channel","cost_nano","upstream_request_id"]'
SECRETS = ("req_upstream", "no route", "best channel", "cost_nano", "rates-of-cost")


@pytest.fixture
async def channel(server: Server, admin: httpx.AsyncClient) -> int:
    await data(await admin.post("/api/channel/", json=channel_body(name="best channel")))
    (found,) = await data(await admin.get("/api/channel/"))
    return int(found["id"])


@pytest.fixture
async def charged(server: Server, bob: Person, channel: int, root: httpx.AsyncClient) -> Draft:
    """A charge with everything in it: a retry, costs, lots, a shortfall, a fraction to round."""
    row = {"model": "test-model", "input": "0.0001", "output": "2"}
    body = {"set": [row], "groups": {"vip": "0.5"}, "note": "new vendor prices"}
    await data(await root.post("/api/ledger/prices", json=body))
    quote: Quote = server.books.prices.quote("test-model", "vip")
    usage = {"input": 11, "output": 3}
    priced = quote.charge_nano(usage)
    key, _ = await server.directory.keys.create(bob.id, {"name": "laptop"})
    await server.books.record(recharge("a", f"user:{bob.id}", 10**9))
    said: dict[str, Any] = {
        "request_id": "r1",
        "endpoint": "chat.completions",
        "key": key.id,
        "channel": channel,
        "group": "vip",
        "model": "test-model",
        "served_model": "test-model",
        "stream": False,
        "usage": usage,
        "usage_source": "upstream",
        "usage_frame": FRAME,
        "outcome": "complete",
        "policy": "drain",
        "price": quote.factors_for(usage),
        "hold": {"nano": 9_000, "accounts": [f"user:{bob.id}"]},
        "lots": [[f"lot:{bob.id}:gift", 1_000]],
        "shortfall_nano": 100,
        "cost_nano": 700,
        "upstream_request_id": "req_upstream",
        "attempts": [
            {"channel": 999, "status": 503, "error": "no route"},
            {"channel": channel, "status": 200, "error": None, "cost_nano": 700, "cost": COST},
        ],
        "latency_ms": {"total": 5, "first_token": None},
    }
    draft = Draft("usage:r1", "usage.charged", f"user:{bob.id}", 100 - priced, key.account, said)
    Schemas().check(draft)
    await server.books.record(draft)
    return draft


COST = {"by": "ratio", "ratio": "0.1", "rates": {"input": "1"}, "tier": None}


async def explained(client: httpx.AsyncClient, path: str = EVENTS) -> dict[str, Any]:
    event: dict[str, Any] = await data(await client.get(f"{path}/usage:r1"))
    return event


async def test_an_admin_sees_all_of_it(
    admin: httpx.AsyncClient, charged: Draft, channel: int
) -> None:
    event = await explained(admin)
    said = event["explanation"]
    assert said["usage"] == {
        "source": "upstream",
        "classes": {"input": 11, "output": 3},
        "frame": FRAME,
    }
    assert said["formula"] == (
        "0.5 × (11 input × 0.0001 + 3 output × 2) / 1,000,000 = 0.00000300055 USD,"
        " rounded up to 0.000003001 USD"
    )
    assert said["rounding"] == {
        "exact": "0.00000300055",
        "rounded_up_by": "0.00000000045",
        "priced": "0.000003001",
    }
    price = said["price"]
    assert (price["version"], price["note"]) == (1, "new vendor prices")
    assert (price["author"], price["username"]) == ("user:1", "root")
    assert price["published"] and price["effective"] <= price["published"]
    assert price["group_ratio"] == "0.5" and price["rates"]["input"] == "0.0001"
    assert said["hold"]["amount"] == "0.000009" and len(said["hold"]["accounts"]) == 1
    settled = said["settlement"]
    assert (settled["charged_nano"], settled["shortfall_nano"]) == (2_901, 100)
    assert (settled["released_nano"], settled["from_balance_nano"]) == (6_099, 1_901)
    assert settled["lots"][0]["amount_nano"] == 1_000
    first, second = said["attempts"]
    assert (first["status"], first["error"], first["channel_name"]) == (503, "no route", "")
    assert (second["channel_name"], second["cost_usd"]) == ("best channel", "0.0000007")
    assert said["cost"] == {"total": "0.0000007", "total_nano": 700, "margin": "0.000002201"}
    assert said["upstream_request_id"] == "req_upstream"
    assert said["agrees"] is True and said["reversal"] is None


async def test_users_see_their_own_without_the_operators_business(
    user: httpx.AsyncClient, charged: Draft
) -> None:
    event = await explained(user, OWN)
    said = event["explanation"]
    assert said["formula"] and said["rounding"]["priced"] == "0.000003001"
    assert (said["price"]["note"], said["price"]["author"]) == ("new vendor prices", "user:1")
    assert said["attempts"] == [{"status": 503}, {"status": 200}]
    assert said["usage"]["frame"] == FRAME and said["settlement"]["shortfall_nano"] == 100
    assert event["withheld"] == orjson.loads(WITHHELD)
    for path in (f"{OWN}/usage:r1", OWN):
        text = (await user.get(path)).text.replace(WITHHELD, "")
        assert not [secret for secret in SECRETS if secret in text]
        assert '"channel":' not in text


async def test_a_reversal_is_told_with_who_and_why(
    admin: httpx.AsyncClient, user: httpx.AsyncClient, alice: Person, charged: Draft
) -> None:
    body = {"event": "usage:r1", "reason": "it failed"}
    await data(await admin.post("/api/ledger/reverse", json=body))
    for client, path in ((admin, EVENTS), (user, OWN)):
        reversal = (await explained(client, path))["explanation"]["reversal"]
        assert (reversal["event"], reversal["by"]) == ("reverse:usage:r1", f"user:{alice.id}")
        assert (reversal["reason"], reversal["amount_nano"]) == ("it failed", 2_901)
    event = await data(await user.get(f"{OWN}/reverse:usage:r1"))
    assert "channel" not in event["body"] and event["body"]["charge"] == "usage:r1"


async def test_others_events_do_not_exist_for_a_user(
    server: Server, user: httpx.AsyncClient, stranger: httpx.AsyncClient
) -> None:
    await server.books.record(recharge("x", "user:77", 5))
    refused(await user.get(f"{OWN}/recharge:test:x"), 404)
    refused(await user.get(f"{EVENTS}/recharge:test:x"), 403)
    refused(await stranger.get(f"{OWN}/recharge:test:x"), 401)


async def test_what_cannot_be_derived_is_said(
    server: Server, admin: httpx.AsyncClient, charged: Draft
) -> None:
    store = server.books.store
    await store.update_one("events", {"_id": "usage:r1"}, {"$set": {"amount": -5}})
    assert (await explained(admin))["explanation"]["agrees"] is False
    broken = {"$set": {"body.price.rates.input": "x"}}
    await store.update_one("events", {"_id": "usage:r1"}, broken)
    said = (await explained(admin))["explanation"]
    assert said["formula"] is None and "plain decimal" in said["fault"]
    assert orjson.dumps(said)
