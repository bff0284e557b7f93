"""DeepL: the last message is the text, the model says the language, characters are the price."""

from dataclasses import replace
from typing import Any

import openai
import orjson
import pytest
import pytest_asyncio

from gateway.channels.blame import Blame, blame
from gateway.channels.failure import of_answer
from gateway.channels.health import Rules
from gateway.channels.probe import Probe, Wanted
from gateway.channels.watch import Watch
from gateway.providers.asking import Means
from gateway.providers.base import Call
from gateway.providers.deepl import DeepL
from gateway.providers.native import CHAT
from gateway.providers.tokens import Tokens
from gateway.relay import policy
from tests.fakes.deepl import KEY
from tests.fakes.native import WORDS
from tests.gateway.channels.anything import Vendor
from tests.gateway.relay.conftest import Gate
from tests.gateway.relay.dialects.conftest import Heard, messages, responses
from tests.gateway.relay.vendors.conftest import Case

pytestmark = pytest.mark.asyncio(loop_scope="module")
TEXT = "".join(WORDS)
SAID = "Grüezi 🏔"  # eight characters
BY_CHARACTER = {"model": "translator", "characters": "25"}


@pytest_asyncio.fixture(loop_scope="module")
async def translator(all_cases: dict[str, Case], gate: Gate) -> Case:
    case = all_cases["translator"]
    case.fake.reset()
    gate.running.relay.watch = Watch(Rules())
    await gate.price(BY_CHARACTER, {**BY_CHARACTER, "model": case.row.model})
    return case


async def read(answer: Any) -> tuple[str, Any]:
    text, usage = "", None
    async for chunk in answer.parse():
        usage = chunk.usage or usage
        text += "".join(choice.delta.content or "" for choice in chunk.choices)
    return text, usage


async def test_a_translation_is_charged_by_its_characters(translator: Case) -> None:
    turns = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "one"},
        {"role": "assistant", "content": "um"},
        {"role": "user", "content": [{"type": "text", "text": SAID}]},
    ]
    answer = await translator.ask(turns, temperature=0.5, max_tokens=5)
    whole = answer.parse()
    assert whole.choices[0].message.content == TEXT and whole.choices[0].finish_reason == "stop"
    assert (whole.usage.prompt_tokens, whole.usage.completion_tokens) == (8, 0)
    sent = {"text": [SAID], "target_lang": "PT-BR", "show_billed_characters": True}
    assert translator.fake.received[-1].body == sent
    body = await translator.body_of(answer)
    assert body["usage"] == {"characters": 8} and body["nano"] == 8 * 25_000
    assert (body["usage_source"], body["outcome"]) == ("upstream", "complete")
    assert orjson.loads(body["usage_frame"]) == {"billed_characters": 8}
    assert body["hold"]["nano"] >= body["nano"] and not body["shortfall_nano"]


async def test_a_stream_is_one_piece(translator: Case) -> None:
    shown = {"stream_options": {"include_usage": True}}
    answer = await translator.ask(SAID, stream=True, **shown)
    text, usage = await read(answer)
    assert text == TEXT and (usage.prompt_tokens, usage.completion_tokens) == (8, 0)
    body = await translator.body_of(answer)
    assert (body["usage"], body["nano"]) == ({"characters": 8}, 200_000)
    assert (body["stream"], body["outcome"]) == (True, "complete")
    for ask in (messages, responses):
        for stream in (False, True):
            found = await ask(translator.gate, translator.key, translator.name, stream)
            assert found == Heard(TEXT, found.tokens_in, 0) and found.tokens_in > 0


