"""Signatures of Tencent Cloud's API 3.0: TC3-HMAC-SHA256 (its documentation, "Signature v3").

What is signed is the method, the path, the query, the content type, the host and the action as they
are sent, and the body. Our own, since the only library is the vendor's SDK, which would bring its
own HTTP client; the SDK signs the same requests in tests.
"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

import httpx

_ALGORITHM = "TC3-HMAC-SHA256"
_SIGNED = ("content-type", "host", "x-tc-action")


@dataclass(frozen=True, slots=True)
class Credential:
    """A secret id, and the secret key that belongs to it."""

    secret_id: str
    secret_key: str = field(repr=False)


def signed(
    request: httpx.Request, body: bytes, credential: Credential, service: str, now_s: int
) -> Mapping[str, str]:
    """Return the headers that sign a request which is otherwise ready; `now_s` in Unix seconds.

    The request's host becomes a header of it, so that what is signed is what is sent.
    """
    request.headers["host"] = request.url.netloc.decode("ascii")
    date = datetime.fromtimestamp(now_s, UTC).strftime("%Y-%m-%d")
    scope = f"{date}/{service}/tc3_request"
    digest = hashlib.sha256(_canonical(request, body)).hexdigest()
    said = f"{_ALGORITHM}\n{now_s}\n{scope}\n{digest}"
    key = f"TC3{credential.secret_key}".encode()
    for part in (date, service, "tc3_request"):
        key = _hmac(key, part)
    names = ";".join(_SIGNED)
    who = f"Credential={credential.secret_id}/{scope}"
    signature = _hmac(key, said).hex()
    return {
        "x-tc-timestamp": str(now_s),
        "authorization": f"{_ALGORITHM} {who}, SignedHeaders={names}, Signature={signature}",
    }


def _canonical(request: httpx.Request, body: bytes) -> bytes:
    path, _, query = request.url.raw_path.decode("ascii").partition("?")
    headers = "".join(f"{name}:{request.headers[name].strip().lower()}\n" for name in _SIGNED)
    payload = hashlib.sha256(body).hexdigest()
    lines = (request.method, path, query, headers, ";".join(_SIGNED), payload)
    return "\n".join(lines).encode()


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.new(key, text.encode(), hashlib.sha256).digest()
