"""What auditors ask for: verifications with progress, bundles, balances of all, narrower events."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from ledger.bundle_check import check_bundle
from ledger.verify_runs import COLLECTION, SILENT_US
from tests.admin.harness import Person, Server, data, refused
from tests.ledger.drafts import charge, recharge
from tests.waiting import until

LEDGER = "/api/ledger/"
RUNS = f"{LEDGER}verifications"


@pytest.fixture
async def charged(server: Server, bob: Person) -> str:
    """Some events; returns the id of the request of a charge."""
    await server.books.record(recharge("a", f"user:{bob.id}", 10**9))
    await server.books.record(charge("r1", 5, user=bob.id, held=()))
    await server.books.record(charge("r2", 7, user=bob.id, held=()))
    await server.books.settled()
    return "r1"


async def ended(client: httpx.AsyncClient) -> dict[str, Any]:
    """The newest run, once it has ended."""
    found: list[dict[str, Any]] = []

    async def done() -> bool:
        found[:] = await data(await client.get(RUNS))
        return bool(found and found[0]["state"] != "running")

    await until(done, 30, "the verification has ended")
    return found[0]


async def test_a_verification_is_started_watched_and_remembered(
    server: Server, charged: str, admin: httpx.AsyncClient, alice: Person
) -> None:
    assert await data(await admin.get(RUNS)) == []
    begun = await data(await admin.post(RUNS))
    assert (begun["id"], begun["state"], begun["actor"]) == (1, "running", f"user:{alice.id}")
    again = await admin.post(RUNS)
    assert again.status_code in (200, 409)  # it may have ended meanwhile
    run = await ended(admin)
    said = await data(await admin.get(f"{LEDGER}verify"))
    for name in ("ok", "faults", "writers", "accounts"):
        assert run["report"][name] == said[name]
    assert run["ended"] >= run["began"] and run["error"] is None
    assert run["done"] == run["report"]["events"] == run["total"]

    store = server.books.store
    await store.update_one("accounts", {"_id": "user:2"}, {"$inc": {"credited": 7}}, upsert=True)
    await data(await admin.post(RUNS, json={"new": True}))
    wrong = await ended(admin)
    assert wrong["new"] is True and wrong["report"]["ok"] is False
    assert wrong["report"]["faults"][0]["kind"] == "account changed"


async def test_one_runs_at_a_time_and_a_silent_one_is_told(
    server: Server, charged: str, admin: httpx.AsyncClient
) -> None:
    await data(await admin.post(RUNS))
    await ended(admin)
    store = server.books.store
    now_us = await store.server_now_us()
    runs = {"$set": {"state": "running", "beat_us": now_us}}
    await store.update_one(COLLECTION, {"_id": 1}, runs)
    refused(await admin.post(RUNS), 409, "running already")
    await store.update_one(COLLECTION, {"_id": 1}, {"$set": {"beat_us": now_us - 2 * SILENT_US}})
    assert (await data(await admin.get(RUNS)))[0]["state"] == "broken"
    assert (await data(await admin.post(RUNS)))["id"] == 2
    await ended(admin)
    assert len(await data(await admin.get(RUNS))) == 2


async def test_a_bundle_is_downloaded_and_right(
    server: Server, charged: str, admin: httpx.AsyncClient, tmp_path: Path
) -> None:
    answer = await admin.get(f"{LEDGER}bundle")
    assert answer.status_code == 200 and answer.headers["content-type"] == "application/x-tar"
    assert "books-1.tar" in answer.headers["content-disposition"]
    path = tmp_path / "books.tar"
    path.write_bytes(answer.content)
    digest = (await data(await admin.get(f"{LEDGER}seals")))[0]["digest"]
    report = check_bundle(path, expected=[digest], processes=1)
    assert report.ok, report.lines


async def test_balances_of_all_are_those_of_each(
    server: Server, charged: str, admin: httpx.AsyncClient, bob: Person
) -> None:
    for times in ({}, {"known_at": "2020-01-01T00:00:00Z"}, {"at": "2099-01-01T00:00:00Z"}):
        rows = await data(await admin.get(f"{LEDGER}balances", params=times))
        assert f"user:{bob.id}" in [row["account"] for row in rows]
        for row in rows:
            one = {"account": row["account"], **times}
            said = await data(await admin.get(f"{LEDGER}balance", params=one))
            assert said["balance_nano"] == row["balance_nano"]
    page = (await admin.get(f"{LEDGER}balances", params={"limit": 1})).json()
    after = {"after": page["next"]}
    rest = (await admin.get(f"{LEDGER}balances", params=after)).json()
    assert len(page["data"]) == 1 and rest["total"] == len(rest["data"]) + 1


async def test_events_are_narrowed_to_requests_people_and_objects(
    server: Server, charged: str, admin: httpx.AsyncClient, root: httpx.AsyncClient, alice: Person
) -> None:
    for said in (charged, f"usage:{charged}"):
        rows = await data(await admin.get(f"{LEDGER}events", params={"request": said}))
        assert [row["id"] for row in rows] == [f"usage:{charged}"]
    made = {"name": "laptop", "unlimited_quota": True}
    await data(await admin.post("/api/token/", json=made))
    who = {"actor": f"user:{alice.id}", "account": "directory"}
    rows = await data(await admin.get(f"{LEDGER}events", params=who))
    assert [row["body"]["action"] for row in rows] == ["key.create"]
    by = {"action": "key.create", "object": rows[0]["body"]["object"]}
    answer = await admin.get(f"{LEDGER}events", params=by)
    assert [row["id"] for row in await data(answer)] == [rows[0]["id"]]
    assert answer.json()["total"] == 1
    exported = await admin.get(f"{LEDGER}export", params=by)
    assert [line.count(rows[0]["id"]) for line in exported.text.splitlines()] == [1]


async def test_they_are_for_admins(user: httpx.AsyncClient) -> None:
    for path in ("verifications", "bundle", "balances"):
        refused(await user.get(LEDGER + path), 403, "admins")
    refused(await user.post(RUNS), 403, "admins")
