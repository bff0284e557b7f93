"""`python -m tests.bench.profile`: where a request's CPU time goes inside the gateway.

Under the same load as the benchmark, after a warm-up, and with the books checked at the end.
"""

from __future__ import annotations

import argparse
import pstats
import signal
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.bench import wire
from tests.bench.gateway import Gateway
from tests.bench.parts import LEDGER
from tests.bench.parts import names as part_names
from tests.bench.processes import BenchError, FakeUpstream, remove
from tests.bench.rounds import Bench, Cell
from tests.bench.stacks import counted, put_apart, watched
from tests.waiting import until_sync

_WRITTEN_S = 30.0


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.profile", description=__doc__)
    parser.add_argument("--kind", choices=wire.KINDS, default="chat")
    parser.add_argument("--requests", type=int, default=4000)
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--top", type=int, default=40, help="lines to print of each list")
    parser.add_argument("--mode", choices=("sample", "calls"), default="sample")
    parser.add_argument("--keep", type=Path, help="copy the profiler's own file here")
    return parser.parse_args(argv)


def profile(options: argparse.Namespace, directory: Path) -> tuple[Path, float]:
    """Runs the load under the profiler: its file, and the gateway's CPU time in µs per request.

    Raises BenchError.
    """
    out = directory / "profile.out"
    upstream = FakeUpstream(directory)
    try:
        by_calls = [sys.executable, "-m", "tests.bench.calls", str(out)]
        launcher = by_calls if options.mode == "calls" else None
        gateway = Gateway(directory, upstream, launcher=launcher)
        try:
            bench = Bench(upstream)
            bench.load(gateway, Cell(options.kind, options.connections, 500))
            with _profiled(gateway, options.mode, out):
                sample = bench.measure(
                    gateway, Cell(options.kind, options.connections, options.requests)
                )
            bench.check(gateway)
        finally:
            gateway.stop()
    finally:
        upstream.child.stop()
    spent = ", ".join(f"{part} {cost:.0f} µs" for part, cost in sample.cpu_us.items())
    print(f"{options.kind}, {options.requests} requests, profiler included: {spent}\n")
    return out, sample.cpu_us["gateway"]


@contextmanager
def _profiled(gateway: Gateway, mode: str, out: Path) -> Iterator[None]:
    if mode == "sample":
        put_apart(gateway.child.process)
        with watched(gateway.child.process.pid, out):
            yield
        return
    gateway.child.signal(signal.SIGUSR2)
    yield
    gateway.child.signal(signal.SIGUSR2)
    until_sync(out.exists, _WRITTEN_S, "the profiler wrote something")


def print_samples(out: Path, gateway_us: float, top: int) -> None:
    """The sampled functions and lines, in microseconds of CPU per request."""
    report = counted(out.read_text().splitlines())
    each = gateway_us / max(report["samples"], 1)
    print(f"{report['samples']} samples")
    print_parts(report["parts"], each)
    functions = report["functions"]
    by_self = sorted(functions, key=lambda row: -row[1])
    _print("function itself", ((own * each, name) for name, own, _ in by_self[:top]))
    _print("function and all it calls", ((total * each, n) for n, _, total in functions[: 2 * top]))
    _print("line", ((count * each, name) for name, count in report["lines"][:top]))


def print_parts(parts: dict[str, int], each: float) -> None:
    """What each part of a request costs in µs, with the books' share of the whole."""
    whole = sum(parts.values()) or 1
    print("\nµs per request  share  part")
    for name in part_names():
        count = parts.get(name, 0)
        print(f"{count * each:14.1f}  {100 * count / whole:4.1f}%  {name}")
    books = sum(parts.get(name, 0) for name in LEDGER)
    of = ", ".join(LEDGER)
    print(f"{books * each:14.1f}  {100 * books / whole:4.1f}%  of these the books: {of}")


def _print(title: str, rows: Iterable[tuple[float, str]]) -> None:
    print(f"\nµs per request  {title}")
    for cost, name in rows:
        print(f"{cost:14.1f}  {name}")


def main(argv: Sequence[str]) -> int:
    """Profiles and prints. Exits 1 when the run itself was not right."""
    options = parse(argv)
    directory = Path(tempfile.mkdtemp(prefix="tollgate-profile-"))
    try:
        out, gateway_us = profile(options, directory)
        if options.keep:
            options.keep.write_bytes(out.read_bytes())
        if options.mode == "sample":
            print_samples(out, gateway_us, options.top)
        else:
            pstats.Stats(str(out)).sort_stats("tottime").print_stats(options.top)
    except BenchError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    finally:
        remove(directory)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
