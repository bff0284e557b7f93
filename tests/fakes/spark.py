"""An honest fake of iFlytek's Spark over its WebSocket (iFlytek, "Spark WebSocket API").

The signature in the address is made again from the secret, and compared. Frames go out as they are,
or in fragments of `piece` bytes, which part characters.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import re
import struct
import time
from email.utils import parsedate_to_datetime
from typing import Any

import orjson
from tornado.iostream import StreamClosedError
from tornado.websocket import WebSocketClosedError, WebSocketHandler

from tests.fakes.native import NUMBER, Json, NativeFake, Received, Wrong, check, one_of
from tests.fakes.serving import Served

APP, SECRET, API_KEY = "app-1", "secret-1", "key-1"
KEY = f"{APP}|{SECRET}|{API_KEY}"
# Path and domain have to fit.
DOMAINS = {
    "/v1.1/chat": "lite",
    "/v3.1/chat": "generalv3",
    "/chat/pro-128k": "pro-128k",
    "/v3.5/chat": "generalv3.5",
    "/chat/max-32k": "max-32k",
    "/v4.0/chat": "4.0Ultra",
    "/v1/x1": "x1",
}
CODES = {400: 10005}
_SKEW_S = 300
_LIST = re.compile(r'(\w+)="([^"]*)"')
_FUNCTION = {"name": str, "description": str, "parameters": dict}
_MESSAGE = {"role": one_of("system", "user", "assistant"), "content": str}
_BODY = {
    "header": {"app_id": one_of(APP), "uid?": str},
    "parameter": {
        "chat": {
            "domain": one_of(*DOMAINS.values()),
            "temperature?": NUMBER,
            "top_k?": int,
            "max_tokens?": int,
            "auditing?": str,
            "chat_id?": str,
            "show_ref_label?": bool,
        }
    },
    "payload": {"message": {"text": [_MESSAGE]}, "functions?": {"text": [_FUNCTION]}},
}


class FakeSpark(NativeFake):
    """Spark. A refused handshake has the status of the script; all else is told in frames."""

    paths = dict.fromkeys(DOMAINS, "chat")
    stream_type = ""

    def __init__(self) -> None:
        Served.__init__(self, _Handler)
        self.reset()

    def reset(self) -> None:
        """Answer as usual again."""
        self.received, self.looked = [], []
        super().reset()

    def error(self, status: int, message: str) -> Json:
        """An error in a frame."""
        header = {
            "code": CODES.get(status, status),
            "message": message,
            "sid": "cht-1",
            "status": 2,
        }
        return {"header": header}

    def late_error(self) -> Json:
        """The same in a stream."""
        return self.error(10012, "EngineInternalError")

    def frame(self, event: Json) -> bytes:
        """A message."""
        return orjson.dumps(event, option=orjson.OPT_INDENT_2)

    def noise(self) -> bytes:
        """Messages that nobody knows, one a line."""
        return b'not json\n[1]\n{"progress": 3}'

    def check_signature(self, path: str, host: str, query: dict[str, str]) -> None:
        """Make the signature again. Raises Wrong 401 or 403."""
        if set(query) != {"authorization", "date", "host"} or query["host"] != host:
            raise Wrong(401, "Unauthorized")
        said = dict(_LIST.findall(base64.b64decode(query["authorization"], validate=True).decode()))
        if abs(parsedate_to_datetime(query["date"]).timestamp() - time.time()) > _SKEW_S:
            raise Wrong(403, "HMAC signature cannot be verified, a valid date is required")
        text = f"host: {host}\ndate: {query['date']}\nGET {path} HTTP/1.1"
        made = hmac.new(SECRET.encode(), text.encode(), hashlib.sha256).digest()
        known = {"algorithm": "hmac-sha256", "headers": "host date request-line"}
        known |= {"api_key": API_KEY, "signature": base64.b64encode(made).decode()}
        if said != known:
            raise Wrong(401, "HMAC signature does not match")

    def chat(self, body: Json) -> Any:
        """Answer a conversation."""
        script = self.script
        if script.fails:
            return self.error(10012, "the model has crashed")
        texts: list[Json] = [
            {"content": "", "reasoning_content": word, "role": "assistant", "index": 0}
            for word in script.thoughts
        ]
        texts += [{"content": word, "role": "assistant", "index": 0} for word in script.words]
        for name, arguments in script.calls[:1]:
            call = {"name": name, "arguments": orjson.dumps(arguments).decode()}
            texts.append({"content": "", "role": "assistant", "index": 0, "function_call": call})
        texts.append({"content": "", "role": "assistant", "index": 0})
        frames = list[Json]()
        for seq, text in enumerate(texts):
            status = 2 if seq == len(texts) - 1 else min(seq, 1)
            header = {"code": 0, "message": "Success", "sid": "cht-1", "status": status}
            choices = {"status": status, "seq": seq, "text": [text]}
            frames.append({"header": header, "payload": {"choices": choices}})
        if not script.no_usage:
            frames[-1]["payload"]["usage"] = {"text": counts(script.tokens_in, script.tokens_out)}
        return frames


def counts(tokens_in: int, tokens_out: int) -> Json:
    """Return a usage report."""
    return {
        "question_tokens": 4,
        "prompt_tokens": tokens_in,
        "completion_tokens": tokens_out,
        "total_tokens": tokens_in + tokens_out,
    }


class _Handler(WebSocketHandler):
    def initialize(self, fake: FakeSpark) -> None:
        self.fake = fake

    def check_origin(self, origin: str) -> bool:
        return True

    async def get(self, *args: Any, **kwargs: Any) -> None:
        request, fake = self.request, self.fake
        query = {name: values[-1].decode() for name, values in request.query_arguments.items()}
        try:
            if request.path not in fake.paths:
                raise Wrong(404, "no Route matched with those values")
            fake.check_signature(request.path, request.headers["Host"], query)
            if fake.script.status != 200:
                raise Wrong(fake.script.status, f"failed with {fake.script.status}")
        except Wrong as error:
            self.set_status(error.status)
            self.finish({"message": str(error)})
            return
        await super().get()

    def on_close(self) -> None:
        self.fake.gone.set()

    async def on_message(self, message: str | bytes) -> None:
        fake, body = self.fake, orjson.loads(message)
        path = self.request.path
        headers = {name.lower(): value for name, value in self.request.headers.get_all()}
        fake.received.append(Received(path, headers, body))
        try:
            check(body, _BODY)
            if body["parameter"]["chat"]["domain"] != DOMAINS[path]:
                raise Wrong(10404, "the domain does not fit the version")
            made = getattr(fake, fake.paths[path])(body)
        except Wrong as error:
            made = fake.error(error.status, str(error))
        # Not awaited: who waits in here hears nothing of the client's leaving.
        self.saying = asyncio.ensure_future(self._say([made] if isinstance(made, dict) else made))

    async def _say(self, events: list[Json]) -> None:
        try:
            await self._say_all(events)
        except (StreamClosedError, WebSocketClosedError):
            self.fake.gone.set()

    async def _say_all(self, events: list[Json]) -> None:
        fake, script = self.fake, self.fake.script
        for count, event in enumerate(events):
            if count == script.cut_after:
                assert self.ws_connection is not None
                self.ws_connection.stream.close()  # type: ignore[attr-defined]
                return
            if count == script.hang_after:
                await fake.released.wait()
            if count == script.fail_at:
                await self._write(fake.frame(fake.late_error()))
                break
            for line in fake.noise().split(b"\n") if script.noise else ():
                await self.write_message(line.decode())
            await self._write(fake.frame(event))
        if not script.stay_open:
            self.close()

    async def _write(self, message: bytes) -> None:
        piece = self.fake.script.piece
        if piece is None or not message:
            await self.write_message(message.decode())
            return
        assert self.ws_connection is not None
        stream = self.ws_connection.stream  # type: ignore[attr-defined]
        pieces = [message[at : at + piece] for at in range(0, len(message), piece)]
        written = bytearray()
        for number, part in enumerate(pieces):
            kind = 1 if number == 0 else 0
            last = 0x80 if number == len(pieces) - 1 else 0
            written += struct.pack("!BB", kind | last, len(part)) + part
        await stream.write(bytes(written))
