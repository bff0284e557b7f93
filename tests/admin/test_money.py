"""Costs of channels, budgets of users and keys: set kindly, shown to whom they concern."""

import csv
import io
import re
from typing import Any

import httpx
import pytest

from ledger import accounts
from tests.admin.harness import Person, Server, channel_body, data, refused
from tests.ledger.drafts import charge
from tests.ledger.test_costs import attempt, costly

CHANNEL, TOKEN, USER = "/api/channel/", "/api/token/", "/api/user/"
ROW = {"model": "gpt-4o", "input": "1.25", "output": "5"}


async def test_a_channel_carries_its_costs(server: Server, admin: httpx.AsyncClient) -> None:
    body = channel_body(cost_ratio=0.35, cost_prices=[{**ROW, "output": 5, "input": 1.25}])
    (made,) = await data(await admin.post(CHANNEL, json=body))
    assert made["cost_ratio"] == "0.35" and made["cost_prices"] == [ROW]
    assert (made["cost"], made["margin_nano"]) == ("0", 0)
    channel = server.directory.channel(made["id"])
    assert channel is not None and channel.costs is not None
    again = await data(await admin.put(CHANNEL, json={**made, "name": "renamed"}))
    assert again == {**made, "name": "renamed"}
    changes = await server.books.store.find_list("events", {"body.action": "channel.update"})
    assert [event["body"]["after"] for event in changes] == [{"name": "renamed"}]
    text = await data(
        await admin.put(
            CHANNEL, json={"id": made["id"], "cost_prices": '[{"model": "x", "calls": 0.1}]'}
        )
    )
    assert text["cost_prices"] == [{"model": "x", "calls": "0.1"}]
    bare = {"id": made["id"], "cost_prices": None, "cost_ratio": None}
    cleared = await data(await admin.put(CHANNEL, json=bare))
    assert (cleared["cost_ratio"], cleared["cost_prices"]) == ("", [])
    channel = server.directory.channel(made["id"])
    assert channel is not None and channel.costs is None


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("cost_ratio", "-1", "plain decimal"),
        ("cost_ratio", "half", "plain decimal"),
        ("cost_ratio", 1e9, "larger than"),
        ("cost_ratio", True, "not a decimal"),
        ("cost_prices", {"model": "x"}, "a list of price rows"),
        ("cost_prices", "[", "Not a JSON list"),
        ("cost_prices", [{"model": "x"}], "at least one price"),
        ("cost_prices", [{"model": "x", "inputs": "1"}], "unknown field"),
        ("cost_prices", [ROW, ROW], "named twice"),
    ],
)
async def test_odd_costs_are_refused_in_words(
    server: Server, admin: httpx.AsyncClient, field: str, value: Any, says: str
) -> None:
    refused(await admin.post(CHANNEL, json=channel_body(**{field: value})), 400, field, says)
    assert not server.directory.all_channels()


async def test_margin_is_for_admins_only(
    server: Server, admin: httpx.AsyncClient, user: httpx.AsyncClient, bob: Person
) -> None:
    draft = costly(
        "r", attempt(4, 7, usage={"input": 7}, estimated=True), attempt(3, 10), user=bob.id, held=()
    )
    await server.books.record(draft)
    seen = await admin.get("/api/ledger/events/usage:r")
    assert seen.json()["data"]["body"]["cost_nano"] == 8_500
    for path in (
        "/api/ledger/self/events/usage:r",
        "/api/ledger/self/events",
        "/api/ledger/self/balance",
        "/api/ledger/self/export?format=jsonl",
        "/api/ledger/self/export?format=csv",
        "/api/ledger/self/statement",
        "/api/ledger/self/statement?format=csv",
        "/api/ledger/self/dashboard",
        "/api/log/self",
        "/api/log/self/search?keyword=r",
        "/api/user/self",
        "/api/user/dashboard",
    ):
        answer = await user.get(path)
        assert answer.status_code == 200, (path, answer.text)
        text = re.sub(r'"withheld"+:\[[^]]*\]', "", answer.text)  # names, no numbers
        assert "cost" not in text and "8500" not in text and "3500" not in text, path
    one = await data(await user.get("/api/ledger/self/events/usage:r"))
    assert one["amount_nano"] == -10_000 and not one.get("hash")


