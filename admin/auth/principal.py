"""Who sends a request: by access token if there is one, else by the sign-in cookie."""

import hmac
from dataclasses import dataclass

from tornado.httputil import HTTPServerRequest

from admin.auth.session import COOKIE, Session, credentials_mark, unseal
from admin.context import AdminContext
from gateway.directory.users import STATUS_ENABLED, User

_MAX_TOKEN = 200


@dataclass(frozen=True, slots=True)
class Principal:
    """A user who may act now, and whether an access token said so (else a cookie did)."""

    user: User
    by_token: bool


async def identify(context: AdminContext, request: HTTPServerRequest) -> Principal | None:
    """Find the sender in the directory as it is now; None when unknown or not enabled."""
    header = request.headers.get("Authorization", "").strip()
    if header:
        user = await _by_token(context, header)
        by_token = True
    else:
        user = await _by_cookie(context, request)
        by_token = False
    if user is None or user.status != STATUS_ENABLED:
        return None
    return Principal(user, by_token)


def mark_of(context: AdminContext, user: User) -> str:
    """The state of a user's credentials, as a cookie carries it."""
    return credentials_mark(context.session_secret, user.id, user.password_hash, user.session_epoch)


def session_of(context: AdminContext, user: User) -> Session:
    """A session for a user who has just proved who they are."""
    return Session(user.id, mark_of(context, user))


async def _by_token(context: AdminContext, header: str) -> User | None:
    scheme, _, rest = header.partition(" ")
    token = rest.strip() if scheme.lower() == "bearer" else header
    if not token or len(token) > _MAX_TOKEN:
        return None
    return await context.directory.users.by_access_token(token)


async def _by_cookie(context: AdminContext, request: HTTPServerRequest) -> User | None:
    morsel = request.cookies.get(COOKIE)
    if morsel is None:
        return None
    session = unseal(context.session_secret, morsel.value, context.now_s)
    if session is None:
        return None
    user = await context.directory.user(session.user_id)
    if user is None or not hmac.compare_digest(mark_of(context, user), session.mark):
        return None
    return user
