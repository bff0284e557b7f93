"""The OpenAPI document of /api, made from the table of routes and the schemas they read with.

Owns nothing: what a route takes, who may call it and what it is for are said where it is
(ApiHandler.access, takes and the docstrings), so that the document cannot say otherwise. Rules over
several fields at once are in the descriptions only.
"""

import inspect
import re
from collections.abc import Iterator, Sequence
from typing import Any

from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin
from apispec.ext.marshmallow.openapi import OpenAPIConverter
from tornado.web import RequestHandler

from admin.base import ANYONE, ApiHandler
from admin.schemas.base import Body, Ignored, Query
from gateway.directory.users import ROLE_ADMIN, ROLE_COMMON, ROLE_ROOT

Json = dict[str, Any]

OPENAPI_VERSION = "3.1.0"
_GROUP = re.compile(r"\((?:[^()]|\([^()]*\))+\)")
_WHO = {
    ANYONE: "anyone",
    ROLE_COMMON: "signed-in users",
    ROLE_ADMIN: "admins",
    ROLE_ROOT: "root",
}
# Where the first word of a path does not say what it belongs to.
_TAGS = {
    **dict.fromkeys(
        ("status", "openapi.json", "notice", "about", "home_page_content", "pricing"), "public"
    ),
    **dict.fromkeys(("verification", "reset_password"), "user"),
    "models": "channel",
    "group": "option",
    "topup": "user",
}
_ABOUT = """What the console does, scripts can do: sign in by cookie, or send an access token
(`GET /api/user/token`) as `Authorization`, with or without `Bearer`. The calls of One API are among
these, with its bodies and its envelope: `success`, `message`, and `data` where there is something
to answer. Refusals carry a status and say in `message` what is wrong and what would be right."""
_ENVELOPE: Json = {
    "type": "object",
    "required": ["success", "message"],
    "properties": {"success": {"const": True}, "message": {"type": "string"}, "data": {}},
}
_REFUSAL: Json = {
    "type": "object",
    "required": ["success", "message"],
    "properties": {"success": {"const": False}, "message": {"type": "string"}},
}
_REFUSALS = {
    400: "The request is not one that can be done as it is; `message` names the field.",
    401: "Nobody is signed in, or the access token is not valid.",
    403: "Not for this role, or not from another site's page.",
    404: "There is no such thing.",
    405: "Not a method of this path; `Allow` names those there are.",
    409: "Something changed meanwhile, is there already, or is no longer possible.",
    413: "The body is too large.",
    429: "Too many requests; `Retry-After` says for how many seconds.",
    503: "The books or the database do not answer; `message` says whether anything was done.",
}


def document(routes: Sequence[tuple[str, type[RequestHandler]]], version: str) -> Json:
    """Return the document for a table of routes (admin/urls.py)."""
    plugin = MarshmallowPlugin()
    spec = APISpec(
        title="Tollgate: the management API",
        version=version,
        openapi_version=OPENAPI_VERSION,
        plugins=[plugin],
        info={"description": " ".join(_ABOUT.split())},
    )
    assert plugin.converter is not None
    plugin.converter.add_attribute_function(_own_type)  # type: ignore[no-untyped-call]
    for name, scheme in _SECURITY.items():
        spec.components.security_scheme(name, scheme)
    spec.components.schema("Envelope", _ENVELOPE)
    spec.components.schema("Refusal", _REFUSAL)
    for status, says in _REFUSALS.items():
        content = {"application/json": {"schema": {"$ref": "#/components/schemas/Refusal"}}}
        spec.components.response(f"R{status}", {"description": says, "content": content})
    for pattern, handler in routes:
        assert issubclass(handler, ApiHandler)
        for path, operations in _paths(plugin.converter, pattern, handler):
            spec.path(path, operations=operations)
    made: Json = spec.to_dict()
    return made


_SECURITY: dict[str, Json] = {
    "accessToken": {"type": "apiKey", "in": "header", "name": "Authorization"},
    "session": {"type": "apiKey", "in": "cookie", "name": "session"},
}


