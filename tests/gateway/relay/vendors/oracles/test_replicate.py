"""The fake of Replicate, read by Replicate's own client."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from tests.fakes.native import WORDS, Script
from tests.fakes.replicate import KEY, VERSION, FakeReplicate

replicate = pytest.importorskip("replicate")
pytestmark = pytest.mark.asyncio(loop_scope="module")
ASKED: Any = {"prompt": "hi", "max_tokens": 9}


@pytest_asyncio.fixture(loop_scope="module")
async def fake() -> AsyncIterator[FakeReplicate]:
    async with FakeReplicate() as made:
        made.streams_at = made.url
        yield made


def client_of(fake: FakeReplicate, key: str = KEY) -> Any:
    client = replicate.Client(api_token=key, base_url=fake.url)
    client.poll_interval = 0.01
    return client


async def test_a_prediction(fake: FakeReplicate) -> None:
    client = client_of(fake)
    create = client.models.predictions.async_create
    done = await create("acme/chat", ASKED, wait=5)
    assert (done.status, done.output) == ("succeeded", list(WORDS))
    assert done.metrics["input_token_count"] == 11
    fake.script = Script(polls=2)
    begun = await create("acme/chat", ASKED)
    assert (begun.status, begun.output) == ("starting", None)
    await begun.async_wait()
    assert "".join(begun.output) == "".join(WORDS) and begun.metrics["output_token_count"] == 7
    fake.script = Script(fails=True)
    failed = await create("acme/chat", ASKED, wait=5)
    assert (failed.status, failed.error) == ("failed", "the model crashed")
    fake.script = Script(polls=9)
    away = await create("acme/image", {"prompt": "a cat"})
    await away.async_cancel()
    assert away.status == "canceled"
    other = client_of(fake, "other")
    with pytest.raises(replicate.exceptions.ReplicateError) as caught:
        await other.models.predictions.async_create("acme/chat", ASKED)
    await other._async_client.aclose()
    assert (caught.value.status, caught.value.title) == (401, "Unauthenticated")
    await client._async_client.aclose()


async def test_a_stream(fake: FakeReplicate) -> None:
    client, words = client_of(fake), ("a", " b\n", "\nc", " d")
    fake.script = Script(words=words, piece=3)
    begun = await client.predictions.async_create(version=VERSION, input=ASKED, stream=True)
    events = [event async for event in begun.async_stream()]
    assert "".join(event.data for event in events[:-1]) == "".join(words)
    assert [event.event.value for event in events] == ["output"] * 4 + ["done"]
    fake.script = Script(fails=True)
    begun = await client.models.predictions.async_create("acme/chat", ASKED, stream=True)
    with pytest.raises(RuntimeError, match="the model crashed"):
        async for _ in begun.async_stream():
            continue
    await client._async_client.aclose()


async def test_images(fake: FakeReplicate) -> None:
    fake.script = Script(polls=1)
    client = client_of(fake)
    given = {"prompt": "a cat", "num_outputs": 2}
    made = await client.async_run("acme/image", given, wait=False)
    assert [str(each)[-8:] for each in made] == ["cat0.png", "cat1.png"]
    await client._async_client.aclose()
