"""Clients' connections, over real sockets: whose turn it is, how answers are framed, who leaves."""

import asyncio
import gc
import logging
import socket
import weakref

import httpx
import pytest
from tornado.iostream import StreamClosedError
from tornado.websocket import websocket_connect

from gateway.client_line import MAX_UNSENT_BYTES
from tests.gateway.clients.trial import LIMIT_BYTES, PIECE, WAIT_S, Peer, Trial
from tests.listening import Listening
from tests.waiting import until


async def test_requests_that_come_at_once_are_served_one_after_the_other(
    peer: Peer, trial: Trial
) -> None:
    peer.ask("/waits/1")
    peer.ask("/", "Content-Length: 2\r\n", "POST")
    peer.send(b"hi")
    peer.ask("/")
    await until(lambda: trial.asked)
    assert trial.asked == ["/waits/1"]
    trial.go.set()
    answers = [await peer.answer() for _ in range(3)]
    assert answers == [(200, b"waited"), (200, b"hi"), (200, b"nothing asked")]
    assert trial.asked == ["/waits/1", "/", "/"] and trial.gone == []


async def test_what_follows_a_good_request_and_is_no_http_is_refused_in_its_turn(
    peer: Peer, trial: Trial
) -> None:
    peer.ask("/waits")
    peer.send(b"and so on\r\n\r\n")
    await until(lambda: trial.asked)
    trial.go.set()
    assert await peer.answer() == (200, b"waited")
    status, words = await peer.answer()
    assert status == 400 and b"this is no HTTP" in words
    assert await peer.rest() == b""


@pytest.mark.parametrize(
    ("host", "words"),
    [("", b"Missing Host"), ("Host: a,b\r\n", b"host"), ("Host: a b\r\n", b"Invalid Host")],
)
async def test_a_request_without_a_host_is_refused(peer: Peer, host: str, words: bytes) -> None:
    peer.send(f"GET / HTTP/1.1\r\n{host}\r\n".encode())
    status, said = await peer.answer()
    assert status == 400 and words in said and await peer.rest() == b""


async def test_a_body_that_breaks_off_in_nonsense_ends_the_connection(
    peer: Peer, trial: Trial
) -> None:
    peer.ask("/uploads", "Transfer-Encoding: chunked\r\n", "POST")
    peer.send(b"2\r\nhi\r\n")
    await until(lambda: trial.got)
    peer.send(b"nonsense\r\n")
    assert (await peer.answer())[0] == 400 and await peer.rest() == b""
    assert trial.got == [b"hi"] and trial.gone == ["/uploads"]


