"""An honest fake of Bedrock's Converse and ConverseStream, and of InvokeModel for vectors (Amazon
Bedrock API reference; its user guide, "Cohere Embed" and "Amazon Titan Text Embeddings")."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Any
from urllib.parse import quote

import orjson

from tests.fakes.aws import FakeAws
from tests.fakes.native import NUMBER, Json, Wrong, check, one_of

COHERE, TITAN = "cohere.embed-v4:0", "amazon.titan-embed-text-v2:0"
MODEL = "global.amazon.nova-2-lite-v1:0"
_ID = re.compile(r"[a-zA-Z0-9_.:-]{1,64}")
_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")


def _fits(pattern: re.Pattern[str]) -> Any:
    def check_it(value: Any, at: str) -> None:
        if not isinstance(value, str) or pattern.fullmatch(value) is None:
            raise Wrong(400, f"{at} must match {pattern.pattern}")

    return check_it


def _filled(value: Any, at: str) -> None:
    if not isinstance(value, str) or not value:
        raise Wrong(400, f"{at} must not be blank")


def _bytes(value: Any, at: str) -> None:
    try:
        base64.b64decode(value, validate=True)
    except (binascii.Error, TypeError):
        raise Wrong(400, f"{at} is no base64") from None


def _schema(value: Any, at: str) -> None:
    if not isinstance(value, str) or not isinstance(orjson.loads(value), dict):
        raise Wrong(400, f"{at} must be a schema, as text")


_BLOCKS: dict[str, Any] = {
    "text": _filled,
    "image": {"format": one_of("png", "jpeg", "gif", "webp"), "source": {"bytes": _bytes}},
    "toolUse": {"toolUseId": _fits(_ID), "name": _fits(_NAME), "input": dict},
    "toolResult": {
        "toolUseId": _fits(_ID),
        "content": [{"text": str}],
        "status?": one_of("success", "error"),
    },
}


def _block(value: Any, at: str) -> None:
    if not isinstance(value, dict) or len(value) != 1 or not value.keys() <= _BLOCKS.keys():
        raise Wrong(400, f"{at} must be one block")
    check(value, {name: _BLOCKS[name] for name in value}, at)


_SPEC = {
    "name": _fits(_NAME),
    "description?": _filled,
    "inputSchema": {"json": dict},
    "strict?": bool,
}
_CONVERSE = {
    "stream": bool,
    "messages": [{"role": one_of("user", "assistant"), "content": [_block]}],
    "system?": [{"text": _filled}],
    "inferenceConfig?": {
        "maxTokens?": int,
        "temperature?": NUMBER,
        "topP?": NUMBER,
        "stopSequences?": [str],
    },
    "toolConfig?": {
        "tools": [{"toolSpec": _SPEC}],
        "toolChoice?": {"auto?": dict, "any?": dict, "tool?": {"name": str}},
    },
    "outputConfig?": {
        "textFormat": {
            "type": one_of("json_schema"),
            "structure": {"jsonSchema": {"schema": _schema, "name?": str, "description?": str}},
        }
    },
    "additionalModelRequestFields?": {
        "reasoningConfig": {
            "type": one_of("enabled", "disabled"),
            "maxReasoningEffort?": one_of("low", "medium", "high"),
        }
    },
}
_REASONS = {"stop": "end_turn", "length": "max_tokens"}


def _turns(messages: list[Json], tools: bool) -> None:
    """Roles take turns, every call has its result in the next message, tools are there."""
    waiting = set[str]()
    for number, each in enumerate(messages):
        if each["role"] != ("assistant" if number % 2 else "user") or not each["content"]:
            raise Wrong(400, "A conversation must alternate between user and assistant roles.")
        uses = {b["toolUse"]["toolUseId"] for b in each["content"] if "toolUse" in b}
        results = {b["toolResult"]["toolUseId"] for b in each["content"] if "toolResult" in b}
        if results != waiting:
            raise Wrong(400, "Expected toolResult blocks for the toolUse blocks before.")
        if (uses or results) and not tools:
            raise Wrong(400, "The toolConfig field must be defined.")
        waiting = uses


class FakeBedrock(FakeAws):
    """Bedrock, where one model can be conversed with."""

    paths = {
        **{f"/model/{quote(MODEL, safe='')}/converse{way}": "converse" for way in ("", "-stream")},
        f"/model/{quote(COHERE, safe='')}/invoke": "cohere",
        f"/model/{quote(TITAN, safe='')}/invoke": "titan",
    }

    def answer_headers(self) -> dict[str, str]:
        """Bedrock counts what was sent to a model that does not say so itself."""
        script, name = self.script, "x-amzn-bedrock-input-token-count"
        counted = {} if script.no_usage else {name: f"{script.tokens_in}"}
        return {**super().answer_headers(), **counted}

    def cohere(self, body: Json) -> Json:
        """Make a vector of each text: its length, and a half."""
        check(body, _COHERE)
        vectors = [[float(len(text)), 0.5] for text in body["texts"]]
        made = {"id": "e1", "texts": body["texts"], "response_type": "embeddings_by_type"}
        return {"embeddings": {"float": vectors}, **made}

    def titan(self, body: Json) -> Json:
        """Make a vector of the one text."""
        check(body, _TITAN)
        vector = [float(len(body["inputText"])), 0.5]
        return {"embedding": vector, "inputTextTokenCount": self.script.tokens_in}

    def usage(self) -> Json:
        """What was read from the cache is beside the input."""
        script = self.script
        read = {"cacheReadInputTokens": script.cached} if script.cached else {}
        return {
            "inputTokens": script.tokens_in - script.cached,
            "outputTokens": script.tokens_out,
            "totalTokens": script.tokens_in + script.tokens_out,
            **read,
        }

    def _usage(self) -> Json:
        return {} if self.script.no_usage else {"usage": self.usage()}

    def converse(self, body: Json) -> Any:
        """Answer a conversation."""
        check(body, _CONVERSE)
        _turns(body["messages"], "toolConfig" in body)
        script = self.script
        if body["stream"]:
            return [self.late_error()] if script.fails else self._events()
        if script.fails:
            raise Wrong(424, "the model crashed")
        blocks: list[Json] = []
        if script.thoughts:
            thought = {"text": "".join(script.thoughts), "signature": "c2ln"}
            blocks.append({"reasoningContent": {"reasoningText": thought}})
        if script.words:
            blocks.append({"text": "".join(script.words)})
        for at, (name, given) in enumerate(script.calls):
            blocks.append({"toolUse": {"toolUseId": f"tooluse_{at}", "name": name, "input": given}})
        return {
            "output": {"message": {"role": "assistant", "content": blocks}},
            "stopReason": self._reason(),
            "metrics": {"latencyMs": 321},
            **self._usage(),
        }

    def _reason(self) -> str:
        script = self.script
        return "tool_use" if script.calls else _REASONS.get(script.ended, script.ended)

    def _events(self) -> list[Json]:
        script, place = self.script, 0
        events: list[Json] = [{"messageStart": {"role": "assistant", "p": "abcdef"}}]
        thoughts = [{"reasoningContent": {"text": each}} for each in script.thoughts]
        if thoughts:
            thoughts.append({"reasoningContent": {"signature": "c2ln"}})
        for deltas in (thoughts, [{"text": word} for word in script.words]):
            if deltas:
                events += _block_events(place, None, deltas)
                place += 1
        for at, (name, given) in enumerate(script.calls):
            written = orjson.dumps(given).decode() if given else ""
            pieces = [{"toolUse": {"input": p}} for p in (written[:5], written[5:]) if p]
            start = {"toolUse": {"toolUseId": f"tooluse_{at}", "name": name}}
            events += _block_events(place, start, pieces)
            place += 1
        events.append({"messageStop": {"stopReason": self._reason()}})
        metadata = {"metrics": {"latencyMs": 321}, "p": "ab", **self._usage()}
        return [*events, {"metadata": metadata}]


_COHERE = {
    "stream": bool,
    "texts": [str],
    "input_type": one_of("search_document", "search_query", "classification", "clustering"),
    "embedding_types": [one_of("float")],
    "output_dimension?": int,
}
_TITAN = {"stream": bool, "inputText": _filled, "dimensions?": int, "normalize?": bool}


def _block_events(place: int, start: Json | None, deltas: list[Json]) -> list[Json]:
    at = {"contentBlockIndex": place}
    begun = [{"contentBlockStart": {**at, "start": start}}] if start else []
    said = [{"contentBlockDelta": {**at, "delta": delta, "p": "abc"}} for delta in deltas]
    return [*begun, *said, {"contentBlockStop": at}]
