"""Paths with places to fill in: a vendor's, for a model and the channel's config.

    {model}             the upstream's name of the model
    {deployment}        what the channel's config.deployments has for it, else its name without dots
    {image_deployment}  the same, but the name keeps its dots (One API's rules for Azure)
    {config.NAME}       a field of the channel's config

Whatever is filled in is percent-encoded, and is one segment: it never leaves its place.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

_PLACE = re.compile(r"\{([a-z_.0-9]+)\}")
MODEL_PLACES = ("model", "deployment", "image_deployment")

Values = Callable[[str], Any]


def places(template: str) -> list[str]:
    """Return the names of a template's places."""
    return _PLACE.findall(template)


def config_names(template: str) -> set[str]:
    """Return the fields of a config that a template needs."""
    return {name.removeprefix("config.") for name in places(template) if name.startswith("config.")}


def fill(template: str, model: str, value: Values) -> str:
    """Return a template with all its places filled in; `value` returns a field of the config.

    Raises LookupError, for the operator, where there is nothing to fill in.
    """
    return _PLACE.sub(lambda place: _encoded(place[1], _found(place[1], model, value)), template)


def _found(name: str, model: str, value: Values) -> Any:
    if name.startswith("config."):
        return value(name.removeprefix("config."))
    if name == "model":
        return model
    deployments = value("deployments")
    if isinstance(deployments, Mapping) and deployments.get(model):
        return deployments[model]
    return model if name == "image_deployment" else model.replace(".", "")


def _encoded(name: str, found: Any) -> str:
    if not isinstance(found, str) or not found.strip("."):
        raise LookupError(f"the address needs {name}, which the channel does not say")
    return quote(found, safe="", errors="replace")
