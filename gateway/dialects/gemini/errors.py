"""Errors as Google's servers write them: {"error": {code, message, status, details}}.

Google API design guide: google.rpc.Status with ErrorInfo, BadRequest, RetryInfo, RequestInfo.
"""

from typing import Any

from gateway.dialects.gemini.fields import Json, child, children, events, said
from gateway.formats import sse
from gateway.relay.errors import RelayError

STATUS = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    402: "FAILED_PRECONDITION",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    405: "UNIMPLEMENTED",
    409: "ABORTED",
    412: "FAILED_PRECONDITION",
    413: "INVALID_ARGUMENT",
    422: "INVALID_ARGUMENT",
    426: "FAILED_PRECONDITION",
    429: "RESOURCE_EXHAUSTED",
    499: "CANCELLED",
    500: "INTERNAL",
    501: "UNIMPLEMENTED",
    502: "UNAVAILABLE",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
_RPC = "type.googleapis.com/google.rpc."
_MAX_MESSAGE = 2_000
_MAX_CODE = 200


def status_name(status: int) -> str:
    """Return Google's name for an HTTP status."""
    return STATUS.get(status, "INTERNAL" if status >= 500 else "INVALID_ARGUMENT")


def envelope(error: RelayError, request_id: str) -> Json:
    """Return the body of an error answer; its message ends with the request id, for support."""
    details: list[Json] = [
        {
            "@type": f"{_RPC}ErrorInfo",
            "reason": error.code.upper(),
            "domain": "tollgate",
        },
        {"@type": f"{_RPC}RequestInfo", "requestId": request_id},
    ]
    if error.param:
        violation = {"field": error.param, "description": error.message}
        details.append({"@type": f"{_RPC}BadRequest", "fieldViolations": [violation]})
    wait = error.headers.get("Retry-After", "")
    if wait.isascii() and wait.isdigit():
        details.append({"@type": f"{_RPC}RetryInfo", "retryDelay": f"{wait}s"})
    return {
        "error": {
            "code": error.status,
            "message": f"{error.message} (request id: {request_id})",
            "status": status_name(error.status),
            "details": details,
        }
    }


def stream_error(error: RelayError, request_id: str) -> bytes:
    """Return an error inside a stream of server-sent events."""
    return sse.frame(envelope(error, request_id))


def parse(body: Any) -> tuple[str | None, str]:
    """Return an upstream error's reason (else its status name) and message.

    The reason tells more: a wrong key is INVALID_ARGUMENT to Google, with reason API_KEY_INVALID.
    """
    for event in events(body):
        error = child(event, "error")
        if error:
            reasons = (said(detail, "reason") for detail in children(error, "details"))
            code = next(filter(None, reasons), "") or said(error, "status")
            return code[:_MAX_CODE] or None, said(error, "message")[:_MAX_MESSAGE]
        if isinstance(event.get("error"), str):
            return None, event["error"][:_MAX_MESSAGE]
    return None, ""
