"""Step 3, call: send the request upstream, and elsewhere when that is worth a second try.

What comes back is an answer of which nothing went out yet: a whole body, or a stream whose first
lines were looked at, since some upstreams say 200 and then that they failed.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from gateway.dialects.dialect import Dialect
from gateway.dialects.table import DIALECTS
from gateway.directory.errors import SecretsLocked
from gateway.formats import sse
from gateway.formats.openai import Endpoint
from gateway.formats.usage import Usage
from gateway.providers.base import Answer, Call, CallFailed
from gateway.relay import costs, errors, reserve
from gateway.relay.context import Exchange, Relay
from gateway.relay.errors import RelayError
from gateway.relay.outgoing import body_for
from gateway.relay.passage import as_openai, in_clients_dialect, is_native
from gateway.relay.route import another, wire_of
from ledger.errors import PriceMissing

FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 2.0
MAX_WHOLE_BYTES = 256 << 20
MAX_ERROR_BYTES = 64 << 10
PARSED_WHOLE_BYTES = 64 << 10

log = logging.getLogger("tollgate.relay")


@dataclass(slots=True)
class Delivery:
    """A good answer: `content` is all of it, or the beginning of a stream.

    `wire` is the endpoint that answered, and `parsed` what it answered as JSON, unless that is a
    stream, long, or not JSON. The content is in the client's dialect, that of a stream is not yet.
    """

    answer: Answer
    content: bytes
    wire: Endpoint
    parsed: Any = None


class _Refused(Exception):
    """The upstream did not deliver: what to tell the client, and whether to try elsewhere."""

    def __init__(
        self,
        error: RelayError,
        status: int | None,
        detail: str,
        retry: bool,
        worked: bool = False,
        usage: Usage | None = None,
    ) -> None:
        super().__init__(detail)
        self.error = error
        self.status = status
        self.detail = detail
        self.retry = retry
        self.worked = worked
        self.usage = usage


async def call(relay: Relay, x: Exchange) -> Delivery:
    """Return the first good answer. Raises RelayError with the last failure."""
    retries = 0 if x.pinned is not None else int(relay.directory.options.get("RetryTimes"))
    tried: set[int] = set()
    while True:
        assert x.channel is not None
        try:
            delivery = await _attempt(relay, x)
            costs.note(x, delivery.answer.status, None, delivered=True)
            return delivery
        except _Refused as refused:
            worked, usage = refused.worked, refused.usage
            costs.note(x, refused.status, refused.detail, worked=worked, usage=usage)
            log.info(
                "request %s: channel %s: %s %s",
                x.request_id,
                x.channel.id,
                refused.status,
                refused.detail,
            )
            tried.add(x.channel.id)
            if not refused.retry or len(tried) > retries:
                raise refused.error from refused
            if not await _move_on(relay, x, tried):
                raise refused.error from refused


async def _move_on(relay: Relay, x: Exchange, tried: set[int]) -> bool:
    """Turn to an untried channel after a short pause; False when none is left or affordable."""
    while True:
        channel = another(relay, x, tried)
        if channel is None:
            return False
        if await _affordable(relay, x, channel):
            break
        tried.add(channel.id)
    x.channel = channel
    pause_s = min(FIRST_PAUSE_S * 2 ** (len(tried) - 1), LONGEST_PAUSE_S)
    await asyncio.sleep(pause_s * relay.rng.uniform(0.75, 1.25))
    return True


async def _affordable(relay: Relay, x: Exchange, channel: Any) -> bool:
    """Price the request on another channel, and see to it that the hold covers it."""
    try:
        quote = reserve.price(relay, x, channel)
    except PriceMissing:
        return False
    if quote is x.quote:
        return True
    if x.hold is None:
        if not quote.is_free:
            return False
    else:
        output = x.clamp or reserve.most_output(relay, x)
        amount = quote.estimate_nano(x.tokens_in, output * x.ask.choices)
        if not await relay.books.credit.extend(x.hold, amount):
            return False
    x.quote = quote
    return True


async def _attempt(relay: Relay, x: Exchange) -> Delivery:
    channel = x.channel
    assert channel is not None
    vendor = relay.catalogue.vendor(channel.type)
    # A channel that an administrator pinned may not have the route: then its upstream says so.
    wire = wire_of(vendor, x.ask.endpoint) or x.ask.endpoint
    try:
        secret = relay.directory.secret_of(channel)
        body = body_for(x.ask, channel, x.clamp, wire, vendor)
        headers = x.headers if is_native(x, wire) else {}
        call = Call(channel, vendor, secret, wire, body, x.ask.stream, headers, x.served_model)
        x.in_flight = True
        answer = await relay.providers[vendor.protocol].call(call)
    except SecretsLocked as error:
        raise _refused_call(CallFailed("upstream_auth", str(error))) from error
    except RelayError as error:  # this vendor's dialect cannot say it; another one's may
        raise _Refused(error, None, f"{error.code}: {error}", retry=True) from error
    except CallFailed as error:
        raise _refused_call(error) from error
    try:
        return await _look_at(relay, x, answer, wire)
    except CallFailed as error:
        await answer.aclose()
        raise _refused_call(error) from error
    except BaseException:
        await answer.aclose()
        raise


async def _look_at(relay: Relay, x: Exchange, answer: Answer, wire: Endpoint) -> Delivery:
    said = answer.headers
    x.upstream_request_id = (said.get("x-request-id") or said.get("request-id", ""))[:200] or None
    if not 200 <= answer.status < 300:
        content = await _read(answer.body, MAX_ERROR_BYTES, cut=True)
        raise _refused_answer(answer, errors.parse(content), wire)
    dialect = DIALECTS[wire.dialect]
    if answer.is_stream:
        first = await _first_lines(answer.body)
        data = sse.first_data(first)
        if dialect.error_first.match(data):
            raise _refused_answer(answer, errors.parse(data), wire)
        return Delivery(answer, first, wire)
    content = await _read(answer.body, MAX_WHOLE_BYTES)
    passes = wire.dialect == "openai" and is_native(x, wire)
    parsed = await _parsed(content, passes)
    if isinstance(parsed, dict) and parsed.get("error") and not _delivers(parsed, dialect):
        raise _refused_answer(answer, parsed, wire)
    if not is_native(x, wire):
        try:
            content = in_clients_dialect(relay, x, wire, parsed)
        except RelayError as error:
            usage = _usage(parsed, wire)
            raise _Refused(error, answer.status, error.message, True, True, usage) from error
    return Delivery(answer, content, wire, parsed)


async def _parsed(content: bytes, passes: bool) -> Any:
    """Read an answer's JSON; None for none, and for a long one of OpenAI's that only passes."""
    if len(content) <= PARSED_WHOLE_BYTES:
        return errors.parse(content)
    return None if passes else await asyncio.to_thread(errors.parse, content)


def _delivers(parsed: dict[str, Any], dialect: Dialect) -> bool:
    return any(name in parsed for name in dialect.delivers)


async def _read(body: AsyncIterator[bytes], limit: int, *, cut: bool = False) -> bytes:
    pieces, size = [], 0
    async for piece in body:
        pieces.append(piece)
        size += len(piece)
        if size > limit:
            if cut:
                break
            raise CallFailed("upstream_bad_answer", f"the answer is longer than {limit} bytes")
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


async def _first_lines(body: AsyncIterator[bytes]) -> bytes:
    """Read until a first whole line of data is there."""
    first = b""
    async for piece in body:
        first = first + piece if first else piece
        start = first.find(b"data:")
        if (start >= 0 and first.find(b"\n", start) > 0) or len(first) > sse.MAX_LINE:
            return first
    if not first:
        raise CallFailed("upstream_cut", "the stream ended before it began")
    return first


def _refused_call(error: CallFailed) -> _Refused:
    detail = f"{error.code}: {error}"
    return _Refused(errors.of_call(error.code), None, detail, retry=True, worked=error.worked)


def _refused_answer(answer: Answer, parsed: Any, wire: Endpoint) -> _Refused:
    status, said = as_openai(wire, answer.status, parsed)
    error = errors.of_upstream(status, answer.headers, said)
    retry = status not in errors.THE_REQUEST_IS_WRONG
    # Some vendors bill what they refused, and say so.
    usage = _usage(parsed, wire)
    worked = answer.status in costs.GATEWAY_TIMEOUTS
    detail = errors.text_of(parsed)[:300]
    return _Refused(error, answer.status, detail, retry, worked, usage)


def _usage(parsed: Any, wire: Endpoint) -> Usage | None:
    dialect = DIALECTS[wire.dialect]
    report = dialect.find(parsed)
    return dialect.classes(report) if report is not None else None
