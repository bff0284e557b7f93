"""Every way in which the relay refuses or fails, as the client sees it: one table.

A client gets `{"error": {"message", "type", "param", "code"}}` and the status. `code` is stable.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from ledger.errors import (
    BooksUnavailable,
    BudgetExceeded,
    InsufficientCredit,
    LedgerError,
    PriceMissing,
)
from ledger.money import usd

# Clients wait that long by themselves; beyond it, trying again is for people.
LONGEST_RETRY_S = 60

_BAD = "invalid_request_error"
_DENIED = "permission_error"
_OURS = "server_error"
_THEIRS = "upstream_error"

# code: (HTTP status, type)
TABLE: dict[str, tuple[int, str]] = {
    "invalid_api_key": (401, _BAD),
    "invalid_json": (400, _BAD),
    "invalid_value": (400, _BAD),
    "content_blocked": (400, _BAD),
    "content_flagged": (400, _BAD),
    "invalid_form": (400, _BAD),
    "missing_required_parameter": (400, _BAD),
    "model_price_missing": (400, _BAD),
    "channel_not_found": (400, _BAD),
    "insufficient_quota": (402, "insufficient_quota"),
    "network_not_allowed": (403, _DENIED),
    "model_not_allowed": (403, _DENIED),
    "group_not_allowed": (403, _DENIED),
    "user_disabled": (403, _DENIED),
    "channel_not_allowed": (403, _DENIED),
    "model_not_found": (404, _BAD),
    "previous_response_not_found": (404, _BAD),
    "response_not_found": (404, _BAD),
    "endpoint_not_offered": (404, _BAD),
    "unknown_url": (404, _BAD),
    "method_not_allowed": (405, _BAD),
    "request_too_large": (413, _BAD),
    "upgrade_required": (426, _BAD),
    "api_not_implemented": (501, "one_api_error"),
    "rate_limit_exceeded": (429, "rate_limit_error"),
    "budget_exceeded": (429, "insufficient_quota"),
    "internal_error": (500, _OURS),
    "no_available_channel": (503, _OURS),
    "moderation_unavailable": (503, _OURS),
    "shutting_down": (503, _OURS),
    "books_unavailable": (503, _OURS),
    "books_busy": (503, _OURS),
    "database_away": (503, _OURS),
    "disk_full": (503, _OURS),
    "spill_full": (503, _OURS),
    "writer_fenced": (503, _OURS),
    "upstream_unreachable": (502, _THEIRS),
    "upstream_auth": (502, _THEIRS),
    "upstream_bad_answer": (502, _THEIRS),
    "upstream_cut": (502, _THEIRS),
    "upstream_timeout": (504, _THEIRS),
}

BY_STATUS = {
    400: "invalid_json",
    404: "unknown_url",
    405: "method_not_allowed",
    413: "request_too_large",
    503: "shutting_down",
}


@dataclass(eq=False)
class RelayError(Exception):
    """A refusal or failure that has an answer. `code` is a key of TABLE unless both are given."""

    code: str
    message: str
    param: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    status: int = 0
    type: str = ""

    def __post_init__(self) -> None:
        super().__init__(self.message)
        status, kind = TABLE.get(self.code, (500, _OURS))
        self.status = self.status or status
        self.type = self.type or kind
        if self.status == 503:
            self.headers.setdefault("Retry-After", "1")

    def envelope(self, request_id: str) -> dict[str, Any]:
        """Return the JSON body; the message ends with the request id, for support."""
        return {
            "error": {
                "message": f"{self.message} (request id: {request_id})",
                "type": self.type,
                "param": self.param,
                "code": self.code,
            }
        }


_WHOSE = {
    "key:": "This key's limit",
    "budget:key:": "This key's budget",
    "budget:": "Your account's budget",
    "": "The balance",
}


def of_ledger(error: LedgerError) -> RelayError:
    """Say in the client's dialect what the books answered."""
    if isinstance(error, BudgetExceeded) and error.needed_nano <= error.limit_nano:
        return _of_budget(error)
    if isinstance(error, InsufficientCredit):
        whose = next(said for prefix, said in _WHOSE.items() if error.account.startswith(prefix))
        return RelayError(
            "insufficient_quota",
            f"{whose} does not cover this request: {usd(error.needed_nano)} USD may be needed and "
            f"{usd(max(0, error.available_nano))} USD is available. Top up, or ask for less output "
            "with max_tokens.",
            headers={"X-Should-Retry": "false"},
        )
    if isinstance(error, PriceMissing):
        return RelayError(
            "model_price_missing",
            f"The model `{error.model}` has no price yet, so it cannot be used. The operator of "
            "this gateway must set one.",
            param="model",
        )
    retry_after_s = error.retry_after_s if isinstance(error, BooksUnavailable) else 1
    return RelayError(
        error.code if error.code in TABLE else "books_unavailable",
        "The ledger cannot record requests right now; please try again shortly.",
        headers={"Retry-After": str(retry_after_s)},
    )


