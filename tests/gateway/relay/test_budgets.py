"""Budgets on the wire: which one is used up, when it renews, and what the charge says."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gateway.directory.users import User
from ledger import accounts
from ledger.events import Draft
from ledger.periods import Budget
from tests.gateway.relay.conftest import Gate
from tests.gateway.relay.test_answers import ASK, COST

pytestmark = pytest.mark.asyncio(loop_scope="module")

SHORT: dict[str, Any] = {**ASK, "max_tokens": 20}


async def test_a_charge_counts_in_the_budgets_in_force(gate: Gate) -> None:
    key, secret = await gate.key(budgets=[{"period": "day", "limit_nano": 10**9}])
    event = await gate.charge_of(await gate.post(secret, SHORT))
    day = datetime.now(UTC).date()
    budget = f"budget:{key.account}:day:{day}"
    assert event["body"]["hold"]["accounts"] == ["user:1", budget]
    await gate.books.settled()
    account = await accounts.read(gate.books.store, budget)
    assert (account["spent"], account["requests"], account["limit_nano"]) == (COST, 1, 10**9)


async def test_the_answer_says_which_budget_and_when_it_renews(gate: Gate) -> None:
    _, secret = await gate.key(
        budgets=[
            {"period": "day", "limit_nano": COST + 30_000},
            {"period": "month", "limit_nano": 10**9},
        ],
        budget_timezone="Asia/Shanghai",
    )
    assert (await gate.post(secret, SHORT)).status_code == 200
    refused = await gate.post(secret, SHORT)
    assert refused.status_code == 429
    error = refused.json()["error"]
    assert (error["code"], error["type"]) == ("budget_exceeded", "insufficient_quota")
    shanghai = datetime.now(UTC) + timedelta(hours=8)
    tomorrow = (shanghai + timedelta(days=1)).date()
    assert "this key's budget of 0.00012 USD a day, 0.00003 USD is left" in error["message"]
    assert f"It renews at {tomorrow}T00:00:00+08:00" in error["message"]
    wait_s = int(refused.headers["retry-after"])
    midnight = datetime.combine(tomorrow, datetime.min.time())
    left_s = (midnight - shanghai.replace(tzinfo=None)).total_seconds()
    assert abs(wait_s - left_s) < 30
    assert refused.headers["x-should-retry"] == "false" or wait_s <= 60


async def test_what_no_renewal_can_help_is_402(gate: Gate) -> None:
    _, secret = await gate.key(budgets=[{"period": "week", "limit_nano": 1_000}])
    refused = await gate.post(secret, SHORT)
    assert refused.status_code == 402
    assert "This key's budget does not cover" in refused.json()["error"]["message"]


async def somebody(gate: Gate) -> User:
    """A new user with a dollar."""
    user = await gate.running.directory.users.create(f"u{uuid.uuid4().hex[:8]}", "password-1")
    body = {"provider": "test", "reference": "r"}
    await gate.books.record(
        Draft(
            f"recharge:{uuid.uuid4().hex}", "recharge.credited", user.account, 10**9, "user:1", body
        )
    )
    return user


async def test_a_users_budget_binds_all_keys_and_changes_at_once(gate: Gate) -> None:
    directory, user = gate.running.directory, await somebody(gate)
    secrets = [(await directory.keys.create(user.id, {"unlimited": True}))[1] for _ in range(2)]
    await directory.users.update(user.id, {"budgets": (Budget("month", COST + 8_000 + 4_000),)})
    assert (await gate.post(secrets[0], SHORT)).status_code == 200
    refused = await gate.post(secrets[1], SHORT)
    assert refused.status_code == 429
    assert "your account's budget" in refused.json()["error"]["message"]
    await directory.users.update(user.id, {"budgets": (Budget("month", 3 * COST),)})
    assert (await gate.post(secrets[1], SHORT)).status_code == 200
    await directory.users.update(user.id, {"budgets": ()})
    event = await gate.charge_of(await gate.post(secrets[1], SHORT))
    assert event["body"]["hold"]["accounts"] == [user.account]


async def test_a_budget_that_is_short_makes_the_answer_shorter(gate: Gate) -> None:
    _, secret = await gate.key(budgets=[{"period": "day", "limit_nano": 108_000}])
    answer = await gate.post(secret, {**ASK, "max_tokens": 1_000})
    assert answer.status_code == 200
    assert gate.upstream.received[-1].body["max_tokens"] == 25


async def test_a_request_in_hand_asks_the_database_nothing(gate: Gate, monkeypatch: Any) -> None:
    user, directory = await somebody(gate), gate.running.directory
    budgets = [{"period": "day", "limit_nano": 10**9}]
    _, secret = await directory.keys.create(user.id, {"unlimited": True, "budgets": budgets})
    assert (await gate.post(secret, SHORT)).status_code == 200
    asked: list[Any] = []
    real = gate.books.budgets.hold

    def spied(*args: Any, **kwargs: Any) -> Any:
        asked.append(args)
        return real(*args, **kwargs)

    monkeypatch.setattr(gate.books.budgets, "hold", spied)
    assert (await gate.post(secret, SHORT)).status_code == 200
    assert asked == []
