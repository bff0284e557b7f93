"""The command line, run as people run it: a process of its own, its output and its exit status."""

import asyncio
import csv
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from gateway import __version__
from ledger.accounts import balance_nano, read
from ledger.balances import exact_balances
from ledger.books import Books
from ledger.clock import Clock
from ledger.embedded import EmbeddedDatabase
from ledger.indexes import INDEXES
from ledger.store import Store
from tests.forks import ROOT, Forks, text_of
from tests.ledger.drafts import charge, recharge


@dataclass
class Tollgate:
    """Runs `tollgate` in a directory of its own with nothing set but what a test sets."""

    forks: Forks
    cwd: Path
    environ: dict[str, str]

    def __call__(self, *args: str, **environ: str) -> "subprocess.CompletedProcess[str]":
        return text_of(self.forks.run(args, self.cwd, self.environ | environ))


@pytest.fixture
def tollgate(forks: Forks, tmp_path: Path, mongo_driver: str) -> Tollgate:
    return Tollgate(forks, tmp_path, {"MONGO_DRIVER": mongo_driver})


async def keep_books(store: Store) -> None:
    """Record 1 USD for user 1, two for user 12, and three charges to user 1."""
    await store.ensure_indexes(INDEXES)
    books = await Books.open(store, Clock())
    await books.record(recharge("a", "user:1", 10**9))
    await books.record(recharge("b", "user:12", 2 * 10**9))
    for n in range(3):
        await books.append(charge(f"r{n}", 5, held=()), books.place())
    await books.close()


@asynccontextmanager
async def embedded(data_dir: Path, driver: str) -> AsyncIterator[Store]:
    database = EmbeddedDatabase(data_dir)
    store = await Store.connect(await database.start(), "tollgate", driver)
    try:
        yield store
    finally:
        await store.close()
        await database.stop()


@pytest.fixture
def served(tollgate: Tollgate, database_url: str, database_name: str) -> Iterator[Tollgate]:
    """A command line whose MONGO_URL leads to books."""

    async def prepare() -> Store:
        store = await Store.connect(database_url, database_name)
        await keep_books(store)
        await store.close()
        return store

    async def remove() -> None:
        store = await Store.connect(database_url, database_name)
        await store.drop_database()
        await store.close()

    asyncio.run(prepare())
    tollgate.environ |= {"MONGO_URL": database_url, "MONGO_DB": database_name}
    yield tollgate
    asyncio.run(remove())


async def change(url: str, name: str, amount_nano: int) -> None:
    store = await Store.connect(url, name)
    await store.update_one("events", {"_id": "usage:r1"}, {"$set": {"amount": amount_nano}})
    await store.close()


# -- parsing ------------------------------------------------------------------------------------


def test_version_by_a_process_that_starts_on_its_own(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "gateway.cli", "--version"]
    environ = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        command, cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, f"tollgate {__version__}\n", "")


def test_help_names_every_command(tollgate: Tollgate) -> None:
    done = tollgate("--help")
    assert done.returncode == 0
    assert all(word in done.stdout for word in ("serve", "ledger", "--version"))


def test_help_of_serve_is_the_table_of_settings(tollgate: Tollgate) -> None:
    shown = tollgate("serve", "--help").stdout
    for word in ("--host", "--port", "--data-dir", "--workers", "--log-dir", "--demo", "MONGO_URL"):
        assert word in shown


@pytest.mark.parametrize("args", [[], ["--port", "3000", "--log-dir", "./logs"]])
def test_without_a_command_the_help_is_shown(tollgate: Tollgate, args: list[str]) -> None:
    done = tollgate(*args)
    assert done.returncode == 2
    assert "serve" in done.stderr
    assert ("tollgate serve --port" in done.stderr) is bool(args)


@pytest.mark.parametrize(
    "args",
    [
        ["serv"],
        ["serve", "--prt", "1"],
        ["ledger", "export", "--from", "yesterday"],
        ["ledger", "export", "--account", "bob"],
        ["ledger", "balance", "user:x"],
        ["ledger", "export", "--format", "xml"],
    ],
)
def test_a_wrong_command_line_exits_2_without_a_traceback(
    tollgate: Tollgate, args: list[str]
) -> None:
    done = tollgate(*args)
    assert done.returncode == 2
    assert "error:" in done.stderr and "Traceback" not in done.stderr


def test_wrong_settings_exit_2_a_line_each(tollgate: Tollgate) -> None:
    (tollgate.cwd / ".env").write_text("SQL_DSN=root:hunter22@tcp(db)/oneapi\n")
    done = tollgate("serve", "--port", "70000")
    assert done.returncode == 2
    assert [line.split(":")[1] for line in done.stderr.splitlines()] == [
        " --port=70000",
        " SQL_DSN",
    ]
    assert "hunter" not in done.stderr


# -- finding the books --------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["verify", "rebuild", "export", "balance"])
def test_without_books_nothing_is_made(tollgate: Tollgate, command: str) -> None:
    done = tollgate("ledger", command)
    assert done.returncode == 1
    assert done.stderr.startswith("tollgate: no books in data directory data")
    assert done.stderr.count("\n") == 1
    assert list(tollgate.cwd.iterdir()) == []


@pytest.mark.database
def test_an_empty_database_holds_no_books(
    tollgate: Tollgate, database_url: str, database_name: str
) -> None:
    done = tollgate("ledger", "verify", MONGO_URL=database_url, MONGO_DB=database_name)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"tollgate: no books in database {database_name} of MONGO_URL\n"


