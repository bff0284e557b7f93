"""Tool calls in streams, from every upstream to every client; and trying such channels out."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

import orjson
import pytest

from gateway.channels.probe import Probe, Wanted
from tests.fakes.upstream import Behaviour
from tests.fakes.vendors import CALL, FakeVendor, Manner
from tests.gateway.relay.conftest import Gate
from tests.gateway.relay.dialects.conftest import (
    HELLO,
    HI,
    anthropic_client,
    google_client,
)

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    # Google's client derives from a class of aiohttp's.
    pytest.mark.filterwarnings("ignore:Inheritance class:DeprecationWarning"),
]

SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}
FUNCTION = {"name": "weather", "description": "The weather.", "parameters": SCHEMA}
Called = tuple[str, Any]


def chat_stream() -> str:
    """Return what a chat upstream streams that calls."""
    name, given = CALL
    written = json.dumps(given)
    first = {"index": 0, "id": "call_1", "type": "function"}
    deltas: list[dict[str, Any]] = [
        {"role": "assistant", "content": HELLO},
        {"tool_calls": [{**first, "function": {"name": name, "arguments": ""}}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": written[:5]}}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": written[5:]}}]},
    ]
    head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "model": "m"}
    choices = [{"index": 0, "delta": delta, "finish_reason": None} for delta in deltas]
    choices.append({"index": 0, "delta": {}, "finish_reason": "tool_calls"})
    usage = {"prompt_tokens": 10, "completion_tokens": 20, "total_tokens": 30}
    chunks = [{**head, "choices": [choice]} for choice in choices]
    chunks.append({**head, "choices": [], "usage": usage})
    lines = [b"data: " + orjson.dumps(chunk) + b"\n\n" for chunk in chunks]
    return (b"".join(lines) + b"data: [DONE]\n\n").decode()


async def chat(gate: Gate, secret: str, model: str) -> Called:
    tools: Any = [{"type": "function", "function": FUNCTION}]
    create = gate.client(secret).chat.completions.create
    name, written, reason = "", "", None
    async for chunk in await create(model=model, messages=HI, tools=tools, stream=True):
        for choice in chunk.choices:
            for call in choice.delta.tool_calls or ():
                assert call.function is not None
                name += call.function.name or ""
                written += call.function.arguments or ""
            reason = choice.finish_reason or reason
    assert reason == "tool_calls"
    return name, json.loads(written)


async def messages(gate: Gate, secret: str, model: str) -> Called:
    tools = [{"name": "weather", "input_schema": SCHEMA}]
    ask = {"model": model, "max_tokens": 100, "messages": HI, "tools": tools}
    async with anthropic_client(gate, secret) as client, client.messages.stream(**ask) as events:
        found = await events.get_final_message()
    assert (found.stop_reason, found.content[0].text) == ("tool_use", HELLO)
    return found.content[1].name, found.content[1].input


async def responses(gate: Gate, secret: str, model: str) -> Called:
    create: Any = gate.client(secret).responses.create
    found: Any = None
    tools = [{"type": "function", **FUNCTION}]
    async for event in await create(model=model, input="hi", tools=tools, stream=True):
        found = getattr(event, "response", found)
    call = found.output[-1]
    assert call.type == "function_call"
    return call.name, json.loads(call.arguments)


async def gemini(gate: Gate, secret: str, model: str) -> Called:
    calls: list[Any] = []
    async with google_client(gate, secret) as client:
        config = {"tools": [{"function_declarations": [FUNCTION]}]}
        config["automatic_function_calling"] = {"disable": True}  # type: ignore[assignment]
        create = client.models.generate_content_stream
        async for event in await create(model=model, contents="hi", config=config):
            calls += event.function_calls or []
    (call,) = calls
    return call.name, call.args


Client = Callable[[Gate, str, str], Awaitable[Called]]


@pytest.mark.parametrize("client", [chat, messages, responses, gemini])
@pytest.mark.parametrize("model", ["chatty", "claude-fake", "gemini-fake"])
async def test_a_call_arrives_whole(
    gate: Gate, vendor: FakeVendor, client: Client, model: str
) -> None:
    gate.upstream.behaviour = Behaviour(say_instead=chat_stream())
    vendor.manner = Manner(calls=True)
    key, secret = await gate.key()
    assert await client(gate, secret, model) == CALL
    received = (gate.upstream if model == "chatty" else vendor).received
    assert "weather" in received[-1].raw.decode()
    await gate.settled()
    (event,) = await gate.events_of(key)
    assert event["body"]["outcome"] == "complete"
    assert event["body"]["usage_source"] == "upstream"


@pytest.mark.parametrize("model", ["chatty", "claude-fake", "gemini-fake"])
async def test_channels_of_all_protocols_can_be_tried_out(
    gate: Gate, vendor: FakeVendor, model: str
) -> None:
    relay = gate.running.relay
    probe = Probe(relay.directory, relay.catalogue, relay.providers, relay.clock, "Say hello.")
    (channel,) = relay.directory.channels_for("default", model)
    trial = await probe.test(channel)
    assert (trial.ok, trial.message, trial.model) == (True, HELLO, model)
    vendor.manner = Manner(status=400)
    gate.upstream.behaviour = Behaviour(status=400)
    trial = await probe.test(channel, Wanted(model))
    assert (trial.ok, trial.message) == (False, "status 400: failed 400")
