"""The log and the ledger: what was charged, found, summed, explained and exported."""

import csv
import io
from typing import Any

import httpx
import orjson
import pytest

from tests.admin.harness import Person, Server, data, person, refused
from tests.ledger.drafts import charge, recharge

LEDGER = "/api/ledger/"
NOWHERE = 999


async def key_of(server: Server, who: Person, name: str) -> int:
    key, _ = await server.directory.keys.create(who.id, {"name": name})
    return key.id


@pytest.fixture
async def charges(server: Server, bob: Person) -> dict[str, int]:
    """Three charges of bob through two keys of one name, one of eve's, and a recharge."""
    eve = await person(server, "eve")
    first, second = await key_of(server, bob, "laptop"), await key_of(server, bob, "laptop")
    foreign = await key_of(server, eve, "laptop")
    books = server.books
    await books.record(recharge("a", f"user:{bob.id}", 10**9))
    await books.record(recharge("b", f"user:{eve.id}", 10**9))
    for name, tokens, key in (("r1", 10, first), ("r2", 20, second), ("r3", 1, second)):
        draft = charge(name, tokens, user=bob.id, key=key, channel=NOWHERE, held=())
        await books.record(draft)
    await books.record(charge("e1", 500, user=eve.id, key=foreign, channel=4, held=()))
    return {"first": first, "second": second, "eve": eve.id, "foreign": foreign}


async def rows(client: httpx.AsyncClient, path: str, **query: Any) -> list[dict[str, Any]]:
    response = await client.get(path, params=query)
    found: list[dict[str, Any]] = await data(response)
    total = response.json()["total"]
    assert total >= len(found)
    return found


async def test_own_log_has_one_api_fields_and_only_ones_own(
    user: httpx.AsyncClient, charges: dict[str, int]
) -> None:
    found = await rows(user, "/api/log/self/", p=0, type=0, token_name="", model_name="")
    assert [row["event_id"] for row in found] == [
        "usage:r3",
        "usage:r2",
        "usage:r1",
        "recharge:test:a",
    ]
    row = found[1]
    assert (row["type"], row["quota"], row["prompt_tokens"]) == (2, 10, 20)
    assert (row["amount"], row["amount_nano"]) == ("-0.00002", -20_000)
    assert (row["username"], row["token_name"], row["model_name"]) == (
        "bob",
        "laptop",
        "test-model",
    )
    assert row["request_id"] == "r2" and row["elapsed_time"] == 5 and row["is_stream"] is False
    assert "channel" not in row and "user_id" not in row
    assert found[0]["quota"] == 1  # half a quota is shown as one, and kept exactly
    assert found[3]["quota"] == 500_000 and found[3]["type"] == 1
    refused(await user.get("/api/log/self?username=eve"), 400, "username")
    refused(await user.get("/api/log/self?channel=4"), 400, "channel")


async def test_filters_of_the_log(admin: httpx.AsyncClient, charges: dict[str, int]) -> None:
    async def ids(**query: Any) -> list[str]:
        return [row["request_id"] for row in await rows(admin, "/api/log/", **query)]

    assert await ids(type=2) == ["e1", "r3", "r2", "r1"]
    assert await ids(type=2, username="bob") == ["r3", "r2", "r1"]
    assert await ids(username="nobody") == []
    assert await ids(token_name="laptop") == ["e1", "r3", "r2", "r1"]
    assert await ids(token_name="lap") == []
    assert await ids(channel=4) == ["e1"]
    (known,) = await rows(admin, "/api/log/", channel=4)
    assert (known["channel"], known["channel_name"]) == (4, "")
    assert await ids(model_name="test-model", page_size=2, p=1) == ["r2", "r1"]
    assert await ids(type=2, start_timestamp=4_000_000_000) == []
    assert await ids(type=2, end_timestamp="2001-01-01T00:00:00Z") == []
    assert len(await ids(type=2, start_timestamp=1_000_000_000)) == 4
    assert await ids(type=5) == []
    assert await ids(group="default") == ["e1", "r3", "r2", "r1"]
    assert await ids(group="vip") == [] == await ids(outcome="client_closed")
    assert await ids(outcome="complete", username="bob") == ["r3", "r2", "r1"]


async def test_the_log_is_exported_as_it_is_filtered(
    admin: httpx.AsyncClient, user: httpx.AsyncClient, charges: dict[str, int]
) -> None:
    lines = (await user.get("/api/log/self/export?type=2")).text.splitlines()
    assert [orjson.loads(line)["id"] for line in lines] == ["usage:r1", "usage:r2", "usage:r3"]
    assert '"channel"' not in "".join(lines)
    everybody = await admin.get("/api/log/export?format=csv&model_name=test-model")
    amounts = [int(row["amount_nano"]) for row in csv.DictReader(io.StringIO(everybody.text))]
    assert sum(amounts) == -531_000
    assert "log.csv" in everybody.headers["content-disposition"]
    refused(await user.get("/api/log/export"), 403)
    refused(await user.get("/api/log/self/export?username=eve"), 400, "username")
    refused(await user.get("/api/log/self/export?p=2"), 400, "p")


