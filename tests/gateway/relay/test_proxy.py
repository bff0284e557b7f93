"""The raw proxy: administrators only, the channel's key, a price per call, bounded memory."""

import asyncio
import gzip
import hashlib
import tracemalloc
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio

from gateway.directory.channels import Channel
from ledger.errors import BooksUnavailable
from tests.fakes.echo import PIECE, EchoServer
from tests.gateway.relay.conftest import SECRET, Gate
from tests.gateway.relay.dialects.conftest import with_books
from tests.gateway.relay.test_reported_failures import customer
from tests.waiting import until

__all__ = ["with_books"]
pytestmark = pytest.mark.asyncio(loop_scope="module")

CALL = 2_000_000


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running_echo(running_gate: Gate) -> AsyncIterator[tuple[EchoServer, Channel]]:
    async with EchoServer() as echo:
        await running_gate.price(
            {"model": "proxy(43)", "calls": "0.002"}, {"model": "proxy(14)", "calls": "0"}
        )
        yield echo, await running_gate.channel(type=43, base_url=f"{echo.url}/v1/")
        await running_gate.settled()


@pytest.fixture
def echo(gate: Gate, running_echo: tuple[EchoServer, Channel]) -> EchoServer:
    running_echo[0].reset()
    return running_echo[0]


@pytest.fixture
def channel(running_echo: tuple[EchoServer, Channel]) -> Channel:
    return running_echo[1]


async def call(
    gate: Gate, secret: str, channel: Any, path: str, method: str = "POST", **how: Any
) -> httpx.Response:
    headers = {"authorization": f"Bearer sk-{secret}", **how.pop("headers", {})}
    number = channel.id if isinstance(channel, Channel) else channel
    url = f"/v1/oneapi/proxy/{number}{path}"
    return await gate.http.request(method, url, headers=headers, **how)


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"])
async def test_a_call_passes_with_the_channels_key(
    gate: Gate, echo: EchoServer, channel: Channel, method: str
) -> None:
    key, secret = await gate.key("1")
    body = {} if method in ("GET", "HEAD") else {"content": b"\x00raw\xff"}
    sent = {
        "cookie": "c=1",
        "x-api-key": "mine",
        "x-goog-api-key": "mine",
        "x-forwarded-for": "1.2.3.4",
        "openai-beta": "assistants=v2",
        "content-type": "a/b",
        "connection": "keep-alive, x-mine",
        "x-mine": "1",
    }
    answer = await call(gate, secret, channel, "/a%20b/c?q=%2F&q=2", method, headers=sent, **body)
    assert answer.status_code == 200
    assert answer.content == body.get("content", b"")
    ((seen, uri, headers),) = echo.received
    assert (seen, uri) == (method, "/v1/a%20b/c?q=%2F&q=2")
    assert headers["authorization"] == SECRET  # as One API sends it for this type
    assert headers["openai-beta"] == "assistants=v2" and headers["content-type"] == "a/b"
    unwanted = {"cookie", "x-api-key", "x-goog-api-key", "x-forwarded-for", "x-mine"}
    assert not unwanted & headers.keys() and secret not in str(headers)
    assert answer.headers["content-type"] == "application/x-test"
    assert answer.headers["x-ratelimit-remaining"] == "7"
    assert "set-cookie" not in answer.headers and "x-hop" not in answer.headers
    event = await gate.charge_of(answer)
    assert answer.headers["x-tollgate-event"] == event["_id"]
    assert event["amount"] == -CALL and event["body"]["usage"] == {"calls": 1}
    assert (event["body"]["endpoint"], event["body"]["model"]) == ("proxy", "proxy")
    assert event["body"]["channel"] == channel.id
    assert event["body"]["upstream_request_id"] == "req_echo"
    assert await gate.balance(key.account) == 10**9 - CALL


