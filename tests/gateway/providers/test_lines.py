"""Own connections to upstreams, against raw servers: used again or not, bounded, never confused."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.providers import line as lines_line
from gateway.providers.line import Reply
from gateway.providers.lines import Lines, Place, head_of
from gateway.providers.ways import Way
from tests.waiting import until

Play = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
WAY = Way(connect_s=5, first_byte_s=5, idle_s=5)
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


class Raw:
    """A server that plays; `connections` counts those that it accepted."""

    def __init__(self, play: Play) -> None:
        self._play = play
        self.connections = 0
        self.place = Place("127.0.0.1", 0, False)
        self.lines = Lines(httpx.create_ssl_context(trust_env=False))

    async def ask(self, way: Way = WAY, body: bytes = b"{}") -> Reply:
        head = head_of("POST", "/v1", "here", {"accept": "*/*"}, len(body))
        return await self.lines.ask(self.place, head, body, way)

    async def whole(self, way: Way = WAY) -> bytes:
        return await read(await self.ask(way))

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            await self._play(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            return
        finally:
            writer.close()


async def read(reply: Reply) -> bytes:
    return b"".join([piece async for piece in reply])


@asynccontextmanager
async def playing(play: Play, most: int = 10) -> AsyncIterator[Raw]:
    raw = Raw(play)
    raw.lines._most = most
    server = await asyncio.start_server(raw.serve, "127.0.0.1", 0)
    raw.place = Place("127.0.0.1", server.sockets[0].getsockname()[1], False)
    try:
        yield raw
    finally:
        raw.lines.close()
        server.close()
        await server.wait_closed()


async def request(reader: asyncio.StreamReader) -> bytes:
    """Read one request with its body."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
    return head + await reader.readexactly(length)


def answering(*answers: bytes) -> Play:
    """Answer one request after another on each connection, the last one again and again."""

    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        left = list(answers)
        while await request(reader):
            writer.write(left.pop(0) if len(left) > 1 else left[0])
            await writer.drain()

    return play


async def test_one_connection_serves_one_request_after_another() -> None:
    async with playing(answering(OK)) as raw:
        for _ in range(5):
            assert await raw.whole() == b"ok"
        assert raw.connections == 1
        await asyncio.gather(*(raw.whole() for _ in range(3)))
        assert raw.connections == 3


async def test_the_request_goes_out_as_it_is_given() -> None:
    asked = []

    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in range(2):
            asked.append(await request(reader))
            writer.write(OK)

    async with playing(play) as raw:
        await read(await raw.ask(body=b"small"))
        large = b"x" * 300_000
        await read(await raw.ask(body=large))
    head = b"POST /v1 HTTP/1.1\r\nhost: here\r\naccept: */*\r\ncontent-length: %d\r\n\r\n"
    assert asked == [head % 5 + b"small", head % 300_000 + large]


async def test_a_server_that_wants_to_close_gets_a_new_connection() -> None:
    closing = OK.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n")
    async with playing(answering(closing)) as raw:
        assert [await raw.whole() for _ in range(2)] == [b"ok", b"ok"]
        assert raw.connections == 2


async def test_a_connection_that_was_closed_while_idle_is_not_used() -> None:
    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request(reader)
        writer.write(OK)

    async with playing(play) as raw:
        assert await raw.whole() == b"ok"
        await until(lambda: not raw.lines._open)
        assert await raw.whole() == b"ok" and raw.connections == 2


async def test_what_nobody_asked_for_is_no_answer() -> None:
    unasked = asyncio.Event()

    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request(reader)
        writer.write(OK)
        if raw.connections == 1:
            await unasked.wait()
            writer.write(OK.replace(b"ok", b"no"))
        await reader.read()

    async with playing(play) as raw:
        assert await raw.whole() == b"ok"
        unasked.set()
        await until(lambda: not raw.lines._open)
        assert await raw.whole() == b"ok" and raw.connections == 2


async def test_more_than_was_announced_is_not_believed() -> None:
    async with playing(answering(OK + b"more")) as raw:
        with pytest.raises(httpx.RemoteProtocolError):
            await raw.whole()
        await until(lambda: not raw.lines._open)


async def test_a_further_answer_is_nobodys() -> None:
    async with playing(answering(OK + OK.replace(b"ok", b"no"))) as raw:
        assert [await raw.whole() for _ in range(3)] == [b"ok"] * 3
        assert raw.connections == 3


async def test_interim_answers_are_passed_over() -> None:
    hints = b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n"
    async with playing(answering(b"HTTP/1.1 100 Continue\r\n\r\n" + hints + OK)) as raw:
        for _ in range(2):
            reply = await raw.ask()
            assert reply.status == 200 and reply.raw_headers == [(b"content-length", b"2")]
            assert await read(reply) == b"ok"
        assert raw.connections == 1


