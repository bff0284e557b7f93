"""How much memory and time a statement of many rows takes, as a process of its own.

`python -m tests.bench.statement --rows N` makes N charges to one account in an embedded database
and writes its statement in each format; `measure` is for books that are there already.
"""

import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from ledger.embedded import EmbeddedDatabase
from ledger.indexes import INDEXES
from ledger.projector import project, save_position
from ledger.store import Store
from ledger.writers import Writer
from tests.ledger.drafts import charge

ACCOUNT = "user:1"
FORMATS = ("csv", "jsonl", "xlsx")
BATCH = 1_000
EVERY_US = 1_000


@dataclass(frozen=True)
class Measured:
    """One statement: what was written, how long it took, and the most memory it had."""

    form: str
    lines: int
    seconds: float
    peak_mb: float

    def __str__(self) -> str:
        return (
            f"statement {self.form:<5} {self.lines} lines in {self.seconds:.1f} s"
            f" ({self.lines / self.seconds:.0f}/s), peak resident {self.peak_mb:.0f} MB"
        )


def measure(
    url: str, database: str, account: str = ACCOUNT, *, form: str = "csv", group: str | None = None
) -> Measured:
    """Run `tollgate ledger statement` on books that are there and watch it."""
    with tempfile.TemporaryDirectory() as directory:
        target = Path(directory) / f"statement.{form}"
        command = [sys.executable, "-m", "gateway.cli", "ledger", "statement", account]
        command += ["--format", form, "--output", str(target)]
        command += ["--group", group] if group else []
        environ = {**os.environ, "MONGO_URL": url, "MONGO_DB": database}
        started = time.monotonic()
        process = subprocess.Popen(command, env=environ, cwd=Path(__file__).parents[2])
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.monotonic() - started
        if process.returncode:
            raise RuntimeError(f"the statement failed with status {process.returncode}")
        return Measured(form, _lines(target), seconds, usage.ru_maxrss / 1024)


def _lines(path: Path) -> int:
    if path.suffix == ".xlsx":
        import openpyxl

        book = openpyxl.load_workbook(path, read_only=True)
        count = sum(sheet.max_row or 0 for sheet in book.worksheets)
        book.close()
        return count
    with path.open("rb") as file:
        return sum(1 for _ in file)


async def plant(store: Store, rows: int) -> None:
    """Record charges to one account, straight into the store."""
    await store.ensure_indexes(INDEXES)
    await store.insert_one("writers", {"_id": 1, "epoch": 1, "released": True})
    writer, marks = Writer(1, 1, 1, "0" * 64, 0), dict[str, int]()
    start_us = time.time_ns() // 1_000 - rows * EVERY_US
    for first in range(0, rows, BATCH):
        numbers = range(first, min(first + BATCH, rows))
        drafts = [charge(f"bench-{n}", n % 5_000, held=(ACCOUNT,)) for n in numbers]
        events = [
            writer.number(draft, 1, "0" * 32, start_us + n * EVERY_US)
            for n, draft in zip(numbers, drafts, strict=True)
        ]
        await store.insert_events(events)
        await project(store, 1, events, marks)
    await save_position(store, 1, rows)


async def _run(rows: int, forms: list[str]) -> None:
    with tempfile.TemporaryDirectory() as directory:
        database = EmbeddedDatabase(Path(directory))
        url = await database.start()
        try:
            store = await Store.connect(url, "bench", "pymongo")
            await plant(store, rows)
            await store.close()
            for form in forms:
                print(await asyncio.to_thread(measure, url, "bench", form=form), flush=True)
            day = await asyncio.to_thread(measure, url, "bench", group="day")
            print(f"by day: {day}")
        finally:
            await database.stop()


def main() -> None:
    """Read the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--format", choices=FORMATS, action="append")
    args = parser.parse_args()
    asyncio.run(_run(args.rows, args.format or list(FORMATS)))


if __name__ == "__main__":
    main()
