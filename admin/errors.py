"""From an exception to what a client of /api is told.

One table maps the exception trees (management API, directory, ledger, schemas) to a status.
Promises that an exception outside the table is a fault of ours: 500, logged, nothing of it shown.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from marshmallow import ValidationError
from tornado.web import HTTPError

from gateway.directory import errors as directory
from gateway.directory import identities
from ledger import errors as ledger
from ledger import reversal_errors as reversals
from ledger.archive_read import ArchiveMissing
from ledger.archived import ArchiveChanged
from ledger.cohort import InvalidFilter
from ledger.money import usd
from ledger.statements import BadStatement
from ledger.usage_export import BadExport
from ledger.verify_runs import VerificationRuns

#: Says a message in another language, or as it is.
Say = Callable[[str], str]


class ApiError(Exception):
    """A refusal decided by a handler: the status and a sentence for a person."""

    def __init__(
        self, status: int, message: str, *, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.headers = dict(headers or {})


@dataclass(frozen=True, slots=True)
class Problem:
    """A failure as it is answered."""

    status: int
    message: str
    headers: dict[str, str] = field(default_factory=dict)


#: The first row whose class matches decides. None as a message means the exception's own words.
TABLE: tuple[tuple[type[Exception], int, str | None], ...] = (
    (directory.NotFound, 404, None),
    (directory.Conflict, 409, None),
    (directory.NotNow, 409, None),
    (directory.SecretsLocked, 503, None),
    (identities.IdentityRefused, 403, None),
    (identities.IdentityAway, 503, None),
    (directory.DirectoryError, 400, None),
    (ledger.InvalidEvent, 400, None),
    (ledger.InvalidPrices, 400, None),
    (ledger.PriceMissing, 404, None),
    (reversals.InvalidRequest, 400, None),
    (reversals.NothingToReverse, 404, None),
    (reversals.SecondPersonNeeded, 403, None),
    (reversals.ReversalError, 409, None),
    (InvalidFilter, 400, None),
    (BadExport, 400, None),
    (BadStatement, 400, None),
    (VerificationRuns, 409, None),
    (ledger.KeyReused, 409, None),
    (ArchiveMissing, 409, None),
    (ArchiveChanged, 503, None),
    (ledger.Duplicate, 409, "this already exists"),
    (ledger.DatabaseAway, 503, "the database does not answer; try again shortly"),
    (ledger.BooksUnavailable, 503, "the books cannot record this right now; try again shortly"),
    (ledger.Unavailable, 503, "the database cannot be reached; nothing was changed"),
    (
        ledger.OutcomeUnknown,
        503,
        "the database did not answer; the change may or may not have been made",
    ),
)


def problem_of(error: BaseException, say: Say = str) -> Problem | None:
    """Say how an exception is answered, or None when it is an unexpected fault."""
    if isinstance(error, ApiError):
        return Problem(error.status, say(error.message), error.headers)
    if isinstance(error, ValidationError):
        return Problem(400, flatten(error.messages, say))
    if isinstance(error, ledger.InsufficientCredit):
        return Problem(409, say(_short_of_credit(error)))
    if isinstance(error, HTTPError):
        said = error.log_message or error.reason or "request refused"
        return Problem(error.status_code, say(said))
    for kind, status, message in TABLE:
        if isinstance(error, kind):
            wait_s = getattr(error, "retry_after_s", 1 if status == 503 else None)
            return Problem(status, say(message or str(error)), _retry_after(wait_s))
    return None


def flatten(messages: Any, say: Say = str) -> str:
    """Write marshmallow's nested messages as one line: `quota: Not a valid integer.`"""
    return "; ".join(_lines(messages, "", say))


def _lines(messages: Any, path: str, say: Say) -> Iterator[str]:
    if isinstance(messages, dict):
        for name, inner in messages.items():
            label = path if name == "_schema" else f"{path}.{name}" if path else str(name)
            yield from _lines(inner, label, say)
        return
    for message in messages if isinstance(messages, list) else [messages]:
        said = say(str(message))
        yield f"{path}: {said}" if path else said


def _short_of_credit(error: ledger.InsufficientCredit) -> str:
    return (
        f"{error.account} has {usd(error.available_nano)} USD free, "
        f"{usd(error.needed_nano)} USD is needed"
    )


def _retry_after(wait_s: int | None) -> dict[str, str]:
    return {} if wait_s is None else {"Retry-After": str(max(1, wait_s))}
