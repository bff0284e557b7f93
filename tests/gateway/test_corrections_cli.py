"""`tollgate ledger reverse`, `reprice` and `prices`, run as people run them."""

import asyncio
import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import bson
import pytest

from ledger.books import Books
from ledger.clock import Clock
from ledger.indexes import INDEXES
from ledger.store import Store
from tests.forks import Forks, text_of
from tests.ledger.drafts import charge, recharge

Run = Callable[..., "subprocess.CompletedProcess[str]"]
pytestmark = pytest.mark.database


async def keep_books(store: Store) -> None:
    """Two prices, a recharge and three charges of 0.005 USD."""
    await store.ensure_indexes(INDEXES)
    books = await Books.open(store, Clock())
    for price in ("1", "2"):
        row = {"model": "test-model", "input": price}
        await books.prices.publish(books, author="user:1", note=f"at {price}", set_rows=[row])
    await books.record(recharge("a", "user:1", 10**9))
    for n in range(3):
        await books.append(charge(f"r{n}", 5_000, held=()))
    await books.close()


@pytest.fixture
def ledger(
    forks: Forks, tmp_path: Path, database_url: str, database_name: str, mongo_driver: str
) -> Iterator[Run]:
    async def prepare(drop: bool) -> None:
        store = await Store.connect(database_url, database_name, mongo_driver)
        await (store.drop_database() if drop else keep_books(store))
        await store.close()

    environ = {
        "MONGO_URL": database_url,
        "MONGO_DB": database_name,
        "MONGO_DRIVER": mongo_driver,
    }

    def run(*args: str) -> "subprocess.CompletedProcess[str]":
        return text_of(forks.run(["ledger", *args], tmp_path, environ))

    asyncio.run(prepare(drop=False))
    yield run
    asyncio.run(prepare(drop=True))


async def dump(url: str, name: str, driver: str) -> dict[str, list[bytes]]:
    """Every byte of the database."""
    store = await Store.connect(url, name, driver)
    names = await store._db.list_collection_names()
    found = {each: sorted([bson.encode(d) async for d in store.find(each, {})]) for each in names}
    await store.close()
    return found


def out(done: "subprocess.CompletedProcess[str]") -> str:
    assert done.returncode == 0 and done.stderr == "", (done.stdout, done.stderr)
    return done.stdout


def test_reprice_tells_the_difference_and_writes_nothing(
    ledger: Run, database_url: str, database_name: str, mongo_driver: str, tmp_path: Path
) -> None:
    before = asyncio.run(dump(database_url, database_name, mongo_driver))
    text = out(ledger("reprice"))
    assert text.splitlines()[0] == (
        "3 charges of 0.015 USD would be 0.03 USD under version 2: 0.015 USD"
    )
    assert "user:1" in text and "test-model" in text
    whole = json.loads(out(ledger("reprice", "--version", "1", "--format", "json")))
    assert (whole["version"], whole["totals"]["difference"]) == (1, "0")
    (tmp_path / "new.yaml").write_text("set:\n- {model: test-model, input: 0.5}\n")
    edited = json.loads(
        out(ledger("reprice", "--from", "2020-01-01", "--prices", "new.yaml", "--format", "json"))
    )
    assert (edited["edited"], edited["totals"]["would_be"]) == (True, "0.0075")
    assert asyncio.run(dump(database_url, database_name, mongo_driver)) == before


def test_reprice_is_kind_about_mistakes(ledger: Run, tmp_path: Path) -> None:
    assert ledger("reprice", "--version", "9").stderr == ("tollgate: there is no price version 9\n")
    (tmp_path / "bad.yaml").write_text("set: [{model: m, input: cheap}]\n")
    done = ledger("reprice", "--prices", "bad.yaml")
    assert done.returncode == 1 and "m.input" in done.stderr


def test_prices_are_looked_over(ledger: Run) -> None:
    done = ledger("prices", "check", "--factor", "2.5")
    assert done.returncode == 1 and "no price: gpt-4o (OpenAI, type 1)\n" in done.stdout
    assert "at least 1" in ledger("prices", "check", "--factor", "none").stderr


def test_reverse_shows_then_does_then_remembers(ledger: Run) -> None:
    shown = out(ledger("reverse", "--model", "test-model", "--user", "1", "--dry-run"))
    assert shown.startswith("3 to reverse, together 0.015 USD\n  user:1: 3, 0.015 USD\n")
    one = out(ledger("reverse", "--event", "usage:r1", "--reason", "it failed"))
    assert "done: 1 of 1 reversed, 0.005 of 0.005 USD; by cli:" in one
    rest = out(ledger("reverse", "--price-version", "1", "--reason", "wrong prices"))
    assert "done: 2 of 2 reversed" in rest
    again = out(ledger("reverse", "--event", "usage:r1", "--reason", "it failed"))
    assert again.startswith("This was asked before.\n")
    assert out(ledger("balance", "user:1")).split() == ["user:1", "1"]
    assert len(out(ledger("reverse", "--list")).splitlines()) == 2
    assert ledger("verify").returncode == 0


