"""An honest fake of Cohere's API v2: /v2/chat, /v2/embed and /v2/rerank (Cohere API reference)."""

from __future__ import annotations

from typing import Any

import orjson

from tests.fakes.native import NUMBER, Json, NativeFake, Wrong, check, one_of

KEY = "cohere-secret"
_TEXT = {"type": one_of("text"), "text": str}


def _content(value: Any, at: str) -> None:
    if isinstance(value, str):
        if not value:
            raise Wrong(400, f"{at} must not be empty")
        return
    if not isinstance(value, list) or not value:
        raise Wrong(400, f"{at} must be text or a list")
    for number, part in enumerate(value):
        url = {"url": str, "detail?": one_of("auto", "low", "high")}
        is_text = isinstance(part, dict) and part.get("type") == "text"
        shape = _TEXT if is_text else {"type": one_of("image_url"), "image_url": url}
        check(part, shape, f"{at}[{number}]")


_CALL = {"id": str, "type": one_of("function"), "function": {"name": str, "arguments": str}}
_MESSAGES = {
    "system": {"role": str, "content": _content},
    "user": {"role": str, "content": _content},
    "assistant": {"role": str, "content?": _content, "tool_calls?": [_CALL], "tool_plan?": str},
    "tool": {"role": str, "tool_call_id": str, "content": str},
}


def _message(value: Any, at: str) -> None:
    shape = _MESSAGES.get(value.get("role")) if isinstance(value, dict) else None
    if shape is None:
        raise Wrong(400, f"{at}.role is not known")
    check(value, shape, at)


_FUNCTION = {"name": str, "description?": str, "parameters?": dict}
_CHAT = {
    "model": str,
    "messages": [_message],
    "stream": bool,
    "tools?": [{"type": one_of("function"), "function": _FUNCTION}],
    "strict_tools?": bool,
    "tool_choice?": one_of("REQUIRED", "NONE"),
    "response_format?": {"type": one_of("json_object"), "json_schema?": dict},
    "stop_sequences?": [str],
    "max_tokens?": int,
    "temperature?": NUMBER,
    "p?": NUMBER,
    "k?": int,
    "seed?": int,
    "frequency_penalty?": NUMBER,
    "presence_penalty?": NUMBER,
    "thinking?": {"type": one_of("enabled", "disabled"), "token_budget?": int},
}
_EMBED = {
    "model": str,
    "texts": [str],
    "input_type": one_of("search_document", "search_query", "classification", "clustering"),
    "embedding_types": [one_of("float")],
    "output_dimension?": int,
}
_RERANK = {
    "model": str,
    "query": str,
    "documents": [str],
    "top_n?": int,
    "max_tokens_per_doc?": int,
}
_REASONS = {"stop": "COMPLETE", "length": "MAX_TOKENS"}


