"""A stream on its way from one dialect to another: events, chunks of chat, events.

Everything is parsed, so everything is counted as it goes by: the upstream's own usage report, and
the text for the case that there is none.
"""

from typing import Any

import orjson

from gateway.dialects.dialect import Ending, Json, Reader, Source, Writer
from gateway.formats import sse
from gateway.formats.openai import Ask
from gateway.formats.usage import Usage
from gateway.relay.errors import RelayError, of_call
from gateway.relay.pass_meter import MAX_LINE
from gateway.relay.stream_meter import TEXT_CHARS, StreamMeter

# A frame of most vendors is a token; Gemini's are longer.
_CHARACTERS_PER_TOKEN = 4


class ConvertMeter(StreamMeter):
    """One stream from the dialect `source` to the client's, which `writer` writes."""

    def __init__(self, source: Source, writer: Writer, created_s: int) -> None:
        super().__init__(wants_usage=True)
        self._source = source
        self._reader: Reader = source.reader(created_s)
        self._follower: Ending = source.follower()
        self._writer = writer
        self._lines = sse.Lines(MAX_LINE)
        self._last: Json = {}

    @property
    def finished(self) -> bool:
        """Whether the answer came to its own end."""
        return self.done or self._reader.finished

    def usage(self) -> Usage | None:
        """Return the usage that was reported, in our classes."""
        return self._source.classes(self.report) if self.report is not None else None

    def end(self) -> bytes:
        """Return what was still held when the stream ended; the end itself is closed()."""
        return super().end() + self._written(self._reader.end())

    def closed(self) -> bytes:
        """Return what ends the client's stream."""
        return self._writer.end()

    def failed(self, error: RelayError, request_id: str) -> bytes:
        """Return the error that ends the client's stream."""
        return self._writer.fail(error, request_id)

    def cut_short(
        self, ask: Ask, beginning: bytes, report: Json, error: RelayError, request_id: str
    ) -> bytes:
        """Return the end of an answer that the credit does not cover to its own end."""
        head = {name: value for name, value in self._last.items() if name != "usage"}
        choices: list[Json] = [
            {"index": index, "delta": {}, "logprobs": None, "finish_reason": "length"}
            for index in range(ask.choices)
        ]
        notice = error.envelope(request_id)["error"]
        chunks = [
            {**head, "choices": choices, "notice": notice},
            {**head, "choices": [], "usage": report},
        ]
        return b"".join(map(self._writer.feed, chunks)) + self._writer.end()

    def delivered(self) -> list[str]:
        """Return the text delivered so far, as far as it was kept."""
        return self._texts

    def _take(self, head: bytes) -> bytes:
        if not head or self.done:
            return b""
        if self._lines.overflowing:
            raise of_call("upstream_bad_answer")
        written = []
        for line in head.splitlines():
            data = sse.data_of(line)
            if data == b"[DONE]":
                self.done = True
            event = _parsed(data) if data and not self.done else None
            if isinstance(event, dict):
                written.append(self._event(event))
            if self.done:
                break
        return b"".join(written)

    def _event(self, event: Json) -> bytes:
        self._note_tools(self._source.searches(event))
        report = self._source.find(event)
        if report is not None:
            self.report = self._source.merge(self.report, report)
        for said in self._source.texts(event):
            self._note(said)
        written = self._written(self._reader.feed(event))
        if self._follower.feed(event) and self._source.closes:
            self.done = True  # nothing follows, even where the connection stays open
            written += self._written(self._reader.end())
        return written

    def _note(self, said: str) -> None:
        self.frames += max(1, len(said) // _CHARACTERS_PER_TOKEN)
        if self._text_chars < TEXT_CHARS:
            self._texts.append(said)
            self._text_chars += len(said)
        else:
            self.beyond_bytes += len(said)

    def _written(self, chunks: list[Json]) -> bytes:
        for chunk in chunks:
            if chunk.get("choices"):
                self._last = chunk
        return b"".join(map(self._writer.feed, chunks))


def _parsed(data: bytes) -> Any:
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        return None
