"""What is left at the vendors: each vendor's form, exact amounts, several keys, rounds."""

import logging
from collections.abc import AsyncIterator
from datetime import date
from typing import Any

import httpx
import pytest
import pytest_asyncio

from gateway.channels.balances import Account, _by_site
from gateway.jobs import JOBS
from tests.fakes.whole_vendor import WholeVendor
from tests.gateway.channels.test_care_tests import add, root, round_over, vendor
from tests.gateway.relay.conftest import Gate, gate, running_gate

__all__ = ["gate", "root", "running_gate", "vendor"]

pytestmark = pytest.mark.asyncio(loop_scope="module")

GRANTS = "/dashboard/billing/credit_grants"
NOVITA = "/openapi/v1/billing/balance/detail"
BIG = "9007199254740993"
INFOS = [
    {"currency": "USD", "total_balance": "7.00"},
    {"currency": "CNY", "total_balance": "110.10"},
]
# Amounts that no float holds.
SHOWN: list[tuple[int, dict[str, Any], str, str]] = [
    (
        1,
        {
            "/v1/dashboard/billing/subscription": '{"hard_limit_usd": 120.000000000000000001}',
            "/v1/dashboard/billing/usage": '{"total_usage": 1050}',
        },
        "109.500000000000000001",
        "USD",
    ),
    (4, {GRANTS: {"total_available": 3}}, "3", ""),
    (
        5,
        {"/sb-api/user/status": {"data": {"credit": "9007199254740993"}}},
        "9007199254740993",
        "points",
    ),
    (10, {"/api/report/getUserOverview": {"data": {"totalPoints": 12}}}, "12", "points"),
    (12, {GRANTS: '{"total_remaining": 0.1}'}, "0.1", ""),
    (13, {GRANTS: {"total_available": -2}}, "-2", ""),
    (20, {"/v1/credits": '{"data": {"total_credits": 100.3, "total_usage": 0.1}}'}, "100.2", "USD"),
    (25, {"/v1/users/me/balance": '{"data": {"available_balance": 49.58894}}'}, "49.58894", ""),
    (32, {"/v1/accounts": '{"balance": 15.07}'}, "15.07", ""),
    (36, {"/user/balance": {"balance_infos": INFOS}}, "110.10", "CNY"),
    (
        41,
        {"/openapi/v1/billing/balance/detail": {"availableBalance": "1000001"}},
        "100.0001",
        "USD",
    ),
    (44, {"/v1/user/info": {"code": 20000, "data": {"totalBalance": "88.00"}}}, "88.00", ""),
]


@pytest_asyncio.fixture(loop_scope="module")
async def shown(vendor: WholeVendor) -> AsyncIterator[WholeVendor]:
    """A vendor that shows every kind of page."""
    for _, pages, _, _ in SHOWN:
        vendor.pages |= {address: page for address, page in pages.items() if address != GRANTS}
    yield vendor


async def test_every_vendors_form_is_read_exactly_and_kept(
    gate: Gate, root: httpx.AsyncClient, shown: WholeVendor
) -> None:
    for kind, pages, balance, currency in SHOWN:
        shown.pages |= pages
        channel = await add(gate, shown, "m", type=kind)
        answer = (await root.get(f"/channel/update_balance/{channel.id}")).json()
        told = (answer["success"], answer["balance_exact"], answer["balance_currency"])
        assert told == (True, balance, currency), (kind, answer)
        kept = (await root.get(f"/channel/{channel.id}")).json()["data"]
        assert kept["balance_currency"] == currency and kept["balance_updated_time"] > 0
        assert (await gate.running.directory.channels.get(channel.id)).balance == balance
        assert all("upstream-secret" in f"{s.headers} {s.uri}" for s in shown.seen)
    (key_in_header,) = [s for s in shown.seen if s.uri == "/api/report/getUserOverview"]
    assert key_in_header.headers["api-key"] == "upstream-secret"
    usage = next(s.uri for s in shown.seen if "billing/usage?" in s.uri)
    assert "start_date=" in usage and "end_date=" in usage


