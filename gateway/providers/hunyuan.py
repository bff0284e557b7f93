"""Tencent Cloud's own protocol for Hunyuan: ChatCompletions and GetEmbedding of version 2023-09-01
(Tencent Cloud API 3.0, and the models of its Python SDK, tencentcloud-sdk-python-hunyuan 3.1).

A key is "AppId|SecretId|SecretKey", as in One API, or "SecretId|SecretKey"; calls are signed with
it (tencent_sign.py). The SDK says that this API is about to be closed, and steers to the OpenAI
form of it, which takes a plain key: that is a channel type of its own (1006).

Errors come inside a 200, in the wrapper `Response` that whole answers have, too; events of streams
have none, and fail with `ErrorMsg`. Every event repeats the usage so far, where cached tokens may
be text. There is no limit of tokens and no JSON mode. Results of tools follow the call's id.
Vectors have one size. A channel's config may name a `region`.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import httpx

from gateway.dialects.dialect import Config, Json
from gateway.dialects.gemini import embeddings
from gateway.dialects.gemini.fields import child, children, said, unsupported
from gateway.formats import usage as usages
from gateway.formats.usage import Usage
from gateway.providers import hunyuan_request, turns
from gateway.providers.asking import Codes, Means
from gateway.providers.base import Answer, Call, CallFailed
from gateway.providers.native import (
    CHAT,
    EMBEDDINGS,
    IMAGES,
    TOOLS,
    Native,
    NativeReader,
    completion,
)
from gateway.providers.tencent_sign import Credential, signed

_ACTIONS = {CHAT: "ChatCompletions", EMBEDDINGS: "GetEmbedding"}
_VERSION, _SERVICE = "2023-09-01", "hunyuan"
_REASONS = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "sensitive": "content_filter",
}
_DEAD = (
    "AuthFailure.InvalidSecretId",
    "AuthFailure.SecretIdNotFound",
    "AuthFailure.SignatureFailure",
    "FailedOperation.FreeResourcePackExhausted",
    "FailedOperation.ResourcePackExhausted",
    "FailedOperation.ServiceNotActivated",
    "FailedOperation.ServiceStop",
    "FailedOperation.ServiceStopArrears",
    "FailedOperation.UserUnAuthError",
    "ResourceInsufficient.ChargeResourceExhaust",
    "ResourceUnavailable.InArrears",
    "ResourceUnavailable.LowBalance",
    "ResourceUnavailable.NotExist",
    "ResourceUnavailable.StopUsing",
)
_USERS = (
    "OperationDenied.ImageIllegalDetected",
    "OperationDenied.TextIllegalDetected",
)
# What else errors inside a 200 mean (Tencent Cloud API 3.0, "Error codes"; errorcodes of its SDK).
_MEANS: Mapping[int, tuple[str, ...]] = {
    400: (
        "FailedOperation.DownloadError",
        "FailedOperation.ImageDecodeFailed",
        "FailedOperation.ImageDownloadError",
        "InvalidParameter",
        "InvalidParameter.ImageCountLimitExceededError",
        "InvalidParameter.ImageProcessingFailureError",
        "InvalidParameter.InvalidParameter",
        "InvalidParameterValue",
        "InvalidParameterValue.ImageRequestError",
        "InvalidParameterValue.ParameterValueError",
        "InvalidRequest",
        "MissingParameter",
        "UnknownParameter",
        "UnsupportedOperation",
    ),
    401: ("AuthFailure.InvalidAuthorization", "AuthFailure.SignatureExpire"),
    403: (
        "AuthFailure.UnauthorizedOperation",
        "FailedOperation.PartnerAccountUnSupport",
        "IpInBlacklist",
        "IpNotInWhitelist",
        "UnauthorizedOperation",
    ),
    404: ("InvalidParameterValue.Model", "ResourceNotFound"),
    413: ("RequestSizeLimitExceeded",),
    429: (
        "FailedOperation.EngineServerLimitExceeded",
        "FailedOperation.SetPayModeExceed",
        "LimitExceeded",
        "RequestLimitExceeded",
        "RequestLimitExceeded.GlobalRegionUinLimitExceeded",
        "RequestLimitExceeded.IPLimitExceeded",
        "RequestLimitExceeded.UinLimitExceeded",
    ),
    500: ("InternalError", "FailedOperation.EngineServerError", "4000"),
    503: ("ServiceUnavailable",),
    504: ("FailedOperation.EngineRequestTimeout", "4001"),
}


class Hunyuan(Native):
    """Hunyuan, asked as Tencent Cloud's other services are."""

    name = "hunyuan"
    tasks = (CHAT, EMBEDDINGS)
    delivers = ("Response", "Choices")
    offers = frozenset((TOOLS, IMAGES))
    fetches = True
    codes = Codes(
        in_band={
            **{code: status for status, codes in _MEANS.items() for code in codes},
            **dict.fromkeys(_DEAD, 401),
            **dict.fromkeys(_USERS, 400),
        },
        dead=tuple((200, "code", code) for code in _DEAD),
        users=frozenset(_USERS),
        absent=frozenset(("InvalidParameterValue.Model",)),
    )

    async def headers(self, call: Call, means: Means) -> Mapping[str, str]:
        """Return what says which action is asked for; it is signed when all the rest is ready."""
        region = call.config.get("region")
        return {
            "x-tc-action": _ACTIONS[call.endpoint.task],
            "x-tc-version": _VERSION,
            **({"x-tc-region": str(region)} if region else {}),
        }

    async def exchange(self, request: httpx.Request, call: Call, means: Means) -> Answer:
        """Sign a request and send it. Raises CallFailed, also for a key of another form."""
        credential = _credential(call.secret)
        body, now_s = self.sent(call), int(means.now_s())
        request.headers.update(signed(request, body, credential, _SERVICE, now_s))
        return await means.send(request, call.channel)

    def request(self, chat: Json, config: Config) -> Json:
        """Return a body for ChatCompletions."""
        return hunyuan_request.chat(chat)

    def answer(self, answer: Json, created_s: int) -> Json:
        """Return a whole answer as a chat.completion."""
        answer = _unwrapped(answer)
        choice = _first(answer)
        message = child(choice, "Message")
        calls = [_call(each) for each in children(message, "ToolCalls")]
        content = said(message, "Content")
        made: Json = {"role": "assistant", "content": content or (None if calls else "")}
        if thoughts := said(message, "ReasoningContent"):
            made["reasoning_content"] = thoughts
        if calls:
            made["tool_calls"] = calls
        frame = self.find(answer)
        counted = self.usage(frame) if frame else None
        head = {"id": said(answer, "Id") or "chatcmpl-hunyuan", "model": ""}
        return completion(head, made, _reason(choice, bool(calls)), counted, created_s)

    def reader(self, created_s: int) -> NativeReader:
        """Return what reads the events of one stream."""
        return _Reader(self, created_s)

    def ends(self, event: Json) -> bool:
        """Whether an event is the last."""
        return bool(said(_first(event), "FinishReason")) and not self.failed(event)

    def texts(self, event: Any) -> Iterator[str]:
        """Yield what is said, thought and called."""
        choice = _first(_unwrapped(event))
        said_here = child(choice, "Delta") or child(choice, "Message")
        parts = (said(said_here, "Content"), said(said_here, "ReasoningContent"))
        yield from filter(None, parts)
        for call in children(said_here, "ToolCalls"):
            function = child(call, "Function")
            yield from filter(None, (said(function, "Name"), said(function, "Arguments")))

    def failed(self, parsed: Any) -> bool:
        """Whether an answer or an event says that it failed, or has nothing of an answer."""
        wrapped = child(parsed, "Response")
        if wrapped and not {"Choices", "Data"} & wrapped.keys():
            return True
        return bool(child(wrapped, "Error") or child(_unwrapped(parsed), "ErrorMsg"))

    def error(self, parsed: Any) -> tuple[str | None, str]:
        """Return the code and the message, of a whole answer or of an event."""
        found = child(child(parsed, "Response"), "Error") or child(_unwrapped(parsed), "ErrorMsg")
        code = found.get("Code")
        code = str(code) if isinstance(code, int) and not isinstance(code, bool) else code
        message = said(found, "Message", "Msg")[:2_000]
        return code[:200] if isinstance(code, str) and code else None, message

    def find(self, event: Any) -> Json | None:
        """Return the usage, of an answer in its wrapper or of an event."""
        return child(_unwrapped(event), "Usage") or None

    def usage(self, frame: Json) -> Usage | None:
        """Return what was read and written; what was cached is part of the prompt."""
        report: Json = {
            "prompt_tokens": frame.get("PromptTokens"),
            "completion_tokens": frame.get("CompletionTokens"),
            "total_tokens": frame.get("TotalTokens"),
        }
        cached = child(frame, "PromptTokensDetails").get("CachedTokens")
        if isinstance(cached, str):
            cached = int(cached) if cached.isascii() and cached.isdigit() else None
        return usages.classes({**report, "prompt_tokens_details": {"cached_tokens": cached}})

    def embed_request(self, body: Json, config: Config) -> Json:
        """Return a body for GetEmbedding, which names no model and makes vectors of one size."""
        if body.get("dimensions") is not None:
            unsupported("dimensions")
        return {"InputList": turns.inputs(body)}

    def embed_answer(self, answer: Json) -> list[list[float]]:
        """Return the vectors."""
        listed = children(_unwrapped(answer), "Data")
        return [embeddings.numbers(each.get("Embedding")) for each in listed]


