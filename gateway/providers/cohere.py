"""Cohere's API v2: /v2/chat, /v2/embed and /v2/rerank (Cohere API reference, v2).

What is charged is `billed_units`, since that is what Cohere bills: `tokens` also counts the
templates that Cohere puts around a request, for free. Only where an answer has no billed units are
`tokens` taken. `cached_tokens` are part of the input. Units of search are calls.

Plans and thoughts are `reasoning_content`; with calls of tools they go back as `tool_plan`, else
they stay behind. Vectors are asked for as floats, of documents to be searched
(`input_type: search_document`) unless the request names another `input_type`: one for queries and
one for documents is what makes a search good. Connectors are gone in v2, so models named
…-internet are refused.
"""

from collections.abc import Iterator
from typing import Any

from gateway.dialects.dialect import Config, Json
from gateway.dialects.gemini import embeddings
from gateway.dialects.gemini.fields import (
    a_list,
    a_name,
    a_whole,
    child,
    children,
    said,
)
from gateway.formats import usage as usages
from gateway.formats.usage import Usage
from gateway.providers import cohere_request, turns
from gateway.providers.asking import Codes
from gateway.providers.native import (
    CHAT,
    EMBEDDINGS,
    RERANK,
    Native,
    NativeReader,
    completion,
)

_REASONS = {
    "COMPLETE": "stop",
    "STOP_SEQUENCE": "stop",
    "MAX_TOKENS": "length",
    "TOOL_CALL": "tool_calls",
}
_BROKEN = ("ERROR", "TIMEOUT")


class Cohere(Native):
    """Cohere, or who offers the same API."""

    name = "cohere"
    tasks = (CHAT, EMBEDDINGS, RERANK)
    fetches = True
    delivers = ("message", "embeddings", "results")
    # Its errors are a message without a code; 402 is a billing limit that was reached.
    codes = Codes(dead=((401, "none", ""), (402, "any", "")))

    def request(self, chat: Json, config: Config) -> Json:
        """Return a body for /v2/chat."""
        made: Json = {
            "model": cohere_request.model(chat),
            "messages": [cohere_request.message(turn) for turn in turns.turns(chat)],
            "stream": turns.streams(chat),
            **turns.numbers(
                chat,
                temperature="temperature",
                top_p="p",
                top_k="k",
                seed="seed",
                frequency_penalty="frequency_penalty",
                presence_penalty="presence_penalty",
            ),
        }
        if (most := turns.limit(chat)) is not None:
            made["max_tokens"] = most
        if stops := turns.stops(chat):
            made["stop_sequences"] = stops
        if (schema := turns.schema(chat)) is not None:
            inner = {"json_schema": schema} if schema else {}
            made["response_format"] = {"type": "json_object", **inner}
        if effort := turns.effort(chat):
            made["thinking"] = {"type": "disabled" if effort == "none" else "enabled"}
        return {**made, **cohere_request.tools(chat)}

    def answer(self, answer: Json, created_s: int) -> Json:
        """Return a whole answer as a chat.completion."""
        message = child(answer, "message")
        content = "".join(said(part, "text") for part in children(message, "content"))
        thoughts = "".join(said(part, "thinking") for part in children(message, "content"))
        calls = [_call(call) for call in children(message, "tool_calls")]
        made: Json = {"role": "assistant", "content": content or (None if calls else "")}
        if thoughts := thoughts or said(message, "tool_plan"):
            made["reasoning_content"] = thoughts
        if calls:
            made["tool_calls"] = calls
        frame = self.find(answer)
        counted = self.usage(frame) if frame else None
        head = {"id": said(answer, "id") or "chatcmpl-cohere", "model": ""}
        return completion(head, made, _reason(answer), counted, created_s)

    def reader(self, created_s: int) -> NativeReader:
        """Return what reads the events of one stream."""
        return _Reader(self, created_s)

    def ends(self, event: Json) -> bool:
        """Whether an event is the last, and not of an answer that failed."""
        return event.get("type") == "message-end" and not self.failed(event)

    def failed(self, parsed: Any) -> bool:
        """Whether an answer or an event says that it failed: by its reason, or only a message."""
        if not isinstance(parsed, dict):
            return False
        delta = child(parsed, "delta")
        if (said(parsed, "finish_reason") or said(delta, "finish_reason")) in _BROKEN:
            return True
        only_said = isinstance(parsed.get("message"), str) and "type" not in parsed
        return only_said or bool(parsed.get("error"))

    def error(self, parsed: Any) -> tuple[str | None, str]:
        """Return the message; there is no code but the reason of an answer that failed."""
        if not isinstance(parsed, dict):
            return None, ""
        delta = child(parsed, "delta")
        reason = said(parsed, "finish_reason") or said(delta, "finish_reason")
        message = said(parsed, "message") or said(delta, "error") or said(parsed, "error")
        if reason in _BROKEN:
            return reason, message or "The model did not finish its answer."
        return None, message[:2_000]

    def texts(self, event: Any) -> Iterator[str]:
        """Yield what is said, thought, planned and called."""
        message = child(child(event, "delta"), "message") or child(event, "message")
        content = message.get("content")
        pieces = [content] if isinstance(content, dict) else children(message, "content")
        for piece in pieces:
            yield from filter(None, (said(piece, "text"), said(piece, "thinking")))
        if plan := said(message, "tool_plan"):
            yield plan
        calls = message.get("tool_calls")
        for call in [calls] if isinstance(calls, dict) else children(message, "tool_calls"):
            function = child(call, "function")
            yield from filter(None, (said(function, "name"), said(function, "arguments")))

    def find(self, event: Any) -> Json | None:
        """Return the usage of a chat, or the `meta` of vectors and ranks."""
        found = child(event, "usage") or child(child(event, "delta"), "usage")
        return found or child(event, "meta") or None

    def usage(self, frame: Json) -> Usage | None:
        """Return what is billed."""
        billed, tokens = child(frame, "billed_units"), child(frame, "tokens")
        given = usages.count(billed.get("input_tokens"))
        made = usages.count(billed.get("output_tokens"))
        units = usages.count(billed.get("search_units"))
        if given is None and made is None and units is None:
            given, made = (usages.count(tokens.get(f"{n}_tokens")) for n in ("input", "output"))
        found: Usage = {}
        if given is not None:
            cached = min(usages.count(frame.get("cached_tokens")) or 0, given)
            found["input"] = given - cached
            if cached:
                found["cached"] = cached
        if made is not None:
            found["output"] = made
        if units:
            found["calls"] = units
        return found or None

    def embed_request(self, body: Json, config: Config) -> Json:
        """Return a body for /v2/embed."""
        kind = body.get("input_type")
        made: Json = {
            "model": body.get("model"),
            "texts": turns.inputs(body),
            "input_type": "search_document" if kind is None else a_name(kind, "input_type"),
            "embedding_types": ["float"],
        }
        if body.get("dimensions") is not None:
            made["output_dimension"] = a_whole(body["dimensions"], "dimensions")
        return made

    def embed_answer(self, answer: Json) -> list[list[float]]:
        """Return the vectors."""
        listed = child(answer, "embeddings").get("float")
        return [embeddings.numbers(each) for each in (listed if isinstance(listed, list) else ())]

    def rerank_request(self, body: Json, config: Config) -> Json:
        """Return a body for /v2/rerank, which takes texts only."""
        documents = a_list(body.get("documents"), "documents")
        made: Json = {
            "model": body.get("model"),
            "query": a_name(body.get("query"), "query"),
            "documents": [
                cohere_request.document(each, f"documents[{at}]")
                for at, each in enumerate(documents)
            ],
        }
        for name in ("top_n", "max_tokens_per_doc"):
            if body.get(name) is not None:
                made[name] = a_whole(body[name], name)
        return made

    def rerank_answer(self, answer: Json, body: Json) -> Json:
        """Return the scores, with the documents where they are wanted: v2 sends none back."""
        if not body.get("return_documents"):
            return answer
        documents, results = body["documents"], []
        for result in children(answer, "results"):
            at = result.get("index")
            if type(at) is int and 0 <= at < len(documents):
                given = documents[at]
                shown = given if isinstance(given, dict) else {"text": given}
                result = {**result, "document": shown}
            results.append(result)
        return {**answer, "results": results}


