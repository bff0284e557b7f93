"""conf/requirements.lock: every package that the product needs, in range, with hashes."""

import re
import runpy
import sys
from types import ModuleType
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.e2e.server import REPOSITORY

LOCK = (REPOSITORY / "conf" / "requirements.lock").read_text(encoding="utf-8")
# A package, its one version, perhaps for some machines only, and its hashes.
ENTRY = re.compile(
    r"^([a-z0-9][^=\s]*)==([^\s;]+)(?: ; [^\\\n]+)? \\\n((?:    --hash=.+\n)+)", re.M
)


@pytest.fixture
def declared(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What setup.py says."""
    said: dict[str, Any] = {}
    builder = ModuleType("setuptools")
    vars(builder).update(find_packages=lambda include: [], setup=lambda **given: said.update(given))
    monkeypatch.setitem(sys.modules, "setuptools", builder)
    runpy.run_path(str(REPOSITORY / "setup.py"))
    return said


def test_each_package_that_setup_asks_for_is_locked_in_its_range(declared: dict[str, Any]) -> None:
    locked = {name: version for name, version, _ in ENTRY.findall(LOCK)}
    extras = declared["extras_require"]
    shipped = [*extras["embedded"], *extras["speed"], *extras["build"]]
    wanted = [*declared["install_requires"], *shipped]
    wrong = {
        line: locked.get(canonicalize_name(needed.name))
        for line in wanted
        if (needed := Requirement(line)).specifier
        and locked.get(canonicalize_name(needed.name), "0") not in needed.specifier
    }
    assert wrong == {}, "run make lock"


def test_nothing_in_the_lock_is_without_a_hash_or_names_a_host() -> None:
    rest = ENTRY.sub("", LOCK)
    assert [line for line in rest.splitlines() if line.strip() and line.lstrip()[0] != "#"] == []
    assert all(re.fullmatch(r"(?: +--hash=sha256:[0-9a-f]{64}(?: \\)?\n)+", hashes)
               for _, _, hashes in ENTRY.findall(LOCK))  # fmt: skip
    assert "://" not in LOCK
