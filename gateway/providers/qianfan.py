"""Baidu Qianfan's API v1: /rpc/2.0/ai_custom/v1/wenxinworkshop/{chat,embeddings}/{endpoint}
(Baidu, WENXINWORKSHOP: chat of each model, Embeddings, "Access Token", "Error codes").

The key is "APIKey|SecretKey": for these the token endpoint of the channel's base URL hands out an
access token, which stands in the address of every call. One that is refused before its time (110,
111) is fetched anew once. A model is a place in the address (qianfan_request.py); a name that is
not in its table is taken for one, in small letters.

Errors are an `error_code` in a 200, in place of an answer or in a stream. An answer calls one
function at most, in `function_call`; what is thought about it is `thoughts`, here
`reasoning_content`.
"""

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

import httpx

from gateway.dialects.dialect import Config, Json
from gateway.dialects.gemini import embeddings
from gateway.dialects.gemini.fields import child, children, said, unsupported
from gateway.providers import qianfan_request, turns
from gateway.providers.asking import Codes, Means
from gateway.providers.base import Answer, Call, CallFailed
from gateway.providers.native import (
    CHAT,
    EMBEDDINGS,
    JSON,
    TOOLS,
    Native,
    NativeReader,
    completion,
)
from gateway.providers.peek import peek
from gateway.providers.tokens import Token
from gateway.relay.errors import parse

_TOKEN_PATH = "/oauth/2.0/token"
_MOST_OF_AN_ERROR = 4_096
_MOST_OF_A_TOKEN = 64 << 10
# A token is thrown away after so long at the latest, and kept so long where nobody says.
_LONGEST_S, _USUAL_S = 30 * 86_400.0, 3_600.0
_STALE = frozenset({"110", "111"})
_REASONS = {
    "length": "length",
    "content_filter": "content_filter",
    "function_call": "tool_calls",
}
# Baidu, "Error codes"; the names of most are in its SDK (qianfan/consts.py, APIErrorCode).
_CODES = Codes(
    in_band={
        "1": 500,
        "2": 503,
        "3": 404,
        "4": 429,
        "6": 403,
        "13": 401,
        "14": 401,
        "15": 401,
        "17": 429,
        "18": 429,
        "19": 429,
        "100": 401,
        "110": 401,
        "111": 401,
        "336000": 500,
        "336001": 400,
        "336002": 400,
        "336003": 400,
        "336004": 403,
        "336005": 404,
        "336006": 400,
        "336007": 400,
        "336100": 503,
        "336101": 400,
        "336103": 400,
        "336104": 400,
        "336105": 400,
        "336501": 429,
        "336502": 429,
        "336503": 429,
    },
    # A token that was just handed out and is refused.
    dead=((200, "code", "110"),),
    users=frozenset({"336003", "336006", "336007", "336103", "336104", "336105"}),
    # No such address, or not for this application.
    absent=frozenset({"3", "6", "336005"}),
)


class Qianfan(Native):
    """Baidu's models by their first protocol."""

    name = "qianfan"
    tasks = (CHAT, EMBEDDINGS)
    delivers = ("result", "function_call", "data")
    offers = frozenset((TOOLS, JSON))
    codes = _CODES

    async def address(self, call: Call, means: Means) -> str:
        """Return where a model is, with an access token. Raises LookupError, CallFailed."""
        token = await means.tokens.get(_name(call), lambda: _fetch(call, means))
        place = qianfan_request.endpoint(call.model)
        endpoint = call.endpoint
        base = call.channel.base_url
        url = call.vendor.url(base, endpoint.path, endpoint.task, place, call.config)
        return f"{url}?access_token={quote(token, safe='')}"

    async def headers(self, call: Call, means: Means) -> Mapping[str, str]:
        """Return none: the token is in the address."""
        return {}

    async def exchange(self, request: httpx.Request, call: Call, means: Means) -> Answer:
        """Send a request, and once more with a new token where the token was refused."""
        answer = await means.send(request, call.channel)
        parsed = parse(await peek(answer, _MOST_OF_AN_ERROR))
        if self.error(parsed)[0] not in _STALE:
            return answer
        await answer.aclose()
        means.tokens.forget(_name(call))
        url = httpx.URL(await self.address(call, means))
        body = httpx.ByteStream(self.sent(call))
        again = httpx.Request("POST", url, headers=request.headers, stream=body)
        return await means.send(again, call.channel)

    def request(self, chat: Json, config: Config) -> Json:
        """Return a body for a model's chat."""
        return qianfan_request.chat_body(chat)

    def answer(self, answer: Json, created_s: int) -> Json:
        """Return a whole answer as a chat.completion."""
        call = _call(answer)
        content = said(answer, "result")
        made: Json = {"role": "assistant", "content": content or (None if call else "")}
        if thoughts := said(child(answer, "function_call"), "thoughts"):
            made["reasoning_content"] = thoughts
        if call:
            made["tool_calls"] = [call]
        frame = self.find(answer)
        head = {"id": said(answer, "id") or "chatcmpl-qianfan", "model": ""}
        counted = self.usage(frame) if frame else None
        return completion(head, made, _reason(answer), counted, created_s)

    def reader(self, created_s: int) -> NativeReader:
        """Return what reads the events of one stream."""
        return _Reader(self, created_s)

    def ends(self, event: Json) -> bool:
        """Whether an event is the last."""
        return event.get("is_end") is True and not self.failed(event)

    def failed(self, parsed: Any) -> bool:
        """Whether JSON is an error, by its code."""
        return self.error(parsed)[0] is not None

    def error(self, parsed: Any) -> tuple[str | None, str]:
        """Return a code and message; the token endpoint's are words (RFC 6749, 5.2)."""
        return _error(parsed)

    def texts(self, event: Any) -> Iterator[str]:
        """Yield what is said, thought and called."""
        if not isinstance(event, dict):
            return
        call = child(event, "function_call")
        texts = (
            said(event, "result"),
            said(call, "thoughts"),
            said(call, "name"),
            said(call, "arguments"),
        )
        yield from filter(None, texts)

    def embed_request(self, body: Json, config: Config) -> Json:
        """Return a body for vectors; their length is the model's."""
        if body.get("dimensions") is not None:
            unsupported("dimensions")
        return {"input": turns.inputs(body)}

    def embed_answer(self, answer: Json) -> list[list[float]]:
        """Return the vectors."""
        return [embeddings.numbers(each.get("embedding")) for each in children(answer, "data")]


