"""The same dialect on both sides: bytes pass untouched, and how such answers end."""

import json
from typing import Any

import httpx
import pytest

from ledger.errors import BooksUnavailable
from ledger.money import usd
from tests.fakes.vendors import FakeVendor, Manner
from tests.gateway.relay.conftest import SECRET, Gate
from tests.gateway.relay.dialects.conftest import HI, post

pytestmark = pytest.mark.asyncio(loop_scope="module")

# model: (path of a whole answer, path of a stream, body)
ASKS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "claude-fake": (
        "/v1/messages?beta=true",
        "/v1/messages?beta=true",
        {"model": "claude-fake", "max_tokens": 100, "messages": HI},
    ),
    "gemini-fake": (
        "/v1beta/models/gemini-fake:generateContent",
        "/v1beta/models/gemini-fake:streamGenerateContent?alt=sse",
        {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]},
    ),
    "respond": ("/v1/responses", "/v1/responses", {"model": "respond", "input": "hi"}),
}
MODELS = list(ASKS)


async def ask(gate: Gate, secret: str, model: str, stream: bool, **more: Any) -> httpx.Response:
    whole, streamed, body = ASKS[model]
    said = {"stream": True} if stream and "model" in body else {}
    return await post(gate, secret, streamed if stream else whole, {**body, **said, **more})


def events(answer: httpx.Response) -> list[dict[str, Any]]:
    return [json.loads(line[5:]) for line in answer.text.splitlines() if line[:5] == "data:"]


@pytest.mark.parametrize("model", MODELS)
async def test_a_request_passes_as_it_came(gate: Gate, vendor: FakeVendor, model: str) -> None:
    _, secret = await gate.key()
    path, _, body = ASKS[model]
    raw = json.dumps({**body, "x_unknown": {"a": [1.50, None]}}, indent=3).encode()
    answer = await post(
        gate,
        secret,
        path,
        raw,
        anthropic_beta="a-1,b-2",
        anthropic_version="2026-10-21",
        cookie="c",
    )
    assert answer.status_code == 200
    (sent,) = vendor.received
    assert sent.raw == raw
    assert "cookie" not in sent.headers and secret not in str(sent.headers)
    assert SECRET in (sent.headers.get("authorization") or str(sent.headers))
    betas = ("a-1,b-2", "2026-10-21") if model == "claude-fake" else (None, None)
    assert (sent.headers.get("anthropic-beta"), sent.headers.get("anthropic-version")) == betas


async def test_without_a_version_anthropic_gets_the_usual_one(
    gate: Gate, vendor: FakeVendor
) -> None:
    _, secret = await gate.key()
    await ask(gate, secret, "claude-fake", stream=False)
    assert vendor.received[0].headers["anthropic-version"] == "2023-06-01"
    assert "anthropic-beta" not in vendor.received[0].headers


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("piece", [None, 1, 7, 64])
async def test_a_stream_passes_byte_for_byte(
    gate: Gate, vendor: FakeVendor, model: str, piece: int | None
) -> None:
    vendor.manner = Manner(piece=piece, extra={"x_unknown": "\u4f60 \\u0000 message_stop"})
    key, secret = await gate.key()
    answer = await ask(gate, secret, model, stream=True)
    assert answer.content == vendor.sent
    (event,) = await gate.events_of(key)
    assert event["body"]["usage_source"] == "upstream"
    assert event["body"]["outcome"] == "complete"


@pytest.mark.parametrize("model", MODELS)
async def test_a_whole_answer_passes_byte_for_byte(
    gate: Gate, vendor: FakeVendor, model: str
) -> None:
    vendor.manner = Manner(extra={"x_unknown": ["long " * 20_000]})
    _, secret = await gate.key()
    answer = await ask(gate, secret, model, stream=False)
    assert answer.content == vendor.sent
    event = await gate.charge_of(answer)
    assert answer.headers["x-tollgate-cost"] == usd(-event["amount"])
    assert event["body"]["usage_source"] == "upstream"
    assert event["body"]["upstream_request_id"] == "req_fake"
    report = json.loads(event["body"]["usage_frame"])
    assert {"input_tokens", "promptTokenCount"} & report.keys()


@pytest.mark.parametrize("model", MODELS)
async def test_a_mapped_model_and_a_forced_prompt(
    gate: Gate, vendor: FakeVendor, model: str
) -> None:
    name = f"mapped-{model}"
    kind = {"claude-fake": 14, "gemini-fake": 24, "respond": 1}[model]
    how: dict[str, Any] = {"type": kind, "base_url": vendor.url, "model_mapping": {name: model}}
    await gate.channel(name, system_prompt="Be brief.", **how)
    _, secret = await gate.key()
    path, _, body = ASKS[model]
    named = {"model": name} if "model" in body else {}
    answer = await post(gate, secret, path.replace(model, name), {**body, **named})
    assert answer.status_code == 200, answer.text
    (sent,) = vendor.received
    assert model in (sent.path if model == "gemini-fake" else sent.body["model"])
    assert "Be brief." in str(sent.body)
    event = await gate.charge_of(answer)
    assert (event["body"]["model"], event["body"]["served_model"]) == (name, model)


