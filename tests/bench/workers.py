"""What a second worker brings: `python -m tests.bench.workers`; as root, on Linux.

Two gateways of the same build are asked in turn, one with a single worker and one with two. To keep
load, upstream and database from being the limit on few cores, each worker gets a small share of one
core (a control group with a quota) and everything else runs free: what is compared is what the
workers get done, not what the machine has left. Every answer is judged, and the books are compared
with all of them.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from statistics import median

import psutil

from tests.bench.gateway import Gateway
from tests.bench.processes import BenchError, FakeUpstream, remove, said_in_words
from tests.bench.rounds import Bench, Cell

AT_LEAST = 1.7
PERIOD_US = 20_000
_V1, _V2 = Path("/sys/fs/cgroup/cpu"), Path("/sys/fs/cgroup")


def limited(share: float, process: psutil.Process) -> Path:
    """Gives a process a share of one core; the control group that it is in. Raises BenchError."""
    quota_us = int(share * PERIOD_US)
    name = f"tollgate-bench-{process.pid}"
    try:
        if (_V1 / "cpu.cfs_quota_us").exists():
            group = _V1 / name
            group.mkdir()
            (group / "cpu.cfs_period_us").write_text(str(PERIOD_US))
            (group / "cpu.cfs_quota_us").write_text(str(quota_us))
        else:
            group = _V2 / name
            group.mkdir()
            (group / "cpu.max").write_text(f"{quota_us} {PERIOD_US}")
        (group / "cgroup.procs").write_text(str(process.pid))
    except OSError as error:
        raise BenchError(f"no control group could be made, which takes root: {error}") from error
    return group


@contextmanager
def gateway_of(
    workers: int, share: float, directory: Path, upstream: FakeUpstream
) -> Iterator[Gateway]:
    """A gateway with so many workers, each with its share."""
    place = directory / str(workers)
    place.mkdir()
    gateway = Gateway(place, upstream, workers=workers)
    gateway.name = f"{workers} worker{'s' if workers > 1 else ''}"
    groups = []
    try:
        groups = [limited(share, process) for process in gateway.workers()]
        if len(groups) != workers:
            raise BenchError(f"{len(groups)} workers were found, not {workers}")
        yield gateway
    finally:
        gateway.stop()
        for group in groups:
            with suppress(OSError):
                group.rmdir()


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.workers", description=__doc__)
    parser.add_argument("--share", type=float, default=0.2, help="of one core, for each worker")
    parser.add_argument("--requests", type=int, default=1500, help="per round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--check", action="store_true", help=f"exit 1 below {AT_LEAST}x")
    return parser.parse_args(argv)


def run(options: argparse.Namespace) -> float:
    """Measures; how many times as much two workers got done. Raises BenchError."""
    rates: dict[str, list[float]] = {}
    with ExitStack() as stack:
        directory = Path(tempfile.mkdtemp(prefix="tollgate-bench-"))
        stack.callback(remove, directory)
        upstream = FakeUpstream(directory)
        stack.callback(upstream.child.stop)
        bench = Bench(upstream)
        gateways = [
            stack.enter_context(gateway_of(n, options.share, directory, upstream)) for n in (1, 2)
        ]
        cell = Cell("chat", options.connections, options.requests)
        for gateway in gateways:
            bench.load(gateway, Cell("chat", options.connections, options.connections * 2))
        for _ in range(options.rounds):
            for gateway in gateways:
                psutil.cpu_percent()
                rate = bench.measure(gateway, cell).load["per_second"]
                rates.setdefault(gateway.name, []).append(rate)
                print(
                    f"{gateway.name}: {rate:,.0f} requests/s, machine busy {psutil.cpu_percent()}%",
                    flush=True,
                )
        for gateway in gateways:
            bench.check(gateway)
            print(f"books: {gateway.name}: {bench.books[gateway.name]}")
    one, two = (median(found) for found in rates.values())
    print(f"{one:,.0f} and {two:,.0f} requests/s: {two / one:.2f}x, at least {AT_LEAST}x wanted")
    return two / one


def main(argv: Sequence[str]) -> int:
    """Runs and prints. Exits 1 when something does not add up."""
    options = parse(argv)
    with said_in_words():
        ratio = run(options)
    return 1 if options.check and ratio < AT_LEAST else 0


if __name__ == "__main__":
    if os.name != "posix":
        sys.exit("bench: control groups are a matter of Linux")
    sys.exit(main(sys.argv[1:]))
