"""Amazon's errors: a name in a header (x-amzn-errortype), in a stream in that of a message, and a
message as JSON (Amazon Bedrock API reference, "Common errors" and InvokeModel).

They become errors as Anthropic writes them, with the name as the code: so both protocols that
Bedrock is asked in read them.
"""

from collections.abc import AsyncIterator, Mapping

import orjson

from gateway.dialects.anthropic.errors import type_of
from gateway.dialects.dialect import Json
from gateway.dialects.gemini.fields import from_json, said
from gateway.providers.base import Answer

MAX_BYTES = 64 << 10
# Its message goes on with all that was signed, session tokens among it.
_TELLS_TOO_MUCH = "InvalidSignatureException"
# What the names mean as statuses. Some come with another one, which says less.
STATUSES: Mapping[str, int] = {
    "ValidationException": 400,
    "AccessDeniedException": 403,
    "UnrecognizedClientException": 403,
    "InvalidSignatureException": 403,
    "ExpiredTokenException": 403,
    "ResourceNotFoundException": 404,
    "ThrottlingException": 429,
    "ServiceQuotaExceededException": 429,  # comes with 400
    "InternalServerException": 500,
    "ModelErrorException": 502,  # comes with 424, as do the next one and what it cuts off
    "ModelStreamErrorException": 502,
    "ModelNotReadyException": 503,  # comes with 429, but is no limit
    "ServiceUnavailableException": 503,
    "ModelTimeoutException": 504,  # comes with 408
}


def body(name: str, message: str, status: int = 500) -> Json:
    """Return an error; `status` is for names that are not in the table."""
    name = _plain(name)
    known = STATUSES.get(name, status)
    if name == _TELLS_TOO_MUCH:
        message = message.partition("\n")[0]
    shown = {"type": type_of(known), "message": message[:2_000]}
    return {"type": "error", "error": {**shown, **({"code": name} if name else {})}}


def _plain(name: str) -> str:
    """Return a name without what services put around it; in streams it begins small."""
    name = name.partition(":")[0].rpartition("#")[2].strip()[:100]
    return name[:1].upper() + name[1:]


async def rewritten(answer: Answer) -> Answer:
    """Return an answer that failed with its error in the form above; one that did not, as it is.

    Raises CallFailed.
    """
    if 200 <= answer.status < 300:
        return answer
    raw = b""
    async for piece in answer.body:
        raw += piece
        if len(raw) > MAX_BYTES:
            break
    parsed = from_json(raw.decode("utf-8", "replace"))
    found: Json = parsed if isinstance(parsed, dict) else {}
    name = answer.headers.get("x-amzn-errortype", "") or said(found, "__type", "code")
    message = said(found, "message", "Message")
    if not name and not message:  # something in between said it, in a way of its own
        return Answer(answer.status, answer.headers, _whole(raw), answer.closes)
    status = STATUSES.get(_plain(name), answer.status)
    said_so = orjson.dumps(body(name, message, status))
    return Answer(status, answer.headers, _whole(said_so), answer.closes)


async def _whole(content: bytes) -> AsyncIterator[bytes]:
    yield content