def _of_budget(error: BudgetExceeded) -> RelayError:
    """Say which budget is used up, and when it renews."""
    whose = "this key's" if error.account.startswith("budget:key:") else "your account's"
    headers = {"Retry-After": str(error.retry_after_s)}
    if error.retry_after_s > LONGEST_RETRY_S:
        headers["X-Should-Retry"] = "false"
    return RelayError(
        "budget_exceeded",
        f"Of {whose} budget of {usd(error.limit_nano)} USD a {error.period}, "
        f"{usd(max(0, error.available_nano))} USD is left and {usd(error.needed_nano)} USD may be "
        f"needed. It renews at {error.renews}.",
        headers=headers,
    )


# Statuses that say something about the client's request, and mean the same to the client.
_PASSED_ON = frozenset({400, 404, 405, 406, 409, 410, 411, 413, 414, 415, 416, 418, 422, 424, 451})
# 529 is Anthropic's word for being overloaded.
_MAPPED = {408: 504, 529: 503}
_MESSAGE_FIELDS = ("message", "msg", "err", "error_msg", "detail")

_SAYS = {
    "upstream_unreachable": "The upstream service can't be reached right now.",
    "upstream_timeout": "The upstream service took too long to answer.",
    "upstream_cut": "The upstream service broke off its answer.",
    "upstream_auth": "The upstream service did not accept this gateway; its operator must look "
    "at the channel.",
    "upstream_bad_answer": "The upstream service answered in a way that makes no sense.",
}


def of_call(code: str) -> RelayError:
    """Say that a call got no answer, without naming the upstream's address."""
    return RelayError(code, _SAYS[code])


def parse(content: bytes) -> Any:
    """Return an upstream's JSON, or None when it is none."""
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError:
        return None


def text_of(parsed: Any) -> str:
    """Write an upstream's JSON, as far as it can be: orjson reads deeper than it writes."""
    try:
        return orjson.dumps(parsed).decode()
    except orjson.JSONEncodeError:
        return "an answer that is nested too deeply to be shown"


def of_upstream(status: int, headers: Mapping[str, str], parsed: Any) -> RelayError:
    """Turn an upstream's refusal into an OpenAI error.

    401, 402 and 403 are about the operator's key, not the client's, and become 502.
    """
    if status in (401, 402, 403):
        return of_call("upstream_auth")
    said = normalise(parsed)
    message = said["message"] or f"The upstream service answered with status {status}."
    if status == 429:
        wait = headers.get("retry-after")
        extra = {"Retry-After": wait if wait else "5"}
        return RelayError(
            said["code"] or "rate_limit_exceeded", message, said["param"], extra, 429, said["type"]
        )
    if status in _PASSED_ON:
        mapped = status
    else:
        mapped = status if status in (503, 504) else _MAPPED.get(status, 502)
    code = said["code"] or "bad_response_status_code"
    return RelayError(code, message, said["param"], {}, mapped, said["type"] or _THEIRS)


def normalise(parsed: Any) -> dict[str, Any]:
    """Find message, type, param and code, wherever vendors put them."""
    found = parsed.get("error", parsed) if isinstance(parsed, dict) else None
    if not isinstance(found, dict):
        found = {"message": found} if isinstance(found, str) else {}
    outer = parsed if isinstance(parsed, dict) else {}
    texts = [*(found.get(f) for f in _MESSAGE_FIELDS), *(outer.get(f) for f in _MESSAGE_FIELDS)]
    for name in ("header", "response"):
        inner = outer.get(name)
        if isinstance(inner, dict):
            deeper = inner.get("error")
            texts.append((deeper if isinstance(deeper, dict) else inner).get("message"))
    message = next((text for text in texts if isinstance(text, str) and text), "")
    return {"message": message[:2_000], **{n: _short(found.get(n)) for n in _LABELS}}


_LABELS = ("type", "param", "code")


def _short(value: Any) -> Any:
    return str(value)[:200] if isinstance(value, str | int) and value != "" else None
