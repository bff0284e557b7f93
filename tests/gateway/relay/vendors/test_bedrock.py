"""What is peculiar to Amazon Bedrock: credentials, names, cached tokens, errors, clients."""

from dataclasses import replace
from typing import Any

import httpx
import orjson
import pytest

from gateway.directory.catalogue import Catalogue
from gateway.formats.openai import CHAT
from gateway.providers.asking import Means
from gateway.providers.base import Call, CallFailed
from gateway.providers.natives import NATIVES, OWN
from tests.fakes import aws, bedrock_claude
from tests.fakes.native import Json
from tests.gateway.directory.conftest import PROVIDERS
from tests.gateway.relay.conftest import Gate
from tests.gateway.relay.vendors.conftest import PRICE, Case, tool

pytestmark = pytest.mark.asyncio(loop_scope="module")
HI: Any = [{"role": "user", "content": "hi"}]
KEY = f"{aws.ACCESS}|{aws.SECRET}|{aws.REGION}"


@pytest.fixture
def converse(all_cases: dict[str, Case], gate: Gate) -> Case:
    all_cases["bedrock"].fake.reset()
    return all_cases["bedrock"]


@pytest.fixture
def claude(all_cases: dict[str, Case], gate: Gate) -> Case:
    case = all_cases["bedrock-claude"]
    case.fake.reset()
    case.fake.also = {}  # type: ignore[attr-defined]
    return case


async def say(case: Case, model: str = "", beta: str = "", **more: Any) -> httpx.Response:
    """Ask as a client of Anthropic's does."""
    headers = {"x-api-key": f"sk-{case.key}", "anthropic-version": "2023-06-01"}
    if beta:
        headers["anthropic-beta"] = beta
    body = {"model": model or case.name, "max_tokens": 50, "messages": HI, **more}
    path = "/v1/messages?beta=true"
    answer: httpx.Response = await case.gate.http.post(path, json=body, headers=headers)
    return answer


async def test_a_client_of_messages_passes(claude: Case) -> None:
    claude.plays(tokens_in=100, tokens_out=10, cached=40)
    lifetimes = {"ephemeral_5m_input_tokens": 5, "ephemeral_1h_input_tokens": 20}
    claude.fake.also = {  # type: ignore[attr-defined]
        "cache_creation_input_tokens": 25,
        "cache_creation": lifetimes,
    }
    block = {"type": "text", "text": "Long.", "cache_control": {"type": "ephemeral", "ttl": "1h"}}
    for stream in (False, True):
        answer = await say(claude, "", "a-2025, b-2026", stream=stream, system=[block], top_k=3)
        assert answer.status_code == 200, answer.text
        sent = claude.fake.received[-1]
        assert sent.body["anthropic_beta"] == ["a-2025", "b-2026"] and sent.body["top_k"] == 3
        assert sent.body["system"] == [block] and "model" not in sent.body
        assert "anthropic-beta" not in sent.headers and "anthropic-version" not in sent.headers
        body = await claude.body_of(answer)
        counts = {"input": 60, "cached": 40, "cache_write": 5, "cache_write_1h": 20, "output": 10}
        assert body["usage"] == counts
        assert body["nano"] == 60_000 + 40 * 250 + 25_000 + 40_000
        assert sent.path == (claude.row.stream_path if stream else claude.row.chat_path)
    kinds = [line[7:] for line in answer.text.splitlines() if line.startswith("event: ")]
    assert (kinds[0], kinds[-1]) == ("message_start", "message_stop")
    assert answer.text.count("Hello") == 1 and "invocationMetrics" in answer.text


async def test_classes_of_converse(converse: Case) -> None:
    usage = {
        "inputTokens": 100,
        "outputTokens": 10,
        "totalTokens": 215,
        "cacheReadInputTokens": 40,
        "cacheWriteInputTokens": 65,
        "cacheDetails": [{"ttl": "1h", "inputTokens": 60}, {"ttl": "5m", "inputTokens": 5}],
    }
    fake: Any = converse.fake
    fake.usage = lambda: usage
    try:
        for stream in (False, True):
            answer = await converse.ask(stream=stream)
            if stream:
                assert [chunk async for chunk in answer.parse()]
            else:
                assert answer.parse().usage.prompt_tokens == 205
            body = await converse.body_of(answer)
            assert orjson.loads(body["usage_frame"]) == usage
            counts = {"input": 100, "cached": 40, "cache_write": 5, "cache_write_1h": 60}
            assert body["usage"] == {**counts, "output": 10}
            assert body["upstream_request_id"] == "a-request-of-amazons"
            assert body["nano"] == 100_000 + 10_000 + 65_000 + 40_000
    finally:
        del fake.usage


