"""An honest fake of Vertex AI (its REST reference, publishers.models): Gemini's generateContent and
:predict of text embeddings; vertex_claude.py adds Claude. Tokens are checked (google_tokens.py).
"""

from __future__ import annotations

import base64
from typing import Any, Self

import orjson

from tests.fakes.google_tokens import PROJECT, FakeTokens
from tests.fakes.native import NUMBER, Json, NativeFake, Wrong, check, one_of

GEMINI, EMBEDDING = "gemini-2.5-flash", "text-embedding-005"
API_KEY = "AQ.express"
PLACE = f"/v1/projects/{PROJECT}/locations/us-east5/publishers"
# What Google calls a status (google.rpc.Code).
_NAMES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    503: "UNAVAILABLE",
}


def _base64(value: Any, at: str) -> None:
    try:
        base64.b64decode(value, validate=True)
    except (TypeError, ValueError):
        raise Wrong(400, f"{at}: Base64 decoding failed") from None


_CALL = {"name": str, "args?": dict, "id?": str}
_PARTS: dict[str, Any] = {
    "text": str,
    "inlineData": {"mimeType": str, "data": _base64},
    "functionCall": _CALL,
    "functionResponse": {"name": str, "response": dict, "id?": str},
}


def _part(value: Any, at: str) -> None:
    kinds = [name for name in _PARTS if isinstance(value, dict) and name in value]
    if len(kinds) != 1:
        raise Wrong(400, f"{at} must have one initialized field")
    shape = {kinds[0]: _PARTS[kinds[0]], "thought?": bool, "thoughtSignature?": str}
    check(value, shape, at)


def _schema(value: Any, at: str) -> None:
    if not isinstance(value, dict) or value.get("type") not in ("OBJECT", "NUMBER", "STRING"):
        raise Wrong(400, f"{at} is no schema")
    for name, inner in value.get("properties", {}).items():
        _schema(inner, f"{at}.{name}")


_FUNCTION = {"name": str, "description?": str, "parameters?": _schema}
_GENERATION = {
    "temperature?": NUMBER,
    "topP?": NUMBER,
    "topK?": NUMBER,
    "seed?": int,
    "candidateCount?": int,
    "maxOutputTokens?": int,
    "stopSequences?": [str],
    "presencePenalty?": NUMBER,
    "frequencyPenalty?": NUMBER,
    "responseMimeType?": one_of("application/json", "text/plain"),
    "responseSchema?": _schema,
    "thinkingConfig?": {"thinkingBudget?": int, "includeThoughts?": bool},
}
_MODE = {"mode": one_of("AUTO", "ANY", "NONE"), "allowedFunctionNames?": [str]}
# Unlike Gemini's own API, roles must be there, and neither `model` nor `store` may.
_GENERATE = {
    "contents": [{"role": one_of("user", "model"), "parts": [_part]}],
    "systemInstruction?": {"role?": str, "parts": [{"text": str}]},
    "tools?": [{"functionDeclarations": [_FUNCTION]}],
    "toolConfig?": {"functionCallingConfig": _MODE},
    "generationConfig?": _GENERATION,
    "safetySettings?": [{"category": str, "threshold": str}],
    "labels?": dict,
}
_PREDICT = {
    "instances": [{"content": str, "task_type?": str, "title?": str}],
    "parameters?": {"autoTruncate?": bool, "outputDimensionality?": int},
}
_REASONS = {"stop": "STOP", "length": "MAX_TOKENS"}


