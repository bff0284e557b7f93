"""Clients that keep a server waiting are let go."""

import asyncio
import random
from collections.abc import AsyncIterator

import pytest

from gateway import client_line, clients
from gateway.http import Application, BaseHandler
from tests.listening import Listening
from tests.waiting import until

HEAD = b"POST / HTTP/1.1\r\nHost: here\r\nContent-Length: 2\r\n\r\n"
LONG = b"x" * (64 << 20)


class Echo(BaseHandler):
    """Answers with what it got, or with a lot."""

    def post(self) -> None:
        self.finish(self.request.body)

    def get(self) -> None:
        self.finish(LONG)


@pytest.fixture
async def listening(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Listening]:
    monkeypatch.setattr(clients, "LOOK_EVERY_S", 0.05)
    async with Listening(Application([("/", Echo)], 1 << 20, random.Random(1))) as listening:
        yield listening


async def connected(listening: Listening) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection("127.0.0.1", listening.port)


@pytest.mark.parametrize(("longest", "said"), [("IDLE_S", b""), ("BODY_S", HEAD + b"o")])
async def test_one_that_says_nothing_or_not_all_is_closed(
    listening: Listening, monkeypatch: pytest.MonkeyPatch, longest: str, said: bytes
) -> None:
    monkeypatch.setattr(client_line, longest, 0.2)
    reader, writer = await connected(listening)
    writer.write(said)
    assert await asyncio.wait_for(reader.read(), 5) == b""
    writer.close()


async def test_one_that_asks_again_in_time_is_served(
    listening: Listening, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_line, "IDLE_S", 30.0)
    reader, writer = await connected(listening)
    for _ in range(3):
        writer.write(HEAD + b"ok")
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
        assert b"200 OK" in head and await reader.readexactly(2) == b"ok"
    assert len(listening.clients) == 1
    writer.close()
    await until(lambda: not len(listening.clients))


async def test_one_that_goes_on_after_it_was_refused_is_cut_off(
    listening: Listening, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_line, "CLOSING_S", 0.2)
    reader, writer = await connected(listening)
    writer.write(b"hello\r\n\r\n")
    said = await asyncio.wait_for(reader.read(), 5)
    assert said.startswith(b"HTTP/1.1 400 ") and len(listening.clients) == 1
    await until(lambda: not len(listening.clients))
    writer.close()


async def test_one_that_says_no_more_and_does_not_read_is_cut_off(
    listening: Listening, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_line, "CLOSING_S", 0.2)
    _, writer = await connected(listening)
    writer.transport.pause_reading()  # type: ignore[attr-defined]
    writer.write(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n")
    (line,) = await until(lambda: listening.clients._lines)
    await until(lambda: line._is_full)
    writer.write_eof()
    await until(lambda: not len(listening.clients))
    writer.close()


async def test_one_that_does_not_read_the_last_answer_is_cut_off(
    listening: Listening, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_line, "CLOSING_S", 0.2)
    reader, writer = await connected(listening)
    writer.write(b"GET / HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n")
    await until(lambda: not len(listening.clients))
    with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
        head = await reader.readuntil(b"\r\n\r\n")
        assert b"200 OK" in head
        await reader.readexactly(len(LONG))
    writer.close()
