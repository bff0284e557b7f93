"""What only Hunyuan's protocol has: signed calls, errors inside a 200, cached tokens as text."""

from typing import Any

import openai
import pytest

from gateway.channels.blame import Blame, blame
from gateway.channels.failure import of_answer
from tests.fakes.hunyuan import SECRET_ID, SECRET_KEY
from tests.gateway.channels.anything import Vendor
from tests.gateway.relay.conftest import Gate
from tests.gateway.relay.vendors.conftest import Case, tool

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture
def tencent(all_cases: dict[str, Case], gate: Gate) -> Case:
    case = all_cases["tencent"]
    case.fake.reset()
    return case


async def test_cached_tokens_tools_by_name_and_what_is_filtered(tencent: Case) -> None:
    tencent.plays(tokens_in=100, tokens_out=10, cached=40)
    body = await tencent.body_of(await tencent.ask())
    assert body["usage"] == {"input": 60, "cached": 40, "output": 10}
    assert body["nano"] == 60_000 + 40 * 250 + 40_000
    named = {"type": "function", "function": {"name": "b"}}
    await tencent.ask(tools=[tool("a"), tool("b")], tool_choice=named)
    sent = tencent.fake.received[-1].body
    assert sent["ToolChoice"] == "custom" and sent["CustomTool"]["Function"]["Name"] == "b"
    await tencent.ask(tools=[tool("a")], tool_choice="required")
    assert tencent.fake.received[-1].body["CustomTool"]["Function"]["Name"] == "a"
    tencent.plays(ended="filtered")
    whole = (await tencent.ask()).parse()
    assert whole.choices[0].finish_reason == "content_filter"


async def test_what_cannot_be_kept_short_is_held_for(tencent: Case) -> None:
    _, poor = await tencent.gate.key("0.005")
    asked = {"model": "tencent", "messages": [{"role": "user", "content": "hi"}], "max_tokens": 1}
    refused = await tencent.gate.post(poor, asked)
    assert refused.status_code == 402 and not tencent.fake.received
    streamed = await tencent.gate.post(poor, {**asked, "stream": True})
    assert streamed.status_code == 200 and "[DONE]" in streamed.text
    _, rich = await tencent.gate.key("0.5")
    whole = await tencent.gate.post(rich, asked)
    body = await tencent.body_of(whole)
    assert body["hold"]["nano"] > 4_000 * 1_000 and not body["shortfall_nano"]


async def test_keys_and_regions(tencent: Case) -> None:
    channels, gate = tencent.gate.running.directory.channels, tencent.gate
    await gate.price({"model": "signed", "input": "1", "output": "1"})
    given: Any = {"type": 23, "base_url": tencent.fake.url, "models": ["signed"], "name": "short"}
    asked = {"model": "signed", "messages": [{"role": "user", "content": "hi"}]}
    region = {"config": {"region": "ap-guangzhou"}}
    good = await channels.create({**given, **region}, f"{SECRET_ID}|{SECRET_KEY}")
    assert (await gate.post(tencent.key, asked)).status_code == 200
    assert tencent.fake.received[-1].headers["x-tc-region"] == "ap-guangzhou"
    await channels.delete(good.id)
    for key in ("sk-plain", "1|2|3|4", f"1|{SECRET_ID}|"):
        bad = await channels.create(given, key)
        answer = await gate.post(tencent.key, asked)
        assert (answer.status_code, answer.json()["error"]["code"]) == (502, "upstream_auth")
        await channels.delete(bad.id)


async def test_a_wrong_key_is_told_by_its_code(tencent: Case) -> None:
    tencent.plays(status=401)
    with pytest.raises(openai.InternalServerError) as caught:
        await tencent.ask()
    assert caught.value.status_code == 502 and "failed with" not in str(caught.value)


@pytest.mark.parametrize(
    ("code", "means", "whose"),
    [
        ("AuthFailure.SecretIdNotFound", 401, Blame.CREDENTIAL),
        ("FailedOperation.ServiceStopArrears", 401, Blame.CREDENTIAL),
        ("AuthFailure.SignatureExpire", 401, Blame.CREDENTIAL),
        ("OperationDenied.TextIllegalDetected", 400, Blame.REQUEST),
        ("InvalidParameterValue.ParameterValueError", 400, Blame.REQUEST),
        ("InvalidParameterValue.Model", 404, Blame.ABSENT),
        ("RequestLimitExceeded.UinLimitExceeded", 429, Blame.LIMIT),
        ("FailedOperation.EngineServerError", 500, Blame.UPSTREAM),
        ("Something.New", 502, Blame.UPSTREAM),
    ],
)
async def test_codes(code: str, means: int, whose: Blame) -> None:
    said = {"Response": {"Error": {"Code": code, "Message": "InternalError"}, "RequestId": "r"}}
    failure = of_answer(Vendor(23, "hunyuan"), 200, {}, said, 0.0)
    assert (failure.means, blame(failure)) == (means, whose)
