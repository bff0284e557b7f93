"""`python -m tests.bench.converted`: what a stream costs that is said in another dialect.

Streams of 39 pieces, the books on, in turn: passed through, and on their way between a client of
one dialect and an upstream of another. What counts is the CPU of the gateway's own processes per
stream, and how many times that of a stream that passes it is.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import orjson

from tests.bench import wire
from tests.bench.gateway import Gateway
from tests.bench.load import Plan, Run
from tests.bench.processes import BenchError, FakeUpstream, remove, said_in_words

# A converted stream costs at most so many times the CPU of one that passes.
TARGET = 2.5
_SETTLE_S = 0.5
_CHAT, _MESSAGES, _RESPONSES = wire.PATH, "/v1/messages", "/v1/responses"
_GENERATE = f"/v1beta/models/{wire.MODEL}:streamGenerateContent?alt=sse"
_CLAUDE = "claude-3-5-haiku-20241022"
_TEXT = "Please list the pieces from the first to the last."
_SAID = [{"role": "user", "content": _TEXT}]
_OPENAI = {"stream_options": {"include_usage": True}, "temperature": 0}
_RESPONSE = {"model": wire.MODEL, "input": _TEXT, "stream": True, "store": False}
_CONTENTS = {"contents": [{"role": "user", "parts": [{"text": _TEXT}]}]}
# What the last events of clients' dialects have in them.
_ENDS = (b"[DONE]", b"message_stop", b"response.completed", b"finishReason")


@dataclass(frozen=True, slots=True)
class Way:
    """Who asks whom: a client's path and further fields, a channel type and its model."""

    name: str
    path: str
    more: dict[str, object]
    type: int
    model: str

    def body(self) -> bytes:
        """The client's request."""
        if self.path in (_CHAT, _MESSAGES):
            asked = {"model": self.model, "messages": _SAID, "max_tokens": 64, "stream": True}
            return orjson.dumps({**asked, **self.more})
        return orjson.dumps(self.more)


PASSED = Way("openai on openai (passed on)", _CHAT, _OPENAI, 1, wire.MODEL)
WAYS = (
    PASSED,
    Way("anthropic on anthropic (passed on)", _MESSAGES, {}, 14, _CLAUDE),
    Way("anthropic on openai", _MESSAGES, {}, 1, wire.MODEL),
    Way("responses on anthropic", _RESPONSES, {**_RESPONSE, "model": _CLAUDE}, 14, _CLAUDE),
    Way("gemini on openai", _GENERATE, _CONTENTS, 1, wire.MODEL),
    Way("openai on anthropic", _CHAT, _OPENAI, 14, _CLAUDE),
    Way("openai on gemini", _CHAT, _OPENAI, 24, "gemini-2.0-flash"),
    Way("openai on ollama", _CHAT, _OPENAI, 30, "llama3:latest"),
    Way("openai on cohere", _CHAT, _OPENAI, 35, "command-r-08-2024"),
)


@dataclass(frozen=True, slots=True)
class Asking(Plan):
    """A load of one way."""

    way: Way = PASSED

    def request(self) -> bytes:
        """The request's bytes, the same every time."""
        body = self.way.body()
        head = (
            f"POST {self.way.path} HTTP/1.1\r\nhost: 127.0.0.1:{self.port}\r\n"
            f"authorization: Bearer {self.key}\r\ncontent-type: application/json\r\n"
            f"anthropic-version: 2023-06-01\r\ncontent-length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body


class Streams(Run):
    """A run that judges streams of any dialect by their pieces, in order, and their end."""

    def judge(self, status: int, body: bytes) -> None:
        """Checks one answer. Raises WrongAnswer."""
        if status != 200:
            raise wire.WrongAnswer(f"status {status}: {body[:200].decode(errors='replace')}")
        at = 0
        for piece in wire.PIECES:
            at = body.find(piece.encode(), at)
            if at < 0:
                raise wire.WrongAnswer(f"{piece!r} is missing")
        tail = body[at:]
        if not any(end in tail for end in _ENDS):
            raise wire.WrongAnswer("the stream has no end")


def spent_us(gateway: Gateway, way: Way, requests: int) -> float:
    """CPU of the gateway's own processes per stream, in µs. Raises BenchError."""
    plan = Asking(gateway.port, gateway.key, "stream", requests, way=way)
    before = gateway.read()
    result = asyncio.run(Streams(plan).go())
    time.sleep(_SETTLE_S)  # work that follows an answer counts
    after = gateway.read()
    if result.wrong or result.complete != requests:
        raise BenchError(f"{way.name}: {result.wrong} wrong, for example {result.examples}")
    return (after.cpu_s["gateway"] - before.cpu_s["gateway"]) / requests * 1e6


def measured(directory: Path, requests: int, rounds: int) -> dict[str, list[float]]:
    """Every way in turn, each round anew; µs per stream by the way's name. Raises BenchError."""
    upstream = FakeUpstream(directory, "tests.bench.dialect_upstream")
    try:
        gateway = Gateway(directory, upstream)
        try:
            for type_id, model in sorted({(way.type, way.model) for way in WAYS} - {_first()}):
                gateway.add_channel(upstream, type_id, model)
            found: dict[str, list[float]] = {way.name: [] for way in WAYS}
            for way in WAYS:
                spent_us(gateway, way, max(requests // 5, 40))
            for _ in range(rounds):
                for way in WAYS:
                    found[way.name].append(spent_us(gateway, way, requests))
            gateway.check((max(requests // 5, 40) + rounds * requests) * len(WAYS))
        finally:
            gateway.stop()
    finally:
        upstream.child.stop()
    return found


def _first() -> tuple[int, str]:
    return PASSED.type, PASSED.model  # the gateway of the bench has that channel already


def main(argv: Sequence[str]) -> int:
    """Measures and prints. Exits 1 when an answer was wrong, and with --check above the target."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.converted", description=__doc__)
    parser.add_argument("--requests", type=int, default=500, help="per way and round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--check", action="store_true", help="exit 1 when the target is missed")
    options = parser.parse_args(argv)
    directory = Path(tempfile.mkdtemp(prefix="tollgate-converted-"))
    try:
        with said_in_words():
            found = measured(directory, options.requests, options.rounds)
    finally:
        remove(directory)
    ratios = {
        name: median(us / base for us, base in zip(spent, found[PASSED.name], strict=True))
        for name, spent in found.items()
    }
    print(f"{'client on upstream':36}{'µs per stream':>16}{'lowest':>10}{'highest':>10}  ratio")
    for name, spent in found.items():
        print(f"{name:36}{median(spent):16.0f}{min(spent):10.0f}{max(spent):10.0f}", end="")
        print(f"{ratios[name]:7.2f}")
    return 1 if options.check and max(ratios.values()) > TARGET else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
