"""Watches a stream go by: finds its usage and its end, and withholds what is not the client's.

Bytes pass untouched. Only frames that may carry usage are parsed. For the case that no usage ever
comes, what was delivered is kept: as bytes up to RAW_BYTES, then as text up to TEXT_CHARS, and
beyond that only its size.
"""

import re
from collections import deque
from collections.abc import Iterable
from typing import Any

import orjson

from gateway.dialects.searches import MOST_SEARCHES, ToolCall
from gateway.formats import ending, sse, text, usage
from gateway.formats.openai import Ask
from gateway.formats.usage import Usage
from gateway.relay.errors import RelayError

RAW_BYTES = 256 << 10
TEXT_CHARS = 4 << 20

_FINISHED = re.compile(rb'"finish_reason"\s*:\s*"')


class StreamMeter:
    """One chat stream. `report` is the vendor's usage so far, `tools` are calls of tools that it
    told of beside that, `done` that it said [DONE]. The stream is ended by `closed`, `failed` or
    `cut_short`."""

    def __init__(self, wants_usage: bool) -> None:
        self._wants_usage = wants_usage
        self._lines = sse.Lines()
        self._swallow_blank = False
        self._counted = False
        self._raw: list[bytes] = []
        self._raw_bytes = 0
        self._texts: list[str] = []
        self._text_chars = 0
        self._recent: deque[bytes] = deque(maxlen=4)
        self.beyond_bytes = 0
        self.tools: set[ToolCall] = set()
        self.frames = 0
        self.fed_bytes = 0
        self.done = False
        self.report: dict[str, Any] | None = None

    def feed(self, chunk: bytes) -> bytes:
        """Take a piece of the stream and return what goes on to the client now."""
        self.fed_bytes += len(chunk)
        return self._take(self._lines.feed(chunk))

    def end(self) -> bytes:
        """Return what was still held when the stream ended."""
        return self._take(self._lines.rest())

    @property
    def finished(self) -> bool:
        """Whether the answer came to its own end, even where the upstream did not say [DONE]."""
        if self.done or self._counted:
            return True
        return any(_FINISHED.search(piece) for piece in self._recent)

    @property
    def whole(self) -> bool:
        """Whether nothing more was to come, so that a connection may break without any loss."""
        return self.finished

    def delivered(self) -> list[str]:
        """Return the text delivered so far, as far as it was kept."""
        self._extract()
        return self._texts

    def usage(self) -> Usage | None:
        """Return the usage that was reported, in our classes."""
        return usage.classes(self.report) if self.report is not None else None

    def closed(self) -> bytes:
        """Return what ends the client's stream; not before the charge is recorded."""
        return sse.DONE

    def failed(self, error: RelayError, request_id: str) -> bytes:
        """Return the error that ends the client's stream."""
        return sse.frame(error.envelope(request_id))

    def cut_short(
        self,
        ask: Ask,
        beginning: bytes,
        report: dict[str, Any],
        error: RelayError,
        request_id: str,
    ) -> bytes:
        """Return the end of an answer that the credit does not cover to its own end. `beginning`
        are its first lines, `report` is the usage until here as chat reports it."""
        return ending.cut_short(ask, beginning, report, error.envelope(request_id))

    def _note_tools(self, calls: Iterable[ToolCall]) -> None:
        for call in calls:
            if len(self.tools) < MOST_SEARCHES:
                self.tools.add(call)

    def _take(self, head: bytes) -> bytes:
        if not head or self.done:
            return b""
        start = 0 if self._swallow_blank else sse.first_telling(head)
        if start >= 0:
            head = head[:start] + self._scan(head[start:])
        self.frames += head.count(b"data:")
        self._recent.append(head)
        self._keep(head)
        return head

    def _scan(self, head: bytes) -> bytes:
        passed = []
        for line in head.splitlines(keepends=True):
            if self._swallow_blank:
                self._swallow_blank = False
                if not line.strip():
                    continue
            data = sse.data_of(line)
            if data == b"[DONE]":
                self.done = True
                break
            if data is not None and sse.may_hold_usage(data) and self._hides(data):
                self._swallow_blank = True
                continue
            passed.append(line)
        return b"".join(passed)

    def _hides(self, data: bytes) -> bool:
        """Note a frame's usage; tell whether the frame exists for that alone and is not wanted."""
        try:
            chunk = orjson.loads(data)
        except orjson.JSONDecodeError:
            return False
        report = usage.find(chunk)
        if report is None:
            return False
        self.report = usage.merge(self.report, report)
        alone = not chunk.get("choices")
        self._counted = self._counted or alone  # running totals come with words
        return alone and not self._wants_usage

    def _keep(self, piece: bytes) -> None:
        if self._text_chars >= TEXT_CHARS:
            self.beyond_bytes += len(piece)
            return
        self._raw.append(piece)
        self._raw_bytes += len(piece)
        if self._raw_bytes > RAW_BYTES:
            self._extract()

    def _texts_of(self, parsed: Any) -> list[str]:
        return list(text.of_answer(parsed))

    def _extract(self) -> None:
        lines = b"".join(self._raw).splitlines()
        self._raw, self._raw_bytes = [], 0
        for data in filter(None, map(sse.data_of, lines)):
            try:
                found = self._texts_of(orjson.loads(data))
            except orjson.JSONDecodeError:
                continue
            self._texts.extend(found)
            self._text_chars += sum(map(len, found))
        if len(self._texts) > 1:
            self._texts = ["".join(self._texts)]
