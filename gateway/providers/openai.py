"""The OpenAI protocol over HTTP, spoken by most vendors; Anthropic's differs from it in what the
catalogue says (paths, headers, how the key is sent).

Bytes go out and come in as they are. Of the client's headers none is passed on but those that its
dialect lists: its Authorization and cookies are not the upstream's business.
"""

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Mapping

import httpx
from multidict import CIMultiDict

from gateway.directory.channels import Channel
from gateway.directory.errors import SecretsLocked
from gateway.directory.overrides import KEY
from gateway.directory.vendor import Vendor
from gateway.providers.base import Answer, Call, CallFailed
from gateway.providers.incoming import Incoming
from gateway.providers.transport import UpstreamTransport, parts_of
from gateway.providers.ways import Way, Ways

MAX_CACHED = 10_000

BROKEN = (httpx.HTTPError, OSError)
# After these nothing was sent.
_NOT_SENT = (httpx.ConnectError, httpx.ProxyError, httpx.LocalProtocolError)

# Nobody asks for an encoding, but some servers in between add one.
_READABLE = frozenset({"identity", "gzip", "x-gzip", "deflate"})

# auth style of the catalogue: (header, what comes before the secret)
_AUTH: dict[str, tuple[str, str] | None] = {
    "bearer": ("authorization", "Bearer "),
    "api-key": ("api-key", ""),
    "x-api-key": ("x-api-key", ""),
    "x-goog-api-key": ("x-goog-api-key", ""),
    "raw": ("authorization", ""),
    "none": None,
}


def authentication(vendor: Vendor, secret: str) -> list[tuple[str, str]]:
    """Return the headers that a vendor wants from whoever asks it, in lower case."""
    auth = _AUTH[vendor.auth] if secret else None
    return [*([(auth[0], auth[1] + secret)] if auth else []), *vendor.headers.items()]


def overridden(override: Mapping[str, str], secret: str) -> dict[str, str]:
    """Return a channel's own headers, with the upstream key where they say so."""
    return {name: text.replace(KEY, secret) for name, text in override.items()}


def way_of(ways: Ways, channel: Channel) -> Way:
    """Return how a channel's requests travel. Raises CallFailed where that is not to be read."""
    try:
        return ways.of(channel)
    except SecretsLocked as error:
        raise CallFailed("upstream_auth", str(error)) from error


