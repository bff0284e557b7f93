"""The load generator: keep-alive connections that ask, read every answer to its end and judge it.

Run as `python -m tests.bench.load --port N --key K --kind chat|stream --requests N`; it prints one
JSON object. Each connection asks again as soon as its answer is complete (a closed loop), so
latencies are those under as many requests at a time as there are connections. The run is bounded
in number and in time.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from dataclasses import asdict, dataclass, field
from typing import cast

import orjson

from tests.bench import wire
from tests.bench.answers import Head

_MAX_EXAMPLES = 5


@dataclass(frozen=True, slots=True)
class Plan:
    """What to ask, of whom, how often; `deadline_s` bounds the whole run."""

    port: int
    key: str
    kind: str = "chat"
    requests: int = 1000
    connections: int = 32
    deadline_s: float = 300.0

    def request(self) -> bytes:
        """The request's bytes, the same every time."""
        body = wire.request_body(self.kind)
        head = (
            f"POST {wire.PATH} HTTP/1.1\r\nhost: 127.0.0.1:{self.port}\r\n"
            f"authorization: Bearer {self.key}\r\ncontent-type: application/json\r\n"
            f"accept: */*\r\nuser-agent: bench\r\ncontent-length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body


@dataclass(slots=True)
class Tally:
    """What came back. Latencies are in seconds; `first_s` ends at the first event of a stream, or
    at the first byte of an answer that is not streamed."""

    asked: int = 0
    complete: int = 0
    wrong: int = 0
    examples: list[str] = field(default_factory=list)
    total_s: list[float] = field(default_factory=list)
    first_s: list[float] = field(default_factory=list)

    def fault(self, message: str) -> None:
        """Counts a wrong answer and keeps the first few descriptions."""
        self.wrong += 1
        if len(self.examples) < _MAX_EXAMPLES:
            self.examples.append(message)


@dataclass(frozen=True, slots=True)
class Result:
    """A run's outcome, as printed. Latencies in milliseconds."""

    kind: str
    connections: int
    asked: int
    complete: int
    wrong: int
    examples: list[str]
    seconds: float
    per_second: float
    total_ms: dict[str, float]
    first_ms: dict[str, float]


class Connection(asyncio.Protocol):
    """One client: asks, reads, judges, asks again."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._reset()

    def _reset(self) -> None:
        self._waiting = False
        self._got = bytearray()
        self._first = 0.0
        self._head: Head | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._ask()

    def _ask(self) -> None:
        self._reset()
        if not self._run.take():
            self._transport.close()
            return
        self._waiting = True
        self._started = time.perf_counter()
        self._transport.write(self._run.request)

    def data_received(self, data: bytes) -> None:
        now = time.perf_counter()
        self._got += data
        if not self._first and self._run.begins(data):
            self._first = now
        try:
            answer = self._whole()
        except (wire.WrongAnswer, ValueError) as error:
            self._finish(str(error), close=True)
            return
        if answer is not None and self._head is not None:
            self._judge(self._head, answer, now)

    def _whole(self) -> bytes | None:
        """The body when all of it is there. Raises WrongAnswer for bytes that belong to nothing."""
        if not self._waiting:
            raise wire.WrongAnswer("bytes came that nobody asked for")
        if self._head is None:
            self._head = Head.read(self._got)
        return None if self._head is None else self._head.body(self._got)

    def _judge(self, head: Head, body: bytes, now: float) -> None:
        tally = self._run.tally
        try:
            self._run.judge(head.status, body)
        except wire.WrongAnswer as error:
            self._finish(str(error), close=head.close)
            return
        tally.complete += 1
        tally.total_s.append(now - self._started)
        tally.first_s.append((self._first or now) - self._started)
        self._finish(None, close=head.close)

    def _finish(self, fault: str | None, *, close: bool) -> None:
        if fault is not None:
            self._run.tally.fault(fault)
        self._waiting = False
        if close:
            self._transport.close()
        else:
            self._ask()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._waiting:
            self._run.tally.fault(f"the connection was lost in mid-answer ({exc})")
        self._run.lost()


class Run:
    """One bounded run over all its connections."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.request = plan.request()
        self.tally = Tally()
        self._needle = b"data:" if plan.kind == "stream" else b""
        self._lost = asyncio.Event()
        self._open = 0

    def take(self) -> bool:
        """Whether one more request is to be asked; counts it."""
        if self.tally.asked >= self.plan.requests:
            return False
        self.tally.asked += 1
        return True

    def begins(self, data: bytes) -> bool:
        """Whether these bytes are (or hold) the beginning of what the client waits for."""
        return self._needle in data

    def judge(self, status: int, body: bytes) -> None:
        """Checks one answer. Raises WrongAnswer."""
        wire.judge(self.plan.kind, status, body)

    def lost(self) -> None:
        """A connection has gone; wakes the run, which replaces it or ends."""
        self._open -= 1
        self._lost.set()

    async def go(self) -> Result:
        """Runs to the end or the deadline. Raises OSError when nobody listens."""
        started = time.perf_counter()
        try:
            async with asyncio.timeout(self.plan.deadline_s):
                await self._keep_open()
        except TimeoutError:
            self.tally.fault(f"not finished after {self.plan.deadline_s:.0f} s")
        return self._result(time.perf_counter() - started)

    async def _keep_open(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            while self._open < self.plan.connections and self.tally.asked < self.plan.requests:
                self._open += 1
                await loop.create_connection(lambda: Connection(self), "127.0.0.1", self.plan.port)
            if not self._open:
                return
            await self._lost.wait()
            self._lost.clear()

    def _result(self, seconds: float) -> Result:
        t = self.tally
        unanswered = t.asked - t.complete - t.wrong
        return Result(
            kind=self.plan.kind,
            connections=self.plan.connections,
            asked=t.asked,
            complete=t.complete,
            wrong=t.wrong + max(unanswered, 0),
            examples=t.examples,
            seconds=round(seconds, 4),
            per_second=round(t.complete / seconds, 1),
            total_ms=quantiles_ms(t.total_s),
            first_ms=quantiles_ms(t.first_s),
        )


def quantiles_ms(seconds: list[float]) -> dict[str, float]:
    """p50, p99 and the maximum in milliseconds (nearest rank); empty where there is nothing."""
    if not seconds:
        return {}
    ranked = sorted(seconds)
    last = len(ranked) - 1
    ranks = {"p50": round(last * 0.5), "p99": round(last * 0.99), "max": last}
    return {name: round(ranked[rank] * 1000, 3) for name, rank in ranks.items()}


def main() -> int:
    parser = argparse.ArgumentParser(description="Load for the benchmark; prints JSON.")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--key", required=True)
    parser.add_argument("--kind", choices=wire.KINDS, default="chat")
    parser.add_argument("--requests", type=int, default=1000)
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--deadline-s", type=float, default=300.0)
    result = asyncio.run(_run(Plan(**vars(parser.parse_args()))))
    print(orjson.dumps(asdict(result)).decode())
    return 0 if result.wrong == 0 else 1


async def _run(plan: Plan) -> Result:
    return await Run(plan).go()


if __name__ == "__main__":
    sys.exit(main())
