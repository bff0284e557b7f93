"""Requests in the bytes of a connection: found however they are cut, or refused."""

from collections.abc import Iterable
from dataclasses import dataclass, field

import h11
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tornado.httputil import HTTPHeaders

from gateway.client_parser import CONTINUE, END, MAX_HEAD_BYTES, Found, Head, Refusal, RequestParser

HOST = b"Host: here\r\n"
POST = b"POST / HTTP/1.1\r\n" + HOST
GET = b"GET / HTTP/1.1\r\n" + HOST + b"\r\n"


@dataclass
class Request:
    """What a server understood."""

    method: str
    uri: str
    headers: HTTPHeaders
    is_kept: bool
    body: bytes = b""
    is_whole: bool = False


@dataclass
class Understood:
    """All that was found in the bytes of a connection."""

    requests: list[Request] = field(default_factory=list)
    refused: int | None = None
    continues: int = 0

    def take(self, found: Iterable[Found]) -> None:
        for each in found:
            assert self.refused is None
            if isinstance(each, Head):
                method, uri, _ = each.start_line
                self.requests.append(Request(method, uri, each.headers, each.is_kept))
            elif isinstance(each, Refusal):
                self.refused = each.status
            elif isinstance(each, bytes):
                assert each and not self.requests[-1].is_whole
                self.requests[-1].body += each
            elif each is CONTINUE:
                self.continues += 1
            else:
                assert each is END
                self.requests[-1].is_whole = True


def understood(data: bytes, cuts: Iterable[int] = ()) -> Understood:
    parser, result, begin = RequestParser(), Understood(), 0
    for end in [*sorted(cuts), len(data)]:
        result.take(parser.feed(data[begin:end]))
        begin = end
    return result


TOKENS = st.text("abcXYZ019-_.!#", min_size=1, max_size=12)
VALUES = st.text(
    st.characters(min_codepoint=0x21, max_codepoint=0xFF, exclude_characters="\x7f"), max_size=20
)
PARTS = st.lists(st.binary(max_size=40), max_size=5)


@st.composite
def sent(draw: st.DrawFn) -> tuple[h11.Request, bytes, bytes]:
    """A request as another library writes it: what it says, its body, and its bytes."""
    names = draw(st.lists(TOKENS, max_size=5, unique_by=str.lower))
    reserved = {"host", "connection", "expect", "upgrade"}
    headers = [(f"x-{name}", draw(VALUES)) for name in names if name not in reserved]
    parts = draw(PARTS)
    framing = draw(st.sampled_from(["length", "chunks"]))
    framed = (
        (b"content-length", b"%d" % sum(map(len, parts)))
        if framing == "length"
        else (b"transfer-encoding", b"chunked")
    )
    request = h11.Request(
        method=draw(st.sampled_from(["GET", "POST", "PUT", "DELETE", "PATCH"])),
        target="/" + draw(st.text("ab/?=&%20._~", max_size=20)),
        headers=[
            (b"host", b"here"),
            framed,
            *((n.encode(), v.encode("latin1")) for n, v in headers),
        ],
    )
    client = h11.Connection(h11.CLIENT)
    data = client.send(request) or b""
    for part in parts:
        data += client.send(h11.Data(data=part)) or b""
    return request, b"".join(parts), data + (client.send(h11.EndOfMessage()) or b"")


@given(st.lists(sent(), min_size=1, max_size=4), st.data())
def test_what_another_library_writes_is_understood_however_it_is_cut(
    requests: list[tuple[h11.Request, bytes, bytes]], data: st.DataObject
) -> None:
    stream = b"".join(written for _, _, written in requests)
    cuts = data.draw(st.lists(st.integers(0, len(stream)), max_size=12))
    result = understood(stream, cuts)
    assert result.refused is None and len(result.requests) == len(requests)
    for got, (request, body, _) in zip(result.requests, requests, strict=True):
        assert got.is_whole and got.is_kept and got.body == body
        assert (got.method, got.uri) == (request.method.decode(), request.target.decode())
        for name, value in request.headers:
            assert got.headers[name.decode()] == value.decode("latin1")


@given(st.binary(max_size=300), st.lists(st.integers(0, 400), max_size=8))
def test_any_bytes_are_understood_alike_however_they_are_cut(data: bytes, cuts: list[int]) -> None:
    stream = POST + b"Content-Length: 5\r\n\r\nhello" + data
    assert understood(stream, [c for c in cuts if c <= len(stream)]) == understood(stream)


