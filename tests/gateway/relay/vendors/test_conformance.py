"""What every protocol of the table must do, asked by OpenAI's own client."""

import asyncio
import base64
from typing import Any

import httpx
import openai
import orjson
import pytest

from gateway.addresses import networks
from gateway.providers.native import IMAGES, JSON, TOOLS
from gateway.relay.fetch import ImageFetcher
from tests.fakes.native import WORDS
from tests.gateway.relay.conftest import DEADLINE_S, until
from tests.gateway.relay.dialects.conftest import Heard, messages, responses
from tests.gateway.relay.test_fetch import PNG, serving
from tests.gateway.relay.vendors.conftest import Case, tool

pytestmark = pytest.mark.asyncio(loop_scope="module")
TEXT = "".join(WORDS)
IMAGE = base64.b64encode(PNG).decode()


async def heard(answer: Any) -> tuple[str, str, list[tuple[str, Any]], str, Any]:
    """Read a stream: text, thoughts, calls, the reason of its end, and the usage."""
    text = thoughts = reason = ""
    usage, calls = None, dict[int, list[str]]()
    async for chunk in answer.parse():
        usage = chunk.usage or usage
        for choice in chunk.choices:
            text += choice.delta.content or ""
            thoughts += getattr(choice.delta, "reasoning_content", None) or ""
            reason = choice.finish_reason or reason
            for call in choice.delta.tool_calls or ():
                known = calls.setdefault(call.index, ["", ""])
                known[0] += call.function.name or ""
                known[1] += call.function.arguments or ""
    return text, thoughts, [(n, orjson.loads(a)) for n, a in calls.values()], reason, usage


async def test_an_answer_whole_and_exactly_charged(case: Case) -> None:
    script = case.plays(tokens_in=1_234, tokens_out=567)
    answer = await case.ask(max_tokens=600)
    whole = answer.parse()
    assert whole.choices[0].message.content == TEXT and whole.choices[0].finish_reason == "stop"
    assert (whole.usage.prompt_tokens, whole.usage.completion_tokens) == (1_234, 567)
    assert whole.object == "chat.completion" and whole.id
    body = await case.body_of(answer)
    assert orjson.loads(body["usage_frame"]) == case.row.frame(script)
    assert body["usage"] == {"input": 1_234, "output": 567}
    assert (body["usage_source"], body["outcome"]) == ("upstream", "complete")
    assert body["nano"] == 1_234 * 1_000 + 567 * 4_000
    assert case.fake.received[-1].path == case.row.chat_path


async def test_clients_of_other_dialects(case: Case) -> None:
    case.plays(tokens_in=12, tokens_out=34)
    for ask in (messages, responses):
        for stream in (False, True):
            assert await ask(case.gate, case.key, case.name, stream) == Heard(TEXT, 12, 34)
    body = {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}
    for method in ("generateContent", "streamGenerateContent?alt=sse"):
        answer = await case.gate.post(case.key, body, f"/v1beta/models/{case.name}:{method}")
        assert answer.status_code == 200 and WORDS[2] in answer.text
        assert '"totalTokenCount":46' in answer.text


@pytest.mark.parametrize("piece", [1, 7, None])
async def test_a_stream_cut_anywhere_with_noise_in_it(case: Case, piece: int | None) -> None:
    script = case.plays(
        tokens_in=99, tokens_out=8, piece=piece, noise=True, stay_open=case.row.closes
    )
    shown = {"stream_options": {"include_usage": True}} if piece == 1 else {}
    answer = await case.ask(stream=True, **shown)
    text, _, _, reason, usage = await heard(answer)
    assert (text, reason) == (TEXT, "stop")
    assert (usage.total_tokens if usage else None) == (107 if piece == 1 else None)
    body = await case.body_of(answer)
    assert orjson.loads(body["usage_frame"]) == case.row.frame(script)
    assert (body["nano"], body["outcome"]) == (99_000 + 32_000, "complete")


async def test_system_turns_and_sampling(case: Case) -> None:
    sampling = {
        "temperature": 0.5,
        "top_p": 0.75,
        "seed": 7,
        "frequency_penalty": 0.25,
        "presence_penalty": 0.125,
        "max_tokens": 40,
        "stop": ["END"],
    }
    turns: Any = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "one"}]},
        {"role": "assistant", "content": "1"},
        {"role": "user", "content": "two"},
    ]
    await case.ask(turns, extra_body={"top_k": 5}, **sampling)
    seen = case.seen()
    assert seen.said == [
        (case.row.system, "Be brief."),
        ("user", "one"),
        ("assistant", "1"),
        ("user", "two"),
    ]
    offered, asked = case.row.sampling, {**sampling, "top_k": 5}
    assert seen.sampling == {name: asked[name] for name in asked if name in offered}
    case.plays(ended="length" if case.row.lengths else "stop")
    whole = (await case.ask(turns, max_completion_tokens=9)).parse()
    assert whole.choices[0].finish_reason == ("length" if case.row.lengths else "stop")
    assert case.seen().sampling == ({"max_tokens": 9} if "max_tokens" in offered else {})


