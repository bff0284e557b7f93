"""JSON Schema to Gemini's subset of it and back (Gemini API: Schema, an OpenAPI 3.0 object).

Towards Gemini, types become upper case, null becomes `nullable`, references are written out (a
reference back to itself becomes an object without properties), `allOf` is merged, `oneOf` becomes
`anyOf`, `const` and `enum` become strings or a sentence in the description, and what has no type
gets one from its other keywords, STRING at last. Dropped, since Gemini refuses or ignores them:
$schema, $id, $anchor, $comment, $defs, definitions, additionalProperties, unevaluatedProperties,
unevaluatedItems, patternProperties, propertyNames, dependentRequired, dependentSchemas,
dependencies, not, if, then, else, contains, minContains, maxContains, uniqueItems, multipleOf,
exclusiveMinimum, exclusiveMaximum, default, examples, readOnly, writeOnly, deprecated, strict,
contentEncoding, contentMediaType, formats other than those of FORMATS, names in `required` that
are no properties, and every keyword unknown here.
"""

from typing import Any

from gateway.dialects.gemini.fields import Json, refuse, to_json

MAX_DEPTH = 48
MAX_NODES = 5_000

FORMATS = {
    "STRING": {"enum", "date-time"},
    "NUMBER": {"float", "double"},
    "INTEGER": {"int32", "int64"},
}
_TYPES = {"string", "number", "integer", "boolean", "array", "object", "null"}
_TEXTS = ("title", "description", "pattern")
_NUMBERS = ("minimum", "maximum")
_COUNTS = ("minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties")
_SIGNS = {
    "properties": "object",
    "items": "array",
    "prefixItems": "array",
    "enum": "string",
    "minimum": "number",
    "maximum": "number",
}


def to_gemini(schema: Any, param: str) -> Json:
    """Return a JSON Schema in Gemini's subset. Raises RelayError 400 when it is no schema."""
    return _Writer(schema, param).node(schema, frozenset(), 0)


