"""Connections that are kept open to upstreams, for requests that go straight there.

Never more than the limit; one that is idle is used again by the next request to its place. Why
there is this beside aiohttp, which carries what goes through proxies or comes piece by piece, is
told in docs/adr/0013-own-connections-to-upstreams.md.
"""

import asyncio
import ssl
from collections.abc import Mapping
from functools import partial
from socket import SOCK_STREAM
from typing import NamedTuple

import aiohappyeyeballs
import httpx

from gateway.providers.line import Line, Reply
from gateway.providers.ways import Way

MAX_CONNECTIONS = 4_000
# How long one address of a host may keep the others waiting (RFC 8305, 5).
NEXT_ADDRESS_S = 0.25


class Place(NamedTuple):
    """Where a connection leads."""

    host: str
    port: int
    tls: bool


def head_of(
    method: str, target: str, host: str, headers: Mapping[str, str], length: int | None
) -> bytes:
    """Return the head of a request as bytes. Headers may name another host than the address does.

    Raises httpx.LocalProtocolError for what would be more than one header.
    """
    lines = [f"{method} {target} HTTP/1.1"]
    if "host" not in headers:
        lines.append(f"host: {host}")
    lines += [f"{name}: {value}" for name, value in headers.items()]
    if length is not None:
        lines.append(f"content-length: {length}")
    head = "\r\n".join(lines)
    if head.count("\n") != len(lines) - 1 or head.count("\r") != len(lines) - 1:
        raise httpx.LocalProtocolError("a header of this request has more than one line")
    return f"{head}\r\n\r\n".encode()


class Lines:
    """The connections of one process."""

    def __init__(self, verify: ssl.SSLContext, most: int = MAX_CONNECTIONS) -> None:
        """`verify` judges certificates, `most` is how many connections there may be at once."""
        self._verify = verify
        self._most = most
        self._connecting = 0
        self._open: set[Line] = set()
        self._idle: dict[Place, list[Line]] = {}
        self._room: asyncio.Event | None = None

    async def ask(self, place: Place, head: bytes, body: bytes, way: Way) -> Reply:
        """Send a request and return as soon as the head of its answer is there.

        Raises httpx.ConnectError when it was not sent, else another httpx.TransportError.
        """
        line = self._another(place) or await self._connected(place, way)
        reply = line.begin(head, body, way)
        try:
            await reply.head()
        except BaseException:
            await reply.aclose()
            raise
        return reply

    def made(self, line: Line) -> None:
        """Count a connection that is open from now on."""
        self._open.add(line)

    def free(self, line: Line) -> None:
        """Keep a connection for the next request, unless somebody waits for room."""
        if self._room is not None:
            line.close()
        else:
            self._idle.setdefault(line.place, []).append(line)

    def lost(self, line: Line) -> None:
        """Forget a connection that has ended."""
        self._open.discard(line)
        self._tell_room()
        idle = self._idle.get(line.place)
        if idle is not None and line in idle:
            idle.remove(line)
            if not idle:
                del self._idle[line.place]

    def close(self) -> None:
        """End every connection."""
        for line in list(self._open):
            line.close()

    def _another(self, place: Place) -> Line | None:
        """Take an idle connection, the one used last."""
        idle = self._idle.get(place)
        while idle:
            line = idle.pop()
            if line.is_open:
                return line
        return None

    async def _connected(self, place: Place, way: Way) -> Line:
        where = f"{place.host}:{place.port}"
        try:
            # A connection of the pool may take as long as an answer to come free.
            async with asyncio.timeout(max(way.connect_s, way.first_byte_s)):
                await self._have_room()
        except TimeoutError:
            raise httpx.ConnectError(f"Connection timeout: no room for {where}") from None
        self._connecting += 1
        try:
            async with asyncio.timeout(way.connect_s):
                return await self._connect(place)
        except TimeoutError:
            raise httpx.ConnectError(f"Connection timeout to host {where}") from None
        except OSError as error:
            raise httpx.ConnectError(f"Cannot connect to host {where}: {error}") from error
        finally:
            self._connecting -= 1
            self._tell_room()

    async def _have_room(self) -> None:
        """Wait until there may be one connection more; one that idles elsewhere makes room."""
        while len(self._open) + self._connecting >= self._most:
            idle = next((lines[0] for lines in self._idle.values() if lines), None)
            if idle is not None:
                idle.close()
            if self._room is None:
                self._room = asyncio.Event()
            await self._room.wait()

    def _tell_room(self) -> None:
        """Let those who wait for room look again."""
        if self._room is not None:
            self._room.set()
            self._room = None

    async def _connect(self, place: Place) -> Line:
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(place.host, place.port, type=SOCK_STREAM)
        connection = await aiohappyeyeballs.start_connection(
            found, happy_eyeballs_delay=NEXT_ADDRESS_S, interleave=1, loop=loop
        )
        _, line = await loop.create_connection(
            partial(Line, self, place),
            sock=connection,
            ssl=self._verify if place.tls else None,
            server_hostname=place.host if place.tls else None,
        )
        return line
