"""Who sends a request: by access token if there is one, else by the sign-in cookie."""

import hmac
from dataclasses import dataclass

from tornado.httputil import HTTPServerRequest

from admin.auth.session import COOKIE, credentials_mark, unseal
from admin.context import AdminContext
from gateway.directory.access_tokens import FULL
from gateway.directory.users import STATUS_ENABLED, User

_MAX_TOKEN = 200


@dataclass(frozen=True, slots=True)
class Principal:
    """A user who may act now, and what says so: an access token of some scope, or a session (its
    id), whose scope is full."""

    user: User
    by_token: bool
    scope: str = FULL
    session_id: str = ""


async def identify(context: AdminContext, request: HTTPServerRequest) -> Principal | None:
    """Find the sender in the directory as it is now; None when unknown or not enabled."""
    header = request.headers.get("Authorization", "").strip()
    found = await (_by_token(context, header) if header else _by_cookie(context, request))
    return found if found is not None and found.user.status == STATUS_ENABLED else None


def mark_of(context: AdminContext, user: User) -> str:
    """The state of a user's credentials, as a session carries it."""
    return credentials_mark(context.session_secret, user.id, user.password_hash, user.session_epoch)


async def _by_token(context: AdminContext, header: str) -> Principal | None:
    scheme, _, rest = header.partition(" ")
    text = rest.strip() if scheme.lower() == "bearer" else header
    if not text or len(text) > _MAX_TOKEN:
        return None
    user = await context.directory.users.by_access_token(text)
    if user is not None:
        return Principal(user, by_token=True)
    token = await context.directory.access_tokens.by_text(text)
    user = await context.directory.user(token.user_id) if token is not None else None
    if token is None or user is None:
        return None
    return Principal(user, by_token=True, scope=token.scope)


async def _by_cookie(context: AdminContext, request: HTTPServerRequest) -> Principal | None:
    morsel = request.cookies.get(COOKIE)
    secret = unseal(context.session_secret, morsel.value, context.now_s) if morsel else None
    if not secret:
        return None
    session = await context.directory.sessions.find(secret, request.remote_ip or "")
    user = await context.directory.user(session.user_id) if session is not None else None
    if session is None or user is None:
        return None
    if not hmac.compare_digest(mark_of(context, user), session.mark):
        return None
    return Principal(user, by_token=False, session_id=session.id)
