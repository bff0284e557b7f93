"""Reversing charges: shown first, alone up to a limit, with a second person above it."""

import asyncio
from typing import Any

import httpx
import pytest

from ledger import reversal_runs
from tests.admin.harness import Person, Server, admin_person, data, refused
from tests.ledger.drafts import charge, recharge
from tests.waiting import until

REVERSE = "/api/ledger/reverse"
LIST = "/api/ledger/reversals"
ALL = {"filter": {"model": "test-model"}, "reason": "bad prices"}


@pytest.fixture
async def charges(server: Server, bob: Person) -> None:
    """Ten charges to bob, a thousandth of a dollar and more each."""
    await server.books.record(recharge("a", f"user:{bob.id}", 10**9))
    for n in range(10):
        await server.books.append(charge(f"r{n}", 1_000 + n, user=bob.id, held=()))
    await server.books.settled()


@pytest.fixture
async def carol(server: Server) -> Any:
    """A second admin's program."""
    async with server.client((await admin_person(server, "carol")).token) as client:
        yield client


async def limit(server: Server, usd: int) -> None:
    await server.directory.options.set("ReversalApprovalUsd", usd)


async def quota(client: httpx.AsyncClient) -> str:
    return str((await data(await client.get("/api/ledger/self/balance")))["balance"])


async def test_one_charge_is_reversed_once_and_the_request_may_be_repeated(
    admin: httpx.AsyncClient, user: httpx.AsyncClient, charges: None
) -> None:
    body = {"event": "usage:r3", "reason": "it failed"}
    first = (await admin.post(REVERSE, json=body)).json()
    assert first["replayed"] is False
    assert (first["data"]["state"], first["data"]["total"]) == ("done", "0.001003")
    assert first["data"]["proposer"]["username"] == "alice"
    assert first["data"]["users"][0]["username"] == "bob"
    again = (await admin.post(REVERSE, json=body)).json()
    assert (again["replayed"], again["data"]) == (True, first["data"])
    assert await quota(user) == "0.990958"
    message = refused(await admin.post(REVERSE, json={**body, "reason": "another"}), 409)
    assert "it failed" in message
    event = await data(await admin.get("/api/ledger/events/reverse:usage:r3"))
    assert (event["amount"], event["body"]["charge"]) == ("0.001003", "usage:r3")


async def test_a_dry_run_shows_numbers_and_writes_nothing(
    server: Server, admin: httpx.AsyncClient, charges: None, bob: Person
) -> None:
    events = await server.books.store.count("events", {})
    shown = await data(await admin.post(REVERSE, json={**ALL, "dry_run": True, "reason": ""}))
    assert (shown["count"], shown["total"], shown["total_nano"]) == (10, "0.010045", 10_045_000)
    assert shown["needs_approval"] is False and len(shown["digest"]) == 64
    assert shown["users"][0]["account"] == f"user:{bob.id}"
    assert shown["models"][0] == {
        "model": "test-model",
        "count": 10,
        "amount": "0.010045",
        "amount_nano": 10_045_000,
    }
    assert await server.books.store.count("events", {}) == events
    assert await server.books.store.count("reversals", {}) == 0
    done = await data(await admin.post(REVERSE, json={**ALL, "digest": shown["digest"]}))
    assert done["progress"]["reversed"] == 10
    late = {**ALL, "reason": "again", "digest": shown["digest"]}
    refused(await admin.post(REVERSE, json=late), 404, "already")


async def test_above_the_limit_a_second_admin_approves(
    server: Server,
    admin: httpx.AsyncClient,
    carol: httpx.AsyncClient,
    user: httpx.AsyncClient,
    charges: None,
) -> None:
    await limit(server, 0)
    proposed = await data(await admin.post(REVERSE, json=ALL))
    assert (proposed["state"], proposed["approver"]) == ("proposed", None)
    assert await quota(user) == "0.989955"
    path = f"{LIST}/{proposed['id']}"
    refused(await admin.post(f"{path}/approve"), 403, "somebody else")
    refused(await user.post(f"{path}/approve"), 403)
    listed = (await carol.get(LIST, params={"state": "proposed"})).json()
    assert listed["total"] == 1 and listed["data"][0]["id"] == proposed["id"]
    decision = {"digest": proposed["digest"]}
    done = await data(await carol.post(f"{path}/approve", json=decision))
    assert (done["state"], done["approver"]["username"]) == ("done", "carol")
    assert done["progress"] == {
        "reversed": 10,
        "skipped": 0,
        "amount": "0.010045",
        "amount_nano": 10_045_000,
    }
    assert await quota(user) == "1"
    assert (await data(await admin.get(path)))["ended"] is not None
    refused(await server_reject(carol, path), 409, "done already")
    audits = await server.books.store.find_list("events", {"type": "audit.recorded"})
    actions = [event["body"]["action"] for event in audits]
    for step in ("proposed", "approved", "done"):
        assert f"reversal.{step}" in actions


async def server_reject(client: httpx.AsyncClient, path: str) -> httpx.Response:
    return await client.post(f"{path}/reject", json={"reason": "no"})


