"""Google's Vertex AI: Gemini by generateContent, Claude by rawPredict (Vertex AI REST reference,
publishers.models; Anthropic, "Claude on Vertex AI").

A service account signs in (`vertex_ai_adc` of the channel's config, or its JSON as the key); a key
that is no JSON is an API key of Vertex's express mode, which knows neither project nor region. The
catalogue's paths begin behind these. A channel's base address takes the place of Google's host.

Unlike Gemini's own API, Vertex wants every content to have the role user or model, and has no
`store`. Of Claude's body the model goes into the address, and the API's version comes in; images
are taken in base64 only.
"""

from collections.abc import AsyncIterator, Mapping
from typing import Any
from urllib.parse import quote

import httpx
import orjson

from gateway.directory.config_fields import value_of
from gateway.providers.asking import Asking, Codes, Hosted, Means
from gateway.providers.base import Answer, Call, CallFailed
from gateway.providers.service_account import Account, account_of, read

CLAUDE_VERSION = "vertex-2023-10-16"
GLOBAL, MULTI = "global", ("us", "eu")
_ROLES = frozenset({"user", "model"})
_BETA = "anthropic-beta"

# google.rpc.Code and google.api.ErrorReason, as both kinds of errors have them.
CODES = Codes(
    dead=(
        (400, "code", "API_KEY_INVALID"),
        (401, "type", "UNAUTHENTICATED"),
        (401, "code", "UNAUTHENTICATED"),  # where the code is read first
        (401, "code", "ACCOUNT_STATE_INVALID"),
        (403, "code", "API_KEY_SERVICE_BLOCKED"),
        (403, "code", "BILLING_DISABLED"),
        (403, "code", "CONSUMER_INVALID"),
        (403, "code", "CONSUMER_SUSPENDED"),
        (403, "code", "SERVICE_DISABLED"),
    )
)


class OnVertex(Asking):
    """Where models are and who may ask for them. `streams` is the last part of a path, and what it
    is for a stream."""

    codes = CODES
    streams: tuple[str, str] = ("", "")

    async def address(self, call: Call, means: Means) -> str:
        """Return where a call goes. Raises LookupError, CallFailed."""
        place, account = "", _account(call)
        if account is not None:
            project = _said(call, "vertex_ai_project_id") or account.project
            if not project:
                raise LookupError("config.vertex_ai_project_id is missing")
            place = f"/projects/{quote(project, safe='')}/locations/{quote(_region(call), safe='')}"
        base = (call.channel.base_url or _host(call, account)).rstrip("/")
        base += f"/{quote(_said(call, 'api_version'), safe='')}{place}"
        task, config = call.endpoint.task, call.config
        url = call.vendor.url(base, "", task, call.model, config)
        whole, stream = self.streams
        return url.removesuffix(whole) + stream if call.stream and whole else url

    async def headers(self, call: Call, means: Means) -> Mapping[str, str]:
        """Return the account's token, or the API key. Raises CallFailed."""
        account = _account(call)
        if account is not None:
            return {"authorization": f"Bearer {await account.token(means, call.channel)}"}
        if not call.secret:
            says = "the channel has neither config.vertex_ai_adc nor a key"
            raise CallFailed("upstream_auth", says)
        return {"x-goog-api-key": call.secret}

    async def exchange(self, request: httpx.Request, call: Call, means: Means) -> Answer:
        """Send a request; one whose token was refused once more with a new one. Raises CallFailed.

        An error that is wrapped in a list, as those of streams are, is taken out of it.
        """
        answer = await means.send(request, call.channel)
        account = _account(call)
        if answer.status == 401 and account is not None:
            await answer.aclose()
            means.tokens.forget(account.name)
            token = await account.token(means, call.channel)
            headers = {**request.headers, "authorization": f"Bearer {token}"}
            again = httpx.Request("POST", request.url, headers=headers, stream=request.stream)
            answer = await means.send(again, call.channel)
        if answer.status >= 400:
            content = await read(answer)
            answer.body, answer.closes = _whole(_unwrapped(content)), None
        return answer


class VertexGemini(OnVertex, Hosted):
    """Gemini on Vertex."""

    name = "vertex-gemini"
    dialect = "gemini"
    fetches = False
    streams = ("generateContent", "streamGenerateContent?alt=sse")

    def sent(self, call: Call) -> bytes:
        """Return the body without what only Gemini's own API knows, its roles written out."""
        assert isinstance(call.body, bytes)
        body = orjson.loads(call.body)
        made = {name: value for name, value in body.items() if name not in ("model", "store")}
        if isinstance(made.get("contents"), list):
            made["contents"] = [_with_role(each) for each in made["contents"]]
        return call.body if made == body else orjson.dumps(made)


class VertexClaude(OnVertex, Hosted):
    """Claude on Vertex."""

    name = "vertex-claude"
    dialect = "anthropic"
    streams = ("rawPredict", "streamRawPredict")
    fetches = False

    async def headers(self, call: Call, means: Means) -> Mapping[str, str]:
        """Return what authenticates, and the client's choice of features in beta."""
        given = {_BETA: call.headers[_BETA]} if _BETA in call.headers else {}
        return {**await super().headers(call, means), **given}

    def sent(self, call: Call) -> bytes:
        """Return the body without the model, and with the version."""
        assert isinstance(call.body, bytes)
        body = orjson.loads(call.body)
        made = {name: value for name, value in body.items() if name != "model"}
        return orjson.dumps({**made, "anthropic_version": CLAUDE_VERSION})


def _said(call: Call, name: str) -> str:
    value = value_of(call.vendor.config, call.config, name)
    return value if isinstance(value, str) else ""


def _region(call: Call) -> str:
    return _said(call, "region") or GLOBAL


def _account(call: Call) -> Account | None:
    """Return the account that asks, None for an API key. Raises CallFailed."""
    text = (_said(call, "vertex_ai_adc") or call.secret).strip()
    is_key = not text.startswith("{")
    return None if is_key else account_of(text, _said(call, "token_url"))


def _host(call: Call, account: Account | None) -> str:
    """Return Google's host for a region, made of the one that is for all of them."""
    host, region = call.vendor.base_url, _region(call)
    if account is None or region == GLOBAL:
        return host
    if region in MULTI:
        return host.replace("aiplatform.", f"aiplatform.{region}.rep.", 1)
    return host.replace("://", f"://{region}-", 1)


def _with_role(content: Any) -> Any:
    if not isinstance(content, dict) or content.get("role") in _ROLES:
        return content
    return {**content, "role": "user"}


def _unwrapped(content: bytes) -> bytes:
    try:
        found = orjson.loads(content)
    except orjson.JSONDecodeError:
        return content
    return orjson.dumps(found[0]) if isinstance(found, list) and found else content


async def _whole(content: bytes) -> AsyncIterator[bytes]:
    yield content
