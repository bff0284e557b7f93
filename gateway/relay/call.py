"""Step 3, call: send the request upstream, and elsewhere when that is worth a second try.

What comes back is an answer of which nothing went out yet: a whole body, or a stream whose first
lines were looked at, since some upstreams say 200 and then that they failed.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from gateway.directory.errors import SecretsLocked
from gateway.formats import sse
from gateway.formats import usage as usages
from gateway.formats.usage import Usage
from gateway.providers.base import Answer, Call, CallFailed
from gateway.relay import costs, errors, reserve
from gateway.relay.context import Exchange, Relay
from gateway.relay.errors import RelayError
from gateway.relay.outgoing import outgoing_body
from gateway.relay.route import another
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

    `parsed` is the content as JSON unless it is a stream, long, or not JSON.
    """

    answer: Answer
    content: bytes
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
    try:
        secret = relay.directory.secret_of(channel)
        body = outgoing_body(x.ask, channel, x.clamp)
        call = Call(channel, vendor, secret, x.ask.endpoint, body, x.ask.stream)
        x.in_flight = True
        answer = await relay.providers[vendor.protocol].call(call)
    except SecretsLocked as error:
        raise _refused_call(CallFailed("upstream_auth", str(error))) from error
    except CallFailed as error:
        raise _refused_call(error) from error
    try:
        return await _look_at(x, answer)
    except CallFailed as error:
        await answer.aclose()
        raise _refused_call(error) from error
    except BaseException:
        await answer.aclose()
        raise


async def _look_at(x: Exchange, answer: Answer) -> Delivery:
    x.upstream_request_id = answer.headers.get("x-request-id", "")[:200] or None
    if not 200 <= answer.status < 300:
        content = await _read(answer.body, MAX_ERROR_BYTES, cut=True)
        raise _refused_answer(answer, errors.parse(content))
    if answer.is_stream:
        first = await _first_lines(answer.body)
        data = sse.first_data(first)
        if sse.is_error(data):
            raise _refused_answer(answer, errors.parse(data))
        return Delivery(answer, first)
    content = await _read(answer.body, MAX_WHOLE_BYTES)
    parsed = errors.parse(content) if len(content) <= PARSED_WHOLE_BYTES else None
    if isinstance(parsed, dict) and parsed.get("error") and not _delivers(parsed):
        raise _refused_answer(answer, parsed)
    return Delivery(answer, content, parsed)


def _delivers(parsed: dict[str, Any]) -> bool:
    return "choices" in parsed or "data" in parsed


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


def _refused_answer(answer: Answer, parsed: Any) -> _Refused:
    error = errors.of_upstream(answer.status, answer.headers, parsed)
    retry = answer.status not in errors.THE_REQUEST_IS_WRONG
    # Some vendors bill what they refused, and say so.
    report = usages.find(parsed)
    usage = usages.classes(report) if report is not None else None
    worked = answer.status in costs.GATEWAY_TIMEOUTS
    detail = errors.text_of(parsed)[:300]
    return _Refused(error, answer.status, detail, retry, worked, usage)
