"""Price versions over the API, and re-pricing with them."""

import time
from typing import Any

import httpx
import orjson
import pytest

from tests.admin.harness import Person, Server, data, refused
from tests.ledger.drafts import charge

PRICES = "/api/ledger/prices"
REPRICE = "/api/ledger/reprice"


@pytest.fixture
async def versions(root: httpx.AsyncClient) -> None:
    """Version 1: test-model at 1 USD. Version 2: at 2 USD, another model, a group."""
    first = {"set": [{"model": "test-model", "input": "1"}], "note": "first"}
    second = {
        "set": [{"model": "test-model", "input": "2"}, {"model": "b.$x", "calls": "0.5"}],
        "groups": {"vip": "0.8"},
        "note": "dearer",
    }
    for body in (first, second):
        assert (await root.post(PRICES, json=body)).json()["changed"] is True


async def test_versions_are_listed_with_author_note_and_counts(
    admin: httpx.AsyncClient, versions: None
) -> None:
    answer = (await admin.get(PRICES)).json()
    assert (answer["total"], answer["in_force"]) == (2, 2)
    second, first = answer["data"]
    assert (second["version"], second["state"], second["username"]) == (2, "in force", "root")
    assert (second["note"], second["set"], second["groups"]) == ("dearer", 2, 1)
    assert second["effective"] <= second["published"]
    assert (first["state"], first["author"]) == ("past", "user:1")


async def test_one_version_and_the_difference_between_any_two(
    admin: httpx.AsyncClient, versions: None
) -> None:
    shown = await data(await admin.get(f"{PRICES}/2"))
    assert [row["model"] for row in shown["rows"]] == ["b.$x", "test-model"]
    assert shown["group_ratios"]["vip"] == "0.8"
    found = await data(await admin.get(f"{PRICES}/1/diff/2"))
    assert [row["model"] for row in found["added"]] == ["b.$x"]
    assert found["changed"] == [
        {
            "model": "test-model",
            "fields": [
                {"field": "input", "before": "1", "after": "2"},
                {"field": "output", "before": "1", "after": "2"},
            ],
        }
    ]
    assert found["groups"] == [{"group": "vip", "before": None, "after": "0.8"}]
    back = await data(await admin.get(f"{PRICES}/2/diff/1"))
    assert [row["model"] for row in back["removed"]] == ["b.$x"]
    refused(await admin.get(f"{PRICES}/3"), 400, "no price version 3")


async def test_a_rollback_restores_everything(
    server: Server, root: httpx.AsyncClient, versions: None
) -> None:
    answer = (await root.post(f"{PRICES}/1/rollback")).json()
    assert answer["changed"] is True and answer["data"]["restores"] == 1
    assert answer["data"]["note"] == "back to version 1"
    assert server.books.prices.table().rows["test-model"]["input"] == "1"
    again = (await root.post(f"{PRICES}/1/rollback", json={"note": "again"})).json()
    assert again["changed"] is False and again["data"]["version"] == 3


async def test_a_planned_version_can_be_cancelled_before_its_time(
    server: Server, root: httpx.AsyncClient, versions: None
) -> None:
    at = int(time.time()) + 3_600
    body = {"set": [{"model": "test-model", "input": "9"}], "effective_at": at}
    planned = await data(await root.post(PRICES, json=body))
    assert (planned["version"], planned["state"]) == (3, "planned")
    cancelled = await data(await root.post(f"{PRICES}/3/cancel", json={"note": "a mistake"}))
    assert (cancelled["version"], cancelled["cancels"]) == (4, 3)
    listed = await data(await root.get(PRICES))
    assert [row["state"] for row in listed] == ["in force", "cancelled", "past", "past"]
    refused(await root.post(f"{PRICES}/3/cancel"), 400, "already")
    refused(await root.post(f"{PRICES}/2/cancel"), 400, "roll back")
    assert server.books.prices.table().rows["test-model"]["input"] == "2"


async def test_who_may_publish(
    admin: httpx.AsyncClient, user: httpx.AsyncClient, versions: None
) -> None:
    refused(await admin.post(PRICES, json={"set": []}), 403)
    refused(await admin.post(f"{PRICES}/1/rollback"), 403)
    refused(await user.get(PRICES), 403)


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ({"set": [{"model": "m", "input": 0.1}]}, "m.input"),
        ({"set": [{"model": "m", "input": "-1"}]}, "plain decimal"),
        ({"groups": {"vip": "x"}}, "vip"),
        ({"effective_at": 5, "set": [{"model": "m", "input": "1"}]}, "past"),
        ({"effective_at": "soon"}, "effective_at"),
        ({"rows": []}, "rows"),
    ],
)
async def test_a_bad_publication_is_refused_whole(
    server: Server, root: httpx.AsyncClient, body: dict[str, Any], word: str
) -> None:
    refused(await root.post(PRICES, json=body), 400, word)
    assert server.books.prices.latest == 0