async def test_who_may_not(gate: Gate, echo: EchoServer, channel: Channel) -> None:
    _, common = await customer(gate, 10**9)
    _, root = await gate.key()
    _, poor = await gate.key("0.001")
    _, limited = await gate.key(models=["m"])
    unpriced = await gate.channel(type=8, base_url=echo.url)
    sandbox = await gate.channel(type=1000)
    off = await gate.channel(type=43, base_url=echo.url, status=2)
    for secret, number, path, status, code in (
        ("nobody", channel.id, "/x", 401, "invalid_api_key"),
        (common, channel.id, "/x", 403, "channel_not_allowed"),
        (limited, channel.id, "/x", 403, "model_not_allowed"),
        (poor, channel.id, "/x", 402, "insufficient_quota"),
        (root, unpriced.id, "/x", 400, "model_price_missing"),
        (root, sandbox.id, "/x", 403, "channel_not_allowed"),
        (root, off.id, "/x", 403, "channel_not_allowed"),
        (root, 999_999, "/x", 400, "channel_not_found"),
        (root, channel.id, "/%2e%2e/x", 404, "unknown_url"),
        (root, channel.id, "/%252e%252e%2fx", 404, "unknown_url"),
        (root, "abc", "/x", 404, "unknown_url"),
        (root, f"{channel.id}@evil.example", "/x", 404, "unknown_url"),
    ):
        answer = await call(gate, secret, number, path, content=b"x" * 150_000)
        assert (answer.status_code, answer.json()["error"]["code"]) == (status, code), path
    assert not echo.received
    gate.settings(allow_unpriced_models=True)
    assert (await call(gate, root, unpriced, "/v1/x")).headers["x-tollgate-event"]


async def test_what_the_upstream_refuses_costs_nothing(
    gate: Gate, echo: EchoServer, channel: Channel
) -> None:
    key, secret = await gate.key("1")
    for status in (400, 401, 404, 429, 500):
        answer = await call(gate, secret, channel, f"/status/{status}")
        assert answer.status_code == status and answer.json() == {"error": {"message": "so it is"}}
    events = await gate.events_of(key)
    assert {(e["amount"], e["body"]["outcome"]) for e in events} == {(0, "failed")}
    assert len(events) == 5
    answer = await call(gate, secret, channel, "/status/204", "DELETE")
    assert (answer.status_code, answer.content) == (204, b"")
    away = await gate.channel(type=43, base_url="http://127.0.0.1:9")
    answer = await call(gate, secret, away, "/x", content=b"y" * 150_000)
    assert (answer.status_code, answer.json()["error"]["code"]) == (502, "upstream_unreachable")
    assert await gate.balance(key.account) == 10**9 - CALL


async def pieces(count: int) -> AsyncIterator[bytes]:
    for _ in range(count):
        yield PIECE


