"""What asking these services has in common: answers that are objects, addresses, texts."""

import logging
import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode, urlsplit

from gateway.directory.identities import IdentityAway, IdentityRefused
from gateway.web import Answer, WebFailed

log = logging.getLogger("tollgate.identity")

Options = Callable[[str], Any]
Json = dict[str, Any]

FORM = "application/x-www-form-urlencoded"
# What is kept as it came: printable ASCII without spaces at its ends, which would be cut.
_SUBJECT = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]{0,253}[\x21-\x7e])?")


def redirect_uri(option: Options, service: str) -> str:
    """Return where a service sends browsers back to, as One API has it."""
    return f"{str(option('ServerAddress')).rstrip('/')}/oauth/{service}"


def with_query(address: str, fields: Mapping[str, str]) -> str:
    """Return an address with more in its query."""
    sign = "&" if urlsplit(address).query else "?"
    return f"{address}{sign}{urlencode(fields)}"


def form(fields: Mapping[str, str]) -> bytes:
    """Write a form's body."""
    return urlencode(fields, errors="replace").encode()


def away(service: str, error: WebFailed | str) -> IdentityAway:
    """Note that a service does not answer, and say so without its address."""
    log.warning("%s: %s", service, error)
    return IdentityAway(f"{service} does not answer as it should: {error}")


def document(service: str, answer: Answer) -> Json:
    """Return an answer's object. Raises IdentityAway for any other, and for a fault of theirs."""
    if answer.status >= 500 or not isinstance(answer.parsed, dict):
        raise away(service, f"HTTP {answer.status}")
    return answer.parsed


def refused(service: str, said: object) -> IdentityRefused:
    """Say that a service refused, in its words as far as they can be shown."""
    words = said if isinstance(said, str) and said.isprintable() else "no reason given"
    return IdentityRefused(f"{service} refused: {words[:200]}; begin again")


def text_of(found: Mapping[str, Any], name: str) -> str:
    """Return a field's text, "" where it is none."""
    value = found.get(name)
    return value if isinstance(value, str) else ""


def subject_of(service: str, value: object, longest: int = 100) -> str:
    """Return an identifier as it came. Raises IdentityRefused for what can't be kept exactly."""
    if not isinstance(value, str) or len(value) > longest or _SUBJECT.fullmatch(value) is None:
        raise IdentityRefused(f"{service} did not say who this is")
    return value
