"""A server that says what it was asked, byte by byte: for what passes through the raw proxy.

`/echo` describes the request, `/upload` counts its body, `/download/N` sends so many bytes, slowly
if asked to wait, and `/status/N` fails so.
"""

from __future__ import annotations

import hashlib
from typing import Any

from tornado import web
from tornado.iostream import StreamClosedError

from tests.fakes.serving import Served

PIECE = b"0123456789abcdef" * 4_096
MAX_BODY = 1 << 30


class EchoServer(Served):
    """The server. `received` are (method, uri, headers) as they came, `uploaded` bodies' sizes."""

    def __init__(self) -> None:
        super().__init__(_Handler, r"(/.*)", max_body_size=MAX_BODY)
        self.received: list[tuple[str, str, dict[str, str]]] = []
        self.uploaded: list[tuple[int, str]] = []
        self.broken = 0

    def reset(self) -> None:
        """Forget what came."""
        self.received.clear()
        self.uploaded.clear()
        self.gone.clear()
        self.released.clear()
        self.broken = 0


@web.stream_request_body
class _Handler(web.RequestHandler):
    def initialize(self, fake: EchoServer) -> None:
        self.server = fake
        self.hash = hashlib.sha256()
        self.size = 0
        self.body = b""
        self.ended = False

    def prepare(self) -> None:
        headers = {name.lower(): value for name, value in self.request.headers.get_all()}
        self.server.received.append((self.request.method or "", self.request.uri or "", headers))

    def data_received(self, chunk: bytes) -> None:
        self.hash.update(chunk)
        self.size += len(chunk)
        self.body = (self.body + chunk)[:1_000]

    def on_connection_close(self) -> None:
        super().on_connection_close()
        self.server.gone.set()
        self.server.broken += not self.ended

    async def answer(self, path: str) -> Any:
        self.ended = True
        if self.get_query_argument("hang", ""):
            await self.server.released.wait()
        self.server.uploaded.append((self.size, self.hash.hexdigest()))
        self.set_header("Content-Type", "application/x-test")
        self.set_header("X-Request-Id", "req_echo")
        self.set_header("X-Ratelimit-Remaining", "7")
        self.set_header("Set-Cookie", "session=upstream")
        self.set_header("Connection", "x-hop")
        self.set_header("X-Hop", "1")
        if path.startswith("/v1/status/"):
            self.set_status(int(path.rpartition("/")[2]))
            if self.get_status() != 204:
                self.write({"error": {"message": "so it is"}})
        elif path.startswith("/v1/download/"):
            await self._download(int(path.rpartition("/")[2]))
        else:
            self.write(self.body)

    get = head = post = put = patch = delete = answer

    async def _download(self, size: int) -> None:
        try:
            while size > 0:
                piece = PIECE[:size]
                self.write(piece)
                await self.flush()
                size -= len(piece)
                if self.get_query_argument("wait", ""):
                    await self.server.released.wait()
                if self.get_query_argument("cut", ""):
                    self.request.connection.stream.close()  # type: ignore[union-attr]
                    return
        except StreamClosedError:
            self.server.gone.set()
