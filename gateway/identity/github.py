"""GitHub, and GitHub Enterprise: the web application flow.

Source: docs.github.com, "Authorizing OAuth apps" (the token endpoint answers faults with HTTP 200
and an `error`), "Get the authenticated user", "List email addresses". Who somebody is, is the
numeric id: logins can be changed, and are free for others then.
"""

import re

from gateway.directory.identities import GITHUB, Identity
from gateway.directory.oauth_states import Started
from gateway.identity.asking import (
    FORM,
    Json,
    Options,
    away,
    document,
    form,
    redirect_uri,
    refused,
    text_of,
    with_query,
)
from gateway.web import Answer, Web, WebFailed

_NAME = "GitHub"
_LOGIN = re.compile("[0-9A-Za-z_-]{1,100}")  # underscores are those of managed users


class GitHub:
    """Asks GitHub. `option` reads options by name."""

    def __init__(self, web: Web, option: Options) -> None:
        self._web = web
        self._option = option

    @property
    def is_on(self) -> bool:
        """Whether it is switched on."""
        return bool(self._option("GitHubOAuthEnabled"))

    async def address(self, started: Started) -> str:
        """Where a browser goes to say yes."""
        fields = {
            "client_id": self._option("GitHubClientId"),
            "redirect_uri": redirect_uri(self._option, GITHUB),
            "scope": "user:email",
            "state": started.state,
            "code_challenge": started.challenge,
            "code_challenge_method": "S256",
        }
        return with_query(f"{self._option('GitHubAddress')}/login/oauth/authorize", fields)

    async def identity(self, code: str, started: Started | None) -> Identity:
        """Spend a code. Raises IdentityRefused, IdentityAway."""
        token = await self._token(code, started)
        found = document(_NAME, await self._get("/user", token))
        number = found.get("id")
        if isinstance(number, bool) or not isinstance(number, int) or number <= 0:
            raise refused(_NAME, found.get("message"))
        login = text_of(found, "login")
        # No login has a colon, so an id is never taken for a login that One API kept.
        return Identity(
            subject=f"id:{number}",
            name=text_of(found, "name") or login,
            mails=_verified((await self._get("/user/emails", token)).parsed),
            old_name=login if _LOGIN.fullmatch(login) else "",
        )

    async def _token(self, code: str, started: Started | None) -> str:
        fields = {
            "client_id": self._option("GitHubClientId"),
            "client_secret": self._option("GitHubClientSecret"),
            "code": code,
        }
        if started is not None and started.service:  # else the page made the address itself
            fields["redirect_uri"] = redirect_uri(self._option, GITHUB)
            fields["code_verifier"] = started.verifier
        url = f"{self._option('GitHubAddress')}/login/oauth/access_token"
        try:
            answer = await self._web.post(url, form(fields), FORM)
        except WebFailed as error:
            raise away(_NAME, error) from None
        found: Json = document(_NAME, answer)
        token = text_of(found, "access_token")
        if not token or not token.isascii() or not token.isprintable():
            raise refused(_NAME, found.get("error_description") or found.get("error"))
        return token

    async def _get(self, path: str, token: str) -> Answer:
        headers = {"authorization": f"Bearer {token}"}
        try:
            return await self._web.get(f"{self._option('GitHubApiAddress')}{path}", headers)
        except WebFailed as error:
            raise away(_NAME, error) from None


def _verified(listed: object) -> tuple[str, ...]:
    """The addresses that GitHub has verified, the primary one first; none where it lists none."""
    rows = [row for row in listed if isinstance(row, dict)] if isinstance(listed, list) else []
    good = [row for row in rows if row.get("verified") is True and text_of(row, "email")]
    return tuple(
        row["email"] for row in sorted(good, key=lambda row: row.get("primary") is not True)
    )
