"""What coding agents send and expect: Claude Code through Messages, Codex through Responses."""

import json
from typing import Any

import httpx
import pytest

from tests.fakes.vendors import CALL, FakeVendor, Manner
from tests.gateway.relay.conftest import SECRET, Gate
from tests.gateway.relay.dialects.conftest import HI

pytestmark = pytest.mark.asyncio(loop_scope="module")

BETAS = "claude-code-20250219,interleaved-thinking-2025-05-14,context-management-2025-06-27"
SCHEMA = {"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]}
SYSTEM = [
    {"type": "text", "text": "You are an agent. " * 400, "cache_control": {"type": "ephemeral"}}
]
AGENT: dict[str, Any] = {
    "model": "claude-fake",
    "max_tokens": 100,
    "system": SYSTEM,
    "messages": [
        {"role": "system", "content": "Reminders."},
        {"role": "user", "content": [{"type": "text", "text": "hi \u4f60 \ud83d\ude00"}]},
    ],
    "tools": [
        {"name": f"tool_{at}", "description": "Reads a file. " * 300, "input_schema": SCHEMA}
        for at in range(24)
    ],
    "thinking": {"type": "adaptive"},
    "context_management": {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]},
    "output_config": {"effort": "high"},
    "metadata": {"user_id": "user_1_account__session_2"},
    "x_tomorrow": [1.50, None, {"a": 1e3}],
}
# Of this only what is known to be harmless goes on.
QUERY = "?key=mine&beta=true&beta=false&x=%ff&&beta=true&betas=true"
RAW = json.dumps(AGENT, indent=1).encode()
CODEX: dict[str, Any] = {
    "model": "chatty",
    "instructions": "You are Codex.",
    "input": [
        {"type": "message", "role": "developer", "content": [{"type": "input_text", "text": "d"}]},
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]},
        {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "abc"},
        {"type": "function_call", "name": "shell", "arguments": "{}", "call_id": "c1"},
        {"type": "function_call_output", "call_id": "c1", "output": "ok"},
    ],
    "tools": [{"type": "function", "name": CALL[0], "strict": False, "parameters": SCHEMA}],
    "tool_choice": "auto",
    "parallel_tool_calls": True,
    "reasoning": {"effort": "medium", "summary": "auto"},
    "store": False,
    "stream": True,
    "include": ["reasoning.encrypted_content"],
    "prompt_cache_key": "session-1",
    "text": {"verbosity": "low"},
}
MESSAGE = [
    "response.output_item.added",
    "response.content_part.added",
    "response.output_text.delta",
    "response.output_text.done",
    "response.content_part.done",
    "response.output_item.done",
]
FUNCTION_CALL = [
    "response.output_item.added",
    "response.function_call_arguments.delta",
    "response.function_call_arguments.done",
    "response.output_item.done",
]


async def send(gate: Gate, path: str, raw: bytes, *headers: tuple[str, str]) -> httpx.Response:
    return await gate.http.post(
        path, content=raw, headers=[("content-type", "application/json"), *headers]
    )


def credentials(secret: str, how: str) -> list[tuple[str, str]]:
    key, bearer = ("x-api-key", f"sk-{secret}"), ("authorization", f"Bearer sk-{secret}")
    return {"key": [key], "bearer": [bearer], "both": [key, bearer]}[how]


@pytest.mark.parametrize("how", ["key", "bearer", "both"])
async def test_claude_codes_request_arrives_byte_for_byte(
    gate: Gate, vendor: FakeVendor, how: str
) -> None:
    assert len(RAW) > 100_000
    _, secret = await gate.key()
    first, _, rest = BETAS.partition(",")
    sent = [
        ("anthropic-version", "2026-10-21"),
        ("anthropic-beta", first),
        ("anthropic-beta", rest),
    ]
    more = [("x-claude-code-session-id", "s"), ("x-stainless-lang", "js"), ("x-app", "cli")]
    answer = await send(gate, f"/v1/messages{QUERY}", RAW, *credentials(secret, how), *sent, *more)
    assert answer.status_code == 200 and answer.content == vendor.sent
    (got,) = vendor.received
    assert got.raw == RAW and got.path == "/v1/messages?beta=true"
    assert got.headers["anthropic-beta"] == BETAS
    assert got.headers["anthropic-version"] == "2026-10-21"
    assert got.headers["x-api-key"] == SECRET and "authorization" not in got.headers
    assert secret not in str(got.headers)


async def test_claude_codes_stream_comes_back_byte_for_byte(gate: Gate, vendor: FakeVendor) -> None:
    vendor.manner = Manner(calls=True, piece=11, extra={"x_tomorrow": {"\u4f60": 1.50}})
    key, secret = await gate.key()
    raw = json.dumps({**AGENT, "stream": True}).encode()
    answer = await send(
        gate, "/v1/messages?beta=true", raw, *credentials(secret, "both"), ("anthropic-beta", BETAS)
    )
    assert answer.content == vendor.sent and vendor.received[0].raw == raw
    names = [line[7:] for line in answer.text.splitlines() if line.startswith("event: ")]
    kinds = [
        json.loads(line[6:])["type"] for line in answer.text.splitlines() if line[:5] == "data:"
    ]
    assert names == kinds and (names[0], names[-1]) == ("message_start", "message_stop")
    (event,) = await gate.events_of(key)
    writes = {"cache_write": 1, "cache_write_1h": 2}
    assert event["body"]["usage"] == {"input": 10, "cached": 4, **writes, "output": 20}


