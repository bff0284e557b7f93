"""What one attempt failed of, as far as deciding goes: statuses, codes and types, never messages.

Messages are for people: they quote what users wrote, so no decision may hang on a word in them.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from gateway.channels.waits import wait_of
from gateway.providers.natives import NATIVES, codes_of

MAX_LABEL = 200

# What an error inside a 200 would have had as its status: by its type, code or status name
# (OpenAI API, Anthropic Messages API, google.rpc.Code).
IN_BAND: Mapping[str, int] = {
    "invalid_request_error": 400,
    "INVALID_ARGUMENT": 400,
    "FAILED_PRECONDITION": 400,
    "authentication_error": 401,
    "invalid_api_key": 401,
    "UNAUTHENTICATED": 401,
    "billing_error": 402,
    "permission_error": 403,
    "PERMISSION_DENIED": 403,
    "not_found_error": 404,
    "model_not_found": 404,
    "NOT_FOUND": 404,
    "request_too_large": 413,
    "insufficient_quota": 429,
    "rate_limit_error": 429,
    "rate_limit_exceeded": 429,
    "RESOURCE_EXHAUSTED": 429,
    "timeout_error": 504,
    "DEADLINE_EXCEEDED": 504,
    "overloaded_error": 529,
    "server_is_overloaded": 503,
    "UNAVAILABLE": 503,
}
_UNKNOWN_IN_BAND = 502


class Speaker(Protocol):
    """What matters of a vendor (gateway/directory/vendor.py): its channel type and protocol."""

    @property
    def id(self) -> int: ...

    @property
    def protocol(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Failure:
    """A failed attempt. `vendor` is the channel type, `status` what came (None: no answer).

    `means` is the status that it stands for: the same, or what an error inside a 200 amounts to.
    `code` is the upstream's, or the relay's own where there was no answer (upstream_timeout, …).
    `wait_s` is how long the upstream asked to be left alone.
    """

    protocol: str
    vendor: int
    status: int | None
    means: int | None
    code: str = ""
    type: str = ""
    wait_s: float | None = None


def of_call(vendor: Speaker, code: str) -> Failure:
    """Describe a call without an answer, by its code in the relay's table of errors."""
    return Failure(vendor.protocol, vendor.id, None, None, code)


def of_answer(
    vendor: Speaker, status: int, headers: Mapping[str, str], parsed: Any, now_s: float
) -> Failure:
    """Describe an answer that says it failed. `parsed` may be anything; `now_s` is unix time."""
    code, kind = _labels_of(vendor.protocol, parsed)
    means = _meaning(vendor.protocol, code, kind) if 200 <= status < 300 else status
    if code == str(means):
        code = ""  # some repeat the status there, which tells nothing
    return Failure(
        vendor.protocol, vendor.id, status, means, code, kind, wait_of(headers, parsed, now_s)
    )


def _labels_of(protocol: str, parsed: Any) -> tuple[str, str]:
    """Return an error's code and type: where its protocol has them, else wherever they may be."""
    native = NATIVES.get(protocol)
    if native is None:
        return labels(parsed)
    return (native.error(parsed)[0] or "")[:MAX_LABEL], ""


def _meaning(protocol: str, code: str, kind: str) -> int:
    own = codes_of(protocol).in_band.get(code)
    if own is not None:
        return own
    if code.isascii() and code.isdigit() and len(code) == 3 and 400 <= int(code) < 600:
        return int(code)
    return IN_BAND.get(code) or IN_BAND.get(kind) or _UNKNOWN_IN_BAND


def labels(parsed: Any) -> tuple[str, str]:
    """Return an error's code and type, "" where there is none, wherever vendors put them."""
    found = list(_places(parsed))
    reasons = (reason for place in found for reason in _reasons(place))
    codes = (_label(place.get(name)) for place in found for name in _CODES)
    types = (_label(place.get(name)) for place in found for name in _TYPES)
    return next(reasons, "") or next(filter(None, codes), ""), next(filter(None, types), "")


_CODES = ("code", "error_code", "status_code", "err_code")
_TYPES = ("type", "status", "__type")
# Inside what an error may be: Responses API, MiniMax, Xunfei.
_AROUND = ("response", "base_resp", "header")


def _places(parsed: Any) -> Iterator[dict[str, Any]]:
    """Yield where labels may be, the innermost error first; Google wraps errors in a list."""
    outer = parsed[0] if isinstance(parsed, list) and parsed else parsed
    if not isinstance(outer, dict):
        return
    inner = [outer.get(name) for name in _AROUND]
    for around in (outer, *inner):
        if isinstance(around, dict) and isinstance(around.get("error"), dict):
            yield around["error"]
    if isinstance(outer.get("error"), dict):
        return  # "type": "error" around Anthropic's says nothing
    yield from (each for each in inner if isinstance(each, dict))
    yield outer


def _reasons(error: dict[str, Any]) -> Iterator[str]:
    """Yield google.rpc.ErrorInfo's reasons: they tell more than the code, which is the status."""
    details = error.get("details")
    for detail in details if isinstance(details, list) else ():
        reason = _label(detail.get("reason")) if isinstance(detail, dict) else ""
        if reason:
            yield reason


def _label(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int):
        return ""
    return value[:MAX_LABEL] if isinstance(value, str) else str(value) if abs(value) < 1e9 else ""
