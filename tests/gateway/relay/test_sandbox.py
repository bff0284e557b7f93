"""The sandbox: deterministic, exact, and as odd as it is told to be."""

import base64
import struct
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from gateway.directory.catalogue import Catalogue
from gateway.directory.channels import Channel
from gateway.formats import openai, text
from gateway.providers import sandbox_text
from gateway.providers.base import Answer, Call, CallFailed
from gateway.providers.sandbox import SandboxProvider
from gateway.tokens import TokenCounter
from ledger.clock import Clock

CONF = Path(__file__).parents[3] / "conf"
CHAT: dict[str, Any] = {"model": "sandbox-chat", "messages": [{"role": "user", "content": "hi"}]}


@pytest.fixture(scope="module")
def counter(tmp_path_factory: pytest.TempPathFactory) -> TokenCounter:
    return TokenCounter(tmp_path_factory.mktemp("ranks"))


@pytest.fixture(scope="module")
def provider(counter: TokenCounter) -> SandboxProvider:
    return SandboxProvider(counter, Clock())


async def ask(
    provider: SandboxProvider,
    body: dict[str, Any],
    endpoint: openai.Endpoint = openai.CHAT,
    **config: Any,
) -> Answer:
    channel = Channel(id=1, type=1000, config=config)
    vendor = Catalogue.load(CONF / "providers.yaml").vendor(1000)
    raw = orjson.dumps(body)
    call = Call(channel, vendor, "", endpoint, raw, bool(body.get("stream")))
    return await provider.call(call)


async def read(answer: Answer) -> bytes:
    return b"".join([piece async for piece in answer.body])


async def document(*args: Any, **config: Any) -> dict[str, Any]:
    answer = await ask(*args, **config)
    assert answer.status == 200
    found: dict[str, Any] = orjson.loads(await read(answer))
    return found


async def chunks(body: AsyncIterator[bytes]) -> list[Any]:
    data = [piece[6:].strip() async for piece in body]
    assert data.pop() == b"[DONE]"
    return [orjson.loads(each) for each in data]


async def test_the_same_request_has_the_same_answer(provider: SandboxProvider) -> None:
    first, second = await document(provider, CHAT), await document(provider, CHAT)
    assert first["choices"] == second["choices"] and first["id"] == second["id"]
    said = first["choices"][0]["message"]["content"]
    assert said.startswith(sandbox_text.LABEL)
    other = await document(provider, {**CHAT, "messages": [{"role": "user", "content": "ho"}]})
    assert other["choices"][0]["message"]["content"] != said


async def test_usage_is_what_counting_gives(
    provider: SandboxProvider, counter: TokenCounter
) -> None:
    found = await document(provider, {**CHAT, "n": 3})
    said = [choice["message"]["content"] for choice in found["choices"]]
    assert len(set(said)) == 3
    prompt = text.of_request(CHAT)
    tokens_in = prompt.tokens + counter.count_here("sandbox-chat", prompt.texts)
    tokens_out = sum(counter.count_here("sandbox-chat", [each]) for each in said)
    assert found["usage"] == {
        "prompt_tokens": tokens_in,
        "completion_tokens": tokens_out,
        "total_tokens": tokens_in + tokens_out,
    }


@pytest.mark.parametrize("limit", ["max_tokens", "max_completion_tokens"])
async def test_the_output_limit_is_kept(provider: SandboxProvider, limit: str) -> None:
    found = await document(provider, {**CHAT, limit: 4})
    assert found["usage"]["completion_tokens"] == 4
    assert found["choices"][0]["finish_reason"] == "length"


async def test_a_stop_word_ends_the_text(provider: SandboxProvider) -> None:
    found = await document(provider, {**CHAT, "stop": [" answer"]})
    assert found["choices"][0]["message"]["content"] == "Sandbox"
    assert found["choices"][0]["finish_reason"] == "stop"


@pytest.mark.parametrize("count", [0, 1, 7])
async def test_a_stream_says_the_same(provider: SandboxProvider, count: int) -> None:
    whole = (await document(provider, CHAT))["choices"][0]["message"]["content"]
    body = {**CHAT, "stream": True, "stream_options": {"include_usage": True}}
    got = await chunks((await ask(provider, body, chunks=count)).body)
    usage = got.pop()
    assert usage["choices"] == [] and usage["usage"]["completion_tokens"] > 0
    assert got[0]["choices"][0]["delta"]["role"] == "assistant"
    assert got[-1]["choices"][0]["finish_reason"] == "stop"
    pieces = [chunk["choices"][0]["delta"].get("content", "") for chunk in got]
    assert "".join(pieces) == whole
    assert count == 0 or len([piece for piece in pieces if piece]) <= count


async def test_completions_have_text(provider: SandboxProvider) -> None:
    body = {"model": "sandbox-chat", "prompt": "hi"}
    found = await document(provider, body, openai.COMPLETIONS)
    assert found["object"] == "text_completion" and found["choices"][0]["text"]


async def test_embeddings_are_unit_vectors_in_both_spellings(provider: SandboxProvider) -> None:
    body = {"model": "sandbox-embedding", "input": ["a", "b"], "dimensions": 8}
    floats = await document(provider, body, openai.EMBEDDINGS)
    packed = await document(provider, {**body, "encoding_format": "base64"}, openai.EMBEDDINGS)
    for one, other in zip(floats["data"], packed["data"], strict=True):
        numbers = struct.unpack("<8f", base64.b64decode(other["embedding"]))
        assert numbers == pytest.approx(one["embedding"])
        assert sum(n * n for n in one["embedding"]) == pytest.approx(1)
    assert floats["usage"] == {"prompt_tokens": 2, "total_tokens": 2}


async def test_it_misbehaves_as_told(provider: SandboxProvider) -> None:
    failed = await ask(provider, CHAT, fail_status=503)
    assert failed.status == 503 and b"sandbox_error" in await read(failed)
    assert "usage" not in await document(provider, CHAT, no_usage=True)
    odd = await document(provider, CHAT, usage={"completion_tokens": -5})
    assert odd["usage"]["completion_tokens"] == -5
    dropped = await ask(provider, {**CHAT, "stream": True}, drop_after_chunks=2)
    seen = []
    with pytest.raises(CallFailed):
        async for piece in dropped.body:
            seen.append(piece)
    assert len(seen) == 2


async def test_nonsense_in_its_config_is_no_behaviour(provider: SandboxProvider) -> None:
    assert await document(provider, CHAT, latency_ms="soon", chunks=None, fail_status=True)