async def test_claude_codes_request_reaches_other_upstreams(gate: Gate, vendor: FakeVendor) -> None:
    """Fields that only Anthropic knows are left out or refused by name, never a fault."""
    _, secret = await gate.key()
    usual = {n: v for n, v in AGENT.items() if n not in ("x_tomorrow", "context_management")}
    for model in ("chatty", "gemini-fake"):
        for body in ({**AGENT, "model": model}, {**usual, "model": model}):
            raw = json.dumps({**body, "stream": True}).encode()
            answer = await send(gate, "/v1/messages?beta=true", raw, *credentials(secret, "key"))
            assert answer.status_code in (200, 400), answer.text
            assert not any("beta=" in got.path for got in vendor.received)
            if answer.status_code == 200:
                assert answer.text.rstrip().endswith('data: {"type":"message_stop"}')
            else:
                assert answer.json()["error"]["type"] == "invalid_request_error", answer.text


@pytest.mark.parametrize("how", ["key", "bearer"])
async def test_counting_before_sending(gate: Gate, vendor: FakeVendor, how: str) -> None:
    key, secret = await gate.key("0.000001")
    path = "/v1/messages/count_tokens"
    said = await send(gate, path + QUERY, RAW, *credentials(secret, how), ("anthropic-beta", BETAS))
    assert said.json() == {"input_tokens": 77}
    (got,) = vendor.received
    assert (got.raw, got.headers["anthropic-beta"]) == (RAW, BETAS)
    assert got.path == f"{path}?beta=true"
    vendor.reset()
    here = {n: AGENT[n] for n in ("system", "tools")} | {"model": "chatty", "messages": HI}
    said = await send(gate, path, json.dumps(here).encode(), *credentials(secret, how))
    assert said.status_code == 200 and said.json()["input_tokens"] > 10_000, said.text
    assert not vendor.received and not await gate.events_of(key)


@pytest.mark.parametrize("how", ["key", "bearer"])
async def test_models_are_discovered(gate: Gate, vendor: FakeVendor, how: str) -> None:
    _, secret = await gate.key(models=["chatty", "claude-fake"])
    headers = [*credentials(secret, how), ("anthropic-version", "2023-06-01")]
    answer = await gate.http.get("/v1/models?limit=1000", headers=headers, follow_redirects=False)
    listed = answer.json()
    assert answer.status_code == 200 and answer.elapsed.total_seconds() < 3
    assert [(m["type"], m["id"], m["display_name"]) for m in listed["data"]] == [
        ("model", name, name) for name in ("chatty", "claude-fake")
    ]
    assert (listed["has_more"], listed["first_id"], listed["last_id"]) == (
        False,
        "chatty",
        "claude-fake",
    )
    plain = (await gate.http.get("/v1/models", headers=credentials(secret, how))).json()
    assert plain["object"] == "list" and {m["object"] for m in plain["data"]} == {"model"}


def typed(answer: httpx.Response) -> list[dict[str, Any]]:
    """Return the events of a stream, each of which has a name that is its type."""
    blocks = [block.splitlines() for block in answer.text.strip().split("\n\n")]
    events = [json.loads(data.removeprefix("data: ")) for _, data in blocks]
    assert [name for name, _ in blocks] == [f"event: {event['type']}" for event in events]
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    return events


def without_repeats(kinds: list[str]) -> list[str]:
    return [kind for at, kind in enumerate(kinds) if at == 0 or kinds[at - 1] != kind]


@pytest.mark.parametrize("model", ["chatty", "claude-fake", "gemini-fake"])
async def test_codex_gets_every_typed_event_in_order(
    gate: Gate, vendor: FakeVendor, model: str
) -> None:
    vendor.manner = Manner(calls=True)
    key, secret = await gate.key()
    raw = json.dumps({**CODEX, "model": model}).encode()
    answer = await send(gate, "/v1/responses", raw, *credentials(secret, "bearer"))
    assert answer.status_code == 200, answer.text
    events = typed(answer)
    calls = [] if model == "chatty" else FUNCTION_CALL
    assert without_repeats([event["type"] for event in events]) == [
        "response.created",
        "response.in_progress",
        *MESSAGE,
        *calls,
        "response.completed",
    ]
    done = events[-1]["response"]
    assert done["status"] == "completed" and done["output"][0]["type"] == "message"
    assert done["usage"]["output_tokens"] == 20
    added = [e["item"]["id"] for e in events if e["type"] == "response.output_item.added"]
    assert added == [item["id"] for item in done["output"]]
    if calls:
        call = done["output"][1]
        pieces = [e["delta"] for e in events if e["type"].endswith("arguments.delta")]
        assert (call["type"], call["name"]) == ("function_call", CALL[0])
        assert json.loads("".join(pieces)) == json.loads(call["arguments"]) == CALL[1]
    (event,) = await gate.events_of(key)
    assert (event["body"]["outcome"], event["body"]["usage_source"]) == ("complete", "upstream")


async def test_codex_passes_byte_for_byte_where_the_route_is(
    gate: Gate, vendor: FakeVendor
) -> None:
    tools = [*CODEX["tools"], {"type": "web_search"}, {"type": "custom", "name": "apply_patch"}]
    body = {**CODEX, "model": "respond", "tools": tools, "x_tomorrow": 1.50}
    _, secret = await gate.key()
    raw = json.dumps(body, indent=2).encode()
    answer = await send(gate, "/v1/responses", raw, *credentials(secret, "bearer"))
    assert answer.content == vendor.sent and vendor.received[0].raw == raw
    assert typed(answer)[-1]["type"] == "response.completed"
