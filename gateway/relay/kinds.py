"""Streams that are called something else, streams that nobody asked for, answers where a stream was
asked for, and what is no answer at all.

Only the endpoints of conversations and embeddings are looked at: others answer with bytes of their
own kind.
"""

from collections.abc import AsyncIterator
from typing import Any

import orjson

from gateway.dialects.chat import as_chunks
from gateway.dialects.table import DIALECTS, SOURCES
from gateway.formats import sse
from gateway.formats.openai import Ask, Endpoint
from gateway.providers.base import Answer, CallFailed
from gateway.relay.context import Exchange, Relay

_STREAM = {"content-type": "text/event-stream"}
# By the task of an endpoint: the fields of which an answer has at least one.
_HAS = {
    "chat": ("choices",),
    "completions": ("choices",),
    "embeddings": ("data",),
    "messages": ("content",),
    "responses": ("output",),
    "generate": ("candidates", "promptFeedback", "usageMetadata"),
}


def _has(wire: Endpoint) -> tuple[str, ...] | None:
    """Return the fields of an endpoint's answers; what only upstreams speak says its own."""
    return _HAS.get(wire.task) if wire.dialect in DIALECTS else SOURCES[wire.dialect].delivers


async def name_stream(answer: Answer) -> None:
    """Call a stream what it is, where its head does not. Raises CallFailed."""
    body = answer.body
    first = await anext(body, b"")
    answer.body = _joined(first, body)
    if sse.is_stream(first):
        answer.headers = {**answer.headers, **_STREAM}


async def _joined(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    if first:
        yield first
    async for piece in rest:
        yield piece


def refuse_stream(ask: Ask, wire: Endpoint) -> None:
    """Refuse a stream for who cannot read one. Raises CallFailed."""
    if not ask.stream and _has(wire) is not None:
        raise CallFailed("upstream_bad_answer", "a stream, although none was asked for")


def refuse_none(wire: Endpoint, content: bytes, parsed: Any) -> None:
    """Refuse what is no answer: nothing, a page for people, half of one. Raises CallFailed.

    `parsed` is None for what is no JSON, or for a long answer that was not parsed.
    """
    fields = _has(wire)
    if fields is None:
        return
    if parsed is None:
        ends = content[:64].lstrip()[:1] + content[-64:].rstrip()[-1:]
        good = ends == b"{}" and any(b'"%s"' % name.encode() in content for name in fields)
    else:
        good = isinstance(parsed, dict) and any(name in parsed for name in fields)
    if not good:
        raise CallFailed("upstream_bad_answer", f"no answer: {content[:100]!r}")


def as_stream(relay: Relay, x: Exchange, wire: Endpoint, answer: Answer, parsed: Any) -> bytes:
    """Turn a whole answer into a stream of the same dialect, for who asked for one.

    Raises CallFailed for what cannot be said in one.
    """
    dialect = DIALECTS.get(wire.dialect)
    if dialect is None:  # nobody writes streams of what only upstreams speak
        raise CallFailed("upstream_bad_answer", "no stream, although one was asked for")
    try:
        chat = dialect.answer_to_chat(parsed, relay.clock.now_us() // 1_000_000)
        usage = {"stream_options": {"include_usage": True}}
        writer = dialect.writer({**x.ask.body, **usage}, False, x.request_id)
        written = b"".join(map(writer.feed, as_chunks(chat))) + writer.end()
    except orjson.JSONEncodeError:
        raise CallFailed("upstream_bad_answer", "nested too deeply") from None
    answer.headers = {**answer.headers, **_STREAM}
    return written
