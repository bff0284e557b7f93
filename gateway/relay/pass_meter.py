"""Watches a stream of another dialect than chat that passes untouched.

As with chat, only lines that may tell something are parsed, and what is delivered is kept for the
case that no usage is reported. The end of the answer is held back until it is paid for.
"""

from typing import Any

import orjson

from gateway.dialects.dialect import Dialect, Follower, Json
from gateway.formats import sse
from gateway.formats.openai import Ask
from gateway.formats.usage import Usage
from gateway.relay.errors import RelayError
from gateway.relay.stream_meter import StreamMeter

# Events that repeat a whole answer, or hold a picture, are longer than lines of chat.
MAX_LINE = 32 << 20


class PassMeter(StreamMeter):
    """One stream of one dialect. `events` counts what was passed on."""

    def __init__(self, dialect: Dialect) -> None:
        super().__init__(wants_usage=True)
        self._dialect = dialect
        self._lines = sse.Lines(MAX_LINE)
        self._follower: Follower = dialect.follower()
        self._held: list[bytes] = []
        self._holds_data = False
        self._reported_output = 0
        self.events = 0

    @property
    def finished(self) -> bool:
        """Whether the answer came to its own end."""
        return self._follower.finished

    def usage(self) -> Usage | None:
        """Return the usage that was reported, in our classes."""
        return self._dialect.classes(self.report) if self.report is not None else None

    def closed(self) -> bytes:
        """Return what was held back, now that the charge is recorded."""
        if not self._holds_data:
            return self._dialect.last if self.finished else b""
        held = b"".join(self._held)
        newline = b"\r\n" if b"\r\n" in held else b"\n"
        # What follows the last line may not have come any more.
        while not held.endswith(2 * newline):
            held += newline
        return held

    def failed(self, error: RelayError, request_id: str) -> bytes:
        """Return the error that ends the stream, unless the upstream said one itself."""
        if self._follower.failed:
            return self.closed()
        return self._dialect.stream_error(error, request_id)

    def cut_short(
        self, ask: Ask, beginning: bytes, report: Json, error: RelayError, request_id: str
    ) -> bytes:
        """Return the end of an answer that the credit does not cover to its own end."""
        return self._follower.cut_short(report, self.events)

    def _take(self, head: bytes) -> bytes:
        if not head or self.done:
            return b""
        self._keep(head)
        found = self._dialect.telling.search(head)
        if self._held or found is not None:
            start = 0
            if not self._held and found is not None:
                start = head.rfind(b"\n", 0, found.start()) + 1
            head = head[:start] + self._scan(head[start:])
        count = head.count(b"data:")
        self.events += count
        self.frames = max(self.frames + count, self._reported_output)
        return head

    def _scan(self, head: bytes) -> bytes:
        passed: list[bytes] = []
        for line in head.splitlines(keepends=True):
            blank = not line.strip()
            if self._holds_data and sse.data_of(line) == b"[DONE]":
                self.done = True
                self._held.append(line)
                continue
            if self.done or (self._holds_data and blank):
                if blank:
                    self._held.append(line)
                continue
            if self._holds_data:
                self._release(passed)
            if self._dialect.opening.match(line):
                self._held.append(line)
            elif self._is_end(line):
                self._held.append(line)
                self._holds_data = True
                self.done = self._dialect.closes
            else:
                self._release(passed)
                passed.append(line)
        return b"".join(passed)

    def _release(self, passed: list[bytes]) -> None:
        """Let go of what looked like the end, and was not the last."""
        passed.extend(self._held)
        self._held.clear()
        self._holds_data = False

    def _is_end(self, line: bytes) -> bool:
        data = sse.data_of(line)
        if data is None or not self._dialect.telling.search(data):
            return False
        event = _parsed(data)
        if not isinstance(event, dict):
            return False
        self._note_tools(self._dialect.searches(event))
        report = self._dialect.find(event)
        if report is not None:
            self.report = self._dialect.merge(self.report, report)
            known = self._dialect.classes(self.report) or {}
            self._reported_output = known.get("output", 0) + known.get("reasoning", 0)
        return self._follower.feed(event)

    def _texts_of(self, parsed: Any) -> list[str]:
        return list(self._dialect.texts(parsed))


def _parsed(data: bytes) -> Any:
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        return None