async def test_sums_are_exact(
    admin: httpx.AsyncClient, user: httpx.AsyncClient, charges: dict[str, int]
) -> None:
    mine = await data(await user.get("/api/log/self/stat"))
    assert mine == {"quota": 16, "amount": "0.000031", "amount_nano": 31_000, "count": 3}
    whole = await data(await admin.get("/api/log/stat?model_name=test-model"))
    assert whole["amount_nano"] == 531_000 and whole["count"] == 4
    nothing = await data(await admin.get("/api/log/stat?username=nobody"))
    assert nothing == {"quota": 0, "amount": "0", "amount_nano": 0, "count": 0}


async def test_search(
    admin: httpx.AsyncClient, user: httpx.AsyncClient, charges: dict[str, int]
) -> None:
    async def ids(client: httpx.AsyncClient, path: str, keyword: str) -> list[str]:
        return [row["event_id"] for row in await rows(client, path, keyword=keyword)]

    assert await ids(admin, "/api/log/search", "e1") == ["usage:e1"]
    assert await ids(admin, "/api/log/search", "eve") == ["usage:e1", "recharge:test:b"]
    assert await ids(user, "/api/log/self/search", "usage:r1") == ["usage:r1"]
    assert await ids(user, "/api/log/self/search", "e1") == []
    assert len(await ids(user, "/api/log/self/search", "laptop")) == 3


async def test_the_log_cannot_be_deleted(
    server: Server, root: httpx.AsyncClient, charges: dict[str, int]
) -> None:
    before = await server.books.store.count("events", {})
    refused(await root.delete("/api/log/?target_timestamp=4000000000"), 403, "ledger")
    assert await server.books.store.count("events", {}) == before


async def test_dashboard_sums_the_week(user: httpx.AsyncClient, charges: dict[str, int]) -> None:
    (day,) = await data(await user.get("/api/user/dashboard"))
    assert day.pop("Day").count("-") == 2
    assert day == {
        "ModelName": "test-model",
        "RequestCount": 3,
        "Quota": 16,
        "PromptTokens": 31,
        "CompletionTokens": 0,
    }


@pytest.mark.parametrize("order", ["asc", "desc"])
async def test_pages_of_events_never_repeat_or_skip(
    admin: httpx.AsyncClient, charges: dict[str, int], order: str
) -> None:
    whole = await rows(admin, f"{LEDGER}events", order=order, limit=1000)
    walked: list[dict[str, Any]] = []
    after: dict[str, str] = {}
    while True:
        page = await admin.get(f"{LEDGER}events", params={"order": order, "limit": 2, **after})
        walked += await data(page)
        if page.json()["next"] is None:
            break
        after = {"after": page.json()["next"]}
    assert walked == whole and len(whole) >= 6
    times = [event["ts"] for event in whole]
    assert times == sorted(times, reverse=order == "desc")


async def test_events_by_account_type_and_time(
    admin: httpx.AsyncClient, bob: Person, charges: dict[str, int]
) -> None:
    async def ids(**query: Any) -> list[str]:
        return [event["id"] for event in await rows(admin, f"{LEDGER}events", **query)]

    mine = await ids(account=f"user:{bob.id}")
    assert mine == ["recharge:test:a", "usage:r1", "usage:r2", "usage:r3"]
    assert await ids(account=f"key:{charges['second']}") == ["usage:r2", "usage:r3"]
    assert await ids(account="channel:4") == ["usage:e1"]
    assert await ids(account=f"user:{bob.id}", type="recharge.credited") == mine[:1]
    (event,) = await rows(admin, f"{LEDGER}events", account="channel:4")
    assert event["amount"] == "-0.0005" and event["amount_nano"] == -500_000
    (third,) = [e for e in await rows(admin, f"{LEDGER}events") if e["id"] == "usage:r3"]
    window = {"from": third["ts"], "account": f"user:{bob.id}"}
    assert await ids(**window) == ["usage:r3"]
    assert await ids(**window, to=third["ts"]) == []


