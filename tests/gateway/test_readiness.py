"""/health: the truth, at once, whatever the database does."""

import asyncio
import json
import os
import signal
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e.server import Server
from tests.waiting import until_sync

pytest.importorskip("secantus", reason="the embedded database is not installed")
pytestmark = [pytest.mark.database, pytest.mark.timeout(240)]

WITHIN_S = 30.0
QUICK_S = 2.0


def asked(server: Server, path: str) -> tuple[int, dict[str, Any]]:
    """Ask and insist on an answer within two seconds."""
    answer = server.http.get(path, timeout=QUICK_S)
    return answer.status_code, answer.json()


def database_pid(server: Server) -> int:
    run = json.loads((server.directory / "data" / "embedded.json").read_text())
    return int(run["child_pid"])


def test_a_database_that_hangs_makes_it_degraded_and_is_said_once(tmp_path: Path) -> None:
    server = Server(tmp_path).start()
    server.add_channel()
    assert asked(server, "/health/ready") == (200, {"status": "ready"})
    pid = database_pid(server)
    os.kill(pid, signal.SIGSTOP)
    try:
        until_sync(lambda: asked(server, "/health/ready")[0] == 503)
        for _ in range(20):
            status, said = asked(server, "/health/ready")
            assert status == 503
            assert (said["status"], said["reason"]) == ("degraded", "database_away")
            assert said["admits"] and said["spilled"] == 0
            assert asked(server, "/health/ready?degraded=ok")[0] == 200
            assert asked(server, "/health/live") == (200, {"status": "live"})
            assert server.http.get("/metrics", timeout=QUICK_S).status_code == 200
    finally:
        os.kill(pid, signal.SIGCONT)
    until_sync(lambda: asked(server, "/health/ready")[0] == 200)
    server.stop()
    log = server.log.read_text()
    assert log.count("the database is away") == 1, log
    assert log.count("the database is back after") == 1, log


def test_a_full_disk_is_said(tmp_path: Path) -> None:
    server = Server(tmp_path, MIN_FREE_DISK_BYTES=str(1 << 40)).launch()
    until_sync(lambda: answers(server))
    assert asked(server, "/health/ready") == (
        503,
        {"status": "unavailable", "reason": "disk_full"},
    )
    assert asked(server, "/health/ready?degraded=ok")[0] == 503
    assert asked(server, "/health/live")[0] == 200
    server.stop()


def answers(server: Server) -> bool:
    try:
        return server.http.get("/health/live").status_code == 200
    except httpx.TransportError:
        return False


async def test_a_server_that_stops_says_so_while_it_drains(tmp_path: Path) -> None:
    server = await asyncio.to_thread(Server(tmp_path, DRAIN_TIMEOUT="20").start)
    server.add_channel(config=json.dumps({"chunk_ms": 100}))
    key = server.environ["INITIAL_ROOT_TOKEN"]
    body = {"model": "sandbox-chat", "stream": True, "messages": [{"role": "user", "content": "?"}]}
    async with (
        httpx.AsyncClient(base_url=server.url, timeout=60, trust_env=False) as http,
        httpx.AsyncClient(base_url=server.url, timeout=QUICK_S, trust_env=False) as health,
    ):
        assert (await health.get("/health/ready")).status_code == 200
        headers = {"Authorization": f"Bearer {key}"}
        async with http.stream(
            "POST", "/v1/chat/completions", json=body, headers=headers
        ) as answer:
            lines = answer.aiter_lines()
            await anext(lines)
            assert server.process is not None
            server.process.send_signal(signal.SIGTERM)
            said = await health.get("/health/ready")
            while said.status_code == 200:
                said = await health.get("/health/ready")
            assert (said.status_code, said.json()["reason"]) == (503, "stopping")
            assert [line async for line in lines if line][-1] == "data: [DONE]"
    assert await asyncio.to_thread(server.process.wait, WITHIN_S) == 0
    server.http.close()