async def test_an_ordinary_charge_keeps_its_fingerprints(
    server: Server, user: httpx.AsyncClient, bob: Person
) -> None:
    await server.books.record(charge("r", 5, user=bob.id, held=()))
    one = await data(await user.get("/api/ledger/self/events/usage:r"))
    assert len(one["hash"]) == 64 and "cost_nano" not in one["body"]
    rows = (await user.get("/api/ledger/self/export?format=csv")).text
    (row,) = csv.DictReader(io.StringIO(rows))
    assert row["id"] == "usage:r"


async def test_a_key_shows_its_budgets(
    server: Server, user: httpx.AsyncClient, bob: Person
) -> None:
    sent = {
        "name": "mine",
        "unlimited_quota": True,
        "budgets": [
            {"period": "monthly", "limit_usd": "20"},
            {"period": "day", "limit_quota": 500},
        ],
        "budget_timezone": "Asia/Tokyo",
    }
    made = await data(await user.post(TOKEN, json=sent))
    day, month = made["budgets"]
    assert (day["period"], day["limit_quota"], day["limit_usd"]) == ("day", 500, "0.001")
    assert (month["period"], month["limit_nano"]) == ("month", 20 * 10**9)
    assert day["left_quota"] == 500 and day["spent_usd"] == "0"
    assert made["budget_timezone"] == "Asia/Tokyo"
    assert day["starts_at"] <= server.context.now_s() < day["renews_at"] <= month["renews_at"]
    assert (day["renews_at"] + 9 * 3_600) % 86_400 == 0

    key = await server.directory.keys.get(made["id"])
    running = server.books.budgets.in_force(key)
    names = [term.account for known in running for term in known.terms]
    await server.books.record(charge("r", 5, user=bob.id, key=key.id, held=tuple(names)))
    shown = await data(await user.get(f"{TOKEN}{key.id}"))
    assert [b["spent_nano"] for b in shown["budgets"]] == [5_000, 5_000]
    assert shown["budgets"][0]["left_usd"] == "0.000995"

    again = await data(await user.put(TOKEN, json={**shown, "name": "renamed"}))
    assert again == {**shown, "name": "renamed"}
    cleared = await data(await user.put(TOKEN, json={"id": key.id, "budgets": None}))
    assert cleared["budgets"] == []


async def test_a_users_budgets_are_the_admins_to_set(
    server: Server, admin: httpx.AsyncClient, user: httpx.AsyncClient, bob: Person
) -> None:
    body = {"id": bob.id, "budgets": [{"period": "week", "limit_usd": "3"}]}
    changed = await data(await admin.put(USER, json=body))
    assert changed["budgets"][0]["limit_usd"] == "3" and changed["budget_timezone"] == ""
    mine = await data(await user.get("/api/user/self"))
    assert mine["budgets"] == changed["budgets"]
    await data(await user.put("/api/user/self", json={"budgets": [], "display_name": "Bob"}))
    stored = await server.directory.users.get(bob.id)
    assert stored.budgets and stored.display_name == "Bob"
    (listed,) = await data(await admin.get("/api/user/search?keyword=bob"))
    assert listed["budgets"] == changed["budgets"]
    await data(await admin.put(USER, json={"id": bob.id, "budgets": []}))
    assert not (await server.directory.users.get(bob.id)).budgets


@pytest.mark.parametrize(
    ("budgets", "says"),
    [
        ([{"period": "day"}], "limit_quota or limit_usd"),
        ([{"period": "day", "limit_usd": "0"}], "more than 0"),
        ([{"period": "day", "limit_usd": "1e3"}], "not an amount"),
        ([{"period": "day", "limit_quota": 0}], "limit_quota"),
        ([{"period": "day", "limit_quota": 1, "limit_usd": "1"}], "different things"),
        ([{"period": "year", "limit_usd": "1"}], "day, week, month"),
        (
            [{"period": "day", "limit_usd": "1"}, {"period": "daily", "limit_usd": "2"}],
            "one budget",
        ),
        ([{"period": "day", "limit_usd": "1", "since": 3}], "since"),
        ("day", "list of budgets"),
        ([7], "object"),
    ],
)
async def test_odd_budgets_are_refused_in_words(
    user: httpx.AsyncClient, budgets: Any, says: str
) -> None:
    refused(await user.post(TOKEN, json={"name": "k", "budgets": budgets}), 400, "budgets", says)


