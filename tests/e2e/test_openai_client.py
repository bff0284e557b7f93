"""The official OpenAI client, unmodified, against a running server."""

import base64
import struct
from decimal import Decimal

import openai
import pytest

from tests.e2e.server import ROOT_KEY, Server

pytestmark = pytest.mark.database

MODEL = "sandbox-chat"
HELLO = [{"role": "user", "content": "Say something about ledgers."}]


@pytest.fixture(scope="module", params=["/v1", "/openai/v1"])
def client(sandbox: Server, request: pytest.FixtureRequest):
    with openai.OpenAI(api_key=f"sk-{ROOT_KEY}", base_url=sandbox.url + request.param) as client:
        yield client


def newest_charge(server: Server) -> dict:
    return server.events(type="usage.charged")[0]


def test_chat(client, sandbox):
    raw = client.chat.completions.with_raw_response.create(
        model=MODEL, messages=HELLO, max_tokens=40
    )
    answer = raw.parse()
    assert answer.choices[0].message.content
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens
    event = newest_charge(sandbox)
    assert raw.headers["x-tollgate-event"] == event["id"]
    assert raw.headers["x-request-id"] == event["body"]["request_id"] == answer._request_id
    assert -Decimal(event["amount"]) == Decimal(raw.headers["x-tollgate-cost"]) > 0
    assert event["body"]["usage"]["output"] == answer.usage.completion_tokens
    assert event["body"]["usage_source"] == "upstream"
    assert event["body"]["outcome"] == "complete"


@pytest.mark.parametrize("include_usage", [None, False, True])
def test_a_stream_has_a_usage_chunk_only_when_asked(client, sandbox, include_usage):
    extra = {} if include_usage is None else {"stream_options": {"include_usage": include_usage}}
    with client.chat.completions.create(
        model=MODEL, messages=HELLO, max_tokens=40, stream=True, **extra
    ) as stream:
        event_id = stream.response.headers["x-tollgate-event"]
        chunks = list(stream)
    usages = [chunk.usage for chunk in chunks if chunk.usage]
    text = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    assert text
    assert all(chunk.choices for chunk in chunks) == (not include_usage)
    assert len(usages) == (1 if include_usage else 0)
    finish = [c.choices[0].finish_reason for c in chunks if c.choices]
    assert finish[-1] in ("stop", "length") and not any(finish[:-1])
    event = newest_charge(sandbox)
    assert event["id"] == event_id and event["body"]["stream"] is True
    if include_usage:
        assert event["body"]["usage"]["output"] == usages[0].completion_tokens


def test_streamed_and_whole_answers_say_the_same_and_cost_the_same(client, sandbox):
    whole = client.chat.completions.create(model=MODEL, messages=HELLO, max_tokens=40)
    charged = newest_charge(sandbox)["amount_nano"]
    with client.chat.completions.create(
        model=MODEL, messages=HELLO, max_tokens=40, stream=True
    ) as stream:
        text = "".join(c.choices[0].delta.content or "" for c in stream if c.choices)
    assert text == whole.choices[0].message.content
    assert newest_charge(sandbox)["amount_nano"] == charged


def test_completions(client):
    answer = client.completions.create(model=MODEL, prompt="Once", max_tokens=20)
    assert answer.choices[0].text and answer.usage.completion_tokens > 0


def test_embeddings_as_floats_and_as_base64_are_the_same(client):
    floats = client.embeddings.create(
        model="sandbox-embedding", input=["one", "two"], encoding_format="float"
    )
    packed = client.embeddings.create(model="sandbox-embedding", input=["one", "two"])
    assert [d.index for d in floats.data] == [0, 1]
    for one, two in zip(floats.data, packed.data, strict=True):
        assert one.embedding == pytest.approx(two.embedding, abs=1e-6)
    raw = client.embeddings.with_raw_response.create(
        model="sandbox-embedding", input="one", encoding_format="base64"
    )
    data = raw.http_response.json()["data"][0]["embedding"]
    assert len(base64.b64decode(data)) % 4 == 0
    struct.unpack(f"<{len(base64.b64decode(data)) // 4}f", base64.b64decode(data))


def test_models(client):
    ids = [model.id for model in client.models.list()]
    assert MODEL in ids and len(ids) == len(set(ids))
    assert client.models.retrieve(MODEL).id == MODEL
    with pytest.raises(openai.NotFoundError) as missing:
        client.models.retrieve("no-such-model")
    assert missing.value.code == "model_not_found"


