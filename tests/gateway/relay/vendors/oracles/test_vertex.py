"""The fakes of Vertex AI, read by the clients of Google and Anthropic; and what the gateway signs,
checked by Google's own library."""

import asyncio
import json
import time
from typing import Any

import httpx
import pytest

from gateway.providers.service_account import SCOPE, account_of
from tests.fakes.google_tokens import AUDIENCE, EMAIL, KEY_ID, PROJECT, FakeTokens, public_pem
from tests.fakes.native import CALLS, WORDS, Script
from tests.fakes.vertex import API_KEY, EMBEDDING, GEMINI, FakeVertex
from tests.fakes.vertex_claude import CLAUDE, FakeVertexClaude
from tests.gateway.relay.conftest import NO_TLS
from tests.gateway.relay.vendors.conftest import tool

pytestmark = pytest.mark.asyncio(loop_scope="module")
TEXT = "".join(WORDS)
HI: Any = [{"role": "user", "content": "hi"}]


def google_token(tokens: FakeTokens) -> Any:
    """Sign in as Google's library does."""
    pytest.importorskip("requests")
    from google.auth.transport.requests import Request
    from google.oauth2 import service_account

    make = service_account.Credentials.from_service_account_info
    signed_in = make(tokens.account(), scopes=[SCOPE])  # type: ignore[no-untyped-call]
    signed_in.refresh(Request())  # type: ignore[no-untyped-call]
    return signed_in


async def test_gemini_by_googles_client() -> None:
    genai = pytest.importorskip("google.genai")
    function = {"name": "weather", "parameters": {"type": "OBJECT"}}
    asked: Any = {"tools": [{"function_declarations": [function]}], "temperature": 0.5, "top_k": 3}
    async with FakeVertex() as fake:
        signed_in = await asyncio.to_thread(google_token, fake.tokens)
        plain = {"transport": httpx.AsyncHTTPTransport(verify=NO_TLS)}
        options = genai.types.HttpOptions(
            base_url=fake.url, api_version="v1", async_client_args=plain
        )
        place = {"project": PROJECT, "location": "us-east5"}
        client = genai.Client(vertexai=True, credentials=signed_in, http_options=options, **place)
        models = client.aio.models
        fake.script = Script(thoughts=("Hm.",), calls=CALLS, cached=4)
        whole = await models.generate_content(model=GEMINI, contents="hi", config=asked)
        parts = whole.candidates[0].content.parts
        assert (parts[0].thought, whole.candidates[0].finish_reason) == (True, "STOP")
        assert [(c.name, c.args) for c in whole.function_calls] == list(CALLS)
        assert "".join(part.text or "" for part in parts[1:]) == TEXT
        used = whole.usage_metadata
        assert (used.prompt_token_count, used.cached_content_token_count) == (11, 4)
        fake.script = Script(piece=3)
        said = [x async for x in await models.generate_content_stream(model=GEMINI, contents="hi")]
        assert "".join(event.text for event in said) == TEXT
        assert said[-1].usage_metadata.candidates_token_count == 7
        vectors = await models.embed_content(model=EMBEDDING, contents=["one", "three"])
        assert [each.values for each in vectors.embeddings] == [[3.0, 0.5], [5.0, 0.5]]
        assert vectors.embeddings[0].statistics.token_count == 11
        for script, code in ((Script(status=404), 404), (Script(status=429), 429)):
            fake.script = script
            with pytest.raises(genai.errors.ClientError, match="failed with") as caught:
                await models.generate_content(model=GEMINI, contents="hi")
            assert caught.value.code == code
        await client.aio.aclose()
        client = genai.Client(vertexai=True, api_key=API_KEY, http_options=options)
        fake.script = Script()
        assert (await client.aio.models.generate_content(model=GEMINI, contents="hi")).text == TEXT
        assert fake.received[-1].path.startswith("/v1/publishers/google/")
        await client.aio.aclose()


async def test_claude_by_anthropics_client() -> None:
    anthropic = pytest.importorskip("anthropic")
    async with FakeVertexClaude() as fake:
        signed_in = await asyncio.to_thread(google_token, fake.tokens)
        client = anthropic.AsyncAnthropicVertex(
            region="us-east5",
            project_id=PROJECT,
            access_token=signed_in.token,
            base_url=f"{fake.url}/v1",
            max_retries=0,
        )
        async with client:
            offered = {"name": "weather", "input_schema": tool()["function"]["parameters"]}
            asked: Any = {"model": CLAUDE, "max_tokens": 9, "messages": HI, "tools": [offered]}
            fake.script = Script(thoughts=("Hm.",), calls=CALLS, cached=4)
            whole = await client.messages.create(**asked)
            kinds = [block.type for block in whole.content]
            assert kinds == ["thinking", "text", "tool_use", "tool_use"]
            assert (whole.content[1].text, whole.stop_reason) == (TEXT, "tool_use")
            assert (whole.usage.input_tokens, whole.usage.cache_read_input_tokens) == (11, 4)
            fake.script = Script(thoughts=("Hm.",), calls=CALLS, piece=3)
            async with client.messages.stream(**asked) as events:
                streamed = await events.get_final_message()
            assert [(b.name, b.input) for b in streamed.content[2:]] == list(CALLS)
            assert (streamed.content[1].text, streamed.usage.output_tokens) == (TEXT, 7)
            fake.script = Script(status=429)
            with pytest.raises(anthropic.RateLimitError, match="failed with 429"):
                await client.messages.create(**asked)
        paths = {each.path.rpartition(":")[2] for each in fake.received}
        assert paths == {"rawPredict", "streamRawPredict"}


async def test_what_is_signed_by_googles_library() -> None:
    from google.auth import jwt

    async with FakeTokens() as tokens:
        account = account_of(json.dumps(tokens.account()))
        assert (account.email, account.project) == (EMAIL, PROJECT)
        assert "BEGIN" not in repr(account) and account.name not in repr(account)
        now_s = int(time.time())
        grant = account._grant(now_s)
        tokens.check(grant)
        certs = {KEY_ID: public_pem()}
        claims = jwt.decode(grant, certs=certs, audience=AUDIENCE)  # type: ignore[no-untyped-call]
        assert claims["scope"] == SCOPE and claims["iss"] == EMAIL
        assert (claims["iat"], claims["exp"]) == (now_s, now_s + 3_600)
        with pytest.raises(ValueError, match="audience"):
            jwt.decode(grant, certs=certs, audience="x")  # type: ignore[no-untyped-call]
