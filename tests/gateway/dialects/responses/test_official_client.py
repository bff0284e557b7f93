"""The official client reads the streams and answers over a real socket."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import openai
import orjson
import pytest

from gateway.dialects.responses import answer, errors
from gateway.dialects.responses.stream import FromChat, ToChat
from gateway.formats import sse
from gateway.relay.errors import RelayError
from tests.gateway.dialects.responses import oracle
from tests.gateway.dialects.responses.examples import AGENT, COMPLETION, Json, chunk

STREAM = "text/event-stream"


class Upstream(ThreadingHTTPServer):
    """Answers every request with what the test has put in `reply`, a few bytes at a time."""

    daemon_threads = True
    status = 200
    kind = "application/json"
    reply = b""
    piece = 1 << 20


class _Handler(BaseHTTPRequestHandler):
    server: Upstream

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(self.server.status)
        self.send_header("content-type", self.server.kind)
        self.end_headers()
        reply, piece = self.server.reply, self.server.piece
        for start in range(0, len(reply), piece):
            self.wfile.write(reply[start : start + piece])
            self.wfile.flush()

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with Upstream(("127.0.0.1", 0), _Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def client(upstream: Upstream) -> Iterator[openai.OpenAI]:
    url = f"http://127.0.0.1:{upstream.server_address[1]}/v1"
    with openai.OpenAI(base_url=url, api_key="k", max_retries=0) as client:
        yield client


def chunks() -> list[Json]:
    message = dict(COMPLETION["choices"][0]["message"])
    calls = message.pop("tool_calls")
    return [
        chunk({"role": "assistant", "reasoning_content": "Thi"}),
        chunk({"reasoning_content": "nk."}),
        *(chunk({"content": letter}) for letter in "Grüß Gott, 世界"),
        chunk({"annotations": message["annotations"]}),
        chunk({"tool_calls": [{**calls[0], "index": 0}]}),
        chunk({"tool_calls": [{**calls[1], "index": 1}]}, "tool_calls"),
        chunk(usage=COMPLETION["usage"]),
    ]


def streamed(*given: Json) -> bytes:
    stream = FromChat(AGENT, request_id="r1")
    return b"".join([*map(stream.feed, given), stream.end()])


@pytest.mark.parametrize("piece", [1, 7, 1 << 20])
def test_the_accumulator_arrives_at_our_response(
    upstream: Upstream, client: openai.OpenAI, piece: int
) -> None:
    upstream.kind, upstream.piece = STREAM, piece
    upstream.reply = streamed(*chunks())
    told = oracle.whole(upstream.reply)
    with client.responses.stream(model="m", input="hi") as stream:
        seen = [event.type for event in stream]
        final = stream.get_final_response()
    assert seen == [event["type"] for event in told]
    assert final.output_text == "Grüß Gott, 世界"
    assert _holds(final.to_dict()["output"], told[-1]["response"]["output"])
    assert final.usage is not None and final.usage.total_tokens == 150


def _holds(theirs: Any, ours: Any) -> bool:
    """Tell whether the client has everything that we sent, beside what it adds."""
    if isinstance(ours, dict):
        return all(_holds(theirs.get(name), value) for name, value in ours.items())
    if isinstance(ours, list):
        return len(theirs) == len(ours) and all(map(_holds, theirs, ours))
    return bool(theirs == ours)


def test_a_structured_answer_is_parsed(upstream: Upstream, client: openai.OpenAI) -> None:
    upstream.kind = STREAM
    upstream.reply = streamed(chunk({"content": '{"a":'}), chunk({"content": '"b"}'}, "stop"))
    with client.responses.stream(model="m", input="hi") as stream:
        stream.until_done()
        assert orjson.loads(stream.get_final_response().output_text) == {"a": "b"}


def test_an_answer_cut_short_is_seen_as_such(upstream: Upstream, client: openai.OpenAI) -> None:
    upstream.kind = STREAM
    upstream.reply = streamed(chunk({"content": "a"}, "length"))
    events = list(client.responses.create(model="m", input="hi", stream=True))
    last = events[-1]
    assert last.type == "response.incomplete"
    assert last.response.incomplete_details is not None
    assert last.response.incomplete_details.reason == "max_output_tokens"


@pytest.mark.parametrize("own", [True, False], ids=["the stream's own", "from outside"])
def test_a_failure_in_a_stream_is_seen(
    upstream: Upstream, client: openai.OpenAI, own: bool
) -> None:
    stream = FromChat(AGENT, request_id="r1")
    said = stream.feed(chunk({"content": "a"}))
    error = RelayError("upstream_cut", "Broken off.")
    upstream.kind = STREAM
    upstream.reply = said + (stream.fail(error, "r1") if own else errors.stream_error(error, "r1"))
    with client.responses.stream(model="m", input="hi") as read:
        told, failed = list(read)[-2:]
    assert told.type == "error" and told.message == "Broken off. (request id: r1)"
    assert failed.type == "response.failed" and failed.response.error is not None
    assert failed.response.error.code == "server_error"


def test_a_whole_answer_is_read(upstream: Upstream, client: openai.OpenAI) -> None:
    upstream.reply = orjson.dumps(answer.from_chat(COMPLETION, AGENT))
    found = client.responses.create(model="m", input="hi")
    assert found.output_text == "ü"
    assert [item.type for item in found.output] == [
        "reasoning",
        "message",
        "function_call",
        "custom_tool_call",
    ]


def test_a_refusal_is_read(upstream: Upstream, client: openai.OpenAI) -> None:
    refused = RelayError("invalid_value", "`background` is not offered.", param="background")
    upstream.status = refused.status
    upstream.reply = orjson.dumps(errors.envelope(refused, "r1"))
    with pytest.raises(openai.BadRequestError) as caught:
        client.responses.create(model="m", input="hi", background=True)
    assert (caught.value.param, caught.value.code) == ("background", "invalid_value")


def test_a_chat_client_reads_a_responses_stream(upstream: Upstream, client: openai.OpenAI) -> None:
    stream = ToChat()
    events = oracle.whole(streamed(*[one for one in chunks() if "custom" not in str(one)]))
    frames = [sse.frame(one) for event in events for one in stream.feed(event)]
    upstream.kind = STREAM
    upstream.reply = b"".join(frames) + sse.DONE
    with client.chat.completions.stream(
        model="m", messages=[{"role": "user", "content": "hi"}]
    ) as read:
        read.until_done()
        final = read.get_final_completion()
    message = final.choices[0].message
    assert message.content == "Grüß Gott, 世界"
    assert message.model_extra is not None
    assert message.model_extra["reasoning_content"] == "Think."
    assert message.tool_calls is not None and message.tool_calls[0].function.name == "f"
    assert final.usage is not None and final.usage.prompt_tokens == 100