async def test_a_vendor_with_two_sites_counts_in_two_currencies(gate: Gate) -> None:
    vendor, pages = gate.running.relay.catalogue.vendor(25), gate.running.care.pages
    sites = {"": "CNY", "https://api.moonshot.ai/v1": "USD", "https://my.proxy.example": ""}
    for base_url, currency in sites.items():
        channel = await gate.channel("m", type=25, base_url=base_url)
        account = Account(pages, channel, vendor, "sk", date(2026, 11, 22))
        assert _by_site(account) == currency


async def test_what_is_not_told_is_said_kindly_and_changes_nothing(
    gate: Gate, root: httpx.AsyncClient, vendor: WholeVendor
) -> None:
    async def asked(**changes: Any) -> str:
        channel = await add(gate, vendor, "m", **changes)
        answer = (await root.get(f"/channel/update_balance/{channel.id}")).json()
        assert answer["success"] is False and answer["balance"] == 0
        assert (await root.get(f"/channel/{channel.id}")).json()["data"]["balance"] == 0
        return str(answer["message"])

    assert "Anthropic Claude shows no balance" in await asked(type=14)
    assert "404: no such page" in await asked(type=32)
    vendor.pages["/v1/accounts"] = "<html>"
    assert "no JSON object" in await asked(type=32)
    for odd in ('{"balance": "much"}', '{"balance": null}', '{"balance": true}', "[]"):
        vendor.pages["/v1/accounts"] = odd
        await asked(type=32)
    for odd in ('{"balance": 1e999999}', '{"balance": NaN}', '{"balance": "Infinity"}'):
        vendor.pages["/v1/accounts"] = odd
        await asked(type=32)
    vendor.pages["/v1/user/info"] = {"code": 30001, "message": "who is upstream-secret?"}
    assert await asked(type=44) == "who is ***?"
    assert "127.0.0.1:1" in await asked(type=32, base_url="http://127.0.0.1:1")
    vendor.pages["/v1/credits"] = {"error": {"message": "management keys only"}}
    vendor.status["/v1/credits"] = 403
    vendor.pages["/v1/key"] = '{"data": {"limit_remaining": 4.25}}'
    channel = await add(gate, vendor, "m", type=20)
    answer = (await root.get(f"/channel/update_balance/{channel.id}")).json()
    assert (answer["balance_exact"], answer["balance_currency"]) == ("4.25", "USD")


async def test_several_keys_are_added_and_each_is_on_record(
    gate: Gate, root: httpx.AsyncClient, vendor: WholeVendor
) -> None:
    directory = gate.running.directory
    given = {"type": 32, "name": "t", "base_url": vendor.url, "models": ["m"]}
    channel = await directory.channels.create(given, "sk-one\nsk-two")
    by = {"sk-one": '{"balance": 0.1}', "sk-two": '{"balance": 0.2}'}
    vendor.pages["/v1/accounts"] = {"by": by}
    answer = (await root.get(f"/channel/update_balance/{channel.id}")).json()
    assert answer["balance_exact"] == "0.3"
    record = (await root.get(f"/channel/{channel.id}/care")).json()["data"]["balance"]
    assert sorted(k["balance"] for k in record["keys"].values()) == ["0.1", "0.2"]
    assert "sk-one" not in str(record)
    del by["sk-two"]
    answer = (await root.get(f"/channel/update_balance/{channel.id}")).json()
    assert "key 2: status 404" in answer["message"]
    assert (await root.get(f"/channel/{channel.id}")).json()["data"]["balance"] == 0.3


async def test_a_round_asks_those_that_show_it_and_names_the_empty_ones(
    gate: Gate, root: httpx.AsyncClient, vendor: WholeVendor, caplog: pytest.LogCaptureFixture
) -> None:
    vendor.pages["/v1/accounts"] = '{"balance": -0.01}'
    empty = await add(gate, vendor, "m", type=32)
    failing = await add(gate, vendor, "m", type=36)
    await add(gate, vendor, "m", type=14)
    await add(gate, vendor, "m", type=32, status=2)
    with caplog.at_level(logging.INFO, "tollgate.channels"):
        assert (await root.get("/channel/update_balance")).json()["data"] == {"channels": 2}
        await round_over(root, "balances")
    (notice,) = [r.message for r in caplog.records if "a round of balances" in r.message]
    assert f"1 nothing left ({empty.id})" in notice and f"1 failed ({failing.id})" in notice
    caplog.clear()
    assert {job.name: job.leader_only for job in JOBS}["balances"]
