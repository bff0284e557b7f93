"""An honest fake of Google's token endpoint for service accounts (RFC 7523; Google Identity, "OAuth
2.0 for server to server applications"). It checks the grant by the account's public key, by hand:
nothing here is made of what signs it.
"""

from __future__ import annotations

import base64
import time
from functools import cache
from typing import Any
from urllib.parse import parse_qs

import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from tornado.web import RequestHandler

from tests.fakes.serving import Served

Json = dict[str, Any]
EMAIL, KEY_ID, PROJECT = "tollgate@my-project.iam.gserviceaccount.com", "key-1", "my-project"
AUDIENCE = "https://oauth2.googleapis.com/token"
SCOPE = "https://www.googleapis.com/auth/cloud-platform"
GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"


@cache
def private_key() -> rsa.RSAPrivateKey:
    """The key of the one account that there is."""
    return rsa.generate_private_key(public_exponent=65_537, key_size=2_048)


def pem() -> str:
    """The key as a key file has it."""
    form, kind = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    return private_key().private_bytes(form, kind, serialization.NoEncryption()).decode()


def public_pem() -> str:
    """What signatures are checked by."""
    form, kind = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    return private_key().public_key().public_bytes(form, kind).decode()


class FakeTokens(Served):
    """The server. `status` makes it fail, `tokens` are those that are good, `grants` what came."""

    def __init__(self) -> None:
        super().__init__(_Handler)
        self.token_uri = f"{self.url}/token"
        self.status, self.lifetime_s = 200, 3_599
        self.tokens: set[str] = set()
        self.grants: list[str] = []

    def account(self, **changes: Any) -> Json:
        """The account's key file."""
        return {
            "type": "service_account",
            "project_id": PROJECT,
            "private_key_id": KEY_ID,
            "private_key": pem(),
            "client_email": EMAIL,
            "client_id": "1",
            "token_uri": self.token_uri,
            **changes,
        }

    def check(self, grant: str) -> None:
        """Check a grant as Google does. Raises ValueError."""
        signed, _, signature = grant.rpartition(".")
        head, claims = (orjson.loads(_decoded(part)) for part in signed.split("."))
        if head != {"typ": "JWT", "alg": "RS256", "kid": KEY_ID}:
            raise ValueError(f"header {head}")
        key = private_key().public_key()
        key.verify(_decoded(signature), signed.encode(), padding.PKCS1v15(), hashes.SHA256())
        issued, expires = claims["iat"], claims["exp"]
        if type(issued) is not int or type(expires) is not int or abs(time.time() - issued) > 60:
            raise ValueError("not of now")
        if not 0 < expires - issued <= 3_600:
            raise ValueError("good for too long")
        said = (claims["iss"], claims["aud"], claims["scope"])
        if said != (EMAIL, AUDIENCE, SCOPE):
            raise ValueError(f"claims {said}")


def _decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


class _Handler(RequestHandler):
    def initialize(self, fake: FakeTokens) -> None:
        self.fake = fake

    def post(self) -> None:
        fake, request = self.fake, self.request
        if request.path not in ("/token", "/mirror") or request.query:
            return self._refuse(404, "not_found", request.path)
        if request.headers.get("content-type") != "application/x-www-form-urlencoded":
            return self._refuse(400, "invalid_request", "no form")
        form = parse_qs(request.body.decode(), strict_parsing=True)
        if form.keys() != {"grant_type", "assertion"} or form["grant_type"] != [GRANT]:
            return self._refuse(400, "unsupported_grant_type", str(sorted(form)))
        (grant,) = form["assertion"]
        fake.grants.append(grant)
        if fake.status != 200:
            return self._refuse(fake.status, "temporarily_unavailable", "try again")
        try:
            fake.check(grant)
        except (ValueError, LookupError, InvalidSignature) as error:
            return self._refuse(400, "invalid_grant", f"Invalid JWT: {error}")
        token = f"ya29.token-{len(fake.grants)}"
        fake.tokens.add(token)
        made = {"access_token": token, "expires_in": fake.lifetime_s, "token_type": "Bearer"}
        self.set_header("Content-Type", "application/json; charset=utf-8")
        self.finish(orjson.dumps(made))

    def _refuse(self, status: int, code: str, message: str) -> None:
        self.set_status(status)
        self.finish({"error": code, "error_description": message})
