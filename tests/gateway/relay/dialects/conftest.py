"""Channels to vendors of every protocol, and a client of every dialect, unmodified."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
import pytest_asyncio

from tests.fakes.vendors import FakeVendor
from tests.gateway.relay.conftest import DEADLINE_S, NO_TLS, Gate

# The model of each kind of upstream, and the type of its channel.
TYPES = {"chatty": 50, "claude-fake": 14, "gemini-fake": 24, "respond": 1}
PRICE = {"input": "1", "cached": "0.5", "cache_write": "1.25", "output": "4"}
HELLO = "Hello from the fake."


@dataclass(frozen=True)
class Heard:
    """What a client got: the text, and the counts that it was told."""

    text: str
    tokens_in: int
    tokens_out: int


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running_vendor(running_gate: Gate) -> AsyncIterator[FakeVendor]:
    """One vendor for a module, and a channel for each protocol."""
    async with FakeVendor() as vendor:
        await running_gate.price(*({"model": model, **PRICE} for model in TYPES))
        for model, kind in TYPES.items():
            url = running_gate.upstream.url if model == "chatty" else vendor.url
            await running_gate.channel(model, type=kind, base_url=url)
        yield vendor
        await running_gate.settled()


@pytest_asyncio.fixture(loop_scope="module")
async def vendor(running_vendor: FakeVendor, gate: Gate) -> FakeVendor:
    """The vendor, as usual."""
    running_vendor.reset()
    return running_vendor


@asynccontextmanager
async def anthropic_client(gate: Gate, secret: str) -> AsyncIterator[Any]:
    """Anthropic's own client."""
    anthropic = pytest.importorskip("anthropic")
    http = anthropic.DefaultAsyncHttpxClient(verify=NO_TLS)
    options = {"max_retries": 0, "timeout": DEADLINE_S, "http_client": http}
    client = anthropic.AsyncAnthropic(api_key=f"sk-{secret}", base_url=gate.url, **options)
    try:
        yield client
    finally:
        await client.close()


@asynccontextmanager
async def google_client(gate: Gate, secret: str) -> AsyncIterator[Any]:
    """Google's own client."""
    genai = pytest.importorskip("google.genai")
    plain = {"verify": NO_TLS}
    options = genai.types.HttpOptions(
        base_url=gate.url,
        timeout=int(DEADLINE_S * 1000),
        client_args=plain,
        async_client_args=plain,
    )
    client = genai.Client(api_key=f"sk-{secret}", http_options=options, vertexai=False)
    try:
        yield client.aio
    finally:
        await client.aio.aclose()
        client.close()


@pytest.fixture
def with_books(gate: Gate) -> Iterator[Callable[[Exception, str], None]]:
    """Make the books fail at one of their methods."""
    relay = gate.running.relay
    real = relay.books

    class Away:
        def __init__(self, error: Exception, at: str) -> None:
            self._error, self._at = error, at

        def __getattr__(self, name: str) -> Any:
            if name != self._at:
                return getattr(real, name)

            def refuse(*_: Any) -> Any:
                raise self._error

            return refuse

    def change(error: Exception, at: str) -> None:
        relay.books = Away(error, at)  # type: ignore[assignment]

    yield change
    relay.books = real


HI: list[Any] = [{"role": "user", "content": "hi"}]


async def chat(gate: Gate, secret: str, model: str, stream: bool) -> Heard:
    """Ask as a chat client."""
    create = gate.client(secret).chat.completions.create
    if not stream:
        whole = await create(model=model, messages=HI)
        text = whole.choices[0].message.content or ""
        return _heard(text, whole.usage, "prompt_tokens", "completion_tokens")
    text, counted = "", None
    options = {"include_usage": True}
    async for chunk in await create(
        model=model,
        messages=HI,
        stream=True,
        stream_options=options,  # type: ignore[arg-type]
    ):
        text += "".join(choice.delta.content or "" for choice in chunk.choices)
        counted = chunk.usage or counted
    return _heard(text, counted, "prompt_tokens", "completion_tokens")


def _heard(text: str, usage: Any, name_in: str, name_out: str) -> Heard:
    return Heard(text, getattr(usage, name_in, 0), getattr(usage, name_out, 0))


async def messages(gate: Gate, secret: str, model: str, stream: bool) -> Heard:
    """Ask as a client of Anthropic's Messages."""
    async with anthropic_client(gate, secret) as client:
        ask = {"model": model, "max_tokens": 100, "messages": HI}
        if stream:
            async with client.messages.stream(**ask) as events:
                said = "".join([text async for text in events.text_stream])
                found = await events.get_final_message()
            assert said == found.content[0].text
        else:
            found = await client.messages.create(**ask)
        assert (found.type, found.stop_reason) == ("message", "end_turn")
        names = ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
        tokens_in = sum(getattr(found.usage, name, 0) or 0 for name in names)
        tokens_out = getattr(found.usage, "output_tokens", 0)
        return Heard(found.content[0].text, tokens_in, tokens_out)


async def responses(gate: Gate, secret: str, model: str, stream: bool) -> Heard:
    """Ask as a client of the Responses API."""
    create: Any = gate.client(secret).responses.create
    if stream:
        said, found = "", None
        async for event in await create(model=model, input="hi", stream=True):
            if event.type == "response.output_text.delta":
                said += event.delta
            if event.type == "response.completed":
                found = event.response
        assert found is not None and said == found.output_text
    else:
        found = await create(model=model, input="hi")
    assert found.status == "completed"
    return _heard(found.output_text, found.usage, "input_tokens", "output_tokens")


async def gemini(gate: Gate, secret: str, model: str, stream: bool) -> Heard:
    """Ask as a client of Gemini."""
    async with google_client(gate, secret) as client:
        if stream:
            said, usage = "", None
            events = await client.models.generate_content_stream(model=model, contents="hi")
            async for event in events:
                said += event.text or ""
                usage = event.usage_metadata or usage
        else:
            found = await client.models.generate_content(model=model, contents="hi")
            said, usage = found.text, found.usage_metadata
        if usage is None:
            return Heard(said, 0, 0)
        out = (usage.candidates_token_count or 0) + (usage.thoughts_token_count or 0)
        return Heard(said, usage.prompt_token_count or 0, out)


Client = Callable[[Gate, str, str, bool], Awaitable[Heard]]
CLIENTS: dict[str, Client] = {
    "chat.completions": chat,
    "messages": messages,
    "responses": responses,
    "gemini.generateContent": gemini,
}


async def post(gate: Gate, secret: str, path: str, body: Any, **headers: str) -> httpx.Response:
    """Post by hand, as a client of Anthropic's does; the whole answer."""
    content = body if isinstance(body, bytes) else None
    sent = {"x-api-key": f"sk-{secret}", **{n.replace("_", "-"): v for n, v in headers.items()}}
    json = None if content is not None else body
    return await gate.http.post(path, content=content, json=json, headers=sent)
