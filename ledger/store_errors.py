"""What the database said, in the words of the books.

Owns the one place where driver exceptions become `StoreError`s. Promises that a failed write is
called `Unavailable` only when it certainly had no effect; every doubt is `OutcomeUnknown`. Refuses
to guess: an exception that it does not know is raised again as it is.
"""

import re
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any

from bson.errors import BSONError
from pymongo.errors import (
    AutoReconnect,
    BulkWriteError,
    ConfigurationError,
    InvalidOperation,
    OperationFailure,
    PyMongoError,
    ServerSelectionTimeoutError,
    WriteConcernError,
)

from ledger.errors import (
    BatchStopped,
    Duplicate,
    OutcomeUnknown,
    StoreError,
    StoreRefused,
    Unavailable,
)

_DUPLICATE_CODES = frozenset({11000, 11001, 12582})

# The command did nothing and may be sent again: the server gave way to another operation, was
# shutting down, or was not the primary.
_NO_EFFECT_CODES = frozenset({6, 24, 43, 91, 112, 189, 10107, 11600, 11602, 13435, 13436})

# The command may have taken effect: it ran out of time, or its replication was not confirmed.
_UNKNOWN_CODES = frozenset({50, 64, 79, 89, 100, 262})

_NO_EFFECT_LABELS = ("NoWritesPerformed", "SystemOverloadedError")
_INDEX_NAME = re.compile(r"index: (\S+)")


def duplicate(error: Mapping[str, Any]) -> Duplicate:
    """Read a duplicate key error document: the index by name, the refused key by value.

    The key of an index over several fields is a tuple, in the order of the index.
    """
    found = _INDEX_NAME.search(error.get("errmsg", ""))
    values = tuple((error.get("keyValue") or {}).values())
    key: object = values[0] if len(values) == 1 else values or None
    if found is not None:
        return Duplicate(found.group(1), key)
    return Duplicate("_".join(error.get("keyPattern") or ("unknown",)), key)


def write_error(error: Mapping[str, Any]) -> StoreError:
    """Name the error of one document, from the database's own report on it."""
    code = error.get("code")
    message = str(error.get("errmsg", "no reason given"))
    if code in _DUPLICATE_CODES:
        return duplicate(error)
    if code in _NO_EFFECT_CODES:
        return Unavailable(message)
    if code in _UNKNOWN_CODES:
        return OutcomeUnknown(message)
    return StoreRefused(f"{message} (code {code})")


def classify(exc: PyMongoError | BSONError, *, write: bool) -> StoreError:
    """Name a driver exception. Raises `exc` itself when it is of no known kind."""
    if isinstance(exc, BulkWriteError):
        return _bulk_error(exc.details)
    if isinstance(exc, BSONError | ConfigurationError | InvalidOperation):
        return StoreRefused(_first_line(exc))
    if isinstance(exc, ServerSelectionTimeoutError):
        # The driver raises this one only when no attempt was sent before.
        return Unavailable(_first_line(exc))
    if any(exc.has_error_label(label) for label in _NO_EFFECT_LABELS):
        return Unavailable(_first_line(exc))
    if isinstance(exc, AutoReconnect | WriteConcernError):
        # Even a refused connection: it may have been the second attempt, and the first one sent.
        return OutcomeUnknown(_first_line(exc)) if write else Unavailable(_first_line(exc))
    if isinstance(exc, OperationFailure):
        error = write_error({"code": exc.code, "errmsg": str(exc), **(exc.details or {})})
        unsure = isinstance(error, OutcomeUnknown) and not write
        return Unavailable(str(error)) if unsure else error
    raise exc


def _bulk_error(details: Mapping[str, Any]) -> StoreError:
    """Name the end of an ordered batch. Documents are left out of the message."""
    unconfirmed = details.get("writeConcernErrors") or []
    if unconfirmed:
        # Whatever landed is not confirmed, so even the position means nothing yet.
        return OutcomeUnknown(str(unconfirmed[0].get("errmsg", "write concern not satisfied")))
    first = min(details["writeErrors"], key=lambda error: int(error["index"]))
    return BatchStopped(int(first["index"]), write_error(first))


def raise_unless_lost_races(exc: BulkWriteError, upserts: Sequence[bool]) -> None:
    """Raise the first error of an unordered batch that is not an upsert's duplicate key."""
    if exc.details.get("writeConcernErrors"):
        raise _bulk_error(exc.details) from None
    for error in exc.details["writeErrors"]:
        if error.get("code") not in _DUPLICATE_CODES or not upserts[error["index"]]:
            raise write_error(error) from None


def _first_line(exc: Exception) -> str:
    """Keep the cause and drop the driver's description of its whole topology."""
    text = str(exc).split(", Timeout:", 1)[0].split("\n", 1)[0]
    return text[:500] or type(exc).__name__


class Translated:
    """`with` block that turns driver exceptions into `StoreError`s; stateless and shared."""

    __slots__ = ("_write",)

    def __init__(self, *, write: bool) -> None:
        self._write = write

    def __enter__(self) -> None:
        return None

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if isinstance(exc, BulkWriteError):
            # The driver's exception holds the caller's documents; do not carry them along.
            raise classify(exc, write=self._write) from None
        if isinstance(exc, PyMongoError | BSONError):
            raise classify(exc, write=self._write) from exc


READING = Translated(write=False)
WRITING = Translated(write=True)