class _Reader(NativeReader):
    """The events of a stream, each named by its `type`; those of citations are passed over."""

    def __init__(self, native: Native, created_s: int) -> None:
        super().__init__(native, created_s)
        self._numbers: dict[Any, int] = {}

    def deltas(self, event: Json) -> Iterator[tuple[Json, str | None]]:
        """Yield what an event adds, and the reason of the end with the last one."""
        kind, delta = event.get("type"), child(event, "delta")
        message = child(delta, "message")
        if kind == "message-start":
            self.head["id"] = said(event, "id") or self.head["id"]
            yield {}, None
        elif kind in ("content-start", "content-delta"):
            content = child(message, "content")
            if text := said(content, "text"):
                yield {"content": text}, None
            if thoughts := said(content, "thinking"):
                yield {"reasoning_content": thoughts}, None
        elif kind == "tool-plan-delta" and (plan := said(message, "tool_plan")):
            yield {"reasoning_content": plan}, None
        elif kind in ("tool-call-start", "tool-call-delta"):
            yield self._call(event, child(message, "tool_calls")), None
        elif kind == "message-end":
            yield {}, _reason(delta)

    def _call(self, event: Json, call: Json) -> Json:
        place = event.get("index")
        place = place if isinstance(place, int) else None
        if event["type"] == "tool-call-start":
            self._numbers[place] = len(self._numbers)
            return {"tool_calls": [{"index": self._numbers[place], **_call(call)}]}
        arguments = said(child(call, "function"), "arguments")
        number = self._numbers.get(place, max(0, len(self._numbers) - 1))
        return {"tool_calls": [{"index": number, "function": {"arguments": arguments}}]}


def _call(call: Json) -> Json:
    function = child(call, "function")
    shown = {"name": said(function, "name"), "arguments": said(function, "arguments")}
    return {"id": said(call, "id"), "type": "function", "function": shown}


def _reason(source: Json) -> str:
    return _REASONS.get(said(source, "finish_reason"), "stop")
