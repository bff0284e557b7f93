"""Any OpenID provider: the code flow with PKCE, its id_token and its userinfo.

Source: OpenID Connect Core 1.0 §3.1 and §5.3, RFC 6749 §2.3.1, RFC 7636.
"""

import base64
from typing import Any
from urllib.parse import quote_plus

from gateway.directory.identities import OIDC, Identity, IdentityRefused
from gateway.directory.oauth_states import Started
from gateway.identity import id_token
from gateway.identity.asking import (
    FORM,
    Json,
    Options,
    away,
    document,
    form,
    redirect_uri,
    refused,
    subject_of,
    text_of,
    with_query,
)
from gateway.identity.documents import Documents
from gateway.web import Answer, Web, WebFailed

_NAME = "the OpenID provider"
_BASIC, _POST = "client_secret_basic", "client_secret_post"
_LONGEST_SUBJECT = 255


class Oidc:
    """Asks an OpenID provider. `option` reads options by name."""

    def __init__(self, web: Web, option: Options, documents: Documents) -> None:
        self._web = web
        self._option = option
        self._documents = documents

    @property
    def is_on(self) -> bool:
        """Whether it is switched on."""
        return bool(self._option("OidcEnabled"))

    async def address(self, started: Started) -> str:
        """Where a browser goes to say yes. Raises IdentityAway."""
        about = await self._about()
        fields = {
            "client_id": self._option("OidcClientId"),
            "response_type": "code",
            "scope": "openid profile email",
            "redirect_uri": redirect_uri(self._option, OIDC),
            "state": started.state,
            "nonce": started.nonce,
            "code_challenge": started.challenge,
            "code_challenge_method": "S256",
        }
        return with_query(self._endpoint("Authorization", about), fields)

    async def identity(self, code: str, started: Started | None) -> Identity:
        """Spend a code. Raises IdentityRefused, IdentityAway."""
        if started is None:
            raise IdentityRefused("a sign-in begins with a state")
        about = await self._about()
        granted = await self._tokens(about, code, started)
        claims = await self._claims(about, text_of(granted, "id_token"), started.nonce)
        subject = subject_of(_NAME, claims["sub"], _LONGEST_SUBJECT)
        more = await self._userinfo(about, text_of(granted, "access_token"))
        if more is not None:
            if more.get("sub") != subject:
                raise IdentityRefused("the OpenID provider speaks of two different people")
            claims = {**claims, **more}
        # Some write "true"; an address that is merely claimed must not pass for a verified one.
        mail = text_of(claims, "email") if claims.get("email_verified") is True else ""
        name = text_of(claims, "name") or text_of(claims, "preferred_username")
        return Identity(subject, name, (mail,) if mail else ())

    async def _about(self) -> Json:
        return await self._documents.discovery(self._option("OidcWellKnown"))

    def _endpoint(self, which: str, about: Json) -> str:
        """Return an endpoint: the option's, else the document's. Raises IdentityAway."""
        found = self._option(f"Oidc{which}Endpoint") or about.get(f"{which.lower()}_endpoint")
        if not found:
            raise away(_NAME, f"it has no {which.lower()} endpoint")
        return str(found)

    async def _tokens(self, about: Json, code: str, started: Started) -> Json:
        client, secret = self._option("OidcClientId"), self._option("OidcClientSecret")
        fields = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri(self._option, OIDC),
            "code_verifier": started.verifier,
        }
        headers = {}
        methods: Any = about.get("token_endpoint_auth_methods_supported") or [_BASIC]
        if _POST in methods and _BASIC not in methods:
            fields |= {"client_id": client, "client_secret": secret}
        else:
            pair = f"{quote_plus(client)}:{quote_plus(secret)}".encode()
            headers["authorization"] = f"Basic {base64.b64encode(pair).decode()}"
        url = self._endpoint("Token", about)
        try:
            answer = await self._web.post(url, form(fields), FORM, headers)
        except WebFailed as error:
            raise away(_NAME, error) from None
        found = document(_NAME, answer)
        if not answer.ok or not text_of(found, "id_token"):
            raise refused(_NAME, found.get("error_description") or found.get("error"))
        return found

    async def _claims(self, about: Json, token: str, nonce: str) -> Json:
        """Check an id_token; an unknown key is looked for once more, since keys are replaced."""
        algorithm, name = id_token.header_of(token)
        place = about.get("jwks_uri")
        if not place:
            raise away(_NAME, "it names no keys")
        key = id_token.key_for(await self._documents.keys(place), algorithm, name)
        if key is None:
            fresh = await self._documents.keys(place, again=True)
            key = id_token.key_for(fresh, algorithm, name)
        if key is None:
            raise id_token.refused("the provider has no such key")
        client = self._option("OidcClientId")
        return id_token.claims_of(token, key, algorithm, about["issuer"], client, nonce)

    async def _userinfo(self, about: Json, token: str) -> Json | None:
        """Return what userinfo adds; None where there is no such endpoint."""
        url = self._option("OidcUserinfoEndpoint") or about.get("userinfo_endpoint")
        if not url:
            return None
        if not token or not token.isascii() or not token.isprintable():
            raise refused(_NAME, "no access token")
        try:
            answer: Answer = await self._web.get(str(url), {"authorization": f"Bearer {token}"})
        except WebFailed as error:
            raise away(_NAME, error) from None
        found = document(_NAME, answer)
        if not answer.ok:
            raise refused(_NAME, found.get("error_description") or found.get("error"))
        return found
