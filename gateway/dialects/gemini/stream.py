"""Streams: the events of streamGenerateContent to chat.completion.chunk objects and back.

Gemini sends each event as a whole GenerateContentResponse: function calls in one piece, usage in
every event, no closing sentinel. Without `alt=sse` the same objects come as one JSON array.
"""

from typing import Any

import orjson

from gateway.dialects.gemini import errors, parts, usage
from gateway.dialects.gemini.answer import head, refusal_of
from gateway.dialects.gemini.fields import Json, child, children, said
from gateway.dialects.gemini.thinking import wants_thoughts
from gateway.formats import sse
from gateway.relay.errors import RelayError

# Calls of one answer that are kept until its end; further ones are left out.
MAX_CALLS = 1_024


class ToChat:
    """Turns a Gemini upstream's events into chunks.

    `finished` tells whether every candidate seen so far has ended, or the prompt was blocked: a
    stream that stops before that was cut.
    """

    def __init__(self, created: int = 0) -> None:
        """Start a stream; `created` is in Unix seconds, since Gemini does not say."""
        self._head: Json = {
            "id": "chatcmpl-gemini",
            "object": "chat.completion.chunk",
            "created": created,
            "model": "",
        }
        self._answer_id = ""
        self._calls: dict[int, int] = {}
        self._ended: set[int] = set()
        self._report: Json | None = None

    @property
    def finished(self) -> bool:
        return bool(self._ended) and self._ended >= self._calls.keys()

    def feed(self, event: Json) -> list[Json]:
        """Return the chunks for one event. Raises RelayError 502 for JSON beyond writing."""
        if not isinstance(event, dict):
            return []
        if event.get("error") is not None:
            code, message = errors.parse(event)
            return [{"error": {"message": message, "type": "upstream_error", "code": code}}]
        self._note(event)
        chunks: list[Json] = []
        for candidate in children(event, "candidates"):
            chunks.extend(self._candidate(candidate))
        refusal = refusal_of(event)
        if refusal is not None and not self._calls:
            self._calls[0] = 0
            self._ended.add(0)
            delta = {"role": "assistant", "content": None, "refusal": refusal}
            chunks.append(self._chunk(0, delta, "content_filter", None))
        return chunks

    def end(self) -> list[Json]:
        """Return the chunk with the usage, if the upstream reported any."""
        counted = usage.to_openai(self._report) if self._report else None
        self._report = None
        return [{**self._head, "choices": [], "usage": counted}] if counted else []

    def _note(self, event: Json) -> None:
        self._answer_id = self._answer_id or said(event, "responseId")
        if self._answer_id:
            self._head["id"] = self._answer_id
        self._head["model"] = said(event, "modelVersion") or self._head["model"]
        report = usage.find(event)
        if report is not None:
            self._report = usage.merge(self._report, report)

    def _candidate(self, candidate: Json) -> list[Json]:
        index = parts.index_of(candidate)
        before = self._calls.get(index)
        found = parts.read(candidate, self._answer_id, before or 0)
        self._calls[index] = (before or 0) + len(found.calls)
        delta: Json = {"role": "assistant", "content": ""} if before is None else {}
        if found.thoughts:
            delta["reasoning_content"] = found.thoughts
        if found.text:
            delta["content"] = found.text
        if found.images:
            delta["images"] = found.images
        if found.calls:
            numbered = enumerate(found.calls, before or 0)
            delta["tool_calls"] = [{"index": number, **call} for number, call in numbered]
        reason = candidate.get("finishReason")
        ends = isinstance(reason, str) and index not in self._ended
        chances = parts.logprobs_to_chat(candidate)
        chunks = [self._chunk(index, delta, None, chances)] if delta else []
        if ends:
            self._ended.add(index)
            said_reason = parts.finish_to_chat(reason, self._calls[index] > 0)
            chunks.append(self._chunk(index, {}, said_reason, None))
        return chunks

    def _chunk(self, index: int, delta: Json, reason: str | None, chances: Json | None) -> Json:
        choice = {"index": index, "delta": delta, "logprobs": chances, "finish_reason": reason}
        return {**self._head, "choices": [choice]}


def _failure(error: Json) -> RelayError:
    code = said(error, "code") or "upstream_bad_answer"
    message = said(error, "message") or "The upstream service failed."
    return RelayError(code, message, status=502)


