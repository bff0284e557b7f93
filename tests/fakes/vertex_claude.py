"""An honest fake of Claude on Vertex AI: rawPredict and streamRawPredict, whose bodies and events
are those of Anthropic's Messages but for the model and the version (Anthropic, "Claude on Vertex
AI").

Anthropic's own client of 2026 writes another version than its documentation asks for; both are
taken.
"""

from __future__ import annotations

import base64
from typing import Any

import orjson

from tests.fakes.native import NUMBER, Json, Wrong, check, one_of
from tests.fakes.vertex import PLACE, FakeVertex

CLAUDE = "claude-sonnet-4-5@20250929"
VERSIONS = ("vertex-2023-10-16", "2026-10-21")


def _base64(value: Any, at: str) -> None:
    try:
        base64.b64decode(value, validate=True)
    except (TypeError, ValueError):
        raise Wrong(400, f"{at}: invalid base64 data") from None


_BLOCKS: dict[str, Any] = {
    "text": {"type": str, "text": str, "cache_control?": dict},
    "image": {
        "type": str,
        "source": {"type": one_of("base64"), "media_type": str, "data": _base64},
    },
    "tool_use": {"type": str, "id": str, "name": str, "input": dict},
    "tool_result": {"type": str, "tool_use_id": str, "content": str},
    "thinking": {"type": str, "thinking": str, "signature": str},
}


def _content(value: Any, at: str) -> None:
    if isinstance(value, str) and value:
        return
    if not isinstance(value, list) or not value:
        raise Wrong(400, f"{at} must be text or blocks")
    for number, block in enumerate(value):
        shape = _BLOCKS.get(block.get("type")) if isinstance(block, dict) else None
        if shape is None:
            raise Wrong(400, f"{at}[{number}].type is not known")
        check(block, shape, f"{at}[{number}]")


_THINKING = {"type": one_of("enabled", "disabled"), "budget_tokens?": int}
_FORMAT = {"type": one_of("json_schema"), "schema": dict}
_BODY = {
    "anthropic_version": one_of(*VERSIONS),
    "messages": [{"role": one_of("user", "assistant"), "content": _content}],
    "max_tokens": int,
    "system?": (str, list),
    "stream?": bool,
    "temperature?": NUMBER,
    "top_p?": NUMBER,
    "stop_sequences?": [str],
    "tools?": [{"name": str, "description?": str, "input_schema": dict}],
    "tool_choice?": {"type": one_of("auto", "any", "tool", "none"), "name?": str},
    "thinking?": _THINKING,
    "output_config?": {"format?": _FORMAT, "effort?": str},
    "metadata?": {"user_id?": str},
}
_REASONS = {"stop": "end_turn", "length": "max_tokens"}


class FakeVertexClaude(FakeVertex):
    """Vertex AI with Claude."""

    _claude = f"{PLACE}/anthropic/models/{CLAUDE}"
    paths = {
        **FakeVertex.paths,
        f"{_claude}:rawPredict": "raw_predict",
        f"{_claude}:streamRawPredict": "stream_raw_predict",
    }

    def frame(self, event: Json) -> bytes:
        """An event with its name."""
        name = event.get("type", "vertex_event")
        return f"event: {name}\n".encode() + b"data: " + orjson.dumps(event) + b"\n\n"

    def noise(self) -> bytes:
        """A comment, a ping, an event that nobody knows, and data that is no JSON."""
        odd = self.frame({"type": "ping"}) + self.frame({"type": "news", "x": {}})
        return b": x\n\n" + odd + b"event: news\ndata: {broken\n\n"

    def late_error(self) -> Json:
        """Anthropic's error."""
        said = {"type": "api_error", "message": "the model crashed"}
        return {"type": "error", "error": said}

    def usage(self) -> Json:
        """What the model used."""
        script = self.script
        return {
            "input_tokens": script.tokens_in,
            "cache_read_input_tokens": script.cached,
            "cache_creation_input_tokens": 0,
            "output_tokens": script.tokens_out,
        }

    def _blocks(self) -> list[Json]:
        script, made = self.script, list[Json]()
        if script.thoughts:
            thought = "".join(script.thoughts)
            made.append({"type": "thinking", "thinking": thought, "signature": "c2ln"})
        if script.words:
            made.append({"type": "text", "text": "".join(script.words), "citations": None})
        calls = enumerate(script.calls)
        made += [
            {"type": "tool_use", "id": f"t{at}", "name": n, "input": i} for at, (n, i) in calls
        ]
        return made

    def _message(self) -> Json:
        reason = "tool_use" if self.script.calls else _REASONS.get(self.script.ended, "end_turn")
        made = {"id": "msg_vrtx_1", "type": "message", "role": "assistant", "model": CLAUDE}
        usage = {} if self.script.no_usage else self.usage()
        ends = {"stop_reason": reason, "stop_sequence": None, "usage": usage}
        return {**made, "content": self._blocks(), **ends}

    def raw_predict(self, body: Json) -> Json:
        """Answer at once."""
        check(body, _BODY)
        if body.get("stream"):
            raise Wrong(400, "stream is for streamRawPredict")
        return self.late_error() if self.script.fails else self._message()

    def stream_raw_predict(self, body: Json) -> list[Json]:
        """Answer event by event."""
        check(body, _BODY)
        if body.get("stream") is not True:
            raise Wrong(400, "stream must be true")
        if self.script.fails:
            return [self.late_error()]
        whole = self._message()
        begun = {**whole, "content": [], "stop_reason": None}
        if not self.script.no_usage:
            begun["usage"] = {**self.usage(), "output_tokens": 1}
        events: list[Json] = [{"type": "message_start", "message": begun}, {"type": "ping"}]
        for index, block in enumerate(whole["content"]):
            events += self._block_events(index, block)
        counted = {} if self.script.no_usage else {"output_tokens": self.script.tokens_out}
        delta = {"stop_reason": whole["stop_reason"], "stop_sequence": None}
        events.append({"type": "message_delta", "delta": delta, "usage": counted})
        return [*events, {"type": "message_stop"}]

    def _block_events(self, index: int, block: Json) -> list[Json]:
        script, kind = self.script, block["type"]
        if kind == "text":
            empty, pieces = {"type": kind, "text": ""}, script.words
            deltas = [{"type": "text_delta", "text": each} for each in pieces]
        elif kind == "thinking":
            empty = {"type": kind, "thinking": "", "signature": ""}
            deltas = [{"type": "thinking_delta", "thinking": each} for each in script.thoughts]
            deltas.append({"type": "signature_delta", "signature": block["signature"]})
        else:
            written = orjson.dumps(block["input"]).decode()
            empty, halves = {**block, "input": {}}, (written[:5], written[5:])
            deltas = [{"type": "input_json_delta", "partial_json": each} for each in halves]
        said = [{"type": "content_block_delta", "index": index, "delta": each} for each in deltas]
        start = {"type": "content_block_start", "index": index, "content_block": empty}
        return [start, *said, {"type": "content_block_stop", "index": index}]
