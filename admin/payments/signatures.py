"""Signatures of webhooks: `t=<unix seconds>,v1=<hex>`, HMAC-SHA256 of "t.body".

The scheme is Stripe's ("Verify webhook signatures manually" in its documentation), and our own
webhook uses the same, so there is one check. A header may hold several v1, from several secrets;
other schemes in it are passed over. Comparing takes the same time whatever is wrong.
"""

import hashlib
import hmac
import re
from collections.abc import Sequence

from admin.errors import ApiError

TOLERANCE_S = 300
MAX_HEADER = 2_000
_TIME = re.compile(r"[1-9]\d{0,11}", re.ASCII)
_HEX = re.compile(r"[0-9a-f]{64}", re.ASCII)


class BadSignature(ApiError):
    """What was sent does not prove to come from who may send it."""

    def __init__(self, why: str) -> None:
        super().__init__(401, why)


def signature(secret: str, at: str, body: bytes) -> str:
    """Return the signature of a body at a time, in unix seconds."""
    return hmac.new(secret.encode(), at.encode() + b"." + body, hashlib.sha256).hexdigest()


def check(header: str | None, body: bytes, secrets: Sequence[str], now_s: float) -> None:
    """Refuse what none of the secrets signed lately. Raises BadSignature."""
    at, given = _parts(header or "")
    usable = [secret for secret in secrets if secret]
    matches = [
        hmac.compare_digest(signature(secret, at, body), each)
        for secret in usable
        for each in given
    ]
    if not any(matches):
        raise BadSignature("the signature is not one of this body with the secret set here")
    if abs(now_s - int(at)) > TOLERANCE_S:
        raise BadSignature(f"the signature is not of the last {TOLERANCE_S} s; compare the clocks")


def _parts(header: str) -> tuple[str, list[str]]:
    """Read the time and the signatures of scheme v1."""
    if not header or len(header) > MAX_HEADER:
        raise BadSignature("the signature is missing; it is a header t=<unix seconds>,v1=<hex>")
    named = [part.partition("=") for part in header.split(",")]
    times = [value for name, _, value in named if name == "t"]
    given = [value for name, _, value in named if name == "v1"]
    if len(times) != 1 or _TIME.fullmatch(times[0]) is None:
        raise BadSignature("the signature must name its time once: t=<unix seconds>")
    if not given or not all(_HEX.fullmatch(each) for each in given):
        raise BadSignature("the signature must have v1=<64 hexadecimal digits, lower case>")
    return times[0], given
