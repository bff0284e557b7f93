"""The fake of Zhipu, read by Zhipu's own client."""

import asyncio
from typing import Any

import pytest

from tests.fakes.native import WORDS, Script
from tests.fakes.zhipu import BASE, KEY, FakeZhipu

pytestmark = pytest.mark.asyncio(loop_scope="module")
TEXT = "".join(WORDS)


@pytest.mark.filterwarnings("ignore")
async def test_zhipu() -> None:
    zai = pytest.importorskip("zai")
    async with FakeZhipu() as fake:
        client = zai.ZhipuAiClient(api_key=KEY, base_url=fake.url + BASE, max_retries=0)
        await asyncio.to_thread(_asked, zai, client, fake)


def _asked(zai: Any, client: Any, fake: FakeZhipu) -> None:
    asked = {"model": "glm-4", "messages": [{"role": "user", "content": "hi"}]}
    whole = client.chat.completions.create(**asked, temperature=0, top_p=1)
    assert whole.choices[0].message.content == TEXT and whole.usage.total_tokens == 18
    sent = fake.received[-1].body
    assert (sent["temperature"], sent["top_p"]) == (0.01, 0.99)  # as the gateway does
    fake.script = Script(piece=3)
    chunks = list(client.chat.completions.create(**asked, stream=True))
    assert "".join(chunk.choices[0].delta.content for chunk in chunks) == TEXT
    assert chunks[-1].usage.completion_tokens == 7
    made = client.embeddings.create(model="embedding-3", input=["one"], dimensions=256)
    assert made.data[0].embedding == [3.0, 0.5]
    assert client.images.generations(model="cogview-3", prompt="a cat").data[0].url
    fake.script = Script(status=400)
    with pytest.raises(zai.core.APIRequestFailedError, match="1214"):
        client.chat.completions.create(**asked)
