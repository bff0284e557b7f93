"""What the console asks for is in the API's document: each address, and its method where the module
names both."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.console import STATIC_DIR
from tests.admin.test_openapi import DOCUMENT

MODULES = sorted(STATIC_DIR.glob("js/**/*.js"))
METHODS = {"get": "get", "post": "post", "put": "put", "remove": "delete", "postLines": "post"}
# An address as a text: `${…}` stands for one part of a path.
_TEXT = re.compile(r"""["'`](/api/(?:\$\{[^}]*\}|[^"'`\s?$])*)""")
_CALL = re.compile(
    rf"""\b(?:call|api)\.({"|".join(METHODS)})\(\s*["'`](/api/(?:\$\{{[^}}]*\}}|[^"'`\s?$])*)"""
)


def one_part(path: str) -> str:
    """Write a path as it is compared: every place to fill in as {}, no slash at the end."""
    return re.sub(r"\$?\{[^}]*\}", "{}", path).rstrip("/")


OPERATIONS = {
    one_part(f"/api{path}" if not path.startswith("/api") else path): set(found)
    for path, found in DOCUMENT["paths"].items()
}


def known(path: str) -> set[str] | None:
    """The methods of an address; also of one whose named last part stands for any."""
    found = OPERATIONS.get(path)
    if found is not None:
        return found
    shape = re.compile(re.escape(path).replace(re.escape("{}"), "[^/]+") + "$")
    alike = [methods for each, methods in OPERATIONS.items() if shape.match(each)]
    return set().union(*alike) if alike else None


def calls() -> Iterator[tuple[Path, str, str | None]]:
    for module in MODULES:
        text = module.read_text()
        for path in _TEXT.findall(text):
            yield module, one_part(path), None
        for method, path in _CALL.findall(text):
            yield module, one_part(path), METHODS[method]


def test_every_address_and_method_is_in_the_document() -> None:
    found = list(calls())
    assert len(found) > 100, "the console asks for more than this"
    wrong = []
    for module, path, method in found:
        # A text that only begins an address is made whole elsewhere in its module.
        begins = any(each.startswith(f"{path}/") for each in OPERATIONS)
        methods = known(path)
        if (methods is None and not begins) or (method and methods and method not in methods):
            wrong.append(f"{module.name}: {method or 'any'} {path}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("path", ["/api/nowhere", "/api/user/{}/nothing"])
def test_what_is_not_there_is_found(path: str) -> None:
    assert known(path) is None
