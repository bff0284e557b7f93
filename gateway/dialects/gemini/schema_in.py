"""Gemini's Schema as JSON Schema, for tools and structured answers of other providers."""

import re
from typing import Any

from gateway.dialects.gemini.fields import Json, refuse, writable

MAX_DEPTH = 48

_COUNTS = {"minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties"}
_LISTS = {"anyOf", "oneOf", "allOf", "prefixItems"}
_MAPS = {"properties", "$defs"}
_RENAMED = {"defs": "$defs", "ref": "$ref"}
# They order or illustrate, and mean nothing for what is valid.
_DROPPED = {"propertyOrdering", "example", "nullable"}


def to_json_schema(schema: Any, param: str, depth: int = 0) -> Json:
    """Return a Gemini Schema as JSON Schema; keywords that are JSON Schema already pass.

    Types become lower case, counts written as strings become numbers, `nullable` becomes a null
    type. Raises RelayError 400 when it is no schema.
    """
    if depth > MAX_DEPTH:
        refuse(param, f"a schema of at most {MAX_DEPTH} levels")
    if not isinstance(schema, dict):
        refuse(param, "a schema")
    made: Json = {}
    for spelled, value in schema.items():
        name = _camel(str(spelled))
        name = _RENAMED.get(name, name)
        if name not in _DROPPED and value is not None:
            made[name] = _value(name, value, param, depth)
    return _with_null(made) if schema.get("nullable") is True else made


def _camel(name: str) -> str:
    return re.sub(r"(?<=[a-z])_([a-z])", lambda found: found.group(1).upper(), name)


def _value(name: str, value: Any, param: str, depth: int) -> Any:
    if name == "type":
        return _types(value, param)
    if name in _COUNTS and isinstance(value, str) and re.fullmatch(r"[0-9]{1,18}", value):
        return int(value)
    if name == "items" or (name == "additionalProperties" and isinstance(value, dict)):
        return to_json_schema(value, param, depth + 1)
    if name in _LISTS and isinstance(value, list):
        return [to_json_schema(item, param, depth + 1) for item in value]
    if name in _MAPS and isinstance(value, dict):
        return {key: to_json_schema(inner, param, depth + 1) for key, inner in value.items()}
    return writable(value, param) if isinstance(value, dict | list) else value


def _types(value: Any, param: str) -> Any:
    if isinstance(value, list):
        return [_types(item, param) for item in value if not isinstance(item, list)]
    if not isinstance(value, str):
        refuse(param, "a schema with types by name")
    return value.lower()


def _with_null(schema: Json) -> Json:
    if isinstance(schema.get("enum"), list):
        schema["enum"] = [*schema["enum"], None]
    if isinstance(schema.get("type"), str):
        return {**schema, "type": [schema["type"], "null"]}
    if isinstance(schema.get("anyOf"), list):
        return {**schema, "anyOf": [*schema["anyOf"], {"type": "null"}]}
    return schema
