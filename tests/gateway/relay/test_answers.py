"""Answers as the official client sees them, and what each cost."""

from typing import Any

import openai
import pytest

from ledger.money import usd
from tests.fakes.upstream import USAGE, Behaviour
from tests.gateway.relay.conftest import SECRET, Gate

pytestmark = pytest.mark.asyncio(loop_scope="module")

HI: list[Any] = [{"role": "user", "content": "hi"}]
ASK: dict[str, Any] = {"model": "m", "messages": HI}
COST = 10 * 1_000 + 20 * 4_000


async def test_a_chat_is_answered_and_charged(gate: Gate) -> None:
    key, secret = await gate.key()
    raw = await gate.client(secret).chat.completions.with_raw_response.create(**ASK)
    answer = raw.parse()
    assert answer.choices[0].message.content == "Hello from the fake."
    assert raw.headers["x-tollgate-cost"] == usd(COST) == "0.00009"
    event = await gate.charge_of(raw)
    assert raw.headers["x-tollgate-event"] == event["_id"]
    assert event["amount"] == -COST
    assert event["actor"] == key.account
    body = event["body"]
    assert body["usage"] == {"input": 10, "output": 20}
    assert (body["usage_source"], body["outcome"]) == ("upstream", "complete")
    assert body["upstream_request_id"] == "req_fake"
    assert body["attempts"] == [{"channel": body["channel"], "status": 200, "error": None}]
    assert "hi" not in str(body["usage_frame"])


async def test_the_upstream_gets_the_bytes_as_they_came_and_no_client_secrets(gate: Gate) -> None:
    _, secret = await gate.key()
    body = b'{ "model":"m","messages":[{"role":"user","content":"\\u4f60 &"}], "x_unknown": 1.50 }'
    answer = await gate.http.post(
        "/v1/chat/completions",
        content=body,
        headers={"authorization": f"Bearer sk-{secret}", "cookie": "a=b", "x-custom": "c"},
    )
    assert answer.status_code == 200
    sent = gate.upstream.received[-1]
    assert sent.raw == body
    assert sent.headers["authorization"] == f"Bearer {SECRET}"
    assert sent.headers["user-agent"].startswith("tollgate/")
    assert not {"cookie", "x-custom"} & sent.headers.keys()


async def test_a_stream_hides_the_usage_that_was_not_asked_for(gate: Gate) -> None:
    key, secret = await gate.key()
    stream = await gate.client(secret).chat.completions.create(**ASK, stream=True)
    chunks = [chunk async for chunk in stream]
    assert "".join(c.choices[0].delta.content or "" for c in chunks) == "Hello from the fake."
    assert all(chunk.usage is None for chunk in chunks)
    assert gate.upstream.received[-1].body["stream_options"] == {"include_usage": True}
    (event,) = await gate.events_of(key)
    assert (event["amount"], event["body"]["usage_source"]) == (-COST, "upstream")
    assert event["body"]["stream"] is True
    assert event["body"]["latency_ms"]["first_token"] is not None


async def test_a_stream_ends_with_usage_for_who_asks(gate: Gate) -> None:
    _, secret = await gate.key()
    stream = await gate.client(secret).chat.completions.create(
        **ASK, stream=True, stream_options={"include_usage": True}
    )
    chunks = [chunk async for chunk in stream]
    assert chunks[-1].choices == []
    assert chunks[-1].usage is not None and chunks[-1].usage.completion_tokens == 20


async def test_the_end_of_a_stream_comes_after_the_charge(gate: Gate) -> None:
    key, secret = await gate.key()
    headers = {"authorization": f"Bearer sk-{secret}"}
    request = gate.http.stream(
        "POST", "/v1/chat/completions", json={**ASK, "stream": True}, headers=headers
    )
    async with request as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert answer.headers["x-accel-buffering"] == "no"
        assert "x-tollgate-cost" not in answer.headers
        async for line in answer.aiter_lines():
            if line == "data: [DONE]":
                assert len(await gate.events_of(key)) == 1
                break
        else:
            pytest.fail("the stream had no end")


async def test_running_totals_in_every_chunk_are_charged_once(gate: Gate) -> None:
    gate.upstream.behaviour = Behaviour(usage_on="each")
    key, secret = await gate.key()
    stream = await gate.client(secret).chat.completions.create(**ASK, stream=True)
    async for _ in stream:
        pass
    (event,) = await gate.events_of(key)
    assert event["amount"] == -COST


@pytest.mark.parametrize("stream", [False, True])
async def test_usage_that_is_not_reported_is_counted(gate: Gate, stream: bool) -> None:
    gate.upstream.behaviour = Behaviour(usage=None)
    key, secret = await gate.key()
    answer = await gate.post(secret, {**ASK, "stream": stream})
    assert answer.status_code == 200
    (event,) = await gate.events_of(key)
    assert event["body"]["usage_source"] == "counted"
    # 3 for the message and 3 for the answer, "user" and "hi" one each; five words out.
    assert event["body"]["usage"] == {"input": 8, "output": 5}


async def test_usage_of_zero_is_believed(gate: Gate) -> None:
    gate.upstream.behaviour = Behaviour(usage={"prompt_tokens": 0, "completion_tokens": 0})
    _, secret = await gate.key()
    answer = await gate.post(secret, ASK)
    assert answer.headers["x-tollgate-cost"] == "0"
    event = await gate.charge_of(answer)
    assert (event["amount"], event["body"]["usage"]) == (0, {"input": 0, "output": 0})


