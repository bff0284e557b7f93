"""Ollama's own protocol: /api/chat and /api/embed (Ollama, docs/api.md).

A stream is a JSON object a line, the last with `done: true`. Arguments of tools are objects, images
are base64 beside the text, results of tools name the function. `prompt_eval_count` is left out by
versions that had the whole prompt in their cache: then the input is counted here. Thoughts are part
of `eval_count`.

A channel's config may set `num_ctx`, the size of the context in tokens.
"""

import hashlib
from collections.abc import Iterator
from typing import Any

import orjson

from gateway.dialects.dialect import Config, Json
from gateway.dialects.gemini import embeddings
from gateway.dialects.gemini.fields import a_whole, child, children, said, unsupported
from gateway.formats import usage as usages
from gateway.formats.usage import Usage
from gateway.providers import turns
from gateway.providers.asking import LINES, Codes
from gateway.providers.native import (
    CHAT,
    EMBEDDINGS,
    Native,
    NativeReader,
    completion,
)
from gateway.providers.turns import TOOL, Turn

_COUNTS = ("prompt_eval_count", "eval_count")
_REPORTED = (
    *_COUNTS,
    "total_duration",
    "load_duration",
    "prompt_eval_duration",
    "eval_duration",
)
_THINK = {"none": False, "minimal": "low", "low": "low", "medium": "medium", "high": "high"}


class Ollama(Native):
    """Ollama, at home or in its cloud."""

    name = "ollama"
    tasks = (CHAT, EMBEDDINGS)
    framing = LINES
    delivers = ("message", "embeddings")
    # Its errors have no codes; without a key only its cloud refuses.
    codes = Codes(dead=((401, "none", ""),))

    def request(self, chat: Json, config: Config) -> Json:
        """Return a body for /api/chat."""
        made: Json = {
            "model": chat.get("model"),
            "messages": [_message(turn) for turn in turns.turns(chat)],
            "stream": turns.streams(chat),
        }
        choice = turns.chosen(chat)
        functions = [] if choice == "none" else turns.functions(chat)
        if choice not in ("auto", "none"):
            unsupported("tool_choice")
        if functions:
            made["tools"] = [{"type": "function", "function": each} for each in functions]
        if (schema := turns.schema(chat)) is not None:
            made["format"] = schema or "json"
        if effort := turns.effort(chat):
            made["think"] = _THINK.get(effort, "high")
        options = _options(chat, config)
        return {**made, "options": options} if options else made

    def answer(self, answer: Json, created_s: int) -> Json:
        """Return a whole answer as a chat.completion."""
        message = child(answer, "message")
        calls = _calls(answer)
        made: Json = {"role": "assistant", "content": said(message, "content") or None}
        if not calls and made["content"] is None:
            made["content"] = ""
        if thoughts := said(message, "thinking"):
            made["reasoning_content"] = thoughts
        if calls:
            made["tool_calls"] = calls
        frame = self.find(answer)
        head = {"id": _id(answer), "model": said(answer, "model")}
        counted = self.usage(frame) if frame else None
        return completion(head, made, _reason(answer, bool(calls)), counted, created_s)

    def reader(self, created_s: int) -> NativeReader:
        """Return what reads the lines of one stream."""
        return _Reader(self, created_s)

    def ends(self, event: Json) -> bool:
        """Whether a line is the last."""
        return event.get("done") is True

    def texts(self, event: Any) -> Iterator[str]:
        """Yield what is said, thought and called."""
        message = child(event, "message")
        yield from filter(None, (said(message, "content"), said(message, "thinking")))
        for call in children(message, "tool_calls"):
            function = child(call, "function")
            yield from filter(None, (said(function, "name"), _arguments(function)))

    def find(self, event: Any) -> Json | None:
        """Return the counts and durations of an answer or a last line."""
        if not isinstance(event, dict) or not any(name in event for name in _COUNTS):
            return None
        return {name: event[name] for name in _REPORTED if name in event}

    def usage(self, frame: Json) -> Usage | None:
        """Return what was evaluated. A count that is missing is no zero, and is counted here."""
        counts = (usages.count(frame.get(name)) for name in _COUNTS)
        found = zip(("input", "output"), counts, strict=True)
        return {name: count for name, count in found if count is not None} or None

    def embed_request(self, body: Json, config: Config) -> Json:
        """Return a body for /api/embed."""
        made: Json = {"model": body.get("model"), "input": turns.inputs(body)}
        if body.get("dimensions") is not None:
            made["dimensions"] = a_whole(body["dimensions"], "dimensions")
        options = _context(config)
        return {**made, "options": options} if options else made

    def embed_answer(self, answer: Json) -> list[list[float]]:
        """Return the vectors."""
        listed = answer.get("embeddings")
        return [embeddings.numbers(each) for each in (listed if isinstance(listed, list) else ())]


