"""Clients' connections: what is written together arrives together."""

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest
from tornado.iostream import IOStream

from gateway.sockets import ClientLine, together


@pytest.fixture
async def pair() -> AsyncIterator[tuple[ClientLine, socket.socket]]:
    """A line and the client's end of it."""
    listening = socket.create_server(("127.0.0.1", 0))
    client = socket.create_connection(listening.getsockname())
    accepted, _ = listening.accept()
    accepted.setblocking(False)
    line = ClientLine(accepted)
    yield line, client
    line.close()
    client.close()
    listening.close()


async def test_writes_are_held_and_go_out_as_one(pair: tuple[ClientLine, socket.socket]) -> None:
    line, client = pair
    client.setblocking(False)
    with line.together():
        written = [line.write(b"one"), line.write(b"two")]
        assert not any(each.done() for each in written)
        with pytest.raises(BlockingIOError):
            client.recv(10)
    await asyncio.wait_for(asyncio.gather(*written), 5)
    client.settimeout(5)
    assert client.recv(10) == b"onetwo"
    await line.write(b"three")
    assert client.recv(10) == b"three"


async def test_what_is_written_goes_out_at_once(pair: tuple[ClientLine, socket.socket]) -> None:
    line, client = pair
    line.set_nodelay(False)  # tornado does so after each answer
    assert line.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


async def test_a_line_that_closes_meanwhile_writes_nothing(
    pair: tuple[ClientLine, socket.socket],
) -> None:
    line, client = pair
    with line.together():
        line.write(b"lost")
        line.close()
    client.settimeout(5)
    assert client.recv(10) == b""


async def test_other_connections_write_as_ever(pair: tuple[ClientLine, socket.socket]) -> None:
    line, client = pair
    plain = IOStream(line.socket.dup())
    with together(type("Connection", (), {"stream": plain})()):
        await plain.write(b"now")
        client.settimeout(5)
        assert client.recv(10) == b"now"
    plain.close()
