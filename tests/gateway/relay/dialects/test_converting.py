"""Another dialect than the upstream's: how requests are said, how answers end, what is refused."""

import json
from typing import Any

import httpx
import pytest

from gateway.relay.errors import TABLE
from ledger.errors import BooksUnavailable
from ledger.money import usd
from tests.fakes.upstream import Behaviour
from tests.fakes.vendors import FakeVendor, Manner
from tests.gateway.relay.conftest import Gate
from tests.gateway.relay.dialects.conftest import HI, anthropic_client, post

pytestmark = pytest.mark.asyncio(loop_scope="module")

MESSAGES = "/v1/messages?beta=true"
ASK: dict[str, Any] = {"model": "chatty", "max_tokens": 400, "messages": HI}
STREAM = {**ASK, "stream": True}
# What ends a stream well, by the path that was asked.
RESPONSES = {"model": "chatty", "input": "hi", "stream": True}
GEMINI = {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}
STREAMS: dict[str, tuple[str, dict[str, Any], str]] = {
    "messages": (MESSAGES, STREAM, "message_stop"),
    "responses": ("/v1/responses", RESPONSES, "response.completed"),
    "gemini": ("/v1/models/chatty:streamGenerateContent?alt=sse", GEMINI, "STOP"),
}


def data_of(answer: httpx.Response) -> list[dict[str, Any]]:
    return [json.loads(line[6:]) for line in answer.text.splitlines() if line[:6] == "data: "]


async def test_what_a_chat_upstream_is_asked(gate: Gate, vendor: FakeVendor) -> None:
    _, secret = await gate.key()
    body = {
        **STREAM,
        "system": "Be kind.",
        "top_k": 5,
        "stop_sequences": ["END"],
        "messages": [
            *HI,
            {"role": "assistant", "content": [{"type": "thinking", "thinking": "hm"}, TOOL_USE]},
            {"role": "user", "content": [{**RESULT, "content": "rain"}]},
        ],
        "tools": [{"name": "weather", "input_schema": {"type": "object"}}],
    }
    answer = await post(gate, secret, MESSAGES, body, anthropic_beta="b-1")
    assert answer.status_code == 200, answer.text
    sent = gate.upstream.received[-1]
    assert "anthropic-beta" not in sent.headers
    assert sent.body["stream_options"] == {"include_usage": True}
    assert (sent.body["max_tokens"], sent.body["stop"]) == (400, ["END"])
    roles = [message["role"] for message in sent.body["messages"]]
    assert roles == ["system", "user", "assistant", "tool"]
    assert sent.body["messages"][2]["tool_calls"][0]["function"]["name"] == "weather"
    assert "top_k" not in sent.body and "reasoning_content" not in sent.raw.decode()


TOOL_USE = {"type": "tool_use", "id": "t1", "name": "weather", "input": {"city": "Oslo"}}
RESULT = {"type": "tool_result", "tool_use_id": "t1"}


async def test_some_vendors_take_what_was_thought(gate: Gate, vendor: FakeVendor) -> None:
    await gate.price({"model": "thinker", "input": "1", "output": "4"})
    await gate.channel("thinker", type=36)
    _, secret = await gate.key()
    thought = [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "Hi!"}]
    turns = [*HI, {"role": "assistant", "content": thought}, *HI]
    await post(gate, secret, MESSAGES, {**ASK, "model": "thinker", "messages": turns})
    assert gate.upstream.received[-1].body["messages"][1]["reasoning_content"] == "hm"


async def test_a_mapped_model_a_forced_prompt_and_the_hosts_own_name(
    gate: Gate, vendor: FakeVendor
) -> None:
    await gate.price({"model": "o3-mini", "input": "10", "output": "10"})
    how: dict[str, Any] = {"type": 50, "model_mapping": {"claude-alias": "o3-mini"}}
    await gate.channel("claude-alias", system_prompt="Be brief.", **how)
    _, secret = await gate.key()
    answer = await post(gate, secret, MESSAGES, {**ASK, "model": "claude-alias", "system": "Long."})
    sent = gate.upstream.received[-1].body
    assert sent["model"] == "o3-mini"
    assert sent["messages"] == [{"role": "system", "content": "Be brief."}, *HI]
    assert sent["max_completion_tokens"] == 400 and "max_tokens" not in sent
    event = await gate.charge_of(answer)
    assert (event["amount"], event["body"]["served_model"]) == (-300_000, "o3-mini")


