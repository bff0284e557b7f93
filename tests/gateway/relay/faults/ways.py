"""The ways from a client of one dialect to an upstream of another, and what comes back on them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import httpx
import orjson

from gateway.dialects.table import DIALECTS

Json = dict[str, Any]
HI = [{"role": "user", "content": "hi"}]
GEMINI = {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}
NATIVE = {"chat": "chat", "anthropic": "messages", "gemini": "gemini", "responses": "responses"}
WAYS = [
    *((client, upstream) for upstream, client in NATIVE.items()),
    ("messages", "chat"),
    ("gemini", "chat"),
    ("chat", "anthropic"),
    ("responses", "anthropic"),
    ("chat", "gemini"),
]
# Dialect of a client, and the address and body that it asks with.
_DIALECT = {"chat": "openai", "messages": "anthropic", "gemini": "gemini", "responses": "responses"}
_ENDS = {
    "chat": (b"[DONE]",),
    "messages": (b'"type":"message_stop"',),
    "gemini": (b'"finishReason":"',),
    "responses": (b'"type":"response.completed"', b'"type":"response.incomplete"'),
}
_ERROR = re.compile(rb'"error":\s*\{|"type":"(?:error|response\.failed)"')


def ask(client: str, model: str, stream: bool) -> tuple[str, Json]:
    """Return the address and the body of a question."""
    more = {"stream": True} if stream else {}
    if client == "gemini":
        method = "streamGenerateContent?alt=sse" if stream else "generateContent"
        return f"/v1beta/models/{model}:{method}", GEMINI
    if client == "responses":
        return "/v1/responses", {"model": model, "input": "hi", **more}
    if client == "messages":
        return "/v1/messages", {"model": model, "max_tokens": 100, "messages": HI, **more}
    return "/v1/chat/completions", {"model": model, "messages": HI, **more}


@dataclass(frozen=True)
class Heard:
    """What a client got: how it ended in one word, the text, and everything for a failed test."""

    how: str
    text: str
    raw: bytes


def heard(client: str, stream: bool, answer: httpx.Response) -> Heard:
    """Say what an answer is to its client: "good", "error" in a stream, or a status and code."""
    raw = answer.content
    dialect = DIALECTS[_DIALECT[client]]
    if answer.status_code != 200:
        return Heard(f"{answer.status_code} {_code(client, _parsed(raw))}".strip(), "", raw)
    if not answer.headers["content-type"].startswith("text/event-stream"):
        whole = _parsed(raw)
        text = "".join(dialect.texts(whole)) if isinstance(whole, dict) else ""
        shown = "good" if isinstance(whole, dict) and not stream else "not an answer"
        return Heard(shown, text, raw)
    return Heard(_end(client, raw) if stream else "a stream", _said(dialect, raw), raw)


def _end(client: str, raw: bytes) -> str:
    lines = raw.replace(b"\r", b"\n").replace(b'": "', b'":"').rstrip().split(b"\n")
    last = lines[-1].removeprefix(b"data:").strip()
    if any(end in last for end in _ENDS[client]):
        return "good"
    return "error" if _ERROR.search(last) else "no end"


def _said(dialect: Any, raw: bytes) -> str:
    lines = (line for line in raw.replace(b"\r", b"\n").split(b"\n") if line[:5] == b"data:")
    events = (_parsed(line[5:]) for line in lines)
    return "".join(text for event in events for text in dialect.texts(event))


def _code(client: str, said: Any) -> str:
    """Return the code of an error, where the client's dialect has a place for it."""
    error = said.get("error") if isinstance(said, dict) else None
    if client == "messages" or not isinstance(error, dict):
        return ""
    if client == "gemini":
        return str(error["details"][0]["reason"]).lower()
    return str(error["code"])


def _parsed(raw: bytes) -> Any:
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError:
        return None
