"""Replicate's streams: events whose data is plain text, as events of JSON (replicate.py).

A stream says neither how many tokens there were nor, always, why it failed; the prediction does, so
that it is looked at once more before the last event is passed on.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from gateway.dialects.dialect import Json
from gateway.dialects.gemini.fields import child, from_json, said
from gateway.formats import sse
from gateway.providers import polling
from gateway.providers.base import Answer, CallFailed

_HEADERS = {"content-type": "text/event-stream"}
# A prediction has its figures at once, or a moment after its stream's end.
_AFTERWARDS = polling.Pace(first_s=0.02, growth=2.0, longest_s=1.0, deadline_s=8.0, failures=2)
_FAILED = "the prediction failed"
ENDED = ("succeeded", "failed", "canceled", "aborted")


def ended(prediction: Any) -> bool:
    """Whether a prediction came to its end, whichever."""
    return isinstance(prediction, dict) and prediction.get("status") in ENDED


class Following:
    """One stream. What is closed before the prediction ended makes Replicate let go of it."""

    def __init__(
        self,
        stream: Answer,
        look: Callable[[], Awaitable[Answer]],
        cancel: Callable[[], Awaitable[Answer]],
    ) -> None:
        self._stream = stream
        self._look = look
        self._cancel = cancel
        self._ended = False

    def answer(self) -> Answer:
        """Return the stream as the relay reads it."""
        return Answer(200, _HEADERS, polling.events_of(self._events()), self)

    async def aclose(self) -> None:
        """Close the stream."""
        await self._stream.aclose()
        if not self._ended:
            self._ended = True
            await polling.let_go(self._cancel)

    async def _events(self) -> AsyncIterator[Json]:
        async for kind, data in events(self._stream.body):
            if kind == "output":
                yield {"event": kind, "output": data}
            elif kind == "error":
                self._ended = True
                yield {"event": kind, "error": _told(data, "detail", "error") or data or _FAILED}
                return
            elif kind == "done":
                last = await self._last(_told(data, "reason"))
                self._ended = True
                yield last
                return

    async def _last(self, reason: str) -> Json:
        """Return the last event, with what the prediction says of itself, if it can be had."""
        try:
            found = (await polling.result(self._look, ended, _AFTERWARDS)).parsed
        except CallFailed:
            found = None
        if reason and not ended(found):
            return {"event": "error", "error": _FAILED}
        return last_event(found)


def _told(data: str, *names: str) -> str:
    """Return what an event's data says under a name, where it is an object."""
    found = from_json(data)
    return said(found, *names) if isinstance(found, dict) else ""


def last_event(prediction: Any) -> Json:
    """Return what ends a stream: the prediction's figures, or its error."""
    status = prediction.get("status") if isinstance(prediction, dict) else None
    if status in ENDED[1:]:
        why = said(prediction, "error") or f"the prediction was {status}"
        return {"event": "error", "error": why, "metrics": child(prediction, "metrics")}
    return {"event": "done", "metrics": child(prediction, "metrics")}


async def whole(prediction: Json, text: str) -> AsyncIterator[Json]:
    """Yield a prediction that was not streamed, as a stream."""
    if text:
        yield {"event": "output", "output": text}
    yield last_event(prediction)


async def events(body: AsyncIterator[bytes]) -> AsyncIterator[tuple[str, str]]:
    """Yield the events of a stream with their data (HTML Standard, server-sent events).

    Raises CallFailed for a line without an end.
    """
    lines, kind, data = sse.Lines(), "", list[str]()
    async for piece in body:
        held = lines.feed(piece)
        if lines.overflowing:
            raise CallFailed("upstream_bad_answer", f"a line of more than {sse.MAX_LINE} bytes")
        for line in held.split(b"\n")[:-1]:
            name, _, value = line.removesuffix(b"\r").partition(b":")
            text = value.removeprefix(b" ").decode("utf-8", "replace")
            if name == b"event":
                kind = text
            elif name == b"data":
                data.append(text)
            elif not name and not value:
                if data or kind:
                    yield kind, "\n".join(data)
                kind, data = "", []
