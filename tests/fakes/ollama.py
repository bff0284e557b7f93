"""An honest fake of Ollama: /api/chat and /api/embed, as docs/api.md of Ollama has them."""

from __future__ import annotations

import base64
import binascii
from typing import Any

import orjson

from tests.fakes.native import NUMBER, Json, NativeFake, Wrong, check, one_of

_WHEN = "2026-11-22T19:00:00.123456789Z"
_DURATIONS = {
    "total_duration": 5_043_500_667,
    "load_duration": 5_025_959,
    "prompt_eval_duration": 325_953_000,
    "eval_duration": 4_709_213_000,
}
_OPTIONS = {
    "temperature?": NUMBER,
    "top_p?": NUMBER,
    "top_k?": int,
    "seed?": int,
    "num_predict?": int,
    "num_ctx?": int,
    "frequency_penalty?": NUMBER,
    "presence_penalty?": NUMBER,
    "stop?": [str],
}
_CALL = {"function": {"name": str, "arguments": dict}}


def _image(value: Any, at: str) -> None:
    try:
        base64.b64decode(value, validate=True)
    except (TypeError, ValueError, binascii.Error):
        raise Wrong(400, f"{at}: illegal base64 data") from None


def _format(value: Any, at: str) -> None:
    if value != "json" and not (isinstance(value, dict) and value):
        raise Wrong(400, f"{at} must be json or a schema")


_MESSAGE = {
    "role": one_of("system", "user", "assistant", "tool"),
    "content": str,
    "thinking?": str,
    "images?": [_image],
    "tool_calls?": [_CALL],
    "tool_name?": str,
}
_FUNCTION = {"name": str, "description?": str, "parameters?": dict, "strict?": bool}
_CHAT = {
    "model": str,
    "messages": [_MESSAGE],
    "stream?": bool,
    "tools?": [{"type": one_of("function"), "function": _FUNCTION}],
    "format?": _format,
    "think?": one_of(True, False, "low", "medium", "high"),
    "options?": _OPTIONS,
}
_EMBED = {"model": str, "input": [str], "dimensions?": int, "options?": _OPTIONS}


class FakeOllama(NativeFake):
    """Ollama; `key` is what it wants as the bearer's, None for whoever."""

    paths = {"/api/chat": "chat", "/api/embed": "embed"}
    content_type = "application/json; charset=utf-8"
    stream_type = "application/x-ndjson"

    def __init__(self) -> None:
        super().__init__()
        self.key: str | None = None

    def check_headers(self, headers: dict[str, str]) -> None:
        """Only the cloud wants a key."""
        if self.key is not None and headers.get("authorization") != f"Bearer {self.key}":
            raise Wrong(401, "unauthorized")

    def error(self, status: int, message: str) -> Json:
        """Ollama's errors are a message."""
        return {"error": message}

    def late_error(self) -> Json:
        """The same in a stream."""
        return {"error": "an error was encountered while running the model"}

    def frame(self, event: Json) -> bytes:
        """A line."""
        return orjson.dumps(event) + b"\n"

    def noise(self) -> bytes:
        """Blank lines, lines that are no JSON, objects that nobody knows."""
        return b'\n{"model": \n{"progress": 3}\n'

    def chat(self, body: Json) -> Any:
        """Answer a conversation."""
        check(body, _CHAT)
        script = self.script
        head = {"model": body["model"], "created_at": _WHEN}
        calls = [{"function": {"name": name, "arguments": given}} for name, given in script.calls]
        last: Json = {"done": True, "done_reason": script.ended, **_DURATIONS}
        if not script.no_usage:
            last |= {"prompt_eval_count": script.tokens_in, "eval_count": script.tokens_out}
        if script.fails:
            return (
                {"error": "the model has crashed"}
                if not body.get("stream")
                else [{"error": "the model has crashed"}]
            )
        if body.get("stream") is False:
            message: Json = {"role": "assistant", "content": "".join(script.words)}
            if script.thoughts:
                message["thinking"] = "".join(script.thoughts)
            if calls:
                message["tool_calls"] = calls
            return {**head, "message": message, **last}
        said = [{"thinking": each, "content": ""} for each in script.thoughts]
        said += [{"content": each} for each in script.words]
        said += [{"content": "", "tool_calls": [each]} for each in calls]
        events = [
            {**head, "message": {"role": "assistant", **each}, "done": False} for each in said
        ]
        return [*events, {**head, "message": {"role": "assistant", "content": ""}, **last}]

    def embed(self, body: Json) -> Json:
        """Make a vector of each text: its length, and a half."""
        check(body, _EMBED)
        made = {"model": body["model"], "embeddings": [[len(s), 0.5] for s in body["input"]]}
        if self.script.fails:
            return {"error": "the model has crashed"}
        counted = {} if self.script.no_usage else {"prompt_eval_count": self.script.tokens_in}
        return {**made, "total_duration": 14_143_917, "load_duration": 1_019_500, **counted}
