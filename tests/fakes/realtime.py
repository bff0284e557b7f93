"""An honest fake of OpenAI's Realtime API: a WebSocket that speaks its events.

It answers `response.create`, and speech by its own ear after so many pieces of it, and reports the
usage that it is told to report. What it was sent is kept.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Coroutine
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
# What a transcript of 1.2 seconds takes, of either kind.
TRANSCRIPT_USAGE: Json = {
    "type": "tokens",
    "total_tokens": 26,
    "input_tokens": 17,
    "input_token_details": {"text_tokens": 5, "audio_tokens": 12},
    "output_tokens": 9,
}
DURATION: Json = {"type": "duration", "seconds": 1.2}
WORDS = ("Hello", " from", " the", " fake", ".")


@dataclass
class Manner:
    """How to answer. `hears_after` pieces of speech make a response of their own; `hang` waits in
    the middle of one until released or cancelled, `cut` breaks the connection off there, `close`
    closes it with a code and a reason after so many responses; `rejects` is how many of those that
    are asked for it answers with an error; `refuse` is a status instead of a
    handshake. Audio that is committed, by a client or the ear, has a transcript where the session
    wants one: `transcript` is "completed", "failed", or "late" for after the release."""

    usage: Json | None = field(default_factory=lambda: dict(USAGE))
    hears_after: int | None = None
    hang: bool = False
    cut: bool = False
    close: tuple[int, int, str] | None = None
    refuse: int | None = None
    rejects: int = 0
    session: Json = field(default_factory=dict)
    transcript: str = "completed"
    transcript_usage: Json | None = field(default_factory=lambda: dict(TRANSCRIPT_USAGE))
    says_first: str | None = None


class FakeRealtime(Served):
    """The server, by TLS with a context. `received` are the events of all sessions, `asked` the
    handshakes."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(_Session, r"/v1/realtime", ssl_options=tls)
        if tls is not None:
            self.url = self.url.replace("http:", "https:")
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
        self._count = self._items = 0
        self._audio_ms = self._taken_ms = 0
        self._transcribes = False
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
        session = {"model": self.get_query_argument("model", None), **self.fake.manner.session}
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
        if kind in ("session.update", "transcription_session.update"):
            await self._set(event["session"], f"{kind}d")
        elif kind == "input_audio_buffer.commit":
            await self._commit(by_ear=False)
        elif kind == "input_audio_buffer.clear":
            self._taken_ms = self._audio_ms
            await self._say("input_audio_buffer.cleared")
        elif kind == "response.create" and self.fake.manner.rejects:
            self.fake.manner.rejects -= 1
            await self._say("error", error={"message": "no", "code": "rejected"})
        elif kind == "response.create":
            self.respond((event.get("response") or {}).get("conversation", "conv_1"))
        elif kind == "response.cancel":
            self._cancelled.set()
        elif kind == "input_audio_buffer.append":
            self._heard += 1
            audio = event["audio"]
            self._audio_ms += len(audio) * 3 // 4 // 48 if isinstance(audio, str) else 0
            if self._heard == self.fake.manner.hears_after:
                self._heard = 0
                await self._commit(by_ear=True)
                self.respond("conv_1")

    async def _set(self, session: Json, kind: str = "session.updated") -> None:
        """Take settings over and confirm them."""
        heard = (session.get("audio") or {}).get("input") or session
        heard = heard if isinstance(heard, dict) else {}
        for name in ("transcription", "input_audio_transcription"):
            if name in heard:
                self._transcribes = bool(heard[name])
        await self._say(kind, session=session)

    async def _commit(self, *, by_ear: bool) -> None:
        self._items += 1
        item_id = f"item_{self._items}"
        if by_ear:
            kind = "input_audio_buffer.speech"
            start = {"audio_start_ms": self._taken_ms, "item_id": item_id}
            await self._say(f"{kind}_started", **start)
            await self._say(f"{kind}_stopped", audio_end_ms=self._audio_ms, item_id=item_id)
        self._taken_ms = self._audio_ms
        await self._say("input_audio_buffer.committed", item_id=item_id, previous_item_id=None)
        if self._transcribes:
            self._run(self._transcribe(item_id))

    async def _transcribe(self, item_id: str) -> None:
        manner = self.fake.manner
        kind, about = "conversation.item.input_audio_transcription", {"item_id": item_id}
        about |= {"content_index": 0}  # type: ignore[dict-item]
        for word in WORDS:
            await self._say(f"{kind}.delta", **about, delta=word)
        if manner.transcript == "late":
            await self.fake.released.wait()
        if self.ws_connection is None:
            return
        if manner.transcript == "failed":
            await self._say(f"{kind}.failed", **about, error={"message": "inaudible"})
            return
        done: Json = {**about, "transcript": "".join(WORDS)}
        if manner.transcript_usage is not None:
            done["usage"] = manner.transcript_usage
        await self._say(f"{kind}.completed", **done)

    def respond(self, conversation: str) -> None:
        """Begin a response."""
        self._run(self._response(conversation))

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
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
