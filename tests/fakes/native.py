"""What the fakes of vendors with protocols of their own share: a strict server on a real socket.

A fake says what it takes, field by field with its type, and answers 400 to anything else, as a
careful vendor would. How it answers is its Script, which is the same for all of them: the words and
the usage, said as the vendor says them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

import orjson
from tornado.httputil import HTTPServerRequest
from tornado.iostream import StreamClosedError
from tornado.web import RequestHandler

from tests.fakes.serving import Served

Json = dict[str, Any]
WORDS = ("Hello", " from", " Zürich ", "🏔", "️!")
CALLS = (("weather", {"city": "Oslo"}), ("weather", {"city": "Bergen"}))


@dataclass(frozen=True)
class Script:
    """How to answer. `piece` is how many bytes are written at a time; `cut_after` closes the
    connection after so many events, `hang_after` waits there until the fake is released, `fail_at`
    says the vendor's own error there; `stay_open` leaves the connection open after the end. A task
    is still running for so many `polls`, and makes `images`, or all that were asked for."""

    words: tuple[str, ...] = WORDS
    thoughts: tuple[str, ...] = ()
    calls: tuple[tuple[str, Json], ...] = ()
    ended: str = "stop"
    tokens_in: int = 11
    tokens_out: int = 7
    cached: int = 0
    no_usage: bool = False
    status: int = 200
    fails: bool = False
    piece: int | None = None
    cut_after: int | None = None
    hang_after: int | None = None
    fail_at: int | None = None
    stay_open: bool = False
    noise: bool = False
    polls: int = 0
    images: int | None = None


class Wrong(Exception):
    """A request that the vendor refuses."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass
class Received:
    """A request as it came, checked."""

    path: str
    headers: dict[str, str]
    body: Json
    raw: bytes = b""
    query: str = ""


Shape = dict[str, Any]


def check(value: Any, shape: Any, at: str = "body") -> None:
    """Compare JSON with a shape: a type or types, [shape of each], {field: shape} where the names
    of optional fields end in "?". Raises Wrong 400."""
    if isinstance(shape, dict):
        if not isinstance(value, dict):
            raise Wrong(400, f"{at} must be an object")
        known = {name.rstrip("?"): inner for name, inner in shape.items()}
        for name in value.keys() - known.keys():
            raise Wrong(400, f"{at}.{name} is not known")
        for name in shape:
            if not name.endswith("?") and name not in value:
                raise Wrong(400, f"{at}.{name} is missing")
        for name, inner in value.items():
            check(inner, known[name], f"{at}.{name}")
    elif isinstance(shape, list):
        if not isinstance(value, list):
            raise Wrong(400, f"{at} must be a list")
        for number, each in enumerate(value):
            check(each, shape[0], f"{at}[{number}]")
    elif callable(shape) and not isinstance(shape, type):
        shape(value, at)
    elif not isinstance(value, shape) or (isinstance(value, bool) and shape is not bool):
        raise Wrong(400, f"{at} is {type(value).__name__}")


NUMBER = (int, float)


def one_of(*allowed: Any) -> Any:
    """A shape: one of these values."""

    def check_it(value: Any, at: str) -> None:
        if value not in allowed:
            raise Wrong(400, f"{at} must be one of {allowed}")

    return check_it


class NativeFake(Served):
    """A vendor. Subclasses say what each path does: `paths` maps it to a method that takes the body
    and returns a document, or a list of events for a stream. `queries` are what may stand
    behind "?". `routes` are further ones, by their verb and a pattern, whose methods take the
    match; they are noted in `looked`. `uploads` is where files are taken: a file's id is its
    content in base64, so that tests can tell which it was."""

    paths: dict[str, str]
    routes: tuple[tuple[str, str, str], ...] = ()
    status = 200
    uploads: str = ""
    content_type = "application/json"
    stream_type: str
    # Whether errors come inside a 200.
    queries: tuple[str, ...] = ("",)
    in_band = False

    def __init__(self) -> None:
        super().__init__(_Handler)
        self.script = Script()
        self.received: list[Received] = []
        self.looked: list[str] = []

    def reset(self) -> None:
        """Answer as usual again."""
        self.script = Script()
        self.received.clear()
        self.looked.clear()
        self.released.clear()
        self.gone.clear()

    def takes_query(self, path: str, query: str) -> bool:
        """Whether this may stand behind the "?" of a path. Raises Wrong."""
        return query in self.queries

    def take_file(self, kind: str, content: bytes, fields: Json) -> Json:
        """Return what is answered to a file. Raises Wrong."""
        raise NotImplementedError

    def check_headers(self, headers: dict[str, str]) -> None:
        """Refuse whoever may not ask. Raises Wrong."""

    def check_request(self, request: HTTPServerRequest) -> None:
        """Refuse what is wrong about a request as a whole, such as its signature. Raises Wrong."""

    def beside(self, path: str, query: dict[str, str]) -> tuple[int, Json] | None:
        """Return a status and an answer to what is asked beside the tasks, such as tokens."""
        return None

    def read(self, path: str, body: Json) -> Json:
        """Return a body with what the path says of it."""
        return body

    def answer_headers(self) -> dict[str, str]:
        """Return what an answer has as headers."""
        return {}

    def error_headers(self, status: int) -> dict[str, str]:
        """Return what an error has as headers."""
        return {}

    def error(self, status: int, message: str) -> Json:
        """Return an error as the vendor writes it."""
        raise NotImplementedError

    def late_error(self) -> Json:
        """Return an error in the middle of a stream."""
        raise NotImplementedError

    def frame(self, event: Json) -> bytes:
        """Write one event of a stream."""
        raise NotImplementedError

    def noise(self) -> bytes:
        """Return what a stream may hold beside what readers know."""
        raise NotImplementedError