async def test_an_event_is_explained(user: httpx.AsyncClient, charges: dict[str, int]) -> None:
    event = await data(await user.get(f"{LEDGER}self/events/usage:r2"))
    assert event["id"] == "usage:r2" and event["body"]["usage"] == {"input": 20}
    assert event["explanation"]["agrees"] is True
    assert "20 input × 1" in event["explanation"]["formula"]
    assert event["explanation"]["charged"] == "0.00002"
    credit = await data(await user.get(f"{LEDGER}self/events/recharge%3Atest%3Aa"))
    assert credit["explanation"] == {"text": "recharge by test", "reversal": None}


async def test_one_sees_nothing_of_others(user: httpx.AsyncClient, charges: dict[str, int]) -> None:
    own = f"{LEDGER}self/"
    refused(await user.get(f"{own}events/usage:e1"), 404)
    refused(await user.get(f"{own}events/open:user:1"), 404)
    for account in (f"user:{charges['eve']}", f"key:{charges['foreign']}", "channel:4", "prices"):
        for what in ("events", "balance", "export"):
            refused(await user.get(f"{own}{what}?account={account}"), 403, "account")
    ids = [event["id"] for event in await rows(user, f"{own}events")]
    assert ids == ["recharge:test:a", "usage:r1", "usage:r2", "usage:r3"]
    ids = [e["id"] for e in await rows(user, f"{own}events", account=f"key:{charges['first']}")]
    assert ids == ["usage:r1"]


async def test_balances(
    admin: httpx.AsyncClient, user: httpx.AsyncClient, bob: Person, charges: dict[str, int]
) -> None:
    mine = await data(await user.get(f"{LEDGER}self/balance"))
    assert mine["account"] == f"user:{bob.id}" and mine["balance"] == "0.999969"
    assert mine["spent"] == "0.000031" and mine["requests"] == 3 and mine["quota"] == 499_984
    path = f"{LEDGER}balance?account=user:{bob.id}"
    assert await data(await admin.get(path)) == mine
    channel = await data(await admin.get(f"{LEDGER}balance?account=channel:{NOWHERE}"))
    assert channel["spent_nano"] == 31_000
    refused(await admin.get(f"{LEDGER}balance"), 400, "account")
    refused(await admin.get(f"{LEDGER}balance?account=bob"), 400, "account")


async def test_exports_agree_with_the_balance(
    admin: httpx.AsyncClient, user: httpx.AsyncClient, bob: Person, charges: dict[str, int]
) -> None:
    lines = (await user.get(f"{LEDGER}self/export?format=jsonl")).text.splitlines()
    events = [orjson.loads(line) for line in lines]
    assert sum(event["amount_nano"] for event in events) == 10**9 - 31_000
    table = await admin.get(f"{LEDGER}export?format=csv&account=user:{bob.id}")
    assert table.headers["Content-Type"].startswith("text/csv")
    assert "attachment" in table.headers["Content-Disposition"]
    cells = list(csv.DictReader(io.StringIO(table.text)))
    assert [cell["id"] for cell in cells] == [event["id"] for event in events]
    assert [cell["amount"] for cell in cells] == [event["amount"] for event in events]
    refused(await user.get(f"{LEDGER}self/export?format=xml"), 400, "format")


async def test_verify_answers_what_it_checked(
    server: Server, admin: httpx.AsyncClient, charges: dict[str, int]
) -> None:
    report = await data(await admin.get(f"{LEDGER}verify"))
    assert report["ok"] is True and report["faults"] == [], report["lines"]
    changed = {"$inc": {"amount": -1}}
    await server.books.store.update_one("events", {"_id": "usage:r1"}, changed)
    report = await data(await admin.get(f"{LEDGER}verify"))
    assert report["ok"] is False
    assert "usage:r1" in {fault["subject"] for fault in report["faults"]}


BAD_QUERIES: list[tuple[Any, ...]] = [
    ("limit=0", "limit"),
    ("limit=1001", "limit"),
    ("limit=x", "limit"),
    ("from=yesterday", "from"),
    ("from=2025-01-01", "from"),
    ("from=2025-01-01T00:00:00", "from"),
    ("to=99999999999999", "to"),
    ("order=up", "order"),
    ("after=x", "after"),
    ("after=1~", "after"),
    ("account=user:1' or 1", "account"),
    ("account[$ne]=1", "account[$ne]"),
    ("limt=5", "limt"),
]


async def test_bad_queries_are_named(admin: httpx.AsyncClient) -> None:
    for query, named in BAD_QUERIES:
        refused(await admin.get(f"{LEDGER}events?{query}"), 400, named)


MOMENTS = ["1735689600", "2025-01-01T00:00:00Z", "2025-01-01T01:00:00%2B01:00"]


async def test_times_are_rfc3339_or_unix_seconds(admin: httpx.AsyncClient) -> None:
    for moment in MOMENTS:
        assert (await admin.get(f"{LEDGER}events?from={moment}")).status_code == 200
