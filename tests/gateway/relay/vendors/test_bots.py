"""Platforms of bots: what the conformance suite does not ask of them."""

from collections.abc import AsyncIterator
from typing import Any

import openai
import orjson
import pytest

from gateway.channels import dead
from gateway.channels.blame import Blame, blame
from gateway.channels.failure import of_answer
from gateway.providers.base import CallFailed
from gateway.providers.natives import NATIVES
from gateway.providers.streamed import MAX_BYTES, _framed, _named
from tests.fakes.coze import BOT, FakeCoze
from tests.fakes.native import WORDS, Json, Script
from tests.gateway.channels.anything import Vendor
from tests.gateway.relay.conftest import Gate
from tests.gateway.relay.vendors.conftest import Case
from tests.gateway.relay.vendors.test_conformance import heard

pytestmark = pytest.mark.asyncio(loop_scope="module")
TEXT = "".join(WORDS)


async def channel(case: Case, name: str, config: Json) -> None:
    given: Json = {"type": case.row.type, "name": name, "base_url": case.fake.url, "models": [name]}
    given |= {"config": orjson.dumps(config).decode(), "model_mapping": {name: f"bot-{BOT}"}}
    await case.gate.price({"model": name, "input": "1", "output": "4"})
    await case.gate.running.directory.channels.create(given, case.row.secret)


async def test_coze_by_its_version_2(all_cases: dict[str, Case], gate: Gate) -> None:
    case = all_cases["coze"]
    case.fake.reset()
    await channel(case, "coze-v2", {"api_version": "v2"})
    turns: Any = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "one"},
        {"role": "assistant", "content": "1"},
        {"role": "user", "content": "two"},
    ]
    create = case.client().chat.completions.with_raw_response.create
    for stream in (False, True):
        case.plays(piece=7, noise=True)
        answer = await create(model="coze-v2", messages=turns, stream=stream, user="me")
        if stream:
            assert (await heard(answer))[0] == TEXT
        else:
            assert answer.parse().choices[0].message.content == TEXT
        body = await case.body_of(answer)
        assert body["usage_source"] == "counted" and body["usage"]["output"] > 5
    sent = case.fake.received[-1]
    assert sent.path == "/open_api/v2/chat"
    assert (sent.body["query"], sent.body["user"], sent.body["bot_id"]) == ("two", "me", BOT)
    before = [(each["role"], each["content"]) for each in sent.body["chat_history"]]
    assert before == [("user", "Be brief."), ("user", "one"), ("assistant", "1")]
    case.plays(fail_at=2)
    with pytest.raises(openai.APIError, match="crashed"):
        await heard(await create(model="coze-v2", messages=turns, stream=True))
    picture = {"type": "image_url", "image_url": {"url": "https://host/cat.png"}}
    asked = {"model": "coze-v2", "messages": [{"role": "user", "content": [picture]}]}
    refused = await case.gate.post(case.key, asked)
    assert refused.status_code == 400, refused.text
    assert refused.json()["error"]["param"] == "messages[0].content[0].image_url"


async def test_whom_coze_speaks_to_and_how_it_fails(all_cases: dict[str, Case], gate: Gate) -> None:
    case = all_cases["coze"]
    case.fake.reset()
    await case.ask(user="me")
    assert case.fake.received[-1].body["user_id"] == "somebody"  # the channel's
    assert case.fake.received[-1].headers["accept"] == "application/json"
    # A chat that fails as soon as it is created is no beginning: other channels would be asked.
    case.plays(fail_at=2)
    for stream in (False, True):
        with pytest.raises(openai.APIStatusError) as caught:
            await case.ask(stream=stream)
        assert caught.value.status_code == 502 and "the bot crashed" in str(caught.value)
    ends = {"messages": [{"role": "assistant", "content": "1"}]}
    assert (await case.post(**ends)).json()["error"]["param"] == "messages"
    case.plays(cut_after=5)
    with pytest.raises(openai.APIStatusError):
        await case.ask()


@pytest.mark.parametrize("name", ["coze", "dify"])
async def test_a_limit_that_is_not_heeded_lowers_no_hold(
    all_cases: dict[str, Case], gate: Gate, name: str
) -> None:
    case = all_cases[name]
    case.fake.reset()
    _, key = await gate.key("0.001")  # enough for a few tokens, not for what may come
    asked = {"model": name, "messages": [{"role": "user", "content": "hi"}], "max_tokens": 1}
    refused = await gate.post(key, asked)
    assert refused.status_code == 402 and not case.fake.received
    case.plays(words=tuple(f" {n}" for n in range(3_000)), tokens_out=3_000)
    answer = await gate.post(key, {**asked, "stream": True})
    assert answer.status_code == 200 and '"finish_reason":"length"' in answer.text
    event = await gate.charge_of(answer)
    assert event["body"]["outcome"] == "credit_exhausted"
    assert -1_100_000 < event["amount"] < -500_000