async def test_an_unknown_zone_is_refused(user: httpx.AsyncClient) -> None:
    sent = {"name": "k", "budget_timezone": "Mars/Olympus"}
    refused(await user.post(TOKEN, json=sent), 400, "budget_timezone", "Europe/Berlin")


async def test_budget_accounts_need_no_events(server: Server) -> None:
    assert accounts.available_nano({"limit_nano": 5}) == 5
    assert accounts.available_nano({"limit_nano": 5, "spent": 9, "granted": 9, "consumed": 9}) == -4


async def lots_of(client: httpx.AsyncClient) -> list[dict[str, Any]]:
    mine = await data(await client.get("/api/user/self"))
    lots: list[dict[str, Any]] = mine["lots"]
    return lots


async def test_a_top_up_may_be_a_gift_and_may_end(
    server: Server, admin: httpx.AsyncClient, user: httpx.AsyncClient, bob: Person
) -> None:
    assert await lots_of(user) == []
    sent: dict[str, Any] = {"user_id": bob.id, "quota": 500_000}
    end_s = int(server.context.now_s()) + 90
    ends = {**sent, "source": "gift", "expires_at": end_s}
    key = {"Idempotency-Key": "once"}
    for replayed in (False, True):
        answer = await admin.post("/api/topup", json=ends, headers=key)
        assert answer.status_code == 200 and answer.json()["replayed"] is replayed
    await data(await admin.post("/api/topup", json={**sent, "expires_at": "2099-01-01T00:00:00Z"}))
    await data(await admin.post("/api/topup", json={**sent, "source": "gift"}))
    await data(await admin.post("/api/topup", json=sent))
    first, second, third = await lots_of(user)
    assert (first["source"], first["expires_at"], first["left_usd"]) == ("gift", end_s, "1")
    assert (second["source"], second["expires_at"]) == ("gift", None)
    assert (third["source"], third["expires_at"]) == ("paid", 4_070_908_800)
    assert (await data(await user.get("/api/user/self")))["quota"] == 2_000_000


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("expires_at", 1_000_000_000),
        ("expires_at", "tomorrow"),
        ("expires_at", True),
        ("expires_at", 0),
        ("source", "stolen"),
    ],
)
async def test_odd_credit_is_refused(
    admin: httpx.AsyncClient, bob: Person, field: str, value: Any
) -> None:
    sent = {"user_id": bob.id, "quota": 1, field: value}
    refused(await admin.post("/api/topup", json=sent), 400, field)


async def test_codes_may_be_gifts_that_end(
    server: Server, admin: httpx.AsyncClient, user: httpx.AsyncClient
) -> None:
    batch = {"name": "spring", "quota": 1_000, "credit_source": "gift", "credit_valid_days": 30}
    (code,) = await data(await admin.post("/api/redemption/", json=batch))
    (plain,) = await data(await admin.post("/api/redemption/", json={"name": "x", "quota": 500}))
    (shown, _) = sorted(
        await data(await admin.get("/api/redemption/")), key=lambda row: row["quota"], reverse=True
    )
    assert (shown["credit_source"], shown["credit_valid_days"]) == ("gift", 30)
    again = await data(await admin.put("/api/redemption/", json={**shown, "name": "may"}))
    assert again == {**shown, "name": "may"}
    for text in (code, plain):
        await data(await user.post("/api/user/topup", json={"key": text}))
    (lot,) = await lots_of(user)
    month_s = lot["expires_at"] - server.context.now_s()
    assert lot["left_quota"] == 1_000 and 30 * 86_400 - 60 < month_s <= 30 * 86_400
    (issued,) = await server.books.store.find_list(
        "events", {"body.name": "spring", "account": "codes"}
    )
    assert (issued["body"]["source"], issued["body"]["valid_days"]) == ("gift", 30)


async def test_sign_up_credit_may_end(server: Server, root: httpx.AsyncClient) -> None:
    for key, value in (("QuotaForNewUser", "700"), ("QuotaForNewUserValidDays", "7")):
        await data(await root.put("/api/option/", json={"key": key, "value": value}))
    new = {"username": "carol", "password": "password-1"}
    made = await data(await root.post(USER, json=new))
    (lot,) = made["lots"]
    assert (lot["source"], lot["left_quota"], made["quota"]) == ("gift", 700, 700)
    week_s = lot["expires_at"] - server.context.now_s()
    assert 7 * 86_400 - 60 < week_s <= 7 * 86_400
