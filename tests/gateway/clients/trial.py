"""A server whose handlers do what a test says, and a client that speaks for itself."""

import asyncio
from collections.abc import Awaitable

from tornado.iostream import StreamClosedError
from tornado.web import stream_request_body
from tornado.websocket import WebSocketHandler

from gateway.http import BaseHandler

LIMIT_BYTES = 1 << 20
WAIT_S = 10
PIECE = b"p" * (64 << 10)


class Trial:
    """What handlers tell a test, and wait for."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.gone: list[str] = []
        self.got: list[bytes] = []
        self.pieces = 0
        self.go = asyncio.Event()


class Handler(BaseHandler):
    """Base of the handlers here."""

    def initialize(self, trial: Trial) -> None:
        self.trial = trial

    def prepare(self) -> Awaitable[None] | None:
        self.trial.asked.append(self.request.uri or "")
        return super().prepare()

    def on_connection_close(self) -> None:
        super().on_connection_close()
        self.trial.gone.append(self.request.uri or "")


class Echo(Handler):
    """Answers with the body that it got."""

    def get(self) -> None:
        self.finish(b"nothing asked")

    head = get

    def post(self) -> None:
        self.finish(self.request.body)


class Waits(Handler):
    """Answers when the test says so."""

    async def get(self) -> None:
        await self.trial.go.wait()
        self.finish(b"waited")

    post = get


class Streams(Handler):
    """Answers in pieces of unknown number."""

    async def get(self) -> None:
        for word in (b"one", b"two", b""):
            self.write(word)
            await self.flush()
        self.finish(b"three")


class Floods(Handler):
    """Writes until the client has gone."""

    async def get(self) -> None:
        try:
            while True:
                self.write(PIECE)
                await self.flush()
                self.trial.pieces += 1
        except StreamClosedError:
            self.trial.go.set()


class Lies(Handler):
    """Says another length than it writes, or a header of two lines."""

    def get(self, what: str) -> None:
        if what == "header":
            self._headers["X-Name"] = "a\r\nX-Planted: yes"
        else:
            self._headers["Content-Length"] = "5"
        self.write({"long": b"longer", "short": b"four"}.get(what, b""))
        if what == "late":
            self.flush()
            self.request.connection.write(b"much longer")  # type: ignore[union-attr]
        self.flush()
        self.request.connection.finish()  # type: ignore[union-attr]
        self._finished = True


class Empty(Handler):
    """Answers with a status that has no body."""

    def get(self, status: str) -> None:
        self.set_status(int(status))
        self.finish()


@stream_request_body
class Uploads(Handler):
    """Takes a body in as it comes."""

    limits_its_body = True

    async def prepare(self) -> None:
        super().prepare()
        await asyncio.sleep(0)
        if "refused" in (self.request.uri or ""):
            self.set_status(401)
            self.finish(b"who are you?")

    async def data_received(self, chunk: bytes) -> None:
        await asyncio.sleep(0)
        self.trial.got.append(chunk)

    def post(self) -> None:
        self.finish(str(sum(map(len, self.trial.got))))


class Speaks(WebSocketHandler):
    """Says what it hears."""

    def on_message(self, message: str | bytes) -> None:
        self.write_message(message)


class Peer:
    """A client that speaks for itself."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    def ask(self, path: str = "/", headers: str = "", method: str = "GET") -> None:
        self.send(f"{method} {path} HTTP/1.1\r\nHost: here\r\n{headers}\r\n".encode())

    async def head(self) -> str:
        head = await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), WAIT_S)
        return head.decode("latin1").lower()

    async def answer(self) -> tuple[int, bytes]:
        """Return the status and the body of an answer that says its length."""
        head = await self.head()
        length = int(head.split("content-length: ")[1].split("\r")[0])
        body = await asyncio.wait_for(self.reader.readexactly(length), WAIT_S)
        return int(head.split()[1]), body

    async def rest(self) -> bytes:
        """Return what comes until the connection ends."""
        return await asyncio.wait_for(self.reader.read(), WAIT_S)
