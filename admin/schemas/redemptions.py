"""Bodies and queries of the routes for redemption codes."""

from marshmallow import fields, validate

from admin.paging import PageQuery
from admin.schemas.base import (
    MAX_ID,
    Body,
    Ignored,
    Query,
    QueryInteger,
    integer,
    one_of,
    text,
)
from admin.schemas.users import ExpiryTime
from gateway.directory.codes import MOST_PER_USER
from ledger.lot_names import SOURCES

ENABLED, DISABLED, USED = 1, 2, 3
MAX_BATCH = 10_000
#: 10^15 quota is two billion USD: enough for a code, and far from the limits of the books.
MAX_VALUE = 10**15
MAX_DAYS = 36_500


class CodeBatchBody(Body):
    """POST /api/redemption/."""

    name = text(20, least=1, required=True)
    quota = integer(1, MAX_VALUE, load_default=100)
    count = integer(1, MAX_BATCH, load_default=1)
    #: What the credit is, and for how many days it lasts once redeemed; 0 is for ever.
    credit_source = fields.String(load_default="paid", validate=validate.OneOf(SOURCES))
    credit_valid_days = integer(0, MAX_DAYS, load_default=0)
    #: Until when its codes can be redeemed, and how many of them by one user; 0 is any number.
    expires_at = ExpiryTime(allow_none=True)
    per_user = integer(0, MOST_PER_USER, load_default=0)


class CodeUpdateBody(Body):
    """PUT /api/redemption/."""

    id = integer(1, required=True)
    name = text(20, least=1)
    status = one_of(ENABLED, DISABLED, USED)
    quota = integer(0, MAX_VALUE)
    user_id = Ignored()
    key = Ignored()
    created_time = Ignored()
    redeemed_time = Ignored()
    redeemed_user_id = Ignored()
    redeemed_username = Ignored()
    batch = Ignored()
    count = Ignored()
    credit_source = Ignored()
    credit_valid_days = Ignored()
    expires_time = Ignored()
    per_user = Ignored()


class CodeListQuery(PageQuery):
    """GET /api/redemption/."""

    batch = QueryInteger(validate=validate.Range(1, MAX_ID))


class RevokeBody(Body):
    """POST /api/redemption/batch/:id/revoke."""

    reason = text(300, least=1, required=True)


class CodeExportQuery(Query):
    """GET /api/redemption/export."""

    batch = QueryInteger(required=True, validate=validate.Range(1, MAX_ID))
    format = fields.String(load_default="txt", validate=validate.OneOf(("txt", "csv")))
