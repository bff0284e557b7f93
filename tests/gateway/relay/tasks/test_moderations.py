"""Moderations and edits: passed on, metered, and free where they are free."""

from typing import Any

import pytest

from ledger.money import usd
from tests.fakes.tasks import FakeTasks
from tests.gateway.relay.conftest import Gate

pytestmark = pytest.mark.asyncio(loop_scope="module")

IMAGE = {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}
PARTS = [{"type": "text", "text": "be kind"}, IMAGE]


@pytest.mark.parametrize("given", ["be kind", ["be", "kind"], PARTS], ids=str)
async def test_moderations_are_free_and_pass(gate: Gate, tasks: FakeTasks, given: Any) -> None:
    key, secret = await gate.key("0")
    found = await gate.client(secret).moderations.create(model="omni", input=given)
    assert len(found.results) == (2 if given == ["be", "kind"] else 1)
    assert found.results[0].category_scores.violence == 0.25
    assert tasks.received[0].body == {"model": "omni", "input": given}
    (event,) = await gate.events_of(key)
    body = event["body"]
    assert (event["amount"], body["endpoint"], body["usage_source"]) == (
        0,
        "moderations",
        "estimated" if given is PARTS else "counted",
    )
    assert body["usage"]["input"] == (2 + 765 if given is PARTS else 2)


async def test_the_default_model(gate: Gate, tasks: FakeTasks) -> None:
    key, secret = await gate.key()
    for path in ("/v1/moderations", "/openai/v1/moderations/"):
        answer = await gate.post(secret, {"input": "hi"}, path)
        assert answer.status_code == 200 and answer.content == tasks.sent
        assert tasks.received[-1].body == {"input": "hi", "model": "text-moderation-stable"}
    assert {e["body"]["model"] for e in await gate.events_of(key)} == {"text-moderation-stable"}


async def test_a_moderation_with_a_price_costs_what_was_counted(
    gate: Gate, tasks: FakeTasks
) -> None:
    _, secret = await gate.key()
    body = {"model": "sandbox-moderation", "input": ["one two", "sandbox-flagged"]}
    answer = await gate.post(secret, body, "/v1/moderations")
    assert [each["flagged"] for each in answer.json()["results"]] == [False, True]
    event = await gate.charge_of(answer)
    tokens = event["body"]["usage"]["input"]
    assert tokens > 2 and answer.headers["x-tollgate-cost"] == usd(tokens * 1_000)


async def test_edits(gate: Gate, tasks: FakeTasks) -> None:
    _, secret = await gate.key()
    body = {"model": "edit", "instruction": "be brief", "input": "long long", "n": 1}
    answer = await gate.post(secret, body, "/v1/edits")
    assert answer.content == tasks.sent and tasks.received[0].body == body
    assert (await gate.charge_of(answer))["amount"] == -7_000
    tasks.answers.usage = None
    answer = await gate.post(secret, body, "/v1/edits")
    event = await gate.charge_of(answer)
    # Counted: two words of instruction, two of input, one of the answer.
    assert (event["amount"], event["body"]["usage_source"]) == (-4_000 - 4_000, "counted")
    assert event["body"]["endpoint"] == "edits"
    said = await gate.post(secret, {**body, "model": "sandbox-edit"}, "/v1/edits")
    assert said.json()["choices"][0]["text"].startswith("Sandbox answer")


@pytest.mark.parametrize("given", [None, "", [], 3, {}, [{}], [None], [[["a"]]], [PARTS]], ids=str)
async def test_hostile_inputs(gate: Gate, tasks: FakeTasks, given: Any) -> None:
    _, secret = await gate.key()
    for model in ("omni", "sandbox-moderation", 3, None, ["omni"]):
        answer = await gate.post(secret, {"model": model, "input": given}, "/v1/moderations")
        assert answer.status_code in (200, 400), answer.text
    for model in ("edit", "sandbox-edit", None):
        body = {"model": model, "input": given, "instruction": given, "n": given}
        answer = await gate.post(secret, body, "/v1/edits")
        assert answer.status_code == 400, answer.text
        answer = await gate.post(secret, {**body, "instruction": "x", "n": 1}, "/v1/edits")
        assert answer.status_code == (400 if model is None else 200), answer.text
