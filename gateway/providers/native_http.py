"""Carries the protocols that have a file of their own over HTTP. What the relay gets is JSON, or
server-sent events of JSON, however the vendor frames them."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from functools import partial

import httpx

from gateway.formats import sse
from gateway.providers import aws_frames
from gateway.providers.asking import AWS, LINES, WHOLE, Asking, Means
from gateway.providers.base import Answer, Call, CallFailed
from gateway.providers.openai import OpenAIProvider, overridden, way_of
from gateway.providers.tokens import Tokens
from gateway.providers.transport import UpstreamTransport
from gateway.providers.ways import Ways

MAX_LINE = 32 << 20
# Of a stream's beginning, so much may be white space.
_MAX_BLANK = 4_096
_STREAM = {"content-type": "text/event-stream"}


class NativeProvider(OpenAIProvider):
    """Calls the upstreams of one protocol."""

    def __init__(
        self,
        asking: Asking,
        transport: UpstreamTransport,
        user_agent: str,
        ways: Ways,
        now_s: Callable[[], float],
    ) -> None:
        super().__init__(transport, user_agent, ways)
        self._asking = asking
        self._means = Means(self.send, now_s, Tokens(now_s), partial(way_of, ways))

    async def call(self, call: Call) -> Answer:
        """Send a request and return once the head of the answer is there. Raises CallFailed."""
        asking, means = self._asking, self._means
        try:
            url = httpx.URL(await asking.address(call, means))
        except (LookupError, httpx.InvalidURL) as error:
            raise CallFailed("upstream_unreachable", str(error), worked=False) from None
        headers = {
            "content-type": "application/json",
            "accept": _STREAM["content-type"] if call.stream else "application/json",
            "accept-encoding": "identity",
            "user-agent": self.user_agent,
            **await asking.headers(call, means),
            **call.trace,
            **overridden(call.channel.header_override, call.secret),
        }
        body = httpx.ByteStream(asking.sent(call))
        request = httpx.Request("POST", url, headers=headers, stream=body)
        answer = await asking.exchange(request, call, means)
        unframe = _FRAMINGS.get(asking.framing)
        if unframe is not None and call.stream and 200 <= answer.status < 300:
            try:
                await unframe(answer)
            except BaseException:
                await answer.aclose()
                raise
        return answer


async def _as_events(answer: Answer) -> None:
    """Make lines of JSON an answer of events; what does not begin like JSON stays as it is."""
    body, first = answer.body, b""
    async for piece in body:
        first += piece
        if first.strip() or len(first) > _MAX_BLANK:
            break
    if first.lstrip().startswith(b"{"):
        answer.headers = {**answer.headers, **_STREAM}
        answer.body = _events(first, body)
    else:
        answer.body = _joined(first, body)


async def _joined(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    if first:
        yield first
    async for piece in rest:
        yield piece


async def _events(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Yield each line as an event. Raises CallFailed for one without an end."""
    lines = sse.Lines(MAX_LINE)
    async for piece in _joined(first, rest):
        whole = lines.feed(piece)
        if lines.overflowing:
            raise CallFailed("upstream_bad_answer", f"a line of more than {MAX_LINE} bytes")
        if framed := _framed(whole):
            yield framed
    if last := _framed(lines.rest()):
        yield last


def _framed(lines: bytes) -> bytes:
    """Write objects as events; what is none is passed over."""
    # Only line feeds part lines: JSON may hold other separators.
    stripped = (line.strip() for line in lines.split(b"\n"))
    return b"".join(b"data: " + line + b"\n\n" for line in stripped if _is_object(line))


def _is_object(line: bytes) -> bool:
    return line.startswith(b"{") and line.endswith(b"}")


async def _as_one_event(answer: Answer) -> None:
    """Make an answer that comes whole one of a single event; what is no object stays as it is."""
    content = b""
    async for piece in answer.body:
        content += piece
        if len(content) > MAX_LINE:
            raise CallFailed("upstream_bad_answer", f"an answer of more than {MAX_LINE} bytes")
    # Outside of its texts JSON may hold line ends, inside it holds none.
    line = content.replace(b"\r", b" ").replace(b"\n", b" ").strip()
    if _is_object(line):
        answer.headers = {**answer.headers, **_STREAM}
        content = b"data: " + line + b"\n\n"
    answer.body = _joined(content, _nothing())


async def _nothing() -> AsyncIterator[bytes]:
    return
    yield b""


# How what is no stream of events becomes one, by a protocol's framing.
_FRAMINGS: Mapping[str, Callable[[Answer], Awaitable[None]]] = {
    LINES: _as_events,
    AWS: aws_frames.as_events,
    WHOLE: _as_one_event,
}
