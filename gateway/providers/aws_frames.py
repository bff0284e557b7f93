"""Amazon's event streams (application/vnd.amazon.eventstream) as server-sent events of JSON.

A message is a prelude of twelve bytes (its length, that of its headers, a checksum), headers, a
payload and a checksum over all before it (Smithy, "Amazon Event Stream Specification"). What
InvokeModelWithResponseStream wraps in `bytes` is the model's own event, and is taken out. Of other
events there is {name: payload}. Exceptions become errors as Anthropic writes them, with Amazon's
name for them as the code.
"""

import binascii
import re
import struct
from base64 import b64decode
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any
from zlib import crc32

import orjson

from gateway.dialects.dialect import Json
from gateway.dialects.gemini.fields import from_json, said
from gateway.providers import aws_errors
from gateway.providers.base import Answer, CallFailed

CONTENT_TYPE = "application/vnd.amazon.eventstream"
# A message holds 24 MiB of payload at most, and 128 KiB of headers.
MAX_MESSAGE, MAX_HEADERS = 25 << 20, 128 << 10
_PRELUDE, _CHECK = 12, 4
# The lengths of header values by their types; 6 and 7 (bytes and text) say theirs themselves.
_LENGTHS = {0: 0, 1: 0, 2: 1, 3: 2, 4: 4, 5: 8, 8: 8, 9: 16}
_BYTES, _TEXT = 6, 7
_NAME = re.compile(r"[A-Za-z_]{1,64}")

Message = tuple[Mapping[str, str], bytes]


class Messages:
    """Finds the messages in bytes that come in pieces."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    @property
    def inside(self) -> bool:
        """Whether a message has begun that is not at its end."""
        return bool(self._buffer)

    def feed(self, piece: bytes) -> Iterator[Message]:
        """Yield the messages that a piece completes. Raises CallFailed for what is none."""
        buffer = self._buffer
        buffer += piece
        while len(buffer) >= _PRELUDE:
            length, of_headers, check = struct.unpack_from(">III", buffer)
            if crc32(buffer[:8]) != check:
                raise _broken("a prelude with a wrong checksum")
            least = _PRELUDE + of_headers + _CHECK
            if not least <= length <= MAX_MESSAGE or of_headers > MAX_HEADERS:
                raise _broken(f"a message of {length} bytes with {of_headers} bytes of headers")
            if len(buffer) < length:
                return
            whole = bytes(buffer[:length])
            del buffer[:length]
            if crc32(whole[:-_CHECK]) != int.from_bytes(whole[-_CHECK:], "big"):
                raise _broken("a message with a wrong checksum")
            at = _PRELUDE + of_headers
            yield _headers(whole[_PRELUDE:at]), whole[at:-_CHECK]


def _broken(what: str) -> CallFailed:
    return CallFailed("upstream_bad_answer", f"{what} in an event stream")


def _headers(raw: bytes) -> dict[str, str]:
    """Return the headers that are text. Raises CallFailed for what are none."""
    found, at = dict[str, str](), 0
    try:
        while at < len(raw):
            end = at + 1 + raw[at]
            name, kind = raw[at + 1 : end].decode(), raw[end]
            at = end + 1
            if kind in (_BYTES, _TEXT):
                (length,) = struct.unpack_from(">H", raw, at)
                at += 2
            else:
                length = _LENGTHS[kind]
            if at + length > len(raw):
                raise IndexError
            if kind == _TEXT:
                found[name] = raw[at : at + length].decode()
            at += length
    except (IndexError, KeyError, UnicodeDecodeError, struct.error):
        raise _broken("headers that are none") from None
    return found


async def as_events(answer: Answer) -> None:
    """Make an event stream an answer of server-sent events; what is none stays as it is."""
    if answer.headers.get("content-type", "").startswith(CONTENT_TYPE):
        answer.headers = {**answer.headers, "content-type": "text/event-stream"}
        answer.body = _events(answer.body)


async def _events(body: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Yield the events. Raises CallFailed."""
    messages = Messages()
    async for piece in body:
        if framed := b"".join(_framed(*each) for each in messages.feed(piece)):
            yield framed
    if messages.inside:
        raise CallFailed("upstream_cut", "the stream ended inside a message")


def _framed(headers: Mapping[str, str], payload: bytes) -> bytes:
    """Write a message as an event; what is odd is passed over."""
    kind, parsed = headers.get(":message-type"), from_json_bytes(payload)
    if kind == "exception":
        return _error(headers.get(":exception-type", ""), said(parsed, "message", "Message"))
    if kind == "error":
        return _error(headers.get(":error-code", ""), headers.get(":error-message", ""))
    name = headers.get(":event-type", "")
    if name == "chunk":
        return _chunk(parsed.get("bytes"))
    return _event("", orjson.dumps({name: parsed})) if parsed else b""


def _error(name: str, message: str) -> bytes:
    return _event("error", orjson.dumps(aws_errors.body(name, message)))


def _chunk(wrapped: Any) -> bytes:
    try:
        inner = b64decode(wrapped, validate=True) if isinstance(wrapped, str) else b""
    except (binascii.Error, ValueError):
        return b""
    parsed = from_json_bytes(inner)
    if not parsed:
        return b""
    one_line = b"\n" not in inner and b"\r" not in inner
    return _event(said(parsed, "type"), inner if one_line else orjson.dumps(parsed))


def _event(name: str, data: bytes) -> bytes:
    named = f"event: {name}\n".encode() if _NAME.fullmatch(name) else b""
    return named + b"data: " + data + b"\n\n"


def from_json_bytes(raw: bytes) -> Json:
    """Read a JSON object; {} for what is none."""
    try:
        parsed = from_json(raw.decode())
        orjson.dumps(parsed)  # what is nested too deeply to be written again is none, either
    except (UnicodeDecodeError, orjson.JSONEncodeError):
        return {}
    return parsed if isinstance(parsed, dict) else {}
