"""Telling people from programs, and remembering for a short while who was told apart.

What is remembered is a signed cookie that is good from the same address, for REMEMBERED_S seconds.
"""

from collections.abc import Callable
from typing import Protocol

from tornado.web import create_signed_value, decode_signed_value

COOKIE = "person"
REMEMBERED_S = 600
_DAY_S = 86_400


class Robot(Protocol):
    """The product's own is gateway/turnstile.py, passed in by the composition root."""

    async def check(self, token: str, address: str) -> bool | None:
        """Tell whether a token is a person's; None when that cannot be known. Never raises."""
        ...


def seal(secret: str, address: str, now_s: Callable[[], float]) -> bytes:
    """Write the cookie for an address."""
    return create_signed_value(secret, COOKIE, address, clock=now_s)


def is_known(secret: str, cookie: str, address: str, now_s: Callable[[], float]) -> bool:
    """Whether a cookie is genuine, recent, and of this address."""
    days = REMEMBERED_S / _DAY_S
    value = decode_signed_value(secret, COOKIE, cookie, days, clock=now_s)
    return value is not None and value.decode("utf-8", "replace") == address
