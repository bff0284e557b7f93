"""Several workers on one port: all serve, one that dies comes back, nothing outlives its parent."""

import asyncio
import json
import signal
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from tests.e2e.server import RUNNING, SECRET_KEY, Server
from tests.waiting import until_sync

pytest.importorskip("secantus", reason="the embedded database is not installed")
pytestmark = [pytest.mark.database, pytest.mark.timeout(240)]

WORKERS, FEW = 4, 2
CONNECTIONS = 200
WITHIN_S = 60.0
few = pytest.mark.parametrize("server", [FEW], indirect=True)


def family(server: Server) -> list[psutil.Process]:
    assert server.process is not None
    return psutil.Process(server.process.pid).children(recursive=True)


def workers_of(server: Server) -> list[psutil.Process]:
    found = []
    for process in family(server):
        try:
            if "gateway.worker" in process.cmdline():
                found.append(process)
        except psutil.NoSuchProcess:
            continue
    return found


def start(directory: Path, workers: int = WORKERS, **environ: str) -> Server:
    server = Server(directory, **environ).start("--workers", str(workers))
    return server.until(lambda: "is ready at" in server.log.read_text(), "all workers serve")


@pytest.fixture
def server(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Server]:
    server = start(tmp_path, getattr(request, "param", WORKERS), DRAIN_TIMEOUT="20")
    try:
        yield server
    finally:
        if server.process is not None and server.process.poll() is None:
            server.kill()
        server.http.close()


def ready_to_ask(server: Server, **config: int) -> str:
    """Return a key for the sandbox, once every worker knows channel and key."""
    server.add_channel(config=json.dumps(config))
    key = server.add_user("asker", 500_000_000).add_key()["key"]
    asked = Counter[int]()

    no_reuse = httpx.Limits(max_keepalive_connections=0)
    with httpx.Client(base_url=server.url, trust_env=False, limits=no_reuse) as http:

        def known() -> bool:
            asked[ask(http, key)] += 1
            return asked[200] >= 5 * WORKERS

        until_sync(known)
    return key


def ask(http: httpx.Client, key: str) -> int:
    headers = {"Authorization": f"Bearer sk-{key}"}
    body = {"model": "sandbox-chat", "messages": [{"role": "user", "content": "Hi"}]}
    return http.post("/v1/chat/completions", json=body, headers=headers).status_code


async def asking(http: httpx.AsyncClient, key: str, seen: Counter[object]) -> None:
    """Ask until cancelled, counting statuses and broken connections."""
    headers = {"Authorization": f"Bearer sk-{key}"}
    body = {"model": "sandbox-chat", "messages": [{"role": "user", "content": "Hi"}]}
    while True:
        try:
            answer = await http.post("/v1/chat/completions", json=body, headers=headers)
            seen[answer.status_code] += 1
        except httpx.TransportError:
            seen["broken"] += 1


def test_every_worker_gets_its_share_of_many_connections_and_all_stop(server: Server) -> None:
    assert len(workers_of(server)) == WORKERS
    key = ready_to_ask(server)
    before = {event["id"] for event in server.events(type="usage.charged")}

    async def all_at_once() -> set[int]:
        limits = httpx.Limits(max_connections=CONNECTIONS)
        headers = {"Authorization": f"Bearer sk-{key}"}
        body = {"model": "sandbox-chat", "messages": [{"role": "user", "content": "Hi"}]}
        async with httpx.AsyncClient(
            base_url=server.url, timeout=60, limits=limits, trust_env=False
        ) as http:
            asks = (
                http.post("/v1/chat/completions", json=body, headers=headers)
                for _ in range(CONNECTIONS)
            )
            return {answer.status_code for answer in await asyncio.gather(*asks)}

    assert asyncio.run(all_at_once()) == {200}
    charged = [e for e in server.events(type="usage.charged") if e["id"] not in before]
    shares = Counter(event["writer"] for event in charged)
    assert len(charged) == CONNECTIONS
    assert len(shares) == WORKERS and min(shares.values()) > CONNECTIONS // WORKERS // 4, shares
    log = server.log.read_text()
    assert log.count("is ready at") == 1 and "Traceback" not in log
    server.stop()
    server.verified()


async def test_a_worker_that_is_killed_under_load_comes_back(server: Server) -> None:
    key = await asyncio.to_thread(ready_to_ask, server)
    victim = workers_of(server)[1]
    seen: Counter[object] = Counter()
    limits = httpx.Limits(max_connections=16)
    async with httpx.AsyncClient(
        base_url=server.url, timeout=60, limits=limits, trust_env=False
    ) as http:
        load = [asyncio.create_task(asking(http, key, seen)) for _ in range(16)]
        victim.kill()
        before = seen[200]
        await asyncio.to_thread(until_sync, lambda: "is back as process" in server.log.read_text())
        await asyncio.to_thread(until_sync, lambda: seen[200] > before + 100)
        for task in load:
            task.cancel()
        await asyncio.gather(*load, return_exceptions=True)
    assert set(seen) <= {200, "broken"} and seen["broken"] <= 16, seen
    assert len(workers_of(server)) == WORKERS
    assert victim.pid not in {worker.pid for worker in workers_of(server)}
    log = server.log.read_text()
    assert f"(process {victim.pid}) ended with -9; starting it again" in log
    await asyncio.to_thread(server.stop)
    await asyncio.to_thread(server.verified)


