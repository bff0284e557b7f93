"""Errors as clients of the Responses API expect them: whole bodies, and inside a stream."""

from typing import Any

from gateway.dialects.responses.loose import Json, first_text, mapping, text
from gateway.dialects.responses.shape import base_of, failed, response
from gateway.dialects.responses.sse import event
from gateway.relay.errors import RelayError

# The codes that a failed response can have (OpenAI: ResponseError), as far as they can occur here.
_CODES = ("server_error", "rate_limit_exceeded", "invalid_prompt")
_UNKNOWN = "The upstream service could not answer."


def envelope(error: RelayError, request_id: str) -> Json:
    """Return the error body: OpenAI's envelope, the same as in chat."""
    return error.envelope(request_id)


def of_response(error: RelayError, request_id: str) -> Json:
    """Return the `error` of a failed response. Its code is one of OpenAI's short list."""
    if error.code in _CODES:
        code = error.code
    elif error.status == 429 and error.type == "rate_limit_error":
        code = "rate_limit_exceeded"
    else:
        code = "invalid_prompt" if error.status in (400, 413, 422) else "server_error"
    return {"code": code, "message": envelope(error, request_id)["error"]["message"]}


def error_event(error: RelayError, request_id: str, sequence: int) -> bytes:
    """Return the `error` event."""
    said = envelope(error, request_id)["error"]
    fields = {name: said[name] for name in ("code", "message", "param")}
    return event({"type": "error", "sequence_number": sequence, **fields})


def stream_error(
    error: RelayError, request_id: str, response_id: str = "", sequence: int = 0
) -> bytes:
    """Return what ends a stream that failed: an `error` event, then `response.failed`.

    Some clients act on the first, coding agents on the second. `response_id` is that of the
    stream's own response; without it, it is the one that FromChat makes of the request's id.
    """
    begun = response({}, base_of(request_id), "", 0)
    begun["id"] = response_id or begun["id"]
    ended = failed(begun, [], of_response(error, request_id), None)
    last = {"type": "response.failed", "sequence_number": sequence + 1, "response": ended}
    return error_event(error, request_id, sequence) + event(last)


def parse(body: Any) -> tuple[str | None, str]:
    """Return (code or type, message) of an upstream's error: a body, a response or an event."""
    said = mapping(body)
    for holder in (mapping(said.get("response")).get("error"), said.get("error"), said):
        if isinstance(holder, str) and holder:
            return None, holder[:2_000]
        found = mapping(holder)
        message = first_text(found, "message", "msg", "detail")[:2_000]
        if message:
            kind = "" if found is said and "object" in said else text(found.get("type"))
            code = text(found.get("code")) or (kind if kind != "error" else "")
            return (code or None), message
    return None, _UNKNOWN
