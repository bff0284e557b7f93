"""The catalogue of vendors: conf/providers.yaml, read and checked once at start.

A vendor says which protocol it speaks and where; the code of a protocol serves many vendors.
"""

import re
from collections.abc import Container, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml
from marshmallow import Schema, ValidationError, fields, post_load, validate

from gateway.directory import templates
from gateway.directory.config_fields import (
    ConfigFieldSchema,
    in_languages,
)
from gateway.directory.vendor import PROTOCOLS, TASKS, Family, Form, Vendor
from ledger import yaml_text

AUTH_STYLES = ("bearer", "api-key", "x-api-key", "x-goog-api-key", "raw", "none")
# Fields of a chat body that are not OpenAI's, and that some vendors take nevertheless.
EXTENSIONS = ("top_k", "reasoning_content")
# Fields of a chat body for which a vendor can have bounds of its own.
BOUNDED = ("temperature", "top_p")
# How vendors show what is left of an account: the probes of gateway/channels/balances.py.
BALANCES = (
    "subscription",
    "total_available",
    "total_remaining",
    "openai_sb",
    "aiproxy",
    "openrouter",
    "moonshot",
    "stepfun",
    "deepseek",
    "novita",
    "siliconflow",
)


class Catalogue:
    """All vendors by channel type."""

    def __init__(self, vendors: Iterable[Vendor]) -> None:
        self._vendors = {vendor.id: vendor for vendor in vendors}
        #: Who lists a model first, for each model that is listed.
        self.owners: dict[str, str] = {}
        for vendor in self.vendors():
            for model in vendor.models:
                self.owners.setdefault(model, vendor.name.split(" (")[0].lower())

    def find(self, type_id: int) -> Vendor | None:
        """Return the vendor of a channel type, or None."""
        return self._vendors.get(type_id)

    def vendor(self, type_id: int) -> Vendor:
        """Return the vendor of a channel type. Raises LookupError for an unknown one."""
        vendor = self._vendors.get(type_id)
        if vendor is None:
            raise LookupError(f"there is no channel type {type_id}")
        return vendor

    def vendors(self) -> list[Vendor]:
        """Return all vendors, by id."""
        return [self._vendors[type_id] for type_id in sorted(self._vendors)]

    def check_protocols(self, spoken: Container[str]) -> None:
        """Raise ValueError naming a vendor whose protocol nobody here speaks."""
        for vendor in self.vendors():
            asked = {vendor.protocol, *(family.vendor.protocol for family in vendor.families)}
            for protocol in sorted(asked):
                if protocol not in spoken:
                    raise ValueError(f"{vendor.name}: nothing here speaks {protocol!r}")

    @classmethod
    def load(cls, path: Path) -> "Catalogue":
        """Read a catalogue file. Raises ValueError naming the file and the faulty entry."""
        try:
            raw = yaml_text.parsed(path.read_text("utf-8"))
            document = _CatalogueSchema().load(raw if isinstance(raw, dict) else {})
            return cls(_resolve(document))
        except yaml.YAMLError as error:
            raise ValueError(f"{path} is not valid YAML: {error}") from None
        except ValidationError as error:
            raise ValueError(f"{path}: {error.messages}") from None


def _paths() -> fields.Dict:
    return fields.Dict(
        keys=fields.String(validate=validate.OneOf(TASKS)),
        values=fields.String(validate=validate.Regexp(r"^/\S*$")),
        load_default=dict,
    )


class _FormSchema(Schema):
    when = fields.Dict(keys=fields.String(), values=fields.List(fields.String()), required=True)
    paths = _paths()

    @post_load
    def to_form(self, data: dict[str, Any], **_: Any) -> Form:
        """A form holds for one value at least."""
        return Form({name: tuple(values) for name, values in data["when"].items()}, data["paths"])


