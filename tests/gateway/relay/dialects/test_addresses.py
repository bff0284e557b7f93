"""Where clients of each dialect put the key and the model; counting tokens; lists of models."""

import base64
from typing import Any

import httpx
import pytest

from tests.fakes.vendors import FakeVendor, Manner
from tests.gateway.formats.test_images import png
from tests.gateway.relay.conftest import Gate
from tests.gateway.relay.dialects.conftest import HI, anthropic_client, post

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    # Google's client derives from a class of aiohttp's.
    pytest.mark.filterwarnings("ignore:Inheritance class:DeprecationWarning"),
]

ASK: dict[str, Any] = {"model": "chatty", "max_tokens": 100, "messages": HI}
GEMINI = {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}


async def bare(gate: Gate, path: str, body: Any, **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await gate.http.post(path, json=body, headers=named)


async def test_the_key_may_be_in_any_header_of_the_dialects(gate: Gate, vendor: FakeVendor) -> None:
    _, secret = await gate.key()
    key = f"sk-{secret}"
    for headers in ({"x_api_key": key}, {"authorization": f"Bearer {key}"}):
        assert (await bare(gate, "/v1/messages", ASK, **headers)).status_code == 200
    path = "/v1beta/models/chatty:generateContent"
    assert (await bare(gate, path, GEMINI, x_goog_api_key=key)).status_code == 200
    assert (await bare(gate, f"{path}?key={key}", GEMINI)).status_code == 200
    assert (await bare(gate, path, GEMINI)).status_code == 401
    # Only clients of Gemini put keys into addresses.
    assert (await bare(gate, f"/v1/messages?key={key}", ASK)).status_code == 401


@pytest.mark.parametrize(("model", "tokens"), [("chatty", 8), ("gemini-fake", 77)])
async def test_a_whole_request_is_counted(
    gate: Gate, vendor: FakeVendor, model: str, tokens: int
) -> None:
    _, secret = await gate.key("0.000001")
    whole = {"generateContentRequest": {"model": f"models/{model}", **GEMINI}}
    answer = await post(gate, secret, f"/v1beta/models/{model}:countTokens", whole)
    assert answer.json() == {"totalTokens": tokens}


@pytest.mark.parametrize(
    ("model", "tokens"),
    [("chatty", 85 + 4 * 170), ("gemini-fake", 4 * 258), ("claude-fake", 1_399)],
)
async def test_images_are_counted_by_their_size(
    gate: Gate, vendor: FakeVendor, model: str, tokens: int
) -> None:
    """Each client asks a model of another protocol, so that the gateway counts; text is 8 or 9."""
    _, secret = await gate.key()
    data = base64.b64encode(png(1024, 1024)).decode()
    text = {"text": "hi"}
    if model == "claude-fake":
        parts: Any = [text, {"inlineData": {"mimeType": "image/png", "data": data}}]
        body: Any = {"contents": [{"role": "user", "parts": parts}]}
        path, name = f"/v1beta/models/{model}:countTokens", "totalTokens"
    else:
        source = {"type": "base64", "media_type": "image/png", "data": data}
        content = [{"type": "text", **text}, {"type": "image", "source": source}]
        body = {"model": model, "messages": [{"role": "user", "content": content}]}
        path, name = "/v1/messages/count_tokens", "input_tokens"
    answer = await post(gate, secret, path, body)
    assert 7 <= answer.json()[name] - tokens <= 9, answer.text
    assert not vendor.received and not gate.upstream.received


async def test_refusals_of_counting(gate: Gate, vendor: FakeVendor) -> None:
    _, secret = await gate.key(models=["other"])
    path = "/v1/messages/count_tokens"
    assert (await post(gate, secret, path, ASK)).status_code == 403
    assert (await post(gate, "nope", path, ASK)).status_code == 401
    _, secret = await gate.key()
    answer = await post(gate, secret, path, {**ASK, "model": "nope"})
    assert (answer.status_code, answer.json()["error"]["type"]) == (404, "not_found_error")
    assert (await post(gate, secret, path, {**ASK, "messages": 3})).status_code == 400


async def test_counting_takes_turns_with_a_channels_keys_and_shows_none(
    gate: Gate, vendor: FakeVendor
) -> None:
    given = {"type": 14, "name": "t", "base_url": vendor.url, "models": ["claude-two"]}
    channels, keys = gate.running.directory.channels, ("upstream-one", "upstream-two")
    await channels.create(given, "\n".join(keys))
    _, secret = await gate.key()
    ask, path = {**ASK, "model": "claude-two"}, "/v1/messages/count_tokens"
    for _ in range(4):
        assert (await post(gate, secret, path, ask)).json() == {"input_tokens": 77}
    used = [got.headers["x-api-key"] for got in vendor.received]
    assert set(used) == set(keys) and used[:2] == used[2:]
    vendor.manner = Manner(
        status=400, error={"type": "error", "error": {"type": "x", "message": " ".join(keys)}}
    )
    answer = await post(gate, secret, path, ask)
    told = vendor.received[-1].headers["x-api-key"]
    assert answer.status_code == 400 and told not in answer.text and "***" in answer.text


async def test_anthropics_clients_find_the_requests_id(gate: Gate, vendor: FakeVendor) -> None:
    _, secret = await gate.key()
    async with anthropic_client(gate, secret) as client:
        found = await client.messages.create(**ASK)
    assert (await gate.event(found._request_id))["body"]["endpoint"] == "messages"
    refused = await post(gate, "nope", "/v1/messages", ASK)
    assert refused.headers["request-id"] == refused.json()["request_id"]


@pytest.mark.parametrize(
    ("name", "value"),
    [("background", True), ("conversation", {"id": "c"})],
)
async def test_what_an_upstream_would_keep_is_refused(
    gate: Gate, vendor: FakeVendor, name: str, value: object
) -> None:
    _, secret = await gate.key()
    body = {"model": "respond", "input": "hi", name: value}
    answer = await post(gate, secret, "/v1/responses", body)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, name)
    assert not vendor.received


@pytest.mark.parametrize(
    "path", ["/v1/messages", "/v1/responses", "/v1beta/models/m:generateContent"]
)
async def test_browsers_may_ask_without_a_key(gate: Gate, vendor: FakeVendor, path: str) -> None:
    answer = await gate.http.options(path, headers={"Access-Control-Request-Headers": "x-api-key"})
    assert answer.status_code == 204
    assert answer.headers["access-control-allow-headers"] == "x-api-key"
