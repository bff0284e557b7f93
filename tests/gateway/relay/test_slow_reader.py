"""A client that does not read slows nobody but itself, and nothing piles up for it."""

import asyncio
import json
import socket

import pytest

from tests.fakes.raw import Line, RawUpstream, Request
from tests.gateway.relay.conftest import DEADLINE_S, Gate
from tests.gateway.relay.faults.answers import Good, chunked, stream_head
from tests.gateway.relay.test_answers import ASK
from tests.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")

FRAME_BYTES, FRAMES = 16 << 10, 2_000
# What the buffers of two connections, the kernel's included, may hold of 32 MB.
MOST_BYTES = 16 << 20


async def test_a_client_that_does_not_read_slows_only_itself(gate: Gate) -> None:
    written = 0

    async def play(line: Line, request: Request) -> bool:
        nonlocal written
        good = Good.of("chat", True)
        event = {"choices": [{"index": 0, "delta": {"content": "x" * FRAME_BYTES}}]}
        piece = chunked(good.frame(event), last=False)
        await line.write(stream_head())
        for _ in range(FRAMES):
            await line.write(*piece)
            written += FRAME_BYTES
        await line.write(*chunked(*good.frames()[-3:]))
        return True

    async with RawUpstream() as upstream:
        upstream.play = play
        await gate.price({"model": "endless", "input": "0", "output": "0"})
        await gate.channel("endless", base_url=upstream.url, type=50)
        _, secret = await gate.key()
        reader, writer = await _asked(gate, secret)
        await reader.readuntil(b"xxx")
        transport = writer.transport
        assert isinstance(transport, asyncio.ReadTransport)
        transport.pause_reading()
        await until(lambda: written > FRAME_BYTES)
        loop = asyncio.get_running_loop()
        began = loop.time()
        answers = await asyncio.gather(*(gate.post(secret, ASK) for _ in range(20)))
        assert {answer.status_code for answer in answers} == {200}
        assert loop.time() - began < DEADLINE_S
        assert written < MOST_BYTES, "the upstream is read only as fast as the client reads"
        transport.resume_reading()
        async with asyncio.timeout(6 * DEADLINE_S):
            rest = await reader.read()
        assert written == FRAMES * FRAME_BYTES and b"[DONE]" in rest[-100:]
        writer.close()
        await gate.settled()


async def _asked(gate: Gate, secret: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Ask for a stream with a small window to receive it."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 << 10)
    host, port = gate.url.removeprefix("http://").split(":")
    sock.connect((host, int(port)))
    reader, writer = await asyncio.open_connection(sock=sock)
    body = json.dumps({**ASK, "model": "endless", "stream": True}).encode()
    head = f"Authorization: Bearer sk-{secret}\r\nContent-Length: {len(body)}\r\n"
    start = "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
    writer.write(f"{start}{head}\r\n".encode() + body)
    return reader, writer
