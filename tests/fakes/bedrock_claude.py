"""An honest fake of Claude on Bedrock: InvokeModel and InvokeModelWithResponseStream (Amazon
Bedrock user guide, "Anthropic Claude Messages API")."""

from __future__ import annotations

import base64
from typing import Any
from urllib.parse import quote

import orjson

from tests.fakes.aws import FakeAws
from tests.fakes.native import NUMBER, Json, Wrong, check, one_of

MODEL = "eu.anthropic.claude-sonnet-4-20250514-v1:0"
OLD = "anthropic.claude-3-haiku-20240307-v1:0"
_CACHED = {"type": one_of("ephemeral"), "ttl?": one_of("5m", "1h")}
_BLOCKS: dict[str, Json] = {
    "text": {"type": str, "text": str, "cache_control?": _CACHED},
    "image": {
        "type": str,
        "source": {"type": one_of("base64"), "media_type": str, "data": str},
    },
    "tool_use": {"type": str, "id": str, "name": str, "input": dict},
    "tool_result": {"type": str, "tool_use_id": str, "content?": object, "is_error?": bool},
}


def _content(value: Any, at: str) -> None:
    if isinstance(value, str):
        return
    for number, block in enumerate(value):
        shape = _BLOCKS.get(block.get("type"))
        if shape is None:
            raise Wrong(400, f"{at}[{number}].type is not known")
        check(block, shape, f"{at}[{number}]")


_TOOL = {"name": str, "description?": str, "input_schema": dict}
_MESSAGES = {
    "stream": bool,
    "anthropic_version": one_of("bedrock-2023-05-31"),
    "anthropic_beta?": [str],
    "max_tokens": int,
    "messages": [{"role": one_of("user", "assistant"), "content": _content}],
    "system?": _content,
    "temperature?": NUMBER,
    "top_p?": NUMBER,
    "top_k?": int,
    "stop_sequences?": [str],
    "tools?": [_TOOL],
    "tool_choice?": {"type": one_of("auto", "any", "tool", "none"), "name?": str},
    "thinking?": {"type": one_of("enabled", "disabled"), "budget_tokens?": int},
    "output_config?": {"format": {"type": one_of("json_schema"), "schema": dict}},
    "metadata?": {"user_id": str},
}
_REASONS = {"stop": "end_turn", "length": "max_tokens"}


class FakeBedrockClaude(FakeAws):
    """Bedrock, where two Claudes can be invoked. `also` is further usage that it reports."""

    # Anthropic's client leaves colons as they are, Amazon's does not.
    paths = {
        f"/model/{quote(model, safe=kept)}/{way}": "invoke"
        for model in (MODEL, OLD)
        for kept in ("", ":")
        for way in ("invoke", "invoke-with-response-stream")
    }

    def __init__(self) -> None:
        super().__init__()
        self.also: Json = {}

    def frame(self, event: Json) -> bytes:
        """Events are wrapped, with random letters beside them."""
        if "type" not in event:
            return super().frame(event)
        inner = base64.b64encode(orjson.dumps(event)).decode()
        return super().frame({"chunk": {"bytes": inner, "p": "abcdefgh"}})

    def noise(self) -> bytes:
        """Events that nobody knows, pings, and what is none."""
        odd = {"chunk": {"bytes": base64.b64encode(b"{half").decode()}}
        return super().noise() + self.frame({"type": "ping"}) + super().frame(odd)

    def usage(self) -> Json:
        """What was read from the cache is beside the input."""
        script = self.script
        return {
            "input_tokens": script.tokens_in - script.cached,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": script.cached,
            "output_tokens": script.tokens_out,
            **self.also,
        }

    def _head(self, usage: Json) -> Json:
        counted = {} if self.script.no_usage else {"usage": usage}
        head = {"id": "msg_bdrk_1", "type": "message", "role": "assistant", "model": "claude"}
        return {**head, "content": [], "stop_reason": None, "stop_sequence": None, **counted}

    def invoke(self, body: Json) -> Any:
        """Answer a conversation."""
        check(body, _MESSAGES)
        script = self.script
        if body["stream"]:
            return [self.late_error()] if script.fails else self._events()
        if script.fails:
            raise Wrong(424, "the model crashed")
        blocks = [block for block, _ in self._blocks()]
        made = {"content": blocks, "stop_reason": self._reason()}
        return {**self._head(self.usage()), **made}

    def _reason(self) -> str:
        script = self.script
        return "tool_use" if script.calls else _REASONS.get(script.ended, script.ended)

    def _blocks(self) -> list[tuple[Json, list[Json]]]:
        """Each block, and its deltas; a stream has it empty at first."""
        script, made = self.script, list[tuple[Json, list[Json]]]()
        if script.thoughts:
            block = {"type": "thinking", "thinking": "".join(script.thoughts), "signature": "c2ln"}
            deltas = [{"type": "thinking_delta", "thinking": each} for each in script.thoughts]
            made.append((block, [*deltas, {"type": "signature_delta", "signature": "c2ln"}]))
        if script.words:
            deltas = [{"type": "text_delta", "text": each} for each in script.words]
            made.append(({"type": "text", "text": "".join(script.words)}, deltas))
        for at, (name, given) in enumerate(script.calls):
            block = {"type": "tool_use", "id": f"toolu_bdrk_{at}", "name": name, "input": given}
            written = orjson.dumps(given).decode()
            pieces = ("", written[:5], written[5:])
            made.append((block, [{"type": "input_json_delta", "partial_json": p} for p in pieces]))
        return made

    def _events(self) -> list[Json]:
        script = self.script
        head = self._head({**self.usage(), "output_tokens": 1})
        events: list[Json] = [{"type": "message_start", "message": head}]
        for index, (block, deltas) in enumerate(self._blocks()):
            empty = {"text": "", "thinking": "", "signature": "", "input": {}}
            begun = {name: empty.get(name, value) for name, value in block.items()}
            at = {"index": index}
            events.append({"type": "content_block_start", **at, "content_block": begun})
            events += [{"type": "content_block_delta", **at, "delta": each} for each in deltas]
            events.append({"type": "content_block_stop", **at})
        counted = {} if script.no_usage else {"usage": {"output_tokens": script.tokens_out}}
        delta = {"stop_reason": self._reason(), "stop_sequence": None}
        events.append({"type": "message_delta", "delta": delta, **counted})
        metrics = {
            "inputTokenCount": 4_321,
            "outputTokenCount": 1_234,
            "invocationLatency": 900,
            "firstByteLatency": 300,
        }
        return [*events, {"type": "message_stop", "amazon-bedrock-invocationMetrics": metrics}]