@pytest.mark.parametrize("name", ["coze", "dify"])
async def test_images_in_a_request_are_sent_ahead(
    all_cases: dict[str, Case], gate: Gate, name: str
) -> None:
    case = all_cases[name]
    case.fake.reset()
    urls = ("DATA:image/png;base64,AAAA", "https://host/cat.png", "data:image\r\nx: y;base64,BBBB")
    parts = [{"type": "image_url", "image_url": {"url": url}} for url in urls]
    turns: Any = [{"role": "user", "content": [{"type": "text", "text": "data: which?"}, *parts]}]
    for stream in (False, True):
        answer = await case.ask(turns, stream=stream)
        assert (await heard(answer))[0] == TEXT if stream else answer.parse().choices
        assert case.seen().images == ["AAAA", "https://host/cat.png", "BBBB"]
        assert case.seen().said == [("user", "data: which?")]
    case.fake.received.clear()
    for status, becomes in ((400, 400), (401, 502), (500, 502)):
        case.plays(status=status)
        with pytest.raises(openai.APIStatusError) as caught:
            await case.ask(turns)
        assert caught.value.status_code == becomes
    assert not case.fake.received  # a file that is not taken ends the request


async def test_dify_as_an_agent_a_generator_and_moderated(
    all_cases: dict[str, Case], gate: Gate
) -> None:
    case = all_cases["dify"]
    fake: Any = case.fake
    fake.reset()
    fake.agent = True
    assert (await case.ask()).parse().choices[0].message.content == TEXT
    assert (await heard(await case.ask(stream=True)))[0] == TEXT
    fake.replaced = "I must not say."
    assert (await case.ask()).parse().choices[0].finish_reason == "content_filter"
    assert (await heard(await case.ask(stream=True)))[3] == "content_filter"
    fake.reset()
    await channel(case, "dify-text", {"app": "completion", "user_id": "somebody"})
    asked = {"model": "dify-text", "messages": [{"role": "user", "content": "hi"}]}
    answer = await case.gate.post(case.key, asked)
    assert answer.json()["choices"][0]["message"]["content"] == TEXT
    assert fake.received[-1].path == "/v1/completion-messages"
    assert fake.received[-1].body["inputs"] == {"query": "hi"}
    assert fake.received[-1].body["user"] == "somebody"


CODES = [
    ("coze", 200, {"code": 4100, "msg": "x"}, 401, Blame.CREDENTIAL),
    ("coze", 200, {"code": 4011, "msg": "x"}, 402, Blame.CREDENTIAL),
    ("coze", 401, {"code": 700012006, "msg": "x"}, 401, Blame.CREDENTIAL),
    ("coze", 200, {"code": 4010, "msg": "x"}, 400, Blame.REQUEST),
    ("coze", 200, {"code": 4015, "msg": "x"}, 404, Blame.ABSENT),
    ("coze", 200, {"code": 4008, "msg": "x"}, 429, Blame.LIMIT),
    ("coze", 200, {"code": 4013, "msg": "x"}, 502, Blame.UPSTREAM),
    ("dify", 401, {"code": "unauthorized", "message": "x", "status": 401}, 401, Blame.CREDENTIAL),
    ("dify", 400, {"code": "provider_quota_exceeded", "message": "x"}, 400, Blame.CREDENTIAL),
    ("dify", 400, {"code": "app_unavailable", "message": "x"}, 400, Blame.ABSENT),
    ("dify", 400, {"code": "invalid_param", "message": "x"}, 400, Blame.REQUEST),
    ("dify", 200, {"event": "error", "code": "completion_request_error"}, 502, Blame.UPSTREAM),
]


@pytest.mark.parametrize(("name", "status", "said", "means", "whose"), CODES)
async def test_whose_fault_it_is(
    name: str, status: int, said: Json, means: int, whose: Blame
) -> None:
    assert NATIVES[name].failed(said)
    failure = of_answer(Vendor(99, name), status, {}, said, 0.0)
    assert (failure.means, blame(failure)) == (means, whose)
    code = str(said["code"])
    is_dead = code in ("4100", "4011", "700012006", "unauthorized", "provider_quota_exceeded")
    assert (dead.find(failure) is not None) == is_dead


async def named(stream: bytes, at: int) -> bytes:
    async def body() -> AsyncIterator[bytes]:
        yield stream[:at]
        yield stream[at:]

    passed_over = NATIVES["coze"].passed_over  # type: ignore[attr-defined]
    return b"".join([piece async for piece in _framed(_named(body(), passed_over))])


async def test_names_of_events_reach_readers_wherever_the_bytes_are_parted() -> None:
    async with FakeCoze() as fake:
        fake.script = Script(words=("a\u2028b", "🏔", "\\n"))
        message = {"role": "user", "content": "hi", "content_type": "text", "type": "question"}
        asked = {"bot_id": BOT, "user_id": "u", "additional_messages": [message], "stream": True}
        events = fake.chat(asked)
    stream = b"".join(map(fake.frame, events)).replace(b"\n\ndata", b"\r\n\r\ndata") + b"data:{}"
    whole = await named(stream, 0)
    found = [orjson.loads(line[5:]) for line in whole.split(b"\n\n") if line]
    assert found[0] == {"event": "conversation.message.delta", **events[2]["data"]}
    assert [each.get("event") for each in found[-2:]] == ["done", None]
    assert len(found) == len(events) - 2 + 1
    for at in range(len(stream)):
        assert await named(stream, at) == whole
    assert await named(b"event: <odd>\ndata: {}\n\n", 3) == b"data: {}\n\n"
    assert await named(b"event:x\ndata:{ }\n\n", 3) == b'data: {"event":"x"}\n\n'
    with pytest.raises(CallFailed, match="a line of more than"):
        await named(b"data:" + b"x" * (MAX_BYTES + 1), 1)
