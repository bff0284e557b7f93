"""What a fault is, and how its bytes are made."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from tests.fakes.raw import Line, Play, Request
from tests.gateway.relay.faults.answers import Good, chunked, stream_head

Pieces = Callable[[Good], list[bytes]]


class Ends(NamedTuple):
    """How it ends: for the client, and in the books (usage_source and outcome, or nothing)."""

    client: str
    books: str


@dataclass(frozen=True)
class Fault:
    """One thing that an upstream does wrong.

    `pieces` are the bytes that it writes, one by one; `end` what it does then: "keep" the
    connection, "close", "reset", or "hang". `whole` and `stream` are how a request for a whole
    answer and for a stream ends, None where it makes no sense; `but` how it ends where a dialect
    makes a difference, by the upstream's protocol, with "whole " or "stream " before it, or by the
    way from one dialect to another, like "stream messages>chat". `slow` says that it ends only
    because the gateway's patience does.
    """

    name: str
    says: str
    pieces: Pieces
    end: str = "keep"
    whole: Ends | None = None
    stream: Ends | None = None
    but: Mapping[str, Ends] = field(default_factory=dict)
    slow: bool = False
    upstreams: tuple[str, ...] = ("chat", "anthropic", "gemini", "responses")

    def ends(self, client: str, upstream: str, stream: bool) -> Ends | None:
        """Return how it ends on this way, None where it makes no sense."""
        usual = self.stream if stream else self.whole
        kind = "stream" if stream else "whole"
        if usual is None or upstream not in self.upstreams:
            return None
        for name in (f"{kind} {client}>{upstream}", f"{kind} {upstream}", upstream):
            if name in self.but:
                return self.but[name]
        return usual

    def play(self) -> Play:
        """Return what does it."""

        async def play(line: Line, request: Request) -> bool:
            await line.write(*self.pieces(asked(request)))
            if self.end == "hang":
                await line.hang()
            elif self.end == "reset":
                line.reset()
            return self.end == "keep"

        return play


def asked(request: Request) -> Good:
    """Return the good answer to a request."""
    path = request.path
    if "/models/" in path:
        return Good.of("gemini", "alt=sse" in path)
    marks = {"/messages": "anthropic", "/responses": "responses", "/completions": "chat"}
    upstream = next(name for mark, name in marks.items() if path.endswith(mark))
    return Good.of(upstream, b'"stream":true' in request.body.replace(b" ", b""))


def frames(change: Callable[[Good], list[bytes]]) -> Pieces:
    """Write a stream of these frames, to its proper end."""
    return lambda good: [stream_head(), *chunked(*change(good))]


def broken_off(change: Callable[[Good], list[bytes]]) -> Pieces:
    """Write a stream of these frames, but not its end."""
    return lambda good: [stream_head(), *chunked(*change(good), last=False)]
