"""What a request costs upstream: on the event and the channels, in every way a request can end."""

import asyncio
from typing import Any

import pytest

from ledger import accounts
from tests.fakes.upstream import Behaviour
from tests.gateway.relay.conftest import Gate
from tests.gateway.relay.test_answers import ASK, COST, HI
from tests.gateway.relay.test_endings import WORDS, hang_up_after
from tests.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")

ROW = {"input": "1", "output": "4"}


async def cost(gate: Gate, account: str) -> int:
    await gate.books.projector.until(gate.books.projector.fed)
    return int((await accounts.read(gate.books.store, account)).get("cost", 0))


async def priced(gate: Gate, model: str, **changes: Any) -> Any:
    """A model of its own with a channel of its own."""
    await gate.price({"model": model, **ROW})
    return await gate.channel(model, **changes)


async def ask(gate: Gate, secret: str, model: str, **more: Any) -> Any:
    return await gate.post(secret, {"model": model, "messages": HI, **more})


async def test_a_channel_that_says_nothing_has_no_known_cost(gate: Gate) -> None:
    _, secret = await gate.key()
    event = await gate.charge_of(await gate.post(secret, ASK))
    assert event["v"] == 3 and event["body"]["cost_nano"] == 0
    assert set(event["body"]["attempts"][0]) == {"channel", "status", "error"}


@pytest.mark.parametrize("stream", [False, True])
async def test_a_ratio_of_the_list_price(gate: Gate, stream: bool) -> None:
    channel = await priced(gate, f"ratio-{stream}", cost_ratio="0.35")
    _, secret = await gate.key()
    answer = await ask(gate, secret, f"ratio-{stream}", stream=stream)
    event = await gate.charge_of(answer)
    (attempt,) = event["body"]["attempts"]
    assert event["amount"] == -COST
    assert event["body"]["cost_nano"] == attempt["cost_nano"] == COST * 35 // 100
    assert attempt["cost"] == {"by": "ratio", "ratio": "0.35", "rates": ROW, "tier": None}
    assert "estimated" not in attempt and "usage" not in attempt
    assert await cost(gate, channel.account) == COST * 35 // 100


async def test_own_prices_by_the_upstreams_name_with_a_price_per_call(gate: Gate) -> None:
    rows = [{"model": "theirs", "input": "0.5", "output": "1", "calls": "0.001"}]
    await priced(gate, "ours", model_mapping={"ours": "theirs"}, cost_prices=rows)
    _, secret = await gate.key()
    event = await gate.charge_of(await ask(gate, secret, "ours"))
    (attempt,) = event["body"]["attempts"]
    assert attempt["cost_nano"] == 10 * 500 + 20 * 1_000 + 1_000_000
    assert attempt["usage"] == {"input": 10, "output": 20, "calls": 1}
    assert event["body"]["usage"] == {"input": 10, "output": 20}


async def test_the_groups_ratio_is_not_the_upstreams_business(gate: Gate) -> None:
    await gate.books.prices.publish(gate.books, author="user:1", note="", groups=[("default", "3")])
    try:
        await priced(gate, "grouped", cost_ratio="1")
        _, secret = await gate.key()
        event = await gate.charge_of(await ask(gate, secret, "grouped"))
        assert (event["amount"], event["body"]["cost_nano"]) == (-3 * COST, COST)
    finally:
        await gate.books.prices.publish(
            gate.books, author="user:1", note="", unset_groups=["default"]
        )