async def test_a_body_without_a_length_ends_with_the_connection() -> None:
    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\n\r\nall of it")

    async with playing(play) as raw:
        assert await raw.whole() == b"all of it"


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 200",
        b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nonly",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nonly\r\n",
        b"SSH-2.0-x\r\n",
        b"HTTP/1.1 200 OK\r\nx: " + b"x" * 100_000,
        b"HTTP/1.1 200 OK\r\n" + b"".join(b"x-%d: x\r\n" % n for n in range(9_000)) + b"\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\nx: " + b"x" * 100_000,
    ],
)
async def test_what_is_cut_or_no_answer_is_an_error(answer: bytes) -> None:
    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request(reader)
        writer.write(answer)
        await writer.drain()

    async with playing(play) as raw:
        with pytest.raises(httpx.TransportError):
            await raw.whole()
        await until(lambda: not raw.lines._open)


async def test_what_came_before_a_cut_is_still_read() -> None:
    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nonly")

    async with playing(play) as raw:
        reply = await raw.ask()
        await until(lambda: not raw.lines._open)
        assert await anext(reply) == b"only"
        with pytest.raises(httpx.TransportError):
            await anext(reply)


async def test_nothing_piles_up_for_a_slow_reader() -> None:
    size = 20 << 20

    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % size)
        for _ in range(size >> 20):
            writer.write(bytes(1 << 20))
            await writer.drain()
        await reader.read()

    async with playing(play) as raw:
        reply = await raw.ask()
        await until(lambda: reply.waiting_bytes > lines_line.MAX_WAITING_BYTES)
        read_bytes = 0
        async for piece in reply:
            assert len(piece) <= lines_line.PIECE_BYTES
            assert reply.waiting_bytes < 4 * lines_line.MAX_WAITING_BYTES
            read_bytes += len(piece)
        assert read_bytes == size and await raw_is_kept(raw)


async def raw_is_kept(raw: Raw) -> bool:
    await until(lambda: bool(raw.lines._idle))
    return len(raw.lines._open) == 1


async def test_silence_is_given_up_in_time() -> None:
    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request(reader)
        if raw.connections > 1:
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nonly")
        await reader.read()

    async with playing(play) as raw:
        loop = asyncio.get_running_loop()
        for way in (Way(first_byte_s=0.2, idle_s=9), Way(first_byte_s=9, idle_s=0.2)):
            began_s = loop.time()
            with pytest.raises(httpx.ReadTimeout, match="Timeout"):
                await raw.whole(way)
            assert 0.15 < loop.time() - began_s < 4


async def test_idle_connections_are_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines_line, "KEEPALIVE_S", 0.1)
    async with playing(answering(OK)) as raw:
        assert await raw.whole() == b"ok"
        await until(lambda: not raw.lines._open and not raw.lines._idle)


async def test_there_are_never_more_than_the_limit() -> None:
    go_on = asyncio.Event()

    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await request(reader):
            await go_on.wait()
            writer.write(OK)

    async with playing(play, most=2) as raw:
        asked = [asyncio.create_task(raw.whole()) for _ in range(6)]
        await until(lambda: raw.connections == 2)
        with pytest.raises(httpx.ConnectError, match="no room"):
            await raw.ask(Way(connect_s=0.1, first_byte_s=0.1))
        go_on.set()
        assert await asyncio.gather(*asked) == [b"ok"] * 6
        assert len(raw.lines._open) <= 2


async def test_an_idle_connection_makes_room_for_another_place() -> None:
    async with playing(answering(OK), most=1) as raw, playing(answering(OK)) as other:
        assert await raw.whole() == b"ok"
        raw.place = other.place
        assert await raw.whole() == b"ok"
        assert len(raw.lines._open) == 1


async def test_who_stops_waiting_ends_the_connection() -> None:
    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request(reader)
        await reader.read()

    async with playing(play) as raw:
        asked = asyncio.create_task(raw.whole())
        await until(lambda: bool(raw.lines._open))
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked
        await until(lambda: not raw.lines._open)


async def test_nobody_listens() -> None:
    async with playing(answering(OK)) as raw:
        pass
    with pytest.raises(httpx.ConnectError):
        await raw.whole()


@pytest.mark.parametrize("value", ["a\nb", "a\r\nb: c", "a\rb"])
def test_a_header_is_one_line(value: str) -> None:
    with pytest.raises(httpx.LocalProtocolError):
        head_of("POST", "/", "here", {"x": value}, 0)


@st.composite
def cut(draw: st.DrawFn) -> tuple[bytes, list[bytes]]:
    """A body, and an answer of it in chunks of any size that comes in pieces of any size."""
    body = draw(st.binary(max_size=400))
    framed, at = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", 0
    while at < len(body):
        size = draw(st.integers(1, 60))
        chunk = body[at : at + size]
        framed += b"%x\r\n%s\r\n" % (len(chunk), chunk)
        at += size
    framed += b"0\r\n\r\n"
    places = sorted(draw(st.sets(st.integers(1, len(framed) - 1), max_size=12)))
    return body, [framed[a:b] for a, b in zip([0, *places], [*places, None], strict=True)]


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(cut())
async def test_however_an_answer_is_cut_it_is_read_whole(given: tuple[bytes, list[bytes]]) -> None:
    body, pieces = given

    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await request(reader):
            for piece in pieces:
                writer.write(piece)
                await writer.drain()

    async with playing(play) as raw:
        assert [await raw.whole() for _ in range(2)] == [body, body]
        assert raw.connections == 1
