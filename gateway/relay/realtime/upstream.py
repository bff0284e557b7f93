"""The upstream's side of a realtime session: a WebSocket to a channel of OpenAI's protocol."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import httpx
from tornado.httpclient import HTTPClientError, HTTPRequest, HTTPResponse
from tornado.httputil import HTTPHeaders
from tornado.websocket import WebSocketClientConnection

from gateway.channels.failure import Failure, of_answer, of_call
from gateway.channels.health import Subject
from gateway.dialects.realtime import INTENT, REALTIME, TRANSCRIBING
from gateway.directory.errors import SecretsLocked
from gateway.providers import sockets
from gateway.providers.openai import authentication, overridden
from gateway.providers.tunnel import Tunnel
from gateway.providers.ways import Way
from gateway.relay import errors
from gateway.relay.attempt import MAX_ERROR_BYTES, Refused, Source
from gateway.relay.context import Exchange, Relay
from gateway.relay.errors import RelayError

PING_S = 20.0
# Speech comes in pieces; whole items may be repeated.
MAX_MESSAGE = 32 << 20
_MANNERS: dict[str, Any] = {
    "ping_interval": PING_S,
    "ping_timeout": PING_S,
    "max_message_size": MAX_MESSAGE,
}


@dataclass(frozen=True, slots=True)
class Upstream:
    """An open connection, and whose it is."""

    socket: WebSocketClientConnection
    source: Source


async def connect(relay: Relay, x: Exchange, tried: Collection[Subject]) -> Upstream:
    """Connect to a session's channel with a key of it that was not tried yet. Raises Refused."""
    channel, watch = x.channel, relay.watch
    assert channel is not None
    vendor = relay.catalogue.vendor(channel.type)
    try:
        secret = relay.directory.secret_of(channel)
        way = relay.ways.of(channel)
    except SecretsLocked as error:
        raise _refused("upstream_auth", str(error), of_call(vendor, "upstream_auth")) from error
    try:
        url = vendor.url(
            channel.base_url, REALTIME.path, REALTIME.task, x.served_model, channel.config
        )
        tunnel = None if way.proxy is None else Tunnel(way.proxy)
    except LookupError as error:
        lacks = Failure(vendor.protocol, vendor.id, None, 501)
        raise _refused("upstream_unreachable", str(error), lacks) from error
    began_s = relay.clock.monotonic_s()
    key = watch.begin(channel, secret, tried, began_s)
    assert key is not None, "a channel whose keys were all tried is not tried again"
    source = Source(channel, vendor, REALTIME, secret, key, began_s)
    try:
        request = _request(x, source, url, way)
        socket = await _connect(relay, source, request, tunnel)
    except Refused:
        raise
    except BaseException:
        watch.abandoned(key, began_s)
        raise
    watch.succeeded(key, began_s)
    return Upstream(socket, source)


def _request(x: Exchange, source: Source, url: str, way: Way) -> HTTPRequest:
    transcribes = x.ask.endpoint is TRANSCRIBING
    named = {"intent": INTENT} if transcribes else {"model": x.served_model}
    asked = httpx.URL(url).copy_merge_params(named)
    scheme = "ws" if asked.scheme == "http" else "wss"
    secret = source.key.secret
    said = dict(authentication(source.vendor, secret))
    headers = HTTPHeaders(said | overridden(source.channel.header_override, secret))
    headers.update(x.headers)
    return HTTPRequest(
        str(asked.copy_with(scheme=scheme)),
        headers=headers,
        connect_timeout=way.connect_s,
        request_timeout=way.connect_s + sockets.HANDSHAKE_S,
    )


async def _connect(
    relay: Relay, source: Source, request: HTTPRequest, tunnel: Tunnel | None
) -> WebSocketClientConnection:
    try:
        return await sockets.opened(request, tunnel, **_MANNERS)
    except HTTPClientError as error:
        if error.response is None or error.code == sockets.NO_ANSWER:
            raise _unreachable(source, error) from error
        raise _answered(relay, source, error.response) from error
    except sockets.BROKEN as error:
        raise _unreachable(source, error) from error


def _unreachable(source: Source, error: Exception) -> Refused:
    code = "upstream_unreachable"
    detail = str(error) or type(error).__name__
    return _refused(code, detail, of_call(source.vendor, code), source)


def _answered(relay: Relay, source: Source, answer: HTTPResponse) -> Refused:
    parsed = errors.parse((answer.body or b"")[:MAX_ERROR_BYTES])
    headers = {name.lower(): value for name, value in answer.headers.items()}
    now_s = relay.clock.now_us() / 1_000_000
    failure = of_answer(source.vendor, answer.code, headers, parsed, now_s)
    error = errors.of_upstream(answer.code, headers, parsed)
    return Refused(error, failure, errors.text_of(parsed), source)


def _refused(code: str, detail: str, failure: Failure, source: Source | None = None) -> Refused:
    error: RelayError = errors.of_call(code)
    return Refused(error, failure, f"{code}: {detail}", source)
