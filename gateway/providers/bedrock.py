"""Amazon Bedrock's Converse API, for the models of all makers (Amazon Bedrock API reference,
Converse and ConverseStream), and its vectors (bedrock_vectors.py).

The model stands in the address, and so does whether a stream is wanted. `inputTokens` are those
that were neither read from the cache nor written to it. A stream's usage is in its last event,
`metadata`. Thoughts are shown, and stay behind in later turns: models sign theirs, or refuse them.
Calls that came without an argument have an empty object.
"""

from collections.abc import Iterator
from typing import Any

import httpx
import orjson

from gateway.dialects.anthropic.fields import fresh_id
from gateway.dialects.dialect import Config, Json
from gateway.dialects.gemini.fields import child, children, said
from gateway.formats import usage as usages
from gateway.formats.usage import Usage
from gateway.providers import bedrock_request as asked
from gateway.providers import bedrock_vectors, turns
from gateway.providers.asking import Means
from gateway.providers.aws import OnBedrock
from gateway.providers.base import Answer, Call
from gateway.providers.native import CHAT, EMBEDDINGS, Native, NativeReader, completion
from gateway.providers.turns import SYSTEM

_REASONS = {
    "tool_use": "tool_calls",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "guardrail_intervened": "content_filter",
    "content_filtered": "content_filter",
}
# One API's names for two of the Llamas.
_NAMES = {
    "llama3-8b-8192": "meta.llama3-8b-instruct-v1:0",
    "llama3-70b-8192": "meta.llama3-70b-instruct-v1:0",
}
_HOURLY = "1h"


class Bedrock(OnBedrock, Native):
    """Bedrock, asked in its own way."""

    name = "bedrock"
    streamed = "-stream"
    names = _NAMES
    tasks = (CHAT, EMBEDDINGS)
    delivers = ("output", "embedding", "embeddings")

    async def exchange(self, request: httpx.Request, call: Call, means: Means) -> Answer:
        """Send a request; answers with vectors get their count from a header."""
        answer = await super().exchange(request, call, means)
        return bedrock_vectors.counted(answer) if call.endpoint.task == EMBEDDINGS else answer

    def request(self, chat: Json, config: Config) -> Json:
        """Return a body for /model/{id}/converse and its stream."""
        found = turns.turns(chat)
        system = [{"text": turn.text} for turn in found if turn.role == SYSTEM and turn.text]
        return {
            "messages": asked.messages(found),
            **({"system": system} if system else {}),
            **asked.inference(chat),
            **asked.tools(chat, found),
            **asked.output(chat),
            **asked.thinking(chat),
        }

    def answer(self, answer: Json, created_s: int) -> Json:
        """Return a whole answer as a chat.completion."""
        blocks = children(child(child(answer, "output"), "message"), "content")
        content = "".join(said(block, "text") for block in blocks)
        calls = [_call(child(block, "toolUse")) for block in blocks if child(block, "toolUse")]
        made: Json = {"role": "assistant", "content": content or (None if calls else "")}
        if thoughts := "".join(_thought(block) for block in blocks):
            made["reasoning_content"] = thoughts
        if calls:
            made["tool_calls"] = calls
        frame = self.find(answer)
        counted = self.usage(frame) if frame else None
        head = {"id": f"chatcmpl-{fresh_id()}", "model": ""}
        return completion(head, made, _reason(answer), counted, created_s)

    def reader(self, created_s: int) -> NativeReader:
        """Return what reads the events of one stream."""
        return _Reader(self, created_s)

    def ends(self, event: Json) -> bool:
        """Whether an event is the last: messageStop comes before it."""
        return isinstance(event.get("metadata"), dict)

    def texts(self, event: Any) -> Iterator[str]:
        """Yield what is said, thought and called."""
        if not isinstance(event, dict):
            return
        delta = child(child(event, "contentBlockDelta"), "delta")
        start = child(child(event, "contentBlockStart"), "start")
        blocks = children(child(child(event, "output"), "message"), "content")
        for block in (delta, start, *blocks):
            call = child(block, "toolUse")
            yield from filter(None, (said(block, "text"), _thought(block), said(call, "name")))
            if given := _arguments(call):
                yield given

    def find(self, event: Any) -> Json | None:
        """Return the usage of an answer, or of a stream's last event; of vectors the count."""
        name = bedrock_vectors.COUNTED
        if isinstance(event, dict) and name in event:
            return {name: event[name]}
        return child(event, "usage") or child(child(event, "metadata"), "usage") or None

    def usage(self, frame: Json) -> Usage | None:
        """Return the counts, which do not overlap."""
        given, made = (usages.count(frame.get(f"{side}Tokens")) for side in ("input", "output"))
        given = usages.count(frame.get(bedrock_vectors.COUNTED)) if given is None else given
        read = usages.count(frame.get("cacheReadInputTokens"))
        written = usages.count(frame.get("cacheWriteInputTokens")) or 0
        lasting = (
            usages.count(each.get("inputTokens")) or 0
            for each in children(frame, "cacheDetails")
            if each.get("ttl") == _HOURLY
        )
        hourly = min(sum(lasting), written)
        more = {"cached": read, "cache_write": written - hourly, "cache_write_1h": hourly}
        extra = {name: count for name, count in more.items() if count}
        found: Usage = {}
        if given is not None or extra:
            found = {"input": given or 0, **extra}
        return {**found, **({} if made is None else {"output": made})} or None

    def embed_request(self, body: Json, config: Config) -> Json:
        """Return a body for /model/{id}/invoke."""
        return bedrock_vectors.request(body)

    def embed_answer(self, answer: Json) -> list[list[float]]:
        """Return the vectors."""
        return bedrock_vectors.vectors(answer)


