"""Upstreams for what is not a conversation, one of OpenAI's protocol and one of Google's."""

from collections.abc import AsyncIterator

import pytest_asyncio

from tests.fakes.tasks import FakeTasks
from tests.gateway.relay.conftest import Gate

# A token of input is 1,000 nano-dollars, a call 5,000,000, a token of output 4,000.
PRICES = (
    {"model": "vec", "input": "1"},
    {"model": "vec-google", "input": "1"},
    {"model": "text-moderation-stable", "input": "0"},
    {"model": "omni", "input": "0"},
    {"model": "edit", "input": "1", "output": "4"},
    {"model": "rank", "input": "1"},
    {"model": "rank-calls", "calls": "0.005"},
)
OPENAI_MODELS = ("vec", "text-moderation-stable", "omni", "edit", "rank", "rank-calls")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running_tasks(running_gate: Gate) -> AsyncIterator[FakeTasks]:
    """One upstream for a module, with its channels."""
    async with FakeTasks() as upstream:
        await running_gate.price(*PRICES)
        await running_gate.channel(*OPENAI_MODELS, base_url=upstream.url, system_prompt="Be brief.")
        await running_gate.channel("vec-google", type=24, base_url=upstream.url)
        sandbox = ("sandbox-embedding", "sandbox-rerank", "sandbox-moderation", "sandbox-edit")
        await running_gate.price(*({"model": model, "input": "1"} for model in sandbox))
        await running_gate.channel(*sandbox, type=1000)
        yield upstream
        await running_gate.settled()


@pytest_asyncio.fixture(loop_scope="module")
async def tasks(running_tasks: FakeTasks, gate: Gate) -> FakeTasks:
    """The upstream, as usual."""
    running_tasks.reset()
    return running_tasks
