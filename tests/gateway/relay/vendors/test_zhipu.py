"""Zhipu's v4: OpenAI's protocol, with bounds of its own for temperature and top_p."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from tests.fakes.native import WORDS
from tests.fakes.zhipu import KEY, FakeZhipu
from tests.gateway.relay.conftest import Gate

pytestmark = pytest.mark.asyncio(loop_scope="module")
TEXT = "".join(WORDS)
HI: Any = [{"role": "user", "content": "hi"}]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def asked(running_gate: Gate) -> AsyncIterator[tuple[Gate, str, FakeZhipu]]:
    async with FakeZhipu() as fake:
        prices = [{"model": name, "input": "1", "output": "4"} for name in ("glm-x", "embedding-x")]
        await running_gate.price(*prices, {"model": "cogview-x", "images": "0.06"})
        names = ["glm-x", "embedding-x", "cogview-x"]
        given = {"type": 16, "name": "zhipu", "base_url": fake.url, "models": names}
        await running_gate.running.directory.channels.create(given, KEY)
        _, key = await running_gate.key()
        yield running_gate, key, fake
        await running_gate.settled()


async def test_numbers_beyond_the_bounds(asked: Any, gate: Gate) -> None:
    gate, key, fake = asked
    fake.reset()
    create = gate.client(key).chat.completions.with_raw_response.create
    for sent, got in (((0, 1), (0.01, 0.99)), ((2, 0.5), (0.99, 0.5)), ((0.3, 0), (0.3, 0.01))):
        for stream in (False, True):
            answer = await create(
                model="glm-x", messages=HI, temperature=sent[0], top_p=sent[1], stream=stream
            )
            if stream:
                text = "".join(
                    [c.choices[0].delta.content or "" async for c in answer.parse() if c.choices]
                )
            else:
                text = answer.parse().choices[0].message.content
            assert text == TEXT
            body = fake.received[-1].body
            assert (body["temperature"], body["top_p"]) == got
            event = await gate.charge_of(answer)
            assert -event["amount"] == 11_000 + 28_000
    # From another dialect, too; and what is no number is the vendor's to refuse.
    said = {"model": "glm-x", "messages": HI, "max_tokens": 9, "temperature": 1}
    assert (await gate.post(key, said, "/v1/messages")).status_code == 200
    assert fake.received[-1].body["temperature"] == 0.99
    odd = await gate.post(key, {"model": "glm-x", "messages": HI, "temperature": True})
    assert odd.status_code == 400 and odd.json()["error"]["code"] == "1214"


async def test_vectors_and_images(asked: Any, gate: Gate) -> None:
    gate, key, fake = asked
    fake.reset()
    client = gate.client(key)
    answer = await client.embeddings.with_raw_response.create(
        model="embedding-x", input=["one"], dimensions=256, encoding_format="float"
    )
    assert answer.parse().data[0].embedding == [3.0, 0.5]
    assert -(await gate.charge_of(answer))["amount"] == 11_000
    made = await client.images.with_raw_response.generate(model="cogview-x", prompt="a cat")
    assert made.parse().data[0].url and fake.received[-1].body == {
        "model": "cogview-x",
        "prompt": "a cat",
    }
    assert -(await gate.charge_of(made))["amount"] == 60_000_000
