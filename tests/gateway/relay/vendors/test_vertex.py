"""Vertex AI beyond what all vendors do: tokens and their ends, API keys, keys that are documents,
what is changed in the bodies of Gemini's and Anthropic's clients."""

import asyncio
import json
from typing import Any

import httpx
import pytest

from gateway.channels.blame import Blame, blame
from gateway.channels.failure import of_answer
from gateway.channels.probe import Probe, Trial, Wanted
from gateway.dialects.asks import MESSAGES
from gateway.directory.channels import Channel
from gateway.directory.errors import Invalid
from gateway.providers.base import Call
from gateway.providers.vertex import VertexClaude
from tests.fakes.google_tokens import pem
from tests.fakes.native import WORDS
from tests.fakes.proxies import FakeProxy
from tests.fakes.vertex import API_KEY, EMBEDDING, GEMINI, PLACE, FakeVertex
from tests.fakes.vertex_claude import CLAUDE
from tests.gateway.channels.anything import Vendor
from tests.gateway.relay.conftest import Gate
from tests.gateway.relay.vendors.conftest import Case

pytestmark = pytest.mark.asyncio(loop_scope="module")
HI: Any = [{"role": "user", "content": "hi"}]


@pytest.fixture
def case(all_cases: dict[str, Case], gate: Gate) -> Case:
    """The one with Claude, which has all of it."""
    found = all_cases["vertex-claude"]
    found.fake.reset()
    tokens(found).status = 200
    return found


def tokens(case: Case) -> Any:
    """The fake that hands out tokens."""
    assert isinstance(case.fake, FakeVertex)
    return case.fake.tokens


async def test_a_token_is_fetched_once_and_again_when_it_is_refused(case: Case) -> None:
    known = tokens(case)
    channel = await add(case, config={**case.fake.config(), "token_url": f"{known.url}/mirror"})
    before = len(known.grants)
    trials = await asyncio.gather(*(tried(case, channel) for _ in range(5)))
    assert all(trial.ok for trial in trials) and len(known.grants) == before + 1
    assert case.fake.received[-1].headers["authorization"] == f"Bearer ya29.token-{before + 1}"
    known.tokens.clear()
    assert (await tried(case, channel)).ok and len(known.grants) == before + 2
    known.status = 503
    known.tokens.clear()
    trial = await tried(case, channel)
    assert not trial.ok and "status 503, temporarily_unavailable" in trial.message
    assert trial.failure is not None and trial.failure.code == "upstream_unreachable"


async def test_tokens_are_asked_for_on_the_channels_way(case: Case) -> None:
    async with FakeProxy("http") as proxy:
        account = tokens(case).account(client_id="2")  # whose token is not known yet
        config = {"region": "us-east5", "vertex_ai_adc": account}
        channel = await add(case, config=config, proxy=proxy.url)
        assert (await tried(case, channel)).ok
        ports = [port for _, port in proxy.reached]
        assert ports == [tokens(case).port, case.fake.port]


async def test_an_account_that_google_does_not_know(case: Case) -> None:
    other = tokens(case).account(client_email="nobody@x")
    unreadable = tokens(case).account(private_key="-----BEGIN PRIVATE KEY-----\nx\n-----END-----")
    for account, says in ((other, "invalid_grant"), (unreadable, "can't be read")):
        config = {"region": "us-east5", "vertex_ai_adc": account}
        trial = await tried(case, await add(case, config=config))
        assert not trial.ok and says in trial.message
        assert "PRIVATE" not in trial.message and len(case.fake.received) == 0
        assert trial.failure is not None and blame(trial.failure) is Blame.CREDENTIAL
    none = await tried(case, await add(case, config={"region": "us-east5"}))
    assert "neither config.vertex_ai_adc nor a key" in none.message and not none.ok


