"""The benchmark's own instruments: a complete answer counts, a damaged one never does."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from tests.bench import wire
from tests.bench.answers import Head, unchunk
from tests.bench.load import Plan, Run, quantiles_ms
from tests.bench.upstream import Served, Upstream


@pytest.fixture
async def upstream() -> AsyncIterator[tuple[int, Served]]:
    served = Served()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Upstream(served), "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1], served
    server.close()
    await server.wait_closed()


@pytest.mark.parametrize("kind", wire.KINDS)
async def test_every_answer_of_the_upstream_counts(upstream: tuple[int, Served], kind: str) -> None:
    port, served = upstream
    result = await Run(Plan(port, "sk-x", kind, requests=50, connections=4)).go()
    assert (result.complete, result.wrong, result.examples) == (50, 0, [])
    assert served.counts[kind] == 50
    assert 0 < result.first_ms["p50"] <= result.total_ms["p50"] <= result.total_ms["max"]


async def test_a_refusal_is_a_wrong_answer(upstream: tuple[int, Served]) -> None:
    class Keyless(Plan):
        def request(self) -> bytes:
            return Plan.request(self).replace(b"authorization", b"x-nothing")

    result = await Run(Keyless(upstream[0], "", requests=3, connections=1)).go()
    assert (result.complete, result.wrong) == (0, 3)
    assert "status 401" in result.examples[0]


async def test_a_lost_connection_is_a_wrong_answer() -> None:
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 900\r\n\r\n{")
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    result = await Run(Plan(port, "sk-x", requests=2, connections=1)).go()
    server.close()
    await server.wait_closed()
    assert (result.complete, result.wrong) == (0, 2)
    assert "lost in mid-answer" in result.examples[0]


def _stream() -> bytes:
    return b"".join(wire.frames(include_usage=True))


DAMAGE: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "a piece lost": ("text", lambda body: body.replace(b" piece07", b"")),
    "not ended": ("[DONE]", lambda body: body.removesuffix(wire.DONE)),
    "usage lost": ("form", lambda body: body.replace(b'"usage":{', b'"use":{')),
    "usage changed": ("usage", lambda body: body.replace(b":80,", b":81,")),
    "finish lost": ("finish_reason", lambda body: body.replace(b'"stop"', b"null")),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_a_damaged_stream_is_told(name: str) -> None:
    wire.judge("stream", 200, _stream())
    words, damage = DAMAGE[name]
    with pytest.raises(wire.WrongAnswer) as told:
        wire.judge("stream", 200, damage(_stream()))
    assert words in str(told.value)


def test_a_chunk_too_many_is_told() -> None:
    first = wire.frames(include_usage=True)[0].replace(b" piece00", b"")
    with pytest.raises(wire.WrongAnswer, match="42 chunks"):
        wire.judge("stream", 200, first + _stream())


def test_chunked_bodies_end_where_they_end() -> None:
    got = bytearray(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n")
    head = Head.read(got)
    assert head is not None and head.body(got) is None
    assert unchunk(got + b"0\r\n\r\n", head.size) == b"abcde"
    # The same bytes inside a chunk are not the end.
    assert unchunk(bytearray(b"a\r\n123450\r\n\r\n"), 0) is None
    with pytest.raises(wire.WrongAnswer, match="after the end"):
        unchunk(got + b"0\r\n\r\n1\r\nx\r\n0\r\n\r\n", head.size)


def test_quantiles_are_nearest_ranks() -> None:
    assert quantiles_ms([n / 1000 for n in range(1, 102)]) == {"p50": 51, "p99": 100, "max": 101}
    assert quantiles_ms([]) == {}
