"""Access tokens for Google's service accounts: a JWT that the account's key signs is exchanged for
one at its token address (Google Identity, "OAuth 2.0 for server to server applications").

google-auth signs; the request travels like all others of its channel.
"""

import asyncio
import hashlib
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import httpx
import orjson

from gateway.directory.channels import Channel
from gateway.providers.asking import Means
from gateway.providers.base import Answer, CallFailed
from gateway.providers.tokens import Token

SCOPE = "https://www.googleapis.com/auth/cloud-platform"
AUDIENCE = "https://oauth2.googleapis.com/token"
GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
# A grant may be good for an hour at most; so are the tokens, where an answer does not say.
LIFETIME_S = 3_600
MAX_BYTES = 64 << 10
_FORM = "application/x-www-form-urlencoded"
# What says that the account or its key is not accepted.
_REFUSES = frozenset({400, 401, 403})


@dataclass(frozen=True, slots=True)
class Account:
    """A service account as its JSON key file has it. `token_url` is asked for tokens; `name` tells
    its tokens from those of others, and is not to be had without the key."""

    email: str
    key_id: str
    key: str = field(repr=False)
    token_url: str
    project: str
    name: str = field(repr=False)

    async def token(self, means: Means, channel: Channel) -> str:
        """Return a token that is good for a while yet. Raises CallFailed."""
        return await means.tokens.get(self.name, lambda: self._fetch(means, channel))

    async def _fetch(self, means: Means, channel: Channel) -> Token:
        now_s = means.now_s()
        grant = await asyncio.to_thread(self._grant, int(now_s))
        body = urlencode({"grant_type": GRANT, "assertion": grant}).encode()
        headers = {"content-type": _FORM, "accept": "application/json"}
        try:
            stream = httpx.ByteStream(body)
            request = httpx.Request("POST", self.token_url, headers=headers, stream=stream)
        except httpx.InvalidURL as error:
            raise CallFailed("upstream_auth", f"token address: {error}") from None
        answer = await means.send(request, channel)
        said = parsed(await read(answer))
        token = said.get("access_token")
        if answer.status == 200 and isinstance(token, str) and token:
            return Token(token, now_s + _lifetime_s(said.get("expires_in")))
        detail = f"{said.get('error')}: {said.get('error_description')}"[:200]
        message = f"no token for {self.email} (status {answer.status}, {detail})"
        if answer.status in _REFUSES:
            raise CallFailed("upstream_auth", message)
        raise CallFailed("upstream_unreachable", message, worked=False)

    def _grant(self, now_s: int) -> str:
        """Return a signed JWT, for whom Google's own library says it is, wherever it is sent."""
        # Here, since only those who use it should have to wait for it.
        from google.auth import crypt, jwt

        claims = {
            "iss": self.email,
            "scope": SCOPE,
            "aud": AUDIENCE,
            "iat": now_s,
            "exp": now_s + LIFETIME_S,
        }
        try:
            signer = crypt.RSASigner.from_string(self.key, self.key_id)  # type: ignore[no-untyped-call]
        except (ValueError, TypeError):  # its message may quote the key
            message = f"the private key of {self.email} can't be read"
            raise CallFailed("upstream_auth", message) from None
        signed: bytes = jwt.encode(signer, claims)  # type: ignore[no-untyped-call]
        return signed.decode()


def account_of(text: str, token_url: str = "") -> Account:
    """Read a key file; `token_url` is asked instead of the account's own. Raises CallFailed."""
    found = parsed(text.encode())
    email, key, uri = (_text(found, n) for n in ("client_email", "private_key", "token_uri"))
    if not (email and key and uri):
        needs = "client_email, private_key and token_uri"
        raise CallFailed("upstream_auth", f"the service account is no JSON with {needs}")
    asked = token_url or uri
    name = hashlib.sha256(f"{asked}\0{text}".encode()).hexdigest()
    key_id, project = _text(found, "private_key_id"), _text(found, "project_id")
    return Account(email, key_id, key, asked, project, name)


def _text(found: dict[str, Any], name: str) -> str:
    value = found.get(name)
    return value if isinstance(value, str) else ""


def _lifetime_s(value: Any) -> float:
    good = isinstance(value, int | float) and not isinstance(value, bool)
    return float(min(max(value, 0), 86_400)) if good else float(LIFETIME_S)


async def read(answer: Answer) -> bytes:
    """Return the beginning of an answer's body, and let go of the answer. Raises CallFailed."""
    content = b""
    try:
        async for piece in answer.body:
            content += piece
            if len(content) > MAX_BYTES:
                break
    finally:
        await answer.aclose()
    return content[:MAX_BYTES]


def parsed(content: bytes) -> dict[str, Any]:
    """Return an object, {} for anything else."""
    try:
        found = orjson.loads(content)
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}
