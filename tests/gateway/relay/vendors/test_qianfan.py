"""What is Baidu Qianfan's own: tokens, the order of messages, and what its codes mean."""

import asyncio
from typing import Any

import pytest

from gateway.channels.blame import Blame, blame
from gateway.channels.failure import of_answer
from gateway.providers.natives import NATIVES
from gateway.providers.qianfan_request import chat_body, endpoint
from gateway.relay.errors import RelayError
from tests.fakes.qianfan import FakeQianfan
from tests.gateway.channels.anything import Vendor
from tests.gateway.relay.conftest import Gate
from tests.gateway.relay.vendors.conftest import Case

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture
def baidu(all_cases: dict[str, Case], gate: Gate) -> Case:
    found = all_cases["qianfan"]
    found.fake.reset()
    return found


async def test_a_token_is_fetched_once_and_anew_when_it_is_refused(baidu: Case) -> None:
    fake = baidu.fake
    assert isinstance(fake, FakeQianfan)
    await baidu.ask()
    before = fake.given
    for stream in (False, True):
        fake.tokens.clear()  # they are refused before their time
        answer = await baidu.ask(stream=stream)
        if stream:
            async for _ in answer.parse():
                continue
        assert (await baidu.body_of(answer))["outcome"] == "complete"
    assert fake.given == before + 2
    await asyncio.gather(*(baidu.ask() for _ in range(4)))
    assert fake.given == before + 2


async def test_whose_fault_it_is_that_there_is_no_token(baidu: Case) -> None:
    channels = baidu.gate.running.directory.channels
    said = {"messages": [{"role": "user", "content": "hi"}]}
    for model, secret in (("no-bar", "one"), ("wrong", "ak-1|sk-2")):
        await baidu.gate.price({"model": model, "input": "1", "output": "1"})
        given = {"type": 15, "name": model, "base_url": baidu.fake.url, "models": [model]}
        await channels.create(given, secret)
        answer = await baidu.gate.post(baidu.key, {"model": model, **said})
        assert (answer.status_code, answer.json()["error"]["code"]) == (502, "upstream_auth")
        assert "sk-2" not in answer.text
    fake = baidu.fake
    assert isinstance(fake, FakeQianfan) and not fake.received
    fake.tokens.clear()
    fake.token_status = 503
    answer = await baidu.gate.post(baidu.key, {"model": "qianfan", **said})
    assert answer.json()["error"]["code"] == "upstream_unreachable"


def _call(number: int) -> dict[str, Any]:
    named = {"name": f"f{number}", "arguments": f'{{"n":{number}}}'}
    return {"id": f"c{number}", "type": "function", "function": named}


async def test_parallel_calls_are_told_one_after_another() -> None:
    turns: Any = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "one"},
        {"role": "user", "content": [{"type": "text", "text": "two"}]},
        {"role": "assistant", "content": "Hm.", "reasoning_content": "why"}
        | {"tool_calls": [_call(1), _call(2)]},
        {"role": "tool", "tool_call_id": "c2", "content": "r2"},
        {"role": "tool", "tool_call_id": "c1", "content": "r1"},
        {"role": "system", "content": "Go on."},
    ]
    made = chat_body({"messages": turns, "temperature": 0})
    assert made["system"] == "Be brief.\nGo on." and made["temperature"] == 0.01
    told = [(each["role"], each["content"]) for each in made["messages"]]
    assert told == [
        ("user", "one\ntwo"),
        ("assistant", "Hm."),
        ("function", "r1"),
        ("assistant", ""),
        ("function", "r2"),
    ]
    called = [made["messages"][at]["function_call"] for at in (1, 3)]
    assert [call["name"] for call in called] == ["f1", "f2"]
    assert called[0]["thoughts"] == "why" and "thoughts" not in called[1]


@pytest.mark.parametrize(
    ("turns", "param"),
    [
        ([{"role": "assistant", "content": "hi"}], "messages[0]"),
        ([{"role": "user", "content": ""}], "messages[0].content"),
        ([{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}], "messages"),
        (
            [{"role": "user", "content": "a"}, {"role": "assistant", "tool_calls": [_call(1)]}]
            + [{"role": "user", "content": "b"}] * 2
            + [{"role": "tool", "tool_call_id": "c1", "content": "r"}],
            "messages[4]",
        ),
        (
            [{"role": "user", "content": "a"}]
            + [{"role": "assistant", "tool_calls": [_call(1), _call(2)]}],
            "messages[1]",
        ),
    ],
)
async def test_an_order_that_cannot_be_told(turns: Any, param: str) -> None:
    with pytest.raises(RelayError) as caught:
        chat_body({"messages": turns})
    assert (caught.value.status, caught.value.param) == (400, param)


async def test_models_have_their_places() -> None:
    assert endpoint("ERNIE-4.0-8K") == "completions_pro" == endpoint("ernie-4.0-8k")
    assert endpoint("ERNIE-3.5-8K-0205") == "ernie-3.5-8k-0205"
    assert endpoint("BLOOMZ-7B") == "bloomz_7b1" and endpoint("my_own-1") == "my_own-1"


@pytest.mark.parametrize(
    ("code", "means", "whose"),
    [
        (110, 401, Blame.CREDENTIAL),
        (6, 403, Blame.ABSENT),
        (17, 429, Blame.LIMIT),
        (336100, 503, Blame.UPSTREAM),
        (336103, 400, Blame.REQUEST),
        (424242, 502, Blame.UPSTREAM),
    ],
)
async def test_what_codes_mean(code: int, means: int, whose: Blame) -> None:
    said = {"error_code": code, "error_msg": "quotes 110"}
    failure = of_answer(Vendor(15, "qianfan"), 200, {}, said, 0.0)
    assert (failure.means, blame(failure)) == (means, whose)


async def test_reasons_of_the_end_that_older_models_do_not_name() -> None:
    qianfan = NATIVES["qianfan"]
    for said, reason in (
        ({"need_clear_history": True}, "content_filter"),
        ({"is_truncated": True}, "length"),
        ({"finish_reason": "content_filter"}, "content_filter"),
        ({}, "stop"),
    ):
        made = qianfan.answer({"result": "a", **said}, 1)
        assert made["choices"][0]["finish_reason"] == reason
