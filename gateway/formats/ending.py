"""How a stream ends before its time, in OpenAI's dialect.

An answer that the credit does not cover to its end is a short answer, not a failed one: clients get
a last chunk with the finish reason `length`, which also says why in a `notice`, the usage if they
asked for it, and [DONE].
"""

from typing import Any

import orjson

from gateway.formats import sse
from gateway.formats.openai import CHAT, Ask

_KEPT = ("id", "object", "created", "model", "system_fingerprint")


def cut_short(ask: Ask, beginning: bytes, report: dict[str, Any], notice: dict[str, Any]) -> bytes:
    """Return the last frames of a stream whose first lines were `beginning`.

    `report` is the usage; `notice` is an error envelope, but no error here, since the answer so far
    is good.
    """
    head = _head(ask, beginning)
    empty: dict[str, Any] = {"delta": {}} if ask.endpoint is CHAT else {"text": ""}
    choices = [
        {"index": index, **empty, "logprobs": None, "finish_reason": "length"}
        for index in range(ask.choices)
    ]
    frames = [{**head, "choices": choices, "notice": notice["error"]}]
    if ask.wants_usage:
        frames.append({**head, "choices": [], "usage": report})
    return b"".join(map(sse.frame, frames)) + sse.DONE


def _head(ask: Ask, beginning: bytes) -> dict[str, Any]:
    try:
        first = orjson.loads(sse.first_data(beginning))
    except orjson.JSONDecodeError:
        first = {}
    kind = "chat.completion.chunk" if ask.endpoint is CHAT else "text_completion"
    head = {"id": "", "object": kind, "created": 0, "model": ask.model}
    if isinstance(first, dict):
        head |= {name: first[name] for name in _KEPT if name in first}
    return head
