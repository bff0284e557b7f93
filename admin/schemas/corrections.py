"""Bodies and queries of the routes that explain, correct and simulate."""

from typing import Any, ClassVar

from marshmallow import ValidationError, fields, validate

from admin.paging import PageQuery
from admin.schemas.base import (
    A_TIME,
    MAX_ID,
    Body,
    Json,
    Query,
    QueryInteger,
    QueryTime,
    StrictBoolean,
    integer,
    text,
)
from admin.times import parse_us
from ledger.reversals import APPROVED, DONE, MAX_REASON, PROPOSED, REJECTED

_DIGEST = validate.Regexp(r"[0-9a-f]{64}\Z", error="Not a digest.")


class BodyTime(fields.Field[int]):
    """A time in a JSON body, RFC 3339 or unix seconds, as microseconds since the epoch."""

    openapi: ClassVar[Json] = A_TIME

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, str | int):
            raise ValidationError("Not a time.")
        try:
            return parse_us(value)
        except ValueError as error:
            raise ValidationError(str(error)) from None


class Filter(Body):
    """What charges have in common. `from` is included, `to` is not; both are times of recording."""

    price_version = integer(0)
    channel = integer(0)
    key = integer(0)
    user = integer(0)
    model = text(200, least=1)
    served_model = text(200, least=1)
    group = text(200, least=1)
    outcome = text(40, least=1)
    usage_source = fields.String(validate=validate.OneOf(("upstream", "counted", "estimated")))
    endpoint = text(60, least=1)
    from_us = BodyTime(data_key="from")
    to_us = BodyTime(data_key="to")


class ReverseBody(Body):
    """POST /api/ledger/reverse: one event, or the charges that a filter chooses."""

    event = text(200, least=1)
    filter = fields.Nested(Filter)
    reason = text(MAX_REASON, load_default="")
    dry_run = StrictBoolean(load_default=False)
    digest = fields.String(validate=_DIGEST)
    force = StrictBoolean(load_default=False)


class DecisionBody(Body):
    """POST .../approve, where the digest is that of the numbers looked at, and .../reject."""

    optional = True
    digest = fields.String(validate=_DIGEST)
    reason = text(MAX_REASON, load_default="")


class ReversalsQuery(PageQuery):
    """GET /api/ledger/reversals."""

    state = fields.String(validate=validate.OneOf((PROPOSED, APPROVED, DONE, REJECTED)))


class PublishBody(Body):
    """POST /api/ledger/prices. Prices and ratios are decimal text, never floats."""

    set = fields.List(fields.Dict(keys=fields.String()), load_default=list)
    unset = fields.List(fields.String(), load_default=list)
    groups = fields.Dict(keys=fields.String(), load_default=dict)
    unset_groups = fields.List(fields.String(), load_default=list)
    note = text(500, load_default="")
    effective_at = BodyTime()


class PriceHistoryQuery(Query):
    """GET /api/ledger/prices/history."""

    model = text(200, least=1, required=True)


class AdoptBody(Body):
    """POST /api/ledger/prices/proposals: which models, and the version that was looked at."""

    models = fields.List(fields.String(), load_default=list)
    all = StrictBoolean(load_default=False)
    version = integer(0, MAX_ID, required=True)
    note = text(500, load_default="")


class DismissBody(Body):
    """POST /api/ledger/prices/proposals/dismiss."""

    models = fields.List(fields.String(), load_default=list)
    all = StrictBoolean(load_default=False)
    version = integer(0, MAX_ID, required=True)


class NoteBody(Body):
    """What goes with a rollback or a cancellation; only a rollback can be planned."""

    optional = True
    note = text(500, load_default="")
    effective_at = BodyTime()


class RepriceBody(Body):
    """POST /api/ledger/reprice: a period under a version, with edits on top of it if there are any.

    `stream` asks for lines of progress before the result.
    """

    from_us = BodyTime(data_key="from")
    to_us = BodyTime(data_key="to")
    version = integer(1, MAX_ID)
    set = fields.List(fields.Dict(keys=fields.String()), load_default=list)
    unset = fields.List(fields.String(), load_default=list)
    groups = fields.Dict(keys=fields.String(), load_default=dict)
    unset_groups = fields.List(fields.String(), load_default=list)
    model_ratio = fields.Dict(keys=fields.String())
    completion_ratio = fields.Dict(keys=fields.String())
    stream = StrictBoolean(load_default=False)


class ReconcileQuery(Query):
    """POST /api/ledger/reconcile. `map` is field=column,… or a JSON object; `bucket` is seconds."""

    channel = QueryInteger(required=True, validate=validate.Range(0, MAX_ID))
    map = text(5_000, required=True)
    match = fields.String(load_default="id", validate=validate.OneOf(("id", "time")))
    bucket = QueryInteger(load_default=60, validate=validate.Range(1, 86_400))
    from_us = QueryTime(data_key="from")
    to_us = QueryTime(data_key="to")
    format = fields.String(
        load_default="json", validate=validate.OneOf(("json", "csv", "jsonl", "xlsx"))
    )
    all = fields.Boolean(load_default=False)
