"""Bodies and queries of the routes for keys (One API's tokens)."""

from marshmallow import ValidationError, fields, validate, validates_schema

from admin.paging import PageQuery
from admin.schemas.base import (
    Body,
    Ignored,
    Query,
    StrictBoolean,
    integer,
    limit,
    one_of,
    quota,
    refuse_controls,
    text,
)
from admin.schemas.budgets import BudgetList, TimeZone

ON, OFF, EXPIRED, EXHAUSTED = 1, 2, 3, 4
NEVER = -1
MAX_TIME_S = 253_402_300_799
MAX_LIST = 20_000
MAX_COUNT = 100
#: For how long the secret before a rotation may go on working.
MAX_GRACE_S = 7 * 86_400


class _TokenFields(Body):
    """What a key's owner may set."""

    expired_time = integer(NEVER, MAX_TIME_S)
    remain_quota = quota()
    unlimited_quota = StrictBoolean()
    models = fields.String(
        allow_none=True, validate=[validate.Length(max=MAX_LIST), refuse_controls]
    )
    subnet = fields.String(allow_none=True, validate=[validate.Length(max=2000), refuse_controls])
    rpm = limit()
    tpm = limit()
    concurrency = limit()
    budgets = BudgetList(allow_none=True)
    budget_timezone = TimeZone(allow_none=True)
    group = text(32, allow_none=True)
    user_id = Ignored()
    key = Ignored()
    created_time = Ignored()
    accessed_time = Ignored()
    used_quota = Ignored()
    used = Ignored()
    used_nano = Ignored()
    remain = Ignored()
    remain_nano = Ignored()

    @validates_schema
    def _expiry_is_a_time(self, data: dict[str, object], **kwargs: object) -> None:
        if data.get("expired_time") == 0:
            raise ValidationError("Must be unix seconds, or -1 for never.", "expired_time")


class TokenCreateBody(_TokenFields):
    """POST /api/token/."""

    name = text(30, least=1, required=True)
    #: Several at once are named "name 1", "name 2", …
    count = integer(1, MAX_COUNT, load_default=1)
    id = Ignored()
    status = Ignored()


class TokenUpdateBody(_TokenFields):
    """PUT /api/token/. Fields left out stay as they are."""

    id = integer(1, required=True)
    name = text(30, least=1)
    status = one_of(ON, OFF, EXPIRED, EXHAUSTED)


class RotateBody(Body):
    """POST /api/token/:id/rotate. `grace_s`: for so many seconds the old secret works as well."""

    optional = True

    grace_s = integer(0, MAX_GRACE_S, load_default=0)


class TokenListQuery(PageQuery):
    """GET /api/token/."""

    order = fields.String(validate=validate.OneOf(("remain_quota", "used_quota")))


class StatusOnlyQuery(Query):
    """PUT ...?status_only=true; One API takes any value for yes."""

    status_only = fields.String(validate=validate.Length(max=10))