async def test_embeddings_come_as_floats_and_as_base64(gate: Gate) -> None:
    gate.upstream.behaviour = Behaviour(usage={"prompt_tokens": 3, "total_tokens": 3})
    key, secret = await gate.key()
    client = gate.client(secret)
    default = await client.embeddings.create(model="m", input="hi")
    floats = await client.embeddings.create(model="m", input="hi", encoding_format="float")
    assert default.data[0].embedding == floats.data[0].embedding == [1.0, 0.0]
    answer = await gate.post(secret, {"input": "hi"}, "/v1/engines/m/embeddings")
    assert answer.status_code == 200
    assert [e["amount"] for e in await gate.events_of(key)] == [-3_000] * 3


async def test_completions_stream_and_whole(gate: Gate) -> None:
    key, secret = await gate.key()
    client = gate.client(secret)
    whole = await client.completions.create(model="m", prompt="hi")
    stream = await client.completions.create(model="m", prompt="hi", stream=True)
    text = "".join([chunk.choices[0].text async for chunk in stream])
    assert whole.choices[0].text == text == "Hello from the fake."
    assert [e["body"]["endpoint"] for e in await gate.events_of(key)] == ["completions"] * 2


async def test_everything_is_also_under_openai_v1(gate: Gate) -> None:
    _, secret = await gate.key()
    client = gate.client(secret, base_url=f"{gate.url}/openai/v1")
    assert (await client.chat.completions.create(**ASK)).choices
    assert "m" in [model.id async for model in client.models.list()]


async def test_models_are_those_that_the_key_may_use(gate: Gate) -> None:
    _, secret = await gate.key()
    client = gate.client(secret)
    model = await client.models.retrieve("m")
    assert (model.id, model.object) == ("m", "model")
    with pytest.raises(openai.NotFoundError) as caught:
        await client.models.retrieve("nope")
    assert caught.value.code == "model_not_found"
    _, narrow = await gate.key(models=["other"])
    assert [m.id async for m in gate.client(narrow).models.list()] == []


@pytest.mark.parametrize("prefix", ["", "/v1", "/openai/v1"])
async def test_the_billing_routes_tell_what_is_left_and_used(gate: Gate, prefix: str) -> None:
    key, secret = await gate.key("1.5")
    await gate.post(secret, ASK)
    await gate.balance(key.account)
    headers = {"authorization": f"Bearer sk-{secret}"}
    path = f"{prefix}/dashboard/billing"
    limit = (await gate.http.get(f"{path}/subscription", headers=headers)).json()
    used = (await gate.http.get(f"{path}/usage", headers=headers)).json()
    assert limit["hard_limit_usd"] == 1.5
    assert limit["access_until"] == 0
    assert used["total_usage"] == 0.009


async def test_a_sandbox_channel_takes_the_same_way(gate: Gate) -> None:
    await gate.channel("sandbox-chat", "sandbox-embedding", type=1000, base_url="")
    key, secret = await gate.key()
    client = gate.client(secret)
    body: dict[str, Any] = {"model": "sandbox-chat", "messages": HI}
    whole = await client.chat.completions.create(**body)
    again = await client.chat.completions.create(**body)
    stream = await client.chat.completions.create(**body, stream=True)
    text = "".join([c.choices[0].delta.content or "" async for c in stream])
    assert whole.choices[0].message.content == again.choices[0].message.content == text
    short = await client.chat.completions.create(**body, max_tokens=3)
    assert short.choices[0].finish_reason == "length"
    assert short.usage is not None and short.usage.completion_tokens == 3
    vector = (await client.embeddings.create(model="sandbox-embedding", input="x")).data[0]
    assert abs(sum(n * n for n in vector.embedding) - 1) < 1e-5
    first, _, streamed, *_ = [e["body"]["usage"] for e in await gate.events_of(key)]
    assert first == streamed


async def test_a_mapped_model_is_sent_and_priced_by_its_real_name(gate: Gate) -> None:
    await gate.price({"model": "real", "input": "10", "output": "10"})
    await gate.channel("alias", model_mapping={"alias": "real"}, system_prompt="Be brief.")
    _, secret = await gate.key()
    answer = await gate.post(secret, {"model": "alias", "messages": HI})
    sent = gate.upstream.received[-1].body
    assert sent["model"] == "real"
    assert sent["messages"] == [{"role": "system", "content": "Be brief."}, *HI]
    event = await gate.charge_of(answer)
    assert event["amount"] == -30 * 10_000
    assert (event["body"]["model"], event["body"]["served_model"]) == ("alias", "real")
    assert event["body"]["price"]["model"] == "real"


async def test_cached_and_reasoning_tokens_have_their_own_price(gate: Gate) -> None:
    usage = {
        **USAGE,
        "prompt_tokens_details": {"cached_tokens": 4},
        "completion_tokens_details": {"reasoning_tokens": 15},
    }
    gate.upstream.behaviour = Behaviour(usage=usage)
    _, secret = await gate.key()
    event = await gate.charge_of(await gate.post(secret, ASK))
    assert event["body"]["usage"] == {"input": 6, "cached": 4, "output": 5, "reasoning": 15}
    assert event["amount"] == -(6 * 1_000 + 4 * 500 + 20 * 4_000)


async def test_a_price_per_call_is_charged_once_a_call(gate: Gate) -> None:
    await gate.price({"model": "flat", "calls": "0.01"})
    await gate.channel("flat")
    _, secret = await gate.key()
    event = await gate.charge_of(await gate.post(secret, {"model": "flat", "messages": HI}))
    assert event["amount"] == -10_000_000
    assert event["body"]["usage"]["calls"] == 1
