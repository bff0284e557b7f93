"""One attempt of step 3: what is sent upstream, and whether what comes back is an answer.

A good answer is one of which nothing went out yet: a whole body, or a stream whose first lines were
looked at, since some upstreams say 200 and then that they failed.
"""

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from gateway.channels.failure import Failure, of_answer, of_call
from gateway.channels.health import Subject
from gateway.channels.upstream_keys import UpstreamKey
from gateway.dialects.table import SOURCES
from gateway.directory.channels import Channel
from gateway.directory.errors import SecretsLocked
from gateway.directory.vendor import Vendor
from gateway.formats import sse
from gateway.formats.openai import Endpoint
from gateway.formats.usage import Usage
from gateway.media.form import OutgoingForm
from gateway.providers.base import Answer, Call, CallFailed
from gateway.relay import costs, errors, kinds, user_content
from gateway.relay.context import Exchange, Relay
from gateway.relay.errors import RelayError
from gateway.relay.outgoing import body_for
from gateway.relay.passage import as_openai, in_clients_dialect, is_native
from gateway.relay.route import vendor_of, wire_of

MAX_WHOLE_BYTES = 256 << 20
MAX_ERROR_BYTES = 64 << 10
PARSED_WHOLE_BYTES = 64 << 10
_JSON = "application/json"
_NO_TRACE: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Source:
    """Where an attempt goes: a channel as it was then, one of its upstream keys, and since when.

    `secret` is all of the channel's keys, `wire` the endpoint through which its vendor is asked,
    `began_s` seconds of the monotonic clock, `config` the channel's with its secrets.
    """

    channel: Channel
    vendor: Vendor
    wire: Endpoint
    secret: str
    key: UpstreamKey
    began_s: float
    config: Mapping[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Delivery:
    """A good answer: `content` is all of it, or the beginning of a stream.

    `source` is whose answer it is, and `parsed` that answer as JSON, unless it is a stream, long,
    or not JSON. The content is in the client's dialect, that of a stream is not yet. `flows` says
    that the rest is passed on as it comes, though it is no stream of events.
    """

    answer: Answer
    content: bytes
    source: Source
    parsed: Any = None
    flows: bool = False

    @property
    def wire(self) -> Endpoint:
        """The endpoint that answered."""
        return self.source.wire


class Refused(Exception):
    """The upstream did not deliver: what to tell the client, and what failed.

    `source` is None where nothing was begun. `worked` says that the upstream may have begun to work
    on it, `usage` what it reported all the same.
    """

    def __init__(
        self,
        error: RelayError,
        failure: Failure,
        detail: str,
        source: Source | None = None,
        worked: bool = False,
        usage: Usage | None = None,
    ) -> None:
        if source is not None:  # some upstreams quote the key that they refuse
            detail = source.key.hidden_in(detail)
            error.message = source.key.hidden_in(error.message)
        super().__init__(detail)
        self.error = error
        self.failure = failure
        self.detail = detail[:300]
        self.source = source
        self.worked = worked
        self.usage = usage


async def attempt(relay: Relay, x: Exchange, tried: Collection[Subject]) -> Delivery:
    """Send a request to its channel, with a key of it that was not tried yet. Raises Refused.

    Unless it was refused, its channel's health is told how it ended.
    """
    source, body = await _begin(relay, x, tried)
    watch, key = relay.watch, source.key
    try:
        send = _send_in_time if x.patience_s else _send
        delivery = await send(relay, x, source, body)
    except Refused:
        raise
    except BaseException:
        watch.abandoned(key, source.began_s)
        raise
    told = watch.delivers if delivery.answer.is_stream else watch.succeeded
    told(key, source.began_s)
    return delivery


async def _begin(
    relay: Relay, x: Exchange, tried: Collection[Subject]
) -> tuple[Source, bytes | OutgoingForm]:
    channel = x.channel
    assert channel is not None
    vendor = vendor_of(relay, channel, x.ask.model)
    wire = wire_of(vendor, x.ask.endpoint)
    assert wire is not None, "a channel that has no such route is not chosen"
    try:
        secret, config = relay.directory.secret_of(channel), relay.directory.config_of(channel)
        await user_content.fetch(relay, x, wire, vendor)
        body = body_for(x.ask, channel, x.clamp, wire, vendor, x.images)
    except SecretsLocked as error:
        raise _refused_call(CallFailed("upstream_auth", str(error)), vendor) from error
    except RelayError as error:  # this vendor's dialect cannot say it; another one's may
        raise Refused(error, _lacks(vendor), f"{error.code}: {error}") from error
    began_s = relay.clock.monotonic_s()
    x.sent_s = x.sent_s or began_s
    key = relay.watch.begin(channel, secret, tried, began_s)
    assert key is not None, "a channel whose keys were all tried is not tried again"
    return Source(channel, vendor, wire, secret, key, began_s, config), body


async def _send(relay: Relay, x: Exchange, source: Source, body: bytes | OutgoingForm) -> Delivery:
    vendor, wire, secret = source.vendor, source.wire, source.key.secret
    native = is_native(x, wire)
    headers = x.headers if native else {}
    if wire.dialect == "speech" and not x.ask.stream:
        headers = {**headers, "accept": "*/*"}
    sent = (source.channel, vendor, secret, wire, body, x.ask.stream, headers, x.served_model)
    trace = _NO_TRACE if relay.spans is None else relay.spans.attempt(x, vendor)
    call = Call(*sent, x.query if native else "", source.config, trace)
    try:
        x.in_flight = True
        answer = await relay.providers[vendor.protocol].call(call)
    except CallFailed as error:
        raise _refused_call(error, vendor, source) from error
    try:
        return await _look_at(relay, x, answer, source)
    except CallFailed as error:
        await answer.aclose()
        raise _refused_call(error, vendor, source) from error
    except BaseException:
        await answer.aclose()
        raise


async def _send_in_time(
    relay: Relay, x: Exchange, source: Source, body: bytes | OutgoingForm
) -> Delivery:
    """Send what waits for its answer less long than the channel would."""
    try:
        async with asyncio.timeout(x.patience_s):
            return await _send(relay, x, source, body)
    except TimeoutError:
        error = CallFailed("upstream_timeout", f"no answer in {x.patience_s:g} s")
        raise _refused_call(error, source.vendor, source) from None


async def _look_at(relay: Relay, x: Exchange, answer: Answer, source: Source) -> Delivery:
    wire = source.wire
    said = answer.headers
    x.upstream_request_id = (said.get("x-request-id") or said.get("request-id", ""))[:200] or None
    if not 200 <= answer.status < 300:
        content = await _read(answer.body, MAX_ERROR_BYTES, cut=True)
        raise _refused_answer(relay, answer, errors.parse(content), source)
    dialect = SOURCES[wire.dialect]
    if x.ask.stream and not answer.is_stream and x.ask.known is None:
        await kinds.name_stream(answer)
    if answer.is_stream:
        kinds.refuse_stream(x.ask, wire)
        first = await _first_lines(answer.body)
        data = sse.first_data(first)
        if dialect.refuses_first(data, errors.parse):
            raise _refused_answer(relay, answer, errors.parse(data), source)
        if data == b"[DONE]":
            raise CallFailed("upstream_cut", "the stream says only that it is done")
        return Delivery(answer, first, source)
    if wire.dialect == "speech" and not answer.headers.get("content-type", "").startswith(_JSON):
        return Delivery(answer, await _first_piece(answer.body), source, flows=True)
    content = await _read(answer.body, MAX_WHOLE_BYTES)
    passes = wire.dialect == "openai" and is_native(x, wire) and not x.ask.stream
    parsed = await _parsed(content, passes)
    if dialect.refuses(parsed):
        raise _refused_answer(relay, answer, parsed, source)
    kinds.refuse_none(wire, content, parsed)
    if x.ask.stream and x.ask.known is None:
        return Delivery(answer, kinds.as_stream(relay, x, wire, answer, parsed), source)
    if not is_native(x, wire):
        try:
            content, parsed = await in_clients_dialect(relay, x, wire, parsed)
        except RelayError as error:
            raise _unsaid(error, answer.status, parsed, source) from error
    return Delivery(answer, content, source, parsed)


async def _parsed(content: bytes, passes: bool) -> Any:
    """Read an answer's JSON; None for none, and for a long one of OpenAI's that only passes."""
    if len(content) <= PARSED_WHOLE_BYTES:
        return errors.parse(content)
    return None if passes else await asyncio.to_thread(errors.parse, content)


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


async def _first_piece(body: AsyncIterator[bytes]) -> bytes:
    async for piece in body:
        if piece:
            return piece
    raise CallFailed("upstream_cut", "the answer is empty")


async def _first_lines(body: AsyncIterator[bytes]) -> bytes:
    """Read until a first whole line of data is there."""
    first = b""
    async for piece in body:
        first = first + piece if first else piece
        start = first.find(b"data:")
        if (start >= 0 and first.find(b"\n", start) > 0) or len(first) > sse.MAX_LINE:
            return first.removeprefix(sse.BOM)
    if b"data:" not in first:
        raise CallFailed("upstream_cut", "the stream ended before it began")
    return first.removeprefix(sse.BOM)


def _lacks(vendor: Vendor, status: int | None = None) -> Failure:
    """Describe what this vendor cannot do, which says nothing of its channel's health."""
    return Failure(vendor.protocol, vendor.id, status, 501)


def _unsaid(error: RelayError, status: int, parsed: Any, source: Source) -> Refused:
    """Refuse an answer that cannot be said in the client's dialect, or is none."""
    vendor, usage = source.vendor, _usage(parsed, source.wire)
    is_answer = isinstance(parsed, dict)
    failure = (
        _lacks(vendor, status) if is_answer else replace(of_call(vendor, error.code), status=status)
    )
    return Refused(error, failure, error.message, source, worked=True, usage=usage)


def _refused_call(error: CallFailed, vendor: Vendor, source: Source | None = None) -> Refused:
    detail, failure = f"{error.code}: {error}", of_call(vendor, error.code)
    return Refused(errors.of_call(error.code), failure, detail, source, worked=error.worked)


def _refused_answer(relay: Relay, answer: Answer, parsed: Any, source: Source) -> Refused:
    wire, now_s = source.wire, relay.clock.now_us() / 1_000_000
    failure = of_answer(source.vendor, answer.status, answer.headers, parsed, now_s)
    # An error inside a 200 means what it would have been as a status, for the client too.
    means = failure.means if 200 <= answer.status < 300 and failure.means else answer.status
    status, said = as_openai(wire, means, parsed)
    error = errors.of_upstream(status, answer.headers, said)
    # Some vendors bill what they refused, and say so.
    usage = _usage(parsed, wire)
    worked = answer.status in costs.GATEWAY_TIMEOUTS
    return Refused(error, failure, errors.text_of(parsed), source, worked, usage)


def _usage(parsed: Any, wire: Endpoint) -> Usage | None:
    dialect = SOURCES[wire.dialect]
    report = dialect.find(parsed)
    return dialect.classes(report) if report is not None else None
