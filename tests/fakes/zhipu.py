"""An honest fake of Zhipu's v4: chat, vectors and images (Zhipu BigModel, API reference).

Errors have a code as text. The last chunk of a stream has the usage, whether it was asked for or
not; temperature and top_p are between 0 and 1 and neither of them.
"""

from __future__ import annotations

from typing import Any

import orjson

from tests.fakes.native import NUMBER, Json, NativeFake, Wrong, check, one_of

KEY = "id-1.secret-1"
BASE = "/api/paas/v4"
CODES = {400: "1214", 401: "1000", 404: "1222", 429: "1302", 500: "500"}


def _open(value: Any, at: str) -> None:
    check(value, NUMBER, at)
    if not 0 < value < 1:
        raise Wrong(400, f"{at} must be in (0, 1)")


_CHAT = {
    "model": str,
    "messages": [dict],
    "temperature?": _open,
    "top_p?": _open,
    "max_tokens?": int,
    "stream?": bool,
    "stream_options?": {"include_usage": bool},
    "do_sample?": bool,
    "seed?": int,
    "stop?": [str],
    "tools?": [dict],
    "tool_choice?": one_of("auto"),
    "thinking?": {"type": one_of("enabled", "disabled")},
}
_EMBED = {"model": str, "input": (str, list), "dimensions?": int, "encoding_format?": str}
_IMAGE = {"model": str, "prompt": str, "size?": str, "n?": one_of(1), "quality?": str}


class FakeZhipu(NativeFake):
    """Zhipu."""

    paths = {
        f"{BASE}/chat/completions": "chat",
        f"{BASE}/embeddings": "embed",
        f"{BASE}/images/generations": "images",
    }
    stream_type = "text/event-stream"

    def check_headers(self, headers: dict[str, str]) -> None:
        """The key is the bearer's."""
        if headers.get("authorization") != f"Bearer {KEY}":
            raise Wrong(401, "身份验证失败。")

    def error(self, status: int, message: str) -> Json:
        """A code and a message."""
        return {"error": {"code": CODES.get(status, str(status)), "message": message}}

    def frame(self, event: Json) -> bytes:
        """An event."""
        return b"data: " + (orjson.dumps(event) if event else b"[DONE]") + b"\n\n"

    def chat(self, body: Json) -> Any:
        """Answer a conversation."""
        check({name: value for name, value in body.items() if value is not None}, _CHAT)
        script = self.script
        counts: Json = {"prompt_tokens": script.tokens_in, "completion_tokens": script.tokens_out}
        counts |= {"total_tokens": script.tokens_in + script.tokens_out}
        counts["prompt_tokens_details"] = {"cached_tokens": script.cached}
        head = {"id": "2024", "request_id": "2024", "created": 1, "model": body["model"]}
        end = {"finish_reason": "stop", "index": 0}
        if not body.get("stream"):
            message = {"role": "assistant", "content": "".join(script.words)}
            return {**head, "choices": [{**end, "message": message}], "usage": counts}
        said = [{"role": "assistant", "content": word} for word in script.words]
        events = [{**head, "choices": [{"index": 0, "delta": each}]} for each in said]
        last = {**end, "delta": {"role": "assistant", "content": ""}}
        return [*events, {**head, "choices": [last], "usage": counts}, {}]

    def embed(self, body: Json) -> Json:
        """Make a vector of each text."""
        check(body, _EMBED)
        texts = [body["input"]] if isinstance(body["input"], str) else body["input"]
        data = [
            {"index": at, "object": "embedding", "embedding": [float(len(text)), 0.5]}
            for at, text in enumerate(texts)
        ]
        tokens = self.script.tokens_in
        counts = {"prompt_tokens": tokens, "completion_tokens": 0, "total_tokens": tokens}
        return {"model": body["model"], "object": "list", "data": data, "usage": counts}

    def images(self, body: Json) -> Json:
        """Say where a picture is."""
        check(body, _IMAGE)
        return {"created": 1, "data": [{"url": "https://example.com/cat.png"}]}
