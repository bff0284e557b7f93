"""Feishu and Lark: OAuth, version 2 of the token endpoint.

Source: open.feishu.cn, "Get authorization code" (accounts.feishu.cn), "Get user_access_token"
(/authen/v2/oauth/token), "Get user info" (/authen/v1/user_info). Answers have `code`, 0 for
success. Who somebody is, is the `open_id`, which is of this one app.
"""

from typing import Any

from gateway.directory.identities import LARK, Identity
from gateway.directory.oauth_states import Started
from gateway.identity.asking import (
    Options,
    away,
    document,
    redirect_uri,
    refused,
    subject_of,
    text_of,
    with_query,
)
from gateway.web import Web, WebFailed

_NAME = "Lark"
# Where people say yes, by where the API is; anywhere else it is the same place.
_ACCOUNTS = {
    "https://open.feishu.cn": "https://accounts.feishu.cn",
    "https://open.larksuite.com": "https://accounts.larksuite.com",
}


class Lark:
    """Asks Feishu or Lark. `option` reads options by name."""

    def __init__(self, web: Web, option: Options) -> None:
        self._web = web
        self._option = option

    @property
    def is_on(self) -> bool:
        """Whether there is a client; One API has no switch for it."""
        needed = ("LarkClientId", "LarkClientSecret", "LarkAddress")
        return all(self._option(name) for name in needed)

    async def address(self, started: Started) -> str:
        """Where a browser goes to say yes."""
        place = self._option("LarkAddress")
        fields = {
            "client_id": self._option("LarkClientId"),
            "response_type": "code",
            "redirect_uri": redirect_uri(self._option, LARK),
            "state": started.state,
            "code_challenge": started.challenge,
            "code_challenge_method": "S256",
        }
        return with_query(f"{_ACCOUNTS.get(place, place)}/open-apis/authen/v1/authorize", fields)

    async def identity(self, code: str, started: Started | None) -> Identity:
        """Spend a code. Raises IdentityRefused, IdentityAway."""
        place = self._option("LarkAddress")
        token = await self._token(place, code, started)
        headers = {"authorization": f"Bearer {token}"}
        try:
            answer = await self._web.get(f"{place}/open-apis/authen/v1/user_info", headers)
        except WebFailed as error:
            raise away(_NAME, error) from None
        found = document(_NAME, answer)
        person = found.get("data")
        if found.get("code") != 0 or not isinstance(person, dict):
            raise refused(_NAME, found.get("msg"))
        return Identity(subject_of(_NAME, person.get("open_id")), text_of(person, "name"))

    async def _token(self, place: str, code: str, started: Started | None) -> str:
        fields: dict[str, Any] = {
            "grant_type": "authorization_code",
            "client_id": self._option("LarkClientId"),
            "client_secret": self._option("LarkClientSecret"),
            "code": code,
            "redirect_uri": redirect_uri(self._option, LARK),
        }
        if started is not None and started.service:  # else the page made the address itself
            fields["code_verifier"] = started.verifier
        try:
            answer = await self._web.post_json(f"{place}/open-apis/authen/v2/oauth/token", fields)
        except WebFailed as error:
            raise away(_NAME, error) from None
        found = document(_NAME, answer)
        token = text_of(found, "access_token")
        if found.get("code", 0) != 0 or not token.isascii() or not token.isprintable() or not token:
            raise refused(_NAME, found.get("error_description") or found.get("msg"))
        return token