async def test_names_of_one_api_and_keys_of_all_kinds(claude: Case) -> None:
    name = "claude-3-haiku-20240307"
    given = {"type": 33, "base_url": claude.fake.url, "models": [name], "groups": ["default"]}
    await claude.gate.price({"model": f"{name}(33)", **PRICE})
    channels, fake = claude.gate.running.directory.channels, claude.fake
    options = claude.gate.running.directory.options
    region = {"region": aws.REGION}
    wrong = f"AKIAWRONGWRONGWRONG0|{aws.SECRET}|{aws.REGION}"
    kept = {"ak": aws.ACCESS, "sk": aws.SECRET, **region, "session_token": "tok/en=="}
    for secret, config, token in (
        (f"{wrong}\n{KEY}", {}, None),
        (f"{aws.ACCESS}|{aws.SECRET}", region, None),
        (aws.API_KEY, region, None),
        ("", kept, "tok/en=="),
        (f"{KEY}|tok/en==", {}, "tok/en=="),
    ):
        await options.set("RetryTimes", secret.count("\n"))
        fake.token = token  # type: ignore[attr-defined]
        made = await channels.create({**given, "name": "k", "config": config}, secret)
        try:
            answer = await say(claude, name)
            assert answer.status_code == 200, (config, answer.text)
            assert bedrock_claude.OLD.replace(":", "%3A") in fake.received[-1].path
            bearer = fake.received[-1].headers["authorization"].startswith("Bearer ")
            assert bearer == (secret == aws.API_KEY)
        finally:
            fake.token = None  # type: ignore[attr-defined]
            await options.set("RetryTimes", 0)
            await channels.delete(made.id)
    fake.received.clear()
    for secret, config in (("", region), (aws.API_KEY, {}), ("|x", region), ("a|b|../c", {})):
        made = await channels.create({**given, "name": "k", "config": config}, secret)
        answer = await say(claude, name)
        assert (answer.status_code, answer.json()["error"]["type"]) == (502, "api_error")
        await channels.delete(made.id)
    assert not fake.received


@pytest.mark.parametrize(
    ("status", "name", "becomes", "kind"),
    [
        (400, "ValidationException", 400, "invalid_request_error"),
        (400, "ServiceQuotaExceededException", 429, "rate_limit_error"),
        (429, "ThrottlingException", 429, "rate_limit_error"),
        (424, "ModelErrorException", 502, "api_error"),
        (403, "AccessDeniedException", 502, "api_error"),
    ],
)
async def test_errors_for_clients_of_both(
    claude: Case, converse: Case, status: int, name: str, becomes: int, kind: str
) -> None:
    for case in (claude, converse):
        case.plays(status=status)
        fake: Any = case.fake
        fake.error_headers = lambda _: {"x-amzn-errortype": f"{name}:http://internal/"}
        try:
            answer = await say(case)
        finally:
            del fake.error_headers
        error = answer.json()["error"]
        assert (answer.status_code, error["type"]) == (becomes, kind), answer.text
        if becomes < 500:
            assert f"failed with {status}" in error["message"]


async def test_an_exception_in_a_stream_that_began(claude: Case) -> None:
    claude.plays(fail_at=4)
    answer = await say(claude, stream=True)
    assert answer.status_code == 200 and "event: error" in answer.text
    assert "the model crashed" in answer.text
    body = await claude.body_of(answer)
    assert body["outcome"] == "upstream_cut" and body["usage"]["input"] == 11


