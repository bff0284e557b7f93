"""`tollgate ledger statement`, `balance` and `export`, run as people run them."""

import asyncio
import csv
import io
import json
import os
import pty
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import openpyxl
import pytest

from ledger.books import Books
from ledger.clock import Clock
from ledger.indexes import INDEXES
from ledger.store import Store
from tests.forks import ROOT, Forks
from tests.ledger.drafts import charge, recharge

LATE_US = 1_700_000_000_000_000
Run = Callable[..., "subprocess.CompletedProcess[bytes]"]
pytestmark = pytest.mark.database


async def keep_books(store: Store) -> None:
    """A back-dated recharge of 1 USD and three charges, in this order."""
    await store.ensure_indexes(INDEXES)
    await store.insert_one("keys", {"_id": 7, "user_id": 1, "hash": "x", "changed_us": 0})
    books = await Books.open(store, Clock())
    await books.record(replace(recharge("a", "user:1", 10**9), at_us=LATE_US))
    for n in range(3):
        await books.append(charge(f"r{n}", n + 1, held=()), books.place())
    await books.close()


@pytest.fixture
def ledger(
    forks: Forks, tmp_path: Path, database_url: str, database_name: str, mongo_driver: str
) -> Iterator[Run]:
    """`tollgate ledger …` on books, in a directory of its own."""

    async def prepare() -> None:
        store = await Store.connect(database_url, database_name, mongo_driver)
        await keep_books(store)
        await store.close()

    async def remove() -> None:
        store = await Store.connect(database_url, database_name, mongo_driver)
        await store.drop_database()
        await store.close()

    asyncio.run(prepare())
    environ = {"MONGO_URL": database_url, "MONGO_DB": database_name, "MONGO_DRIVER": mongo_driver}
    environ |= {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}

    def run(*args: str, **options: object) -> "subprocess.CompletedProcess[bytes]":
        command = [sys.executable, "-m", "gateway.cli", "ledger", *args]
        if not options:
            return forks.run(command[3:], tmp_path, environ)
        given = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
        return subprocess.run(command, cwd=tmp_path, env=environ, timeout=60, check=False, **given)

    yield run
    asyncio.run(remove())


def table(output: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(output.decode())))


def test_a_statement_is_a_table(ledger: Run) -> None:
    done = ledger("statement", "user:1")
    assert (done.returncode, done.stderr) == (0, b"")
    rows = table(done.stdout)
    assert [row["line"] for row in rows] == [
        "opening",
        *["event"] * 4,
        *["total"] * 2,
        "closing",
    ]
    assert [row["balance"] for row in rows[:5]] == [
        "0",
        "1",
        "0.999999",
        "0.999997",
        "0.999994",
    ]
    assert rows[1]["effective"] == "2023-11-14T22:13:20.000000Z" < rows[1]["time"]
    balance = ledger("balance", "user:1").stdout.decode().split()
    assert balance == ["user:1", rows[-1]["balance"]]


def test_periods_groups_and_the_time_of_effect(ledger: Run) -> None:
    rows = table(ledger("statement", "user:1").stdout)
    cut = rows[3]["time"]
    early = table(ledger("statement", "user:1", "--to", cut).stdout)
    late = table(ledger("statement", "user:1", "--from", cut).stdout)
    assert early[-1]["balance"] == late[0]["balance"] == "0.999999"
    in_effect = table(
        ledger("statement", "user:1", "--by", "at", "--to", "2024-01-01", "--format", "csv").stdout
    )
    assert [row["event"] for row in in_effect if row["line"] == "event"] == ["recharge:test:a"]
    known = table(ledger("statement", "user:1", "--known-at", rows[2]["time"]).stdout)
    assert known[-1]["balance"] == "0.999999"
    grouped = ledger("statement", "key:7", "--group", "model", "--format", "jsonl").stdout
    groups = [json.loads(line) for line in grouped.splitlines()]
    assert [(g["line"], g["group"], g["count"], g["amount"]) for g in groups] == [
        ("opening", None, None, None),
        ("group", "test-model", 3, "-0.000006"),
        ("closing", None, None, None),
    ]


def test_balances_at_a_time(ledger: Run) -> None:
    rows = table(ledger("statement", "user:1").stdout)

    def balance(*args: str) -> str:
        return ledger("balance", "user:1", *args).stdout.decode().split()[1]

    assert balance("--at", "2024-01-01") == "1"
    assert balance("--known-at", "2024-01-01") == "0"
    assert balance("--known-at", rows[2]["time"]) == "0.999999"
    assert balance("--at", "2024-01-01", "--known-at", rows[2]["time"]) == "1"
    assert balance("--at", "2030-01-01") == "0.999994"


def test_workbooks(ledger: Run, tmp_path: Path) -> None:
    for command in (("statement", "user:1"), ("export", "--account", "user:1")):
        target = tmp_path / "book.xlsx"
        done = ledger(*command, "--format", "xlsx", "--output", str(target))
        assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
        sheet = openpyxl.load_workbook(target).worksheets[0]
        names, *rows = sheet.iter_rows(values_only=True)
        shown = [dict(zip(names, row, strict=True)) for row in rows]
        assert sum(1 for row in shown if row["amount_usd"] is not None) == 4
        assert [path.name for path in tmp_path.iterdir()] == ["book.xlsx"]
        piped = ledger(*command, "--format", "xlsx").stdout
        assert openpyxl.load_workbook(io.BytesIO(piped)).worksheets[0].max_row == len(rows) + 1
    assert ledger("export", "--format", "xlsx", "--output", "/dev/null").returncode == 0
    refused = ledger("statement", "user:1", "--format", "xlsx", "--output", str(tmp_path))
    assert refused.returncode == 1 and refused.stderr.startswith(b"tollgate: ")


def test_a_workbook_is_not_written_to_a_terminal(ledger: Run) -> None:
    leader, terminal = pty.openpty()
    try:
        done = ledger("statement", "user:1", "--format", "xlsx", stdout=terminal)
    finally:
        os.close(leader)
        os.close(terminal)
    assert done.returncode == 2 and b"--output" in done.stderr


WRONG = (
    (("statement",), 2, b"ACCOUNT"),
    (("statement", "bob"), 2, b"user:42"),
    (("statement", "user:1", "--group", "mood"), 2, b"mood"),
    (("statement", "user:1", "--from", "soon"), 2, b"soon"),
    (("statement", "user:1", "--from", "2026-01-02", "--to", "2026-01-01"), 1, b"ends before"),
    (("balance", "user:1", "--at", "soon"), 2, b"soon"),
)


def test_what_is_wrong_is_named(ledger: Run) -> None:
    for args, status, named in WRONG:
        done = ledger(*args)
        assert done.returncode == status and named in done.stderr, done.stderr
        assert done.stdout == b""
