"""Own connections to upstreams over TLS: verified, used again, and clear about what failed."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
import trustme

from gateway.providers.lines import Lines, Place, head_of
from gateway.providers.ways import Way

AUTHORITY = trustme.CA()
WAY = Way(connect_s=3, first_byte_s=3, idle_s=3)
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


class Upstream:
    """A server that answers everybody, and what its clients named it."""

    def __init__(self, port: int) -> None:
        trusting = ssl.create_default_context()
        AUTHORITY.configure_trust(trusting)
        self.port = port
        self.lines = Lines(trusting)

    async def ask(self, host: str = "localhost") -> bytes:
        head = head_of("POST", "/v1", host, {}, 2)
        reply = await self.lines.ask(Place(host, self.port, True), head, b"{}", WAY)
        return b"".join([piece async for piece in reply])


@asynccontextmanager
async def serving(tls: ssl.SSLContext | None) -> AsyncIterator[Upstream]:
    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await reader.readuntil(b"{}"):
                writer.write(OK)
        except asyncio.IncompleteReadError:
            pass  # the client has gone
        finally:
            writer.close()

    server = await asyncio.start_server(play, "127.0.0.1", 0, ssl=tls)
    upstream = Upstream(server.sockets[0].getsockname()[1])
    try:
        yield upstream
    finally:
        upstream.lines.close()
        server.close()
        await server.wait_closed()


def tls_of(*names: str, authority: trustme.CA = AUTHORITY) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*names).configure_cert(context)
    return context


async def test_a_connection_is_verified_and_used_again() -> None:
    async with serving(tls_of("localhost")) as upstream:
        for _ in range(3):
            assert await upstream.ask() == b"ok"
        assert len(upstream.lines._open) == 1


@pytest.mark.parametrize(
    ("names", "authority", "words"),
    [
        (("other.test",), AUTHORITY, "doesn't match|not valid for|mismatch"),
        (("localhost",), trustme.CA(), "self-signed|unable to get local issuer"),
    ],
    ids=["another name", "another authority"],
)
async def test_who_cannot_prove_its_name_is_not_asked(
    names: tuple[str, ...], authority: trustme.CA, words: str
) -> None:
    async with serving(tls_of(*names, authority=authority)) as upstream:
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: None)
        with pytest.raises(httpx.ConnectError, match=words):
            await upstream.ask()
        assert not upstream.lines._open


async def test_a_server_without_tls_is_no_upstream_with_tls() -> None:
    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(play, "127.0.0.1", 0)
    upstream = Upstream(server.sockets[0].getsockname()[1])
    with pytest.raises(httpx.ConnectError, match="Cannot connect to host localhost"):
        await upstream.ask()
    server.close()
    await server.wait_closed()