async def test_calls_without_arguments_and_tools_that_must_be_called(converse: Case) -> None:
    converse.plays(words=(), calls=(("weather", {}), ("weather", {"city": "Oslo"})))
    long = "call_" + "x" * 80
    call = {"id": long, "type": "function", "function": {"name": "weather", "arguments": ""}}
    turns = [*HI, {"role": "assistant", "tool_calls": [call]}]
    turns.append({"role": "tool", "tool_call_id": long, "content": ""})
    named = {"type": "function", "function": {"name": "weather"}}
    for choice, said in (("required", {"any": {}}), (named, {"tool": {"name": "weather"}})):
        more: Json = {"tools": [tool(strict=True)], "tool_choice": choice}
        answer = await converse.ask(turns, **more, stream=True)
        given: dict[int, str] = {}
        async for chunk in answer.parse():
            for choice_ in chunk.choices:
                for each in choice_.delta.tool_calls or ():
                    given[each.index] = given.get(each.index, "") + (each.function.arguments or "")
        assert given == {0: "{}", 1: '{"city":"Oslo"}'}
        sent = converse.fake.received[-1].body["toolConfig"]
        assert sent["toolChoice"] == said and sent["tools"][0]["toolSpec"]["strict"] is True
    answer = await converse.post(messages=[{"role": "system", "content": "Be brief."}])
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "messages")


async def test_reasons_of_an_end(converse: Case) -> None:
    for reason, means in (
        ("guardrail_intervened", "content_filter"),
        ("model_context_window_exceeded", "length"),
        ("stop_sequence", "stop"),
    ):
        converse.plays(ended=reason)
        assert (await converse.ask()).parse().choices[0].finish_reason == means


@pytest.mark.parametrize(
    ("model", "config", "url"),
    [
        (
            "a.b-v1:0",
            "us-east-1",
            "https://bedrock-runtime.us-east-1.amazonaws.com/model/a.b-v1%3A0",
        ),
        (
            "arn:x/y",
            "us-gov-west-1",
            "https://bedrock-runtime.us-gov-west-1.amazonaws.com/model/arn%3Ax%2Fy",
        ),
        ("m", "cn-north-1", "https://bedrock-runtime.cn-north-1.amazonaws.com.cn/model/m"),
    ],
)
async def test_regions(converse: Case, model: str, config: str, url: str) -> None:
    vendor = Catalogue.load(PROVIDERS).vendor(33)
    endpoint = replace(CHAT, task="native_chat")
    channel = replace(converse.channel, base_url="")
    given = {**aws.CONFIG, "region": config}
    call = Call(channel, vendor, "", endpoint, b"{}", True, model=model, config=given)
    means: Any = Means(None, lambda: 0.0, None, None)  # type: ignore[arg-type]
    assert await OWN["bedrock"].address(call, means) == f"{url}/converse-stream"
    with pytest.raises(CallFailed, match="no region"):
        await OWN["bedrock"].address(replace(call, config={**given, "region": "x.evil/"}), means)


async def test_vectors_of_titan(converse: Case) -> None:
    model = "amazon.titan-embed-text-v2:0"
    given = {"type": 33, "name": "titan", "base_url": converse.fake.url, "models": [model]}
    await converse.gate.price({"model": model, **PRICE})
    channels = converse.gate.running.directory.channels
    made = await channels.create({**given, "config": aws.CONFIG}, "")
    try:
        converse.plays(tokens_in=77)
        asked = {"model": model, "input": ["three"], "dimensions": 256}
        answer = await converse.gate.post(converse.key, asked, "/v1/embeddings")
        assert answer.json()["data"][0]["embedding"] == [5.0, 0.5]
        body = await converse.body_of(answer)
        assert (body["nano"], body["usage_source"]) == (77_000, "upstream")
        assert converse.fake.received[-1].body["dimensions"] == 256
        asked["input"] = ["one", "two"]
        answer = await converse.gate.post(converse.key, asked, "/v1/embeddings")
        assert (answer.status_code, answer.json()["error"]["param"]) == (400, "input")
    finally:
        await channels.delete(made.id)
    old = {"embeddings": [[1, 2.5]], "response_type": "embeddings_floats"}
    vectors = NATIVES["bedrock"].source().vectors
    assert vectors is not None and vectors.read(old) == [[1.0, 2.5]]


async def test_what_is_nested_deeply(claude: Case, converse: Case) -> None:
    deep: Any = []
    for _ in range(240):
        deep = [deep]
    for case in (claude, converse):
        answer = await say(case, metadata={"user_id": deep})
        assert answer.status_code in (200, 400), answer.text
