"""How the ledger scales: `python -m tests.bench.ledger --events 1000000`.

In one run, on the embedded database: how many events a second are recorded through the real books,
how fast they are rebuilt and verified, what a statement needs, how long pages of the log and
dashboards take at 10,000 events and at many, and how much an event takes on disk.
"""

import argparse
import asyncio
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from gateway.collector import tune_collector
from ledger.books import Books
from ledger.clock import Clock
from ledger.embedded import EmbeddedDatabase
from ledger.indexes import INDEXES
from ledger.rebuild import rebuild
from ledger.recount_rollups import verify_rollups
from ledger.store import Store
from ledger.verify import verify
from tests.bench.ledger_data import Month, load
from tests.bench.ledger_queries import Query, dashboard_queries, log_queries
from tests.bench.statement import Measured

SMALL = 10_000
APPENDS, CALLERS, WARM_UP = 30_000, 2_000, 4_000
REPEATS = 12


def say(text: str) -> None:
    """Show progress on one line."""
    print(f"\r  {text:<70}", end="", file=sys.stderr, flush=True)


@dataclass
class Table:
    """The lines of the report, each with its target."""

    failed: int = 0
    lines: list[tuple[str, str, str, str]] = field(default_factory=list)

    def add(self, what: str, value: str, target: str = "", ok: bool | None = None) -> None:
        """Add and show a line; `ok` None means that there is no target."""
        verdict = "" if ok is None else "PASS" if ok else "FAIL"
        self.failed += ok is False
        self.lines.append((what, value, target, verdict))
        print(f"\r{what:<46} {value:>22}  {target:<22} {verdict}", flush=True)