class OpenAIProvider:
    """Calls upstreams through a transport, each channel's on its way (ways.py)."""

    def __init__(self, transport: UpstreamTransport, user_agent: str, ways: Ways) -> None:
        self._transport = transport
        self.user_agent = user_agent
        self._ways = ways
        self._urls: dict[tuple[object, ...], str] = {}
        self._known_headers: dict[tuple[int, str, bool], CIMultiDict[str]] = {}

    async def call(self, call: Call) -> Answer:
        """Send a request and return once the head of the answer is there. Raises CallFailed."""
        # The transport adds the host, and the length of bytes.
        body = call.body if isinstance(call.body, bytes) else call.body.pieces()
        sent = (self._url(call), self._headers(call), body or None)
        return await self._send(call.channel, "POST", *sent)

    async def send(self, request: httpx.Request, channel: Channel) -> Answer:
        """Send any request, on its channel's way, and return once the head of the answer is there.

        Raises CallFailed.
        """
        return await self._send(channel, request.method, str(request.url), *parts_of(request))

    async def _send(
        self,
        channel: Channel,
        method: str,
        url: str,
        headers: CIMultiDict[str],
        content: bytes | AsyncIterable[bytes] | None,
    ) -> Answer:
        way = way_of(self._ways, channel)
        asked = self._transport.ask(method, url, headers, content, way)
        deadline = None
        try:
            if not way.total_s:
                found = await asked
            else:
                deadline = asyncio.get_running_loop().time() + way.total_s
                async with asyncio.timeout_at(deadline):
                    found = await asked
        except TimeoutError:
            raise CallFailed("upstream_timeout", f"no answer in {way.total_s} s") from None
        except BROKEN as error:
            raise failure_of(error) from error
        return await self._answer(found, deadline)

    async def _answer(self, found: Incoming, deadline: float | None) -> Answer:
        raw = found.raw_headers
        headers = {n.lower().decode("latin-1"): v.decode("latin-1") for n, v in raw}
        encoding = headers.get("content-encoding", "identity").strip().lower()
        if encoding not in _READABLE:
            await found.aclose()
            raise CallFailed("upstream_bad_answer", f"encoded as {encoding[:40]}, unasked")
        pieces: AsyncIterator[bytes] = found.__aiter__()
        if encoding != "identity":
            pieces = httpx.Response(found.status, headers=raw, stream=found).aiter_bytes()
        return Answer(found.status, headers, _Guarded(pieces, deadline), found)

    def _url(self, call: Call) -> str:
        channel, endpoint = call.channel, call.endpoint
        key: tuple[object, ...] = (channel.type, channel.base_url, endpoint.path, call.query)
        if call.vendor.has_templates:
            key = (*key, call.model, channel.id, channel.changed_us)
        url = self._urls.get(key)
        if url is None:
            try:
                text = call.vendor.url(
                    channel.base_url, endpoint.path, endpoint.task, call.model, channel.config
                )
                rest = f"{'&' if '?' in text else '?'}{call.query}" if call.query else ""
                url = str(httpx.URL(text + rest))
            except (LookupError, httpx.InvalidURL) as error:
                raise CallFailed("upstream_unreachable", str(error)) from None
            if len(self._urls) >= MAX_CACHED:
                self._urls.clear()
            self._urls[key] = url
        return url

    def _headers(self, call: Call) -> CIMultiDict[str]:
        key = (call.vendor.id, call.secret, call.stream)
        known = self._known_headers.get(key)
        if known is None:
            if len(self._known_headers) >= MAX_CACHED:
                self._known_headers.clear()
            known = self._known_headers[key] = CIMultiDict(self._new_headers(call))
        override = overridden(call.channel.header_override, call.secret)
        if not isinstance(call.body, bytes):
            length = {"content-length": str(call.body.length)}
            form = {"content-type": call.body.content_type, "accept": "*/*", **length}
            return _joined(known, form, call.headers, call.trace, override)
        if not call.headers and not override and not call.trace:
            return known
        return _joined(known, call.headers, call.trace, override)

    def _new_headers(self, call: Call) -> list[tuple[str, str]]:
        return [
            ("content-type", "application/json"),
            ("accept", "text/event-stream" if call.stream else "application/json"),
            ("accept-encoding", "identity"),
            ("user-agent", self.user_agent),
            *authentication(call.vendor, call.secret),
        ]


def _joined(*parts: Mapping[str, str]) -> CIMultiDict[str]:
    """Return headers of which later ones take the place of earlier ones."""
    joined: CIMultiDict[str] = CIMultiDict()
    for part in parts:
        joined.update(part)
    return joined


def failure_of(error: Exception) -> CallFailed:
    """Describe what the transport raised before there was the head of an answer."""
    code = "upstream_timeout" if "imeout" in str(error) else "upstream_unreachable"
    worked = not isinstance(error, _NOT_SENT)
    return CallFailed(code, str(error) or type(error).__name__, worked=worked)


class _Guarded:
    """Passes pieces on, turning every way in which they can stop early into CallFailed.

    No generator: a loop keeps account of each of those, which costs more than most pieces.
    """

    __slots__ = ("_deadline", "_pieces")

    def __init__(self, pieces: AsyncIterator[bytes], deadline: float | None) -> None:
        self._pieces = pieces
        self._deadline = deadline

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        try:
            if self._deadline is None:
                return await anext(self._pieces)
            async with asyncio.timeout_at(self._deadline):
                return await anext(self._pieces)
        except TimeoutError:
            raise CallFailed("upstream_timeout", "the whole answer took too long") from None
        except httpx.TimeoutException as error:
            raise CallFailed("upstream_timeout", str(error)) from error
        except BROKEN as error:
            raise CallFailed("upstream_cut", str(error) or type(error).__name__) from error
