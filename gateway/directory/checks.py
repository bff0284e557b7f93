"""Checks of single values, combined into tables by the managers.

A check takes a value from outside and returns it in the form that is stored, or raises ValueError
with words for the person who sent it. `clean` runs a table of checks over a partial update and
refuses fields that the table does not know.
"""

import ipaddress
import json
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import urlsplit

from gateway.directory.errors import Invalid
from ledger.costs import checked_prices
from ledger.errors import InvalidPrices
from ledger.periods import Budget, checked_budgets

Check = Callable[[Any], Any]

INT32_MAX = 2**31 - 1
INT63_MAX = 2**63 - 1

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_CONTROL_BUT_LINES = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


def clean(checks: Mapping[str, Check], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the changes in stored form. Raises Invalid for an unknown field or a bad value."""
    cleaned: dict[str, Any] = {}
    for field, value in changes.items():
        check = checks.get(field)
        if check is None:
            raise Invalid(field, "there is no such field, or it cannot be set")
        try:
            cleaned[field] = check(value)
        except ValueError as error:
            raise Invalid(field, str(error)) from None
    return cleaned


def text(longest: int, *, shortest: int = 0, spaces: bool = True, lines: bool = False) -> Check:
    """Text without control characters; `lines` allows line breaks, `spaces` any white space."""
    control = _CONTROL_BUT_LINES if lines else _CONTROL

    def check(value: Any) -> str:
        if not isinstance(value, str):
            raise ValueError("must be text")
        if not lines:
            value = value.strip()
        if len(value) > longest:
            raise ValueError(f"must be at most {longest} characters")
        if len(value) < shortest:
            raise ValueError(
                "must not be empty" if shortest == 1 else f"must be at least {shortest} characters"
            )
        if control.search(value):
            raise ValueError("must not contain control characters")
        if not spaces and any(c.isspace() for c in value):
            raise ValueError("must not contain spaces")
        return _encodable(value)

    return check


def integer(least: int, most: int) -> Check:
    """A whole number within bounds; true and false are not numbers."""

    def check(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int):
            raise ValueError("must be a whole number")
        if not least <= value <= most:
            raise ValueError(f"must be between {least} and {most}")
        return value

    return check


def one_of(choices: Collection[int] | Collection[str]) -> Check:
    """One of a few values, of the same type as the choices."""
    known = tuple(choices)

    def check(value: Any) -> Any:
        if not any(type(value) is type(choice) and value == choice for choice in known):
            raise ValueError(f"must be one of {', '.join(str(choice) for choice in known)}")
        return value

    return check


def boolean(value: Any) -> bool:
    """True or false, and nothing that merely looks like it."""
    if not isinstance(value, bool):
        raise ValueError("must be true or false")
    return value


def names(longest: int, *, most: int, shortest: int = 0) -> Check:
    """A list of names, trimmed, without blanks and repetitions, in the order given."""
    one = text(longest, shortest=1)

    def check(value: Any) -> list[str]:
        parts = _parts(value)
        kept = list(dict.fromkeys(one(part) for part in parts if not _is_blank(part)))
        if any("," in part for part in kept):
            raise ValueError("names must not contain commas")
        if len(kept) > most:
            raise ValueError(f"must have at most {most} entries")
        if len(kept) < shortest:
            raise ValueError("must not be empty")
        return kept

    return check


def optional_names(longest: int, *, most: int) -> Check:
    """Like names, but nothing (null, or an empty list) means: no restriction."""
    some = names(longest, most=most)

    def check(value: Any) -> list[str] | None:
        return None if value is None else some(value) or None

    return check


def subnets(value: Any) -> list[str]:
    """A list of networks or addresses, in canonical form; at most 100."""
    if value is None:
        return []
    kept = []
    for part in _parts(value):
        if _is_blank(part):
            continue
        try:
            kept.append(str(ipaddress.ip_network(part.strip(), strict=False)))
        except ValueError:
            raise ValueError(f"{part.strip()[:60]!r} is not a network such as 10.0.0.0/8") from None
    if len(kept) > 100:
        raise ValueError("must have at most 100 entries")
    return list(dict.fromkeys(kept))


def string_map(most: int) -> Check:
    """A JSON object, or its text, whose values are all text; stored as JSON text."""
    parse = json_object(most)

    def check(value: Any) -> str:
        stored: str = parse(value)
        for name, target in json.loads(stored).items():
            if not name or not isinstance(target, str) or not target:
                raise ValueError("must map names to names, such as {'gpt-4': 'gpt-4o'}")
        return stored

    return check


def json_object(most: int) -> Check:
    """A JSON object, or its text ("" is empty), of at most `most` bytes; stored as JSON text."""

    def check(value: Any) -> str:
        if isinstance(value, str):
            try:
                value = json.loads(value) if value.strip() else {}
            except (ValueError, RecursionError):
                raise ValueError("is not valid JSON") from None
        if not isinstance(value, Mapping):
            raise ValueError("must be a JSON object")
        try:
            stored = json.dumps(dict(value), ensure_ascii=False, allow_nan=False, sort_keys=True)
        except (TypeError, ValueError, RecursionError):
            raise ValueError("is not valid JSON") from None
        if len(_encodable(stored).encode()) > most:
            raise ValueError(f"must be at most {most} bytes")
        return stored

    return check


def parsed(stored: str) -> dict[str, Any]:
    """Return the object that `json_object` stored as text."""
    found: dict[str, Any] = json.loads(stored or "{}")
    return found


def web_address(longest: int, *, query: bool = False) -> Check:
    """ "" or an http(s) URL without credentials or fragment; no slash at its end."""
    plain = text(longest, spaces=False)

    def check(value: Any) -> str:
        url: str = plain(value)
        if not url:
            return url
        try:
            parts = urlsplit(url)
            _ = parts.port
        except ValueError:
            raise ValueError("is not a web address") from None
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("must start with http:// or https:// and name a host")
        if "@" in parts.netloc or parts.fragment or "#" in url:
            raise ValueError("must not contain credentials or a fragment")
        if not query and "?" in url:
            raise ValueError("must not contain a query")
        return url if query else url.rstrip("/")

    return check


def decimal_text(value: Any) -> str:
    """A finite decimal number as text, such as "12.5"."""
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        raise ValueError("must be a decimal number") from None
    if not number.is_finite() or abs(number.adjusted()) > 30:
        raise ValueError("must be a decimal number")
    return f"{number:f}"


def or_invalid(checked: Check) -> Check:
    """A check of the books, whose refusals are in words for a person already."""

    def check(value: Any) -> Any:
        try:
            return checked(value)
        except InvalidPrices as error:
            raise ValueError(str(error)) from None

    return check


def price_rows(most: int) -> Check:
    """Rows as in the price book, or their JSON text ("" is none); stored as JSON text."""
    read = or_invalid(checked_prices)

    def check(value: Any) -> str:
        if isinstance(value, str):
            try:
                value = json.loads(value, parse_float=Decimal) if value.strip() else []
            except (ValueError, RecursionError):
                raise ValueError("is not valid JSON") from None
        stored = json.dumps(read([] if value is None else value), ensure_ascii=False)
        if len(_encodable(stored).encode()) > most:
            raise ValueError(f"must be at most {most} bytes")
        return stored

    return check


def budgets(value: Any) -> list[dict[str, Any]]:
    """Limits for days, weeks and months, at most one for each; stored as objects."""
    return [budget._asdict() for budget in checked_budgets(value)]


def stored_budgets(doc: Mapping[str, Any]) -> tuple[Budget, ...]:
    """Read what `budgets` stored; most documents have none."""
    return tuple(
        Budget(budget["period"], int(budget["limit_nano"])) for budget in doc.get("budgets") or ()
    )


def _parts(value: Any) -> list[str]:
    """Accept One API's comma-separated text as well as a list."""
    if isinstance(value, str):
        return re.split(r"[,\n]", value)
    if isinstance(value, Iterable) and not isinstance(value, Mapping | bytes):
        parts = list(value)
        if all(isinstance(part, str) for part in parts):
            return parts
    raise ValueError("must be a list of texts")


def _is_blank(part: str) -> bool:
    return not part.strip()


def _encodable(value: str) -> str:
    """Lone surrogates pass through JSON but not into the database."""
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError("contains characters that cannot be stored") from None
    return value
