"""Refusals and failures: the right status, OpenAI's envelope, nothing charged."""

import gzip
from typing import Any

import httpx
import openai
import orjson
import pytest

from ledger.clock import Clock
from ledger.prices import PriceBook
from tests.fakes.upstream import Behaviour
from tests.gateway.relay.conftest import ROW, Gate
from tests.gateway.relay.test_answers import ASK, HI

pytestmark = pytest.mark.asyncio(loop_scope="module")


def error_of(answer: httpx.Response, request_id: bool = True) -> dict[str, Any]:
    error: dict[str, Any] = answer.json()["error"]
    assert error.keys() == {"message", "type", "param", "code"}
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["x-request-id"] in error["message"]
    assert "x-tollgate-event" not in answer.headers
    return error


@pytest.mark.parametrize("given", ["sk-unknownunknown", "sk-", "sk-x-y", "x", "nonsense-7-8"])
async def test_an_unknown_key_is_401(gate: Gate, given: str) -> None:
    headers = {"authorization": f"Bearer {given}"}
    answer = await gate.http.post("/v1/chat/completions", json=ASK, headers=headers)
    assert (answer.status_code, error_of(answer)["code"]) == (401, "invalid_api_key")


@pytest.mark.parametrize("header", ["x-api-key", "api-key"])
async def test_a_key_may_come_in_other_headers(gate: Gate, header: str) -> None:
    _, secret = await gate.key()
    for given in (secret, f"sk-{secret}"):
        answer = await gate.http.post("/v1/chat/completions", json=ASK, headers={header: given})
        assert answer.status_code == 200


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"status": 2}, 401, "invalid_api_key"),
        ({"expired_s": 1}, 401, "invalid_api_key"),
        ({"subnets": ["10.0.0.0/8"]}, 403, "network_not_allowed"),
        ({"models": ["other"]}, 403, "model_not_allowed"),
    ],
)
async def test_a_key_that_must_not_is_refused(
    gate: Gate, changes: dict[str, Any], status: int, code: str
) -> None:
    key, secret = await gate.key(**changes)
    answer = await gate.post(secret, ASK)
    assert (answer.status_code, error_of(answer)["code"]) == (status, code)
    assert not gate.upstream.received and not await gate.events_of(key)


async def test_a_model_that_nobody_serves_is_404_and_a_disabled_channel_503(gate: Gate) -> None:
    _, secret = await gate.key()
    answer = await gate.post(secret, {**ASK, "model": "nope"})
    assert (answer.status_code, error_of(answer)["code"]) == (404, "model_not_found")
    await gate.channel("sleeping", status=2)
    answer = await gate.post(secret, {**ASK, "model": "sleeping"})
    assert (answer.status_code, error_of(answer)["code"]) == (503, "no_available_channel")
    assert answer.headers["retry-after"]


async def test_a_price_that_another_process_published_a_moment_ago_is_used(gate: Gate) -> None:
    await gate.channel("just-priced")
    _, secret = await gate.key("1.00")
    elsewhere = PriceBook(Clock())
    await elsewhere.load(gate.books.store)
    row = {**ROW, "model": "just-priced"}
    await elsewhere.publish(gate.books, author="user:1", note="", set_rows=[row])
    event = await gate.charge_of(await gate.post(secret, {"model": "just-priced", "messages": HI}))
    assert event["amount"] < 0


async def test_a_model_without_a_price_is_refused_unless_allowed(gate: Gate) -> None:
    await gate.channel("unpriced")
    key, secret = await gate.key()
    body = {"model": "unpriced", "messages": HI}
    answer = await gate.post(secret, body)
    error = error_of(answer)
    assert (answer.status_code, error["code"]) == (400, "model_price_missing")
    assert "`unpriced`" in error["message"] and not await gate.events_of(key)
    gate.settings(allow_unpriced_models=True)
    event = await gate.charge_of(await gate.post(secret, body))
    assert event["amount"] == 0 and event["body"]["price"]["unpriced"] is True


@pytest.mark.parametrize(
    ("body", "param"),
    [
        (b"{", None),
        (b"[]", None),
        (b"", None),
        ({"messages": HI}, "model"),
        ({"model": "m"}, "messages"),
        ({**ASK, "max_tokens": -1}, "max_tokens"),
        ({**ASK, "n": 1000}, "n"),
    ],
)
async def test_a_malformed_body_is_400(gate: Gate, body: Any, param: str | None) -> None:
    key, secret = await gate.key()
    answer = await gate.post(secret, body)
    assert (answer.status_code, error_of(answer)["param"]) == (400, param)
    assert not gate.upstream.received and not await gate.events_of(key)


