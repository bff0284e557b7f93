"""Queries of the log and ledger routes."""

from collections.abc import Sequence
from typing import Any, ClassVar

from marshmallow import ValidationError, fields, validate

from admin.paging import PageQuery
from admin.schemas.base import (
    MAX_ID,
    Body,
    Json,
    Query,
    QueryInteger,
    QueryTime,
    StrictBoolean,
    refuse_controls,
)
from admin.times import US_PER_S
from admin.usage_report import DIMENSIONS, OWN_BY, PERIODS
from ledger.export import FORMATS
from ledger.statements import GROUPS, ORDERS, RECORDED

MAX_EVENTS = 1_000
MAX_SEALS = 1_000
MAX_BALANCES = 200
_ACCOUNT = (
    r"(user|key|channel|code):[0-9]{1,15}|codes|prices|directory|ledger"
    r"|budget:(user|key):[0-9]{1,15}:(day|week|month):[0-9-]{10}|lot:[0-9]{1,15}:[a-z0-9-]{1,80}"
)


def _words(limit: int) -> fields.String:
    return fields.String(validate=[validate.Length(max=limit), refuse_controls])


def _account(*, required: bool = False) -> fields.String:
    error = "Not an account such as user:42 or key:7."
    check = validate.Regexp(rf"(?:{_ACCOUNT})\Z", error=error)
    return fields.String(validate=check, required=required)


def _format() -> fields.String:
    """The kind of file."""
    error = f"Must be one of {', '.join(FORMATS)}."
    return fields.String(load_default="jsonl", validate=validate.OneOf(FORMATS, error=error))


class OwnLogQuery(PageQuery):
    """Filters on one's own log. Zero means no filter, as in One API."""

    type = QueryInteger(load_default=0, validate=validate.Range(0, 5))
    start_timestamp = QueryTime(load_default=0)
    end_timestamp = QueryTime(load_default=0)
    token_name = _words(100)
    model_name = _words(255)
    group = _words(32)
    outcome = _words(50)


class LogQuery(OwnLogQuery):
    """Filters on everybody's log."""

    username = _words(255)
    channel = QueryInteger(load_default=0, validate=validate.Range(0, MAX_ID))


class OwnLogExportQuery(OwnLogQuery):
    """GET /api/log/self/export: what the log lists, as a file, without pages."""

    class Meta(OwnLogQuery.Meta):
        exclude = ("p", "page_size")

    format = _format()


class LogExportQuery(LogQuery):
    """GET /api/log/export."""

    class Meta(LogQuery.Meta):
        exclude = ("p", "page_size")

    format = _format()


class _Period(Query):
    """`from` is part of the period, `to` is not. Both are times of recording."""

    from_us = QueryTime(data_key="from")
    to_us = QueryTime(data_key="to")
    account = _account()


class LatencyQuery(Query):
    """GET /api/ledger/latency: times of recording, `to` is not part of the period."""

    from_us = QueryTime(data_key="from")
    to_us = QueryTime(data_key="to")


class _Chosen(_Period):
    """`actor` is who did it, `action` and `object` are those of changes (audit.recorded), `request`
    is the id of a request or of an event."""

    type = _words(100)
    actor = _words(100)
    action = _words(100)
    object = _words(200)
    request = _words(200)


class EventsQuery(_Chosen):
    """GET /api/ledger/events. `after` is the `next` of the answer before."""

    limit = QueryInteger(load_default=100, validate=validate.Range(1, MAX_EVENTS))
    order = fields.String(load_default="asc", validate=validate.OneOf(("asc", "desc")))
    after = fields.String(validate=[validate.Length(max=300), refuse_controls])


class Names(fields.Field[list[str]]):
    """Several of some names, with commas between them."""

    openapi: ClassVar[Json] = {"type": "string", "description": "names with commas between them"}

    def __init__(self, allowed: Sequence[str], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._allowed = tuple(allowed)

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> list[str]:
        names = str(value).split(",")
        if not set(names) <= set(self._allowed) or len(set(names)) != len(names):
            raise ValidationError(f"Must be some of {', '.join(self._allowed)}.")
        return names


class OwnDashboardQuery(Query):
    """GET /api/ledger/self/dashboard."""

    from_us = QueryTime(data_key="from")
    to_us = QueryTime(data_key="to")
    by = Names(OWN_BY, load_default=lambda: ["day"])
    key = QueryInteger(validate=validate.Range(1, MAX_ID))
    model = _words(255)
    group = _words(255)


class DashboardQuery(OwnDashboardQuery):
    """GET /api/ledger/dashboard."""

    by = Names((*PERIODS, *DIMENSIONS), load_default=lambda: ["day"])
    user = QueryInteger(validate=validate.Range(1, MAX_ID))
    channel = QueryInteger(validate=validate.Range(1, MAX_ID))


class ExportQuery(_Chosen):
    """GET /api/ledger/export."""

    format = _format()


class BalanceQuery(Query):
    """GET /api/ledger/balance: as in effect at `at`, as known at `known_at`."""

    account = _account(required=True)
    at_us = QueryTime(data_key="at")
    known_us = QueryTime(data_key="known_at")


class OwnBalanceQuery(BalanceQuery):
    """GET /api/ledger/self/balance; without an account, the user's own."""

    account = _account()


class BalancesQuery(Query):
    """GET /api/ledger/balances. `after` is the `next` of the answer before."""

    at_us = QueryTime(data_key="at")
    known_us = QueryTime(data_key="known_at")
    limit = QueryInteger(load_default=50, validate=validate.Range(1, MAX_BALANCES))
    after = QueryInteger(load_default=0, validate=validate.Range(0, MAX_ID))


class StatementQuery(_Period):
    """GET /api/ledger/statement. The times of the period are those that `by` names."""

    account = _account(required=True)
    by = fields.String(load_default=RECORDED, validate=validate.OneOf(ORDERS))
    known_us = QueryTime(data_key="known_at")
    group = fields.String(validate=validate.OneOf(tuple(GROUPS)))
    format = fields.String(load_default="json", validate=validate.OneOf(("json", *FORMATS)))


class OwnStatementQuery(StatementQuery):
    """GET /api/ledger/self/statement; without an account, the user's own."""

    account = _account()


class VerifyQuery(Query):
    """GET /api/ledger/verify. `new` checks only what is new since the last check without fault."""

    new = fields.Boolean(load_default=False)


class VerificationBody(Body):
    """POST /api/ledger/verifications. `new` is as in VerifyQuery."""

    optional = True
    new = StrictBoolean(load_default=False)


class ReceiptQuery(Query):
    """GET /api/ledger/events/:id/receipt. `through` is the number of a later seal."""

    through = QueryInteger(validate=validate.Range(1, MAX_ID))


class SealsQuery(Query):
    """GET /api/ledger/seals. `before` is the `next` of the answer before."""

    limit = QueryInteger(load_default=100, validate=validate.Range(1, MAX_SEALS))
    before = QueryInteger(validate=validate.Range(1, MAX_ID))


def cursor_text(ts_us: int, event_id: str) -> str:
    """Write the place after one event, as `next` of a page."""
    return f"{ts_us}~{event_id}"


def cursor_of(text: str) -> tuple[int, str]:
    """Read what cursor_text wrote. Raises ValidationError."""
    ts, tilde, event_id = text.partition("~")
    if not (tilde and event_id and ts.isascii() and ts.isdigit() and len(ts) < 18):
        raise ValidationError({"after": ["Not the `next` of a page."]})
    return int(ts), event_id


def end_of_second(us: int) -> int:
    """The first microsecond after the second that a time falls into."""
    return (us // US_PER_S + 1) * US_PER_S
