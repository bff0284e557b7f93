"""Protocols that are asked for streams only: whoever wants a whole answer gets the stream joined.

Some upstreams have no whole answers worth asking for: Coze's must be polled for, Dify's agents have
none. A whole answer is then its events, `{"events": [...]}`, read as those of a stream are. Streams
may name events beside their data (`event: name`); the name is put into the data as `event`.
"""

import re
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import orjson

from gateway.dialects.dialect import Json
from gateway.dialects.gemini.fields import child, children, said
from gateway.formats import sse
from gateway.formats import usage as usages
from gateway.providers.asking import Means
from gateway.providers.base import Answer, Call, CallFailed
from gateway.providers.native import Native, completion
from gateway.relay.errors import normalise

MAX_BYTES = 32 << 20
_JSON = {"content-type": "application/json"}
_NAME = re.compile(rb"[A-Za-z0-9_.:-]{1,100}")


class Streamed(Native):
    """One protocol. `passed_over` are the names of events that say nothing, and do not count as the
    beginning of an answer, so that an error behind them still goes to another channel."""

    delivers = ("events",)
    passed_over: frozenset[bytes] = frozenset()

    async def exchange(self, request: httpx.Request, call: Call, means: Means) -> Answer:
        """Send a request and return its events: one by one, or all of them at the end."""
        answer = await super().exchange(request, call, means)
        if answer.is_stream and 200 <= answer.status < 300:
            events = _named(answer.body, self.passed_over)
            if call.stream:
                answer.body = _framed(events)
            else:
                answer.headers = {**answer.headers, **_JSON}
                answer.body = self._joined(events)
        return answer

    # What is overridden: the same for one event.

    def event_texts(self, event: Json) -> Iterator[str]:
        """Yield every text that an event delivers."""
        raise NotImplementedError

    def event_report(self, event: Json) -> Json | None:
        """Return the usage report of an event, None without."""
        raise NotImplementedError

    def event_error(self, event: Json) -> tuple[str | None, str] | None:
        """Return code and message of an event that is an error, None for others."""
        raise NotImplementedError

    # What is made of it.

    def answer(self, answer: Json, created_s: int) -> Json:
        """Return the events of a whole answer as a chat.completion."""
        reader, reason = self.reader(created_s), "stop"
        texts: dict[str, list[str]] = {"content": [], "reasoning_content": []}
        for event in _events(answer):
            for chunk in reader.feed(event):
                for choice in children(chunk, "choices"):
                    for name, parts in texts.items():
                        parts.append(said(child(choice, "delta"), name))
                    reason = said(choice, "finish_reason") or reason
        message: Json = {"role": "assistant", "content": "".join(texts["content"])}
        if thoughts := "".join(texts["reasoning_content"]):
            message["reasoning_content"] = thoughts
        frame = self.find(answer)
        counted = self.usage(frame) if frame else None
        head = {"id": reader.head["id"], "model": reader.head["model"]}
        return completion(head, message, reason, counted, created_s)

    def texts(self, event: Any) -> Iterator[str]:
        """Yield what is said and thought."""
        for each in _events(event):
            yield from self.event_texts(each)

    def find(self, event: Any) -> Json | None:
        """Return the usage report."""
        found = None
        for report in filter(None, map(self.event_report, _events(event))):
            found = usages.merge(found, report)
        return found

    def failed(self, parsed: Any) -> bool:
        """Whether an answer or an event is an error."""
        return any(self.event_error(event) is not None for event in _events(parsed))

    def error(self, parsed: Any) -> tuple[str | None, str]:
        """Return the code and the message of an error."""
        found = filter(None, map(self.event_error, _events(parsed)))
        return next(found, None) or (None, normalise(parsed)["message"])

    async def _joined(self, events: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """Yield a whole answer. Raises CallFailed where it did not come to its end."""
        kept, size, over = list[bytes](), 0, False
        async for data in events:
            size += len(data)
            if size > MAX_BYTES:
                raise CallFailed("upstream_bad_answer", f"more than {MAX_BYTES} bytes")
            event = _parsed(data)
            if not isinstance(event, dict):
                continue
            kept.append(data)
            if self.ends(event) or self.failed(event):
                over = True
                break
        if not over:
            raise CallFailed("upstream_cut", "the stream ended before the answer did")
        yield b'{"events":[' + b",".join(kept) + b"]}"


def _events(parsed: Any) -> list[Json]:
    if not isinstance(parsed, dict):
        return []
    return children(parsed, "events") if "events" in parsed else [parsed]


async def _framed(events: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    async for data in events:
        yield b"data: " + data + b"\n\n"


async def _named(body: AsyncIterator[bytes], passed_over: frozenset[bytes]) -> AsyncIterator[bytes]:
    """Yield the data of each event, with its name. Raises CallFailed for a line without an end."""
    lines, name = sse.Lines(MAX_BYTES), b""
    async for piece in body:
        whole = lines.feed(piece)
        if lines.overflowing:
            raise CallFailed("upstream_bad_answer", f"a line of more than {MAX_BYTES} bytes")
        for line in whole.split(b"\n")[:-1]:  # each line has its end
            found, name = _read(line.rstrip(b"\r"), name)
            if found and name not in passed_over:
                yield found
    found, name = _read(lines.rest().rstrip(b"\r"), name)
    if found and name not in passed_over:
        yield found


def _read(line: bytes, name: bytes) -> tuple[bytes, bytes]:
    """Return what a line tells, b"" for nothing, and the name that holds from here on."""
    if line.startswith(b"event:"):
        given = line[6:].strip()
        return b"", given if _NAME.fullmatch(given) else b""
    data = sse.data_of(line)
    if data is None:
        return b"", name if line else b""
    if not name:
        return data, name
    if not data.startswith(b"{"):
        return b'{"event":"' + name + b'"}', name
    rest = data[1:].lstrip()
    return b'{"event":"' + name + (b'"' if rest.startswith(b"}") else b'",') + rest, name


def _parsed(data: bytes) -> Any:
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        return None