async def test_a_retried_attempt_that_was_cut_costs_its_input(gate: Gate) -> None:
    await gate.price({"model": "twice", **ROW})
    bad = await gate.channel("twice", priority=9, cost_ratio="1")
    good = await gate.channel("twice", cost_ratio="0.5")
    await gate.running.directory.options.set("RetryTimes", "3")
    try:
        gate.upstream.behaviour = Behaviour(cut_after=0)
        _, secret = await gate.key()
        asking = asyncio.create_task(ask(gate, secret, "twice"))
        await until(lambda: gate.upstream.received)
        gate.upstream.behaviour = Behaviour()
        event = await gate.charge_of(await asking)
    finally:
        await gate.running.directory.options.set("RetryTimes", "0")
    first, second = event["body"]["attempts"]
    assert (first["channel"], second["channel"]) == (bad.id, good.id)
    assert first["usage"] == {"input": 8} and first["estimated"] is True
    assert (first["cost_nano"], second["cost_nano"]) == (8_000, COST // 2)
    assert event["amount"] == -COST and event["body"]["cost_nano"] == 8_000 + COST // 2
    assert await cost(gate, bad.account) == 8_000
    assert await cost(gate, good.account) == COST // 2


async def test_a_refused_attempt_costs_nothing_unless_the_upstream_says_so(gate: Gate) -> None:
    channel = await priced(gate, "refused", cost_ratio="1")
    key, secret = await gate.key()
    gate.upstream.behaviour = Behaviour(status=500)
    answer = await ask(gate, secret, "refused")
    assert answer.status_code == 502 and "x-tollgate-event" not in answer.headers
    assert not await gate.events_of(key) and not await cost(gate, channel.account)
    error = {"error": {"message": "filtered"}, "usage": {"prompt_tokens": 5, "total_tokens": 5}}
    gate.upstream.behaviour = Behaviour(status=500, error=error)
    answer = await ask(gate, secret, "refused")
    (event,) = await gate.events_of(key)
    (attempt,) = event["body"]["attempts"]
    assert attempt["cost_nano"] == 5_000 and "estimated" not in attempt


async def test_a_request_that_failed_but_cost_something_is_an_event(gate: Gate) -> None:
    channel = await priced(gate, "failed", cost_ratio="0.5")
    key, secret = await gate.key("1")
    gate.upstream.behaviour = Behaviour(cut_after=0)
    answer = await ask(gate, secret, "failed")
    assert answer.status_code == 502
    (event,) = await gate.events_of(key)
    assert answer.headers["x-tollgate-event"] == event["_id"]
    assert (event["amount"], event["body"]["outcome"]) == (0, "failed")
    assert event["body"]["cost_nano"] == 4_000 and event["body"]["usage"] == {}
    assert await cost(gate, channel.account) == 4_000
    account = await accounts.read(gate.books.store, key.account)
    assert account.get("requests", 0) == 0 and await gate.balance(key.account) == 10**9


async def test_an_unreachable_upstream_costs_nothing(gate: Gate) -> None:
    await priced(gate, "nowhere", cost_ratio="1", base_url="http://127.0.0.1:1")
    key, secret = await gate.key()
    assert (await ask(gate, secret, "nowhere")).status_code == 502
    assert not await gate.events_of(key)


@pytest.mark.parametrize(("policy", "charged"), [("free", 0), ("input", 8_000)])
async def test_what_the_client_is_spared_the_upstream_still_bills(
    gate: Gate, policy: str, charged: int
) -> None:
    gate.settings(disconnect_policy=policy)
    gate.upstream.behaviour = Behaviour(words=WORDS, hang_after=3)
    await gate.running.directory.channels.update(1, {"cost_ratio": "0.5"})
    try:
        _, secret = await gate.key()
        event = await gate.event(await hang_up_after(gate, secret, "three"))
    finally:
        await gate.running.directory.channels.update(1, {"cost_ratio": ""})
    (attempt,) = event["body"]["attempts"]
    assert event["amount"] == -charged
    assert attempt["usage"] == {"input": 8, "output": 3} and attempt["estimated"] is True
    assert attempt["cost_nano"] == (8_000 + 3 * 4_000) // 2


async def test_giving_up_before_an_answer_costs_the_input(gate: Gate) -> None:
    channel = await priced(gate, "given-up", cost_ratio="1")
    gate.settings(disconnect_policy="free")
    gate.upstream.behaviour = Behaviour(hang=True)
    key, secret = await gate.key()
    asking = asyncio.create_task(ask(gate, secret, "given-up"))
    await until(lambda: gate.upstream.received)
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    await gate.settled()
    (event,) = await gate.events_of(key)
    (attempt,) = event["body"]["attempts"]
    assert (attempt["channel"], attempt["cost_nano"]) == (channel.id, 8_000)
    assert attempt["error"] == "given up: client_closed" and event["amount"] == 0
