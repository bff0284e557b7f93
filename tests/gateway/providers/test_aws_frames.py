"""Amazon's event streams: read wherever they are parted, as botocore reads them, never trusted."""

import base64
import struct
from collections.abc import AsyncIterator
from typing import Any
from zlib import crc32

import orjson
import pytest
from botocore.eventstream import EventStreamBuffer
from hypothesis import given
from hypothesis import strategies as st

from gateway.providers.aws_frames import CONTENT_TYPE, MAX_MESSAGE, as_events
from gateway.providers.base import Answer, CallFailed
from tests.fakes.aws import message
from tests.fakes.bedrock import FakeBedrock
from tests.fakes.native import Script


async def read(*pieces: bytes, kind: str = CONTENT_TYPE) -> tuple[bytes, bool]:
    async def body() -> AsyncIterator[bytes]:
        for piece in pieces:
            yield piece

    answer = Answer(200, {"content-type": kind}, body())
    await as_events(answer)
    return b"".join([piece async for piece in answer.body]), answer.is_stream


def told(raw: bytes) -> list[Any]:
    return [orjson.loads(part.partition(b"data: ")[2]) for part in raw.split(b"\n\n") if part]


def event(name: str, payload: bytes, kind: str = "event") -> bytes:
    return message({":message-type": kind, f":{kind}-type": name}, payload)


async def test_events_wherever_they_are_parted() -> None:
    async with FakeBedrock() as fake:
        fake.script = Script(words=("a\u2028b", "🏔"), calls=(("f", {"a": 1}),))
        said = {"role": "user", "content": [{"text": "hi"}]}
        events = fake.converse({"stream": True, "messages": [said]})
        stream = b"".join(map(fake.frame, events))
    whole, is_stream = await read(stream)
    assert is_stream and told(whole) == events
    for at in range(0, len(stream), 3):
        assert await read(stream[:at], stream[at:]) == (whole, True)
    assert (await read(*(stream[at : at + 1] for at in range(len(stream)))))[0] == whole
    theirs = EventStreamBuffer()
    theirs.add_data(stream)
    found = [(e.headers[":event-type"], orjson.loads(e.payload)) for e in theirs]
    assert [{name: payload} for name, payload in found] == events
    page = b"<html>busy</html>"
    assert await read(page, kind="text/html") == (page, False)
    with pytest.raises(CallFailed) as caught:
        await read(stream[:-1])
    assert caught.value.code == "upstream_cut"


async def test_chunks_are_unwrapped_and_exceptions_are_errors() -> None:
    def chunk(inner: bytes) -> bytes:
        return event("chunk", orjson.dumps({"bytes": base64.b64encode(inner).decode(), "p": "x"}))

    raw, _ = await read(chunk(b'{"type": "ping"}') + chunk(b'{\n"type":"a b",\r\n"c":1}'))
    assert raw == b'event: ping\ndata: {"type": "ping"}\n\ndata: {"type":"a b","c":1}\n\n'
    odd = (b"{half", b"[1]", b"\xff", b"[" * 5_000 + b"]" * 5_000)
    passed = b"".join(map(chunk, odd)) + event("chunk", b'{"bytes": "no base64"}')
    assert await read(passed + event("chunk", b'{"bytes": 1}') + event("x", b"[]")) == (b"", True)
    said = event("throttlingException", b'{"message": "Too many"}', "exception")
    raw, _ = await read(said)
    error = {"type": "rate_limit_error", "message": "Too many", "code": "ThrottlingException"}
    assert raw.startswith(b"event: error\n") and told(raw) == [{"type": "error", "error": error}]
    headers = {":message-type": "error", ":error-code": "Odd", ":error-message": "Why"}
    (found,) = told((await read(message(headers, b"")))[0])
    assert found["error"] == {"type": "api_error", "message": "Why", "code": "Odd"}


def prelude(length: int, headers: int) -> bytes:
    raw = struct.pack(">II", length, headers)
    return raw + struct.pack(">I", crc32(raw))


def whole(headers: bytes) -> bytes:
    raw = prelude(16 + len(headers), len(headers)) + headers
    return raw + struct.pack(">I", crc32(raw))


@pytest.mark.parametrize(
    "raw",
    [
        b"x" * 12,
        prelude(MAX_MESSAGE + 1, 0),
        prelude(15, 0),
        prelude(1 << 20, 200_000),
        prelude(20, 5),
        event("a", b"{}")[:-1] + b"\0",
        whole(b"\x01a"),
        whole(b"\x01a\x63"),
        whole(b"\x01a\x07\x00\x09ab"),
        whole(b"\x01\xff\x00"),
        whole(b"\x09a\x00"),
        whole(b"\x01a\x05\x00"),
    ],
)
async def test_what_is_no_message_is_refused_at_once(raw: bytes) -> None:
    with pytest.raises(CallFailed) as caught:
        await read(raw)
    assert caught.value.code == "upstream_bad_answer"


@given(st.binary(max_size=200), st.integers(0, 100), st.integers(0, 255))
async def test_any_bytes(raw: bytes, at: int, byte: int) -> None:
    good = bytearray(event("messageStop", b'{"stopReason": "end_turn"}'))
    good[at % len(good)] ^= byte or 1
    for stream in (raw, whole(raw), event("chunk", raw), bytes(good)):
        try:
            told((await read(stream, raw))[0])
        except CallFailed as error:
            assert error.code in ("upstream_bad_answer", "upstream_cut")