async def appends(url: str, table: Table, count: int) -> None:
    """Record charges through open books, with projections behind, as the gateway does."""
    store = await Store.connect(url, "appends", "pymongo")
    await store.ensure_indexes(INDEXES)
    books = await Books.open(store, Clock())
    month = Month(count + WARM_UP, time.time_ns() // 1_000)
    drafts = [month.draft(number) for number in range(1, count + WARM_UP + 1)]
    await _append_all(books, drafts[:WARM_UP])
    started, cpu = time.monotonic(), time.process_time()
    await _append_all(books, drafts[WARM_UP:])
    durable_s = time.monotonic() - started
    await books.projector.until(books.projector.fed)
    projected_s = time.monotonic() - started
    await books.rollups.until(books.rollups.fed)
    seconds, cpu = time.monotonic() - started, time.process_time() - cpu
    rate = count / seconds
    table.add("recorded and projected", f"{rate:,.0f} events/s", ">= 3,000/s", rate >= 3_000)
    table.add("  durable", f"{count / durable_s:,.0f} events/s")
    table.add("  in the accounts", f"{count / projected_s:,.0f} events/s")
    table.add("  CPU of the recording process", f"{cpu / count * 1e6:,.0f} µs/event")
    await books.close()
    await store.close()


async def _append_all(books: Books, drafts: Iterable[object]) -> None:
    waiting = iter(drafts)

    async def caller() -> None:
        for draft in waiting:
            await books.append(draft)  # type: ignore[arg-type]

    await asyncio.gather(*(caller() for _ in range(CALLERS)))


async def timed(queries: dict[str, Query], repeats: int) -> dict[str, list[float]]:
    """Ask each query so many times and return the milliseconds, in turn, warmed up once."""
    rng, took = random.Random(7), dict[str, list[float]]()
    for name, ask in queries.items():
        await ask(rng)
        took[name] = []
        for _ in range(repeats):
            took[name].append(await ask(rng) * 1_000)
        say(f"asked: {name}")
    return took


def quantile(values: Iterable[float], share: float) -> float:
    """Return the value below which this share lies."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def compare(
    table: Table,
    what: str,
    small: dict[str, list[float]],
    large: dict[str, list[float]],
    small_events: int,
) -> None:
    """Report p50 and p95 of every query and of all, at both sizes."""
    for name, values in large.items():
        pair = (small[name], values)
        value = " -> ".join(f"{quantile(v, 0.5):.0f}/{quantile(v, 0.95):.0f}" for v in pair)
        table.add(f"  {name}", f"{value} ms p50/p95")
    before = quantile((v for values in small.values() for v in values), 0.95)
    after = quantile((v for values in large.values() for v in values), 0.95)
    table.add(f"{what}, p95", f"{after:.1f} ms", "< 50 ms", after < 50)
    times = f"{after / before:.2f} x"
    table.add(f"{what}, p95 against {small_events:,} events", times, "<= 2 x", after <= 2 * before)


def size_of(directory: Path) -> int:
    """Return how many bytes a database's directory holds."""
    return sum(path.stat().st_size for path in directory.rglob("*") if path.is_file())


@dataclass
class Loaded:
    """A database with a month in it."""

    store: Store
    month: Month
    name: str


async def loaded(url: str, events: int) -> Loaded:
    """Make a database with so many events."""
    name = f"month_{events}"
    store = await Store.connect(url, name, "pymongo")
    await store.ensure_indexes(INDEXES)
    month = Month(events, time.time_ns() // 1_000)
    await load(store, month, say)
    return Loaded(store, month, name)


async def checks(table: Table, books: Loaded) -> None:
    """Rebuild and verify, and tell how many events a second that is."""

    async def rate(what: str, work: Awaitable[object], target: float | None) -> object:
        started = time.monotonic()
        result = await work
        speed = books.month.events / (time.monotonic() - started)
        goal = "" if target is None else f">= {target:,.0f}/s"
        table.add(what, f"{speed:,.0f} events/s", goal, None if target is None else speed >= target)
        return result

    def progress(done: int, total: int) -> None:
        say(f"{done} of {total} events")

    await rate("rebuild", rebuild(books.store, progress=progress), 10_000)
    report = await rate("verify", verify(books.store, progress=progress), 10_000)
    assert report.ok, report.lines  # type: ignore[attr-defined]
    faults = await rate("verify the rollups", verify_rollups(books.store), None)
    assert faults == [], faults


def _statement(url: str, database: str) -> Measured:
    """Measure in a small process: what a process starts counts its memory as theirs at first."""
    program = (
        "import sys; from tests.bench.statement import measure; m = measure(*sys.argv[1:]);"
        "print(m.form, m.lines, m.seconds, m.peak_mb)"
    )
    command = [sys.executable, "-c", program, url, database]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    form, lines, seconds, peak_mb = done.stdout.split()[-4:]
    return Measured(form, int(lines), float(seconds), float(peak_mb))


@asynccontextmanager
async def _database() -> AsyncIterator[tuple[str, Path]]:
    with tempfile.TemporaryDirectory() as directory:
        database = EmbeddedDatabase(Path(directory))
        yield await database.start(), Path(directory)
        await database.stop()


async def run(events: int, appended: int, repeats: int, small_events: int = SMALL) -> Table:
    """Measure everything."""
    table = Table()
    async with _database() as (url, _):
        await appends(url, table, appended)
    async with _database() as (url, path):
        before = size_of(path)
        small, large = await loaded(url, small_events), await loaded(url, events)
        grown = (size_of(path) - before) / (events + small_events)
        table.add("growth on disk, indexes and rollups included", f"{grown:,.0f} bytes/event")
        for what, queries in (("log pages", log_queries), ("dashboards", dashboard_queries)):
            asked = [await timed(queries(b.store, b.month), repeats) for b in (small, large)]
            compare(table, what, asked[0], asked[1], small_events)
        await checks(table, large)
        statement = await asyncio.to_thread(_statement, url, large.name)
        memory = f"{statement.peak_mb:.0f} MB, {statement.lines} lines"
        table.add("statement, peak resident", memory, "< 200 MB", statement.peak_mb < 200)
        for books in (small, large):
            await books.store.close()
    print(f"{table.failed} targets missed" if table.failed else "all targets met")
    return table


def main() -> None:
    """Read the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--appends", type=int, default=APPENDS)
    parser.add_argument("--repeats", type=int, default=REPEATS)
    args = parser.parse_args()
    tune_collector()  # as commands and servers do
    sys.exit(bool(asyncio.run(run(args.events, args.appends, args.repeats)).failed))


if __name__ == "__main__":
    main()