async def test_keys_of_express_mode_and_documents_as_keys(case: Case) -> None:
    assert (await tried(case, await add(case, API_KEY), GEMINI)).ok
    assert case.fake.received[-1].path == f"/v1/publishers/google/models/{GEMINI}:generateContent"
    assert "authorization" not in case.fake.received[-1].headers
    pretty = json.dumps(tokens(case).account(), indent=2)
    channel = await add(case, pretty, config={"region": "us-east5", "api_version": "v1"})
    assert (await tried(case, channel, GEMINI)).ok
    assert case.fake.received[-1].path == f"{PLACE}/google/models/{GEMINI}:generateContent"
    good, bad = tokens(case).account(), tokens(case).account(client_email="nobody@x")
    both = f"{json.dumps(bad)}\n{json.dumps(good)}"
    trial = await tried(case, await add(case, both, config={"region": "us-east5"}))
    assert trial.ok and len(trial.attempts) == 2
    for lacking in ("client_email", "private_key", "token_uri"):
        broken = json.dumps({**good, lacking: ""})
        for secret, config in ((broken, {}), ("", {"vertex_ai_adc": broken})):
            with pytest.raises(Invalid, match=f"lacks {lacking}") as caught:
                await add(case, secret, config=config)
            assert "BEGIN" not in str(caught.value)


@pytest.mark.parametrize(
    ("region", "host"),
    [
        ("", "https://aiplatform.googleapis.com"),
        ("global", "https://aiplatform.googleapis.com"),
        ("eu", "https://aiplatform.eu.rep.googleapis.com"),
        ("europe-west1", "https://europe-west1-aiplatform.googleapis.com"),
    ],
)
async def test_the_host_of_a_region(case: Case, region: str, host: str) -> None:
    vendor = case.gate.running.relay.catalogue.vendor(42).of(CLAUDE)
    account = json.dumps({"client_email": "e", "private_key": pem(), "token_uri": "http://t"})
    config = {"region": region, "vertex_ai_adc": account, "vertex_ai_project_id": "p.x"}
    call: Any = call_of(vendor, config)
    where = f"/v1/projects/p.x/locations/{region or 'global'}/publishers/anthropic/models"
    address = await VertexClaude().address(call, None)  # type: ignore[arg-type]
    assert address == f"{host}{where}/claude-sonnet-4-5%4020250929:rawPredict"
    with pytest.raises(LookupError, match="vertex_ai_project_id"):
        nameless: Any = call_of(vendor, {"vertex_ai_adc": account})
        await VertexClaude().address(nameless, None)  # type: ignore[arg-type]


def call_of(vendor: Any, config: Any) -> Any:
    channel = Channel(id=1, type=42)
    return Call(channel, vendor, "", MESSAGES, b"{}", False, model=CLAUDE, config=config)


async def test_bodies_of_geminis_clients_pass(all_cases: dict[str, Case], gate: Gate) -> None:
    case = all_cases["vertex-gemini"]
    case.fake.reset()
    odd = [{"role": "function", "parts": [{"text": "a"}]}, {"parts": [{"text": "b"}]}]
    body = {"contents": odd, "model": "x", "store": True, "labels": {"team": "a"}}
    path = f"/v1beta/models/{case.name}:generateContent"
    answer = await gate.post(case.key, body, path)
    assert answer.status_code == 200 and answer.json()["responseId"] == "r1"
    sent = case.fake.received[-1].body
    assert [content["role"] for content in sent["contents"]] == ["user", "user"]
    assert sent.keys() == {"contents", "labels"}
    case.plays(status=429)
    stream = f"/v1beta/models/{case.name}:streamGenerateContent?alt=sse"
    refused = await gate.post(case.key, body, stream)
    assert (refused.status_code, refused.json()["error"]["code"]) == (429, 429)
    assert "failed with 429" in refused.json()["error"]["message"]


