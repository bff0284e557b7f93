"""Whose fault a failure is. Retries, cool-downs and breakers all go by this one judgement."""

from collections.abc import Mapping
from enum import Enum

from gateway.channels import dead
from gateway.channels.failure import Failure
from gateway.providers.natives import codes_of


class Blame(Enum):
    """Whose fault it is, and so what it says about the channel."""

    REQUEST = "request"  # the user's: it would fail elsewhere too, and says nothing of the channel
    CREDENTIAL = "credential"  # the operator's key or account at this upstream
    ABSENT = "absent"  # this upstream does not have what was asked for, another one may
    LIMIT = "limit"  # too much for this upstream key at the moment
    UPSTREAM = "upstream"  # the upstream fails, or cannot be reached


# Whatever the status: the request breaks a vendor's rules for content, or its form or size.
REQUEST_LABELS = frozenset(
    {
        "content_policy_violation",
        "content_filter",
        "ResponsibleAIPolicyViolation",
        "moderation_blocked",
        "invalid_prompt",
        "data_inspection_failed",
        "DataInspectionFailed",
        "context_length_exceeded",
        "string_above_max_length",
        "request_too_large",
    }
)
# The model is not there (or not for this account), which is no news about other models.
ABSENT_LABELS = frozenset(
    {
        "model_not_found",
        "model_not_available",
        "ModelNotFound",
        "DeploymentNotFound",
        "InvalidEndpointOrModel.NotFound",
        "ModelNotOpen",
        "not_found_error",
        "NOT_FOUND",
    }
)
# The same, whatever the status: an endpoint that its owner closed (Volcengine Ark says 400).
CLOSED_LABELS = frozenset({"InvalidEndpoint.ClosedEndpoint"})
# Never tried elsewhere, whatever the settings say: the answer would be the same.
THE_REQUEST_IS_WRONG = frozenset({400, 405, 406, 411, 413, 414, 415, 416, 422, 431, 451})

_BY_STATUS: Mapping[int, Blame] = {
    401: Blame.CREDENTIAL,
    402: Blame.CREDENTIAL,
    403: Blame.CREDENTIAL,
    408: Blame.UPSTREAM,
    409: Blame.UPSTREAM,
    425: Blame.UPSTREAM,
    429: Blame.LIMIT,
    501: Blame.ABSENT,
}
_WITHOUT_ANSWER: Mapping[str, Blame] = {"upstream_auth": Blame.CREDENTIAL}


def breaks_a_rule(failure: Failure) -> bool:
    """Whether the request itself is what is wrong, whatever the status."""
    labels = {failure.code, failure.type}
    return not labels.isdisjoint(REQUEST_LABELS | codes_of(failure.protocol).users)


def blame(failure: Failure) -> Blame:
    """Say whose fault a failure is. The first rule that fits: labels, table of the dead, status."""
    if breaks_a_rule(failure):
        return Blame.REQUEST
    if dead.find(failure) is not None:
        return Blame.CREDENTIAL
    if failure.means is None:
        return _WITHOUT_ANSWER.get(failure.code, Blame.UPSTREAM)
    if failure.code in CLOSED_LABELS | codes_of(failure.protocol).absent:
        return Blame.ABSENT
    if failure.means == 404:
        unlabelled = not failure.code and not failure.type
        absent = unlabelled or ABSENT_LABELS & {failure.code, failure.type}
        return Blame.ABSENT if absent else Blame.REQUEST
    known = _BY_STATUS.get(failure.means)
    return known or (Blame.UPSTREAM if failure.means >= 500 else Blame.REQUEST)
