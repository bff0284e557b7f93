"""The sign-in cookie.

A signed value that names the user, when it was issued and the state of the account's credentials at
that time. It grants nothing by itself: role and status are read from the directory at each request,
and a changed password makes older cookies worthless.
"""

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass

from tornado.web import create_signed_value, decode_signed_value

COOKIE = "session"
MAX_AGE_DAYS = 30


@dataclass(frozen=True, slots=True)
class Session:
    """What a genuine cookie says."""

    user_id: int
    mark: str


def credentials_mark(secret: str, user_id: int, password_hash: str, session_epoch: int) -> str:
    """Condense what must stay the same for a cookie to stay valid; reveals nothing of it."""
    message = f"{user_id}\n{session_epoch}\n{password_hash}".encode()
    return hmac.new(secret.encode(), message, hashlib.sha256).hexdigest()[:32]


def seal(secret: str, session: Session, now_s: Callable[[], float]) -> bytes:
    """Write a session as a signed cookie value."""
    value = f"{session.user_id}:{session.mark}"
    return create_signed_value(secret, COOKIE, value, clock=now_s)


def unseal(secret: str, cookie: str, now_s: Callable[[], float]) -> Session | None:
    """Read a cookie; None when it is forged, damaged or too old."""
    value = decode_signed_value(secret, COOKIE, cookie, MAX_AGE_DAYS, clock=now_s)
    user_id, _, mark = (value or b"").decode("ascii", "replace").partition(":")
    if not user_id.isdigit() or not mark:
        return None
    return Session(int(user_id), mark)
