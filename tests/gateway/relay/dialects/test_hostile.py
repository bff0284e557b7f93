"""Mutilated requests and answers: refusals and errors of ours, no faults, and balanced books."""

import copy
import random
from typing import Any

import orjson
import pytest

from gateway.dialects.table import DIALECTS
from gateway.relay.convert_meter import ConvertMeter
from gateway.relay.errors import RelayError
from gateway.relay.pass_meter import PassMeter
from gateway.relay.stream_meter import StreamMeter
from tests.fakes.vendors import VENDORS, FakeVendor, Manner
from tests.fuzz.bodies import places
from tests.gateway.relay.conftest import Gate
from tests.gateway.relay.dialects.test_calls import chat_stream

SEED = 20_261_122
LEAVES: tuple[Any, ...] = (None, True, -1, 2**63, 1.5, "", "x", [], {}, [[]], {"a": None}, [None])
EVENTS = {
    name: vendor.events(Manner(calls=True), {"model": "m"})
    for name, vendor in zip(("anthropic", "gemini", "responses"), VENDORS, strict=True)
}
EVENTS["openai"] = [
    orjson.loads(line[6:]) for line in chat_stream().splitlines() if line.startswith("data: {")
]


def mutilated(value: Any, rng: random.Random) -> Any:
    changed = copy.deepcopy(value)
    for _ in range(rng.randint(1, 3)):
        found = list(places(changed))
        if found:
            holder, name = rng.choice(found)
            holder[name] = copy.deepcopy(rng.choice(LEAVES))
    return changed


@pytest.mark.parametrize("name", EVENTS)
def test_mutilated_streams(name: str) -> None:
    rng = random.Random(SEED)
    for _ in range(300):
        events = [mutilated(e, rng) if rng.random() < 0.3 else e for e in EVENTS[name]]
        stream = b"".join(b"data: " + orjson.dumps(event) + b"\n\n" for event in events)
        for client, told in DIALECTS.items():
            meter: StreamMeter = ConvertMeter(DIALECTS[name], told.writer({}, False, "r"), 1)
            if client == name != "openai":
                meter = PassMeter(DIALECTS[name])
            try:
                out = meter.feed(stream) + meter.end()
                out += meter.closed() if meter.finished else b""
                if client == name and client != "openai" and meter.finished:
                    assert out.startswith(stream)  # an end that was lost is made up for
            except RelayError as error:
                assert error.status == 502
            usage = meter.usage()
            assert usage is None or all(0 <= count <= 10**13 for count in usage.values())
            assert all(isinstance(text, str) for text in meter.delivered())


BODIES: dict[str, Any] = {
    "/v1/messages": {
        "model": "chatty",
        "max_tokens": 100,
        "system": [{"type": "text", "text": "s"}],
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "hi"}]},
            {"role": "assistant", "content": [{"type": "tool_use", "id": "1", "name": "f"}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "1"}]},
        ],
        "tools": [{"name": "f", "input_schema": {"type": "object"}}],
        "thinking": {"type": "enabled", "budget_tokens": 1024},
    },
    "/v1/responses": {
        "model": "chatty",
        "input": [{"role": "user", "content": [{"type": "input_text", "text": "hi"}]}],
        "tools": [{"type": "function", "name": "f", "parameters": {}}],
        "reasoning": {"effort": "low"},
        "max_output_tokens": 50,
    },
    "/v1beta/models/chatty:generateContent": {
        "contents": [{"role": "user", "parts": [{"text": "hi"}]}],
        "generationConfig": {"maxOutputTokens": 50, "stopSequences": ["x"]},
        "tools": [{"functionDeclarations": [{"name": "f"}]}],
    },
}


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("path", BODIES)
async def test_mutilated_requests(gate: Gate, vendor: FakeVendor, path: str) -> None:
    rng = random.Random(SEED)
    key, secret = await gate.key("1")
    answered = 0
    for count in range(120):
        body = mutilated(BODIES[path], rng) if rng.random() < 0.7 else {**BODIES[path]}
        model = ("chatty", "claude-fake", "gemini-fake")[count % 3]
        if body.get("model") == "chatty":
            body["model"] = model
        raw = orjson.dumps(body)
        headers = {b"x-api-key": f"sk-{secret}".encode(), b"anthropic-beta": b"\xe9"}
        url = path.replace("chatty", model)
        answer = await gate.http.post(url, content=raw, headers=headers)
        assert answer.status_code in (200, 400, 404), (raw, answer.text)
        answered += answer.status_code == 200
    await gate.settled()
    charged = await gate.events_of(key)
    assert len(charged) == answered > 10
    assert await gate.balance(key.account) == 10**9 + sum(event["amount"] for event in charged)
