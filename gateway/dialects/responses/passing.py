"""Streams of the Responses API as they pass untouched: what to watch, how to end early."""

import re

from gateway.dialects.responses import usage
from gateway.dialects.responses.loose import Json, mapping
from gateway.dialects.responses.sse import event

_ENDS = ("response.completed", "response.incomplete", "response.failed", "response.cancelled")
TELLING = re.compile(
    rb"response\.(?:completed|incomplete|failed|cancelled|created)|\"error\"|_search_call\""
)
OPENING = re.compile(rb"event:\s*response\.(?:completed|incomplete|failed|cancelled)")
ERROR_FIRST = re.compile(rb'\s*\{\s*"(?:type"\s*:\s*"(?:error|response\.failed)"|error"\s*:\s*\{)')


class Follower:
    """One stream of events; the last one repeats the whole response."""

    def __init__(self) -> None:
        self.finished = False
        self.failed = False
        self._response: Json = {}

    def feed(self, said: Json) -> bool:
        """Note an event; those that end a response are its end."""
        kind = said.get("type")
        if kind == "response.created":
            self._response = mapping(said.get("response"))
        self.finished = self.finished or kind in _ENDS[:2]
        self.failed = self.failed or kind == "error" or kind in _ENDS[2:]
        return kind in _ENDS

    def cut_short(self, report: Json, events: int) -> bytes:
        """End as when max_output_tokens is reached. The items that were sent are not repeated."""
        ended = {
            **self._response,
            "status": "incomplete",
            "incomplete_details": {"reason": "max_output_tokens"},
            "usage": usage.from_chat(report),
        }
        last = {"type": "response.incomplete", "response": ended, "sequence_number": events}
        return event(last)


def limited(body: Json, most: int) -> Json:
    """Return a request whose answer has at most so many tokens."""
    asked = body.get("max_output_tokens")
    # The API refuses less than 16.
    return {**body, "max_output_tokens": max(16, most if asked is None else min(most, asked))}


def with_system(body: Json, prompt: str) -> Json:
    """Return a request with other instructions."""
    return {**body, "instructions": prompt}
