"""An application that listens on a port of its own, as the product's processes do."""

from typing import Self

from gateway import sockets
from gateway.clients import Clients, Finder


class Listening:
    """Listens from the beginning; close it, or use it as `async with`."""

    def __init__(self, application: Finder, max_body_bytes: int = 4 << 20) -> None:
        bound = sockets.bind("127.0.0.1", 0)
        self.port = sockets.port_of(bound)
        self.url = f"http://127.0.0.1:{self.port}"
        self.clients = Clients(application, max_body_bytes)
        self._door = sockets.Door(self.clients, [bound])
        self._door.accept([0])

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Stop listening and let go who is connected."""
        self._door.close()
        await self.clients.close()