class _Reader(NativeReader):
    """The lines of a stream; calls come whole, each in one line."""

    _calls = 0

    def deltas(self, event: Json) -> Iterator[tuple[Json, str | None]]:
        """Yield what a line adds, and the reason of the end with the last one."""
        self.head["model"] = said(event, "model") or self.head["model"]
        if not self._begun:
            self.head["id"] = _id(event)
        message, delta = child(event, "message"), Json()
        if thoughts := said(message, "thinking"):
            delta["reasoning_content"] = thoughts
        if content := said(message, "content"):
            delta["content"] = content
        calls = _calls(event, self._calls)
        if calls:
            delta["tool_calls"] = [
                {"index": at, **call} for at, call in enumerate(calls, self._calls)
            ]
            self._calls += len(calls)
        if delta:
            yield delta, None
        if event.get("done") is True:
            yield {}, _reason(event, self._calls > 0)


def _message(turn: Turn) -> Json:
    made: Json = {"role": turn.role, "content": turn.text}
    if turn.images:
        made["images"] = [image.base64() for image in turn.images]
    if turn.thoughts:
        made["thinking"] = turn.thoughts
    if turn.calls:
        made["tool_calls"] = [
            {"function": {"name": call.name, "arguments": call.parsed()}} for call in turn.calls
        ]
    if turn.role == TOOL:
        made["tool_name"] = turn.name
    return made


def _options(chat: Json, config: Config) -> Json:
    options = turns.sampling(chat)
    if (most := turns.limit(chat)) is not None:
        options["num_predict"] = most
    if stops := turns.stops(chat):
        options["stop"] = stops
    return {**options, **_context(config)}


def _context(config: Config) -> Json:
    size = str(config.get("num_ctx") or "")
    return {"num_ctx": int(size)} if size.isascii() and size.isdigit() else {}


def _calls(answer: Json, before: int = 0) -> list[Json]:
    found = []
    for at, call in enumerate(children(child(answer, "message"), "tool_calls"), before):
        function = child(call, "function")
        shown = {"name": said(function, "name"), "arguments": _arguments(function) or "{}"}
        call_id = said(call, "id") or f"call_{_digest(answer)}_{at}"
        found.append({"id": call_id, "type": "function", "function": shown})
    return found


def _arguments(function: Json) -> str:
    given = function.get("arguments")
    if isinstance(given, str):
        return given
    try:
        return orjson.dumps(given).decode() if isinstance(given, dict) and given else ""
    except orjson.JSONEncodeError:
        return ""


def _reason(answer: Json, calls: bool) -> str:
    if answer.get("done_reason") == "length":
        return "length"
    return "tool_calls" if calls else "stop"


def _id(answer: Json) -> str:
    return f"chatcmpl-ollama-{_digest(answer)}"


def _digest(answer: Json) -> str:
    """Ollama names no answer, but says when it made it, to the nanosecond."""
    when = said(answer, "created_at") + said(answer, "model")
    return hashlib.sha256(when.encode("utf-8", "replace")).hexdigest()[:12]
