"""The database stops answering, or dies, under load: nothing acknowledged is lost or doubled.

OUTAGE_S sets how long it stays stopped: 15 seconds unless told otherwise, which is longer than a
driver waits for an answer.
"""

import asyncio
import json
import os
import random
import signal
import time
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from tests.e2e.server import Server
from tests.e2e.test_kill import Crowd, check
from tests.waiting import until

pytestmark = [pytest.mark.database, pytest.mark.usefixtures("broken_connections")]

OUTAGE_S = float(os.environ.get("OUTAGE_S", "15"))
BACK_S = 30
WARM = 2_000
QUOTA = 500_000_000


def database_pid(server: Server) -> int:
    """Return the process id of the embedded database."""
    run = json.loads((server.directory / "data" / "embedded.json").read_text())
    return int(run["child_pid"])


def readiness(server: Server) -> tuple[int, dict]:
    """Return what the server says of itself."""
    answer = server.http.get("/health/ready", timeout=10)
    return answer.status_code, answer.json()


async def says(server: Server, status: int) -> bool:
    """Tell whether that is its answer now, asking in a thread."""
    return (await asyncio.to_thread(readiness, server))[0] == status


@asynccontextmanager
async def load(server: Server, people: int):
    """Keep asking, and end with the crowd that asked."""
    rng = random.Random(os.environ.get("SEED", "outage"))
    keys = [server.add_user(f"o{n}", QUOTA).add_key()["key"] for n in range(people)]
    crowd = Crowd(server, keys)
    asking = asyncio.create_task(crowd.run(rng))
    try:
        yield crowd
    finally:
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)


async def check_in_time(server: Server, crowd: Crowd) -> None:
    """Check what clients received, once what was spilled is recorded and projected."""
    deadline = time.monotonic() + 2 * BACK_S
    while True:
        try:
            return await check(server, crowd)
        except AssertionError:
            if time.monotonic() > deadline:
                raise
        await asyncio.sleep(0.5)


@pytest.mark.timeout(300)
async def test_a_database_that_is_stopped_for_a_while(tmp_path: Path):
    server = Server(tmp_path).start()
    server.add_channel()
    poor = server.add_user("bystander", QUOTA)
    async with load(server, people=4) as crowd:
        # Slices grow with use: after this many requests they last for a while.
        await until(lambda: len(crowd.received) > WARM, 90)
        pid = database_pid(server)
        os.kill(pid, signal.SIGSTOP)
        try:
            stopped_at_s = time.monotonic()
            await until(lambda: says(server, 503), 10)
            status, said = await asyncio.to_thread(readiness, server)
            assert (status, said["status"], said["reason"]) == (503, "degraded", "database_away")
            admitted = len(crowd.received)
            await until(lambda: len(crowd.received) > admitted + 100, BACK_S)
            assert (await asyncio.to_thread(readiness, server))[1]["spilled"] > 0
            answer = await asyncio.to_thread(server.http.get, "/metrics", timeout=10)
            assert answer.status_code == 200 and spilled_in(answer.text) > 0
            await refused_at_once(server, poor)
            left_s = OUTAGE_S - (time.monotonic() - stopped_at_s)
            await asyncio.sleep(max(0.0, left_s))
        finally:
            os.kill(pid, signal.SIGCONT)
        await until(lambda: says(server, 200), BACK_S)
        after = len(crowd.received)
        await until(lambda: len(crowd.received) > after + 50, BACK_S)
    assert set(crowd.statuses) <= {200, 503}, crowd.statuses
    await check_in_time(server, crowd)
    assert "books balance" in server.verified()
    server.stop()
    assert not list((tmp_path / "data" / "spill").glob("*.jsonl"))


def spilled_in(metrics: str) -> float:
    """Read the gauge of spilled events."""
    lines = (line for line in metrics.splitlines() if line.startswith("tollgate_spilled_events"))
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines)


async def refused_at_once(server: Server, person) -> None:
    """An account with no slice in hand is told to come back, and does not wait for a timeout."""
    body = {"model": "sandbox-chat", "messages": [{"role": "user", "content": "?"}]}
    async with httpx.AsyncClient(base_url=server.url, timeout=20, trust_env=False) as http:
        started_s = time.monotonic()
        answer = await http.post(
            "/v1/chat/completions", json=body, headers={"Authorization": "Bearer sk-unknown"}
        )
        assert answer.status_code in (401, 503)
        assert time.monotonic() - started_s < 8


@pytest.mark.timeout(300)
async def test_a_database_that_is_killed_again_and_again(tmp_path: Path):
    server = Server(tmp_path).start()
    server.add_channel()
    async with load(server, people=4) as crowd:
        for _ in range(3):
            received = len(crowd.received)
            await until(lambda: len(crowd.received) > received + 100, 60)  # noqa: B023
            pid = database_pid(server)
            os.kill(pid, signal.SIGKILL)
            await until(lambda: database_pid(server) != pid, 60)  # noqa: B023
            await until(lambda: says(server, 200), BACK_S)
        received = len(crowd.received)
        await until(lambda: len(crowd.received) > received + 50, BACK_S)
    assert set(crowd.statuses) <= {200, 503}, crowd.statuses
    await check_in_time(server, crowd)
    server.stop()


@pytest.mark.timeout(300)
async def test_everything_is_killed_while_charges_are_only_on_disk(tmp_path: Path):
    server = Server(tmp_path).start()
    server.add_channel()
    async with load(server, people=4) as crowd:
        await until(lambda: len(crowd.received) > 100, 60)
        os.kill(database_pid(server), signal.SIGSTOP)
        received = len(crowd.received)
        await until(lambda: len(crowd.received) > received + 50, 20)
        server.kill()
    assert any((tmp_path / "data" / "spill").glob("*.jsonl"))
    await asyncio.to_thread(server.start)
    await check_in_time(server, crowd)
    assert "books balance" in server.verified()
    server.stop()
