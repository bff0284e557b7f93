"""Faults of whole bodies, of statuses and of encodings."""

import gzip
import zlib
from collections.abc import Callable

from tests.gateway.relay.faults.answers import SSE, Good, answer, chunked, head, stream_head
from tests.gateway.relay.faults.fault import Ends, Fault
from tests.gateway.relay.faults.heads import BAD, CUT, GOOD, UNREACHABLE

REFUSED = Ends("502", "nothing")
ERROR = b'{"error":{"message":"no","type":"server_error","code":"x"}}'
_HTML = b"<!doctype html><html><title>Welcome to the portal</title></html>"


def _status(line: str, body: bytes, ends: Ends, **more: str) -> Fault:
    """An answer with a status and a body of JSON, whatever was asked for."""
    said = f" and `{body.decode()}`" if body else " and nothing else"
    return Fault(
        line,
        f"answers {line}{said}",
        lambda good: [head(line, length=len(body), **more) + body],
        whole=ends,
        stream=ends,
    )


def _instead(name: str, says: str, body: bytes, ends: Ends) -> Fault:
    return Fault(name, says, lambda good: [head(length=len(body)) + body], whole=ends, stream=ends)


def _packed(name: str, pack: Callable[[bytes], bytes]) -> Callable[[Good], list[bytes]]:
    def pieces(good: Good) -> list[bytes]:
        body = pack(good.body())
        parts = [body[at : at + 7] for at in range(0, len(body), 7)]
        if good.stream:
            return [stream_head(Content_Encoding=name), *chunked(*parts)]
        return [head(length=len(body), Content_Encoding=name), *parts]

    return pieces


def _told_length(change: int) -> Callable[[Good], list[bytes]]:
    def pieces(good: Good) -> list[bytes]:
        body, kind = good.body(), SSE if good.stream else "application/json"
        return [head(length=len(body) + change, kind=kind) + body]

    return pieces


def _one_by_one(good: Good) -> list[bytes]:
    said = b"".join(answer(good))
    return [said[at : at + 1] for at in range(len(said))]


def _both(name: str, says: str, pieces: Callable[[Good], list[bytes]], ends: Ends) -> Fault:
    return Fault(name, says, pieces, whole=ends, stream=ends)


BODIES = (
    _status("204 No Content", b"", BAD),
    _status("200 OK", b"", BAD),
    _status("301 Moved Permanently", b"", REFUSED, Location="http://127.0.0.1:9/"),
    _status("304 Not Modified", b"", REFUSED),
    _status("307 Temporary Redirect", b"{}", REFUSED, Location="/v1/other"),
    _status("400 Bad Request", ERROR, Ends("400", "nothing")),
    _status("500 Oh", b"{", REFUSED),
    _status("999 What", b"[]", REFUSED),
    _instead("an error as 200", "answers 200 and an error", ERROR, REFUSED),
    _instead("a page", "answers 200 and a page for people", _HTML, BAD),
    _instead("a list", "answers 200 and `[]`", b"[]", BAD),
    _instead("a number", "answers 200 and `7`", b"7", BAD),
    _instead("an empty object", "answers 200 and `{}`", b"{}", BAD),
    _instead("half an answer", "answers 200 and half of some JSON", b'{"choices": [{', BAD),
    Fault(
        "the other kind",
        "answers JSON to who wants a stream, and a stream to who does not",
        lambda good: answer(Good.of(good.upstream, not good.stream)),
        whole=BAD,
        stream=GOOD,
    ),
    Fault(
        "a stream by another name",
        "sends a stream and calls it JSON",
        lambda good: [head(length=len(good.body())) + good.body()],
        stream=GOOD,
    ),
    _both("gzip", "compresses unasked: gzip", _packed("gzip", gzip.compress), GOOD),
    _both("deflate", "compresses unasked: deflate", _packed("deflate", zlib.compress), GOOD),
    _both("br", "claims an encoding that is not read here: br", _packed("br", bytes), BAD),
    _both("no gzip", "claims gzip, and it is none", _packed("gzip", bytes), CUT),
    Fault(
        "half of gzip",
        "compresses, and leaves out the end",
        _packed("gzip", lambda body: gzip.compress(body)[:-60]),
        whole=BAD,
    ),
    Fault(
        "length too long",
        "names a length of 10 bytes more than it sends",
        _told_length(10),
        "close",
        whole=CUT,
        stream=GOOD,
    ),
    _both(
        "length too short",
        "names a length of 10 bytes less than it sends",
        _told_length(-10),
        UNREACHABLE,
    ),
    _both("byte by byte", "sends every byte by itself", _one_by_one, GOOD),
)
