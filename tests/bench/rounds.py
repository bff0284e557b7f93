"""The measurement itself: alternating rounds over the subjects, then memory over many requests."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from tests.bench.load import Plan
from tests.bench.processes import BenchError, FakeUpstream, Reading, run_load

_SETTLE_S = 0.5  # work that follows an answer (projections) still counts towards its cost
_SLICES = 10
_CHORES_S, _MANY = 130.0, 10_000
_MIB = 2**20


class Subject(Protocol):
    """Something that relays, and whose cost can be read."""

    name: str
    port: int
    key: str

    def read(self) -> Reading: ...
    def check(self, answered: int) -> str: ...
    def stop(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Cell:
    """One kind of load: what is asked, how often, over how many connections."""

    kind: str
    connections: int
    requests: int

    @property
    def label(self) -> str:
        return f"{self.kind}, {self.connections} conn"


@dataclass(frozen=True, slots=True)
class Sample:
    """One cell of one round. CPU in microseconds per request, by part; memory in MiB after it."""

    subject: str
    cell: Cell
    cpu_us: dict[str, float]
    rss_mib: dict[str, float]
    load: dict[str, Any]


@dataclass(slots=True)
class Bench:
    """A run: one upstream, the answers each subject gave so far, and the samples taken."""

    upstream: FakeUpstream
    answered: dict[str, int] = field(default_factory=dict)
    samples: list[Sample] = field(default_factory=list)
    books: dict[str, str] = field(default_factory=dict)

    def load(self, subject: Subject, cell: Cell) -> dict[str, Any]:
        """Asks; every answer is complete, and the upstream was asked exactly as often."""
        before = self.upstream.served()
        plan = Plan(subject.port, subject.key, cell.kind, cell.requests, cell.connections)
        result = run_load(plan)
        asked = self.upstream.served() - before
        if asked != cell.requests:
            raise BenchError(f"{cell.requests} answers, but the upstream was asked {asked} times")
        self.answered[subject.name] = self.answered.get(subject.name, 0) + cell.requests
        return result

    def measure(self, subject: Subject, cell: Cell) -> Sample:
        """One cell with its cost. Raises BenchError when a measured process came or went."""
        before = subject.read()
        result = self.load(subject, cell)
        time.sleep(_SETTLE_S)
        after = subject.read()
        if before.pids != after.pids:
            raise BenchError(f"{subject.name}: its processes changed while it was measured")
        sample = Sample(
            subject.name,
            cell,
            {p: (s - before.cpu_s[p]) / cell.requests * 1e6 for p, s in after.cpu_s.items()},
            {p: rss / _MIB for p, rss in after.rss_bytes.items()},
            result,
        )
        self.samples.append(sample)
        return sample

    def check(self, subject: Subject) -> None:
        """The books against the answers so far. Raises BenchError."""
        self.books[subject.name] = subject.check(self.answered.get(subject.name, 0))


@dataclass(frozen=True, slots=True)
class Memory:
    """Resident memory over many requests: points of (requests so far, MiB by part)."""

    points: list[tuple[int, dict[str, float]]]

    def slope_kib(self, part: str) -> float:
        """Growth in KiB per 1,000 requests: the least-squares line through the points."""
        xs = [count / 1000 for count, _ in self.points]
        ys = [rss[part] * 1024 for _, rss in self.points]
        x_mean, y_mean = sum(xs) / len(xs), sum(ys) / len(ys)
        spread = sum((x - x_mean) ** 2 for x in xs)
        across = sum((x - x_mean) * (y - y_mean) for x, y in zip(xs, ys, strict=True))
        return across / spread if spread else 0.0


def memory_run(bench: Bench, subject: Subject, requests: int, connections: int) -> Memory:
    """Sends the requests in slices, streams and plain in turn, and reads memory after each.

    Before the first, load runs until the chores of a minute (audit, seal) had a minute's events.
    """
    each = max(requests // _SLICES, 1)
    until_s = time.monotonic() + _CHORES_S
    while requests > _MANY and time.monotonic() < until_s:
        bench.load(subject, Cell("chat", connections, each))
    points = [(0, _rss_mib(subject))]
    for number in range(_SLICES):
        kind = "stream" if number % 2 else "chat"
        bench.load(subject, Cell(kind, connections, each))
        points.append(((number + 1) * each, _rss_mib(subject)))
    return Memory(points)


def _rss_mib(subject: Subject) -> dict[str, float]:
    return {part: rss / _MIB for part, rss in subject.read().rss_bytes.items()}


def run_rounds(
    bench: Bench, subjects: Sequence[tuple[Subject, Sequence[Cell]]], rounds: int
) -> None:
    """Warms every subject up, then measures them in turn; the books are checked after each turn."""
    for subject, cells in subjects:
        for cell in cells:
            bench.load(subject, Cell(cell.kind, cell.connections, max(cell.requests // 10, 32)))
    for number in range(rounds):
        for subject, cells in subjects:
            print(f"round {number + 1} of {rounds}: {subject.name}", flush=True)
            for cell in cells:
                bench.measure(subject, cell)
            bench.check(subject)