async def test_a_body_over_the_limit_is_413_to_the_client(gate: Gate) -> None:
    _, secret = await gate.key()
    big = [{"role": "user", "content": "x" * 1_000_000}]
    with pytest.raises(openai.APIStatusError) as caught:
        await gate.client(secret).chat.completions.create(model="m", messages=big)  # type: ignore[arg-type]
    assert caught.value.status_code == 413
    assert caught.value.code == "request_too_large"
    assert not gate.upstream.received


async def test_a_body_without_a_length_is_limited_too(gate: Gate) -> None:
    _, secret = await gate.key()

    async def pieces() -> Any:
        for _ in range(100):
            yield b"x" * 10_000

    headers = {"authorization": f"Bearer sk-{secret}"}
    answer = await gate.http.post("/v1/chat/completions", content=pieces(), headers=headers)
    assert answer.status_code == 413
    small = await gate.http.post("/v1/chat/completions", content=_once(), headers=headers)
    assert small.status_code == 200


async def _once() -> Any:
    yield orjson.dumps(ASK)


async def test_a_compressed_body_is_read_and_its_bomb_defused(gate: Gate) -> None:
    _, secret = await gate.key()
    headers = {"authorization": f"Bearer sk-{secret}", "content-encoding": "gzip"}
    packed = gzip.compress(orjson.dumps(ASK))
    answer = await gate.http.post("/v1/chat/completions", content=packed, headers=headers)
    assert answer.status_code == 200
    bomb = gzip.compress(b" " * 3_000_000)
    answer = await gate.http.post("/v1/chat/completions", content=bomb, headers=headers)
    assert answer.status_code == 413


async def test_the_content_type_does_not_matter(gate: Gate) -> None:
    _, secret = await gate.key()
    body = orjson.dumps({**ASK, "user": "a&b=c%" * 300})
    for kind in ("application/x-www-form-urlencoded", "text/plain", ""):
        headers = {"authorization": f"Bearer {secret}", "content-type": kind}
        answer = await gate.http.post("/v1/chat/completions", content=body, headers=headers)
        assert answer.status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/chat/completions", 405),
        ("PUT", "/v1/models", 405),
        ("POST", "/v1", 404),
        ("POST", "/openai/v1/nowhere", 404),
    ],
)
async def test_other_paths_and_methods(gate: Gate, method: str, path: str, status: int) -> None:
    answer = await gate.http.request(method, path)
    error = error_of(answer)
    assert answer.status_code == status
    if status == 404:
        assert error["message"].startswith(f"Invalid URL ({method} {path})")


async def test_browsers_may_ask_from_anywhere(gate: Gate) -> None:
    headers = {"origin": "https://x.example", "access-control-request-headers": "x-stainless-os"}
    answer = await gate.http.options("/v1/chat/completions", headers=headers)
    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["access-control-allow-headers"] == "x-stainless-os"


async def test_only_admins_pin_a_channel(gate: Gate) -> None:
    _, secret = await gate.key()
    channel = await gate.channel("pinned-only", groups=["elsewhere"])
    await gate.price({"model": "pinned-only", "input": "1"})
    body = {"model": "pinned-only", "messages": HI}
    assert (await gate.post(secret, body)).status_code == 404
    assert (await gate.post(f"{secret}-{channel.id}", body)).status_code == 200
    answer = await gate.post(f"{secret}-999999", body)
    assert (answer.status_code, error_of(answer)["code"]) == (400, "channel_not_found")


