"""An honest fake of Tencent Cloud's Hunyuan API, version 2023-09-01: ChatCompletions and
GetEmbedding, with signatures that are verified (Tencent Cloud API 3.0, "Signature v3")."""

from __future__ import annotations

import hashlib
import hmac
import re
import time
from datetime import UTC, datetime
from typing import Any

import orjson

from tests.fakes.native import NUMBER, Json, NativeFake, Received, Wrong, check, one_of

APP, SECRET_ID, SECRET_KEY = "1250000000", "AKIDz8krbsJ5yKBZQpn74WFkmLPx3", "Gu5t9xGARNpq86cd98"
KEY = f"{APP}|{SECRET_ID}|{SECRET_KEY}"
_AUTHORIZATION = re.compile(
    r"TC3-HMAC-SHA256 Credential=([^/]+)/([0-9-]{10})/hunyuan/tc3_request, "
    r"SignedHeaders=([a-z;-]+), Signature=([0-9a-f]{64})"
)
_SKEW_S = 300
# By the status that a failure would have had: its code.
CODES = {
    400: "InvalidParameter",
    401: "AuthFailure.SignatureFailure",
    404: "ResourceNotFound",
    429: "FailedOperation.EngineServerLimitExceeded",
    500: "InternalError",
    503: "ServiceUnavailable",
}

_FUNCTION = {"Name": str, "Arguments": str}
_CALL = {"Id": str, "Type": one_of("function"), "Function": _FUNCTION}
_TOOL = {
    "Type": one_of("function"),
    "Function": {"Name": str, "Parameters": str, "Description?": str},
}


def _said(value: Any, at: str) -> None:
    if not isinstance(value, str) or not value:
        raise Wrong(400, f"{at} must not be empty")


def _part(value: Any, at: str) -> None:
    is_text = isinstance(value, dict) and value.get("Type") == "text"
    text = {"Type": one_of("text"), "Text": _said}
    image = {"Type": one_of("image_url"), "ImageUrl": {"Url": _said}}
    check(value, text if is_text else image, at)


_MESSAGES = {
    "system": {"Role": str, "Content": _said},
    "user": {"Role": str, "Content?": _said, "Contents?": [_part]},
    "assistant": {"Role": str, "Content": str, "ToolCalls?": [_CALL]},
    "tool": {"Role": str, "Content": _said, "ToolCallId": _said},
}


def _message(value: Any, at: str) -> None:
    shape = _MESSAGES.get(value.get("Role")) if isinstance(value, dict) else None
    if shape is None:
        raise Wrong(400, f"{at}.Role is not known")
    check(value, shape, at)


_CHAT = {
    "Model": str,
    "Messages": [_message],
    "Stream?": bool,
    "StreamModeration?": bool,
    "Temperature?": NUMBER,
    "TopP?": NUMBER,
    "Seed?": int,
    "Stop?": [str],
    "Tools?": [_TOOL],
    "ToolChoice?": one_of("none", "auto", "custom"),
    "CustomTool?": _TOOL,
    "EnableEnhancement?": bool,
    "EnableThinking?": bool,
}
_EMBED = {"Input?": str, "InputList?": [_said]}


