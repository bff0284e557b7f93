"""Bodies and queries of the routes for redemption codes."""

from marshmallow import fields, validate

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

ENABLED, DISABLED, USED = 1, 2, 3
MAX_BATCH = 10_000
#: 10^15 quota is two billion USD: enough for a code, and far from the limits of the books.
MAX_VALUE = 10**15


class CodeBatchBody(Body):
    """POST /api/redemption/."""

    name = text(20, least=1, required=True)
    quota = integer(1, MAX_VALUE, load_default=100)
    count = integer(1, MAX_BATCH, load_default=1)


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


class CodeExportQuery(Query):
    """GET /api/redemption/export."""

    batch = QueryInteger(required=True, validate=validate.Range(1, MAX_ID))
    format = fields.String(load_default="txt", validate=validate.OneOf(("txt", "csv")))
