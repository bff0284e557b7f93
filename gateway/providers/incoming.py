"""An upstream's answer as the transport hands it over, whatever carries it."""

from abc import abstractmethod
from collections.abc import AsyncIterator

import httpx

RawHeaders = list[tuple[bytes, bytes]]


class Incoming(httpx.AsyncByteStream):
    """An answer of which the head is there. Its body is read once, by iterating; it must be closed:
    a connection that did not bring all of it is ended then."""

    status: int
    raw_headers: RawHeaders

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    @property
    def is_whole(self) -> bool:
        """Whether it is known that all of it came, and was read."""
        return False

    @abstractmethod
    async def __anext__(self) -> bytes:
        """Return the next piece. Raises httpx.TransportError."""