class _Handler(RequestHandler):
    def initialize(self, fake: NativeFake) -> None:
        self.fake = fake

    def on_connection_close(self) -> None:
        self.fake.gone.set()

    async def get(self) -> None:
        await self.post()

    async def post(self) -> None:
        fake, request, script = self.fake, self.request, self.fake.script
        headers = {name.lower(): value for name, value in request.headers.get_all()}
        query = {name: values[-1].decode() for name, values in request.query_arguments.items()}
        if (other := fake.beside(request.path, query)) is not None:
            self.set_status(other[0])
            self.finish(other[1])
            return
        try:
            fake.check_headers(headers)
            fake.check_request(request)
            if request.path == fake.uploads and fake.uploads:
                self.finish(orjson.dumps(self._file()))
                return
            made = self._routed()
            if made is None:
                path = request.path if request.path in fake.paths else unquote(request.path)
                known = path in fake.paths and fake.takes_query(path, request.query)
                if not known or request.method != "POST":
                    raise Wrong(404, "page not found")
                if headers.get("content-type", "").partition(";")[0] != "application/json":
                    raise Wrong(400, "the content type must be application/json")
                body = fake.read(path, orjson.loads(request.body))
                seen = Received(path, headers, body, request.body, request.query)
                fake.received.append(seen)
                if script.status != 200:
                    raise Wrong(script.status, f"failed with {script.status}")
                made = getattr(fake, fake.paths[path])(body)
                self.set_status(fake.status)
        except Wrong as error:
            self.set_status(200 if fake.in_band else error.status)
            self.set_header("Content-Type", fake.content_type)
            for name, value in fake.error_headers(error.status).items():
                self.set_header(name, value)
            self.finish(orjson.dumps(fake.error(error.status, str(error))))
            return
        for name, value in fake.answer_headers().items():
            self.set_header(name, value)
        if isinstance(made, dict):
            self.set_header("Content-Type", fake.content_type)
            self.finish(orjson.dumps(made))
            return
        await self._stream(made)

    def _file(self) -> Json:
        fake, request = self.fake, self.request
        if fake.script.status != 200:
            raise Wrong(fake.script.status, f"failed with {fake.script.status}")
        (file,) = request.files.get("file", [None])
        if file is None:
            raise Wrong(400, "no file")
        given = {name: self.get_body_argument(name) for name in request.body_arguments}
        return fake.take_file(file["content_type"], file["body"], given)

    def _routed(self) -> Any:
        """Return what a further route answers, None where there is none."""
        fake, request = self.fake, self.request
        for verb, pattern, name in fake.routes:
            found = re.fullmatch(pattern, request.path)
            if verb == request.method and found is not None and not request.query:
                fake.looked.append(f"{verb} {request.path}")
                return getattr(fake, name)(found)
        return None

    async def _stream(self, events: Iterable[Json]) -> None:
        fake, script = self.fake, self.fake.script
        self.set_header("Content-Type", fake.stream_type)
        try:
            for count, event in enumerate(events):
                if count == script.cut_after:
                    self.request.connection.stream.close()  # type: ignore[union-attr]
                    return
                if count == script.hang_after:
                    await fake.released.wait()
                if count == script.fail_at:
                    await self._write(fake.frame(fake.late_error()))
                    break
                noise = fake.noise() if script.noise else b""
                await self._write(noise + fake.frame(event))
            if script.stay_open:
                await fake.gone.wait()
            self.finish()
        except StreamClosedError:
            fake.gone.set()

    async def _write(self, frame: bytes) -> None:
        size = self.fake.script.piece or len(frame)
        for start in range(0, len(frame), size):
            self.write(frame[start : start + size])
            await self.flush()