class _Reader(NativeReader):
    """The events of a stream, each an object of its name."""

    def __init__(self, native: Native, created_s: int) -> None:
        super().__init__(native, created_s)
        self.head["id"] = f"chatcmpl-{fresh_id()}"
        # By the place of a block: the number of its call, and whether it was given something.
        self._open: dict[int, tuple[int, bool]] = {}
        self._calls = 0

    def deltas(self, event: Json) -> Iterator[tuple[Json, str | None]]:
        """Yield what an event adds, and the reason of the end."""
        begun, more = child(event, "contentBlockStart"), child(event, "contentBlockDelta")
        closed, stopped = child(event, "contentBlockStop"), child(event, "messageStop")
        if isinstance(event.get("messageStart"), dict):
            yield {}, None
        if call := child(child(begun, "start"), "toolUse"):
            self._open[_place(begun)] = (self._calls, False)
            shown = {"name": said(call, "name"), "arguments": ""}
            whole = {"id": _call_id(call), "type": "function", "function": shown}
            yield {"tool_calls": [{"index": self._calls, **whole}]}, None
            self._calls += 1
        if delta := child(more, "delta"):
            yield from ((made, None) for made in self._added(_place(more), delta))
        if closed and (call_at := self._open.pop(_place(closed), None)) and not call_at[1]:
            yield _piece(call_at[0], "{}"), None
        if stopped:
            yield {}, _reason(stopped)

    def _added(self, place: int, delta: Json) -> Iterator[Json]:
        if text := said(delta, "text"):
            yield {"content": text}
        if thought := _thought(delta):
            yield {"reasoning_content": thought}
        given = said(child(delta, "toolUse"), "input")
        if given and place in self._open:
            number = self._open[place][0]
            self._open[place] = (number, True)
            yield _piece(number, given)


def _place(event: Json) -> int:
    found = event.get("contentBlockIndex")
    return found if isinstance(found, int) else -1


def _piece(number: int, arguments: str) -> Json:
    return {"tool_calls": [{"index": number, "function": {"arguments": arguments}}]}


def _thought(block: Json) -> str:
    """Return what was thought: in a stream without a further object around it."""
    thoughts = child(block, "reasoningContent")
    return said(thoughts, "text") or said(child(thoughts, "reasoningText"), "text")


def _call(call: Json) -> Json:
    shown = {"name": said(call, "name"), "arguments": _arguments(call) or "{}"}
    return {"id": _call_id(call), "type": "function", "function": shown}


def _call_id(call: Json) -> str:
    return said(call, "toolUseId") or f"call_{fresh_id()}"


def _arguments(call: Json) -> str:
    """Return what a call is given: an object, or a piece of its text in a stream."""
    given = call.get("input")
    if isinstance(given, str):
        return given
    try:
        return orjson.dumps(given).decode() if given and isinstance(given, dict) else ""
    except orjson.JSONEncodeError:
        return ""


def _reason(source: Json) -> str:
    return _REASONS.get(said(source, "stopReason"), "stop")
