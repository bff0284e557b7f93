"""Vectors and ranks through protocols of vendors' own, and channels of theirs that are tested."""

from typing import Any

import httpx
import orjson
import pytest

from gateway.channels.probe import Probe, Wanted
from tests.fakes.native import Script
from tests.gateway.relay.conftest import Gate
from tests.gateway.relay.vendors.conftest import Case

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def post(case: Case, path: str, body: Any) -> httpx.Response:
    answer: httpx.Response = await case.gate.post(case.key, body, path)
    return answer


async def test_vectors(case: Case) -> None:
    model, create = f"{case.name}-embed", case.client().embeddings.with_raw_response.create
    if not case.embeds:
        refused = await post(case, "/v1/embeddings", {"model": model, "input": "one"})
        assert refused.json()["error"]["code"] == "endpoint_not_offered"
        return
    case.plays(tokens_in=321)
    for form in ({}, {"encoding_format": "float"}):
        answer = await create(model=model, input=["one", "three"], dimensions=2, **form)
        made = answer.parse()
        assert [each.embedding for each in made.data] == [[3.0, 0.5], [5.0, 0.5]]
        assert [each.index for each in made.data] == [0, 1]
        assert made.usage.prompt_tokens == 321
        body = await case.body_of(answer)
        assert (body["nano"], body["usage_source"]) == (321_000, "upstream")
        assert "321" in body["usage_frame"]
    assert (await create(model=model, input="one")).parse().data[0].embedding == [3.0, 0.5]
    case.plays(no_usage=True)
    answer = await create(model=model, input="one two three")
    assert answer.parse().usage.prompt_tokens == 3
    assert (await case.body_of(answer))["usage"]["input"] == 3
    for wrong in ([[1, 2]], [1, 2], [{}]):
        refused = await post(case, "/v1/embeddings", {"model": model, "input": wrong})
        assert (refused.status_code, refused.json()["error"]["param"]) == (400, "input")


async def test_vectors_for_a_client_of_gemini(case: Case) -> None:
    if not case.embeds:
        return
    model = f"{case.name}-embed"
    content = {"content": {"parts": [{"text": "three"}]}}
    one = await post(case, f"/v1beta/models/{model}:embedContent", content)
    assert one.json()["embedding"] == {"values": [5.0, 0.5]}
    assert one.json()["usageMetadata"]["promptTokenCount"] == 11
    two = {"requests": [{"model": f"models/{model}", **content}] * 2}
    both = await post(case, f"/v1beta/models/{model}:batchEmbedContents", two)
    assert both.json()["embeddings"] == [{"values": [5.0, 0.5]}] * 2


async def test_ranks(case: Case) -> None:
    documents: list[Any] = ["red fish", {"text": "blue fish"}, {"title": "t", "body": "b"}]
    body = {"model": f"{case.name}-rerank", "query": "fish", "documents": documents, "top_n": 2}
    answer = await post(case, "/v1/rerank", {**body, "return_documents": True})
    if not case.row.rerank_path:
        assert answer.json()["error"]["code"] == "endpoint_not_offered"
        assert not case.fake.received
        return
    assert case.fake.received[-1].body["documents"] == [
        "red fish",
        "blue fish",
        "title: t\nbody: b",
    ]
    given = [(each["index"], each["document"]) for each in answer.json()["results"]]
    assert given == [(0, {"text": "red fish"}), (1, {"text": "blue fish"})]
    charged = await case.body_of(answer)
    assert charged["nano"] == 2 * 2_000_000 and charged["usage"]["calls"] == 2
    assert orjson.loads(charged["usage_frame"])["billed_units"] == {"search_units": 2}
    plain = await post(case, "/v1/rerank", body)
    assert "document" not in plain.json()["results"][0]
    odd = await post(case, "/v1/rerank", {**body, "documents": ["a", {"b": [1]}]})
    assert (odd.status_code, odd.json()["error"]["param"]) == (400, "documents[1]")


async def test_a_channel_is_tested_in_its_vendors_own_way(case: Case) -> None:
    relay, running = case.gate.running.relay, case.gate.running
    probe = Probe(running.directory, relay.catalogue, relay.providers, relay.clock, "Say hi.")
    wanted = [(case.name, False), (case.name, True)]
    for model, stream in [*wanted, *([(f"{case.name}-embed", False)] if case.embeds else [])]:
        trial = await probe.test(case.channel, Wanted(model, stream))
        assert trial.ok and trial.attempts[-1].reply.usage["input"] == 11, trial
    if case.row.rerank_path:
        assert (await probe.test(case.channel, Wanted(f"{case.name}-rerank"))).ok
    for script, said in ((Script(status=404), "failed with 404"), (Script(fails=True), "crash")):
        case.fake.script = script
        trial = await probe.test(case.channel, Wanted(case.name, stream=True))
        assert not trial.ok and said in trial.message
    case.fake.script = Script(cut_after=2)
    trial = await probe.test(case.channel, Wanted(case.name, stream=True))
    assert not trial.ok


async def test_a_channels_config_and_key_reach_ollama(
    all_cases: dict[str, Case], gate: Gate
) -> None:
    case = all_cases["ollama"]
    case.fake.reset()
    case.fake.key = "of the cloud"  # type: ignore[attr-defined]
    channels = case.gate.running.directory.channels
    given = {"type": 30, "name": "cloud", "base_url": case.fake.url, "models": ["clouded"]}
    await case.gate.price({"model": "clouded(30)", "input": "0", "output": "0"})
    await channels.create({**given, "config": '{"num_ctx": "8192"}'}, "of the cloud")
    asked = {"model": "clouded", "messages": [{"role": "user", "content": "hi"}]}
    answer = await case.gate.post(case.key, asked)
    case.fake.key = None  # type: ignore[attr-defined]
    assert answer.status_code == 200, answer.text
    assert case.fake.received[-1].body["options"] == {"num_ctx": 8192}
    assert (await case.body_of(answer))["nano"] == 0


async def test_what_cohere_bills(all_cases: dict[str, Case], gate: Gate) -> None:
    case = all_cases["cohere"]
    case.fake.reset()
    case.plays(tokens_in=100, tokens_out=10, cached=40)
    body = await case.body_of(await case.ask())
    assert body["usage"] == {"input": 60, "cached": 40, "output": 10}
    assert body["nano"] == 60_000 + 40 * 250 + 40_000
    named = {"type": "function", "function": {"name": "b"}}
    tools = [{"type": "function", "function": {"name": n, "strict": True}} for n in "ab"]
    await case.ask(tools=tools, tool_choice=named)
    sent = case.fake.received[-1].body
    assert sent["tools"] == [named] and sent["tool_choice"] == "REQUIRED" and sent["strict_tools"]
