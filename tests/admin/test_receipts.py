"""Receipts and seals through the API: one's own, for everybody; verification of what is new."""

import httpx
import pytest

from ledger.receipts import check_receipt
from tests.admin.harness import Person, Server, data, person, refused
from tests.ledger.drafts import charge, recharge

LEDGER = "/api/ledger/"


@pytest.fixture
async def charged(server: Server, bob: Person) -> str:
    """A charge of bob's among those of somebody else; returns its id."""
    eve = await person(server, "eve")
    await server.books.record(recharge("a", f"user:{bob.id}", 10**9))
    await server.books.record(recharge("b", f"user:{eve.id}", 10**9))
    for n in range(3):
        await server.books.record(charge(f"b{n}", 5, user=bob.id, held=()))
        await server.books.record(charge(f"e{n}", 5, user=eve.id, held=()))
    return "usage:b1"


async def test_a_user_gets_the_receipt_of_an_own_charge(
    user: httpx.AsyncClient, admin: httpx.AsyncClient, charged: str
) -> None:
    receipt = await data(await user.get(f"{LEDGER}self/events/{charged}/receipt"))
    report = check_receipt(receipt)
    assert report.ok, report.lines
    assert receipt["event"]["_id"] == charged
    (seal,) = await data(await user.get(f"{LEDGER}seals?limit=1"))
    assert check_receipt(receipt, expected=[seal["digest"]]).ok
    assert await data(await admin.get(f"{LEDGER}events/{charged}/receipt")) == receipt


async def test_a_user_gets_no_receipt_of_others(
    user: httpx.AsyncClient, admin: httpx.AsyncClient, charged: str
) -> None:
    refused(await user.get(f"{LEDGER}self/events/usage:e1/receipt"), 404, "usage:e1")
    refused(await user.get(f"{LEDGER}self/events/usage:none/receipt"), 404)
    refused(await user.get(f"{LEDGER}events/{charged}/receipt"), 403)
    assert check_receipt(await data(await admin.get(f"{LEDGER}events/usage:e1/receipt"))).ok


async def test_seals_can_be_written_down_by_anyone_who_signed_in(
    user: httpx.AsyncClient,
    admin: httpx.AsyncClient,
    stranger: httpx.AsyncClient,
    server: Server,
    charged: str,
) -> None:
    assert await data(await user.get(f"{LEDGER}seals")) == []
    for n in range(3):
        await server.books.record(charge(f"later{n}", 1, user=1, held=()))
        await data(await admin.get(f"{LEDGER}events/usage:later{n}/receipt"))
    page = await user.get(f"{LEDGER}seals?limit=2")
    assert [seal["number"] for seal in await data(page)] == [3, 2]
    assert page.json()["total"] == 3 and page.json()["next"] == 2
    rest = await user.get(f"{LEDGER}seals?limit=2&before=2")
    assert [seal["number"] for seal in await data(rest)] == [1]
    assert rest.json()["next"] is None
    first = (await data(rest))[0]
    assert "events" not in first and len(first["digest"]) == 64
    assert (await data(await admin.get(f"{LEDGER}seals")))[0]["events"] > 6
    refused(await stranger.get(f"{LEDGER}seals"), 401)
    refused(await user.get(f"{LEDGER}seals?limit=0"), 400, "limit")


async def test_the_last_seal_has_no_receipt_yet(admin: httpx.AsyncClient, charged: str) -> None:
    await data(await admin.get(f"{LEDGER}events/{charged}/receipt"))
    refused(await admin.get(f"{LEDGER}events/seal:1/receipt"), 409, "next")


async def test_only_what_is_new_is_verified(
    admin: httpx.AsyncClient, server: Server, bob: Person, charged: str
) -> None:
    whole = await data(await admin.get(f"{LEDGER}verify"))
    assert whole["ok"] and whole["checked_before"] == 0
    await server.books.record(charge("new", 1, user=bob.id, held=()))
    await server.books.settled()
    new = await data(await admin.get(f"{LEDGER}verify?new=true"))
    assert new["ok"], new["lines"]
    assert new["checked_before"] >= whole["events"] - 1 and new["events"] <= 2
    refused(await admin.get(f"{LEDGER}verify?new=perhaps"), 400, "new")
