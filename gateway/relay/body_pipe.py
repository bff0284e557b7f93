"""A request's body on its way from a client to an upstream, a few pieces at a time."""

import asyncio
from collections.abc import AsyncIterator

import httpx

# Pieces of at most 64 KiB, as Tornado reads them.
PIECES = 8


class Upload(httpx.AsyncByteStream):
    """What is put in at one end comes out at the other; never more than PIECES are in between."""

    def __init__(self) -> None:
        self._pieces: asyncio.Queue[bytes | None] = asyncio.Queue(PIECES)
        self._stopped = False
        self._broken = False

    async def put(self, piece: bytes) -> None:
        """Wait until there is room for a piece; what nobody reads any more is dropped."""
        if not self._stopped:
            await self._pieces.put(piece)

    async def close(self) -> None:
        """Say that the body is complete."""
        if not self._stopped:
            await self._pieces.put(None)

    def abort(self) -> None:
        """Say that the rest will never come: the upstream must not take it for the whole."""
        self._broken = True
        self.stop()
        self._pieces.put_nowait(None)

    def stop(self) -> None:
        """Stop taking pieces; nobody waits for room any more."""
        self._stopped = True
        while not self._pieces.empty():
            self._pieces.get_nowait()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            while (piece := await self._pieces.get()) is not None:
                yield piece
            if self._broken:
                raise httpx.WriteError("the client broke off")
        finally:
            self.stop()
