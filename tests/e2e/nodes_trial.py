"""Two gateways on one database: one is cut off, killed and brought back while people spend from
both. No charge is lost, none is made twice, nobody overspends.

Run by test_nodes.py in a network of its own, not by itself.
"""

import asyncio
import os
import random
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path

import httpx
import pytest

from tests.e2e.nodes import Machine, Node
from tests.e2e.server import Person
from tests.e2e.test_kill import Crowd, check
from tests.ledger.proxy import Proxy
from tests.waiting import until

SEED = int(os.environ.get("SEED", "0")) or random.SystemRandom().randrange(1, 10**9)
CLIENTS = 3
MORE = 10
WARM = 120
POOR, RICH = 1_500, 500_000_000
BACK_S = 60


class Spenders(Crowd):
    """People that spend through one node."""

    async def run(self, rng: random.Random) -> None:
        """Ask until cancelled."""
        async with httpx.AsyncClient(base_url=self.server.url, timeout=30, trust_env=False) as http:
            seeds = [rng.random() for _ in range(CLIENTS)]
            await asyncio.gather(*(self._client(http, random.Random(seed)) for seed in seeds))

    async def served(self, more: int = MORE) -> None:
        """Wait until that many more answers have come."""
        aim = len(self.received) + more
        await until(lambda: len(self.received) >= aim, BACK_S, "the node goes on serving")


async def state(node: Node) -> dict[str, object]:
    """Return what a node says of its readiness."""
    answer = await asyncio.to_thread(lambda: node.http.get("/health/ready", timeout=10))
    return {**answer.json(), "code": answer.status_code}


async def says(node: Node, right: Callable[[dict[str, object]], bool], what: str) -> None:
    async def found() -> bool:
        return right(await state(node))

    await until(found, BACK_S, what)


@pytest.mark.timeout(170)
@pytest.mark.usefixtures("broken_connections")
async def test_a_node_is_cut_off_killed_and_brought_back(tmp_path: Path, database_url: str) -> None:
    print(f"SEED={SEED}")
    rng = random.Random(SEED)
    async with AsyncExitStack() as stack:
        pair: list[Node] = []
        for number in (1, 2):
            machine = Machine(number)
            proxy = await stack.enter_async_context(Proxy(database_url, machine.database_side))
            directory = tmp_path / machine.name
            pair.append(Node(machine, directory, database_url, MONGO_URL=proxy.url))
        first, second = pair
        await asyncio.to_thread(first.start)
        await asyncio.to_thread(second.start)
        await asyncio.to_thread(first.add_channel)
        people = [
            await asyncio.to_thread(first.add_user, f"p{n}", quota)
            for n, quota in enumerate((RICH, RICH, RICH, POOR))
        ]
        keys = [(await asyncio.to_thread(person.add_key))["key"] for person in people]
        crowds = [Spenders(node, list(keys)) for node in pair]
        spending = [asyncio.create_task(crowd.run(rng)) for crowd in crowds]
        try:
            await asyncio.gather(*(crowd.served(WARM) for crowd in crowds))
            crowds[0].keys = keys[:3]  # those who have credit: the others would wait for some
            await cut_off(first, *crowds)
            crowds[0].keys = keys
            await kill(first, *crowds)
            await asyncio.to_thread(second.stop)  # as for an upgrade
            await crowds[0].served()
            second.http = httpx.Client(base_url=second.url, timeout=60, trust_env=False)
            await asyncio.to_thread(second.start)
            await asyncio.gather(*(crowd.served() for crowd in crowds))
        finally:
            for task in spending:
                task.cancel()
            await asyncio.gather(*spending, return_exceptions=True)
        await agreed(pair, people)
        everything = Crowd(first, keys)
        everything.received = [each for crowd in crowds for each in crowd.received]
        await asyncio.to_thread(first.stop)
        await asyncio.to_thread(second.stop)
        await check(first, everything)
    assert sum(crowd.statuses[402] for crowd in crowds), "nobody ran out of credit"
    assert set(crowds[0].statuses) <= {200, 402, 429, 503}, crowds[0].statuses
    assert set(crowds[1].statuses) <= {200, 402, 503}, crowds[1].statuses
    print([(dict(crowd.statuses), len(crowd.received)) for crowd in crowds])


async def cut_off(node: Node, its: Spenders, others: Spenders) -> None:
    """Drop the link between a node and the database, until charges wait on its disk.

    They are of answers from credit at hand; the other node does not notice.
    """
    node.machine.cut()
    await says(node, lambda said: bool(said.get("spilled")), "charges wait on the node's disk")
    await others.served()
    node.machine.mend()
    await says(node, lambda said: said["code"] == 200, "what waited is recorded")
    await its.served()


async def kill(node: Node, its: Spenders, others: Spenders) -> None:
    """Kill a node in the middle of its work, and start it again while the other one serves."""
    node.kill()
    await others.served()
    await asyncio.to_thread(node.start)
    await its.served()


async def agreed(pair: list[Node], people: list[Person]) -> None:
    """Wait until both nodes say the same of everybody, when what was under way is settled, and see
    that nobody spent more than they had."""

    def said() -> list[set[int]]:
        return [{node.balance_nano(person.account) for node in pair} for person in people]

    async def same() -> bool:
        return all(len(balances) == 1 for balances in await asyncio.to_thread(said))

    await until(same, BACK_S, "both nodes say the same of everybody")
    assert all(min(balances) >= 0 for balances in await asyncio.to_thread(said))
