"""An honest fake of OpenAI's image and audio endpoints: real HTTP on a real socket.

Forms are read by Tornado's own parser, which shares nothing with the gateway's. It keeps what it
was sent. `answers` are given in turn, the last one again and again; without any it does its job.
"""

from __future__ import annotations

import base64
import wave
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

import orjson
from tornado.httputil import HTTPFile
from tornado.iostream import StreamClosedError
from tornado.web import RequestHandler

from tests.fakes.serving import Served

PICTURE = base64.b64encode(b"\x89PNG fake").decode()
SOUND = bytes(range(256)) * 400
TEXT = "What was said."
IMAGE_USAGE: dict[str, Any] = {
    "input_tokens": 50,
    "output_tokens": 272,
    "total_tokens": 322,
    "input_tokens_details": {"text_tokens": 10, "image_tokens": 40},
}
SPEECH_USAGE = {"input_tokens": 14, "output_tokens": 101, "total_tokens": 115}
TEXT_USAGE: dict[str, Any] = {
    "type": "tokens",
    "input_tokens": 30,
    "output_tokens": 5,
    "total_tokens": 35,
    "input_token_details": {"text_tokens": 2, "audio_tokens": 28},
}


@dataclass(frozen=True, slots=True)
class Say:
    """One answer. `cut_after` closes the connection after so many pieces, `hang_after` waits there
    until the fake is released, `length` says how long the answer is."""

    status: int = 200
    usage: dict[str, Any] | None = None
    images: int | None = None
    body: bytes | None = None
    kind: str | None = None
    more: dict[str, Any] = field(default_factory=dict)
    cut_after: int | None = None
    hang_after: int | None = None
    length: bool = False


@dataclass
class Asked:
    """A request as it came."""

    path: str
    headers: dict[str, str]
    raw: bytes
    body: dict[str, Any]
    files: dict[str, list[HTTPFile]]


class FakeMedia(Served):
    """The server. Use as `async with FakeMedia() as upstream`."""

    def __init__(self) -> None:
        super().__init__(_Handler)
        self.answers: list[Say] = []
        self.received: list[Asked] = []

    def next(self) -> Say:
        """Return the next answer."""
        if len(self.answers) > 1:
            return self.answers.pop(0)
        return self.answers[0] if self.answers else Say()


class _Handler(RequestHandler):
    def initialize(self, fake: FakeMedia) -> None:
        self.fake = fake

    def on_connection_close(self) -> None:
        self.fake.gone.set()

    async def post(self) -> None:
        request, fake = self.request, self.fake
        headers = {name.lower(): value for name, value in request.headers.get_all()}
        if headers["content-type"].startswith("multipart/"):
            body: dict[str, Any] = {
                name: values[0].decode() for name, values in request.body_arguments.items()
            }
        else:
            body = orjson.loads(request.body)
        files = dict(request.files)
        fake.received.append(Asked(request.path, headers, request.body, body, files))
        say = fake.next()
        self.set_header("x-request-id", "req_media")
        if say.status != 200:
            self.set_status(say.status)
            self.set_header("Content-Type", "application/json")
            self.finish({"error": {"message": f"failed {say.status}", "type": "x", "param": "p"}})
            return
        kind, pieces = _answer(request.path, body, say)
        self.set_header("Content-Type", say.kind or kind)
        if say.length:
            self.set_header("Content-Length", str(sum(map(len, pieces))))
        try:
            await self._send(pieces, say)
        except StreamClosedError:
            fake.gone.set()

    async def _send(self, pieces: list[bytes], say: Say) -> None:
        for count, piece in enumerate(pieces):
            if count == say.cut_after:
                self.request.connection.stream.close()  # type: ignore[union-attr]
                return
            if count == say.hang_after:
                await self.fake.released.wait()
            self.write(piece)
            await self.flush()
        self.finish()


def _answer(path: str, body: dict[str, Any], say: Say) -> tuple[str, list[bytes]]:
    if say.body is not None:
        return "application/json", [say.body]
    if "/images/" in path:
        return _images(path, body, say)
    if path.endswith("/speech"):
        return _speech(body, say)
    return _transcript(body, say)


def _images(path: str, body: dict[str, Any], say: Say) -> tuple[str, list[bytes]]:
    count = int(body.get("n") or 1) if say.images is None else say.images
    usage = {} if say.usage is None else {"usage": say.usage}
    if str(body.get("stream")).lower() != "true":
        data = [{"b64_json": PICTURE}] * count
        return "application/json", [_json({"created": 1, "data": data, **usage, **say.more})]
    kind = "image_edit" if path.endswith("/edits") else "image_generation"
    head = {"created_at": 1, "b64_json": PICTURE, "output_format": "png", "background": "opaque"}
    head |= {"size": "1024x1024", "quality": "low"}
    events: list[dict[str, Any]] = []
    for _ in range(count):
        events.append({"type": f"{kind}.partial_image", "partial_image_index": 0, **head})
        events.append({"type": f"{kind}.completed", **head, **usage, **say.more})
    return _events(events)


def _speech(body: dict[str, Any], say: Say) -> tuple[str, list[bytes]]:
    if body.get("stream_format") != "sse":
        return "audio/mpeg", [SOUND[at : at + 20_000] for at in range(0, len(SOUND), 20_000)]
    deltas = [{"type": "speech.audio.delta", "audio": base64.b64encode(b"tone").decode()}] * 3
    usage = {} if say.usage is None else {"usage": say.usage}
    return _events([*deltas, {"type": "speech.audio.done", **usage}])


def _transcript(body: dict[str, Any], say: Say) -> tuple[str, list[bytes]]:
    usage = {} if say.usage is None else {"usage": say.usage}
    if str(body.get("stream")).lower() == "true":
        deltas = [{"type": "transcript.text.delta", "delta": w} for w in ("What ", "was ", "said.")]
        return _events([*deltas, {"type": "transcript.text.done", "text": TEXT, **usage}])
    form = body.get("response_format") or "json"
    plain = {"text": TEXT, "srt": f"1\n{TEXT}\n", "vtt": f"WEBVTT\n\n{TEXT}\n"}
    if form in plain:
        return "text/plain; charset=utf-8", [plain[form].encode()]
    more: dict[str, Any] = {}
    if form == "verbose_json":
        more = {"language": "english", "duration": 8.47, "segments": []}
    return "application/json", [_json({"text": TEXT, **more, **usage, **say.more})]


def _events(events: list[dict[str, Any]]) -> tuple[str, list[bytes]]:
    frames = [f"event: {e['type']}\ndata: ".encode() + _json(e) + b"\n\n" for e in events]
    return "text/event-stream; charset=utf-8", frames


def _json(value: Any) -> bytes:
    return orjson.dumps(value)


def wav(seconds: float, rate: int = 8_000) -> bytes:
    """Return a silent recording."""
    target = BytesIO()
    with wave.open(target, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes(bytes(2 * int(seconds * rate)))
    return target.getvalue()