class FakeHunyuan(NativeFake):
    """Hunyuan as one of Tencent Cloud's services: one address, whatever is asked for."""

    paths = {"/": "act"}
    stream_type = "text/event-stream"
    in_band = True

    def act(self, body: Json) -> Any:
        """Do what the header says, for who signed it."""
        asked = self.received[-1]
        _verify(asked)
        if asked.headers.get("x-tc-version") != "2023-09-01":
            raise Wrong(400, "X-TC-Version")
        action = asked.headers.get("x-tc-action")
        if action == "ChatCompletions":
            return self.chat(body)
        if action == "GetEmbedding":
            return self.embed(body)
        raise Wrong(404, "X-TC-Action")

    def error(self, status: int, message: str) -> Json:
        """Every error comes inside a 200."""
        error = {"Code": CODES[status], "Message": message}
        return {"Response": {"Error": error, "RequestId": "r1"}}

    def late_error(self) -> Json:
        """An event that is an error."""
        return {"Id": "h1", "ErrorMsg": {"Msg": "the model crashed", "Code": 4000}}

    def frame(self, event: Json) -> bytes:
        """An event; none is the last but by its FinishReason."""
        return b"data: " + orjson.dumps(event) + b"\n\n"

    def noise(self) -> bytes:
        """Comments, events of processes, data that is no JSON."""
        return b": ping\n\n" + self.frame({"Processes": {"Message": "searching"}}) + b"data: {\n\n"

    def usage(self, said: int = 1, of: int = 1) -> Json:
        """Return the usage so far, when so much of an answer was said. Cached tokens are text."""
        script = self.script
        if script.no_usage:
            return {}
        counts: Json = {
            "PromptTokens": script.tokens_in,
            "CompletionTokens": script.tokens_out * said // of,
            "TotalTokens": script.tokens_in + script.tokens_out * said // of,
        }
        if script.cached:
            counts["PromptTokensDetails"] = {"CachedTokens": str(script.cached)}
        return {"Usage": counts}

    def chat(self, body: Json) -> Any:
        """Answer a conversation."""
        check(body, _CHAT)
        if (body.get("ToolChoice") == "custom") != ("CustomTool" in body):
            raise Wrong(400, "CustomTool")
        script = self.script
        if body.get("Stream"):
            return [self.late_error()] if script.fails else self._events()
        if script.fails:
            return self.error(500, "the model crashed")
        message: Json = {"Role": "assistant", "Content": "".join(script.words)}
        if script.thoughts:
            message["ReasoningContent"] = "".join(script.thoughts)
        if script.calls:
            message["ToolCalls"] = self._calls()
        choice = {"Index": 0, "Message": message, "FinishReason": self._reason()}
        head = {**self._head(), **self.usage(), "RequestId": "r1"}
        return {"Response": {**head, "Choices": [choice]}}

    def _head(self) -> Json:
        return {"Id": "h1", "Created": 1_764_000_000, "Note": "AI made this."}

    def _reason(self) -> str:
        reasons = {"length": "length", "filtered": "sensitive"}
        return "tool_calls" if self.script.calls else reasons.get(self.script.ended, "stop")

    def _calls(self) -> list[Json]:
        return [
            {
                "Id": f"call_{at}",
                "Type": "function",
                "Function": {"Name": name, "Arguments": orjson.dumps(given).decode()},
                "Index": at,
            }
            for at, (name, given) in enumerate(self.script.calls)
        ]

    def _events(self) -> list[Json]:
        script = self.script
        deltas = [{"ReasoningContent": each, "Content": ""} for each in script.thoughts]
        deltas += [{"Content": each} for each in script.words]
        for call in self._calls():
            written = call["Function"]["Arguments"]
            begun = {**call["Function"], "Arguments": written[:5]}
            rest = {"Name": "", "Arguments": written[5:]}
            deltas.append({"Content": "", "ToolCalls": [{**call, "Function": begun}]})
            deltas.append({"Content": "", "ToolCalls": [{**call, "Function": rest}]})
        choices = [{"Delta": {"Role": "assistant", **each}, "FinishReason": ""} for each in deltas]
        last = {"Delta": {"Role": "assistant", "Content": ""}, "FinishReason": self._reason()}
        return [
            {**self._head(), **self.usage(at, len(choices)), "Choices": [{"Index": 0, **each}]}
            for at, each in enumerate((*choices, last), 0)
        ]

    def embed(self, body: Json) -> Json:
        """Make a vector of each text: its length, and a half."""
        check(body, _EMBED)
        texts = body.get("InputList") or [body["Input"]]
        if self.script.fails:
            return self.error(500, "the model crashed")
        data = [
            {"Embedding": [float(len(text)), 0.5], "Index": 0, "Object": "embedding"}
            for text in texts
        ]
        counted = self.script.tokens_in
        usage = {"PromptTokens": counted, "TotalTokens": counted}
        usage_of = {} if self.script.no_usage else {"Usage": usage}
        return {"Response": {"Data": data, **usage_of, "RequestId": "r1"}}


def _verify(asked: Received) -> None:
    """Compute the signature anew. Raises Wrong 401."""
    headers = asked.headers
    found = _AUTHORIZATION.fullmatch(headers.get("authorization", ""))
    stamp = headers.get("x-tc-timestamp", "")
    if found is None or not stamp.isdigit() or found[1] != SECRET_ID:
        raise Wrong(401, "who is this")
    date, names = found[2], found[3].split(";")
    is_now = abs(time.time() - int(stamp)) < _SKEW_S
    if not is_now or datetime.fromtimestamp(int(stamp), UTC).strftime("%Y-%m-%d") != date:
        raise Wrong(401, "X-TC-Timestamp")
    if not {"content-type", "host"} <= set(names) or names != sorted(names):
        raise Wrong(401, "SignedHeaders")
    signed = "".join(f"{name}:{headers[name].lower()}\n" for name in names)
    payload = hashlib.sha256(asked.raw).hexdigest()
    canonical = f"POST\n/\n\n{signed}\n{found[3]}\n{payload}"
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    said = f"TC3-HMAC-SHA256\n{stamp}\n{date}/hunyuan/tc3_request\n{digest}"
    key = b"TC3" + SECRET_KEY.encode()
    for part in (date, "hunyuan", "tc3_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    if hmac.new(key, said.encode(), hashlib.sha256).hexdigest() != found[4]:
        raise Wrong(401, "the signature is not right")
