"""What is DashScope's own: two addresses, endings of names, caches, searches, codes."""

from typing import Any

import openai
import pytest

from gateway.channels.blame import Blame, blame
from gateway.channels.failure import of_answer
from tests.fakes.dashscope import PLUGIN, usage_of
from tests.fakes.native import Script
from tests.gateway.channels.anything import Vendor
from tests.gateway.relay.conftest import Gate
from tests.gateway.relay.vendors.conftest import Case, tool

pytestmark = pytest.mark.asyncio(loop_scope="module")
IN_PARTS = "/api/v1/services/aigc/multimodal-generation/generation"


@pytest.fixture
def case(all_cases: dict[str, Case], gate: Gate) -> Case:
    found = all_cases["dashscope"]
    found.fake.reset()
    return found


async def test_models_that_see_are_asked_with_parts(case: Case) -> None:
    channels = case.gate.running.directory.channels
    names = ["qwen-vl-max", "qvq-max-latest", "qwen2.5-vl-7b-instruct"]
    given = {"type": 17, "name": "sees", "base_url": case.fake.url + "/", "models": names}
    await case.gate.price(*({"model": name, "input": "1", "output": "1"} for name in names))
    await channels.create(given, case.row.secret)
    case.plays(words=("Hi", " there"), thoughts=("Hm",), tokens_in=9, tokens_out=3)
    for name in names:
        for stream in (False, True):
            asked = {"model": name, "messages": [{"role": "user", "content": "hi"}]}
            answer = await case.gate.post(case.key, {**asked, "stream": stream})
            assert answer.status_code == 200 and " there" in answer.text, answer.text
            body = await case.body_of(answer)
            assert (body["usage"]["input"], body["usage"]["output"]) == (9, 3)
        seen = case.fake.received[-1]
        assert (seen.path, seen.body["model"]) == (IN_PARTS, name)
        assert seen.body["input"]["messages"][0]["content"] == [{"text": "hi"}]


async def test_what_a_request_turns_on(case: Case) -> None:
    await case.ask(
        tools=[tool()],
        tool_choice="required",
        parallel_tool_calls=False,
        top_p=1.0,
        extra_body={"enable_thinking": True, "thinking_budget": 64, "repetition_penalty": 1.1},
    )
    sent = case.fake.received[-1]
    assert sent.headers["x-dashscope-plugin"] == PLUGIN
    assert "x-dashscope-sse" not in sent.headers
    parameters = sent.body["parameters"]
    assert parameters["tool_choice"]["function"] == {"name": "weather"}
    assert (parameters["top_p"], parameters["thinking_budget"]) == (0.9999, 64)
    assert not parameters["parallel_tool_calls"] and "enable_search" not in parameters
    answer = await case.post(model="dashscope-internet")
    assert answer.status_code == 200
    sent = case.fake.received[-1]
    assert sent.body["model"] == "dashscope" and sent.body["parameters"]["enable_search"]
    wrong: dict[str, Any]
    for wrong in ({"enable_thinking": 1}, {"thinking_budget": "x"}, {"enable_search": "yes"}):
        refused = await case.post(**wrong)
        assert (refused.status_code, refused.json()["error"]["param"]) == (400, *wrong)


async def test_newer_models_draw_at_once(case: Case) -> None:
    channels = case.gate.running.directory.channels
    given = {"type": 17, "name": "draws", "base_url": case.fake.url, "models": ["qwen-image-max"]}
    await channels.create(given, case.row.secret)
    asked = {"model": "qwen-image-max", "prompt": "A cat.", "size": "1664x928", "n": 2}
    answer = await case.gate.post(case.key, {**asked, "watermark": False}, "/v1/images/generations")
    assert [each["url"][-8:] for each in answer.json()["data"]] == ["cat0.png", "cat1.png"]
    sent = case.fake.received[-1]
    assert sent.path == IN_PARTS and "x-dashscope-async" not in sent.headers
    assert sent.body["parameters"] == {"n": 2, "size": "1664*928", "watermark": False}
    body = await case.body_of(answer)
    assert (body["usage"], body["nano"]) == ({"images": 2}, 2 * 69_444_000)


async def test_translations_are_not_streamed(case: Case) -> None:
    channels = case.gate.running.directory.channels
    given = {"type": 17, "name": "mt", "base_url": case.fake.url, "models": ["qwen-mt-plus"]}
    await channels.create(given, case.row.secret)
    options = {"translation_options": {"source_lang": "auto", "target_lang": "English"}}
    answer = await case.post(model="qwen-mt-plus", **options)
    assert answer.status_code == 200
    assert case.fake.received[-1].body["parameters"]["translation_options"]["source_lang"] == "auto"
    refused = await case.post(model="qwen-mt-plus", stream=True, **options)
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, "stream")


async def test_cached_tokens_and_searches_are_apart(case: Case) -> None:
    case.plays(tokens_in=100, tokens_out=10, cached=40)
    body = await case.body_of(await case.ask())
    assert body["usage"] == {"input": 60, "cached": 40, "output": 10}
    assert body["nano"] == 60_000 + 40 * 250 + 40_000
    native = case.gate.running.relay.providers["dashscope"]._asking  # type: ignore[attr-defined]
    frame = usage_of(Script(tokens_in=100, tokens_out=10))
    found = native.usage(
        {
            **frame,
            "prompt_tokens_details": {"cache_creation_input_tokens": 30},
            "output_tokens_details": {"reasoning_tokens": 4},
            "plugins": {"search": {"count": 2}},
        }
    )
    assert found == {
        "input": 70,
        "cache_write": 30,
        "output": 6,
        "reasoning": 4,
        "web_searches": 2,
    }


async def test_vectors_for_queries(case: Case) -> None:
    for given, text_type in (("search_query", "query"), ("search_document", "document")):
        body = {"model": "dashscope-embed", "input": ["a"], "input_type": given}
        answer = await case.gate.post(case.key, body, "/v1/embeddings")
        assert answer.status_code == 200
        assert case.fake.received[-1].body["parameters"] == {"text_type": text_type}


async def test_an_error_in_a_stream_has_its_code(case: Case) -> None:
    case.plays(fails=True)
    with pytest.raises(openai.APIStatusError, match="the model crashed"):
        await case.ask(stream=True)


@pytest.mark.parametrize(
    ("status", "code", "whose"),
    [
        (401, "InvalidApiKey", Blame.CREDENTIAL),
        (400, "Arrearage", Blame.CREDENTIAL),
        (200, "Arrearage", Blame.CREDENTIAL),
        (200, "InvalidApiKey", Blame.CREDENTIAL),
        (400, "DataInspectionFailed", Blame.REQUEST),
        (200, "DataInspectionFailed", Blame.REQUEST),
        (200, "Throttling.RateQuota", Blame.LIMIT),
        (429, "Throttling", Blame.LIMIT),
        (404, "ModelNotFound", Blame.ABSENT),
        (403, "AccessDenied.Unpurchased", Blame.ABSENT),
        (200, "InternalError.Timeout", Blame.UPSTREAM),
        (200, "InvalidParameter", Blame.REQUEST),
    ],
)
async def test_whose_fault_a_code_is(status: int, code: str, whose: Blame) -> None:
    said = {"code": code, "message": "quotes Arrearage and InvalidApiKey", "request_id": "x"}
    task = {"output": {"task_id": "t", "task_status": "FAILED", "code": code, "message": "no"}}
    for parsed in (said, task):
        assert blame(of_answer(Vendor(17, "dashscope"), status, {}, parsed, 0.0)) is whose