async def test_bodies_of_anthropics_clients_pass(case: Case) -> None:
    body = {"model": case.name, "max_tokens": 9, "messages": HI, "metadata": {"user_id": "u"}}
    headers = {"x-api-key": f"sk-{case.key}", "anthropic-beta": "context-1m-2025-08-07"}
    headers["anthropic-version"] = "2023-06-01"
    async with httpx.AsyncClient(base_url=case.gate.url) as client:
        case.plays(cached=4)
        answer = await client.post("/v1/messages?beta=true", json=body, headers=headers)
        assert answer.status_code == 200 and answer.json()["id"] == "msg_vrtx_1"
        charged = await case.body_of(answer)
        assert charged["usage"] == {"input": 11, "cached": 4, "output": 7}
        seen = case.fake.received[-1]
        assert seen.headers["anthropic-beta"] == "context-1m-2025-08-07"
        assert "anthropic-version" not in seen.headers and "model" not in seen.body
        assert seen.body["anthropic_version"] == "vertex-2023-10-16"
        asked = {**body, "stream": True}
        answer = await client.post("/v1/messages", json=asked, headers=headers)
        assert all(word in answer.text for word in WORDS if word.isascii())
        case.plays(status=403)
        answer = await client.post("/v1/messages", json=asked, headers=headers)
        assert answer.json()["type"] == "error" and "failed with 403" not in answer.text


async def test_vectors_of_one_text_at_a_time(case: Case, gate: Gate) -> None:
    row = {"input": "1"}
    await gate.price({"model": "gemini-embedding-001(42)", **row})
    await add(case, config=case.fake.config(), models=["gemini-embedding-001"])
    body: Any = {"model": "gemini-embedding-001", "input": ["a", "b"]}
    refused = await gate.post(case.key, body, "/v1/embeddings")
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, "input")
    more = {"task_type": "RETRIEVAL_QUERY", "auto_truncate": True}
    answer = await gate.post(case.key, {**body, "input": "abc", **more}, "/v1/embeddings")
    assert answer.json()["data"][0]["embedding"] == [3.0, 0.5], answer.text
    sent = case.fake.received[-1].body
    assert sent["instances"] == [{"content": "abc", "task_type": "RETRIEVAL_QUERY"}]
    assert sent["parameters"] == {"autoTruncate": True}
    assert EMBEDDING != body["model"] and (await case.body_of(answer))["nano"] == 11_000


@pytest.mark.parametrize("protocol", ["vertex-gemini", "vertex-claude", "vertex-embeddings"])
async def test_whose_fault(protocol: str) -> None:
    def said(status: int, name: str, reason: str = "") -> Blame:
        error: Any = {"code": status, "message": "API_KEY_INVALID", "status": name}
        if reason:
            error["details"] = [{"@type": "ErrorInfo", "reason": reason}]
        return blame(of_answer(Vendor(42, protocol), status, {}, {"error": error}, 0.0))

    assert said(401, "UNAUTHENTICATED") is Blame.CREDENTIAL
    assert said(403, "PERMISSION_DENIED", "SERVICE_DISABLED") is Blame.CREDENTIAL
    assert said(400, "INVALID_ARGUMENT") is Blame.REQUEST
    assert said(400, "INVALID_ARGUMENT", "API_KEY_INVALID") is Blame.CREDENTIAL
    assert said(404, "NOT_FOUND") is Blame.ABSENT
    assert said(429, "RESOURCE_EXHAUSTED") is Blame.LIMIT
    assert said(503, "UNAVAILABLE") is Blame.UPSTREAM


async def add(case: Case, secret: str = "", **changes: Any) -> Channel:
    """Add a channel that nothing is routed to but what names it."""
    given = {"type": 42, "name": "v", "base_url": case.fake.url, "models": ["none"], **changes}
    return await case.gate.running.directory.channels.create(given, secret)


async def tried(case: Case, channel: Channel, model: str = CLAUDE) -> Trial:
    """Try a channel out."""
    relay, running = case.gate.running.relay, case.gate.running
    probe = Probe(running.directory, relay.catalogue, relay.providers, relay.clock, "Say hi.")
    return await probe.test(channel, Wanted(model))
