"""The fake of Ollama, read by Ollama's own client."""

from typing import Any

import pytest

from tests.fakes.native import CALLS, WORDS, Script
from tests.fakes.ollama import FakeOllama
from tests.gateway.relay.vendors.conftest import tool

pytestmark = pytest.mark.asyncio(loop_scope="module")
TEXT = "".join(WORDS)
HI: Any = [{"role": "user", "content": "hi"}]


async def test_ollama() -> None:
    ollama = pytest.importorskip("ollama")
    async with FakeOllama() as fake, ollama.AsyncClient(host=fake.url) as client:
        fake.script = Script(thoughts=("Hm.",), calls=CALLS, tokens_in=3, tokens_out=4)
        asked = {"model": "m", "messages": HI, "tools": [tool()], "options": {"num_ctx": 99}}
        whole = await client.chat(**asked, think=True, format="json")
        assert (whole.message.content, whole.message.thinking) == (TEXT, "Hm.")
        calls = [(c.function.name, c.function.arguments) for c in whole.message.tool_calls]
        assert calls == list(CALLS)
        assert (whole.done, whole.prompt_eval_count, whole.eval_count) == (True, 3, 4)
        fake.script = Script(thoughts=("Hm.",), calls=CALLS, piece=3)
        events = [event async for event in await client.chat(**asked, stream=True)]
        assert "".join(event.message.content or "" for event in events) == TEXT
        assert [len(event.message.tool_calls or ()) for event in events].count(1) == 2
        assert events[-1].done_reason == "stop" and events[-1].eval_count == 7
        made = await client.embed("m", ["one", "three"], dimensions=2)
        assert made.embeddings == [[3.0, 0.5], [5.0, 0.5]] and made.prompt_eval_count == 11
        for script, said in ((Script(status=404), "failed"), (Script(fails=True), "crashed")):
            fake.script = script
            with pytest.raises(ollama.ResponseError, match=said):
                async for _ in await client.chat("m", HI, stream=True):
                    continue
        fake.key = "secret"
        with pytest.raises(ollama.ResponseError, match="unauthorized"):
            await client.chat("m", HI)
