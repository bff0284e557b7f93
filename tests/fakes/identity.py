"""Services that vouch for people, strict: GitHub, Lark, an OpenID provider, WeChat's companion.

Each gives out codes that are good once, to the right client, from the right address, and with the
verifier of the challenge that the browser brought. `tamper` changes an id_token's header and
claims before it is signed, `sign` replaces the whole of its making.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, unquote_plus, urlencode, urlsplit

import jwt
import orjson
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from tornado.web import RequestHandler

from tests.fakes.serving import Served

CLIENT, SECRET, WECHAT_TOKEN = "the-client", "a+secret:with/signs", "companion-token"
Json = dict[str, Any]
RSA_KEY = rsa.generate_private_key(65_537, 2_048)
OTHER_RSA_KEY = rsa.generate_private_key(65_537, 2_048)
EC_KEY = ec.generate_private_key(ec.SECP256R1())


def jwk(key: Any, name: str, **more: Any) -> Json:
    """Write a key's public half as a provider does."""
    kind = (
        jwt.algorithms.RSAAlgorithm
        if hasattr(key, "public_key") and isinstance(key, rsa.RSAPrivateKey)
        else jwt.algorithms.ECAlgorithm
    )
    public: Json = kind.to_jwk(key.public_key(), as_dict=True)
    public.pop("key_ops", None)
    return {**public, "kid": name, "use": "sig", **more}


