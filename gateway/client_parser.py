"""From the bytes of a client's connection to requests: strict, bounded, and without any waiting.

What is no plain HTTP/1.1 is refused, and nothing after it is looked at: nobody may understand a
message otherwise than a proxy did that read it before. The parser is llhttp, through httptools.
"""

from typing import NamedTuple

import httptools
from tornado import httputil

MAX_HEAD_BYTES = 64 << 10
_VERSIONS = {"1.0": "HTTP/1.0", "1.1": "HTTP/1.1"}


class Head(NamedTuple):
    """The head of a request; `is_kept` says that the connection may serve another after it."""

    start_line: httputil.RequestStartLine
    headers: httputil.HTTPHeaders
    is_kept: bool


class Mark(NamedTuple):
    """Something between the bytes of a message."""

    name: str


#: The client waits to be told that it may send the body; the request is complete.
CONTINUE, END = Mark("continue"), Mark("end")


class Refusal(Exception):
    """What came is not served here, and nothing after it."""

    def __init__(self, status: int, words: str) -> None:
        super().__init__(words)
        self.status = status


Found = Head | bytes | Mark | Refusal


class RequestParser:
    """Finds requests in the bytes of one connection."""

    def __init__(self) -> None:
        self._parser = httptools.HttpRequestParser(self)
        self._found: list[Found] = []
        self._body: list[bytes] = []
        self._silent_bytes = 0
        self._is_over = self._is_told = False
        self._framing = b""
        self.on_message_begin()

    def feed(self, data: bytes) -> list[Found]:
        """Return what the next bytes bring, in order; nothing after a refusal.

        A request is a Head, parts of its body, and END.
        """
        found: list[Found] = []
        self._found = found
        if self._is_over:
            return found
        self._silent_bytes += len(data)
        try:
            self._parse(data)
        except httptools.HttpParserCallbackError as error:
            found.append(_refusal(error.__context__ or error))
        except httptools.HttpParserError as error:
            found.append(_refusal(error))
        self._end_body()
        if not found and self._silent_bytes > MAX_HEAD_BYTES:
            found.append(_too_long())
        if found:
            self._silent_bytes = 0
            self._is_over = isinstance(found[-1], Refusal)
        return found

    def end(self) -> None:
        """Look at nothing more. llhttp's parser refers back to this one: together they would wait
        for the collector."""
        self._is_over = True
        del self._parser

    def _parse(self, data: bytes) -> None:
        while data and not self._is_over:
            try:
                self._parser.feed_data(data)
                return
            except httptools.HttpParserUpgrade as upgrade:
                data = data[upgrade.args[0] :]
                self._go_on()

    def _go_on(self) -> None:
        """Go on after a wish for another protocol: a server may pass it over (RFC 9110, 7.8). The
        parser expects that protocol now, also where a body was announced: another one is told."""
        framing, self._framing = self._framing, b""
        self._parser = httptools.HttpRequestParser(self)
        if framing:
            self._is_told = True
            self._parser.feed_data(b"POST / HTTP/1.1\r\n" + framing + b"\r\n")
            self._is_told = False

    def _end_body(self) -> None:
        """What came of a body is one part, before anything else that was found."""
        if self._body:
            part = self._body[0] if len(self._body) == 1 else b"".join(self._body)
            self._body.clear()
            at = -1 if self._found and isinstance(self._found[-1], Refusal) else len(self._found)
            self._found.insert(at, part)

    # -- what llhttp finds ----------------------------------------------------------------------

    def on_message_begin(self) -> None:
        """A request begins."""
        if self._is_told:
            return
        self._url = b""
        self._raw: list[tuple[bytes, bytes]] = []
        self._head_bytes = 0
        self._is_head = True

    def on_url(self, url: bytes) -> None:
        """Take a part of the address. Raises Refusal."""
        if not self._is_told:
            self._url += url
            self._count(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header; those of a trailer are passed over. Raises Refusal."""
        if self._is_told:
            return
        self._count(len(name) + len(value) + 4)
        if self._is_head:
            self._raw.append((name, value))

    def on_headers_complete(self) -> None:
        """Say what is asked. Raises Refusal."""
        if self._is_told:
            return
        parser, self._is_head = self._parser, False
        version = _VERSIONS.get(parser.get_http_version())
        if version is None:
            raise Refusal(505, "this server speaks HTTP/1.1")
        headers = _headers(self._raw)
        coding = headers.get("Transfer-Encoding")
        if coding is not None and (coding.lower() != "chunked" or version != "HTTP/1.1"):
            raise Refusal(501, "of transfer codings, only chunked is understood, in HTTP/1.1")
        method = parser.get_method().decode("ascii")
        if method == "CONNECT":
            raise Refusal(405, "this is no proxy")
        if parser.should_upgrade():
            self._framing = _framing(headers)
        line = httputil.RequestStartLine(method, self._url.decode("latin1"), version)
        self._found.append(Head(line, headers, parser.should_keep_alive()))
        if headers.get("Expect", "").lower() == "100-continue" and version == "HTTP/1.1":
            self._found.append(CONTINUE)

    def on_body(self, body: bytes) -> None:
        """Take a part of the body."""
        self._body.append(body)

    def on_message_complete(self) -> None:
        """All of a request is there, unless its body is still to be told of."""
        if self._framing:
            return
        self._end_body()
        self._found.append(END)

    def _count(self, size: int) -> None:
        self._head_bytes += size
        if self._head_bytes > MAX_HEAD_BYTES:
            raise _too_long()


def _headers(raw: list[tuple[bytes, bytes]]) -> httputil.HTTPHeaders:
    """Return headers as handlers know them; llhttp has looked at each of their bytes."""
    headers, seen = httputil.HTTPHeaders(), set()
    for name, value in raw:
        said, lower = value.decode("latin1").strip(" \t"), name.lower()
        if lower in seen:
            headers.add(name.decode("latin1"), said)
        else:
            seen.add(lower)
            headers[name.decode("latin1")] = said
    return headers


def _framing(headers: httputil.HTTPHeaders) -> bytes:
    """Return the header that says where a body ends; nothing when there is none."""
    for name in ("Content-Length", "Transfer-Encoding"):
        value = headers.get(name, "0")
        if value.strip("0"):
            return f"{name}: {value}\r\n".encode("ascii")
    return b""


def _refusal(error: BaseException) -> Refusal:
    return error if isinstance(error, Refusal) else Refusal(400, f"this is no HTTP: {error}")


def _too_long() -> Refusal:
    return Refusal(431, f"the head of a request may have {MAX_HEAD_BYTES} bytes")