@pytest.mark.parametrize("model", MODELS)
async def test_the_end_waits_for_the_receipt(
    gate: Gate, vendor: FakeVendor, model: str, with_books: Any
) -> None:
    with_books(BooksUnavailable("gone", 7), "charge")
    key, secret = await gate.key("1")
    answer = await ask(gate, secret, model, stream=True)
    assert "fake" in answer.text
    for end in ("message_stop", "response.completed", "STOP"):
        assert end not in answer.text
    assert "cannot record" in answer.text
    assert await gate.balance(key.account) == 10**9


@pytest.mark.parametrize("model", MODELS)
async def test_an_upstream_that_breaks_off(gate: Gate, vendor: FakeVendor, model: str) -> None:
    words = 2
    vendor.manner = Manner(cut_after=(2 if model == "gemini-fake" else 3) + words)
    key, secret = await gate.key("1")
    answer = await ask(gate, secret, model, stream=True)
    assert "broke off" in answer.text
    if model == "claude-fake":
        assert answer.text.rstrip().rpartition("event: ")[2].startswith("error\n")
    (event,) = await gate.events_of(key)
    body = event["body"]
    assert body["outcome"] == "upstream_cut"
    if model == "gemini-fake":  # whose every event has a report
        words, told = 4, {"input": 10, "cached": 4}
        assert {n: body["usage"][n] for n in told} == told
    else:
        # Claude's tokens are estimated, from the length of the two words.
        known = (3, "estimated") if model == "claude-fake" else (words, "counted")
        assert (body["usage"]["output"], body["usage_source"]) == known


@pytest.mark.parametrize("model", MODELS)
async def test_an_error_in_mid_stream_is_the_upstreams_own(
    gate: Gate, vendor: FakeVendor, model: str
) -> None:
    vendor.manner = Manner(late_error=4)
    key, secret = await gate.key("1")
    answer = await ask(gate, secret, model, stream=True)
    assert answer.content == vendor.sent
    assert answer.text.count("Overloaded") == 1 and "broke off" not in answer.text
    (event,) = await gate.events_of(key)
    assert event["body"]["outcome"] == "upstream_cut"
    assert event["amount"] < 0


@pytest.mark.parametrize("model", MODELS)
async def test_a_stream_that_outgrows_the_credit_ends_cleanly(
    gate: Gate, vendor: FakeVendor, model: str
) -> None:
    vendor.manner = Manner(words=("word ",) * 2_000, no_usage=True)
    key, secret = await gate.key(usd(408_000))
    answer = await ask(gate, secret, model, stream=True)
    assert answer.status_code == 200
    *_, before, last = events(answer)
    if model == "claude-fake":
        assert last == {"type": "message_stop"}
        assert before["delta"]["stop_reason"] == "max_tokens"
        assert "event: content_block_stop" in answer.text
    elif model == "gemini-fake":
        assert last["candidates"][0]["finishReason"] == "MAX_TOKENS"
        assert last["usageMetadata"]["candidatesTokenCount"] > 20
    else:
        assert last["type"] == "response.incomplete"
        assert last["response"]["incomplete_details"] == {"reason": "max_output_tokens"}
        assert last["sequence_number"] == before["sequence_number"] + 1
    (event,) = await gate.events_of(key)
    assert event["body"]["outcome"] == "credit_exhausted"
    assert -408_000 <= event["amount"] < -100_000


@pytest.mark.parametrize("model", MODELS)
async def test_short_credit_asks_for_a_shorter_answer(
    gate: Gate, vendor: FakeVendor, model: str
) -> None:
    _, secret = await gate.key(usd(158_000))
    answer = await ask(gate, secret, model, stream=False)
    assert answer.status_code == 200, answer.text
    sent = vendor.received[0].body
    limits = {**sent, **sent.get("generationConfig", {})}
    names = ("max_tokens", "maxOutputTokens", "max_output_tokens")
    # A token of output is 4,000, and the question is 8 tokens or, as bare text, 4.
    tokens_in = 4 if model == "respond" else 8
    most = (158_000 - tokens_in * 1_000) // 4_000
    assert [limits[n] for n in names if n in limits] == [most]


@pytest.mark.parametrize(("status", "mapped", "kind"), [(401, 502, "api_error"), (400, 400, "")])
async def test_refusals_of_an_upstream_in_anthropics_form(
    gate: Gate, vendor: FakeVendor, status: int, mapped: int, kind: str
) -> None:
    vendor.manner = Manner(status=status)
    key, secret = await gate.key("1")
    answer = await ask(gate, secret, "claude-fake", stream=True)
    said = answer.json()
    assert (answer.status_code, said["type"]) == (mapped, "error")
    assert said["error"]["type"] == (kind or "invalid_request_error")
    assert said["request_id"] == answer.headers["x-request-id"]
    assert not await gate.events_of(key)


async def test_a_bad_key_at_google_is_the_operators_matter(gate: Gate, vendor: FakeVendor) -> None:
    details = [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}]
    error = {"code": 400, "message": "bad key", "status": "INVALID_ARGUMENT", "details": details}
    vendor.manner = Manner(status=400, error={"error": error})
    _, secret = await gate.key("1")
    answer = await ask(gate, secret, "gemini-fake", stream=False)
    assert answer.status_code == 502
    assert answer.json()["error"]["details"][0]["reason"] == "UPSTREAM_AUTH"
    assert "bad key" not in answer.text