class Identities(Served):
    """All of them on one port; `person` is who says yes in the browser."""

    def __init__(self) -> None:
        super().__init__(_Handler)
        self.redirect = "http://gate.test/oauth"
        self.person: Json = {}
        self.codes: dict[str, Json] = {}
        self.grants: dict[str, Json] = {}
        self.asked: list[str] = []
        self.keys: list[Json] = [jwk(RSA_KEY, "rsa"), jwk(EC_KEY, "ec", alg="ES256")]
        self.methods: list[str] | None = None
        self.key: Any = RSA_KEY
        self.algorithm, self.kid = "RS256", "rsa"
        self.tamper: Callable[[Json], None] = lambda claims: None
        self.sign: Callable[[Json], str] | None = None
        self.userinfo: Json | None = None
        self.wechat: dict[str, str] = {}
        self.down = False

    @property
    def well_known(self) -> str:
        """Where the OpenID provider's document is."""
        return f"{self.url}/oidc/.well-known/openid-configuration"

    def say_yes(self, address: str) -> Json:
        """Do what a browser and its person do at the address; return what comes back."""
        parts = urlsplit(address)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        service = {"/login/oauth/authorize": "github", "/oidc/authorize": "oidc"}.get(
            parts.path, "lark"
        )
        assert query["client_id"] == CLIENT, query
        assert query["redirect_uri"] == f"{self.redirect}/{service}", query
        assert query["code_challenge_method"] == "S256", query
        if service != "github":
            assert query["response_type"] == "code"
        code = secrets.token_hex(8)
        self.codes[code] = {**query, "service": service, "person": dict(self.person)}
        return {"code": code, "state": query["state"]}

    def spend(self, service: str, form: Json, client: str, secret: str) -> Json | None:
        """Return what a code stands for, once, if all is as it was."""
        found = self.codes.pop(str(form.get("code")), None)
        if found is None or found["service"] != service or (client, secret) != (CLIENT, SECRET):
            return None
        digest = hashlib.sha256(str(form.get("code_verifier")).encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if challenge != found["code_challenge"] or form["redirect_uri"] != found["redirect_uri"]:
            return None
        return found

    def grant(self, person: Json) -> str:
        """Return an access token for who said yes."""
        token = secrets.token_hex(8)
        self.grants[token] = person
        return token

    def id_token(self, found: Json) -> str:
        """Make an id_token, and whatever a test makes of it."""
        claims = {
            "iss": f"{self.url}/oidc",
            "aud": CLIENT,
            "sub": found["person"]["sub"],
            "iat": int(time.time()),
            "exp": int(time.time()) + 300,
            "nonce": found["nonce"],
        }
        self.tamper(claims)
        if self.sign is not None:
            return self.sign(claims)
        headers = {"kid": self.kid} if self.kid else {}
        # Claims of any kind: a library that makes tokens refuses some that a forger would write.
        payload = json.dumps(claims).encode()
        return jwt.PyJWS().encode(payload, self.key, self.algorithm, headers=headers)


class _Handler(RequestHandler):
    def initialize(self, fake: Identities) -> None:
        self.fake = fake

    def _answer(self, document: Any, status: int = 200) -> None:
        self.set_status(status)
        self.set_header("Content-Type", "application/json")
        self.finish(orjson.dumps(document))

    def prepare(self) -> None:
        self.fake.asked.append(self.request.path)
        if self.fake.down:
            self._answer({"error": "down"}, 503)

    def _person(self) -> Json | None:
        header = self.request.headers.get("Authorization", "")
        return self.fake.grants.get(header.removeprefix("Bearer "))

    def get(self) -> None:
        known = {
            "/oidc/.well-known/openid-configuration": self._discovery,
            "/login/oauth/authorize": self._yes,
            "/oidc/jwks": lambda: self._answer({"keys": self.fake.keys}),
            "/oidc/userinfo": self._userinfo,
            "/user": self._user,
            "/user/emails": self._emails,
            "/open-apis/authen/v1/user_info": self._lark_user,
            "/api/wechat/user": self._wechat,
        }
        known[self.request.path]()

    def post(self) -> None:
        known = {
            "/login/oauth/access_token": self._github_token,
            "/open-apis/authen/v2/oauth/token": self._lark_token,
            "/oidc/token": self._oidc_token,
        }
        known[self.request.path]()

    def _yes(self) -> None:
        """Stand in for a page where a person says yes."""
        redirect = self.get_query_argument("redirect_uri")
        self.redirect(f"{redirect}?{urlencode(self.fake.say_yes(self.request.uri or ''))}")

    def _form(self) -> Json:
        return {name: values[-1].decode() for name, values in self.request.body_arguments.items()}

    def _discovery(self) -> None:
        base = f"{self.fake.url}/oidc"
        about: Json = {
            "issuer": base,
            "authorization_endpoint": f"{base}/authorize",
            "token_endpoint": f"{base}/token",
            "userinfo_endpoint": f"{base}/userinfo",
            "jwks_uri": f"{base}/jwks",
        }
        if self.fake.methods is not None:
            about["token_endpoint_auth_methods_supported"] = self.fake.methods
        self._answer(about)

    def _oidc_token(self) -> None:
        form, header = self._form(), self.request.headers.get("Authorization", "")
        if self.fake.methods == ["client_secret_post"]:
            client, secret = form.get("client_id", ""), form.get("client_secret", "")
        else:
            pair = base64.b64decode(header.removeprefix("Basic ")).decode()
            client, secret = map(unquote_plus, pair.split(":"))
            assert "client_secret" not in form
        found = self.fake.spend("oidc", form, client, secret)
        if found is None or form.get("grant_type") != "authorization_code":
            return self._answer({"error": "invalid_grant"}, 400)
        token = self.fake.grant(found["person"])
        granted = {"access_token": token, "token_type": "Bearer", "expires_in": 60}
        self._answer({**granted, "id_token": self.fake.id_token(found)})

    def _userinfo(self) -> None:
        person = self._person()
        if person is None:
            return self._answer({"error": "invalid_token"}, 401)
        self._answer(self.fake.userinfo or person)

    def _github_token(self) -> None:
        form = self._form()
        found = self.fake.spend(
            "github", form, form.get("client_id", ""), form.get("client_secret", "")
        )
        if found is None:  # GitHub says so with status 200
            said = {"error": "bad_verification_code", "error_description": "The code is incorrect"}
            return self._answer(said)
        self._answer({"access_token": self.fake.grant(found["person"]), "token_type": "bearer"})

    def _user(self) -> None:
        person = self._person()
        if person is None:
            return self._answer({"message": "Bad credentials"}, 401)
        self._answer({"id": person["id"], "login": person["login"], "name": person.get("name")})

    def _emails(self) -> None:
        person = self._person()
        self._answer(person.get("emails", []) if person else {"message": "no"})

    def _lark_token(self) -> None:
        form = orjson.loads(self.request.body)
        found = self.fake.spend("lark", form, form["client_id"], form["client_secret"])
        if found is None or form["grant_type"] != "authorization_code":
            said = {"code": 20003, "error": "invalid_grant", "error_description": "code is used"}
            return self._answer(said, 400)
        self._answer({"code": 0, "access_token": self.fake.grant(found["person"])})

    def _lark_user(self) -> None:
        person = self._person()
        if person is None:
            return self._answer({"code": 20005, "msg": "invalid access token"}, 401)
        self._answer({"code": 0, "msg": "success", "data": person})

    def _wechat(self) -> None:
        if self.request.headers.get("Authorization") != WECHAT_TOKEN:
            return self._answer({"success": False, "message": "the token is wrong"})
        found = self.fake.wechat.pop(self.get_query_argument("code"), None)
        self._answer({"success": True, "message": "", "data": found or ""})
