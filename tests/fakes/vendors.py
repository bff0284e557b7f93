"""Honest fakes of vendors with protocols of their own, on a real socket: Anthropic's Messages,
Google's generateContent and OpenAI's Responses, each at its own path and with its own key header.

They answer with a manner's words and usage as their vendor writes both, and keep what they were
sent.
"""

from __future__ import annotations

import orjson
from tornado.iostream import StreamClosedError
from tornado.web import RequestHandler

from tests.fakes.serving import Served
from tests.fakes.upstream import Received
from tests.fakes.vendor_answers import CALL, VENDORS, Json, Manner, Vendor

__all__ = ["CALL", "VENDORS", "FakeVendor", "Manner"]


class FakeVendor(Served):
    """The server. Use as `async with FakeVendor() as vendor`; `sent` is its last answer's bytes."""

    def __init__(self) -> None:
        super().__init__(_Handler)
        self.manner = Manner()
        self.received: list[Received] = []
        self.sent = b""

    def reset(self) -> None:
        """Answer as usual again."""
        self.manner = Manner()
        self.received.clear()
        self.released.clear()
        self.gone.clear()


class _Handler(RequestHandler):
    def initialize(self, fake: FakeVendor) -> None:
        self.fake = fake

    def on_connection_close(self) -> None:
        self.fake.gone.set()

    async def post(self) -> None:
        fake, request, manner = self.fake, self.request, self.fake.manner
        headers = {name.lower(): value for name, value in request.headers.get_all()}
        fake.received.append(Received(request.uri or "", headers, request.body))
        fake.sent = b""
        vendor = next((v for v in VENDORS if v.mark in request.path), None)
        self.set_header("Content-Type", "application/json")
        self.set_header("request-id", "req_fake")
        if vendor is None or not headers.get(vendor.key_header):
            self.set_status(404 if vendor is None else 401)
            self.finish({"error": {"message": "no such route or key"}})
        elif manner.status != 200 or manner.error is not None:
            self.set_status(manner.status)
            self.finish(orjson.dumps(manner.error or vendor.error(f"failed {manner.status}")))
        elif "ount" in request.path.rpartition("/")[2]:
            self.finish(vendor.counted(manner))
        else:
            body = orjson.loads(request.body)
            if body.get("stream") or "alt=sse" in (request.uri or ""):
                await self._stream(manner, vendor.events(manner, body), vendor)
            else:
                fake.sent = orjson.dumps({**vendor.whole(manner, body), **manner.extra})
                self.finish(fake.sent)

    async def _stream(self, manner: Manner, events: list[Json], vendor: Vendor) -> None:
        self.set_header("Content-Type", "text/event-stream; charset=utf-8")
        fake = self.fake
        try:
            for count, event in enumerate(events):
                if count == manner.cut_after:
                    self.request.connection.stream.close()  # type: ignore[union-attr]
                    return
                if count == manner.hang_after:
                    await fake.released.wait()
                late = count == manner.late_error
                await self._write(vendor.frame(vendor.late_error if late else event))
                if late:
                    break
            self.finish()
        except StreamClosedError:
            fake.gone.set()

    async def _write(self, frame: bytes) -> None:
        size = self.fake.manner.piece or len(frame)
        for start in range(0, len(frame), size):
            self.write(frame[start : start + size])
            await self.flush()
        self.fake.sent += frame