class _Writer:
    """Writes one schema; counts what it writes, since references can multiply."""

    def __init__(self, root: Any, param: str) -> None:
        self._root = root
        self._param = param
        self._left = MAX_NODES

    def node(self, schema: Any, seen: frozenset[str], depth: int) -> Json:
        self._left -= 1
        if depth > MAX_DEPTH or self._left < 0:
            refuse(self._param, f"a schema of at most {MAX_DEPTH} levels and {MAX_NODES} parts")
        if isinstance(schema, bool):
            schema = {}
        if not isinstance(schema, dict):
            refuse(self._param, "a JSON Schema")
        schema, seen = self._flat(schema, seen, depth)
        branches = _list(schema.get("anyOf")) or _list(schema.get("oneOf"))
        kinds = schema.get("type")
        if branches and "properties" not in schema:
            outer = {"type": kinds} if isinstance(kinds, str) else {}
            branches = [outer | b if isinstance(b, dict) else b for b in branches]
            return self._any(schema, branches, seen, depth)
        if isinstance(kinds, list):
            named = [kind for kind in kinds if isinstance(kind, str)]
            if len(named) > 1:
                split = [{**schema, "type": kind} for kind in named]
                return self._any({}, split, seen, depth)
            kinds = named[0] if named else None
        return self._plain(schema, _kind(schema, kinds), seen, depth)

    def _any(self, outer: Json, branches: list[Any], seen: frozenset[str], depth: int) -> Json:
        """Write alternatives. Gemini takes no other field beside `anyOf`."""
        real = [branch for branch in branches if not _is_null(branch)]
        nodes = [self.node(branch, seen, depth + 1) for branch in real]
        if len(real) < len(branches):
            nodes = [{**node, "nullable": True} for node in nodes]
        if len(nodes) > 1:
            return {"anyOf": nodes}
        kept = {n: outer[n] for n in _TEXTS if isinstance(outer.get(n), str)}
        return {**kept, **(nodes[0] if nodes else {"type": "NULL"})}

    def _plain(self, schema: Json, kind: str, seen: frozenset[str], depth: int) -> Json:
        node: Json = {"type": kind.upper()}
        node |= {n: schema[n] for n in _TEXTS if isinstance(schema.get(n), str)}
        node |= {n: schema[n] for n in (*_NUMBERS, *_COUNTS) if _is_number(schema.get(n))}
        form = schema.get("format")
        if isinstance(form, str) and form in FORMATS.get(node["type"], ()):
            node["format"] = form
        if schema.get("nullable") is True:
            node["nullable"] = True
        self._choices(node, schema)
        if kind == "object":
            self._properties(node, schema, seen, depth)
        elif kind == "array":
            node["items"] = self.node(_items(schema), seen, depth + 1)
        return node

    def _choices(self, node: Json, schema: Json) -> None:
        """Write `enum` and `const`; Gemini knows choices between strings only."""
        choices = [schema["const"]] if "const" in schema else _list(schema.get("enum"))
        real = [choice for choice in choices if choice is not None]
        if len(real) < len(choices):
            node["nullable"] = True
        if node["type"] == "STRING" and all(isinstance(choice, str) for choice in real):
            named = [choice for choice in real if choice]
            if named:
                node["enum"] = named
        elif real:
            listed = ", ".join(to_json(choice, self._param) for choice in real)
            node["description"] = f"{node.get('description', '')} One of: {listed}.".strip()

    def _properties(self, node: Json, schema: Json, seen: frozenset[str], depth: int) -> None:
        properties = schema.get("properties")
        if not isinstance(properties, dict) or not properties:
            return
        node["properties"] = {
            str(name): self.node(inner, seen, depth + 1) for name, inner in properties.items()
        }
        required = [name for name in _list(schema.get("required")) if isinstance(name, str)]
        if required := [name for name in required if name in node["properties"]]:
            node["required"] = required

    def _flat(self, schema: Json, seen: frozenset[str], depth: int) -> tuple[Json, frozenset[str]]:
        """Write out a reference and merge `allOf`; nearer keywords win."""
        self._left -= 1
        if depth > MAX_DEPTH or self._left < 0:
            refuse(self._param, f"a schema of at most {MAX_DEPTH} levels and {MAX_NODES} parts")
        reference = schema.get("$ref")
        if isinstance(reference, str):
            rest = {name: value for name, value in schema.items() if name != "$ref"}
            if reference in seen:
                return {"type": "object", **_texts(rest)}, seen
            target, seen = self._flat(self._find(reference), seen | {reference}, depth + 1)
            schema = {**target, **rest}
        merged = {name: value for name, value in schema.items() if name != "allOf"}
        for part in _list(schema.get("allOf")):
            if isinstance(part, dict):
                inner, seen = self._flat(part, seen, depth + 1)
                merged = _merge(merged, inner)
        return merged, seen

    def _find(self, reference: str) -> Json:
        """Follow a reference inside the schema; others cannot be followed."""
        found = self._root
        if not reference.startswith("#"):
            refuse(self._param, f"a schema without outer references such as {reference[:100]}")
        for step in filter(None, reference[1:].split("/")):
            name = step.replace("~1", "/").replace("~0", "~")
            found = found.get(name) if isinstance(found, dict) else None
        if not isinstance(found, dict):
            refuse(self._param, f"a schema in which {reference[:100]} exists")
        return found


def _merge(first: Json, second: Json) -> Json:
    merged = {**second, **first}
    if isinstance(first.get("properties"), dict) and isinstance(second.get("properties"), dict):
        merged["properties"] = {**second["properties"], **first["properties"]}
    required = [*_list(first.get("required")), *_list(second.get("required"))]
    return {**merged, "required": required} if required else merged


def _texts(schema: Json) -> Json:
    return {n: schema[n] for n in _TEXTS if isinstance(schema.get(n), str)}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _is_null(schema: Any) -> bool:
    return isinstance(schema, dict) and schema.get("type") in ("null", "NULL", ["null"])


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _kind(schema: Json, kind: Any) -> str:
    if isinstance(kind, str) and kind.lower() in _TYPES:
        return kind.lower()
    if isinstance(schema.get("const"), bool | int | float):
        return "boolean" if isinstance(schema["const"], bool) else "number"
    if any(_is_number(choice) for choice in _list(schema.get("enum"))):
        return "number"
    return next((sign for name, sign in _SIGNS.items() if name in schema), "string")


def _items(schema: Json) -> Any:
    """Return what an array holds; Gemini wants it said."""
    items = schema.get("items")
    if isinstance(items, dict) and items:
        return items
    tuple_of = _list(schema.get("prefixItems")) or _list(items)
    return {"anyOf": tuple_of} if tuple_of else {"type": "string"}
