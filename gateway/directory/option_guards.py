"""Switches that need other options first, and what is said to who forgets.

One table, read in both directions: a switch can't be turned on while something that it needs is
empty, and what it needs can't be emptied while the switch is on.
"""

from collections.abc import Callable
from typing import Any, NamedTuple


class Guard(NamedTuple):
    """`needed` are options that must not be empty while the switch is on."""

    needed: tuple[str, ...]
    why: str


GUARDS: dict[str, Guard] = {
    "EmailVerificationEnabled": Guard(
        ("SMTPServer",), "codes are sent by mail: set up the mail server first"
    ),
    "EmailDomainRestrictionEnabled": Guard(
        ("EmailDomainWhitelist",), "say which domains are accepted first"
    ),
    "TurnstileCheckEnabled": Guard(
        ("TurnstileSiteKey", "TurnstileSecretKey"), "set both keys of Turnstile first"
    ),
    "GitHubOAuthEnabled": Guard(
        ("GitHubClientId", "GitHubClientSecret", "GitHubAddress", "GitHubApiAddress"),
        "set the client of GitHub first",
    ),
    # Who signs id_tokens, and with which keys, is said by the document of OidcWellKnown alone.
    "OidcEnabled": Guard(
        ("OidcClientId", "OidcClientSecret", "OidcWellKnown"), "set the client of OIDC first"
    ),
    "WeChatAuthEnabled": Guard(
        ("WeChatServerAddress", "WeChatServerToken"), "set the WeChat server first"
    ),
}


def objection(name: str, value: Any, get: Callable[[str], Any]) -> str | None:
    """Say why an option can't have this value while the others are as `get` tells."""
    guard = GUARDS.get(name)
    if guard is not None and value:
        missing = [needed for needed in guard.needed if not get(needed)]
        return f"{guard.why} ({', '.join(missing)})" if missing else None
    if not value:
        for switch, needs in GUARDS.items():
            if name in needs.needed and get(switch):
                return f"{switch} needs it: turn that off first"
    return None