REFUSED = {
    "no HTTP": (b"hello\r\n\r\n", 400),
    "TLS": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
    "HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
    "HTTP/0.9": (b"GET /\r\n\r\n", 505),
    "a tunnel": (b"CONNECT here:443 HTTP/1.1\r\n" + HOST + b"\r\n", 405),
    "a method that is none": (b"FROB / HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "bare line feeds": (b"GET / HTTP/1.1\nHost: here\n\n", 400),
    "a space before the colon": (b"GET / HTTP/1.1\r\nHost : here\r\n\r\n", 400),
    "a folded header": (b"GET / HTTP/1.1\r\n" + HOST + b"A: b\r\n c\r\n\r\n", 400),
    "a NUL in a value": (b"GET / HTTP/1.1\r\n" + HOST + b"A: b\0c\r\n\r\n", 400),
    "a bare CR in a value": (b"GET / HTTP/1.1\r\n" + HOST + b"A: b\rc\r\n\r\n", 400),
    "two lengths": (POST + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab", 400),
    "the same length twice": (POST + b"Content-Length: 1\r\nContent-Length: 1\r\n\r\na", 400),
    "a length with a sign": (POST + b"Content-Length: +1\r\n\r\na", 400),
    "a length with a comma": (POST + b"Content-Length: 1,1\r\n\r\na", 400),
    "a length beyond 64 bits": (POST + b"Content-Length: 99999999999999999999\r\n\r\n", 400),
    "length and chunks": (
        POST + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        400,
    ),
    "chunks and length": (
        POST + b"Transfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n0\r\n\r\n",
        400,
    ),
    "chunks that are not the last coding": (
        POST + b"Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
        400,
    ),
    "another coding": (POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501),
    "two codings": (
        POST + b"Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        501,
    ),
    "chunks in HTTP/1.0": (
        b"POST / HTTP/1.0\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        501,
    ),
    "a chunk's size that is none": (POST + b"Transfer-Encoding: chunked\r\n\r\nxy\r\n", 400),
    "a chunk without its end": (POST + b"Transfer-Encoding: chunked\r\n\r\n1\r\nab\r\n", 400),
    "a long address": (b"GET /" + b"a" * MAX_HEAD_BYTES + b" HTTP/1.1\r\n" + HOST + b"\r\n", 431),
    "a long header": (
        b"GET / HTTP/1.1\r\nA: " + b"a" * MAX_HEAD_BYTES + b"\r\n" + HOST + b"\r\n",
        431,
    ),
    "many headers": (b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 20_000 + b"\r\n", 431),
    "long trailers": (
        POST + b"Transfer-Encoding: chunked\r\n\r\n0\r\n" + b"A: b\r\n" * 20_000 + b"\r\n",
        431,
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_plain_http_is_refused_and_nothing_after_it_is_looked_at(name: str) -> None:
    data, status = REFUSED[name]
    for step in (len(data) + 1, 7):
        result = understood(GET + data + GET, range(0, len(data), step))
        assert result.refused == status
        assert result.requests[0].is_whole and len(result.requests) <= 2
        assert not any(request.is_whole for request in result.requests[1:])


def test_a_head_that_never_ends_is_not_kept() -> None:
    parser, result, fed = RequestParser(), Understood(), 0
    result.take(parser.feed(b"GET / HTTP/1.1\r\nA: "))
    while result.refused is None:
        result.take(parser.feed(b"a" * 1000))
        fed += 1000
        assert fed <= MAX_HEAD_BYTES + 1000
    assert result.refused == 431 and parser.feed(GET) == []


@pytest.mark.parametrize("step", [1, 5, 1000])
@pytest.mark.parametrize(
    ("framed", "body"),
    [
        (b"Content-Length: 2\r\n\r\nhi", b"hi"),
        (b"Transfer-Encoding: chunked\r\n\r\n1\r\nh\r\n1\r\ni\r\n0\r\nA: b\r\n\r\n", b"hi"),
        (b"Content-Length: 0\r\n\r\n", b""),
        (b"\r\n", b""),
    ],
)
def test_a_wish_for_another_protocol_is_passed_over(framed: bytes, body: bytes, step: int) -> None:
    # As Java's client asks at first, with the body already there.
    wish = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAEAAEAA\r\n"
    stream = (POST + wish + framed) * 2 + GET
    result = understood(stream, range(0, len(stream), step))
    assert result.refused is None
    assert [(r.method, r.body, r.is_whole) for r in result.requests] == [
        ("POST", body, True),
        ("POST", body, True),
        ("GET", b"", True),
    ]
    assert all(request.is_kept for request in result.requests)
    assert {request.headers.get("Upgrade") for request in result.requests} == {"h2c", None}


def test_what_a_connection_is_to_do_afterwards() -> None:
    def kept(head: bytes) -> bool:
        return understood(head + HOST + b"\r\n").requests[0].is_kept

    assert kept(b"GET / HTTP/1.1\r\n")
    assert not kept(b"GET / HTTP/1.1\r\nConnection: close\r\n")
    assert not kept(b"GET / HTTP/1.0\r\n")
    assert kept(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n")


def test_headers_are_joined_trimmed_and_asked_for_in_any_spelling() -> None:
    head = b"GET / HTTP/1.1\r\nhOST: here\r\nx-a:  one \r\nX-A: two\t\r\nX-E: \xe9\r\nX-N:\r\n\r\n"
    headers = understood(head).requests[0].headers
    assert headers["host"] == "here" and headers["X-a"] == "one,two"
    assert headers.get_list("X-A") == ["one", "two"]
    assert headers["X-E"] == "é" and headers["X-N"] == ""


def test_trailers_change_nothing() -> None:
    body = b"Transfer-Encoding: chunked\r\n\r\n2;x=y\r\nhi\r\n0\r\nHost: there\r\nX: y\r\n\r\n"
    result = understood(POST + body + GET)
    assert [r.body for r in result.requests] == [b"hi", b""]
    assert result.requests[0].headers["Host"] == "here" and "X" not in result.requests[0].headers


def test_a_client_that_waits_is_to_be_told() -> None:
    result = understood(POST + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n")
    assert result.continues == 1 and not result.requests[0].is_whole