async def test_a_period_under_another_version_or_edited_prices(
    server: Server, admin: httpx.AsyncClient, bob: Person, versions: None
) -> None:
    for n in range(3):
        await server.books.append(charge(f"r{n}", 1_000, user=bob.id, held=()))
    events = await server.books.store.count("events", {})
    now = await data(await admin.post(REPRICE, json={}))
    assert (now["version"], now["edited"]) == (2, False)
    assert (now["totals"]["charged"], now["totals"]["would_be"]) == ("0.003", "0.006")
    assert now["users"][0]["account"] == f"user:{bob.id}"
    assert now["users"][0]["username"] == "bob"
    one = await data(await admin.post(REPRICE, json={"version": 1}))
    assert one["totals"]["difference"] == "0"
    edits = {"set": [{"model": "test-model", "input": "0.5"}], "version": 1}
    cheaper = await data(await admin.post(REPRICE, json=edits))
    assert (cheaper["edited"], cheaper["totals"]["difference"]) == (True, "-0.0015")
    ratio = await data(await admin.post(REPRICE, json={"model_ratio": {"test-model": "2"}}))
    assert ratio["totals"]["would_be"] == "0.012"
    none = await data(await admin.post(REPRICE, json={"from": 0, "to": 1}))
    assert none["totals"]["count"] == 0
    refused(await admin.post(REPRICE, json={"version": 9}), 400, "version 9")
    refused(await admin.post(REPRICE, json={"groups": {"x": "y"}}), 400, "group x")
    assert await server.books.store.count("events", {}) == events
    assert server.books.prices.latest == 2


async def test_re_pricing_can_tell_its_progress(
    server: Server, admin: httpx.AsyncClient, versions: None
) -> None:
    await server.books.append(charge("r", 1_000, held=()))
    answer = await admin.post(REPRICE, json={"stream": True})
    lines = [orjson.loads(line) for line in answer.text.splitlines()]
    assert lines[-1]["read"] == 1
    assert lines[-1]["result"]["totals"]["would_be"] == "0.002"


async def test_packaged_prices_are_proposed_and_adopted_only_when_somebody_says_so(
    root: httpx.AsyncClient, admin: httpx.AsyncClient, server: Server
) -> None:
    ours = {"model": "gpt-4o", "input": "77"}
    await root.post(PRICES, json={"set": [ours], "note": "ours"})
    proposals = f"{PRICES}/proposals"
    found = await data(await admin.get(proposals))
    added = {row["model"]: row for row in found["added"]}
    assert found["version"] == 1 and "gpt-4o" in found["kept"] and "gpt-4o" not in added
    assert added["gpt-4o-mini"]["source"].startswith("genai-prices")
    body = {"models": ["gpt-4o-mini"], "version": 1}
    assert (await admin.post(proposals, json=body)).status_code == 403
    refused(await root.post(proposals, json={**body, "version": 9}), 409, "look again")
    refused(await root.post(proposals, json={**body, "models": ["gpt-4o"]}), 400, "gpt-4o")
    refused(await root.post(proposals, json={**body, "all": True}), 400, "models")
    refused(await root.post(proposals, json={"version": 1}), 400, "all")
    refused(await root.post(proposals, json={"models": 5, "version": 1}), 400, "models")
    published = await data(await root.post(proposals, json={**body, "note": "cheap"}))
    assert (published["version"], published["set"]) == (2, 1) and "cheap" in published["note"]
    rows = server.books.prices.table().rows
    assert rows.keys() == {"gpt-4o", "gpt-4o-mini"} and rows["gpt-4o"]["input"] == "77"
    away = f"{proposals}/dismiss"
    body = {"models": ["o3-mini"], "version": 2}
    assert (await admin.post(away, json=body)).status_code == 403
    refused(await root.post(away, json={**body, "version": 1}), 409, "look again")
    refused(await root.post(away, json={**body, "models": ["gpt-4o"]}), 400, "gpt-4o")
    refused(await root.post(away, json={**body, "all": True}), 400, "models")
    assert await data(await root.post(away, json=body)) == {"dismissed": 1}
    answer = (await admin.get(proposals)).json()
    names = {row["model"] for row in answer["data"]["added"]}
    assert answer["data"]["dismissed"] == ["o3-mini"] and "o3-mini" not in names
    assert answer["total"] == len(names) == len(added) - 2
    again = await root.post(proposals, json=body)
    assert (await data(again))["version"] == 3, "who dismissed it may think better of it"


async def test_since_when_a_price_holds_and_what_it_was(
    root: httpx.AsyncClient, admin: httpx.AsyncClient, versions: None
) -> None:
    await root.post(PRICES, json={"unset": ["b.$x"]})
    shown = (await admin.get(f"{PRICES}/2")).json()
    assert shown["since"] == {"test-model": 2, "b.$x": 2}
    assert (await admin.get(f"{PRICES}/3")).json()["since"] == {"test-model": 2}
    found = await data(await admin.get(f"{PRICES}/history?model=b.$x"))
    assert [(each["version"], each["state"]) for each in found] == [(3, "in force"), (2, "past")]
    assert found[0]["row"] is None and found[1]["row"]["calls"] == "0.5"
    assert await data(await admin.get(f"{PRICES}/history?model=none")) == []
    refused(await admin.get(f"{PRICES}/history"), 400, "model")


async def test_offered_models_say_on_which_channels_they_have_a_price(
    root: httpx.AsyncClient, admin: httpx.AsyncClient, versions: None
) -> None:
    await root.post(PRICES, json={"set": [{"model": "odd(8)", "calls": "1"}]})
    for kind, status in ((1, 1), (8, 1), (1, 2)):
        fields = {"type": kind, "name": f"c{kind}", "key": "k", "group": "default"}
        fields |= {"models": "test-model,odd", "status": status, "base_url": "https://x.example"}
        await data(await root.post("/api/channel/", json=fields))
    found = await data(await admin.get(f"{PRICES}/offered"))
    told = {row["model"]: [(c["name"], c["priced"]) for c in row["channels"]] for row in found}
    assert told == {
        "odd": [("c1", False), ("c8", True)],
        "test-model": [("c1", True), ("c8", True)],
    }