@pytest.mark.parametrize("name", STREAMS)
async def test_the_end_waits_for_the_receipt(
    gate: Gate, vendor: FakeVendor, name: str, with_books: Any
) -> None:
    with_books(BooksUnavailable("gone", 7), "charge")
    path, body, end = STREAMS[name]
    key, secret = await gate.key("1")
    answer = await post(gate, secret, path, body)
    assert "fake" in answer.text and "cannot record" in answer.text
    assert end not in answer.text
    assert await gate.balance(key.account) == 10**9


@pytest.mark.parametrize("name", STREAMS)
async def test_an_upstream_that_breaks_off(gate: Gate, vendor: FakeVendor, name: str) -> None:
    gate.upstream.behaviour = Behaviour(cut_after=3)
    path, body, end = STREAMS[name]
    key, secret = await gate.key("1")
    answer = await post(gate, secret, path, body)
    assert "broke off" in answer.text and end not in answer.text
    (event,) = await gate.events_of(key)
    assert event["body"]["outcome"] == "upstream_cut"
    assert (event["body"]["usage"]["output"], event["body"]["usage_source"]) == (3, "counted")
    cost = event["body"]["usage"]["input"] * 1_000 + 3 * 4_000
    assert event["amount"] == -cost


@pytest.mark.parametrize("model", ["claude-fake", "gemini-fake"])
async def test_a_chat_client_when_another_upstream_breaks_off(
    gate: Gate, vendor: FakeVendor, model: str
) -> None:
    vendor.manner = Manner(cut_after=4)
    key, secret = await gate.key("1")
    body = {"model": model, "messages": HI, "stream": True}
    answer = await post(gate, secret, "/v1/chat/completions", body)
    assert '"code":"upstream_cut"' in answer.text and "[DONE]" not in answer.text
    (event,) = await gate.events_of(key)
    assert event["body"]["outcome"] == "upstream_cut" and event["amount"] < 0


async def test_an_error_in_mid_stream_comes_in_the_clients_form(
    gate: Gate, vendor: FakeVendor
) -> None:
    vendor.manner = Manner(late_error=4)
    key, secret = await gate.key("1")
    body = {"model": "claude-fake", "messages": HI, "stream": True}
    answer = await post(gate, secret, "/v1/chat/completions", body)
    assert data_of(answer)[-1]["error"]["message"] == "Overloaded"
    assert "[DONE]" not in answer.text
    (event,) = await gate.events_of(key)
    assert event["body"]["outcome"] == "upstream_cut"


@pytest.mark.parametrize("name", STREAMS)
async def test_a_stream_that_outgrows_the_credit_ends_cleanly(
    gate: Gate, vendor: FakeVendor, name: str
) -> None:
    gate.upstream.behaviour = Behaviour(words=("word ",) * 2_000, usage=None)
    path, body, _ = STREAMS[name]
    key, secret = await gate.key(usd(208_000))
    answer = await post(gate, secret, path, body)
    *_, before, last = data_of(answer)
    if name == "messages":
        assert before["delta"]["stop_reason"] == "max_tokens"
        assert before["usage"]["output_tokens"] > 20 and last == {"type": "message_stop"}
    elif name == "responses":
        assert last["type"] == "response.incomplete"
        assert last["response"]["usage"]["output_tokens"] > 20
    else:
        assert last["candidates"][0]["finishReason"] == "MAX_TOKENS"
    (event,) = await gate.events_of(key)
    assert event["body"]["outcome"] == "credit_exhausted"
    assert event["amount"] >= -208_000


@pytest.mark.parametrize("model", ["claude-fake", "gemini-fake"])
async def test_a_chat_client_whose_credit_ends_gets_a_short_answer(
    gate: Gate, vendor: FakeVendor, model: str
) -> None:
    vendor.manner = Manner(words=("word ",) * 2_000, no_usage=True)
    _, secret = await gate.key(usd(408_000))
    body = {"model": model, "messages": HI, "stream": True}
    body["stream_options"] = {"include_usage": True}
    answer = await post(gate, secret, "/v1/chat/completions", body)
    assert answer.text.endswith("data: [DONE]\n\n")
    lines = [line[6:] for line in answer.text.splitlines() if line[:6] == "data: "]
    ending, usage = json.loads(lines[-3]), json.loads(lines[-2])
    assert ending["choices"][0]["finish_reason"] == "length"
    assert ending["notice"]["code"] == "insufficient_quota"
    assert usage["usage"]["completion_tokens"] > 20


