"""An honest fake of MiniMax: /v1/text/chatcompletion_v2 as its older models answer, the same in
OpenAI's form at /v1/chat/completions, and /v1/embeddings (MiniMax Open Platform, API reference).

MiniMax has no client of its own; the form is OpenAI's, and what differs is as its documentation
shows it: errors inside a 200, and a last event with the whole message.
"""

from __future__ import annotations

from typing import Any

import orjson

from tests.fakes.native import NUMBER, Json, NativeFake, Wrong, check, one_of

KEY = "minimax-secret"
# By the status that a failure would have had: its number.
CODES = {400: 2013, 401: 1004, 402: 1008, 404: 2013, 429: 1002, 500: 1000, 503: 1033}
_CHAT = {
    "model": str,
    "messages": [{"role": one_of("system", "user", "assistant", "tool"), "content": str}],
    "stream?": bool,
    "stream_options?": {"include_usage": bool},
    "max_tokens?": int,
    "temperature?": NUMBER,
}
_EMBED = {"model": str, "texts": [str], "type": one_of("db", "query")}


class FakeMiniMax(NativeFake):
    """MiniMax. `old` reports as older models do."""

    paths = {
        "/v1/text/chatcompletion_v2": "chat",
        "/v1/chat/completions": "chat",
        "/v1/embeddings": "embed",
    }
    queries = ("", "GroupId=g1")
    stream_type = "text/event-stream"
    in_band = True
    old = False

    def check_headers(self, headers: dict[str, str]) -> None:
        """The key is the bearer's."""
        if headers.get("authorization") != f"Bearer {KEY}":
            raise Wrong(401, "login fail")

    def error(self, status: int, message: str) -> Json:
        """Every error comes inside a 200, beside choices that are null."""
        code = {"status_code": CODES[status], "status_msg": message}
        return {"id": "m1", "choices": None, "created": 0, "usage": None, "base_resp": code}

    def late_error(self) -> Json:
        """The same in a stream."""
        return self.error(500, "the model crashed")

    def frame(self, event: Json) -> bytes:
        """An event."""
        return b"data: " + orjson.dumps(event) + b"\n\n"

    def noise(self) -> bytes:
        """Comments."""
        return b": ping\n\n"

    def chat(self, body: Json) -> Any:
        """Answer a conversation."""
        check(body, _CHAT)
        script = self.script
        message: Json = {"role": "assistant", "content": "".join(script.words)}
        if script.thoughts:
            message["reasoning_content"] = "".join(script.thoughts)
        head = {"id": "m1", "created": 1_764_000_000, "model": body["model"]}
        choice = {"finish_reason": script.ended, "index": 0, "message": message}
        whole = {**head, "object": "chat.completion", "choices": [choice], **self._rest()}
        if script.fails:
            whole = self.late_error()
        if not body.get("stream"):
            return whole
        deltas = [{"reasoning_content": each, "content": ""} for each in script.thoughts]
        deltas += [{"content": each} for each in script.words]
        return [
            *(self._chunk(head, each) for each in deltas if not script.fails),
            whole,
        ]

    def _chunk(self, head: Json, delta: Json) -> Json:
        choices = [{"index": 0, "delta": {"role": "assistant", **delta}}]
        return {**head, "object": "chat.completion.chunk", "choices": choices}

    def _rest(self) -> Json:
        script = self.script
        flags = {"input_sensitive": False, "output_sensitive": False}
        good = {"base_resp": {"status_code": 0, "status_msg": ""}}
        if script.no_usage:
            return {**flags, **good}
        usage: Json = {"total_tokens": script.tokens_in + script.tokens_out}
        if not self.old:
            usage |= {"prompt_tokens": script.tokens_in, "completion_tokens": script.tokens_out}
        return {**flags, "usage": usage, **good}

    def embed(self, body: Json) -> Json:
        """Make a vector of each text: its length, and a half."""
        check(body, _EMBED)
        if self.script.fails:
            return {"vectors": None, **self.late_error()}
        vectors = [[float(len(text)), 0.5] for text in body["texts"]]
        counted = {} if self.script.no_usage else {"total_tokens": self.script.tokens_in}
        return {"vectors": vectors, **counted, "base_resp": {"status_code": 0, "status_msg": ""}}
