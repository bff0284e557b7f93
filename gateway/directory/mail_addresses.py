"""E-mail addresses as people type them: one form for each mailbox, and which of them may come in.

The form is RFC 5321's without quoted local parts and address literals, which nobody signs up with.
Case is dropped everywhere: no provider of note tells two mailboxes apart by it.
"""

import re
from typing import Any

from gateway.directory import checks
from gateway.directory.errors import Invalid

LONGEST = 50
_ADDRESS = re.compile(
    r"[a-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
    r"@(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?",
    re.ASCII,
)
_DOMAIN = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9-]{2,63}", re.ASCII)
# Where dots before the @ mean nothing, and under which name the mailbox is known.
_DOTLESS = {"gmail.com": "gmail.com", "googlemail.com": "gmail.com"}


def address(text: str) -> str:
    """Return an address in lower case. Raises Invalid."""
    lowered = text.strip().lower()
    if len(lowered) > LONGEST:
        raise Invalid("email", f"must be at most {LONGEST} characters")
    if _ADDRESS.fullmatch(lowered) is None:
        raise Invalid("email", "is not an e-mail address such as name@example.com")
    return lowered


def mailbox(mail: str) -> str:
    """Return the one name of the mailbox behind an address that `address` returned."""
    local, _, domain = mail.rpartition("@")
    if domain in _DOTLESS:
        return f"{local.replace('.', '')}@{_DOTLESS[domain]}"
    return mail


def admitted(mail: str, *, restricted: bool, allowed: str) -> str:
    """Return the address if it may come in. Raises Invalid.

    While domains are restricted, only those `allowed` pass, and no alias (name+tag@…), with which
    one mailbox would be many people.
    """
    if not restricted:
        return mail
    local, _, domain = mail.rpartition("@")
    if domain not in allowed.split(","):
        raise Invalid("email", "addresses of this domain are not accepted here")
    if "+" in local:
        raise Invalid("email", "aliases with + are not accepted here")
    return mail


def domains(value: Any) -> str:
    """Check a list of domains, as text with commas; stored in lower case. Raises ValueError."""
    kept: list[str] = checks.names(253, most=1_000)(value)
    lowered = list(dict.fromkeys(name.lower().removeprefix("@") for name in kept))
    for name in lowered:
        if _DOMAIN.fullmatch(name) is None:
            raise ValueError(f"{name[:60]!r} is not a domain such as example.com")
    return ",".join(lowered)


def receivers(value: Any) -> str:
    """Check a list of addresses with ; or , between them; stored with ;. Raises ValueError."""
    text: str = checks.text(2_000)(value)
    try:
        kept = [address(part) for part in re.split(r"[;,]", text) if part.strip()]
    except Invalid as error:
        raise ValueError(error.message) from None
    if len(kept) > 20:
        raise ValueError("must have at most 20 addresses")
    return ";".join(dict.fromkeys(kept))


def sender(value: Any) -> str:
    """Check the address that mail is from, "" for the account's. Raises ValueError."""
    text: str = checks.text(LONGEST)(value)
    try:
        return address(text) if text else ""
    except Invalid as error:
        raise ValueError(error.message) from None
