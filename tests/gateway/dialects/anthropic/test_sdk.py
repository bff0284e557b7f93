"""Anthropic's own Python client reads our answers and streams, over a real socket."""

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import orjson
import pytest

from gateway.dialects.anthropic import answer, errors, request
from gateway.dialects.anthropic.stream import FromChat
from gateway.relay.errors import RelayError

anthropic = pytest.importorskip("anthropic")

JSON, SSE = "application/json", "text/event-stream"
ASK: dict[str, Any] = {
    "model": "claude-x",
    "max_tokens": 4_000,
    "messages": [{"role": "user", "content": "Weather in Rome and Oslo?"}],
    "thinking": {"type": "enabled", "budget_tokens": 2_000},
    "tools": [{"name": "weather", "input_schema": {"type": "object", "properties": {}}}],
}


@contextmanager
def serving(status: int, kind: str, content: bytes) -> Iterator[tuple[Any, list[dict[str, Any]]]]:
    """Answer every request alike; yield a client of that server, and the bodies it sent."""
    asked: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked.append(orjson.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing: a line on stderr would be taken for a finding."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    base_url = f"http://127.0.0.1:{server.server_port}"
    try:
        with anthropic.Anthropic(base_url=base_url, api_key="k", max_retries=0) as client:
            yield client, asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def chunk(delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return {"id": "chatcmpl-9", "model": "gpt-x", "choices": [choice]}


def piece(index: int, call_id: str | None, said: str) -> dict[str, Any]:
    function = {"name": "weather" if call_id else None, "arguments": said}
    return {"tool_calls": [{"index": index, "id": call_id, "function": function}]}


CHUNKS = [
    chunk({"role": "assistant", "content": ""}),
    chunk({"reasoning_content": "Two "}),
    chunk({"reasoning_content": "cities."}),
    chunk({"content": "Let me "}),
    chunk({"content": "look: 天气"}),
    chunk(piece(0, "call_a", "")),
    chunk(piece(1, "call_b", "")),
    chunk(piece(0, None, '{"city": "Ro')),
    chunk(piece(1, None, '{"city": "Oslo"}')),
    chunk(piece(0, None, 'me"}')),
    chunk({}, "tool_calls"),
    {
        "id": "chatcmpl-9",
        "choices": [],
        "usage": {
            "prompt_tokens": 50,
            "completion_tokens": 20,
            "prompt_tokens_details": {"cached_tokens": 30},
            "completion_tokens_details": {"reasoning_tokens": 5},
        },
    },
]
CALLS = [
    {"id": "call_a", "function": {"name": "weather", "arguments": '{"city": "Rome"}'}},
    {"id": "call_b", "function": {"name": "weather", "arguments": '{"city": "Oslo"}'}},
]
WHOLE = {
    "id": "chatcmpl-9",
    "model": "gpt-x",
    "choices": [
        {
            "message": {
                "content": "Let me look: 天气",
                "reasoning_content": "Two cities.",
                "tool_calls": CALLS,
            },
            "finish_reason": "tool_calls",
        }
    ],
    "usage": CHUNKS[-1]["usage"],
}


def check(message: Any) -> None:
    """Check the message that the client made of either form of the answer."""
    assert (message.id, message.model, message.role) == ("msg_9", "gpt-x", "assistant")
    assert [block.type for block in message.content] == ["thinking", "text", "tool_use", "tool_use"]
    thought, said, rome, oslo = message.content
    assert (thought.thinking, said.text) == ("Two cities.", "Let me look: 天气")
    assert (rome.id, rome.name, rome.input) == ("call_a", "weather", {"city": "Rome"})
    assert (oslo.id, oslo.name, oslo.input) == ("call_b", "weather", {"city": "Oslo"})
    assert (message.stop_reason, message.stop_sequence) == ("tool_use", None)
    used = message.usage
    assert (used.input_tokens, used.cache_read_input_tokens, used.output_tokens) == (20, 30, 20)
    assert used.output_tokens_details.thinking_tokens == 5


def test_a_whole_answer() -> None:
    content = orjson.dumps(answer.from_chat(WHOLE, ASK))
    with serving(200, JSON, content) as (client, asked):
        message = client.messages.create(**ASK)
    check(message)
    anthropic.types.Message.model_validate(message.model_dump())
    assert request.to_chat(asked[0])["reasoning_effort"] == "low"


def test_a_stream() -> None:
    one = FromChat(ASK)
    content = b"".join(map(one.feed, CHUNKS)) + one.end()
    with serving(200, SSE, content) as (client, asked), client.messages.stream(**ASK) as stream:
        kinds = [event.type for event in stream]
        check(stream.get_final_message())
    assert kinds.count("content_block_start") == kinds.count("content_block_stop") == 4
    assert "".join(map(str, kinds[-2:])) == "message_deltamessage_stop"
    assert request.to_chat(asked[0])["stream"] is True


def test_what_the_client_sends_back_becomes_the_next_chat_request() -> None:
    content = orjson.dumps(answer.from_chat(WHOLE, ASK))
    with serving(200, JSON, content) as (client, asked):
        first = client.messages.create(**ASK)
        results = [
            {"type": "tool_result", "tool_use_id": block.id, "content": "sun"}
            for block in first.content
            if block.type == "tool_use"
        ]
        turns = [
            *ASK["messages"],
            {"role": "assistant", "content": first.content},
            {"role": "user", "content": results},
        ]
        client.messages.create(**{**ASK, "messages": turns})
    _, said, rome, oslo = request.to_chat(asked[1])["messages"]
    assert (said["content"], said["reasoning_content"]) == ("Let me look: 天气", "Two cities.")
    assert [call["id"] for call in said["tool_calls"]] == ["call_a", "call_b"]
    assert rome == {"role": "tool", "tool_call_id": "call_a", "content": "sun"}
    assert oslo["tool_call_id"] == "call_b"


@pytest.mark.parametrize(
    ("status", "name"),
    [
        (400, "BadRequestError"),
        (401, "AuthenticationError"),
        (402, "PaymentRequiredError"),
        (403, "PermissionDeniedError"),
        (404, "NotFoundError"),
        (413, "RequestTooLargeError"),
        (429, "RateLimitError"),
        (500, "InternalServerError"),
        (503, "ServiceUnavailableError"),
        (504, "GatewayTimeoutError"),
    ],
)
def test_refusals(status: int, name: str) -> None:
    refusal = RelayError("some_code", "No.", status=status)
    content = orjson.dumps(errors.envelope(refusal, "req-1"))
    with (
        serving(status, JSON, content) as (client, _),
        pytest.raises(getattr(anthropic, name)) as raised,
    ):
        client.messages.create(**ASK)
    assert raised.value.status_code == status
    assert raised.value.body["error"] == {"type": errors.type_of(status), "message": "No."}


def test_an_error_inside_a_stream() -> None:
    one = FromChat(ASK)
    failure = RelayError("upstream_cut", "It broke off.")
    content = b"".join(map(one.feed, CHUNKS[:5])) + errors.stream_error(failure, "req-1")
    with (
        serving(200, SSE, content) as (client, _),
        client.messages.stream(**ASK) as stream,
        pytest.raises(anthropic.APIStatusError, match="It broke off"),
    ):
        stream.get_final_message()