class _Reader(NativeReader):
    """The events of a stream; a call comes whole."""

    def deltas(self, event: Json) -> Iterator[tuple[Json, str | None]]:
        """Yield what an event adds, and the reason of the end with the last one."""
        if not self._begun and (found := said(event, "id")):
            self.head["id"] = found
        delta, call = Json(), _call(event)
        if content := said(event, "result"):
            delta["content"] = content
        if thoughts := said(child(event, "function_call"), "thoughts"):
            delta["reasoning_content"] = thoughts
        if call:
            delta["tool_calls"] = [{"index": 0, **call}]
        if delta:
            yield delta, None
        if event.get("is_end") is True:
            yield {}, _reason(event)


def _call(event: Json) -> Json | None:
    """Return the function that is called. A call has no id, so it is named after the answer."""
    called = child(event, "function_call")
    name = said(called, "name")
    if not name:
        return None
    shown = {"name": name, "arguments": said(called, "arguments") or "{}"}
    return {"id": f"call_{said(event, 'id') or name}", "type": "function", "function": shown}


def _error(parsed: Any) -> tuple[str | None, str]:
    if not isinstance(parsed, dict):
        return None, ""
    code = parsed.get("error_code")
    numbered = isinstance(code, int | str) and not isinstance(code, bool)
    label = str(code)[:40] if numbered and code not in (0, "0") else said(parsed, "error")[:40]
    return label or None, said(parsed, "error_msg", "error_description", "message")[:2_000]


def _reason(event: Json) -> str:
    reason = _REASONS.get(said(event, "finish_reason"))
    if reason:
        return reason
    if _call(event):
        return "tool_calls"
    if event.get("need_clear_history") is True:
        return "content_filter"
    return "length" if event.get("is_truncated") is True else "stop"


def _name(call: Call) -> tuple[str, ...]:
    return ("qianfan", _base(call), call.secret)


def _base(call: Call) -> str:
    return (call.channel.base_url or call.vendor.base_url).rstrip("/")


async def _fetch(call: Call, means: Means) -> Token:
    """Return an access token. Raises CallFailed."""
    key, _, secret = call.secret.partition("|")
    if not key or not secret:
        raise CallFailed("upstream_auth", 'the upstream key must be "APIKey|SecretKey"')
    asked = {"grant_type": "client_credentials", "client_id": key, "client_secret": secret}
    url = httpx.URL(_base(call) + _TOKEN_PATH, params=asked)
    headers = {"accept": "application/json", "accept-encoding": "identity"}
    request = httpx.Request("POST", url, headers=headers, stream=httpx.ByteStream(b""))
    answer = await means.send(request, call.channel)
    try:
        parsed = parse(await peek(answer, _MOST_OF_A_TOKEN))
    finally:
        await answer.aclose()
    good = isinstance(parsed, dict) and 200 <= answer.status < 300
    token = said(parsed, "access_token") if good else ""
    if token:
        given_s = parsed.get("expires_in")
        known = isinstance(given_s, int | float) and given_s > 0
        return Token(token, means.now_s() + min(given_s if known else _USUAL_S, _LONGEST_S))
    code, message = _error(parsed)
    says = f"no access token: status {answer.status}, {code or 'no code'}: {message[:200]}"
    ours = answer.status < 500 and answer.status not in (408, 429)
    raise CallFailed("upstream_auth" if ours else "upstream_unreachable", says, worked=False)