@pytest.mark.parametrize(
    ("body", "status", "kind", "says"),
    [
        (b"{", 400, "invalid_request_error", "not valid JSON"),
        ({**ASK, "messages": []}, 400, "invalid_request_error", "`messages`"),
        ({**ASK, "model": 3}, 400, "invalid_request_error", "`model`"),
        ({**ASK, "max_tokens": "x"}, 400, "invalid_request_error", "`max_tokens`"),
        ({**ASK, "container": "c"}, 400, "invalid_request_error", "`container`"),
        ({**ASK, "model": "nope"}, 404, "not_found_error", "`nope`"),
    ],
)
async def test_refusals_in_anthropics_form(
    gate: Gate, vendor: FakeVendor, body: Any, status: int, kind: str, says: str
) -> None:
    key, secret = await gate.key("1")
    answer = await post(gate, secret, MESSAGES, body)
    said = answer.json()
    assert (answer.status_code, said["type"], said["error"]["type"]) == (status, "error", kind)
    assert says in said["error"]["message"]
    assert not gate.upstream.received and not await gate.events_of(key)


async def test_an_unknown_key_in_every_form(gate: Gate, vendor: FakeVendor) -> None:
    messages = await post(gate, "nope", MESSAGES, ASK)
    assert messages.json()["error"]["type"] == "authentication_error"
    gemini = await post(gate, "nope", "/v1beta/models/chatty:generateContent", GEMINI)
    assert gemini.json()["error"]["status"] == "UNAUTHENTICATED"
    responses = await post(gate, "nope", "/v1/responses", RESPONSES)
    assert responses.json()["error"]["code"] == "invalid_api_key"
    assert TABLE["invalid_api_key"][0] == 401 == messages.status_code == gemini.status_code


@pytest.mark.parametrize("status", [400, 429, 500])
async def test_an_upstreams_refusal_in_anthropics_form(
    gate: Gate, vendor: FakeVendor, status: int
) -> None:
    anthropic = pytest.importorskip("anthropic")
    gate.upstream.behaviour = Behaviour(status=status)
    key, secret = await gate.key("1")
    async with anthropic_client(gate, secret) as client:
        with pytest.raises(anthropic.APIStatusError) as caught:
            await client.messages.create(**ASK)
    assert caught.value.status_code == (502 if status == 500 else status)
    assert f"failed {status}" in str(caught.value)
    assert not await gate.events_of(key)


async def test_what_one_vendor_cannot_say_goes_to_another(gate: Gate, vendor: FakeVendor) -> None:
    await gate.price({"model": "both", "input": "1", "output": "4"})
    await gate.channel("both", type=14, base_url=vendor.url, priority=5)
    await gate.channel("both", type=50)
    _, secret = await gate.key()
    body = {"model": "both", "messages": HI, "n": 2}
    await gate.running.directory.options.set("RetryTimes", "1")
    try:
        answer = await post(gate, secret, "/v1/chat/completions", body)
    finally:
        await gate.running.directory.options.set("RetryTimes", "0")
    assert answer.status_code == 200, answer.text
    assert not vendor.received
    event = await gate.charge_of(answer)
    assert [a["status"] for a in event["body"]["attempts"]] == [None, 200]


async def test_nonsense_from_an_upstream_is_not_charged(gate: Gate, vendor: FakeVendor) -> None:
    vendor.manner = Manner(error={"hello": 1})
    key, secret = await gate.key("1")
    body = {"model": "claude-fake", "messages": HI}
    answer = await post(gate, secret, "/v1/chat/completions", body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (502, "upstream_bad_answer")
    assert await gate.balance(key.account) == 10**9


async def test_a_sandbox_channel_serves_every_dialect(gate: Gate, vendor: FakeVendor) -> None:
    await gate.price({"model": "sandbox-chat", "input": "1", "output": "4"})
    await gate.channel("sandbox-chat", type=1000, base_url="")
    _, secret = await gate.key()
    whole = await post(gate, secret, MESSAGES, {**ASK, "model": "sandbox-chat"})
    said = whole.json()["content"][0]["text"]
    assert said.startswith("Sandbox answer")
    path = "/v1beta/models/sandbox-chat:generateContent"
    again = await post(gate, secret, path, GEMINI)
    assert again.json()["candidates"][0]["content"]["parts"] == [{"text": said}]
    event = await gate.charge_of(again)
    assert event["body"]["usage"]["output"] == whole.json()["usage"]["output_tokens"]
