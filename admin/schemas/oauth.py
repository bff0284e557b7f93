"""Queries and bodies of signing in through other services."""

from marshmallow import fields, validate

from admin.schemas.base import Body, Query, text
from admin.schemas.people import MAX_CODE
from gateway.directory.identities import GITHUB, LARK, OIDC

MAX_OAUTH_CODE = 4_096
MAX_STATE = 200
BY_ADDRESS = (GITHUB, LARK, OIDC)


class StateQuery(Query):
    """GET /api/oauth/state. With a `provider`, the answer has the address to go to."""

    provider = fields.String(load_default="", validate=validate.OneOf(BY_ADDRESS))
    aff = text(MAX_CODE, load_default="")


class CallbackQuery(Query):
    """What a service sends a browser back with."""

    code = text(MAX_OAUTH_CODE, least=1, required=True)
    state = text(MAX_STATE, least=1, required=True)


class WeChatQuery(Query):
    """A code of WeChat's companion server."""

    code = text(MAX_CODE, least=1, required=True)
    aff = text(MAX_CODE, load_default="")


class WeChatBindQuery(Query):
    """The same, for oneself."""

    code = text(MAX_CODE, least=1, required=True)


class SecondBody(Body):
    """POST /api/user/login/second."""

    ticket = text(200, least=1, required=True)
    code = text(40, least=1, required=True)
