"""Dashboards: sums by anything, exact at once, without the operator's business for users."""

from dataclasses import replace

import httpx
import pytest

from tests.admin.harness import Person, Server, data, person, refused
from tests.ledger.drafts import charge, recharge

ROUTE = "/api/ledger/dashboard"
OWN = "/api/ledger/self/dashboard"


@pytest.fixture
async def used(server: Server, bob: Person) -> Person:
    """Bob and eve used two channels; returns eve."""
    eve = await person(server, "eve")
    books = server.books
    await books.record(recharge("a", f"user:{bob.id}", 10**9))
    for name, tokens, user, channel in (
        ("r1", 10, bob.id, 3),
        ("r2", 20, bob.id, 4),
        ("e1", 500, eve.id, 4),
    ):
        await books.record(charge(name, tokens, user=user, key=7, channel=channel, held=()))
    return eve


async def test_sums_by_anything(admin: httpx.AsyncClient, used: Person, bob: Person) -> None:
    answer = (await admin.get(ROUTE, params={"by": "day,channel"})).json()
    assert [(row["channel"], row["charged_nano"]) for row in answer["data"]] == [
        (3, 10_000),
        (4, 520_000),
    ]
    assert answer["totals"]["requests"] == 3 and answer["totals"]["charged"] == "0.00053"
    assert answer["totals"]["margin_nano"] + answer["totals"]["cost_nano"] == 530_000
    by_user = await data(await admin.get(ROUTE, params={"by": "user"}))
    assert [(row["username"], row["requests"]) for row in by_user] == [("eve", 1), ("bob", 2)]
    (only,) = await data(await admin.get(ROUTE, params={"by": "model", "user": bob.id}))
    assert only["model"] == "test-model" and only["usage"] == {"input": 30}
    assert only["latency_ms"] == 5 and only["first_token_ms"] is None
    (hour,) = await data(await admin.get(ROUTE, params={"by": "hour", "channel": 3}))
    assert hour["hour"].endswith(":00:00.000000Z") and hour["charged_nano"] == 10_000
    kinds = await data(await admin.get(ROUTE, params={"by": "type", "user": bob.id}))
    assert {row["type"]: row["amount_nano"] for row in kinds} == {
        "usage.charged": -30_000,
        "recharge.credited": 10**9,
    }
    assert await data(await admin.get(ROUTE, params={"to": "2020-01-01T00:00:00Z"})) == []


async def test_ones_own_has_no_costs_and_no_channels(user: httpx.AsyncClient, used: Person) -> None:
    (row,) = await data(await user.get(OWN, params={"by": "day,key"}))
    assert row["requests"] == 2 and row["key"] == 7 and row["charged_nano"] == 30_000
    assert not {"cost", "cost_nano", "margin", "margin_nano", "channel"} & set(row)
    for query in ("by=channel", "by=user", "channel=3", f"user={used.id}"):
        refused(await user.get(f"{OWN}?{query}"), 400, query.partition("=")[0])


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("by=day,day", "by"),
        ("by=weather", "by"),
        ("from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z", "to"),
        ("by=hour&from=2020-01-01T00:00:00Z", "from"),
        ("key=0", "key"),
    ],
)
async def test_bad_questions_are_named(admin: httpx.AsyncClient, query: str, named: str) -> None:
    refused(await admin.get(f"{ROUTE}?{query}"), 400, named)


async def test_sums_beyond_64_bits_are_told(admin: httpx.AsyncClient, server: Server) -> None:
    for number in range(6):
        rich = await person(server, f"rich{number}")
        body = {"user_id": rich.id, "quota": 10**15, "remark": "as much as can be"}
        await data(await admin.post("/api/topup", json=body))
    await server.books.rollups.until(server.books.rollups.fed)
    for path in (
        ROUTE,
        "/api/log/stat",
        "/api/log/?p=0",
        "/api/ledger/events",
        "/api/ledger/audit",
    ):
        answer = await admin.get(path)
        assert answer.status_code == 200, (path, answer.text)
    audited = await data(await admin.post("/api/ledger/audit"))
    assert audited["ok"], audited


async def test_percentiles_are_of_the_newest_charges(
    admin: httpx.AsyncClient, used: Person, server: Server
) -> None:
    for number in range(1, 41):
        draft = charge(f"p{number}", 1, user=used.id, key=7, channel=3, held=())
        body = {**draft.body, "latency_ms": {"total": number * 10, "first_token": None}}
        await server.books.record(replace(draft, body=body))
    answer = (await admin.get("/api/ledger/latency")).json()
    assert answer["read"] == 43 and answer["most"] == 5_000
    everything, busiest, other = answer["data"]
    assert everything["channel"] is None and everything["requests"] == 43
    assert (busiest["channel"], busiest["requests"], other["requests"]) == (3, 41, 2)
    # Of 41 times, sorted: 5 (of the first charge), 10, 20, … 400.
    assert busiest["latency_ms"] == {"p50": 200, "p95": 380, "p99": 400}
    assert busiest["first_token_ms"] is None
    later = {"from": "2099-01-01T00:00:00Z"}
    assert (await admin.get("/api/ledger/latency", params=later)).json()["data"] == []
