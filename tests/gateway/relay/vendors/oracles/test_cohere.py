"""The fake of Cohere, read by Cohere's own client."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.fakes.cohere import KEY, FakeCohere
from tests.fakes.native import CALLS, WORDS, Script
from tests.gateway.relay.vendors.conftest import tool

pytestmark = pytest.mark.asyncio(loop_scope="module")
TEXT = "".join(WORDS)
HI: Any = [{"role": "user", "content": "hi"}]


async def test_cohere() -> None:
    cohere = pytest.importorskip("cohere")
    async with FakeCohere() as fake, httpx.AsyncClient() as http:
        client = cohere.AsyncClientV2(KEY, base_url=fake.url, httpx_client=http)
        # A client says nothing of streams where it wants none.
        fake.chat = _defaulted(fake.chat)  # type: ignore[method-assign]
        fake.script = Script(thoughts=("Hm.",), calls=CALLS)
        asked = {"model": "m", "messages": HI, "tools": [tool()], "k": 3, "p": 0.5}
        whole = await client.chat(**asked)
        kinds = [(part.type, part.dict()[part.type]) for part in whole.message.content]
        assert kinds == [("thinking", "Hm."), ("text", TEXT)]
        assert [call.function.name for call in whole.message.tool_calls] == ["weather"] * 2
        assert whole.finish_reason == "TOOL_CALL" and whole.usage.billed_units.input_tokens == 11
        fake.script = Script(thoughts=("Hm.",), calls=CALLS, piece=3)
        text, arguments, kinds = "", "", []
        async for event in client.chat_stream(**asked):
            kinds.append(event.type)
            if event.type == "content-delta":
                text += event.delta.message.content.text or ""
            if event.type == "tool-call-delta":
                arguments += event.delta.message.tool_calls.function.arguments
        assert text == TEXT and arguments == '{"city":"Oslo"}{"city":"Bergen"}'
        assert (kinds[0], kinds[-1]) == ("message-start", "message-end")
        assert event.delta.usage.tokens.output_tokens == 507
        await _vectors_and_ranks(client)
        fake.script = Script(status=400)
        with pytest.raises(cohere.BadRequestError, match="failed with 400"):
            await client.chat(model="m", messages=HI)


def _defaulted(chat: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda body: chat({"stream": False, **body})


async def _vectors_and_ranks(client: Any) -> None:
    vectors = await client.embed(
        model="e", texts=["one"], input_type="search_query", embedding_types=["float"]
    )
    assert vectors.embeddings.float_ == [[3.0, 0.5]]
    assert vectors.meta.billed_units.input_tokens == 11
    ranks = await client.rerank(model="r", query="q", documents=["a", "b"], top_n=1)
    assert [each.index for each in ranks.results] == [0]
    assert ranks.meta.billed_units.search_units == 2
