"""The fake of Zhipu, read by Zhipu's own client.

That client (zhipuai 2.1.5) wants PyJWT below 2.9, which nothing else here does, so it is no part of
the extra `dev`: where it is not installed, this is skipped.
"""

import asyncio
from typing import Any

import pytest

from tests.fakes.native import WORDS, Script
from tests.fakes.zhipu import BASE, KEY, FakeZhipu

pytestmark = pytest.mark.asyncio(loop_scope="module")
TEXT = "".join(WORDS)


@pytest.mark.filterwarnings("ignore")
async def test_zhipu() -> None:
    zhipuai = pytest.importorskip("zhipuai")
    async with FakeZhipu() as fake:
        client = zhipuai.ZhipuAI(api_key=KEY, base_url=fake.url + BASE, max_retries=0)
        await asyncio.to_thread(_asked, zhipuai, client, fake)


def _asked(zhipuai: Any, client: Any, fake: FakeZhipu) -> None:
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
    with pytest.raises(zhipuai.APIRequestFailedError, match="1214"):
        client.chat.completions.create(**asked)
