"""What a channel of some type is configured with beyond its address and key: fields, as data.

The catalogue names them for a vendor; a channel's `config` is checked by them when it is saved.
Vendors that name none take any object, for programs that keep their own notes there.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from marshmallow import Schema, ValidationError, fields, post_load, validate

from gateway.directory.errors import Invalid

LANGUAGES = ("en", "zh-CN")
TEXT, MAP, JSON = "text", "map", "json"
MOST_CHARS = 20_000


@dataclass(frozen=True, slots=True)
class ConfigField:
    """One field. `label` and `help` by language; a `map` is an object of texts, and `was` are names
    that it has elsewhere and is taken under, too. A secret one can be written but never read.
    `json` is an object, as such or as text, that has a text for each name in `holds`; it is kept as
    text on one line."""

    name: str
    label: Mapping[str, str]
    help: Mapping[str, str]
    kind: str = TEXT
    required: bool = False
    secret: bool = False
    default: str = ""
    pattern: str = ""
    choices: tuple[str, ...] = ()
    was: tuple[str, ...] = ()
    holds: tuple[str, ...] = ()

    def check(self, value: Any) -> str | dict[str, str]:
        """Return a value as it is stored. Raises Invalid with the fix."""
        where = f"config.{self.name}"
        if self.kind == MAP:
            if not isinstance(value, dict) or not all(_is_text(v) and v for v in value.values()):
                raise Invalid(where, 'must be an object of texts, such as {"gpt-4o": "my-gpt-4o"}')
            return {name: text.strip() for name, text in value.items()}
        if self.kind == JSON:
            return self.document(value, where)
        if not _is_text(value):
            raise Invalid(where, f"must be text of at most {MOST_CHARS} characters on one line")
        text: str = value.strip()
        if self.choices and text not in self.choices:
            raise Invalid(where, f"must be one of {', '.join(self.choices)}")
        if self.pattern and re.fullmatch(self.pattern, text) is None:
            raise Invalid(where, f"is not as expected: {self.help['en']}")
        return text

    def document(self, value: Any, where: str) -> str:
        """Return a JSON object on one line. Raises Invalid, which never quotes it."""
        try:
            found = json.loads(value) if isinstance(value, str) else value
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict):
            raise Invalid(where, f"must be a JSON object: {self.help['en']}")
        for name in self.holds:
            if not isinstance(found.get(name), str) or not found[name].strip():
                raise Invalid(where, f"lacks {name}: {self.help['en']}")
        text = json.dumps(found, separators=(",", ":"))
        if len(text) > MOST_CHARS:
            raise Invalid(where, f"must have at most {MOST_CHARS} characters")
        return text

    def shown(self) -> dict[str, Any]:
        """Return the field as an API shows it to those who make a form of it."""
        return {
            "name": self.name,
            "label": dict(self.label),
            "help": dict(self.help),
            "kind": self.kind,
            "required": self.required,
            "secret": self.secret,
            "default": self.default,
            "pattern": self.pattern,
            "choices": list(self.choices),
            "holds": list(self.holds),
        }


def checked_config(
    known: Sequence[ConfigField], config: Mapping[str, Any], needless: Sequence[str] = ()
) -> dict[str, Any]:
    """Return a config with every field checked; empty ones are left out. Raises Invalid.

    `needless` are required fields that this channel can do without.
    """
    if not known:
        return dict(config)
    names = {name: field for field in known for name in (*field.was, field.name)}
    checked: dict[str, Any] = {}
    for name, value in config.items():
        if value is None or value in ("", {}):
            continue
        if name not in names:
            says = f"there is no such field; this type has {', '.join(f.name for f in known)}"
            raise Invalid(f"config.{name[:40]}", says)
        field = names[name]
        if name == field.name or not config.get(field.name):
            checked[field.name] = field.check(value)
    for field in known:
        if field.required and field.name not in checked and field.name not in needless:
            raise Invalid(f"config.{field.name}", f"must be given: {field.help['en']}")
    return checked


def value_of(known: Sequence[ConfigField], config: Mapping[str, Any], name: str) -> Any:
    """Return a field's value, or what it is by default; "" for none."""
    found = config.get(name)
    if found:
        return found
    return next((field.default for field in known if field.name == name), "")


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= MOST_CHARS and value.strip().isprintable()


def in_languages(*, required: bool = True) -> fields.Dict:
    """Words in each language of the console."""
    extra: dict[str, Any] = {"required": True} if required else {"load_default": dict}
    return fields.Dict(
        keys=fields.String(validate=validate.OneOf(LANGUAGES)),
        values=fields.String(validate=validate.Length(1, 400)),
        validate=_in_all,
        **extra,
    )


def _in_all(words: Mapping[str, str]) -> None:
    if words and set(words) != set(LANGUAGES):
        raise ValidationError(f"must be said in {' and '.join(LANGUAGES)}")


class ConfigFieldSchema(Schema):
    """A field as the catalogue has it."""

    name = fields.String(required=True, validate=validate.Regexp(r"^[a-z][a-z0-9_]{0,39}$"))
    label = in_languages()
    help = in_languages()
    kind = fields.String(load_default=TEXT, validate=validate.OneOf((TEXT, MAP, JSON)))
    required = fields.Boolean(load_default=False)
    secret = fields.Boolean(load_default=False)
    default = fields.String(load_default="")
    pattern = fields.String(load_default="")
    choices = fields.List(fields.String(), load_default=list)
    was = fields.List(fields.String(), load_default=list)
    holds = fields.List(fields.String(), load_default=list)

    @post_load
    def to_field(self, data: dict[str, Any], **_: Any) -> ConfigField:
        """Refuse what cannot be meant."""
        if not data["label"] or not data["help"]:
            raise ValidationError("must not be empty", "label")
        try:
            re.compile(data["pattern"])
        except re.error:
            raise ValidationError("is no regular expression", "pattern") from None
        for name in ("choices", "was", "holds"):
            data[name] = tuple(data[name])
        return ConfigField(**data)
