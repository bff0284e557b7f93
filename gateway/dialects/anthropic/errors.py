"""Errors as the Anthropic Messages API states them, in an answer and inside a stream."""

from typing import Any

import orjson

from gateway.dialects.anthropic.fields import Json, obj, text
from gateway.relay.errors import RelayError

INVALID, FAILED = "invalid_request_error", "api_error"

TYPE_OF_STATUS = {
    400: INVALID,
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    500: FAILED,
    503: "overloaded_error",
    504: "timeout_error",
    529: "overloaded_error",
}
# What an error inside a stream that opened with 200 would have had as its status.
STATUS_OF_TYPE = {kind: status for status, kind in TYPE_OF_STATUS.items()}

_MESSAGE_MAX, _LABEL_MAX = 2_000, 200


def type_of(status: int) -> str:
    """Return the type for a status; of statuses that are not listed, by their hundred."""
    return TYPE_OF_STATUS.get(status) or (INVALID if 400 <= status < 500 else FAILED)


def envelope(error: RelayError, request_id: str) -> Json:
    """Return the body of a refusal or failure."""
    said = {"type": type_of(error.status), "message": error.message}
    return {"type": "error", "error": said, "request_id": request_id}


def stream_error(error: RelayError, request_id: str) -> bytes:
    """Return the event that ends a stream with an error."""
    return event("error", envelope(error, request_id))


def event(name: str, payload: Json) -> bytes:
    """Write one named server-sent event; clients of this API act on named ones only."""
    return b"event: " + name.encode() + b"\ndata: " + orjson.dumps(payload) + b"\n\n"


def parse(body: Any) -> tuple[str | None, str]:
    """Return the type and the message of an upstream's error, wherever copies of the API say it."""
    outer = obj(body)
    inner = outer.get("error")
    if isinstance(inner, str):
        return None, inner[:_MESSAGE_MAX]
    found = obj(inner) or outer
    kind = next((text(found[n]) for n in ("type", "code") if text(found.get(n))), "")
    names = ("message", "msg", "detail")
    message = next(
        (text(source[n]) for source in (found, outer) for n in names if text(source.get(n))), ""
    )
    return (kind[:_LABEL_MAX] if kind and kind != "error" else None), message[:_MESSAGE_MAX]