async def test_tools_in_parallel_and_their_results(case: Case) -> None:
    offered = [tool(), tool("other", description="Something else.")]
    if not await case.offers(TOOLS, tools=offered):
        return
    made = case.row.calls
    case.plays(words=(), calls=made)
    whole = (await case.ask("weather?", tools=offered)).parse()
    message = whole.choices[0].message
    assert whole.choices[0].finish_reason == "tool_calls" and not message.content
    calls = [(c.function.name, orjson.loads(c.function.arguments)) for c in message.tool_calls]
    assert calls == list(made) and case.seen().tools == ["weather", "other"]
    assert len({call.id for call in message.tool_calls}) == len(made)
    text, thoughts, calls, reason, _ = await heard(
        await case.ask("weather?", tools=offered, stream=True)
    )
    assert (text, thoughts, reason) == ("", case.row.planned, "tool_calls")
    assert calls == list(made)
    case.plays()
    results = [
        {"role": "tool", "tool_call_id": call.id, "content": f"{at} degrees"}
        for at, call in enumerate(message.tool_calls)
    ]
    turns = [{"role": "user", "content": "weather?"}, message.model_dump(), *results]
    if not case.row.results:
        refused = await case.post(messages=turns)
        assert refused.status_code == 400
        assert refused.json()["error"]["param"] == "messages[1].tool_calls"
        return
    whole = (await case.ask(turns, tools=offered, tool_choice="auto")).parse()
    assert whole.choices[0].message.content == TEXT
    seen = case.seen()
    assert seen.calls == list(made)
    assert seen.results == [("weather", f"{at} degrees") for at in range(len(made))]
    assert seen.thoughts == ([case.row.planned] if case.row.planned else [])
    await case.ask("hi", tools=offered, tool_choice="none")


async def test_images_in_the_request_and_at_an_address(case: Case) -> None:
    data = f"data:image/png;base64,{IMAGE}"
    part = {"type": "image_url", "image_url": {"url": data}}
    if not await case.offers(IMAGES, messages=[{"role": "user", "content": [part]}]):
        return
    relay = case.gate.running.relay
    real, relay.fetcher = (
        relay.fetcher,
        ImageFetcher(timeout_s=5, allowed=networks("127.0.0.1")),
    )
    async with serving() as web:
        try:
            for url in (data, web.url("cat.png")):
                parts = [
                    {"type": "text", "text": "What is it?"},
                    {"type": "image_url", "image_url": {"url": url}},
                ]
                await case.ask([{"role": "user", "content": parts}])
                (image,) = case.seen().images
                kept = case.row.linked and url != data
                assert image.removeprefix("data:image/png;base64,") == (url if kept else IMAGE)
                assert case.seen().said == [("user", "What is it?")]
            assert web.paths == ([] if case.row.linked else ["cat.png"])
        finally:
            await relay.fetcher.aclose()
            relay.fetcher = real


async def test_json_mode(case: Case) -> None:
    schema = {"type": "object", "properties": {"a": {"type": "number"}}}
    if not await case.offers(JSON, response_format={"type": "json_object"}):
        return
    case.plays(words=('{"a"', ": 1}"))
    named = {"name": "x", "schema": schema, "strict": True}
    wanted: Any = {"type": "json_schema", "json_schema": named}
    if case.row.schemas:
        whole = (await case.ask(response_format=wanted)).parse()
        assert orjson.loads(whole.choices[0].message.content) == {"a": 1}
        assert case.seen().schema == schema
    else:
        refused = await case.post(response_format=wanted)
        assert refused.json()["error"]["param"] == "response_format.json_schema"
    if case.row.any_json:
        await case.ask(response_format={"type": "json_object"})
        assert case.seen().schema == "json"
    await case.ask(response_format={"type": "text"})
    assert case.seen().schema is None


async def test_reasoning(case: Case) -> None:
    if not case.row.thinks:
        return
    case.plays(thoughts=("Let me", " think."))
    message = (await case.ask(reasoning_effort="high")).parse().choices[0].message
    assert (message.content, message.reasoning_content) == (TEXT, "Let me think.")
    text, thoughts, _, _, _ = await heard(await case.ask(stream=True, reasoning_effort="low"))
    assert (text, thoughts) == (TEXT, "Let me think.")
    if not case.row.efforts:
        return
    first = case.fake.received[-1].body
    await case.ask(reasoning_effort="none")
    last = case.fake.received[-1].body
    assert last != first and case.row.thinking in str(last)


