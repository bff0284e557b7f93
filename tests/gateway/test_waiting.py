"""Clients that keep a server waiting are let go."""

import asyncio
import random

import pytest
from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port

from gateway import waiting
from gateway.http import Application, BaseHandler
from tests.waiting import until

HEAD = b"POST / HTTP/1.1\r\nHost: here\r\nContent-Length: 2\r\n\r\n"


class Echo(BaseHandler):
    """Answers with what it got."""

    def post(self) -> None:
        self.finish(self.request.body)


class Trial:
    """A server, and connections to it."""

    def __init__(self) -> None:
        self.application = Application([("/", Echo)], 1 << 20, random.Random(1))
        self.server = HTTPServer(self.application)
        listening, self.port = bind_unused_port()
        self.server.add_socket(listening)

    async def connected(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self.port)


@pytest.fixture
async def trial(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(waiting, "LOOK_EVERY_S", 0.05)
    trial = Trial()
    yield trial
    trial.server.stop()
    await trial.server.close_all_connections()


async def test_one_that_says_nothing_is_closed(trial: Trial, monkeypatch) -> None:
    monkeypatch.setattr("gateway.http.IDLE_S", 0.2)
    reader, writer = await trial.connected()
    assert await asyncio.wait_for(reader.read(), 5) == b""
    assert not len(trial.application.waiting)
    writer.close()


async def test_one_whose_body_does_not_come_is_closed(trial: Trial, monkeypatch) -> None:
    monkeypatch.setattr("gateway.http.BODY_S", 0.2)
    reader, writer = await trial.connected()
    writer.write(HEAD + b"o")
    assert await asyncio.wait_for(reader.read(), 5) == b""
    writer.close()


async def test_one_that_asks_again_in_time_is_served(trial: Trial, monkeypatch) -> None:
    monkeypatch.setattr("gateway.http.IDLE_S", 30.0)
    reader, writer = await trial.connected()
    for _ in range(3):
        writer.write(HEAD + b"ok")
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
        assert b"200 OK" in head and await reader.readexactly(2) == b"ok"
    assert len(trial.application.waiting) == 1
    writer.close()
    await until(lambda: not len(trial.application.waiting))
