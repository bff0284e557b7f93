"""Strict field types shared by every schema.

Promises that a value of another JSON type is refused, never coerced, and that a name which the
schema does not know is refused by name. Query strings are text, so their fields read text.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import orjson
from marshmallow import RAISE, Schema, ValidationError, fields, validate

from admin.times import parse_us
from ledger.money import MAX_NANO, NANO_PER_QUOTA

Check = Callable[[Any], Any]

Json = dict[str, Any]

#: A time, as the document of the API describes it.
A_TIME: Json = {
    "type": ["string", "integer"],
    "description": "RFC 3339 with an offset, or unix seconds",
    "examples": ["2026-01-31T00:00:00Z"],
}
MAX_QUOTA = MAX_NANO // NANO_PER_QUOTA
MAX_ID = 2**53
#: Ids in query strings; bounded so that they always fit the database's integers.
_DIGITS = re.compile(r"-?\d{1,18}", re.ASCII)


class StrictBoolean(fields.Field[bool]):
    """true or false, not 1, "true" or "on"."""

    openapi: ClassVar[Json] = {"type": "boolean"}

    default_error_messages = {"invalid": "Not a valid boolean."}

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> bool:
        if not isinstance(value, bool):
            raise self.make_error("invalid")
        return value


class Ignored(fields.Field[Any]):
    """A field of One API's JSON that clients send back unchanged; it can't be set here."""

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> Any:
        return value


class QueryInteger(fields.Field[int]):
    """An integer written in a query string."""

    openapi: ClassVar[Json] = {"type": "integer"}

    default_error_messages = {"invalid": "Not a valid integer."}

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> int:
        if not isinstance(value, str) or _DIGITS.fullmatch(value) is None:
            raise self.make_error("invalid")
        return int(value)


class QueryTime(fields.Field[int]):
    """A time in a query string, as microseconds since the epoch."""

    openapi: ClassVar[Json] = A_TIME

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> int:
        try:
            return parse_us(value)
        except ValueError as error:
            raise ValidationError(str(error)) from None


class Body(Schema):
    """A JSON object sent by a client; where it is `optional`, none at all means an empty one."""

    optional: ClassVar[bool] = False

    class Meta:
        unknown = RAISE

    def read(self, document: Any) -> dict[str, Any]:
        """Check a parsed body. Raises ValidationError that names each wrong field."""
        if not isinstance(document, dict):
            raise ValidationError("the body must be a JSON object")
        loaded: dict[str, Any] = self.load(document)
        ignored = {name for name, kind in self.fields.items() if isinstance(kind, Ignored)}
        return {name: value for name, value in loaded.items() if name not in ignored}


class Query(Schema):
    """The parameters of a query string. An empty value means that it was left out."""

    class Meta:
        unknown = RAISE

    def read(self, arguments: Mapping[str, str]) -> dict[str, Any]:
        """Check parameters. Raises ValidationError that names each wrong one."""
        loaded: dict[str, Any] = self.load({k: v for k, v in arguments.items() if v != ""})
        return loaded


def text(limit: int, *, least: int = 0, **options: Any) -> fields.String:
    """Make a field of text without control characters, `least` to `limit` characters long."""
    checks: list[Check] = [validate.Length(least, limit), refuse_controls]
    return fields.String(validate=checks, **options)


def refuse_controls(value: str) -> None:
    """Refuse characters that break logs, CSV files and headers, and half surrogates."""
    if any(ord(character) < 32 or ord(character) == 127 for character in value):
        raise ValidationError("Must not contain control characters.")
    refuse_surrogates(value)


def refuse_surrogates(value: str) -> None:
    """Refuse text that cannot be written as UTF-8."""
    if any(0xD800 <= ord(character) <= 0xDFFF for character in value):
        raise ValidationError("Not valid text.")


def integer(least: int, most: int = MAX_ID, **options: Any) -> fields.Integer:
    """Make a field for a JSON integer between two bounds."""
    return fields.Integer(strict=True, validate=validate.Range(least, most), **options)


def limit(**options: Any) -> fields.Integer:
    """Make a field for a limit of the relay: requests or tokens a minute, or requests at once."""
    return integer(0, 2**31 - 1, **options)


def one_of(*choices: int, **options: Any) -> fields.Integer:
    """Make a field for a JSON integer out of a few."""
    return fields.Integer(strict=True, validate=validate.OneOf(choices), **options)


def quota(**options: Any) -> fields.Integer:
    """Make a field for an amount in One API's quota, never negative."""
    return integer(0, MAX_QUOTA, **options)


def parse_json(raw: bytes) -> Any:
    """Parse a request body. Raises ValidationError in words for a person."""
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise ValidationError(f"the body is not valid JSON: {error}") from None