async def test_a_client_that_does_not_know_chunks_reads_until_the_end(peer: Peer) -> None:
    peer.send(b"GET /streams HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
    head = await peer.head()
    assert "transfer-encoding" not in head and "connection: close" not in head
    assert await peer.rest() == b"onetwothree"


async def test_an_old_client_may_ask_again_where_it_says_so(peer: Peer) -> None:
    peer.send(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
    assert "connection: keep-alive" in await peer.head()
    assert await peer.reader.readexactly(13) == b"nothing asked"
    peer.send(b"GET / HTTP/1.0\r\n\r\n")
    assert (await peer.rest()).endswith(b"\r\n\r\nnothing asked")


async def test_a_stream_comes_in_chunks_with_one_end(peer: Peer) -> None:
    peer.ask("/streams", "Connection: close\r\n")
    head = await peer.head()
    assert "transfer-encoding: chunked" in head and "connection: close" in head
    assert await peer.rest() == b"3\r\none\r\n3\r\ntwo\r\n5\r\nthree\r\n0\r\n\r\n"


async def test_answers_without_a_body_have_none(peer: Peer) -> None:
    peer.ask("/", method="HEAD")
    assert "content-length: 13" in await peer.head()
    for status in ("204", "304"):
        peer.ask(f"/empty/{status}")
        head = await peer.head()
        assert status in head and "transfer-encoding" not in head
    peer.ask()
    assert await peer.answer() == (200, b"nothing asked")


@pytest.mark.parametrize("what", ["long", "late", "short"])
async def test_an_answer_that_would_be_framed_wrongly_is_not_finished(
    peer: Peer, what: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL, "tornado.application")
    peer.ask(f"/lies/{what}")
    caplog.set_level(logging.CRITICAL, "tollgate.http")
    peer.ask()
    assert b"nothing asked" not in await peer.rest()


async def test_an_answer_s_header_stays_one_line(
    peer: Peer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL, "tollgate.http")
    peer.ask("/lies/header", "Connection: close\r\n")
    assert b"X-Planted: yes" not in (await peer.rest()).split(b"\r\n")


async def test_a_client_that_asks_before_it_sends_is_told_to(peer: Peer, trial: Trial) -> None:
    peer.ask("/uploads", "Expect: 100-continue\r\nContent-Length: 2\r\n", "POST")
    assert await peer.head() == "http/1.1 100 continue\r\n\r\n"
    peer.send(b"hi")
    assert await peer.answer() == (200, b"2")


async def test_one_that_is_refused_first_is_not_told_to_send(peer: Peer, trial: Trial) -> None:
    peer.ask("/uploads/refused", "Expect: 100-continue\r\nContent-Length: 2\r\n", "POST")
    assert await peer.answer() == (401, b"who are you?")
    assert await peer.rest() == b"" and trial.got == []


async def test_an_upload_waits_for_its_handler(peer: Peer, trial: Trial) -> None:
    body = bytes(LIMIT_BYTES)
    peer.ask("/uploads", f"Content-Length: {len(body)}\r\n", "POST")
    peer.send(body)
    assert await peer.answer() == (200, str(len(body)).encode())
    peer.ask()
    assert await peer.answer() == (200, b"nothing asked")


async def test_a_body_beyond_all_limits_ends_the_connection(peer: Peer, trial: Trial) -> None:
    peer.ask("/uploads", "Transfer-Encoding: chunked\r\n", "POST")
    chunk = b"10000\r\n" + PIECE + b"\r\n"
    for _ in range(33):
        peer.send(chunk)
    status, words = await peer.answer()
    assert status == 413 and str(LIMIT_BYTES * 2).encode() in words
    assert sum(map(len, trial.got)) <= LIMIT_BYTES * 2


async def test_who_hangs_up_while_it_waits_is_noticed(peer: Peer, trial: Trial) -> None:
    peer.ask("/waits")
    await until(lambda: trial.asked)
    peer.writer.close()
    await until(lambda: trial.gone)
    trial.go.set()
    assert trial.gone == ["/waits"]


async def test_who_says_that_nothing_more_comes_is_taken_for_gone(peer: Peer, trial: Trial) -> None:
    peer.ask()
    peer.ask("/waits")
    await until(lambda: trial.asked[1:])
    peer.writer.write_eof()
    assert (await peer.rest()).endswith(b"nothing asked")
    assert trial.gone == ["/waits"]
    trial.go.set()


async def test_what_is_still_done_with_a_connection_that_broke_is_harmless(
    peer: Peer, trial: Trial, listening: Listening
) -> None:
    peer.ask("/waits")
    await until(lambda: trial.asked)
    (line,) = listening.clients._lines
    line._transport.abort()  # as the loop does; it says so a moment later
    with pytest.raises(StreamClosedError):
        await line.write(b"HTTP/1.1 200 OK\r\n\r\n")
    line.let_go()
    line.close()
    with pytest.raises(StreamClosedError):
        line.detach()
    await until(lambda: not len(listening.clients))
    assert trial.gone == []  # detached
    trial.go.set()


async def test_who_hangs_up_in_its_upload_is_noticed(peer: Peer, trial: Trial) -> None:
    peer.ask("/uploads", "Content-Length: 10\r\n", "POST")
    peer.send(b"hi")
    await until(lambda: trial.got)
    peer.writer.close()
    await until(lambda: trial.gone)


async def test_who_hangs_up_in_its_body_is_forgotten(
    peer: Peer, trial: Trial, listening: Listening
) -> None:
    peer.ask("/", "Content-Length: 10\r\n", "POST")
    peer.send(b"hi")
    await until(lambda: len(listening.clients) == 1)
    peer.writer.close()
    await until(lambda: len(listening.clients) == 0)
    assert trial.asked == []


async def test_a_client_that_reads_slowly_is_waited_for(listening: Listening, trial: Trial) -> None:
    with socket.create_connection(("127.0.0.1", listening.port)) as client:
        client.sendall(b"GET /floods HTTP/1.1\r\nHost: here\r\n\r\n")
        (line,) = await until(lambda: listening.clients._lines)
        await until(lambda: line._is_full)
        pieces = trial.pieces
        assert line._transport.get_write_buffer_size() <= MAX_UNSENT_BYTES + 2 * len(PIECE)
        client.setblocking(False)
        loop = asyncio.get_running_loop()
        while trial.pieces < pieces + 20:
            assert await loop.sock_recv(client, 1 << 20)
    await asyncio.wait_for(trial.go.wait(), WAIT_S)
    assert trial.gone == ["/floods"]


async def test_who_asks_and_asks_without_reading_is_not_served_without_end(
    listening: Listening, trial: Trial
) -> None:
    body = PIECE + b"."
    with socket.create_connection(("127.0.0.1", listening.port)) as client:
        client.setblocking(False)
        asking = f"POST / HTTP/1.1\r\nHost: here\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        loop = asyncio.get_running_loop()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(WAIT_S):
                while True:
                    async with asyncio.timeout(1.0):
                        await loop.sock_sendall(client, asking + body)
        (line,) = listening.clients._lines
        assert line._transport.get_write_buffer_size() <= MAX_UNSENT_BYTES + 2 * len(body)


async def test_a_server_that_leaves_says_so_and_keeps_nobody(
    peer: Peer, trial: Trial, listening: Listening
) -> None:
    peer.ask("/waits")
    await until(lambda: trial.asked)
    listening.clients.is_leaving = True
    trial.go.set()
    assert "connection: close" in await peer.head()
    assert await peer.rest() == b"waited"


async def test_closing_lets_everybody_go(peer: Peer, trial: Trial, listening: Listening) -> None:
    peer.ask("/waits")
    await until(lambda: trial.asked)
    await asyncio.wait_for(listening.clients.close(), WAIT_S)
    assert await peer.rest() == b"" and trial.gone == ["/waits"]
    trial.go.set()


async def test_what_is_written_goes_out_at_once(peer: Peer, listening: Listening) -> None:
    (line,) = await until(lambda: listening.clients._lines)
    connection = line._transport.get_extra_info("socket")
    assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


async def test_another_protocol_is_spoken_where_it_is_served(listening: Listening) -> None:
    url = f"ws://127.0.0.1:{listening.port}/speaks"
    talk = await asyncio.wait_for(websocket_connect(url), WAIT_S)
    for message in ("hello", "x" * 100_000):
        await talk.write_message(message)
        assert await asyncio.wait_for(talk.read_message(), WAIT_S) == message
    await until(lambda: not len(listening.clients))
    talk.close()
    assert await asyncio.wait_for(talk.read_message(), WAIT_S) is None


async def test_whoever_speaks_it_before_it_is_agreed_is_let_go(
    peer: Peer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL, "tornado")
    wish = "Connection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    peer.ask("/speaks", wish + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n")
    peer.send(b"\x81\x85\x00\x00\x00\x00hello")
    assert b"hello" not in await peer.rest()


async def test_a_connection_that_has_ended_leaves_nothing_behind(listening: Listening) -> None:
    gc.collect()
    gc.disable()
    try:
        async with httpx.AsyncClient(base_url=listening.url, trust_env=False) as client:
            assert (await client.post("/", content=b"hi")).content == b"hi"
            (line,) = listening.clients._lines
            left = weakref.ref(line._parser)
            del line
        await until(lambda: not len(listening.clients))
        await until(lambda: left() is None)
    finally:
        gc.enable()
