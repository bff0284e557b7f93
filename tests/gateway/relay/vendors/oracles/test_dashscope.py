"""The fake of DashScope, read by Alibaba's own client."""

from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest
import pytest_asyncio

from tests.fakes.dashscope import KEY, FakeDashScope
from tests.fakes.native import CALLS, WORDS, Script
from tests.gateway.relay.vendors.conftest import tool

dashscope = pytest.importorskip("dashscope")
image_synthesis = pytest.importorskip("dashscope.aigc.image_synthesis")
pytestmark = pytest.mark.asyncio(loop_scope="module")
TEXT = "".join(WORDS)
HI: Any = [{"role": "user", "content": "hi"}]
ASKED: Any = {"api_key": KEY, "model": "qwen-plus", "messages": HI, "result_format": "message"}


@pytest_asyncio.fixture(loop_scope="module")
async def fake(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[FakeDashScope]:
    async with FakeDashScope() as made:
        monkeypatch.setattr(dashscope, "base_http_api_url", f"{made.url}/api/v1")
        yield made
        await dashscope.close_shared_aio_session()


async def test_a_conversation(fake: FakeDashScope) -> None:
    generation = dashscope.AioGeneration
    fake.script = Script(thoughts=("Hm.",), calls=CALLS)
    whole = await generation.call(**ASKED, tools=[tool()], top_k=3, top_p=0.5)
    assert (whole.status_code, whole.usage.input_tokens) == (200, 11)
    message = whole.output.choices[0].message
    assert (message.content, message.reasoning_content) == (TEXT, "Hm.")
    assert [call["function"]["name"] for call in message.tool_calls] == ["weather"] * 2
    assert whole.output.choices[0].finish_reason == "tool_calls"
    fake.script = Script(thoughts=("Hm.",), calls=CALLS, piece=3)
    text, arguments, last = "", "", None
    streamed = {**ASKED, "stream": True, "incremental_output": True, "tools": [tool()]}
    async for event in await generation.call(**streamed):
        last = event.output.choices[0]
        text += last.message.content or ""
        for call in last.message.get("tool_calls") or ():
            arguments += call["function"]["arguments"]
    assert text == TEXT and arguments == "".join(orjson.dumps(x).decode() for _, x in CALLS)
    assert last is not None and last.finish_reason == "tool_calls"
    assert event.usage.output_tokens == 7
    fake.script = Script(fails=True)
    async for event in await generation.call(**streamed):
        assert (event.status_code >= 400, event.code) == (True, "InternalError")
    refused = await generation.call(**{**ASKED, "api_key": "other"})
    assert (refused.status_code, refused.code) == (401, "InvalidApiKey")


async def test_what_is_seen(fake: FakeDashScope) -> None:
    parts = [{"image": "https://example.org/cat.png"}, {"text": "What is it?"}]
    asked = {**ASKED, "model": "qwen-vl-max", "messages": [{"role": "user", "content": parts}]}
    whole = await dashscope.AioMultiModalConversation.call(**asked)
    assert whole.output.choices[0].message.content == [{"text": TEXT}]
    drawn = await dashscope.AioMultiModalConversation.call(
        api_key=KEY,
        model="qwen-image-max",
        messages=[{"role": "user", "content": [{"text": "a cat"}]}],
        size="1664*928",
        n=1,
    )
    image = drawn.output.choices[0].message.content[0]["image"]
    assert image.endswith("cat0.png") and drawn.usage["image_count"] == 1


async def test_a_task(fake: FakeDashScope) -> None:
    synthesis = image_synthesis.AioImageSynthesis
    asked = {"api_key": KEY, "model": "wanx2.1-t2i-turbo", "prompt": "a cat", "n": 2}
    begun = await synthesis.async_call(**asked, size="1024*1024")
    assert begun.output.task_status == "PENDING"
    made = await synthesis.wait(begun, api_key=KEY)
    assert made.output.task_status == "SUCCEEDED" and made.usage.image_count == 2
    assert [each.url[-8:] for each in made.output.results] == ["cat0.png", "cat1.png"]
    assert (await synthesis.cancel(begun, api_key=KEY)).status_code == 200
    fake.script = Script(images=1)
    partly = await synthesis.wait(await synthesis.async_call(**asked), api_key=KEY)
    assert partly.output.results[1].code == "InternalError.Timeout"


async def test_ranks(fake: FakeDashScope) -> None:
    ranks = await dashscope.AioTextReRank.call(
        model="gte-rerank-v2",
        query="q",
        documents=["a", "b"],
        top_n=1,
        return_documents=True,
        api_key=KEY,
    )
    assert [(each.index, each.relevance_score) for each in ranks.output.results] == [(0, 0.9)]
    assert ranks.usage.total_tokens == 11
