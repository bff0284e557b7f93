"""Bodies of the routes for access tokens and two-factor sign-in."""

from marshmallow import fields, validate

from admin.schemas.base import Body, text
from admin.schemas.users import ExpiryTime
from gateway.directory.access_tokens import SCOPES

MAX_CODE = 40


class AccessTokenBody(Body):
    """POST /api/user/tokens. Without `expires_at` a token is good until it is revoked."""

    name = text(60, least=1, required=True)
    scope = fields.String(required=True, validate=validate.OneOf(SCOPES))
    expires_at = ExpiryTime(allow_none=True)


class PasswordBody(Body):
    """POST /api/user/totp: who begins this must know the password."""

    password = fields.String(required=True, validate=validate.Length(1, 255))


class CodeBody(Body):
    """PUT and DELETE of /api/user/totp: a code of the authenticator, or a recovery code to end."""

    code = fields.String(required=True, validate=validate.Length(1, MAX_CODE))