def test_reverse_above_the_limit_waits_for_an_admin(
    ledger: Run, database_url: str, database_name: str, mongo_driver: str
) -> None:
    async def limit() -> None:
        store = await Store.connect(database_url, database_name, mongo_driver)
        document = {"_id": "ReversalApprovalUsd", "value": 0, "changed_us": 1}
        await store.insert_one("options", document)
        await store.close()

    asyncio.run(limit())
    text = out(ledger("reverse", "--model", "test-model", "--reason", "wrong"))
    assert "proposed: 0 of 3 reversed" in text and "must approve" in text
    assert out(ledger("balance", "user:1")).split() == ["user:1", "0.985"]


@pytest.mark.parametrize(
    ("args", "word"),
    [
        ((), "reason"),
        (("--reason", "x"), "either an event or a filter"),
        (("--reason", "x", "--event", "usage:no"), "no event"),
        (("--reason", "x", "--model", "nobody"), "no charge matches"),
        (("--event", "usage:r1"), "reason"),
    ],
)
def test_reverse_is_kind_about_mistakes(ledger: Run, args: tuple[str, ...], word: str) -> None:
    done = ledger("reverse", *args)
    assert done.returncode == 1 and word in done.stderr and done.stderr.count("\n") == 1


def test_prices_are_listed_shown_compared_and_brought_back(ledger: Run) -> None:
    first, second = out(ledger("prices", "list")).splitlines()
    assert "past" in first and "at 1" in first and "in force" in second and "user:1" in second
    assert json.loads(out(ledger("prices", "show")))["rows"][0]["input"] == "2"
    assert json.loads(out(ledger("prices", "show", "1")))["rows"][0]["input"] == "1"
    assert "  test-model: input 1 -> 2\n" in out(ledger("prices", "diff", "1"))
    assert out(ledger("prices", "rollback", "1", "--note", "too dear")) == (
        "Version 3 restores version 1.\n"
    )
    assert "nothing was published" in out(ledger("prices", "rollback", "1"))
    assert out(ledger("prices", "diff", "1", "3")) == ""
    out(ledger("prices", "rollback", "2", "--at", "2100-01-01"))
    assert "planned" in out(ledger("prices", "list")).splitlines()[3]
    assert out(ledger("prices", "cancel", "4")) == "Version 4 is cancelled, by version 5.\n"
    assert "cancelled" in out(ledger("prices", "list")).splitlines()[3]
    done = ledger("prices", "cancel", "3")
    assert done.returncode == 1 and "roll back" in done.stderr


def test_reconcile_classifies_and_exits_1_when_sides_differ(ledger: Run, tmp_path: Path) -> None:
    (tmp_path / "usage.csv").write_text("when,in\n2020-01-01,5\nnever,5\n")
    args = ("reconcile", "usage.csv", "--channel", "3", "--map", "time=when,input=in")
    period = ("--from", "2020-01-01", "--to", "2100-01-01")
    done = ledger(*args, *period)
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.splitlines()[0] == "The two sides differ."
    assert "malformed: line 3 time: 'never'" in done.stdout
    whole = ledger(*args, *period, "--format", "json")
    totals = json.loads(whole.stdout)["totals"]
    assert (totals["missing_here"]["count"], totals["missing_there"]["count"]) == (1, 3)
    ledger(*args, *period, "--format", "csv", "--output", "report.csv")
    assert len((tmp_path / "report.csv").read_text().splitlines()) == 6


@pytest.mark.parametrize(
    ("args", "word"),
    [
        (("nowhere.csv", "--map", "time=when,input=in"), "nowhere.csv"),
        (("usage.csv", "--map", "time=at,input=in"), "no column 'at'; it has when, in"),
        (("usage.csv", "--map", "input=in"), "request_id or time"),
    ],
)
def test_reconcile_is_kind_about_mistakes(
    ledger: Run, tmp_path: Path, args: tuple[str, ...], word: str
) -> None:
    (tmp_path / "usage.csv").write_text("when,in\n")
    done = ledger("reconcile", *args, "--channel", "3")
    assert done.returncode == 1 and word in done.stderr and done.stderr.count("\n") == 1


def test_packaged_prices_are_proposed_and_adopted(ledger: Run) -> None:
    shown = out(ledger("prices", "proposals"))
    assert "+ gpt-4o-mini: input" in shown and " new, 0 changed;" in shown
    assert ledger("prices", "adopt").returncode == 2
    done = ledger("prices", "adopt", "no-such-model")
    assert done.returncode and "nothing is proposed" in done.stderr
    told = out(ledger("prices", "adopt", "gpt-4o-mini", "--note", "cheap"))
    assert told.strip().endswith("has the proposed prices of gpt-4o-mini.")
    assert "1 of" in out(ledger("prices", "dismiss", "o3-mini"))
    shown = out(ledger("prices", "proposals"))
    assert "+ gpt-4o-mini:" not in shown
    assert "+ o3-mini:" not in shown and " 1 dismissed." in shown
    assert "Adopted: cheap" in out(ledger("prices", "list"))
