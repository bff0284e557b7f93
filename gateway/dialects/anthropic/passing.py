"""Anthropic's Messages as they pass untouched: what to watch, how to end early."""

import re
from typing import Any

from gateway.dialects.anthropic import request, usage
from gateway.dialects.anthropic.errors import event
from gateway.dialects.anthropic.fields import Json, obj
from gateway.dialects.anthropic.models import MIN_BUDGET
from gateway.formats import text
from gateway.formats.text import Countable
from gateway.relay.errors import RelayError

TELLING = re.compile(rb'"usage"\s*:|message_stop|content_block_st|"error"')
OPENING = re.compile(rb"event:\s*message_stop")
ERROR_FIRST = re.compile(rb'\s*\{\s*"(?:type"\s*:\s*"error"|error"\s*:)')

# Texts in here are no words: pictures, documents, signatures.
_UNSPOKEN = frozenset({"data", "signature", "inlineData", "inline_data", "cache_control"})


class Follower:
    """One stream of events."""

    def __init__(self) -> None:
        self.finished = False
        self.failed = False
        self._open: Any = None

    def feed(self, said: Json) -> bool:
        """Note an event; message_stop is the end."""
        kind = said.get("type")
        if kind == "content_block_start":
            self._open = said.get("index")
        elif kind == "content_block_stop":
            self._open = None
        elif kind == "message_delta" and obj(said.get("delta")).get("stop_reason"):
            self.finished = True
        elif kind == "message_stop":
            self.finished = True  # some say no reason, or say it where no usage is
        elif kind == "error":
            self.failed = True
        return kind == "message_stop"

    def cut_short(self, report: Json, events: int) -> bytes:
        """Close the open block and stop as at max_tokens."""
        closing = b""
        if self._open is not None:
            stop = {"type": "content_block_stop", "index": self._open}
            closing = event("content_block_stop", stop)
        delta = {"stop_reason": "max_tokens", "stop_sequence": None}
        counted = usage.from_chat(report)
        last = {"type": "message_delta", "delta": delta, "usage": counted}
        done = event("message_stop", {"type": "message_stop"})
        return closing + event("message_delta", last) + done


def limited(body: Json, most: int) -> Json:
    """Return a request whose answer has at most so many tokens, thinking included."""
    asked = body.get("max_tokens")
    limit = most if asked is None else min(most, asked)
    thinking = obj(body.get("thinking"))
    budget = thinking.get("budget_tokens")
    if not isinstance(budget, int) or budget < limit:
        return {**body, "max_tokens": limit}
    if limit > MIN_BUDGET:
        return {**body, "max_tokens": limit, "thinking": {**thinking, "budget_tokens": MIN_BUDGET}}
    rest = {name: value for name, value in body.items() if name != "thinking"}
    return {**rest, "max_tokens": limit}


def with_system(body: Json, prompt: str) -> Json:
    """Return a request with another system prompt."""
    return {**body, "system": prompt}


def countable(body: Json) -> Countable:
    """Collect what a request sends in; of one that chat could not be asked, all its words."""
    try:
        return text.of_request(request.to_chat(body))
    except RelayError:
        return Countable(list(words(body)), text.PER_ANSWER)


def words(value: Any) -> list[str]:
    """Return all strings in JSON of any shape, but for what is no text."""
    found: list[str] = []
    left: list[Any] = [value]
    while left:
        item = left.pop()
        if isinstance(item, str):
            found.append(item)
        elif isinstance(item, list):
            left.extend(item)
        elif isinstance(item, dict):
            left.extend(inner for name, inner in item.items() if name not in _UNSPOKEN)
    return found
