"""The OpenAPI document of /api: complete, readable, and kept to by every route.

schemathesis asks what the document allows and what it forbids, as root, whom nothing stops.
"""

import asyncio
import logging
import re
from typing import Any

import httpx
import orjson
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.config import GenerationConfig, SchemathesisConfig
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from admin.openapi import document
from admin.urls import ROUTES
from tests.admin.harness import ROOT_TOKEN, Server

DOCUMENT = orjson.loads(orjson.dumps(document(ROUTES, "1.2.3")))
CHECKS = (
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
)
# These would end root's access, by which all the others are asked.
ENDS_ACCESS = {"delete_user_self", "put_user_self", "get_user_token"}
EXAMPLES = 8
SEED = 20_261_122


def operations() -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (method, path, operation)
        for path, methods in DOCUMENT["paths"].items()
        for method, operation in methods.items()
    ]


async def test_the_document_is_served_to_anyone(stranger: httpx.AsyncClient) -> None:
    answer = await stranger.get("/api/openapi.json")
    assert answer.status_code == 200 and answer.json() == DOCUMENT


def test_every_route_says_what_it_is_for() -> None:
    assert len(operations()) > 90
    for method, path, operation in operations():
        assert operation["summary"].endswith("."), (method, path)
        places = re.findall(r"{(\w+)}", path)
        named = [each["name"] for each in operation.get("parameters", ()) if each["in"] == "path"]
        assert places == named and "(" not in path, path
    ids = [operation["operationId"] for _, _, operation in operations()]
    assert len(set(ids)) == len(ids)


def test_every_field_says_its_type() -> None:
    for _, path, operation in operations():
        body = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
        fields = body.get("schema", {}).get("properties", {})
        parameters = {each["name"]: each["schema"] for each in operation.get("parameters", ())}
        for name, schema in {**fields, **parameters}.items():
            free = path == "/api/option" and name == "value"
            assert free or {"type", "enum", "$ref", "anyOf"} & schema.keys(), (path, name, schema)


async def test_what_is_allowed_and_what_is_forbidden_is_answered_as_described(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    print("seed", SEED)
    with caplog.at_level(logging.ERROR):
        faults = await asyncio.to_thread(asked_everything, server.url)
    assert not faults, "\n\n".join(faults[:5])
    assert not caplog.records


def asked_everything(url: str) -> list[str]:
    """Ask every operation a few times; returns what went wrong."""
    modes = [GenerationMode.POSITIVE, GenerationMode.NEGATIVE]
    config = SchemathesisConfig()
    config.projects.default.generation = GenerationConfig(modes=modes)
    schema = schemathesis.openapi.from_dict(DOCUMENT, config=config)
    schema.config.update(base_url=url)
    faults = []
    for found in schema.get_all_operations():
        operation = found.ok()
        if operation.definition.raw["operationId"] in ENDS_ACCESS:
            continue
        try:
            asked(operation)
        except BaseException as error:  # a fault of any kind is told with all the others
            faults.append(f"{operation.label}: {error}")
    return faults


def asked(operation: Any) -> None:
    @settings(
        max_examples=EXAMPLES,
        phases=[Phase.generate],
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy())
    def ask(case: Any) -> None:
        case.call_and_validate(checks=CHECKS, headers={"Authorization": ROOT_TOKEN})

    ask()