class FromChat:
    """Turns chunks into what a Gemini client reads; `array` is for clients without `alt=sse`.

    Tool calls, reasons and usage are kept until the end, since Gemini writes them whole and last.
    """

    def __init__(self, body: Json, array: bool = False, request_id: str = "") -> None:
        """Start the answer to a Gemini client's request `body`; the id is for errors."""
        self._request_id = request_id
        self._shown = wants_thoughts(body)
        self._array = array
        self._begun = False
        self._closed = False
        self._head: Json = {}
        self._calls: dict[int, dict[int, Json]] = {}
        self._reasons: dict[int, Any] = {}
        self._report: Json | None = None

    def feed(self, chunk: Json) -> bytes:
        """Return what one chunk says at once; b"" for nothing."""
        if self._closed or not isinstance(chunk, dict):
            return b""
        if chunk.get("error") is not None:
            return self.fail(_failure(child(chunk, "error")), self._request_id)
        self._head = {**self._head, **head(chunk)}
        report = chunk.get("usage")
        if isinstance(report, dict):
            self._report = {**(self._report or {}), **report}
        found = (self._choice(choice) for choice in children(chunk, "choices"))
        candidates = [candidate for candidate in found if candidate is not None]
        return self._write({"candidates": candidates, **self._head}) if candidates else b""

    def end(self) -> bytes:
        """Return what closes the stream: calls, reasons, usage. Later calls return b""."""
        if self._closed:
            return b""
        last: Json = {}
        if self._reasons:
            last["candidates"] = [self._last(index) for index in sorted(self._reasons)]
        counted = usage.from_openai(self._report)
        if counted is not None:
            last["usageMetadata"] = counted
        written = self._write({**last, **self._head}) if last else b""
        return written + self._close()

    def fail(self, error: RelayError, request_id: str) -> bytes:
        """Return an error in place of the end; nothing follows it."""
        if self._closed:
            return b""
        return self._write(errors.envelope(error, request_id)) + self._close()

    def _choice(self, choice: Json) -> Json | None:
        index = parts.index_of(choice)
        self._reasons.setdefault(index, None)
        delta = child(choice, "delta")
        for call in children(delta, "tool_calls"):
            self._gather(self._calls.setdefault(index, {}), call)
        if choice.get("finish_reason") is not None:
            self._reasons[index] = choice["finish_reason"]
        spoken = parts.of_message(delta, self._shown)
        if not spoken:
            return None
        made: Json = {"content": {"role": "model", "parts": spoken}, "index": index}
        chances = parts.logprobs_from_chat(choice)
        return {**made, "logprobsResult": chances} if chances else made

    def _gather(self, calls: dict[int, Json], call: Json) -> None:
        """Put a piece of a call to the others; a call without an index is a new one or the last."""
        number = call.get("index")
        if not isinstance(number, int):
            number = len(calls) if said(call, "id") or not calls else max(calls)
        if number not in calls and len(calls) >= MAX_CALLS:
            return
        whole = calls.setdefault(number, {"id": "", "function": {"name": "", "arguments": []}})
        function = child(call, "function")
        whole["id"] = whole["id"] or said(call, "id")
        whole["function"]["name"] = whole["function"]["name"] or said(function, "name")
        whole["function"]["arguments"].append(said(function, "arguments"))
        if call.get("extra_content") is not None:
            whole["extra_content"] = call["extra_content"]

    def _last(self, index: int) -> Json:
        spoken = []
        for _, call in sorted(self._calls.get(index, {}).items()):
            arguments = "".join(call["function"]["arguments"])
            function = {**call["function"], "arguments": arguments}
            spoken.append(parts.of_call({**call, "function": function}))
        return {
            "content": {"role": "model", "parts": spoken or [{"text": ""}]},
            "finishReason": parts.finish_from_chat(self._reasons[index]),
            "index": index,
        }

    def _write(self, answer: Json) -> bytes:
        if not self._array:
            return sse.frame(answer)
        opening = b",\r\n" if self._begun else b"["
        self._begun = True
        return opening + orjson.dumps(answer)

    def _close(self) -> bytes:
        self._closed = True
        if not self._array:
            return b""
        return b"]" if self._begun else b"[]"
