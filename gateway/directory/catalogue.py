"""The catalogue of vendors: conf/providers.yaml, read and checked once at start.

A vendor says which protocol it speaks and where; the code of a protocol serves many vendors.
"""

import re
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml
from marshmallow import Schema, ValidationError, fields, post_load, validate

from gateway.directory import templates
from gateway.directory.config_fields import (
    ConfigField,
    ConfigFieldSchema,
    in_languages,
    value_of,
)
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
# AI gateways: such a base takes the place of the vendor's host and of its gateway_prefix.
_AI_GATEWAYS = ("https://gateway.ai.cloudflare.com",)
_NO_CONFIG: Mapping[str, Any] = MappingProxyType({})
_CHAT = "/chat/completions"
_OPENAI_TASKS = (
    "chat",
    "completions",
    "embeddings",
    "rerank",
    "moderations",
    "edits",
    "images",
    "image_edits",
    "image_variations",
    "speech",
    "transcriptions",
    "translations",
)
# What vendors with a protocol of their own are asked for in its way: their paths list it.
_NATIVE_TASKS = ("native_chat", "native_embeddings", "native_rerank", "native_images")
# Protocols, and the tasks for which a vendor of each has routes where it does not say otherwise.
PROTOCOLS: Mapping[str, tuple[str, ...]] = {
    "openai": (*_OPENAI_TASKS, "realtime"),
    "sandbox": _OPENAI_TASKS,
    "anthropic": ("messages",),
    "gemini": ("generate", "embed"),
}
TASKS = (*_OPENAI_TASKS, "realtime", "responses", "messages", "generate", "embed", *_NATIVE_TASKS)


@dataclass(frozen=True, slots=True)
class Form:
    """Other paths of a vendor, for channels whose config has one of the values of each field."""

    when: Mapping[str, tuple[str, ...]]
    paths: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Family:
    """Models that a vendor is asked for in another protocol: those whose names a pattern fits."""

    models: re.Pattern[str]
    vendor: "Vendor"


@dataclass(frozen=True, slots=True)
class Vendor:
    """One channel type. `id` is One API's number; `models` are those offered when adding one.

    `paths` may have places to fill in (templates.py). The other fields are explained at the top of
    conf/providers.yaml.
    """

    id: int
    name: str
    protocol: str
    base_url: str
    auth: str
    strip_v1: bool
    paths: Mapping[str, str]
    only_listed_paths: bool
    headers: Mapping[str, str]
    extensions: tuple[str, ...]
    models: tuple[str, ...]
    forms: tuple[Form, ...] = ()
    families: tuple[Family, ...] = ()
    bounds: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    gateway_prefix: str = "/v1"
    config: tuple[ConfigField, ...] = ()
    key_optional: bool = False
    lists_models: bool = True
    reports_usage: bool = True
    heeds_limits: bool = True
    test_model: str = ""
    balance: str = ""
    docs: str = ""
    retired: Mapping[str, str] = field(default_factory=dict)

    @property
    def needs_base_url(self) -> bool:
        """Whether a channel must say where it is, since the vendor has no address of its own."""
        return not self.base_url and self.protocol != "sandbox" and not self.retired

    @property
    def needs_key(self) -> bool:
        """Whether a channel must have an upstream key."""
        return self.auth != "none" and not self.key_optional

    @property
    def has_templates(self) -> bool:
        """Whether an address depends on the model or on the channel's config."""
        return bool(self.forms) or any("{" in path for path in self.paths.values())

    @property
    def tasks(self) -> tuple[str, ...]:
        """The tasks that it has routes for, for some of its models at least."""
        asked = (self, *(family.vendor for family in self.families))
        return tuple(task for task in TASKS if any(vendor.serves(task) for vendor in asked))

    def of(self, model: str) -> "Vendor":
        """Return the vendor as it is asked for a model, by the upstream's name of it."""
        for family in self.families:
            if family.models.search(model):
                return family.vendor
        return self

    def needless_config(self, base_url: str) -> tuple[str, ...]:
        """Return fields that a channel at an AI gateway has no use for: its address has them."""
        return tuple(templates.config_names(self.gateway_prefix)) if _is_gateway(base_url) else ()

    def serves(self, task: str) -> bool:
        """Tell whether the vendor has a route for a task such as "chat"; a retired one has none."""
        if self.retired:
            return False
        if task in self.paths:
            return True
        return task in PROTOCOLS.get(self.protocol, ()) and not self.only_listed_paths

    def url(
        self,
        base_url: str,
        path: str,
        task: str,
        model: str = "",
        config: Mapping[str, Any] = _NO_CONFIG,
    ) -> str:
        """Return where a request goes. Raises LookupError where serves(task) is false, or where
        the address needs what the channel does not say.

        `base_url` is the channel's ("" for the vendor's own), `path` the client's, from /v1/ on,
        `model` the upstream's name of it, `config` the channel's.
        """
        base = (base_url or self.base_url).rstrip("/")
        template = self._paths_for(config).get(task)
        if template is None:
            if not self.serves(task):
                raise LookupError(f"{self.name} does not serve {task}")
            return base + self._path(base, path)
        if _is_gateway(base):
            template = template.removeprefix(self.gateway_prefix)
        if "{" in template:
            template = templates.fill(template, model, lambda n: value_of(self.config, config, n))
        return base + template

    def models_url(self, base_url: str) -> str:
        """Return where an OpenAI or Anthropic vendor lists its models: beside its chat."""
        base = (base_url or self.base_url).rstrip("/")
        beside = self.paths.get("chat", "")
        if beside.endswith(_CHAT):
            return base + beside.removesuffix(_CHAT) + "/models"
        return base + self._path(base, "/v1/models")

    def _paths_for(self, config: Mapping[str, Any]) -> Mapping[str, str]:
        for form in self.forms:
            if all(value_of(self.config, config, n) in values for n, values in form.when.items()):
                return form.paths
        return self.paths

    def _path(self, base: str, path: str) -> str:
        if self.strip_v1:
            return path.removeprefix("/v1")
        return path.removeprefix(self.gateway_prefix) if _is_gateway(base) else path


def _is_gateway(base_url: str) -> bool:
    return base_url.startswith(_AI_GATEWAYS)


class Catalogue:
    """All vendors by channel type."""

    def __init__(self, vendors: Iterable[Vendor]) -> None:
        self._vendors = {vendor.id: vendor for vendor in vendors}

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
