"""What is shipped has licences that it may be shipped with, and what is not known is refused."""

import json
from pathlib import Path

import pytest

from tests.packaging import licences
from tests.packaging.licences import Shipped, console_packages, python_packages


def test_everything_that_is_installed_with_the_product_may_be_shipped(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert licences.main() == 0
    said = capsys.readouterr().out
    assert "tornado" in said and "secantusdb" in said and "uvloop" in said
    assert "pytest" not in said  # a tool, not shipped
    assert {each.name for each in python_packages("bcrypt", frozenset())} <= {"bcrypt"}


@pytest.mark.parametrize(
    ("licence", "allowed"),
    [
        ("MIT", True),
        ("MIT OR GPL-3.0-only", True),
        ("MPL-2.0 AND (Apache-2.0 OR MIT)", True),
        ("GPL-3.0-only AND (Apache-2.0 OR MIT)", False),
        ("GPL-2.0-only", False),
        ("UNKNOWN", False),
        ("", False),
        ("MIT AND", False),
        ("(MIT", False),
        ("MIT)", False),
        ("Apache-2.0 WITH LLVM-exception", False),
    ],
)
def test_a_licence_is_read_as_an_expression(licence: str, allowed: bool) -> None:
    assert Shipped("any", "1", licence).is_allowed is allowed


def test_packages_of_the_console_are_listed_and_tools_are_not(tmp_path: Path) -> None:
    lock = tmp_path / "package-lock.json"
    assert list(console_packages(lock)) == []
    packages = {
        "": {"name": "console"},
        "node_modules/vue": {"version": "3.5.0", "license": "MIT"},
        "node_modules/@a/b": {"version": "1.0.0"},
        "node_modules/axe-core": {"version": "4.0.0", "license": "MPL-2.0", "dev": True},
    }
    lock.write_text(json.dumps({"lockfileVersion": 3, "packages": packages}))
    found = {each.name: each.is_allowed for each in console_packages(lock)}
    assert found == {"vue": True, "@a/b": False}
