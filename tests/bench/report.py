"""The printed report and its JSON twin. Every number is a median over rounds, with its range."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

from tests.bench.rounds import Bench, Cell, Memory, Sample

_BOTH = "both"


@dataclass(frozen=True, slots=True)
class Target:
    """A bound on the gateway process's CPU, and on the peer's multiple of it."""

    kind: str
    at_most_us: float
    peer_at_least: float


TARGETS = (Target("chat", 500.0, 14.0), Target("stream", 700.0, 45.0))
# What the gateway adds to a request of one client alone, durable receipt included, in ms.
ADDED_P50_MS, ADDED_P99_MS = 2.0, 10.0
IDLE_MB = 90.0
# What the process may grow over the memory run.
GROWTH_MIB = 5.0


def machine() -> dict[str, Any]:
    """What the numbers were measured on."""
    model = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = [x for x in info.read_text().splitlines() if x.startswith("model name")]
        model = names[0].split(":", 1)[1].strip() if names else model
    return {
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None,
        "cpu": model,
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "load_average": [round(value, 2) for value in os.getloadavg()],
    }


@dataclass(frozen=True, slots=True)
class Ratio:
    """How many times the peer's CPU is the gateway's alone, and with its database's."""

    cell: Cell
    gateway: float
    both: float


class Report:
    """Medians over the samples of one run, by subject and cell."""

    def __init__(self, bench: Bench, memory: Memory | None, idle_mib: float | None = None) -> None:
        """`idle_mib` is what the gateway's process has resident before the first request."""
        self.bench = bench
        self.memory = memory
        self.idle_mib = idle_mib
        self._groups: dict[tuple[str, str], list[Sample]] = {}
        for sample in bench.samples:
            self._groups.setdefault((sample.subject, sample.cell.label), []).append(sample)

    def text(self) -> str:
        """The whole report for people."""
        parts = [self._heading(), _table(_COLUMNS, map(self._row, self._groups.values()))]
        parts += [self._books(), self._ratios(), self._memory(), self._targets()]
        return "\n\n".join(part for part in parts if part)

    def data(self) -> dict[str, Any]:
        """The same as JSON values, every sample included."""
        memory = self.memory
        return {
            "machine": machine(),
            "medians": {
                subject: {
                    label: {"cpu_us": self._cpu_medians(group), "rounds": len(group)}
                    for (name, label), group in self._groups.items()
                    if name == subject
                }
                for subject, _ in self._groups
            },
            "ratios": [asdict(ratio) for ratio in self.ratios()],
            "books": self.bench.books,
            "memory": memory and {"points": memory.points, "slope_kib_per_1000": _slopes(memory)},
            "samples": [asdict(sample) for sample in self.bench.samples],
            "idle_mib": self.idle_mib,
            "missed_targets": self.missed(),
        }

    def ratios(self) -> list[Ratio]:
        """The peer's CPU over the gateway's, per load; empty without a peer."""
        found = []
        for (subject, label), group in self._groups.items():
            if subject == "litellm" and ("tollgate", label) in self._groups:
                ours = self._cpu_medians(self._groups[("tollgate", label)])
                peer = self._cpu_medians(group)["gateway"]
                ratio = Ratio(group[0].cell, peer / ours["gateway"], peer / ours[_BOTH])
                found.append(ratio)
        return found

    def missed(self) -> list[str]:
        """The targets that this run did not meet, one line each."""
        return [line for met, line in self._judged() if not met]

    def _cpu_medians(self, group: list[Sample]) -> dict[str, float]:
        parts = {part: [s.cpu_us[part] for s in group] for part in group[0].cpu_us}
        parts[_BOTH] = [sum(sample.cpu_us.values()) for sample in group]
        return {part: median(values) for part, values in parts.items()}

    def _heading(self) -> str:
        m = machine()
        rounds = max(len(group) for group in self._groups.values())
        return (
            f"{m['cores']} cores ({m['cpu']}), {m['system']}, Python {m['python']}, "
            f"load average {m['load_average'][0]}; median of {rounds} rounds (lowest-highest)\n"
            "CPU in µs per request; latency in ms as clients saw it; memory in MiB"
        )

    def _row(self, group: list[Sample]) -> list[str]:
        own = "gateway" if "gateway" in group[0].cpu_us else next(iter(group[0].cpu_us))
        return [
            group[0].subject,
            group[0].cell.label,
            _spread(s.cpu_us[own] for s in group),
            _spread(s.cpu_us["database"] for s in group if "database" in s.cpu_us),
            _middle(group, lambda s: s.load["per_second"]),
            _middle(group, lambda s: s.load["first_ms"]["p50"], 1),
            _middle(group, lambda s: s.load["total_ms"]["p50"], 1),
            _middle(group, lambda s: s.load["total_ms"]["p99"], 1),
            _middle(group, lambda s: s.rss_mib[own]),
            _middle([s for s in group if "database" in s.rss_mib], lambda s: s.rss_mib["database"]),
        ]

    def _books(self) -> str:
        return "\n".join(f"books: {name}: {line}" for name, line in self.bench.books.items())

    def _ratios(self) -> str:
        return "\n".join(
            f"litellm / tollgate, {r.cell.label}: {r.gateway:.1f}x the gateway's CPU, "
            f"{r.both:.1f}x the gateway's and its database's together"
            for r in self.ratios()
        )

    def _memory(self) -> str:
        if self.memory is None:
            return ""
        (_, start), (count, end) = self.memory.points[0], self.memory.points[-1]
        slopes = _slopes(self.memory)
        return "\n".join(
            f"memory over {count:,} requests, {part}: {start[part]:.1f} MiB at first, "
            f"{end[part]:.1f} at last, {slopes[part]:+.1f} KiB per 1,000 requests"
            for part in start
        )

    def _targets(self) -> str:
        return "\n".join(f"{'met' if met else 'MISSED'}: {line}" for met, line in self._judged())

    def _judged(self) -> list[tuple[bool, str]]:
        judged = []
        ratios = {ratio.cell.label: ratio for ratio in self.ratios()}
        for target in TARGETS:
            for (subject, label), group in self._groups.items():
                cell = group[0].cell
                if subject != "tollgate" or cell.kind != target.kind or cell.connections == 1:
                    continue
                cost = self._cpu_medians(group)["gateway"]
                text = f"{label}: {cost:.0f} µs CPU in the gateway, at most {target.at_most_us:.0f}"
                judged.append((cost <= target.at_most_us, text))
                if label in ratios:
                    times = ratios[label].gateway
                    text = f"{label}: {times:.1f}x less than litellm, at least"
                    text += f" {target.peer_at_least:.0f}x"
                    judged.append((times >= target.peer_at_least, text))
        return [*judged, *self._added(), *self._kept()]

    def _added(self) -> Iterable[tuple[bool, str]]:
        """What the gateway adds for one client alone: its times less those of the floor."""
        ours, floor = (self._groups.get((name, "chat, 1 conn")) for name in ("tollgate", "floor"))
        if ours is None or floor is None:
            return
        for name, most_ms in (("p50", ADDED_P50_MS), ("p99", ADDED_P99_MS)):
            times = [median(s.load["total_ms"][name] for s in group) for group in (ours, floor)]
            added_ms = times[0] - times[1]
            yield (
                added_ms < most_ms,
                f"{name} of one client: {added_ms:.1f} ms added, at most {most_ms}",
            )

    def _kept(self) -> Iterable[tuple[bool, str]]:
        """What the gateway's process keeps in memory, idle and after many requests."""
        if self.idle_mib is not None:
            idle_mb = self.idle_mib * 2**20 / 1e6
            yield idle_mb < IDLE_MB, f"idle: {idle_mb:.1f} MB resident, at most {IDLE_MB:.0f}"
        if self.memory is not None:
            first, last = (self.memory.points[at][1]["gateway"] for at in (0, -1))
            text = f"memory: {last - first:+.1f} MiB over all requests, at most {GROWTH_MIB:.0f}"
            yield last - first < GROWTH_MIB, text


_COLUMNS = (
    "subject",
    "load",
    "CPU own",
    "CPU database",
    "req/s",
    "first p50",
    "p50",
    "p99",
    "RSS own",
    "RSS database",
)


def _slopes(memory: Memory) -> dict[str, float]:
    return {part: round(memory.slope_kib(part), 2) for part in memory.points[0][1]}


def _spread(values: Iterable[float]) -> str:
    found = list(values)
    if not found:
        return ""
    return f"{median(found):.0f} ({min(found):.0f}-{max(found):.0f})"


def _middle(group: Sequence[Sample], of: Callable[[Sample], float], digits: int = 0) -> str:
    return f"{median(of(sample) for sample in group):.{digits}f}" if group else ""


def _table(columns: Sequence[str], rows: Iterable[list[str]]) -> str:
    lines = [list(columns), *rows]
    widths = [max(len(line[i]) for line in lines) for i in range(len(columns))]
    named = 2  # the first columns are words, the rest numbers

    def aligned(line: Sequence[str]) -> Iterable[str]:
        for column, (cell, width) in enumerate(zip(line, widths, strict=True)):
            yield cell.ljust(width) if column < named else cell.rjust(width)

    return "\n".join("  ".join(aligned(line)).rstrip() for line in lines)
