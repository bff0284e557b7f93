"""Bodies and queries of the routes by which people come in."""

from marshmallow import ValidationError, fields, validate

from admin.paging import PageQuery
from admin.schemas.base import Body, Ignored, Query, refuse_controls, text
from admin.schemas.users import MAX_NAME, password_length
from gateway.directory.notices import STATES, WAYS

MAX_MAIL = 254
MAX_CODE = 100


def _new_name(value: str) -> None:
    """Refuse names that are like an address: one signs in by either."""
    if "@" in value:
        raise ValidationError("Must not contain @.")


class MailQuery(Query):
    """?email= and, where it is needed, the token of Turnstile."""

    email = text(MAX_MAIL, least=1, required=True)
    turnstile = fields.String()


class BindQuery(Query):
    """GET /api/oauth/email/bind."""

    email = text(MAX_MAIL, least=1, required=True)
    code = text(MAX_CODE, least=1, required=True)
    turnstile = fields.String()


class RegisterBody(Body):
    """POST /api/user/register."""

    username = fields.String(
        required=True, validate=[validate.Length(1, MAX_NAME), refuse_controls, _new_name]
    )
    password = fields.String(required=True, validate=password_length)
    display_name = text(MAX_NAME, load_default="")
    email = text(MAX_MAIL, load_default="")
    verification_code = text(MAX_CODE, load_default="")
    aff_code = text(MAX_CODE, load_default="", allow_none=True)
    password2 = Ignored()
    turnstile = Ignored()


class ResetBody(Body):
    """POST /api/user/reset. Without a password one is made, and answered once."""

    email = text(MAX_MAIL, least=1, required=True)
    token = text(MAX_CODE, least=1, required=True)
    password = fields.String(validate=password_length)


class NoticesQuery(PageQuery):
    """GET /api/notices/."""

    state = fields.String(load_default="", validate=validate.OneOf(STATES))


class NoticeTestBody(Body):
    """POST /api/notices/test: by every way, or by one."""

    optional = True
    way = fields.String(load_default="", validate=validate.OneOf(("", *WAYS)))
