"""What every provider gives the relay: an answer that may still be on its way."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import httpx

from gateway.directory.channels import Channel
from gateway.directory.vendor import Vendor
from gateway.formats.openai import Endpoint


class Closes(Protocol):
    """Something that ends an upstream connection."""

    async def aclose(self) -> None: ...


@dataclass(slots=True)
class Answer:
    """An upstream's answer: its status and headers are here, its body is read from `body`."""

    status: int
    headers: Mapping[str, str]
    body: AsyncIterator[bytes]
    closes: Closes | None = None

    @property
    def is_stream(self) -> bool:
        """Whether the body is server-sent events."""
        return self.headers.get("content-type", "").startswith("text/event-stream")

    async def aclose(self) -> None:
        """Let go of the connection; one that was not read to its end is closed."""
        if self.closes is not None:
            try:
                await self.closes.aclose()
            except httpx.HTTPError:
                return  # it was closed by the other side already


_AFTER_SENDING = frozenset({"upstream_timeout", "upstream_cut", "upstream_bad_answer"})


class CallFailed(Exception):
    """No answer, or no more of it.

    `code` is one of the relay's table of errors; the message is for the operator, not for clients:
    it may name the upstream's address. `worked` says that the request was sent, so that the
    upstream may have worked on it, and may bill it.
    """

    def __init__(self, code: str, message: str, *, worked: bool | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.worked = code in _AFTER_SENDING if worked is None else worked


class Streamed(Protocol):
    """A body that is sent piece by piece; `length` in bytes. Each attempt has its pieces anew."""

    length: int
    content_type: str

    def pieces(self) -> AsyncIterator[bytes]: ...


@dataclass(slots=True)
class Call:
    """One attempt: what to send where. `body` is ready to be sent, `headers` are further ones in
    lower case, `model` is the upstream's name for it, which some protocols have in the address.
    `query` is what the address has behind "?", of few kinds (gateway/relay/query.py). `config` is
    the channel's with its secrets, `trace` headers for the upstream's traces."""

    channel: Channel
    vendor: Vendor
    secret: str
    endpoint: Endpoint
    body: bytes | Streamed
    stream: bool
    headers: Mapping[str, str] = field(default_factory=dict)
    model: str = ""
    query: str = ""
    config: Mapping[str, Any] = field(default_factory=dict)
    trace: Mapping[str, str] = field(default_factory=dict)


class Provider(Protocol):
    """Speaks one protocol."""

    async def call(self, call: Call) -> Answer:
        """Send a request and return once the head of the answer is there. Raises CallFailed."""
        ...


@runtime_checkable
class Sender(Protocol):
    """A provider whose upstreams take any request over HTTP."""

    user_agent: str

    async def send(self, request: httpx.Request, channel: Channel) -> Answer:
        """Send a request and return once the head of the answer is there. Raises CallFailed."""
        ...