async def test_a_rejected_proposal_stays_rejected(
    server: Server, admin: httpx.AsyncClient, carol: httpx.AsyncClient, charges: None
) -> None:
    await limit(server, 0)
    proposed = await data(await admin.post(REVERSE, json=ALL))
    path = f"{LIST}/{proposed['id']}"
    rejected = await data(await server_reject(carol, path))
    assert (rejected["state"], rejected["note"]) == ("rejected", "no")
    refused(await carol.post(f"{path}/approve"), 409, "rejected already")
    assert await server.books.store.count("events", {"type": "usage.reversed"}) == 0


async def test_a_changed_cohort_is_refused_with_the_new_numbers(
    server: Server, admin: httpx.AsyncClient, carol: httpx.AsyncClient, charges: None
) -> None:
    await limit(server, 0)
    proposed = await data(await admin.post(REVERSE, json=ALL))
    await limit(server, 100)
    await data(await carol.post(REVERSE, json={"event": "usage:r0", "reason": "mine"}))
    path = f"{LIST}/{proposed['id']}"
    decision = {"digest": proposed["digest"]}
    refused(await carol.post(f"{path}/approve", json=decision), 409, "now 9", "0.009045 USD")
    shown = await data(await carol.get(path))
    assert (shown["count"], shown["state"]) == (9, "proposed")
    refused(await carol.post(f"{path}/approve", json=decision), 409)
    done = await data(await carol.post(f"{path}/approve", json={"digest": shown["digest"]}))
    assert done["progress"]["reversed"] == 9


async def test_two_admins_reverse_the_same_cohort_at_once(
    admin: httpx.AsyncClient,
    carol: httpx.AsyncClient,
    user: httpx.AsyncClient,
    charges: None,
) -> None:
    answers = await asyncio.gather(admin.post(REVERSE, json=ALL), carol.post(REVERSE, json=ALL))
    reversed_ = [
        answer.json()["data"]["progress"]["reversed"]
        for answer in answers
        if answer.status_code == 200
    ]
    assert sum(reversed_) == 10
    assert all(answer.status_code in (200, 404) for answer in answers)
    assert await quota(user) == "1"


async def test_large_cohorts_go_on_behind_the_answer(
    admin: httpx.AsyncClient, charges: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reversal_runs, "AT_ONCE", 3)
    begun = await data(await admin.post(REVERSE, json=ALL))
    assert begun["state"] == "approved"

    async def progress() -> Any:
        shown = await data(await admin.get(f"{LIST}/{begun['id']}"))
        return shown["state"] == "done" and shown["progress"]

    assert (await until(progress))["reversed"] == 10


async def test_a_recharge_is_taken_back_kindly_or_by_force(
    admin: httpx.AsyncClient, user: httpx.AsyncClient, charges: None
) -> None:
    body = {"event": "recharge:test:a", "reason": "charged back"}
    refused(await admin.post(REVERSE, json=body), 409, "0.989955 USD free", "force")
    assert await quota(user) == "0.989955"
    done = await data(await admin.post(REVERSE, json={**body, "force": True}))
    assert done["progress"]["amount"] == "0.989955"
    assert await quota(user) == "0"


@pytest.mark.parametrize(
    ("body", "status", "word"),
    [
        ({}, 400, "reason"),
        ({"reason": "x"}, 400, "either"),
        ({"event": "usage:r1", "filter": {"key": 1}, "reason": "x"}, 400, "either"),
        ({"event": "usage:r1"}, 400, "reason"),
        ({"event": "usage:nothing", "reason": "x"}, 404, "no event"),
        ({"event": "price:1", "reason": "x"}, 404, "no event"),
        ({"filter": {}, "reason": "x"}, 400, "every charge"),
        ({"filter": {"colour": "red"}, "reason": "x"}, 400, "colour"),
        ({"filter": {"model": {"$ne": ""}}, "reason": "x"}, 400, "filter.model"),
        ({"filter": {"from": "yesterday"}, "reason": "x"}, 400, "filter.from"),
        ({"filter": {"user": 999}, "reason": "x"}, 404, "no charge"),
        ({"event": "usage:r1", "reason": "x", "digest": "abc"}, 400, "digest"),
    ],
)
async def test_wrong_requests_are_refused_in_words(
    admin: httpx.AsyncClient, charges: None, body: dict[str, Any], status: int, word: str
) -> None:
    refused(await admin.post(REVERSE, json=body), status, word)


async def test_who_may(user: httpx.AsyncClient, stranger: httpx.AsyncClient) -> None:
    refused(await user.post(REVERSE, json=ALL), 403)
    refused(await user.get(LIST), 403)
    refused(await stranger.post(REVERSE, json=ALL), 401)


async def test_unknown_reversals_are_404(admin: httpx.AsyncClient) -> None:
    refused(await admin.get(f"{LIST}/abc-1"), 404, "no reversal")
    refused(await admin.post(f"{LIST}/abc-1/approve"), 404, "no reversal")
