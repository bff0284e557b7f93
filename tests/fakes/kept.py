"""An honest fake of OpenAI's Responses API that keeps what it answered, for each key apart."""

from __future__ import annotations

import asyncio
import uuid
from contextlib import suppress
from typing import Any

import orjson
from tornado.iostream import StreamClosedError
from tornado.web import RequestHandler

from tests.fakes.serving import Served

Json = dict[str, Any]
# What every turn adds; a turn that goes on from another reads all of that again.
TURN_IN, TURN_OUT = 20, 10


class FakeKept(Served):
    """The server. `kept` are answers by key and id; `received` is (method, path, key, body).

    `events` are what a stream of a kept answer has between its first and its last event; at its
    end it waits for `released` if `hangs` is set, or breaks if `cuts` is.
    """

    def __init__(self) -> None:
        super().__init__(_Handler, r"/v1/responses(/.*)?")
        self.kept: dict[tuple[str, str], Json] = {}
        self.received: list[tuple[str, str, str, Any]] = []
        self.refuse: tuple[int, Any] | None = None
        self.usual()

    def usual(self) -> None:
        """Answer as usual again."""
        self.received.clear()
        self.refuse = None
        self.events: list[bytes] = [b"Hel", b"lo."]
        self.hangs = self.cuts = False
        self.written = 0
        self.released, self.gone = asyncio.Event(), asyncio.Event()


class _Handler(RequestHandler):
    def initialize(self, fake: FakeKept) -> None:
        self.fake = fake

    def prepare(self) -> None:
        fake, request = self.fake, self.request
        self.key = request.headers["Authorization"].removeprefix("Bearer ")
        body = orjson.loads(request.body) if request.body else None
        fake.received.append((request.method or "", request.uri or "", self.key, body))
        self.set_header("Content-Type", "application/json")
        if fake.refuse is not None:
            self.set_status(fake.refuse[0])
            self.finish(fake.refuse[1])

    def post(self, path: str | None) -> None:
        if path is not None:
            answer = self._found(path.split("/")[1])
            if answer is not None:
                self.set_status(400)
                self._fail("Cannot cancel a synchronous response.")
            return
        body: Json = orjson.loads(self.request.body)
        before = body.get("previous_response_id")
        context = 0
        if before is not None:
            kept = self._found(before)
            if kept is None:
                return
            context = kept["usage"]["total_tokens"]
        answer = _answer(body, TURN_IN + context)
        if body.get("store") is not False:
            self.fake.kept[self.key, answer["id"]] = answer
        if body.get("stream"):
            self.set_header("Content-Type", "text/event-stream")
            begun = {**answer, "status": "in_progress", "usage": None, "output": []}
            for kind, said in (("created", begun), ("completed", answer)):
                event = {"type": f"response.{kind}", "response": said, "sequence_number": 0}
                data = orjson.dumps(event)
                self.write(b"event: response.%s\ndata: %s\n\n" % (kind.encode(), data))
            self.finish()
            return
        self.finish(orjson.dumps(answer, option=orjson.OPT_INDENT_2))

    async def get(self, path: str) -> None:
        answer = self._found(path.split("/")[1])
        if answer is None:
            return
        if self.get_query_argument("stream", "") == "true":
            with suppress(StreamClosedError):
                await self._stream(answer, int(self.get_query_argument("starting_after", "-1")))
            return
        if path.endswith("/input_items"):
            item = {"id": "msg_in", "type": "message", "role": "user", "content": []}
            page = {"object": "list", "data": [item], "has_more": False}
            answer = {**page, "first_id": "msg_in", "last_id": "msg_in"}
        self.finish(orjson.dumps(answer, option=orjson.OPT_INDENT_2))

    async def _stream(self, answer: Json, after: int) -> None:
        fake = self.fake
        self.set_header("Content-Type", "text/event-stream")
        begun = {**answer, "status": "in_progress", "usage": None, "output": []}
        events = [("created", {"response": begun})]
        events += [("output_text.delta", {"delta": each.decode()}) for each in fake.events]
        events += [("completed", {"response": answer})]
        for at, (kind, said) in enumerate(events):
            if at == len(events) - 1 and fake.hangs:
                await fake.released.wait()
            if at == len(events) - 1 and fake.cuts:
                self.request.connection.stream.close()  # type: ignore[union-attr]
                return
            if at > after:
                event = {"type": f"response.{kind}", **said, "sequence_number": at}
                data = orjson.dumps(event)
                self.write(b"event: response.%s\ndata: %s\n\n" % (kind.encode(), data))
                await self.flush()
                fake.written += len(data)
        self.finish()

    def on_connection_close(self) -> None:
        self.fake.gone.set()

    def delete(self, path: str) -> None:
        answer = self._found(path[1:])
        if answer is not None:
            del self.fake.kept[self.key, answer["id"]]
            self.finish({"id": answer["id"], "object": "response", "deleted": True})

    def _found(self, answer_id: str) -> Json | None:
        answer = self.fake.kept.get((self.key, answer_id))
        if answer is None:
            self.set_status(404)
            self._fail(f"Response with id '{answer_id}' not found.")
        return answer

    def _fail(self, message: str) -> None:
        self.finish({"error": {"message": message, "type": "invalid_request_error", "code": None}})


def _answer(body: Json, tokens_in: int) -> Json:
    said = {"type": "output_text", "text": "Hello.", "annotations": []}
    message = {"id": "msg_1", "type": "message", "role": "assistant", "status": "completed"}
    usage = {"input_tokens": tokens_in, "input_tokens_details": {"cached_tokens": 0}}
    usage |= {"output_tokens": TURN_OUT, "output_tokens_details": {"reasoning_tokens": 0}}
    return {
        "id": f"resp_{uuid.uuid4().hex}",
        "object": "response",
        "created_at": 1,
        "status": "completed",
        "model": body["model"],
        "output": [{**message, "content": [said]}],
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "usage": {**usage, "total_tokens": tokens_in + TURN_OUT},
    }