def test_a_wrong_key_is_401(sandbox):
    with openai.OpenAI(api_key="sk-wrong", base_url=f"{sandbox.url}/v1") as client:
        with pytest.raises(openai.AuthenticationError) as refusal:
            client.chat.completions.create(model=MODEL, messages=HELLO)
        assert refusal.value.code == "invalid_api_key"
        with pytest.raises(openai.AuthenticationError):
            client.models.list()


def test_an_unknown_model_is_404(client):
    with pytest.raises(openai.NotFoundError) as refusal:
        client.chat.completions.create(model="no-such-model", messages=HELLO)
    assert refusal.value.code == "model_not_found"


@pytest.mark.parametrize(
    ("extra", "param"),
    [
        ({"max_tokens": -1}, "max_tokens"),
        ({"max_tokens": "many"}, "max_tokens"),
        ({"messages": "hello"}, "messages"),
        ({"n": 0}, "n"),
        ({"stream": "yes"}, "stream"),
        ({"model": 7}, "model"),
    ],
)
def test_a_malformed_request_is_400_and_names_the_field(client, extra, param):
    body = {"model": MODEL, "messages": HELLO, **extra}
    with pytest.raises(openai.BadRequestError) as refusal:
        client.chat.completions.create(**body)
    assert refusal.value.param == param


def test_a_body_over_the_limit_is_413(client):
    huge = [{"role": "user", "content": "x" * (33 * 1024 * 1024)}]
    with pytest.raises(openai.APIStatusError) as refusal:
        client.with_options(max_retries=0).chat.completions.create(model=MODEL, messages=huge)
    assert refusal.value.status_code == 413


def counted(client):
    """Return a client that counts the requests it really sends."""
    sent = []
    http = client._client
    http.event_hooks["request"] = [*http.event_hooks["request"], lambda r: sent.append(r)]
    return sent


def test_an_empty_balance_is_402_and_not_retried(sandbox):
    poor = sandbox.add_user("poor")
    key = poor.add_key()["key"]
    with openai.OpenAI(api_key=f"sk-{key}", base_url=f"{sandbox.url}/v1") as client:
        sent = counted(client)
        with pytest.raises(openai.APIStatusError) as refusal:
            client.chat.completions.create(model=MODEL, messages=HELLO)
        assert refusal.value.status_code == 402
        assert refusal.value.code == "insufficient_quota"
        assert refusal.value.response.headers["x-should-retry"] == "false"
        assert len(sent) == 1


@pytest.mark.parametrize(
    ("status", "error"), [(429, openai.RateLimitError), (503, openai.InternalServerError)]
)
def test_a_busy_upstream_is_429_or_503_and_retried_by_the_client(sandbox, status, error):
    sandbox.add_channel(
        name=f"fails {status}",
        models=f"fails-{status}",
        config=f'{{"fail_status": {status}}}',
        model_mapping=f'{{"fails-{status}": "sandbox-chat"}}',
    )
    before = len(sandbox.events(type="usage.charged"))
    with openai.OpenAI(
        api_key=f"sk-{ROOT_KEY}", base_url=f"{sandbox.url}/v1", max_retries=1
    ) as client:
        sent = counted(client)
        with pytest.raises(error) as refusal:
            client.chat.completions.create(model=f"fails-{status}", messages=HELLO)
        assert refusal.value.status_code == status
        assert int(refusal.value.response.headers["retry-after"]) >= 0
        assert len(sent) == 2
    assert len(sandbox.events(type="usage.charged")) == before


def test_no_usable_channel_is_503(sandbox):
    channel = sandbox.add_channel(name="off", models="resting-model")
    sandbox.api("PUT", "/api/channel/", {"id": channel, "status": 2})
    with openai.OpenAI(
        api_key=f"sk-{ROOT_KEY}", base_url=f"{sandbox.url}/v1", max_retries=0
    ) as client:
        with pytest.raises(openai.InternalServerError) as refusal:
            client.chat.completions.create(model="resting-model", messages=HELLO)
        assert refusal.value.status_code == 503


def test_the_books_balance_after_all_this(sandbox):
    assert "books balance" in sandbox.verified()
