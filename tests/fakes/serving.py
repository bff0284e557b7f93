"""What fakes of upstreams have in common: a real server on a free port, that starts and stops."""

from __future__ import annotations

import asyncio
from typing import Any, Self

from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application, RequestHandler


class Served:
    """The server of a fake. Use as `async with`; its address is known before it listens.

    Handlers get it as `fake`. Those that hang wait for `released`, which the end sets too, and
    `gone` is set when a client left.
    """

    def __init__(
        self, handler: type[RequestHandler], route: str = r".*", *, port: int = 0, **options: Any
    ) -> None:
        self.released = asyncio.Event()
        self.gone = asyncio.Event()
        self._sockets = bind_sockets(port, "127.0.0.1")
        self.port: int = self._sockets[0].getsockname()[1]
        # The base URL, without /v1.
        self.url = f"http://127.0.0.1:{self.port}"
        self._server = HTTPServer(Application([(route, handler, {"fake": self})]), **options)

    async def __aenter__(self) -> Self:
        self._server.add_sockets(self._sockets)
        return self

    async def __aexit__(self, *exc: object) -> None:
        self.released.set()
        self._server.stop()
        await self._server.close_all_connections()
