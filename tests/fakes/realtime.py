"""An honest fake of OpenAI's Realtime API: a WebSocket that speaks its events.

It answers `response.create`, and speech by its own ear after so many pieces of it, and reports the
usage that it is told to report. What it was sent is kept.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import orjson
from tornado.websocket import WebSocketClosedError, WebSocketHandler

from tests.fakes.serving import Served

Json = dict[str, Any]
USAGE: Json = {
    "total_tokens": 140,
    "input_tokens": 100,
    "output_tokens": 40,
    "input_token_details": {
        "text_tokens": 40,
        "audio_tokens": 60,
        "cached_tokens": 30,
        "cached_tokens_details": {"text_tokens": 10, "audio_tokens": 20},
    },
    "output_token_details": {"text_tokens": 10, "audio_tokens": 30},
}
# The same in disjoint classes.
CLASSES = {"input": 30, "cached": 30, "audio_input": 40, "output": 10, "audio_output": 30}
WORDS = ("Hello", " from", " the", " fake", ".")


@dataclass
class Manner:
    """How to answer. `hears_after` pieces of speech make a response of their own; `hang` waits in
    the middle of one until released or cancelled, `cut` breaks the connection off there, `close`
    closes it with a code and a reason after so many responses; `refuse` is a status instead of a
    handshake."""

    usage: Json | None = field(default_factory=lambda: dict(USAGE))
    hears_after: int | None = None
    hang: bool = False
    cut: bool = False
    close: tuple[int, int, str] | None = None
    refuse: int | None = None
    session: Json = field(default_factory=dict)
    says_first: str | None = None


class FakeRealtime(Served):
    """The server. `received` are the events of all sessions, `asked` the handshakes."""

    def __init__(self) -> None:
        super().__init__(_Session, r"/v1/realtime")
        self.manner = Manner()
        self.received: list[Json] = []
        self.raw: list[str] = []
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.closed: list[int | None] = []
        self.sessions: set[_Session] = set()

    def reset(self) -> None:
        """Answer as usual again."""
        self.manner = Manner()
        self.released.clear()
        for each in (self.received, self.raw, self.asked, self.closed):
            each.clear()


class _Session(WebSocketHandler):
    def initialize(self, fake: FakeRealtime) -> None:
        self.fake = fake
        self._heard = 0
        self._count = 0
        self._cancelled = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    async def get(self, *args: Any, **kwargs: Any) -> None:
        fake, request = self.fake, self.request
        fake.asked.append((request.uri or "", {n.lower(): v for n, v in request.headers.items()}))
        status = fake.manner.refuse
        if status is None and "Bearer" not in request.headers.get("Authorization", ""):
            status = 401
        if status is not None:
            self.set_status(status)
            self.finish({"error": {"message": f"failed {status}", "code": "fake"}})
            return
        await super().get()

    async def open(self, *args: str, **kwargs: str) -> None:
        self.fake.sessions.add(self)
        if self.fake.manner.says_first is not None:
            await self.write_message(self.fake.manner.says_first)
        session = {"model": self.get_query_argument("model"), **self.fake.manner.session}
        await self._say("session.created", session=session)

    def on_close(self) -> None:
        self.fake.sessions.discard(self)
        self.fake.closed.append(self.close_code)
        self._cancelled.set()

    async def on_message(self, message: str | bytes) -> None:
        event = orjson.loads(message)
        self.fake.received.append(event)
        self.fake.raw.append(str(message))
        kind = event["type"]
        if kind == "session.update":
            await self._say("session.updated", session=event["session"])
        elif kind == "response.create":
            self.respond((event.get("response") or {}).get("conversation", "conv_1"))
        elif kind == "response.cancel":
            self._cancelled.set()
        elif kind == "input_audio_buffer.append":
            self._heard += 1
            if self._heard == self.fake.manner.hears_after:
                self._heard = 0
                self.respond("conv_1")

    def respond(self, conversation: str) -> None:
        """Begin a response."""
        task = asyncio.create_task(self._response(conversation))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _response(self, conversation: str) -> None:
        manner = self.fake.manner
        self._count += 1
        self._cancelled.clear()
        head = {
            "id": f"resp_{self._count}",
            "object": "realtime.response",
            "conversation_id": None if conversation == "none" else conversation,
        }
        await self._say("response.created", response={**head, "status": "in_progress"})
        for word in WORDS:
            await self._say("response.output_text.delta", response_id=head["id"], delta=word)
        if manner.cut:
            self.stream_of().close()
            return
        status = "completed"
        if manner.hang:
            waits = {asyncio.create_task(e.wait()) for e in (self.fake.released, self._cancelled)}
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            for each in waits:
                each.cancel()
            status = "cancelled" if self._cancelled.is_set() else status
        if self.ws_connection is None:
            return
        done = {**head, "status": status, "output": [], "usage": manner.usage}
        await self._say("response.done", response=done)
        if manner.close is not None and self._count == manner.close[0]:
            self.close(*manner.close[1:])

    def stream_of(self) -> Any:
        assert self.ws_connection is not None
        return self.ws_connection.stream  # type: ignore[attr-defined]

    async def _say(self, kind: str, **fields: Any) -> None:
        event = {"type": kind, "event_id": f"ev_{self._count}", **fields}
        with suppress(WebSocketClosedError):  # the other side may be gone by then
            await self.write_message(orjson.dumps(event).decode())
