"""The sign-in cookie.

A signed value with the secret of a session (gateway/directory/sessions.py). It grants nothing by
itself: the session must go on, role and status are read from the directory at each request, and a
changed password makes older sessions worthless.
"""

import hashlib
import hmac
from collections.abc import Callable

from tornado.web import create_signed_value, decode_signed_value

COOKIE = "session"
MAX_AGE_DAYS = 30


def credentials_mark(secret: str, user_id: int, password_hash: str, session_epoch: int) -> str:
    """Condense what must stay the same for a session to stay valid; reveals nothing of it."""
    message = f"{user_id}\n{session_epoch}\n{password_hash}".encode()
    return hmac.new(secret.encode(), message, hashlib.sha256).hexdigest()[:32]


def seal(secret: str, session: str, now_s: Callable[[], float]) -> bytes:
    """Write a session's secret as a signed cookie value."""
    return create_signed_value(secret, COOKIE, session, clock=now_s)


def unseal(secret: str, cookie: str, now_s: Callable[[], float]) -> str | None:
    """Read a cookie; None when it is forged, damaged or too old."""
    value = decode_signed_value(secret, COOKIE, cookie, MAX_AGE_DAYS, clock=now_s)
    return (value or b"").decode("ascii", "replace") or None