class _FamilySchema(Schema):
    models = fields.String(required=True)
    protocol = fields.String(required=True)
    paths = _paths()

    @post_load
    def to_family(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        """Names are told apart by a pattern."""
        try:
            return {**data, "models": re.compile(data["models"])}
        except re.error as error:
            raise ValidationError(str(error), "models") from None


class _VendorSchema(Schema):
    id = fields.Integer(required=True, strict=True, validate=validate.Range(1))
    name = fields.String(required=True, validate=validate.Length(1, 60))
    protocol = fields.String(load_default="openai", validate=validate.Regexp(r"^[a-z][a-z0-9_-]*$"))
    base_url = fields.String(load_default="", validate=validate.Regexp(r"^(https?://[^\s?#]+)?$"))
    auth = fields.String(load_default="bearer", validate=validate.OneOf(AUTH_STYLES))
    strip_v1 = fields.Boolean(load_default=False)
    paths = _paths()
    forms = fields.List(fields.Nested(_FormSchema), load_default=list)
    families = fields.List(fields.Nested(_FamilySchema), load_default=list)
    bounds = fields.Dict(
        keys=fields.String(validate=validate.OneOf(BOUNDED)),
        values=fields.List(fields.Float(), validate=validate.Length(equal=2)),
        load_default=dict,
    )
    gateway_prefix = fields.String(load_default="/v1")
    config = fields.List(fields.Nested(ConfigFieldSchema), load_default=list)
    key_optional = fields.Boolean(load_default=False)
    lists_models = fields.Boolean(load_default=True)
    reports_usage = fields.Boolean(load_default=True)
    heeds_limits = fields.Boolean(load_default=True)
    heeds_system = fields.Boolean(load_default=True)
    test_model = fields.String(load_default="")
    balance = fields.String(load_default="", validate=validate.OneOf(("", *BALANCES)))
    docs = fields.String(load_default="", validate=validate.Regexp(r"^(https://\S+)?$"))
    retired = in_languages(required=False)
    only_listed_paths = fields.Boolean(load_default=False)
    headers = fields.Dict(keys=fields.String(), values=fields.String(), load_default=dict)
    extensions = fields.List(fields.String(validate=validate.OneOf(EXTENSIONS)), load_default=list)
    models = fields.Raw(load_default=list)

    @post_load
    def to_models(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        """Models are a list of names, or the name of a shared list."""
        models = data["models"]
        named = isinstance(models, str)
        if not named and not (isinstance(models, list) and all(isinstance(m, str) for m in models)):
            raise ValidationError("must be a list of names or the name of a list", "models")
        return data

    @post_load
    def to_lists(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        """Every place in a path must be something that can be filled in."""
        texts = {f.name for f in data["config"] if f.kind == "text" and not f.secret}
        known = {*templates.MODEL_PLACES, *(f"config.{name}" for name in texts)}
        families = [family["paths"] for family in data["families"]]
        forms = [form.paths for form in data["forms"]]
        for paths in (data["paths"], *forms, *families):
            unknown = {place for path in paths.values() for place in templates.places(path)} - known
            if unknown or (paths in forms and set(paths) != set(data["paths"])):
                says = f"unknown places {sorted(unknown)}" if unknown else "not the same tasks"
                raise ValidationError(says, "paths")
        for name in ("extensions", "config", "forms"):
            data[name] = tuple(data[name])
        data["bounds"] = {name: (low, high) for name, (low, high) in data["bounds"].items()}
        return data


class _CatalogueSchema(Schema):
    model_lists = fields.Dict(
        keys=fields.String(), values=fields.List(fields.String()), load_default=dict
    )
    vendors = fields.List(
        fields.Nested(_VendorSchema), required=True, validate=validate.Length(min=1)
    )


def _resolve(document: dict[str, Any]) -> list[Vendor]:
    vendors: dict[int, Vendor] = {}
    for row in document["vendors"]:
        models, families = row.pop("models"), row.pop("families")
        if isinstance(models, str):
            if models not in document["model_lists"]:
                raise ValidationError({row["name"]: f"there is no model list {models!r}"})
            models = document["model_lists"][models]
        if row["protocol"] not in PROTOCOLS and not row["paths"]:
            raise ValidationError({row["name"]: f"there is no protocol {row['protocol']!r}"})
        if row["id"] in vendors:
            raise ValidationError({row["name"]: f"id {row['id']} is there twice"})
        if row["test_model"] and row["test_model"] not in models:
            raise ValidationError({row["name"]: f"test_model {row['test_model']!r} is not listed"})
        vendor = Vendor(models=tuple(models), **row)
        found = tuple(_family(vendor, **each) for each in families)
        vendors[row["id"]] = replace(vendor, families=found)
    return list(vendors.values())


def _family(vendor: Vendor, models: re.Pattern[str], **differs: Any) -> Family:
    return Family(models, replace(vendor, **differs, only_listed_paths=True))