async def test_a_long_stream(case: Case) -> None:
    words = tuple(f"word{number} " for number in range(3_000))
    case.plays(words=words, tokens_out=3_000)
    answer = await case.ask(stream=True)
    assert (await heard(answer))[0] == "".join(words)
    assert (await case.body_of(answer))["usage"]["output"] == 3_000


@pytest.mark.parametrize(
    ("status", "becomes"), [(400, 400), (401, 502), (404, 404), (429, 429), (500, 502), (503, 503)]
)
async def test_an_error_before_the_answer(case: Case, status: int, becomes: int) -> None:
    case.plays(status=status)
    for stream in (False, True):
        with pytest.raises(openai.APIStatusError) as caught:
            await case.ask(stream=stream)
        assert caught.value.status_code == becomes
        said = f"failed with {status}" in str(caught.value)
        assert said == (status not in (401,))


@pytest.mark.parametrize("stream", [False, True])
async def test_an_error_in_place_of_an_answer(case: Case, stream: bool) -> None:
    case.plays(fails=True)
    with pytest.raises(openai.APIStatusError) as caught:
        await case.ask(stream=stream)
    assert caught.value.status_code == 502


@pytest.mark.parametrize("how", ["fail_at", "cut_after"])
async def test_an_answer_that_breaks_off(case: Case, how: str) -> None:
    case.plays(**{how: 3})
    answer = await case.ask(stream=True)
    with pytest.raises(openai.APIError):
        await heard(answer)
    body = await case.body_of(answer)
    assert body["outcome"] == "upstream_cut" and body["nano"] > 0


async def test_no_report_is_counted(case: Case) -> None:
    case.plays(no_usage=True)
    for stream in (False, True):
        answer = await case.ask("Count these words.", stream=stream)
        if stream:
            assert (await heard(answer))[0] == TEXT
        body = await case.body_of(answer)
        assert body["usage_source"] in ("counted", "estimated")
        assert body["usage"]["input"] > 3 and body["usage"]["output"] > 5


async def test_what_the_credit_does_not_cover_is_not_sent(case: Case) -> None:
    _, poor = await case.gate.key("0.000001")
    with pytest.raises(openai.APIStatusError) as caught:
        await case.gate.client(poor).chat.completions.create(
            model=case.name, messages=[{"role": "user", "content": "hi"}]
        )
    assert caught.value.status_code == 402 and not case.fake.received


@pytest.mark.parametrize("policy", ["estimate", "drain"])
async def test_a_client_that_hangs_up(case: Case, policy: str) -> None:
    case.gate.settings(disconnect_policy=policy)
    case.plays(words=tuple(f" {n}" for n in range(20)), tokens_out=20, hang_after=6)
    asked = {"model": case.name, "messages": [{"role": "user", "content": "hi"}], "stream": True}
    headers = {"authorization": f"Bearer sk-{case.key}"}
    async with (
        httpx.AsyncClient(base_url=case.gate.url, timeout=DEADLINE_S) as client,
        client.stream("POST", "/v1/chat/completions", json=asked, headers=headers) as answer,
    ):
        async for piece in answer.aiter_text():
            if " 2" in piece:
                break
    if policy == "drain":
        await until(lambda: any(x.client_gone for x in case.gate.running.relay.exchanges))
        case.fake.released.set()
    else:
        await asyncio.wait_for(case.fake.gone.wait(), DEADLINE_S)
    body = await case.body_of(answer)
    assert body["outcome"] == "client_closed"
    assert (body["usage"]["output"] == 20) == (policy == "drain")


async def test_what_the_vendor_cannot_say_is_refused_by_name(case: Case) -> None:
    for fields, param in case.row.refused:
        answer = await case.post(**fields)
        error = answer.json()["error"]
        assert (answer.status_code, error["param"]) == (400, param), answer.text
    assert not case.fake.received


@pytest.mark.parametrize(
    "answer",
    [b"<html>busy</html>", b"[1]", b"", b'{"message": {"role": "assistant"', b"null"],
    ids=["page", "list", "nothing", "half", "null"],
)
async def test_what_is_no_answer_goes_no_further(case: Case, answer: bytes) -> None:
    fake = case.fake
    said = list[bytes]()

    def odd(body: Any) -> Any:
        said.append(answer)
        streams = body.get("stream") or fake.received[-1].path == case.row.stream_path
        return [{"odd": True, "type": "odd"}] if streams else {"odd": True}

    paths, frame = filter(None, (case.row.chat_path, case.row.stream_path)), type(fake).frame
    names = {fake.paths[path] for path in paths}
    try:
        for name in names:
            setattr(fake, name, odd)
        fake.frame = lambda event: answer  # type: ignore[method-assign]
        for stream in (False, True):
            with pytest.raises(openai.APIStatusError) as caught:
                await case.ask(stream=stream)
            assert caught.value.status_code == 502
    finally:
        for name in names:
            delattr(fake, name)
        del fake.frame
    assert said and frame is type(fake).frame
