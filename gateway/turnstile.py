"""Turnstile: whether a token that a browser brought is that of a person.

POST {secret, response, remoteip} as a form to siteverify, which answers {success, error-codes}
(developers.cloudflare.com/turnstile, "Validate the token"). A token is good once, for five minutes.
"""

import logging
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from gateway.web import Web, WebFailed

LONGEST_TOKEN = 2_048
_FORM = "application/x-www-form-urlencoded"
# What siteverify says when the mistake is the operator's or its own.
_OURS = frozenset(("missing-input-secret", "invalid-input-secret", "bad-request", "internal-error"))

log = logging.getLogger("tollgate.turnstile")


class Turnstile:
    """Asks siteverify. `option` reads options by name."""

    def __init__(self, web: Web, option: Callable[[str], Any]) -> None:
        self._web = web
        self._option = option

    async def check(self, token: str, address: str) -> bool | None:
        """Tell whether a token is good; None when that cannot be known. Never raises."""
        if not token or len(token) > LONGEST_TOKEN:
            return False
        form = {"secret": self._option("TurnstileSecretKey"), "response": token}
        if address:
            form["remoteip"] = address
        body = urlencode(form, errors="replace").encode()
        try:
            answer = await self._web.post(self._option("TurnstileVerifyUrl"), body, _FORM)
        except WebFailed as error:
            log.warning("Turnstile: %s", error)
            return None
        said = answer.parsed if isinstance(answer.parsed, dict) else {}
        if answer.ok and said.get("success") is True:
            return True
        codes = said.get("error-codes")
        named = {code for code in codes if isinstance(code, str)} if isinstance(codes, list) else ()
        if said.get("success") is not False or not _OURS.isdisjoint(named):
            log.warning("Turnstile: HTTP %d, %s", answer.status, ", ".join(sorted(named)) or "?")
            return None
        return False