class FakeCohere(NativeFake):
    """Cohere."""

    paths = {"/v2/chat": "chat", "/v2/embed": "embed", "/v2/rerank": "rerank"}
    stream_type = "text/event-stream"

    def check_headers(self, headers: dict[str, str]) -> None:
        """The key is the bearer's."""
        if headers.get("authorization") != f"Bearer {KEY}":
            raise Wrong(401, "invalid api token")

    def error(self, status: int, message: str) -> Json:
        """Cohere's errors are an id and a message."""
        return {"id": "e0a1", "message": message}

    def late_error(self) -> Json:
        """A stream that fails ends with the reason ERROR."""
        return {
            "type": "message-end",
            "id": "c1",
            "delta": {
                "finish_reason": "ERROR",
                "error": "the model crashed",
                "usage": self.usage(),
            },
        }

    def frame(self, event: Json) -> bytes:
        """An event with its name."""
        return f"event: {event['type']}\n".encode() + b"data: " + orjson.dumps(event) + b"\n\n"

    def noise(self) -> bytes:
        """Comments, events of citations, data that is no JSON."""
        citation = {"type": "citation-start", "index": 0, "delta": {"message": {"citations": {}}}}
        return b": ping\n\n" + self.frame(citation) + b"data: {broken\n\n"

    def usage(self) -> Json:
        """Billed units are less than tokens: Cohere's templates are free."""
        script = self.script
        if script.no_usage:
            return {}
        billed = {"input_tokens": script.tokens_in, "output_tokens": script.tokens_out}
        tokens = {name: count + 500 for name, count in billed.items()}
        cached = {"cached_tokens": script.cached} if script.cached else {}
        return {"billed_units": billed, "tokens": tokens, **cached}

    def _reason(self) -> str:
        script = self.script
        return "TOOL_CALL" if script.calls else _REASONS.get(script.ended, "COMPLETE")

    def _calls(self) -> list[Json]:
        return [
            {
                "id": f"{name}_{at}",
                "type": "function",
                "function": {"name": name, "arguments": orjson.dumps(given).decode()},
            }
            for at, (name, given) in enumerate(self.script.calls)
        ]

    def chat(self, body: Json) -> Any:
        """Answer a conversation."""
        check(body, _CHAT)
        if body["stream"]:
            return [self.late_error()] if self.script.fails else self._events()
        script = self.script
        content: list[Json] = []
        if script.thoughts:
            content.append({"type": "thinking", "thinking": "".join(script.thoughts)})
        content.append({"type": "text", "text": "".join(script.words)})
        message: Json = {"role": "assistant", "content": content}
        if script.calls:
            message |= {"tool_calls": self._calls(), "tool_plan": "I will look."}
        reason = "ERROR" if script.fails else self._reason()
        usage = {"usage": self.usage()} if not script.no_usage else {}
        return {"id": "c1", "message": message, "finish_reason": reason, **usage}

    def _events(self) -> list[Json]:
        script, events, index = self.script, list[Json](), 0
        said = {"role": "assistant", "content": [], "tool_plan": "", "tool_calls": []}
        events.append({"type": "message-start", "id": "c1", "delta": {"message": said}})
        blocks = (("thinking", script.thoughts), ("text", script.words))
        for name, pieces in blocks:
            if not pieces:
                continue
            start: Json = {"type": name, name: ""}
            deltas = [{name: piece} for piece in pieces]
            kinds = ["content-start", *["content-delta"] * len(deltas)]
            for kind, each in zip(kinds, [start, *deltas], strict=True):
                delta = {"message": {"content": each}}
                events.append({"type": kind, "index": index, "delta": delta})
            events.append({"type": "content-end", "index": index})
            index += 1
        if script.calls:
            events.append(
                {"type": "tool-plan-delta", "delta": {"message": {"tool_plan": "I will look."}}}
            )
        for at, call in enumerate(self._calls()):
            events += _call_events(at, call)
        usage = {"usage": self.usage()} if not script.no_usage else {}
        delta = {"finish_reason": self._reason(), **usage}
        return [*events, {"type": "message-end", "id": "c1", "delta": delta}]

    def embed(self, body: Json) -> Json:
        """Make a vector of each text: its length, and a half."""
        check(body, _EMBED)
        meta = {"api_version": {"version": "2"}}
        if not self.script.no_usage:
            meta |= {"billed_units": {"input_tokens": self.script.tokens_in}}
        vectors = [[float(len(text)), 0.5] for text in body["texts"]]
        made = {"id": "e1", "texts": body["texts"], "meta": meta}
        return {**made, "embeddings": {"float": vectors}, "response_type": "embeddings_by_type"}

    def rerank(self, body: Json) -> Json:
        """Rank in the order given."""
        check(body, _RERANK)
        results = [
            {"index": at, "relevance_score": 0.9 - at / 10} for at in range(len(body["documents"]))
        ]
        meta = {"api_version": {"version": "2"}, "billed_units": {"search_units": 2}}
        return {"id": "r1", "results": results[: body.get("top_n")], "meta": meta}


def _call_events(at: int, call: Json) -> list[Json]:
    begun = {**call, "function": {"name": call["function"]["name"], "arguments": ""}}
    written = call["function"]["arguments"]
    pieces = [{"function": {"arguments": piece}} for piece in (written[:5], written[5:])]
    return [
        {"type": "tool-call-start", "index": at, "delta": {"message": {"tool_calls": begun}}},
        *(
            {"type": "tool-call-delta", "index": at, "delta": {"message": {"tool_calls": piece}}}
            for piece in pieces
        ),
        {"type": "tool-call-end", "index": at},
    ]