class _Reader(NativeReader):
    """The events of a stream; pieces of a call are told by its id, or by their place."""

    def __init__(self, native: Native, created_s: int) -> None:
        super().__init__(native, created_s)
        self._numbers: dict[Any, int] = {}

    def deltas(self, event: Json) -> Iterator[tuple[Json, str | None]]:
        """Yield what an event adds, and the reason of the end with the last one."""
        self.head["id"] = said(event, "Id") or self.head["id"]
        choice = _first(event)
        added, delta = child(choice, "Delta"), Json()
        if thoughts := said(added, "ReasoningContent"):
            delta["reasoning_content"] = thoughts
        if content := said(added, "Content"):
            delta["content"] = content
        if calls := [self._piece(each) for each in children(added, "ToolCalls")]:
            delta["tool_calls"] = calls
        if delta:
            yield delta, None
        if said(choice, "FinishReason"):
            yield {}, _reason(choice, bool(self._numbers))

    def _piece(self, call: Json) -> Json:
        index = call.get("Index")
        told: Any = said(call, "Id") or (index if isinstance(index, int) else None)
        if told is None and self._numbers:
            told = next(reversed(self._numbers))
        if told not in self._numbers:
            self._numbers[told] = len(self._numbers)
            return {"index": self._numbers[told], **_call(call)}
        arguments = said(child(call, "Function"), "Arguments")
        return {"index": self._numbers[told], "function": {"arguments": arguments}}


def _credential(secret: str) -> Credential:
    parts = secret.split("|")
    if len(parts) not in (2, 3) or not all(parts[-2:]):
        raise CallFailed("upstream_auth", "the key is not of the form AppId|SecretId|SecretKey")
    return Credential(*parts[-2:])


def _unwrapped(answer: Any) -> Json:
    return child(answer, "Response") or (answer if isinstance(answer, dict) else {})


def _first(answer: Json) -> Json:
    return next(iter(children(answer, "Choices")), {})


def _call(call: Json) -> Json:
    function = child(call, "Function")
    shown = {"name": said(function, "Name"), "arguments": said(function, "Arguments")}
    return {"id": said(call, "Id"), "type": "function", "function": shown}


def _reason(choice: Json, calls: bool) -> str:
    return _REASONS.get(said(choice, "FinishReason"), "tool_calls" if calls else "stop")
