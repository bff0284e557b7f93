"""How all else is asked for: vectors, verdicts, rankings, images, sounds, sessions, and the raw."""

import base64
import struct
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import openai
import orjson
import pytest

from gateway.formats import sse
from tests.fakes.media import wav
from tests.gateway.relay.dialects.conftest import google_client
from tests.gateway.relay.matrix.heard import Asking, Heard
from tests.gateway.relay.realtime.conftest import CREATE, TEXT, talk

Ask = Callable[[Asking], Awaitable[Heard]]
PICTURE = {"image": ("a.png", b"\x89PNG", "image/png")}
SECONDS = 2
RECORDING = wav(SECONDS)
SAID = "Hello"
DOCUMENTS = ["a bird", "which fish"]


def embeddings(given: Any, how_written: str | None = "float") -> Ask:
    """Ask for vectors of something."""

    async def ask(how: Asking) -> Heard:
        create = how.client.embeddings.create
        found = await create(model=how.model, input=given, encoding_format=how_written)
        return Heard.told([_vector(each.embedding) for each in found.data], found.usage)

    return ask


async def engine(how: Asking) -> Heard:
    """Ask at the oldest address."""
    path = f"/v1/engines/{how.model}/embeddings"
    found = (await how.by_hand("POST", path, json={"input": "one"})).json()
    return Heard.told([rounded(each["embedding"]) for each in found["data"]], found["usage"])


def _vector(written: Any) -> list[float]:
    if isinstance(written, str):
        raw = base64.b64decode(written)
        written = struct.unpack(f"<{len(raw) // 4}f", raw)
    return rounded(written)


def rounded(vector: Iterable[float]) -> list[float]:
    """Return a vector as far as numbers of 32 bits tell it."""
    return [round(number, 4) for number in vector]


async def embed_content(how: Asking) -> Heard:
    """Ask Gemini for one vector."""
    path = f"/v1beta/models/{how.model}:embedContent"
    found = (await how.by_hand("POST", path, json={"content": {"parts": [{"text": "one"}]}})).json()
    return Heard(
        [rounded(found["embedding"]["values"])], _google_tokens(found.get("usageMetadata"))
    )


async def batch_embed(how: Asking) -> Heard:
    """Ask for vectors as Google's client does."""
    async with google_client(how.gate, how.secret) as client:
        found = await client.models.embed_content(model=how.model, contents=["one", "two"])
    return Heard([rounded(each.values) for each in found.embeddings])


def _google_tokens(usage: Any) -> tuple[int, int] | None:
    return None if usage is None else (usage["promptTokenCount"], 0)


async def moderate(how: Asking) -> Heard:
    """Ask for a verdict."""
    found = await how.client.moderations.create(model=how.model, input="be kind")
    return Heard([each.flagged for each in found.results])


async def rerank(how: Asking) -> Heard:
    """Ask for a ranking."""
    body = {"model": how.model, "query": "which fish", "documents": DOCUMENTS}
    found = (await how.by_hand("POST", "/v1/rerank", json=body)).json()
    return Heard([each["index"] for each in found["results"]])


async def generate_images(how: Asking) -> Heard:
    """Ask for an image."""
    asked = how.client.images.generate(model=how.model, prompt="a cat", stream=how.stream)
    return await _pictures(how, asked)


async def edit_images(how: Asking) -> Heard:
    """Ask for a change of an image."""
    image = PICTURE["image"]
    create = how.client.images.edit
    return await _pictures(
        how, create(model=how.model, prompt="a cat", image=image, stream=how.stream)
    )


async def vary_images(how: Asking) -> Heard:
    """Ask for another image like it."""
    return await _pictures(
        how, how.client.images.create_variation(model=how.model, image=PICTURE["image"])
    )


async def _pictures(how: Asking, asked: Any) -> Heard:
    found = await asked
    if how.stream:
        made = [each async for each in found if each.type.endswith(".completed")]
        usage = made[-1].usage
    else:
        made, usage = found.data, found.usage
    return Heard([base64.b64decode(each.b64_json)[:4] for each in made], _tokens(usage))


def _tokens(usage: Any) -> tuple[int, int] | None:
    """Return the tokens in and out of a usage that counts tokens."""
    told = usage if isinstance(usage, dict) or usage is None else usage.model_dump()
    if not told or told.get("input_tokens") is None:
        return None
    return told["input_tokens"], told["output_tokens"]


async def speak(how: Asking) -> Heard:
    """Ask for speech; of a sound it is told how it begins, and how long it is."""
    body = {"model": how.model, "input": SAID, "voice": "alloy"}
    body |= {"stream_format": "sse"} if how.stream else {}
    answer = await how.by_hand("POST", "/v1/audio/speech", json=body)
    sound, usage = answer.content, None
    if how.stream:
        events = _events(answer.content)
        assert events[-1]["type"] == "speech.audio.done"
        usage = events[-1].get("usage")
        sound = b"".join(base64.b64decode(each["audio"]) for each in events[:-1])
    return Heard((sound[:4], len(sound)), _tokens(usage))


def _events(content: bytes) -> list[Any]:
    lines = map(sse.data_of, content.splitlines())
    return [orjson.loads(data) for data in lines if data and data != b"[DONE]"]


async def transcribe(how: Asking) -> Heard:
    """Ask for a transcript."""
    file = ("a.wav", RECORDING, "audio/wav")
    create = how.client.audio.transcriptions.create
    found = await create(model=how.model, file=file, stream=how.stream)
    if not how.stream:
        return Heard(found.text, _tokens(found.usage))
    events = [event async for event in found]
    assert events[-1].type == "transcript.text.done"
    assert "".join(event.delta for event in events[:-1]) == events[-1].text
    return Heard(events[-1].text, _tokens(events[-1].usage))


async def translate(how: Asking) -> Heard:
    """Ask for a translation into English."""
    file = ("a.wav", RECORDING, "audio/wav")
    found = await how.client.audio.translations.create(model=how.model, file=file)
    return Heard(found.text, _tokens(found.model_extra.get("usage")))


async def session(how: Asking) -> Heard:
    """Open a session, and let it answer once."""
    async with talk(how.gate, how.secret, how.model) as client:
        await client.say(TEXT, CREATE)
        said = "".join([(await client.until(_DELTA))["delta"] for _ in range(5)])
        usage = (await client.until("response.done"))["response"]["usage"]
    return Heard(said, (usage["input_tokens"], usage["output_tokens"]))


_DELTA = "response.output_text.delta"


async def kept(how: Asking) -> Heard:
    """Read an answer that is kept, in all ways; in place of the model is its id."""
    answers, name = how.client.responses, how.model
    found = await answers.retrieve(name)
    listed = await answers.input_items.list(name)
    assert [item.id for item in listed.data] == ["msg_in"]
    with pytest.raises(openai.BadRequestError, match="Cannot cancel a synchronous response"):
        await answers.cancel(name)
    await answers.delete(name)
    return Heard(found.output_text)


async def raw(how: Asking) -> Heard:
    """Ask what the gateway has no route for; in place of the model is a channel's id."""
    path = f"/v1/oneapi/proxy/{how.model}/v1/anything"
    answer = await how.by_hand("PUT", path, content=b"raw", headers={"content-type": "a/b"})
    return Heard(answer.content)
