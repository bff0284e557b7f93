"""What is charged where an answer does not end well: rules by model, visible on the event."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
import pytest_asyncio

from tests.fakes.upstream import USAGE, Behaviour
from tests.gateway.relay.conftest import Gate
from tests.gateway.relay.test_answers import ASK
from tests.gateway.relay.test_endings import WORDS, hang_up_after, hang_up_unanswered

pytestmark = pytest.mark.asyncio(loop_scope="module")

NOTHING = {"prompt_tokens": 10, "completion_tokens": 0, "total_tokens": 10}
Declare = Callable[[str, str], Awaitable[None]]


@pytest_asyncio.fixture(loop_scope="module")
async def declare(gate: Gate) -> AsyncIterator[Declare]:
    """Set one of the options for the model m."""
    options = gate.running.directory.options

    async def change(option: str, rule: str) -> None:
        await options.set(option, f'{{"m": "{rule}"}}')

    yield change
    for option in ("InterruptionPolicy", "EmptyAnswerPolicy", "UpstreamErrorPolicy"):
        await options.set(option, "{}")


async def charged(gate: Gate, key: Any) -> dict[str, Any]:
    """Return the one event of a key, after its balance was found to agree."""
    await gate.settled()
    (event,) = await gate.events_of(key)
    assert await gate.balance(key.account) == 10**9 + event["amount"]
    return event


@pytest.mark.parametrize(
    ("rule", "usage"),
    [
        ("drain", {"input": 8, "output": 4}),
        ("estimate", {"input": 8, "output": 4}),
        ("input", {"input": 8}),
        ("free", {}),
    ],
)
async def test_an_upstream_that_breaks_off(
    gate: Gate, declare: Declare, rule: str, usage: dict[str, int]
) -> None:
    await declare("InterruptionPolicy", rule)
    gate.upstream.behaviour = Behaviour(words=WORDS, cut_after=4)
    key, secret = await gate.key("1")
    answer = await gate.post(secret, {**ASK, "stream": True})
    assert '"code":"upstream_cut"' in answer.text
    body = (await charged(gate, key))["body"]
    assert (body["outcome"], body["policy"]) == ("upstream_cut", rule)
    assert body["usage"] == usage


@pytest.mark.parametrize(
    ("rule", "usage"),
    [
        ("drain", {"input": 10, "output": 20}),
        ("estimate", {"input": 8}),
        ("input", {"input": 8}),
        ("free", {}),
    ],
)
async def test_hanging_up_before_a_whole_answer(
    gate: Gate, declare: Declare, rule: str, usage: dict[str, int]
) -> None:
    gate.settings(disconnect_policy="free" if rule != "free" else "drain")
    await declare("InterruptionPolicy", rule)
    gate.upstream.behaviour = Behaviour(hang=True)
    key, secret = await gate.key("1")
    await hang_up_unanswered(gate, secret, drained=rule == "drain")
    body = (await charged(gate, key))["body"]
    assert (body["outcome"], body["policy"]) == ("client_closed", rule)
    assert body["usage"] == usage


async def test_the_option_goes_before_the_setting_for_streams(gate: Gate, declare: Declare) -> None:
    gate.settings(disconnect_policy="drain")
    await declare("InterruptionPolicy", "free")
    gate.upstream.behaviour = Behaviour(words=WORDS, hang_after=3)
    key, secret = await gate.key("1")
    await hang_up_after(gate, secret, "three")
    event = await charged(gate, key)
    assert (event["amount"], event["body"]["policy"]) == (0, "free")


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize(("rule", "cost"), [("reported", 10_000), ("input", 10_000), ("free", 0)])
async def test_an_empty_answer(
    gate: Gate, declare: Declare, rule: str, cost: int, stream: bool
) -> None:
    if rule != "reported":  # which is the default
        await declare("EmptyAnswerPolicy", rule)
    gate.upstream.behaviour = Behaviour(words=("",), usage=NOTHING)
    key, secret = await gate.key("1")
    answer = await gate.post(secret, {**ASK, "stream": stream})
    assert answer.status_code == 200
    event = await charged(gate, key)
    body = event["body"]
    assert (event["amount"], body["outcome"], body["policy"]) == (-cost, "empty", rule)
    assert body["usage_source"] == "upstream" and '"prompt_tokens":10' in body["usage_frame"]
    if not stream:
        assert float(answer.headers["x-tollgate-cost"]) == cost / 10**9


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("words", [WORDS, ("",)], ids=["said", "reported"])
async def test_an_answer_with_something_in_it_is_not_empty(
    gate: Gate, declare: Declare, words: tuple[str, ...], stream: bool
) -> None:
    """Delivered though nothing was reported, and reported though nothing was seen."""
    await declare("EmptyAnswerPolicy", "free")
    usage = NOTHING if words is WORDS else USAGE
    gate.upstream.behaviour = Behaviour(words=words, usage=usage)
    key, secret = await gate.key("1")
    await gate.post(secret, {**ASK, "stream": stream})
    event = await charged(gate, key)
    assert event["body"]["outcome"] == "complete" and event["amount"] < 0


@pytest.mark.parametrize(
    ("rule", "usage"),
    [("free", None), ("input", {"input": 10}), ("reported", {"input": 10, "output": 20})],
)
async def test_an_upstream_that_failed_and_reported_usage(
    gate: Gate, declare: Declare, rule: str, usage: dict[str, int] | None
) -> None:
    await declare("UpstreamErrorPolicy", rule)
    error = {"error": {"message": "refused after all"}, "usage": USAGE}
    gate.upstream.behaviour = Behaviour(status=500, error=error)
    key, secret = await gate.key("1")
    answer = await gate.post(secret, ASK)
    assert answer.status_code == 502 and "refused after all" in answer.text
    if usage is None:
        await gate.settled()
        assert not await gate.events_of(key)
        return
    assert answer.headers["x-tollgate-event"]
    body = (await charged(gate, key))["body"]
    assert (body["outcome"], body["policy"]) == ("upstream_error", rule)
    assert body["usage"] == usage


async def test_a_failure_without_usage_is_free_whatever_the_rule(
    gate: Gate, declare: Declare
) -> None:
    await declare("UpstreamErrorPolicy", "reported")
    gate.upstream.behaviour = Behaviour(status=500)
    key, secret = await gate.key("1")
    assert (await gate.post(secret, ASK)).status_code == 502
    await gate.settled()
    assert not await gate.events_of(key)


async def test_costs_are_what_was_delivered_whatever_was_charged(
    gate: Gate, declare: Declare
) -> None:
    await declare("EmptyAnswerPolicy", "free")
    await gate.price({"model": "dear", "input": "1", "output": "4"})
    await gate.channel("dear", cost_ratio="0.5")
    await gate.running.directory.options.set("EmptyAnswerPolicy", '{"dear": "free"}')
    gate.upstream.behaviour = Behaviour(words=("",), usage=NOTHING)
    key, secret = await gate.key("1")
    await gate.post(secret, {**ASK, "model": "dear"})
    event = await charged(gate, key)
    (attempt,) = event["body"]["attempts"]
    assert (event["amount"], event["body"]["cost_nano"]) == (0, 5_000)
    assert attempt["usage"] == {"input": 10, "output": 0} and "estimated" not in attempt