@pytest.mark.parametrize(
    ("theirs", "ours", "code"),
    [
        (400, 400, "bad_response_status_code"),
        (401, 502, "upstream_auth"),
        (402, 502, "upstream_auth"),
        (403, 502, "upstream_auth"),
        (404, 404, "bad_response_status_code"),
        (422, 422, "bad_response_status_code"),
        (429, 429, "rate_limit_exceeded"),
        (500, 502, "bad_response_status_code"),
        (503, 503, "bad_response_status_code"),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
async def test_an_upstream_error_is_passed_on_and_free(
    gate: Gate, theirs: int, ours: int, code: str, stream: bool
) -> None:
    gate.upstream.behaviour = Behaviour(status=theirs)
    key, secret = await gate.key("1")
    answer = await gate.post(secret, {**ASK, "stream": stream})
    assert (answer.status_code, error_of(answer)["code"]) == (ours, code)
    assert ours not in (429, 503) or answer.headers["retry-after"]
    assert not await gate.events_of(key)
    assert await gate.balance(key.account) == 10**9


@pytest.mark.parametrize(
    "body",
    [
        {"error": {"message": "kaputt", "type": "t", "code": 7}},
        {"error": "kaputt"},
        {"message": "kaputt"},
        {"msg": "kaputt"},
        {"err": "kaputt"},
        {"error_msg": "kaputt"},
        {"header": {"message": "kaputt"}},
        {"response": {"error": {"message": "kaputt"}}},
    ],
)
async def test_the_vendors_words_are_found(gate: Gate, body: dict[str, Any]) -> None:
    gate.upstream.behaviour = Behaviour(status=400, error=body)
    _, secret = await gate.key()
    answer = await gate.post(secret, ASK)
    assert answer.status_code == 400
    assert error_of(answer)["message"].startswith("kaputt")


async def test_an_error_that_calls_itself_200_is_an_error(gate: Gate) -> None:
    _, secret = await gate.key()
    gate.upstream.behaviour = Behaviour(error={"error": {"message": "overloaded", "type": "x"}})
    whole = await gate.post(secret, ASK)
    gate.upstream.behaviour = Behaviour(say_instead='data: {"error":{"message":"overloaded"}}\n\n')
    stream = await gate.post(secret, {**ASK, "stream": True})
    for answer in (whole, stream):
        assert answer.status_code == 502
        assert error_of(answer)["message"].startswith("overloaded")


async def test_an_upstream_that_is_not_there_is_502(gate: Gate) -> None:
    await gate.channel("away", base_url="http://127.0.0.1:9")
    await gate.price({"model": "away", "input": "1"})
    _, secret = await gate.key()
    answer = await gate.post(secret, {"model": "away", "messages": HI})
    error = error_of(answer)
    assert (answer.status_code, error["code"]) == (502, "upstream_unreachable")
    assert "127.0.0.1" not in error["message"]


async def test_a_body_that_is_cut_is_502_and_free(gate: Gate) -> None:
    key, secret = await gate.key()
    gate.upstream.behaviour = Behaviour(cut_after=0)
    answer = await gate.post(secret, ASK)
    assert (answer.status_code, error_of(answer)["code"]) == (502, "upstream_cut")
    assert not await gate.events_of(key)


ERRORS: dict[int, type[openai.APIStatusError]] = {
    400: openai.BadRequestError,
    429: openai.RateLimitError,
    503: openai.InternalServerError,
}


@pytest.mark.parametrize("status", sorted(ERRORS))
async def test_the_official_client_raises_its_own_errors(gate: Gate, status: int) -> None:
    gate.upstream.behaviour = Behaviour(status=status)
    _, secret = await gate.key()
    with pytest.raises(ERRORS[status]):
        await gate.client(secret).chat.completions.create(**ASK)


async def test_retries_go_to_other_channels_only_when_configured(gate: Gate) -> None:
    await gate.price({"model": "two", "input": "1", "output": "1"})
    await gate.channel("two", priority=5, model_mapping={"two": "fail-500"})
    await gate.channel("two", priority=1)
    _, secret = await gate.key()
    body = {"model": "two", "messages": HI}
    assert (await gate.post(secret, body)).status_code == 502
    options = gate.running.directory.options
    await options.set("RetryTimes", 2)
    try:
        answer = await gate.post(secret, body)
        assert answer.status_code == 200
        event = await gate.charge_of(answer)
        assert [a["status"] for a in event["body"]["attempts"]] == [500, 200]
    finally:
        await options.set("RetryTimes", 0)


DEEP = b"[" * 300 + b"]" * 300


async def test_a_body_too_deep_to_be_written_again_is_400(gate: Gate) -> None:
    await gate.channel("mapped-deep", model_mapping={"mapped-deep": "m"})
    key, secret = await gate.key()
    body = b'{"model":"mapped-deep","messages":[{"role":"user","content":"hi"}],"x":%s}' % DEEP
    answer = await gate.post(secret, body)
    assert (answer.status_code, error_of(answer)["code"]) == (400, "invalid_json")
    assert not await gate.events_of(key)


@pytest.mark.parametrize("status", [200, 400])
async def test_an_answer_too_deep_to_be_written_is_no_fault_of_ours(
    gate: Gate, status: int
) -> None:
    usage = b'{"prompt_tokens":5,"completion_tokens":2,"x":%s}' % DEEP
    choices = b'[{"message":{"content":"hi"}}]'
    error = b'"error":{"message":"no","x":%s},' % DEEP if status == 400 else b""
    content = b'{%s"choices":%s,"usage":%s}' % (error, choices, usage)
    gate.upstream.behaviour = Behaviour(status=status, error=content)
    key, secret = await gate.key("1.00")
    answer = await gate.post(secret, ASK)
    assert answer.status_code == status
    if status == 200:
        event = await gate.charge_of(answer)
        assert event["body"]["usage"]["input"] == 5 and event["body"]["usage_frame"] is None
