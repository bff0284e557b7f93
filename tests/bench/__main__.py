"""`python -m tests.bench`: measures the gateway with its books on, and a peer if PEER names one."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import orjson

from tests.bench.gateway import Gateway
from tests.bench.litellm import LiteLLM
from tests.bench.processes import (
    FakeUpstream,
    Reading,
    read_meter,
    remove,
    said_in_words,
)
from tests.bench.report import Report
from tests.bench.rounds import Bench, Cell, Memory, Subject, memory_run, run_rounds

_PEERS = {"litellm": LiteLLM}
_QUICK = {"requests": 1000, "rounds": 1, "peer_requests": 100, "skip_memory": True}


class Floor:
    """The fake upstream asked directly: what load and upstream allow at best."""

    name = "floor"

    def __init__(self, upstream: FakeUpstream) -> None:
        self._upstream = upstream
        self.port = upstream.port
        self.key = upstream.key

    def read(self) -> Reading:
        """CPU and memory of the upstream."""
        return read_meter(self._upstream.child, lambda _process: "upstream")

    def check(self, answered: int) -> str:
        """Nothing stands between: there is nothing to compare."""
        return f"{answered} complete answers"

    def stop(self) -> None:
        """The upstream is ended by its owner."""


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """The command line. `--quick` sets what is not given by hand."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--requests", type=int, default=4000, help="per load and round")
    parser.add_argument("--peer-requests", type=int, default=400, help="the same, for the peer")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--memory-requests", type=int, default=50_000)
    parser.add_argument("--skip-memory", action="store_true")
    parser.add_argument("--skip-gateway", action="store_true", help="only the floor and the peer")
    parser.add_argument("--quick", action="store_true", help="one short round, no memory run")
    parser.add_argument("--check", action="store_true", help="exit 1 when a target is missed")
    parser.add_argument("--json", type=Path, help="also write the numbers to this file")
    parser.add_argument("--peer", choices=sorted(_PEERS), default=os.environ.get("PEER") or None)
    if "--quick" in argv:
        parser.set_defaults(**_QUICK)
    options = parser.parse_args(argv)
    if options.peer not in (None, *_PEERS):
        parser.error(f"PEER is {options.peer!r}; known: {', '.join(sorted(_PEERS))}")
    return options


def cells(requests: int, connections: int) -> list[Cell]:
    """The loads of one round: both kinds under concurrency, and one client alone."""
    alone = max(requests // 8, 20)
    return [
        Cell("chat", connections, requests),
        Cell("stream", connections, requests),
        Cell("chat", 1, alone),
    ]


def run(options: argparse.Namespace) -> Report:
    """Everything that was asked for. Raises BenchError when a result must not be believed."""
    memory: Memory | None = None
    idle_mib: float | None = None
    with ExitStack() as stack:
        directory = stack.enter_context(_directory())
        upstream = FakeUpstream(directory)
        stack.callback(upstream.child.stop)
        bench = Bench(upstream)
        ours = cells(options.requests, options.connections)
        run_rounds(bench, [(Floor(upstream), ours)], 1)
        subjects: list[tuple[Subject, list[Cell]]] = []
        if not options.skip_gateway:
            gateway = Gateway(directory, upstream)
            stack.callback(gateway.stop)
            subjects.append((gateway, ours))
            idle_mib = gateway.read().rss_bytes["gateway"] / 2**20
        if options.peer:
            peer = _PEERS[options.peer](directory, upstream)
            stack.callback(peer.stop)
            subjects.append((peer, cells(options.peer_requests, options.connections)))
        run_rounds(bench, subjects, options.rounds)
        if not (options.skip_memory or options.skip_gateway):
            print(f"memory over {options.memory_requests:,} requests", flush=True)
            memory = memory_run(bench, gateway, options.memory_requests, options.connections)
            bench.check(gateway)
    return Report(bench, memory, idle_mib)


@contextmanager
def _directory() -> Iterator[Path]:
    directory = Path(tempfile.mkdtemp(prefix="tollgate-bench-"))
    try:
        yield directory
    finally:
        remove(directory)


def main(argv: Sequence[str]) -> int:
    """Runs and prints. Exits 1 without numbers when something does not add up."""
    options = parse(argv)
    with said_in_words():
        report = run(options)
    print("\n" + report.text())
    if options.json:
        options.json.write_bytes(orjson.dumps(report.data(), option=orjson.OPT_INDENT_2))
    return 1 if options.check and report.missed() else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
