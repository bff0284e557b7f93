"""Every metric, in one table; how they are counted, added up over processes, and written out.

A process counts in plain dictionaries: a count costs well under a microsecond. A snapshot of them
is `{name: {label values: number}}`; a histogram's number is a list: how many fell into each bucket,
then their sum. `merge` makes one snapshot of those of several processes, as the table says.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from prometheus_client import CollectorRegistry
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

COUNTER, GAUGE, HISTOGRAM = "counter", "gauge", "histogram"
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)
FAST = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 30)
COARSE = (0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)
SIZES = (1, 2, 5, 10, 20, 50, 100, 200, 500)
# What a label may be, at most, in one process; later values are counted as "other".
MOST_SERIES = 2_000
PREFIX = "tollgate_"

Labels = tuple[str, ...]
Value = float | list[float]
Snapshot = dict[str, dict[Labels, Value]]


@dataclass(frozen=True, slots=True)
class Row:
    """One metric. `merge` says what a gauge is over several processes: sum, max or min."""

    name: str
    kind: str
    help: str
    labels: Labels = ()
    merge: str = "sum"
    buckets: tuple[float, ...] = ()


TABLE: tuple[Row, ...] = (
    # -- requests, as clients see them
    Row("requests", COUNTER, "Answered requests; 499: the client left.", ("endpoint", "status")),
    Row("request_seconds", HISTOGRAM, "From the whole request to the end of its answer.",
        ("endpoint",), buckets=SECONDS),
    Row("refused", COUNTER, "Relayed requests that got an error, by its code.", ("reason",)),
    Row("open_requests", GAUGE, "Relayed requests that are under way."),
    Row("limit_refusals", COUNTER, "Requests over a limit, by whose and of what.", ("of", "limit")),
    Row("moderated", COUNTER, "Requests that moderation looked at, by what came of it.",
        ("outcome",)),
    Row("moderation_asks", COUNTER, "Questions put to the moderation model."),
    Row("redis_up", GAUGE, "1 while Redis counts the limits of every process here.", merge="min"),
    Row("redis_errors", COUNTER, "Failures to reach Redis; limits are counted alone meanwhile."),
    # -- charges, counted as their events become durable
    Row("charges", COUNTER, "Charges, by how the answer ended.", ("endpoint", "model", "outcome")),
    Row("charged_usd", COUNTER, "What was charged, in USD (approximately; the ledger is exact).",
        ("model",)),
    Row("upstream_cost_usd", COUNTER, "What it cost upstream, in USD, as far as known.",
        ("channel",)),
    Row("tokens", COUNTER, "Usage that was charged for, in disjoint classes.", ("model", "class")),
    Row("first_token_seconds", HISTOGRAM, "From admission to the first token of a stream.",
        ("endpoint",), buckets=SECONDS),
    Row("overhead_seconds", HISTOGRAM, "Of answered requests: before the upstream was asked, and"
        " after it had answered, until the answer ended.", ("endpoint",), buckets=FAST),
    # -- channels
    Row("attempts", COUNTER, "Calls to upstreams, by the status that came back, or none.",
        ("channel", "status")),
    Row("upstream_seconds", HISTOGRAM, "Of answered requests: from asking the first upstream to"
        " the end of the answer, tries in vain included.", ("channel",), buckets=COARSE),
    Row("channel_rest_seconds", GAUGE, "For how long a channel is still left alone.", ("channel",),
        merge="max"),
    Row("channel_rests", COUNTER, "How often a channel began to be left alone, and why.",
        ("channel", "reason")),
    Row("channel_success_rate", GAUGE, "Share of a channel's last requests that succeeded.",
        ("channel",), merge="min"),
    Row("channel_test_ok", GAUGE, "1 when the newest test of a channel succeeded.", ("channel",),
        merge="min"),
    Row("channel_test_seconds", GAUGE, "How long the newest test of a channel took.",
        ("channel",), merge="max"),
    # -- the ledger
    Row("events", COUNTER, "Events recorded.", ("type",)),
    Row("event_batch_size", HISTOGRAM, "Events that became durable together.", buckets=SIZES),
    Row("append_seconds", HISTOGRAM, "From accepting an event to its durability.", buckets=FAST),
    Row("appender_pending", GAUGE, "Events that wait to be recorded or were promised room."),
    Row("appender_stalled_seconds", GAUGE, "For how long the database has taken no events.",
        merge="max"),
    Row("projection_lag_events", GAUGE, "Durable events that are not in the accounts yet."),
    Row("slices", GAUGE, "Accounts that have credit in hand here."),
    Row("slices_usd", GAUGE, "Credit in hand, in USD."),
    Row("spilled_events", GAUGE, "Charges that wait on this disk for the database."),
    Row("spilled_bytes", GAUGE, "Size of the spill on this disk."),
    Row("database_up", GAUGE, "1 while the database answers every process here.", merge="min"),
    Row("disk_free_bytes", GAUGE, "Free bytes on the disk of the data directory.", merge="min"),
    Row("books_fenced", GAUGE, "1 when a process here lost its books to another.", merge="max"),
    Row("unsealed_events", GAUGE, "Events of these processes after the newest seal."),
    Row("seal_number", GAUGE, "Number of the newest seal.", merge="max"),
    Row("audit_ok", GAUGE, "1 when the newest audit found no fault.", merge="min"),
    Row("audit_faults", GAUGE, "Faults that the newest audit found.", merge="max"),
    Row("audit_timestamp_seconds", GAUGE, "When the newest audit was.", merge="max"),
    Row("price_proposals", GAUGE, "Proposed prices that wait for somebody's word.", merge="max"),
    # -- the processes
    # Not "job": that is what Prometheus calls whom it scrapes.
    Row("job_runs", COUNTER, "Turns of periodic jobs.", ("name", "outcome")),
    Row("job_seconds", GAUGE, "How long the last turn of a job took.", ("name",), merge="max"),
    Row("leader", GAUGE, "How many processes here lead the cluster's jobs: 1 or 0."),
    Row("loop_lag_seconds", GAUGE, "How late the busiest loop was lately.", merge="max"),
    Row("resident_bytes", GAUGE, "Memory of the processes that serve."),
    Row("cpu_seconds", COUNTER, "Processor time of the processes that serve."),
    Row("workers", GAUGE, "Processes that serve."),
    Row("worker_restarts", COUNTER, "Workers that ended and were started again."),
    Row("info", GAUGE, "The version that runs.", ("version",), merge="max"),
)  # fmt: skip
ROWS = {row.name: row for row in TABLE}


class Series:
    """The numbers of one metric in one process, by its label values."""

    __slots__ = ("_buckets", "_row", "values")

    def __init__(self, row: Row) -> None:
        self._row = row
        self._buckets = row.buckets
        self.values: dict[Labels, Any] = {}
        if row.kind != GAUGE and not row.labels:
            self.values[()] = self._zero()

    def add(self, labels: Labels = (), amount: float = 1) -> None:
        """Count."""
        try:
            self.values[labels] += amount
        except KeyError:
            self._begin(labels)
            self.add(labels if labels in self.values else self._other(), amount)

    def observe(self, labels: Labels, value: float) -> None:
        """Put a value into a histogram."""
        try:
            found = self.values[labels]
        except KeyError:
            self._begin(labels)
            found = self.values[labels if labels in self.values else self._other()]
        found[bisect_left(self._buckets, value)] += 1
        found[-1] += value

    def put(self, value: float, labels: Labels = ()) -> None:
        """Set a gauge, or a counter that somebody else counts."""
        self.values[labels] = value

    def _begin(self, labels: Labels) -> None:
        self.values.setdefault(
            labels if len(self.values) < MOST_SERIES else self._other(), self._zero()
        )

    def _other(self) -> Labels:
        return ("other",) * len(self._row.labels)

    def _zero(self) -> Value:
        # One bucket more for what is above all bounds, and the sum.
        return [0.0] * (len(self._buckets) + 2) if self._row.kind == HISTOGRAM else 0.0


class Counts:
    """The numbers of one process: `counts["requests"].add(...)`."""

    def __init__(self) -> None:
        self._series = {row.name: Series(row) for row in TABLE}

    def __getitem__(self, name: str) -> Series:
        return self._series[name]

    def snapshot(self) -> Snapshot:
        """Return a copy of all numbers."""
        return {
            name: {labels: _copy(value) for labels, value in series.values.items()}
            for name, series in self._series.items()
        }


def _copy(value: Value) -> Value:
    return list(value) if isinstance(value, list) else value


def cumulative(snapshot: Snapshot) -> Snapshot:
    """Return what must not be forgotten when a process ends: all but the gauges."""
    return {name: series for name, series in snapshot.items() if ROWS[name].kind != GAUGE}


def merge(snapshots: Iterable[Snapshot]) -> Snapshot:
    """Return what several processes have together. Metrics that are not in the table are left."""
    merged: Snapshot = {}
    for snapshot in snapshots:
        for name, series in snapshot.items():
            row = ROWS.get(name)
            if row is None:
                continue
            into = merged.setdefault(name, {})
            for labels, value in series.items():
                found = into.get(labels)
                into[labels] = _copy(value) if found is None else _join(row, found, value)
    return merged


def _join(row: Row, one: Value, other: Value) -> Value:
    if isinstance(one, list) and isinstance(other, list):
        return [a + b for a, b in zip(one, other, strict=True)]
    assert not isinstance(one, list) and not isinstance(other, list)
    if row.kind == GAUGE and row.merge != "sum":
        return max(one, other) if row.merge == "max" else min(one, other)
    return one + other


def render(snapshot: Snapshot, accept: str = "") -> tuple[bytes, str]:
    """Return a snapshot in the format that a scraper accepts, with its content type."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Families(snapshot))
    encode, content_type = choose_encoder(accept)
    text: bytes = encode(registry)
    return text, content_type


class _Families(Collector):
    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot

    def collect(self) -> Iterator[Metric]:
        for row in TABLE:
            family = _FAMILIES[row.kind](PREFIX + row.name, row.help, labels=row.labels)
            for labels, value in sorted(self._snapshot.get(row.name, {}).items()):
                if isinstance(value, list):
                    family.add_metric(labels, *_buckets(row, value))
                else:
                    family.add_metric(labels, value)
            yield family


_FAMILIES: dict[str, Any] = {
    COUNTER: CounterMetricFamily,
    GAUGE: GaugeMetricFamily,
    HISTOGRAM: HistogramMetricFamily,
}


def _buckets(row: Row, value: list[float]) -> tuple[list[tuple[str, float]], float]:
    """Return how many were at most each bound, as the format wants it, and the sum."""
    total, buckets = 0.0, []
    for bound, count in zip((*row.buckets, float("inf")), value, strict=False):
        total += count
        buckets.append(("+Inf" if bound == float("inf") else str(float(bound)), total))
    return buckets, value[-1]