@few
async def test_streams_end_well_when_the_parent_is_told_to_stop(server: Server) -> None:
    key = await asyncio.to_thread(ready_to_ask, server, chunk_ms=20)
    headers = {"Authorization": f"Bearer sk-{key}"}
    body = {
        "model": "sandbox-chat",
        "stream": True,
        "messages": [{"role": "user", "content": "Tell me a story."}],
    }
    begun, ended = asyncio.Event(), 0

    async def stream(http: httpx.AsyncClient) -> None:
        nonlocal ended
        async with http.stream("POST", "/v1/chat/completions", json=body, headers=headers) as a:
            assert a.status_code == 200
            last = ""
            async for line in a.aiter_lines():
                begun.set()
                last = line or last
            assert last == "data: [DONE]"
            ended += 1

    async with httpx.AsyncClient(base_url=server.url, timeout=60, trust_env=False) as http:
        streams = [asyncio.create_task(stream(http)) for _ in range(40)]
        await begun.wait()
        await asyncio.to_thread(until_sync, lambda: _open_connections(server) >= 40)
        assert server.process is not None
        server.process.send_signal(signal.SIGTERM)
        await asyncio.gather(*streams)
    assert ended == 40
    assert await asyncio.to_thread(server.process.wait, WITHIN_S) == 0
    assert await asyncio.to_thread(server.verified)


def _open_connections(server: Server) -> int:
    return sum(
        1
        for worker in workers_of(server)
        for each in worker.net_connections("tcp")
        if each.status == psutil.CONN_ESTABLISHED and each.laddr.port == server.port
    )


@few
def test_nothing_outlives_a_parent_that_is_killed(server: Server) -> None:
    below = family(server)
    assert len(below) == FEW + 1
    assert server.process is not None
    server.process.send_signal(signal.SIGKILL)
    server.process.wait(WITHIN_S)
    assert psutil.wait_procs(below, timeout=WITHIN_S)[1] == []
    with socket.create_server(("127.0.0.1", server.port)) as probe:
        assert probe  # nobody listens there any more
    server.verified()
    server.start("--workers", "2")  # stopped while some workers still start
    server.stop()


@few
async def test_a_reload_replaces_all_workers_and_no_request_notices(server: Server) -> None:
    key = await asyncio.to_thread(ready_to_ask, server)
    before = {worker.pid for worker in workers_of(server)}
    (server.directory / ".env").write_text("TEST_PROMPT=What are you?\n")
    seen: Counter[object] = Counter()
    async with httpx.AsyncClient(
        base_url=server.url,
        timeout=60,
        trust_env=False,
        limits=httpx.Limits(max_keepalive_connections=0),
    ) as http:
        load = [asyncio.create_task(asking(http, key, seen)) for _ in range(4)]
        assert server.process is not None
        server.process.send_signal(signal.SIGHUP)
        await asyncio.to_thread(until_sync, lambda: "new workers serve" in server.log.read_text())
        await asyncio.to_thread(
            until_sync, lambda: not before & {worker.pid for worker in workers_of(server)}
        )
        for task in load:
            task.cancel()
        await asyncio.gather(*load, return_exceptions=True)
    assert set(seen) == {200}, seen
    assert len(workers_of(server)) == FEW
    await asyncio.to_thread(server.stop)
    await asyncio.to_thread(server.verified)


def test_a_start_that_is_given_up_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = Server(tmp_path).launch("--workers", str(FEW))
    until_sync(lambda: len(family(server)) == FEW + 1, what="workers and database")
    below = family(server)
    monkeypatch.setattr("tests.e2e.server.READY_S", 0.0)
    with pytest.raises(AssertionError, match="what never comes"):
        server.until(lambda: False, "what never comes")
    assert server.process is not None and server.process.poll() is not None
    assert psutil.wait_procs(below, timeout=WITHIN_S)[1] == []
    assert server not in RUNNING


def run_to_the_end(
    directory: Path, *flags: str, **environ: str
) -> subprocess.CompletedProcess[str]:
    server = Server(directory, **environ)
    server.http.close()
    data = str(directory / "data")
    return subprocess.run(
        [
            sys.executable,
            "-m",
            "gateway.cli",
            "serve",
            "--data-dir",
            data,
            "--workers",
            "2",
            *flags,
        ],
        cwd=directory,
        env=server.environ,
        capture_output=True,
        text=True,
        timeout=WITHIN_S,
        check=False,
    )


def test_what_keeps_workers_from_starting_is_said_in_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = run_to_the_end(tmp_path, "--port", port)
    assert done.returncode == 1
    assert done.stderr == (
        f"tollgate: 127.0.0.1:{port} is in use; stop what listens there or give --port\n"
    )
    server = start(tmp_path, workers=2)
    beside = run_to_the_end(tmp_path, "--port", str(server.port))
    assert beside.returncode == 1 and "is in use" in beside.stderr
    beside = run_to_the_end(tmp_path, "--port", "0")
    assert beside.returncode == 1 and len(beside.stderr.splitlines()) == 1, beside.stderr
    server.stop()
    other = run_to_the_end(tmp_path, "--port", "0", TOLLGATE_SECRET_KEY=SECRET_KEY[::-1] + "x")
    assert other.returncode == 1 and len(other.stderr.splitlines()) == 1, other.stderr
    assert "secret" in other.stderr
