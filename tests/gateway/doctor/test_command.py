"""`tollgate doctor` as people run it: beside a server, without one, and where none answers."""

import asyncio
import json
from argparse import Namespace
from pathlib import Path

import pytest

from gateway.doctor import command
from ledger.half import mark_half_restored
from ledger.store import Store
from tests.e2e.server import SECRET_KEY, Server
from tests.forks import Forks
from tests.gateway.test_cli import Tollgate, served, tollgate

__all__ = ["served", "tollgate"]


def test_nothing_there_yet_is_a_warning_and_nothing_is_made(tollgate: Tollgate) -> None:
    done = tollgate("doctor")
    assert (done.returncode, done.stderr) == (1, "")
    assert "no books in data directory data" in done.stdout
    assert list(tollgate.cwd.iterdir()) == []


def test_wrong_settings_are_faults(tollgate: Tollgate) -> None:
    wrong = tollgate("doctor", "--json", PORT="77777")
    report = json.loads(wrong.stdout)
    assert wrong.returncode == 2 and report["level"] == "fault" and not report["ok"]
    assert report["findings"][0]["says"].startswith("PORT=77777")


async def test_a_database_that_is_away_is_a_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "ANSWER_S", 0.2)
    environ = {"MONGO_URL": "mongodb://user:hunter22@127.0.0.1:1/"}
    args = Namespace(json=False, data_dir=str(tmp_path), log_dir=None)
    assert await command.examine(args, environ, tmp_path / ".env") == 2
    said = capsys.readouterr().out
    assert "refused" in said and "hunter" not in said


@pytest.mark.database
def test_books_of_another_machine(served: Tollgate) -> None:
    done = served("doctor", "--json")
    levels = {f["check"]: f["level"] for f in json.loads(done.stdout)["findings"]}
    assert done.returncode == 1, done.stdout
    assert levels["database"] == levels["indexes"] == levels["projections"] == "ok"
    assert levels["replica set"] == "warning"


@pytest.mark.database
def test_half_restored_books_are_used_by_nobody(
    served: Tollgate, database_url: str, database_name: str
) -> None:
    async def mark() -> None:
        store = await Store.connect(database_url, database_name)
        await mark_half_restored(store, 1)
        await store.close()

    asyncio.run(mark())
    for args, status in (
        (("ledger", "verify"), 1),
        (("serve", "--port", "0"), 1),
        (("doctor",), 2),
    ):
        done = served(*args)
        assert done.returncode == status, done.stderr
        assert "drop the database and restore again" in done.stdout + done.stderr


@pytest.mark.database
def test_beside_a_server_and_after_it(tmp_path: Path, forks: Forks) -> None:
    pytest.importorskip("secantus", reason="the embedded database is not installed")
    server = Server(tmp_path).start()
    server.add_channel()

    def doctor() -> dict[str, dict[str, str]]:
        environ = {"TOLLGATE_DATA_DIR": str(tmp_path / "data"), "TOLLGATE_SECRET_KEY": SECRET_KEY}
        done = forks.run(["doctor", "--json"], tmp_path, environ)
        assert SECRET_KEY.encode() not in done.stdout and not done.stderr
        return {f["check"]: f for f in json.loads(done.stdout)["findings"]}

    beside = doctor()
    assert beside["writers"]["says"].startswith("1 processes keep books")
    assert beside["secrets"]["level"] == "warning"  # the key of tests is a single letter
    server.stop()
    after = doctor()
    assert after["leader"]["says"] == "no server runs"
    assert {f["level"] for name, f in after.items() if name != "secrets"} == {"ok"}