async def test_nothing_is_free_by_accident(translator: Case) -> None:
    assert policy.reduced({"characters": 8, "output": 2}, policy.INPUT) == {"characters": 8}
    translator.plays(no_usage=True)
    for stream in (False, True):
        answer = await translator.ask(SAID, stream=stream)
        if stream:
            assert (await read(answer))[0] == TEXT
        body = await translator.body_of(answer)
        assert body["usage"]["characters"] == 8 + len("user") and body["nano"] == 12 * 25_000
        assert body["usage_source"] == "estimated"
    # A price by the token is charged by tokens, which are counted here.
    await translator.gate.price({"model": "translator-internet", "input": "1", "output": "4"})
    translator.plays()
    asked = {"model": "translator-internet", "messages": [{"role": "user", "content": SAID}]}
    channels = translator.gate.running.directory.channels
    mapping = {"translator": "deepl-pt-br", "translator-internet": "other-de"}
    await channels.update(translator.channel.id, {"model_mapping": mapping})
    body = await translator.body_of(await translator.gate.post(translator.key, asked))
    assert body["usage"]["characters"] == 8 and body["usage"]["input"] > 1 and body["nano"] > 0
    assert translator.fake.received[-1].body["target_lang"] == "DE"


async def test_what_the_credit_does_not_cover_is_not_sent(translator: Case) -> None:
    _, poor = await translator.gate.key("0.0001")
    with pytest.raises(openai.APIStatusError) as caught:
        await translator.gate.client(poor).chat.completions.create(
            model="translator", messages=[{"role": "user", "content": "x" * 100}]
        )
    assert caught.value.status_code == 402 and not translator.fake.received


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"messages": [{"role": "system", "content": "hi"}]}, "messages"),
        ({"messages": [{"role": "user", "content": ""}]}, "messages"),
        ({"tools": [{"type": "function", "function": {"name": "f"}}]}, "tools"),
        ({"response_format": {"type": "json_object"}}, "response_format"),
        ({"n": 2}, "n"),
        ({"model": "translator-embed"}, None),
    ],
)
async def test_what_is_refused(translator: Case, fields: Any, param: str | None) -> None:
    answer = await translator.post(**fields)
    assert answer.status_code == 400 and not translator.fake.received
    assert answer.json()["error"]["param"] == (param or "model")


@pytest.mark.parametrize(
    ("status", "becomes"),
    [(400, 400), (403, 502), (413, 413), (429, 429), (456, 502), (500, 502), (503, 503)],
)
async def test_errors(translator: Case, status: int, becomes: int) -> None:
    translator.plays(status=status)
    for stream in (False, True):
        with pytest.raises(openai.APIStatusError) as caught:
            await translator.ask(stream=stream)
        assert caught.value.status_code == becomes
    said = {"message": "Quota for this billing period has been exceeded."}
    whose = blame(of_answer(Vendor(38, "deepl"), status, {}, said, 0.0))
    assert (whose is Blame.CREDENTIAL) == (status in (403, 456))
    translator.plays(fails=True)
    for stream in (False, True):
        with pytest.raises(openai.InternalServerError, match="crashed"):
            await translator.ask(stream=stream)


async def test_config_and_tests_of_a_channel(translator: Case) -> None:
    gate, relay, running = translator.gate, translator.gate.running.relay, translator.gate.running
    given: Any = {"type": 38, "name": "g", "base_url": translator.fake.url, "models": ["deepl-de"]}
    config = {"formality": "less", "source_lang": "EN", "glossary_id": "def3a26b"}
    await gate.price({"model": "deepl-de", "characters": "25"})
    channel = await running.directory.channels.create({**given, "config": config}, KEY)
    probe = Probe(running.directory, relay.catalogue, relay.providers, relay.clock, "Say hi.")
    for stream in (False, True):
        trial = await probe.test(channel, Wanted("deepl-de", stream))
        assert trial.ok and trial.attempts[-1].reply.usage == {"characters": 7}, trial
    sent = translator.fake.received[-1].body
    assert {name: sent[name] for name in config} == config


async def test_a_key_knows_its_host(translator: Case) -> None:
    vendor = translator.gate.running.relay.catalogue.vendor(38)
    tokens = Tokens(lambda: 0.0)
    means: Any = Means(None, lambda: 0.0, tokens, None)  # type: ignore[arg-type]
    native = DeepL()
    for base, key, host in (
        ("", "k:fx", "https://api-free.deepl.com"),
        ("", "k", "https://api.deepl.com"),
        ("https://proxy/d", "k", "https://proxy/d"),
    ):
        channel = replace(translator.channel, base_url=base)
        call = Call(channel, vendor, key, native.endpoint(CHAT), b"", False)
        assert await native.address(call, means) == host + "/v2/translate"
