"""A fake upstream that says the bench's stream in other dialects: the same 39 pieces, each with an
event of its own. Run as `python -m tests.bench.dialect_upstream [--port N]`.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Iterator
from typing import Any, Final

import orjson

from tests.bench import wire
from tests.bench.upstream import _STREAM_HEAD, Upstream, _chunked, _refusal, serve

Json = dict[str, Any]
GIVEN, MADE = wire.USAGE["prompt_tokens"], wire.USAGE["completion_tokens"]
_LINES_HEAD: Final = _STREAM_HEAD.replace(
    b"text/event-stream; charset=utf-8", b"application/x-ndjson"
)


def _event(event: Json) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (event["type"].encode(), orjson.dumps(event))


def _anthropic() -> Iterator[bytes]:
    message = {"id": "msg_bench", "type": "message", "role": "assistant", "content": []}
    usage = {"input_tokens": GIVEN, "output_tokens": 1}
    begins = {**message, "model": "bench", "stop_reason": None, "usage": usage}
    yield _event({"type": "message_start", "message": begins})
    block = {"type": "text", "text": ""}
    yield _event({"type": "content_block_start", "index": 0, "content_block": block})
    for piece in wire.PIECES:
        delta = {"type": "text_delta", "text": piece}
        yield _event({"type": "content_block_delta", "index": 0, "delta": delta})
    yield _event({"type": "content_block_stop", "index": 0})
    ends = {"stop_reason": "end_turn", "stop_sequence": None}
    yield _event({"type": "message_delta", "delta": ends, "usage": {"output_tokens": MADE}})
    yield _event({"type": "message_stop"})


def _gemini() -> Iterator[bytes]:
    counts = {"promptTokenCount": GIVEN, "candidatesTokenCount": MADE}
    for at, piece in enumerate((*wire.PIECES, "", "")):
        last = at > MADE
        content = {"role": "model", "parts": [{"text": piece}]}
        candidate = {"content": content, "index": 0, **({"finishReason": "STOP"} if last else {})}
        usage = {**counts, "candidatesTokenCount": min(at + 1, MADE)}
        event = {"candidates": [candidate], "usageMetadata": usage, "modelVersion": "bench"}
        yield b"data: " + orjson.dumps({**event, "responseId": "bench"}) + b"\r\n\r\n"


def _ollama() -> Iterator[bytes]:
    head = {"model": "bench", "created_at": "2026-11-22T19:00:00.123456789Z"}
    for piece in wire.PIECES:
        said = {"role": "assistant", "content": piece}
        yield orjson.dumps({**head, "message": said, "done": False}) + b"\n"
    counts = {"prompt_eval_count": GIVEN, "eval_count": MADE, "total_duration": 5_043_500_667}
    ends = {"message": {"role": "assistant", "content": ""}, "done": True, "done_reason": "stop"}
    yield orjson.dumps({**head, **ends, **counts}) + b"\n"


def _cohere() -> Iterator[bytes]:
    begins = {"message": {"role": "assistant", "content": [], "tool_calls": []}}
    yield _event({"id": "bench", "type": "message-start", "delta": begins})
    for piece in wire.PIECES:
        delta = {"message": {"content": {"text": piece}}}
        yield _event({"type": "content-delta", "index": 0, "delta": delta})
    yield _event({"type": "content-end", "index": 0})
    units = {"input_tokens": GIVEN, "output_tokens": MADE}
    usage = {"billed_units": units, "tokens": units}
    yield _event({"type": "message-end", "delta": {"finish_reason": "COMPLETE", "usage": usage}})


_STREAMS: Final = {
    b"/v1/messages": (_STREAM_HEAD, *_chunked(list(_anthropic()))),
    b"/v1beta/models/": (_STREAM_HEAD, *_chunked(list(_gemini()))),
    b"/api/chat": (_LINES_HEAD, *_chunked(list(_ollama()))),
    b"/v2/chat": (_STREAM_HEAD, *_chunked(list(_cohere()))),
}


class Dialects(Upstream):
    """One connection; who asks for OpenAI's chat gets the bench's own stream."""

    def _respond(self, head: bytes, body: bytes) -> tuple[bytes, ...]:
        path = head.split(b" ", 2)[1]
        for known, stream in _STREAMS.items():
            if path.startswith(known):
                self._served.counts["stream"] += 1
                return stream
        if path not in (wire.PATH.encode(), b"/served"):
            return (_refusal(b"404 Not Found", "no such route"),)
        return super()._respond(head, body)


def main() -> int:
    parser = argparse.ArgumentParser(description="A fake upstream of several dialects.")
    parser.add_argument("--port", type=int, default=0, help="0 takes any free port")
    try:
        asyncio.run(serve(parser.parse_args().port, Dialects))
    except KeyboardInterrupt:
        return 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
