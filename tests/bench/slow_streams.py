"""`python -m tests.bench.slow_streams`: many slow streams at once through one worker.

The same streams are read from the upstream directly and through the gateway, one after the other.
Judged are the 99th percentiles of the time to the first byte, whose difference must stay under
50 ms, and the memory of the gateway, which must stay under 300 MB; and as in every benchmark, that
each whole answer is charged once and the books verify. On a machine that does other things the
difference says little.
"""

from __future__ import annotations

import argparse
import asyncio
import resource
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from tests.bench import wire
from tests.bench.gateway import Gateway
from tests.bench.processes import (
    REPOSITORY,
    BenchError,
    Child,
    bare_environment,
    free_port,
    remove,
    wait_for_url,
)

FIRST_S, EVERY_S = 0.5, 1.0
MOST_ADDED_S, MOST_BYTES = 0.050, 300 << 20
DEADLINE_S = 120.0
FILES = 16_384
_REQUEST = (
    "POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n"
    "Content-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
)


class Slow:
    """The slow upstream's process, as the gateway's benchmark expects one."""

    key = "sk-upstream"

    def __init__(self, directory: Path, words: int) -> None:
        self.port = free_port()
        numbers = {"port": self.port, "words": words, "first": FIRST_S, "every": EVERY_S}
        args = [f"--{name}={value}" for name, value in numbers.items()]
        self.child = Child(
            [sys.executable, "-m", "tests.bench.slow_upstream", *args],
            log=directory / "upstream.log",
            cwd=REPOSITORY,
            env=bare_environment(),
        )
        wait_for_url(f"{self.base_url}/", self.child, within_s=20)

    @property
    def base_url(self) -> str:
        """The address that goes before /v1."""
        return f"http://127.0.0.1:{self.port}"


@dataclass
class Run:
    """What came of many streams: seconds to the first byte of each, the most of memory."""

    first_s: list[float] = field(default_factory=list)
    whole: int = 0
    most_open: int = 0
    open: int = 0
    most_bytes: int = 0

    def weigh(self, gateway: Gateway) -> None:
        """Note the gateway's memory; its process has one worker, and the database is another."""
        self.most_bytes = max(self.most_bytes, gateway.child.process.memory_info().rss)

    def percentile_s(self, part: float) -> float:
        """The time to the first byte that this part of them did not exceed."""
        return sorted(self.first_s)[min(int(part * len(self.first_s)), len(self.first_s) - 1)]

    def line(self, name: str) -> str:
        """One line for people."""
        p50, p99 = (self.percentile_s(part) * 1000 for part in (0.5, 0.99))
        shown = f"{name}: {self.whole} whole streams, {self.most_open} at once"
        return f"{shown}; first byte p50 {p50:.1f} ms, p99 {p99:.1f} ms"


async def one(run: Run, port: int, key: str) -> None:
    """Read one stream to its end."""
    body = wire.request_body("stream")
    head = _REQUEST.format(path=wire.PATH, key=key, length=len(body)).encode()
    began = time.perf_counter()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    run.open += 1
    try:
        writer.write(head + body)
        first = await reader.readuntil(b"data:")
        run.first_s.append(time.perf_counter() - began)
        run.most_open = max(run.most_open, run.open)
        await reader.readuntil(wire.DONE)
        run.whole += first.startswith(b"HTTP/1.1 200")
    finally:
        run.open -= 1
        writer.close()


async def many(port: int, key: str, streams: int, ramp_s: float, gateway: Gateway | None) -> Run:
    """Open streams one after the other, evenly over a while, and read all to their ends."""
    run, began = Run(), time.perf_counter()
    async with asyncio.timeout(DEADLINE_S), asyncio.TaskGroup() as tasks:
        for number in range(streams):
            await asyncio.sleep(max(0.0, began + number * ramp_s / streams - time.perf_counter()))
            tasks.create_task(one(run, port, key))
            if gateway is not None and number % 50 == 49:
                run.weigh(gateway)
        if gateway is not None:
            await asyncio.sleep(EVERY_S)
            run.weigh(gateway)
    return run


def measure(streams: int, ramp_s: float) -> list[str]:
    """Measure and print; return what is not as it should be."""
    directory = Path(tempfile.mkdtemp(prefix="slow-streams-"))
    words = min(wire.CONTENT_CHUNKS, int(ramp_s / EVERY_S) + 6)  # all are open together at the end
    children: list[Child] = []
    try:
        upstream = Slow(directory, words)
        children.append(upstream.child)
        gateway = Gateway(directory, upstream)  # type: ignore[arg-type]
        children.append(gateway.child)
        asyncio.run(many(gateway.port, gateway.key, 20, 0.5, None))
        direct = asyncio.run(many(upstream.port, upstream.key, streams, ramp_s, None))
        through = asyncio.run(many(gateway.port, gateway.key, streams, ramp_s, gateway))
        added_s = through.percentile_s(0.99) - direct.percentile_s(0.99)
        print(direct.line("directly"))
        print(through.line("through "))
        print(f"p99 added {added_s * 1000:.1f} ms; memory {through.most_bytes / (1 << 20):.0f} MB")
        print(gateway.check(20 + through.whole))
    finally:
        for child in reversed(children):
            child.stop()
        remove(directory)
    wrong = {
        "not all streams were whole": min(direct.whole, through.whole) != streams,
        "they were not open together": through.most_open < streams,
        "the first byte is late": added_s >= MOST_ADDED_S,
        "too much memory": through.most_bytes >= MOST_BYTES,
    }
    return [text for text, is_so in wrong.items() if is_so]


def main() -> int:
    parser = argparse.ArgumentParser(description="Many slow streams at once in one worker.")
    parser.add_argument("--streams", type=int, default=1_000)
    parser.add_argument("--ramp", type=float, default=10.0, help="seconds until all are open")
    args = parser.parse_args()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FILES if most == resource.RLIM_INFINITY else min(FILES, most)
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))
    try:
        wrong = measure(args.streams, args.ramp)
    except BenchError as error:
        wrong = [str(error)]
    print("missed: " + "; ".join(wrong) if wrong else "as it should be")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