def _own_type(self: OpenAPIConverter, field: Any, **_: Any) -> Json:
    """Return what a field of our own says of itself (`openapi`)."""
    said: Json = getattr(field, "openapi", {})
    return said


def _paths(
    converter: OpenAPIConverter, pattern: str, handler: type[ApiHandler]
) -> Iterator[tuple[str, Json]]:
    """Yield the paths of a route, each with its operations; alternatives are paths of their own."""
    groups = _GROUP.findall(pattern)
    fixed = [group for group in groups if re.fullmatch(r"\([a-z_|]+\)", group)]
    if fixed:
        for word in fixed[0][1:-1].split("|"):
            yield from _paths(converter, pattern.replace(fixed[0], word), handler)
        return
    operations = {}
    path = pattern
    for method in handler.access:
        names = list(inspect.signature(getattr(handler, method.lower())).parameters)[1:]
        places = list(zip(names, groups, strict=False))
        path = pattern
        for name, group in places:
            path = path.replace(group, f"{{{name}}}", 1)
        operations[method.lower()] = _operation(converter, method, handler, path, places)
    yield f"/api/{path}", operations


def _operation(
    converter: OpenAPIConverter,
    method: str,
    handler: type[ApiHandler],
    path: str,
    places: list[tuple[str, str]],
) -> Json:
    least = handler.access[method]
    parameters = [_place(name, group) for name, group in places]
    made: Json = {
        "operationId": _operation_id(method, path),
        "tags": [_TAGS.get(path.split("/")[0], path.split("/")[0])],
        "summary": inspect.getdoc(getattr(handler, method.lower())) or "",
        "description": f"{inspect.getdoc(handler) or ''}\n\nFor {_WHO[least]}.",
        "responses": _responses(handler),
        "security": [{}] if least == ANYONE else [{name: []} for name in _SECURITY],
    }
    for schema in handler.reads(method):
        if issubclass(schema, Query):
            parameters += _query(converter, schema)
        else:
            content = {"application/json": {"schema": _body(converter, schema)}}
            made["requestBody"] = {"required": not schema.optional, "content": content}
    return {**made, "parameters": parameters} if parameters else made


def _operation_id(method: str, path: str) -> str:
    words = re.findall(r"[a-z0-9]+", path.lower())
    return "_".join([method.lower(), *words])


def _place(name: str, group: str) -> Json:
    pattern = group[1:-1].replace("?)", ")").removesuffix("?")
    number = re.fullmatch(r"\\d\{1,(\d+)\}", pattern)
    if number:
        schema: Json = {"type": "integer", "minimum": 0, "maximum": 10 ** int(number[1]) - 1}
    else:
        schema = {"type": "string", "pattern": f"^{pattern}$"}
    return {"name": name, "in": "path", "required": True, "schema": schema}


def _query(converter: OpenAPIConverter, schema: type[Query]) -> list[Json]:
    made: list[Json] = converter.schema2parameters(schema(), location="query")
    return made


def _body(converter: OpenAPIConverter, schema: type[Body]) -> Json:
    """Return the fields that matter; what clients of One API send back unchanged is left out."""
    fields = {
        name: field for name, field in schema().fields.items() if not isinstance(field, Ignored)
    }
    made: Json = converter.fields2jsonschema(fields)  # type: ignore[no-untyped-call]
    ignored = schema().fields.keys() - fields.keys()
    return {**made, "additionalProperties": False} if not ignored else made


def _responses(handler: type[ApiHandler]) -> Json:
    envelope: Json = {"$ref": "#/components/schemas/Envelope"}
    schema = {"type": "object"} if handler.bare_answers else envelope
    content: Json = {"application/json": {"schema": schema}}
    for kind in handler.downloads:
        content[kind] = {"schema": {"type": "string"}}
    made: Json = {"200": {"description": "Done, or found.", "content": content}}
    return made | {str(n): {"$ref": f"#/components/responses/R{n}"} for n in _REFUSALS}
