"""A charge is made with the prices in force at admission, whatever is published meanwhile."""

import asyncio
from typing import Any

import pytest

from tests.gateway.relay.conftest import Gate
from tests.gateway.relay.test_answers import ASK
from tests.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def _arrived(gate: Gate, requests: int) -> None:
    await until(lambda: len(gate.upstream.received) >= requests)


async def _publish(gate: Gate, model: str, price: str, ratio: str) -> None:
    await gate.books.prices.publish(
        gate.books,
        author="user:1",
        note="meanwhile",
        set_rows=[{"model": model, "input": price, "output": price}],
        groups=[("default", ratio)],
    )


@pytest.mark.parametrize("stream", [False, True])
async def test_a_publication_in_mid_request_does_not_touch_its_charge(
    gate: Gate, stream: bool
) -> None:
    model = f"mid-request-{stream}"
    await gate.channel(model)
    await gate.price({"model": model, "input": "1", "output": "4"})
    admitted = gate.books.prices.version
    key, secret = await gate.key()
    ask: dict[str, Any] = {**ASK, "model": model, "fake": {"hang": True}, "stream": stream}
    asking = asyncio.create_task(gate.post(secret, ask))
    await _arrived(gate, 1)
    try:
        await _publish(gate, model, "1000", "3")
        assert gate.books.prices.version > admitted
        gate.upstream.released.set()
        event = await gate.charge_of(await asking)
        assert event["body"]["price"]["version"] == admitted
        assert event["body"]["price"]["group_ratio"] == "1"
        assert -event["amount"] == 10 * 1_000 + 20 * 4_000
    finally:
        await gate.books.prices.publish(
            gate.books, author="user:1", note="as before", unset_groups=["default"]
        )


async def test_a_publication_in_mid_retry_does_not_touch_the_charge_either(gate: Gate) -> None:
    model = "mid-retry"
    await gate.channel(model, priority=10, model_mapping={model: "fail-503"})
    second = await gate.channel(model, priority=1, type=36)  # another type: priced by itself
    await gate.price(
        {"model": model, "input": "1", "output": "4"},
        {"model": f"{model}(36)", "input": "2", "output": "8"},
    )
    admitted = gate.books.prices.version
    _, secret = await gate.key()
    options = gate.running.directory.options
    await options.set("RetryTimes", 1)
    try:
        ask = {**ASK, "model": model, "fake": {"hang": True}}
        asking = asyncio.create_task(gate.post(secret, ask))
        await _arrived(gate, 1)
        await _publish(gate, model, "1000", "3")
        await _publish(gate, f"{model}(36)", "2000", "5")
        gate.upstream.released.set()
        event = await gate.charge_of(await asking)
        body = event["body"]
        assert (body["channel"], len(body["attempts"])) == (second.id, 2)
        assert (body["price"]["version"], body["price"]["group_ratio"]) == (admitted, "1")
        assert body["price"]["model"] == f"{model}(36)"
        assert -event["amount"] == 10 * 2_000 + 20 * 8_000
    finally:
        await options.set("RetryTimes", 0)
        await gate.books.prices.publish(
            gate.books, author="user:1", note="as before", unset_groups=["default"]
        )
