"""Archiving by command: out, the same answers, and back."""

import asyncio
from pathlib import Path

from ledger.store import Store
from tests.gateway.test_cli import Tollgate, served, tollgate

__all__ = ["served", "tollgate"]

BEFORE = "2100-01-01T00:00:00Z"


def said(tollgate: Tollgate, *args: str, status: int = 0) -> str:
    done = tollgate("ledger", *args)
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout


def test_out_and_back(served: Tollgate, tmp_path: Path) -> None:
    to = tmp_path / "cold"
    said(served, "seal")
    period = ("--from", "2000-01-01T00:00:00Z", "--to", BEFORE)
    statement = said(served, "statement", "user:1", *period)
    assert "3 of which could leave" in said(served, "archive", "--before", BEFORE, "--dry-run")
    assert not to.exists()
    out = said(served, "archive", "--before", BEFORE, "--to", str(to), "--prune")
    assert "Archive 1" in out and "events left the database" in out
    assert "The books balance" in said(served, "verify")
    assert "events read in archives" in said(served, "verify", "--archive", str(to))
    assert "no fault" in said(served, "audit")
    assert "0 were wrong" in said(served, "rebuild", "--resume")
    missing = served("ledger", "statement", "user:1", *period)
    assert missing.returncode == 1 and "archive-000001" in missing.stderr
    served.environ["ARCHIVE_DIR"] = str(to)
    assert said(served, "statement", "user:1", *period) == statement
    assert "usage:r0" in said(served, "export")
    assert "is restored" in said(served, "restore", str(to))
    assert "The books balance" in said(served, "verify")
    del served.environ["ARCHIVE_DIR"]
    assert said(served, "statement", "user:1", *period) == statement


async def give(url: str, name: str, amount_nano: int) -> None:
    store = await Store.connect(url, name)
    change = {"$inc": {"credited": amount_nano}}
    await store.update_one("accounts", {"_id": "user:1"}, change)
    await store.close()


def test_an_audit_that_finds_something_fails(
    served: Tollgate, database_url: str, database_name: str
) -> None:
    assert "no fault" in said(served, "audit", "--all")
    asyncio.run(give(database_url, database_name, 5))
    out = said(served, "audit", status=1)
    assert out.startswith("The audit found a fault: sums differ: all users, credited")
    assert "1 were wrong" in said(served, "rebuild", "--only", "accounts")
    assert "no fault" in said(served, "audit")


def test_a_damaged_file_keeps_everything(served: Tollgate, tmp_path: Path) -> None:
    to = tmp_path / "cold"
    said(served, "seal")
    said(served, "archive", "--before", BEFORE, "--to", str(to))
    segment = min(to.glob("*/w*.jsonl.gz"))
    data = bytearray(segment.read_bytes())
    data[40] ^= 1
    segment.write_bytes(data)
    done = served("ledger", "archive", "--before", BEFORE, "--to", str(to), "--prune")
    assert done.returncode == 1 and segment.name in done.stderr
    assert "usage:r0" in said(served, "export")