@pytest.mark.database
def test_embedded_books_are_read_stopped_and_running(tollgate: Tollgate, mongo_driver: str) -> None:
    data_dir = tollgate.cwd / "books"
    here = ("--data-dir", str(data_dir))

    async def keep() -> "subprocess.CompletedProcess[str]":
        async with embedded(data_dir, mongo_driver) as store:
            await keep_books(store)
            return await asyncio.to_thread(tollgate, "ledger", "verify", *here)

    running = asyncio.run(keep())
    stopped = tollgate("ledger", "verify", TOLLGATE_DATA_DIR=str(data_dir))
    for done in (running, stopped):
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.startswith("The books balance: ")
    elsewhere = tollgate("ledger", "balance", *here, MONGO_URL="mongodb://127.0.0.1:1/")
    assert elsewhere.stdout.startswith("user:1 "), elsewhere.stderr


# -- the commands -------------------------------------------------------------------------------


@pytest.mark.database
def test_verify_says_what_is_wrong_first(
    served: Tollgate, database_url: str, database_name: str
) -> None:
    assert served("ledger", "verify").returncode == 0
    asyncio.run(change(database_url, database_name, -4999))
    done = served("ledger", "verify")
    assert done.returncode == 1
    assert "usage:r1" in done.stdout.splitlines()[0]


@pytest.mark.database
def test_balance_is_exact(served: Tollgate) -> None:
    done = served("ledger", "balance")
    assert (done.returncode, done.stderr) == (0, "")
    assert [line.split() for line in done.stdout.splitlines()] == [
        ["user:1", "0.999985"],
        ["user:12", "2"],
    ]
    named = served("ledger", "balance", "user:12", "user:404", "key:7").stdout
    assert [line.split() for line in named.splitlines()] == [
        ["user:12", "2"],
        ["user:404", "0"],
        ["key:7", "-0.000015"],
    ]


@pytest.mark.database
async def test_a_balance_has_events_that_are_not_projected_yet(store: Store) -> None:
    books = await Books.open(store, Clock(), flush_interval_s=3600)
    await books.record(recharge("a", "user:1", 10**9))
    await books.append(charge("r", 5, held=()), books.place())
    assert balance_nano(await read(store, "user:1")) == 10**9
    wanted = ["user:1", "key:7", "user:2"]
    expected = {"user:1": 10**9 - 5_000, "key:7": -5_000, "user:2": 0}
    assert await exact_balances(store, wanted) == expected
    await books.close()
    assert balance_nano(await read(store, "user:1")) == 10**9 - 5_000
    assert await exact_balances(store, wanted) == expected


@pytest.mark.database
def test_rebuild_mends_an_account(served: Tollgate, database_url: str, database_name: str) -> None:
    async def spoil() -> None:
        store = await Store.connect(database_url, database_name)
        await store.update_one("accounts", {"_id": "user:1"}, {"$inc": {"credited": 5}})
        await store.close()

    asyncio.run(spoil())
    assert served("ledger", "verify").returncode == 1
    done = served("ledger", "rebuild")
    assert done.returncode == 0
    assert "1 were wrong and are mended" in done.stdout
    assert served("ledger", "verify").returncode == 0


@pytest.mark.database
def test_export_to_standard_output(served: Tollgate) -> None:
    done = served("ledger", "export", "--account", "user:1")
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert [event["id"] for event in events] == [
        "recharge:test:a",
        "usage:r0",
        "usage:r1",
        "usage:r2",
    ]
    later = served("ledger", "export", "--from", events[1]["ts"], "--to", events[3]["ts"])
    assert [json.loads(line)["id"] for line in later.stdout.splitlines()] == [
        "usage:r0",
        "usage:r1",
    ]


@pytest.mark.database
def test_export_to_a_file_replaces_it_whole(served: Tollgate) -> None:
    target = served.cwd / "ledger.csv"
    target.write_text("old")
    done = served("ledger", "export", "--format", "csv", "--output", str(target))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    with target.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {"recharge:test:a", "recharge:test:b", "usage:r2"} <= {row["id"] for row in rows}
    assert [path.name for path in served.cwd.iterdir()] == ["ledger.csv"]


@pytest.mark.database
def test_an_export_that_fails_leaves_the_old_file(served: Tollgate) -> None:
    done = served("ledger", "export", "--output", str(served.cwd / "nowhere" / "ledger.jsonl"))
    assert done.returncode == 1
    assert done.stderr.startswith("tollgate: ") and done.stderr.count("\n") == 1


@pytest.mark.database
def test_an_export_to_what_is_no_file_leaves_it_in_place(served: Tollgate) -> None:
    assert served("ledger", "export", "--output", "/dev/null").returncode == 0
    assert Path("/dev/null").is_char_device()
    os.mkdir(served.cwd / "directory")
    done = served("ledger", "export", "--output", str(served.cwd / "directory"))
    assert done.returncode == 1 and "directory" in done.stderr


@pytest.mark.database
def test_an_export_whose_reader_leaves_ends_quietly(served: Tollgate) -> None:
    command = f"{sys.executable} -u -m gateway.cli ledger export | true"
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {command}"],
        cwd=served.cwd,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)} | served.environ,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_server_that_is_away_is_one_line(tollgate: Tollgate) -> None:
    url = "mongodb://user:hunter22@127.0.0.1:1/?serverSelectionTimeoutMS=200"
    done = tollgate("ledger", "verify", MONGO_URL=url)
    assert done.returncode == 1
    assert done.stderr.startswith("tollgate: ") and done.stderr.count("\n") == 1
    assert "hunter" not in done.stderr
