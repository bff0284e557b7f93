"""A backup taken beside a busy server with two workers, restored into a server of its own."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from tests.e2e.server import ROOT_KEY, Server
from tests.waiting import until_sync

pytestmark = [pytest.mark.database, pytest.mark.timeout(240)]

ASK = {"model": "sandbox-chat", "messages": [{"role": "user", "content": "Hi"}]}
KEY = {"Authorization": f"Bearer sk-{ROOT_KEY}"}


def keep_asking(server: Server, stop: threading.Event, done: list[str]) -> None:
    with httpx.Client(base_url=server.url, timeout=60, trust_env=False) as http:
        while not stop.is_set():
            answer = http.post("/v1/chat/completions", json=ASK, headers=KEY)
            assert answer.status_code == 200, answer.text
            done.append(answer.headers["x-tollgate-event"])


def knows_the_model(server: Server) -> bool:
    """Whether each of several new connections, which workers share, is answered."""
    url = f"{server.url}/v1/models/sandbox-chat"
    return all(
        httpx.get(url, headers=KEY, timeout=60, trust_env=False).status_code == 200
        for _ in range(12)
    )


def test_a_backup_under_load_is_restored_and_goes_on(tmp_path: Path) -> None:
    pytest.importorskip("secantus", reason="the embedded database is not installed")
    first = Server(tmp_path / "first").start("--workers", "2")
    until_sync(lambda: "is ready at" in first.log.read_text())
    first.add_channel()
    until_sync(lambda: knows_the_model(first))
    stop, answered = threading.Event(), list[str]()
    with ThreadPoolExecutor(2) as pool:
        try:
            asking = [pool.submit(keep_asking, first, stop, answered) for _ in range(2)]
            until_sync(lambda: len(answered) > 20)
            before = set(answered)
            taken = first.cli("ledger", "backup", "backup.tar")
            until_sync(lambda: len(answered) > len(before) + 2)
        finally:
            stop.set()
    for each in asking:
        each.result()
    assert taken.returncode == 0, taken.stdout + taken.stderr
    digest = taken.stdout.split("manifest ")[1].split()[0]
    events = {event["id"]: event["hash"] for event in first.events()}
    first.kill()
    first.abandon()

    second = Server(tmp_path / "second")
    path = str(tmp_path / "first" / "backup.tar")
    restored = second.cli("ledger", "restore", path, "--expect-manifest", digest)
    assert restored.returncode == 0, restored.stdout + restored.stderr
    assert "Restored up to seal" in restored.stdout and "notice: before" not in restored.stdout
    second.start()
    found = second.events()
    assert [e["body"]["action"] for e in found if "restored" in e["id"]] == ["books.restore"]
    ids = {event["id"]: event["hash"] for event in found}
    kept = {name: digest for name, digest in ids.items() if name in events}
    assert kept == {name: events[name] for name in kept}, "every event is as it was"
    assert before <= ids.keys(), "what was answered before the backup began is in it"
    assert len(ids.keys() & set(answered)) < len(answered), "the load went on after the cut"
    assert second.balance_nano("user:1") == sum(
        event["amount_nano"] for event in found if event["account"] == "user:1"
    )
    answer = second.http.post("/v1/chat/completions", json=ASK, headers=KEY)
    assert answer.status_code == 200, answer.text
    charge = next(e for e in second.events() if e["id"] == answer.headers["x-tollgate-event"])
    assert charge["epoch"] > 10**9
    second.stop()
