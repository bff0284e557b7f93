"""SIGKILL of everything under load: no received answer without its charge, none charged twice."""

import asyncio
import os
import random
from collections import Counter
from pathlib import Path

import httpx
import pytest

from ledger.accounts import balance_nano, effects
from ledger.store import Store
from ledger.verify import verify
from tests.e2e.server import Server
from tests.waiting import until

pytestmark = [pytest.mark.database, pytest.mark.usefixtures("broken_connections")]

CLIENTS = 32
KILLS = int(os.environ.get("KILLS", "6"))
SEED = int(os.environ.get("SEED", "0")) or random.SystemRandom().randrange(1, 10**9)


class Crowd:
    """Clients that never stop asking, and remember which answers they received whole."""

    def __init__(self, server: Server, keys: list[str]) -> None:
        self.server = server
        self.keys = keys
        self.received: list[str] = []
        self.statuses: Counter[int] = Counter()

    async def run(self, rng: random.Random) -> None:
        """Ask until cancelled."""
        limits = httpx.Limits(max_connections=CLIENTS)
        async with httpx.AsyncClient(
            base_url=self.server.url, timeout=30, limits=limits, trust_env=False
        ) as http:
            seeds = [rng.random() for _ in range(CLIENTS)]
            await asyncio.gather(*(self._client(http, random.Random(seed)) for seed in seeds))

    async def _client(self, http: httpx.AsyncClient, rng: random.Random) -> None:
        while True:
            body = {
                "model": "sandbox-chat",
                "messages": [{"role": "user", "content": f"number {rng.random()}"}],
                "max_tokens": rng.randint(1, 60),
                "stream": rng.random() < 0.5,
            }
            headers = {"Authorization": f"Bearer sk-{rng.choice(self.keys)}"}
            try:
                async with http.stream(
                    "POST", "/v1/chat/completions", json=body, headers=headers
                ) as answer:
                    text = await answer.aread()
            except httpx.TransportError:
                await asyncio.sleep(0)
                continue
            self.statuses[answer.status_code] += 1
            whole = text.rstrip().endswith(b"data: [DONE]") if body["stream"] else True
            if answer.status_code == 200 and whole:
                self.received.append(answer.headers["x-tollgate-event"])


async def load_until_kill(server: Server, crowd: Crowd, rng: random.Random) -> None:
    """Let the crowd ask for a random while after its first answer, then kill the whole tree."""
    before = len(crowd.received)
    asking = asyncio.create_task(crowd.run(rng))
    await until(lambda: len(crowd.received) > before or asking.done())
    assert not asking.done(), asking.exception()
    await asyncio.sleep(rng.uniform(0.0, 0.8))
    server.kill()
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)


async def check(server: Server, crowd: Crowd) -> None:
    """Compare what clients received with what the ledger says."""
    store = await Store.connect(server.mongo_url(), "tollgate")
    try:
        events = [event async for event in store.find("events", {})]
        ids = Counter(event["_id"] for event in events)
        requests = Counter(e["body"]["request_id"] for e in events if e["type"] == "usage.charged")
        lost = [event_id for event_id in crowd.received if event_id not in ids]
        assert not lost, f"{len(lost)} received answers have no event: {lost[:3]}"
        assert max(ids.values()) == 1 and max(requests.values()) == 1
        sums: Counter[str] = Counter()
        for event in events:
            for effect in effects(event):
                sign = {"credited": 1, "adjusted": 1, "refunded": 1, "spent": -1, "clawed_back": -1}
                for column, amount in effect.columns.items():
                    sums[effect.account] += sign.get(column, 0) * amount
        async for account in store.find("accounts", {}):
            assert balance_nano(account) == sums[account["_id"]], account["_id"]
        report = await verify(store)
        assert report.ok, report.lines
    finally:
        await store.close()


@pytest.mark.timeout(600)
async def test_no_charge_is_lost_or_doubled_whenever_everything_is_killed(tmp_path: Path):
    print(f"SEED={SEED} KILLS={KILLS}")
    rng = random.Random(SEED)
    server = Server(tmp_path).start()
    server.add_channel()
    people = [server.add_user(f"p{n}", usd_quota=(100, 5_000_000)[n % 2]) for n in range(4)]
    crowd = Crowd(server, [person.add_key()["key"] for person in people])
    for _ in range(KILLS):
        await load_until_kill(server, crowd, rng)
        await asyncio.to_thread(server.start)
        await check(server, crowd)
    assert crowd.statuses[200] > KILLS * 10, crowd.statuses
    assert set(crowd.statuses) <= {200, 402, 503}, crowd.statuses
    assert "books balance" in server.verified()
    server.stop()
