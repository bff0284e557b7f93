"""JSON Schema in Gemini's subset, and back."""

from typing import Any

import pytest

from gateway.dialects.gemini.schema import MAX_NODES, to_gemini
from gateway.dialects.gemini.schema_in import to_json_schema
from gateway.relay.errors import RelayError


@pytest.mark.parametrize(
    ("schema", "wanted"),
    [
        (
            {"type": "string", "minLength": 1, "pattern": "a"},
            {"type": "STRING", "minLength": 1, "pattern": "a"},
        ),
        ({"type": "string", "format": "email"}, {"type": "STRING"}),
        ({"type": "string", "format": "date-time"}, {"type": "STRING", "format": "date-time"}),
        ({"type": ["integer", "null"]}, {"type": "INTEGER", "nullable": True}),
        ({"type": ["string", "integer"]}, {"anyOf": [{"type": "STRING"}, {"type": "INTEGER"}]}),
        ({"type": "null"}, {"type": "NULL"}),
        ({"enum": ["a", "b", ""]}, {"type": "STRING", "enum": ["a", "b"]}),
        ({"enum": ["a", None]}, {"type": "STRING", "nullable": True, "enum": ["a"]}),
        ({"const": "a"}, {"type": "STRING", "enum": ["a"]}),
        ({"enum": [1, 2]}, {"type": "NUMBER", "description": "One of: 1, 2."}),
        (
            {"const": True, "description": "D."},
            {"type": "BOOLEAN", "description": "D. One of: true."},
        ),
        ({}, {"type": "STRING"}),
        (True, {"type": "STRING"}),
        ({"type": "array"}, {"type": "ARRAY", "items": {"type": "STRING"}}),
        ({"items": {"type": "number"}}, {"type": "ARRAY", "items": {"type": "NUMBER"}}),
        (
            {"prefixItems": [{"type": "number"}, {"type": "string"}]},
            {"type": "ARRAY", "items": {"anyOf": [{"type": "NUMBER"}, {"type": "STRING"}]}},
        ),
        (
            {"anyOf": [{"type": "string"}, {"type": "null"}], "description": "D"},
            {"type": "STRING", "nullable": True, "description": "D"},
        ),
        (
            {"oneOf": [{"type": "string"}, {"type": "number"}], "title": "T"},
            {"anyOf": [{"type": "STRING"}, {"type": "NUMBER"}]},
        ),
        (
            {
                "$schema": "x",
                "type": "object",
                "properties": {"a": {"type": "boolean", "default": True, "examples": [1]}},
                "required": ["a", "b", 7],
                "additionalProperties": False,
                "anyOf": [{"required": ["a"]}],
                "patternProperties": {},
            },
            {"type": "OBJECT", "properties": {"a": {"type": "BOOLEAN"}}, "required": ["a"]},
        ),
        (
            {"allOf": [{"properties": {"a": {}}, "required": ["a"]}, {"properties": {"b": {}}}]},
            {
                "type": "OBJECT",
                "properties": {"a": {"type": "STRING"}, "b": {"type": "STRING"}},
                "required": ["a"],
            },
        ),
        (
            {
                "properties": {"a": {"$ref": "#/$defs/n", "description": "D"}},
                "$defs": {"n": {"properties": {"next": {"$ref": "#/$defs/n"}, "v": {}}}},
            },
            {
                "type": "OBJECT",
                "properties": {
                    "a": {
                        "type": "OBJECT",
                        "description": "D",
                        "properties": {"next": {"type": "OBJECT"}, "v": {"type": "STRING"}},
                    }
                },
            },
        ),
    ],
)
def test_to_gemini(schema: Any, wanted: dict[str, Any]) -> None:
    assert to_gemini(schema, "s") == wanted


def doubling(levels: int) -> dict[str, Any]:
    """A schema that grows twice as large with each level when its references are written out."""
    defs: dict[str, Any] = {
        f"d{n}": {"properties": {s: {"$ref": f"#/$defs/d{n + 1}"} for s in "ab"}}
        for n in range(levels)
    }
    return {"$ref": "#/$defs/d0", "$defs": {**defs, f"d{levels}": {"type": "string"}}}


def nested(levels: int) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(levels):
        schema = {"type": "array", "items": schema}
    return schema


@pytest.mark.parametrize(
    "schema",
    [
        7,
        {"properties": {"a": 7}},
        {"$ref": "https://example.com/s"},
        {"$ref": "#/$defs/absent"},
        doubling(30),
        nested(900),
        {"allOf": [{"allOf": [{"$ref": "#"}]}] * MAX_NODES},
    ],
)
def test_schemas_that_cannot_be_written_are_refused(schema: Any) -> None:
    with pytest.raises(RelayError) as refusal:
        to_gemini(schema, "the.schema")
    assert (refusal.value.status, refusal.value.param) == (400, "the.schema")


@pytest.mark.parametrize(
    ("schema", "wanted"),
    [
        ({"type": "STRING", "nullable": True}, {"type": ["string", "null"]}),
        (
            {"type": "STRING", "enum": ["a"], "nullable": True},
            {"type": ["string", "null"], "enum": ["a", None]},
        ),
        (
            {"anyOf": [{"type": "STRING"}], "nullable": True},
            {"anyOf": [{"type": "string"}, {"type": "null"}]},
        ),
        (
            {"type": "ARRAY", "min_items": "1", "items": {"type": "NUMBER"}},
            {"type": "array", "minItems": 1, "items": {"type": "number"}},
        ),
        (
            {
                "type": "OBJECT",
                "properties": {"snake_case": {"type": "INTEGER", "format": "int32"}},
                "required": ["snake_case"],
                "propertyOrdering": ["snake_case"],
                "example": {},
            },
            {
                "type": "object",
                "properties": {"snake_case": {"type": "integer", "format": "int32"}},
                "required": ["snake_case"],
            },
        ),
        (
            {"ref": "#/$defs/a", "defs": {"a": {"type": "NULL"}}},
            {"$ref": "#/$defs/a", "$defs": {"a": {"type": "null"}}},
        ),
    ],
)
def test_to_json_schema(schema: dict[str, Any], wanted: dict[str, Any]) -> None:
    assert to_json_schema(schema, "s") == wanted


@pytest.mark.parametrize("schema", [7, {"items": 7}, {"anyOf": [7]}, nested(900)])
def test_what_is_no_schema_is_refused(schema: Any) -> None:
    with pytest.raises(RelayError):
        to_json_schema(schema, "s")
