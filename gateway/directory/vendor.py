"""A vendor of the catalogue: one channel type, which protocol it speaks, and where.

What conf/providers.yaml says of one (catalogue.py reads it), and the addresses that follow from it.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from gateway.directory import templates
from gateway.directory.config_fields import ConfigField, value_of

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
    heeds_system: bool = True
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