async def test_big_bodies_pass_in_little_memory(
    gate: Gate, echo: EchoServer, channel: Channel
) -> None:
    gate.settings(max_body_bytes=1 << 30)
    gate.running.application.max_body_bytes = 1 << 30
    count = 320  # 20 MiB down, a quarter of it up
    key, secret = await gate.key("1")
    tracemalloc.start()
    try:
        answer = await call(gate, secret, channel, "/upload", content=pieces(count // 4))
        assert answer.status_code == 200
        _, up_peak = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        url = f"/v1/oneapi/proxy/{channel.id}/download/{count * len(PIECE)}"
        headers = {"authorization": f"Bearer sk-{secret}"}
        size = 0
        async with gate.http.stream("GET", url, headers=headers) as streamed:
            async for piece in streamed.aiter_raw():
                size += len(piece)
        _, down_peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
        gate.running.application.max_body_bytes = 200_000
        gate.settings(max_body_bytes=200_000)
    assert echo.uploaded[0][0] == count // 4 * len(PIECE)
    assert echo.uploaded[0][1] == hashlib.sha256(PIECE * (count // 4)).hexdigest()
    assert size == count * len(PIECE)
    # What sockets and both sides' buffers hold varies; a whole body is 5 or 20 MiB.
    assert up_peak < 5 << 20 and down_peak < 14 << 20
    assert len(await gate.events_of(key)) == 2


async def test_a_packed_body_is_unpacked(gate: Gate, echo: EchoServer, channel: Channel) -> None:
    _, secret = await gate.key()
    packed = {"content-encoding": "gzip", "content-type": "a/b"}
    content = gzip.compress(b"z" * 5_000)
    answer = await call(gate, secret, channel, "/x", headers=packed, content=content)
    assert answer.status_code == 200 and echo.uploaded[0][0] == 5_000
    assert "content-encoding" not in echo.received[0][2]


async def test_a_body_over_the_limit_is_never_taken_for_whole(
    gate: Gate, echo: EchoServer, channel: Channel
) -> None:
    key, secret = await gate.key("1")
    answer = await call(gate, secret, channel, "/upload", content=pieces(8))
    assert answer.status_code == 413
    await until(lambda: echo.broken or not echo.received)
    assert not echo.uploaded
    known = await call(gate, secret, channel, "/upload", content=PIECE * 8)
    assert known.status_code == 413
    await gate.settled()
    assert not await gate.events_of(key)


async def test_a_client_that_leaves_in_mid_upload(
    gate: Gate, echo: EchoServer, channel: Channel
) -> None:
    key, secret = await gate.key("1")
    host, _, port = gate.url.removeprefix("http://").partition(":")
    _, writer = await asyncio.open_connection(host, int(port))
    head = f"POST /v1/oneapi/proxy/{channel.id}/upload HTTP/1.1\r\nHost: x\r\n"
    head += f"Authorization: Bearer sk-{secret}\r\nContent-Length: 1000\r\n\r\nabc"
    writer.write(head.encode())
    await until(lambda: echo.received)
    writer.close()
    await gate.settled()
    await until(lambda: echo.broken)
    assert not echo.uploaded and not await gate.events_of(key)


@pytest.mark.parametrize("how", ["client", "upstream", "stop"])
async def test_an_answer_that_breaks_off_is_charged_and_not_whole(
    gate: Gate, echo: EchoServer, channel: Channel, how: str
) -> None:
    key, secret = await gate.key("1")
    more = {"upstream": "cut=1"}.get(how, "wait=1")
    url = f"/v1/oneapi/proxy/{channel.id}/download/{4 * len(PIECE)}?{more}"
    headers = {"authorization": f"Bearer sk-{secret}"}
    client = httpx.AsyncClient(base_url=gate.url)
    try:
        async with client.stream("GET", url, headers=headers) as answer:
            parts = answer.aiter_raw()
            if how == "upstream":
                with pytest.raises(httpx.RemoteProtocolError):
                    while True:
                        await anext(parts)
            else:
                await anext(parts)
            if how == "stop":
                (exchange,) = gate.running.relay.exchanges
                exchange.stop("server_stopped")
                with pytest.raises(httpx.RemoteProtocolError):
                    while True:
                        await anext(parts)
    finally:
        await client.aclose()
    await gate.settled()
    (event,) = await gate.events_of(key)
    outcome = {"client": "client_closed", "upstream": "upstream_cut"}.get(how, "server_stopped")
    assert (event["amount"], event["body"]["outcome"]) == (-CALL, outcome)


@pytest.mark.parametrize("how", ["client_closed", "server_stopped"])
async def test_an_answer_that_is_not_waited_for(
    gate: Gate, echo: EchoServer, channel: Channel, how: str
) -> None:
    key, secret = await gate.key("1")
    asked = asyncio.create_task(call(gate, secret, channel, "/x?hang=1", content=b"x"))
    await until(lambda: echo.received)
    (exchange,) = gate.running.relay.exchanges
    await until(lambda: exchange.reading)
    if how == "client_closed":
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked
    else:
        exchange.stop(how)
        assert (await asked).json()["error"]["code"] == "shutting_down"
    await gate.settled()
    (event,) = await gate.events_of(key)
    assert (event["amount"], event["body"]["outcome"]) == (-CALL, how)


async def test_no_receipt_no_end(
    gate: Gate, echo: EchoServer, channel: Channel, with_books: Any
) -> None:
    key, secret = await gate.key("1")
    with_books(BooksUnavailable("gone", 7), "charge")
    assert (await call(gate, secret, channel, "/status/204")).status_code == 503
    with pytest.raises(httpx.RemoteProtocolError):
        await call(gate, secret, channel, f"/download/{2 * len(PIECE)}", "GET")
    assert await gate.balance(key.account) == 10**9