class FakeVertex(NativeFake):
    """Vertex AI in one region of one project, and without either for API keys."""

    _models = f"/google/models/{GEMINI}"
    paths = {
        f"{PLACE}{_models}:generateContent": "generate",
        f"{PLACE}{_models}:streamGenerateContent": "stream",
        f"/v1/publishers{_models}:generateContent": "generate",
        f"/v1/publishers{_models}:streamGenerateContent": "stream",
        f"{PLACE}/google/models/{EMBEDDING}:predict": "predict",
        f"{PLACE}/google/models/gemini-embedding-001:predict": "predict",
    }
    stream_type = "text/event-stream"

    def __init__(self) -> None:
        super().__init__()
        self.tokens = FakeTokens()

    async def __aenter__(self) -> Self:
        await self.tokens.__aenter__()
        return await super().__aenter__()

    async def __aexit__(self, *exc: object) -> None:
        await super().__aexit__(*exc)
        await self.tokens.__aexit__(*exc)

    def takes_query(self, path: str, query: str) -> bool:
        """Streams of Gemini are asked for as server-sent events."""
        return query == ("alt=sse" if path.endswith(":streamGenerateContent") else "")

    def config(self) -> Json:
        """What a channel is configured with."""
        account = orjson.dumps(self.tokens.account()).decode()
        return {"region": "us-east5", "vertex_ai_adc": account}

    def check_headers(self, headers: dict[str, str]) -> None:
        """A token that was issued here, or the API key; not both."""
        bearer, key = headers.get("authorization", ""), headers.get("x-goog-api-key")
        known = bearer.removeprefix("Bearer ") in self.tokens.tokens and key is None
        if not known and (key != API_KEY or bearer):
            raise Wrong(401, "Request had invalid authentication credentials.")

    def error(self, status: int, message: str) -> Any:
        """Google's errors; those of streams are in a list."""
        code = _NAMES.get(status, "INTERNAL")
        made = {"error": {"code": status, "message": message, "status": code}}
        streams = self.received and ":stream" in self.received[-1].path
        return [made] if streams else made

    def late_error(self) -> Json:
        """The same inside a stream."""
        return {"error": {"code": 500, "message": "the model crashed", "status": "INTERNAL"}}

    def frame(self, event: Json) -> bytes:
        """An event, with the line ends that Google writes."""
        return b"data: " + orjson.dumps(event) + b"\r\n\r\n"

    def noise(self) -> bytes:
        """A comment, an event without candidates, and data that is no JSON."""
        return b": ping\r\n\r\n" + self.frame({"responseId": "r"}) + b"data: {broken\r\n\r\n"

    def usage(self) -> Json:
        """What the model used; of a stream only the last event says it."""
        script = self.script
        cached = {"cachedContentTokenCount": script.cached} if script.cached else {}
        return {
            "promptTokenCount": script.tokens_in,
            "candidatesTokenCount": script.tokens_out,
            "totalTokenCount": script.tokens_in + script.tokens_out,
            "trafficType": "ON_DEMAND",
            **cached,
        }

    def _event(self, parts: list[Json], last: bool) -> Json:
        candidate: Json = {"content": {"role": "model", "parts": parts}}
        made: Json = {"modelVersion": GEMINI, "createTime": "2026-11-22T19:00:00Z"}
        report = self.usage() if last else {"trafficType": "ON_DEMAND"}
        if last:
            candidate["finishReason"] = _REASONS.get(self.script.ended, "STOP")
        usage = {} if self.script.no_usage else {"usageMetadata": report}
        return {"candidates": [candidate], **usage, **made, "responseId": "r1"}

    def _parts(self) -> list[Json]:
        script = self.script
        calls = [{"functionCall": {"name": name, "args": given}} for name, given in script.calls]
        thoughts = [{"text": each, "thought": True} for each in script.thoughts]
        return [*thoughts, *({"text": each} for each in script.words), *calls]

    def generate(self, body: Json) -> Json:
        """Answer at once."""
        check(body, _GENERATE)
        return self.late_error() if self.script.fails else self._event(self._parts(), True)

    def stream(self, body: Json) -> list[Json]:
        """Answer part by part."""
        check(body, _GENERATE)
        if self.script.fails:
            return [self.late_error()]
        parts = self._parts()
        return [self._event([part], at == len(parts)) for at, part in enumerate(parts, 1)]

    def predict(self, body: Json) -> Json:
        """Make a vector of each text: its length, and a half."""
        check(body, _PREDICT)
        script, made = self.script, []
        for at, text in enumerate(each["content"] for each in body["instances"]):
            counted = script.tokens_in if at == 0 else 0
            statistics = {"statistics": {"token_count": counted, "truncated": False}}
            extra = {} if script.no_usage else statistics
            made.append({"embeddings": {"values": [float(len(text)), 0.5], **extra}})
        return self.late_error() if script.fails else {"predictions": made}
