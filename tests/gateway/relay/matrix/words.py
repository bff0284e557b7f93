"""How conversations and completions are asked for, by the clients of each vendor."""

from typing import Any

from tests.gateway.relay.dialects import conftest as clients
from tests.gateway.relay.dialects.conftest import HI, anthropic_client, google_client
from tests.gateway.relay.matrix.heard import Asking, Heard


async def chat(how: Asking) -> Heard:
    """Ask as a chat client."""
    create = how.client.chat.completions.create
    if how.stream:
        return await _streamed(how, create(**_streaming(how), messages=HI))
    whole = await create(model=how.model, messages=HI)
    return Heard.told(whole.choices[0].message.content, whole.usage)


async def completion(how: Asking) -> Heard:
    """Ask to complete a text."""
    create = how.client.completions.create
    if how.stream:
        return await _streamed(how, create(**_streaming(how), prompt="hi"))
    whole = await create(model=how.model, prompt="hi")
    return Heard.told(whole.choices[0].text, whole.usage)


def _streaming(how: Asking) -> dict[str, Any]:
    more = {"stream_options": {"include_usage": True}} if how.show else {}
    return {"model": how.model, "stream": True, **more}


async def _streamed(how: Asking, asked: Any) -> Heard:
    said, usages = "", []
    async for chunk in await asked:
        assert chunk.choices or how.show, "a chunk for usage alone, which nobody asked for"
        for choice in chunk.choices:
            said += (choice.delta.content if hasattr(choice, "delta") else choice.text) or ""
        usages += [chunk.usage] if chunk.usage else []
    assert len(usages) == how.show
    return Heard.told(said, usages[0] if usages else None)


async def messages(how: Asking) -> Heard:
    """Ask as a client of Anthropic's Messages."""
    return _heard(await clients.messages(how.gate, how.secret, how.model, how.stream))


async def responses(how: Asking) -> Heard:
    """Ask as a client of the Responses API."""
    return _heard(await clients.responses(how.gate, how.secret, how.model, how.stream))


async def generate(how: Asking) -> Heard:
    """Ask as a client of Gemini."""
    return _heard(await clients.gemini(how.gate, how.secret, how.model, how.stream))


def _heard(found: clients.Heard) -> Heard:
    return Heard(found.text, (found.tokens_in, found.tokens_out))


async def generate_array(how: Asking) -> Heard:
    """Ask Gemini for a stream as one JSON array."""
    path = f"/v1beta/models/{how.model}:streamGenerateContent"
    body = {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}
    answer = await how.by_hand("POST", path, json=body)
    assert answer.headers["content-type"] == "application/json"
    events = answer.json()
    assert isinstance(events, list)
    parts = [each["candidates"][0]["content"]["parts"] for each in events if "candidates" in each]
    said = "".join(part.get("text", "") for each in parts for part in each)
    usage = events[-1]["usageMetadata"]
    out = usage["candidatesTokenCount"] + usage.get("thoughtsTokenCount", 0)
    return Heard(said, (usage["promptTokenCount"], out))


async def edit(how: Asking) -> Heard:
    """Ask for an edit; today's clients don't know it any more."""
    body = {"model": how.model, "instruction": "hi", "input": "long long"}
    found = (await how.by_hand("POST", "/v1/edits", json=body)).json()
    return Heard.told(found["choices"][0]["text"], found.get("usage"))


async def count_messages(how: Asking) -> Heard:
    """Count as a client of Anthropic's does."""
    async with anthropic_client(how.gate, how.secret) as client:
        found = await client.messages.count_tokens(model=how.model, messages=HI)
    return Heard(found.input_tokens)


async def count_generate(how: Asking) -> Heard:
    """Count as a client of Gemini's does."""
    async with google_client(how.gate, how.secret) as client:
        found = await client.models.count_tokens(model=how.model, contents="hi")
    return Heard(found.total_tokens)
