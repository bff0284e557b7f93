"""The arrows between packages, and who may touch drivers and the environment.

admin -> gateway.directory -> ledger, and gateway -> ledger; only gateway/app.py sees everything.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("admin", "gateway", "ledger")

COMPOSER = "gateway.app"
STORE = ("ledger.store", "ledger.drivers", "ledger.store_errors")
# Who may import a driver. The probe of the embedded database has no driver, only the wire's codec.
DRIVERS = {"motor": STORE, "pymongo": STORE, "bson": (*STORE, "ledger.embedded_probe")}
ENVIRONMENT_MODULES = ("gateway.settings", "gateway.cli")
ADMIN_MAY_SEE = ("admin", "gateway.directory", "gateway.http", "ledger")
DIRECTORY_MAY_SEE = ("gateway.directory", "ledger")


@dataclass(frozen=True)
class Module:
    """One source file and everything that it names from elsewhere."""

    name: str
    package: str
    imports: frozenset[str]
    reads_environment: bool


def modules(root: Path) -> Iterator[Module]:
    """Yield every module of the product below a directory."""
    for package in PACKAGES:
        for file in sorted((root / package).rglob("*.py")):
            parts = file.relative_to(root).with_suffix("").parts
            is_package = parts[-1] == "__init__"
            name = ".".join(parts[:-1] if is_package else parts)
            parent = name if is_package else name.rpartition(".")[0]
            tree = ast.parse(file.read_text(encoding="utf-8"), str(file))
            yield Module(name, parent, frozenset(_imports(tree, parent)), _reads_environment(tree))


def _imports(tree: ast.AST, package: str) -> Iterator[str]:
    """Yield the dotted names of all imports, also those inside functions."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*above, base]).rstrip(".")
            yield from (f"{base}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and _called(node.func) in ("__import__", "import_module"):
            yield from (arg.value for arg in node.args[:1] if isinstance(arg, ast.Constant))


def _called(function: ast.expr) -> str:
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def _reads_environment(tree: ast.AST) -> bool:
    """Tell whether a module reads variables; to set one for a library is no reading."""
    names = {"environ", "environb", "getenv", "getenvb"}
    written = {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in names and id(node) not in written:
            if isinstance(node.value, ast.Name) and node.value.id == "os":
                return True
        if isinstance(node, ast.ImportFrom) and node.module == "os":
            if names & {alias.name for alias in node.names}:
                return True
    return False


def within(name: str, *prefixes: str) -> bool:
    """Tell whether a dotted name is one of these or lies below one."""
    return any(name == prefix or name.startswith(f"{prefix}.") for prefix in prefixes)


def forbidden(module: Module, target: str) -> str | None:
    """Return why a module must not import a name, or None when it may."""
    ours = within(target, *PACKAGES)
    if module.name not in DRIVERS.get(target.partition(".")[0], (module.name,)):
        return "database drivers stand behind ledger/store.py"
    if within(module.name, "ledger") and within(target, "gateway", "admin", "tornado"):
        return "the ledger knows nothing of HTTP, Tornado or the gateway"
    if within(module.name, "gateway.directory") and ours and not within(target, *DIRECTORY_MAY_SEE):
        return "the directory sees only itself and the ledger"
    if within(module.name, "admin") and ours and not within(target, *ADMIN_MAY_SEE):
        return "admin sees only gateway.directory, gateway.http and the ledger"
    if within(target, "admin") and within(module.name, "gateway") and module.name != COMPOSER:
        return "only gateway/app.py composes"
    return None


def violations(root: Path) -> list[str]:
    """Return a line for each arrow that points the wrong way."""
    found = []
    for module in modules(root):
        for target in sorted(module.imports):
            if why := forbidden(module, target):
                found.append(f"{module.name} imports {target}: {why}")
        if module.reads_environment and module.name not in ENVIRONMENT_MODULES:
            found.append(f"{module.name} reads the environment: that is for gateway/settings.py")
    return found


def test_every_arrow_points_the_right_way() -> None:
    assert len(list(modules(ROOT))) > 20
    assert violations(ROOT) == []


@pytest.mark.parametrize(
    ("file", "source", "word"),
    [
        ("ledger/a.py", "import gateway.relay", "HTTP"),
        ("ledger/a.py", "from tornado import web", "Tornado"),
        ("ledger/a.py", "def f():\n    from admin.x import y", "HTTP"),
        ("ledger/a.py", "from motor.motor_asyncio import AsyncIOMotorClient", "drivers"),
        ("gateway/relay/a.py", "import bson", "drivers"),
        ("gateway/relay/a.py", "from admin import handlers", "composes"),
        ("gateway/relay/a.py", "import importlib\nimportlib.import_module('admin.x')", "composes"),
        ("gateway/directory/a.py", "from gateway import settings", "directory"),
        ("gateway/directory/a.py", "from ..relay import admit", "directory"),
        ("gateway/directory/__init__.py", "from ..settings import load", "directory"),
        ("admin/a.py", "from gateway.relay.admit import admit", "admin sees"),
        ("admin/a.py", "from gateway import settings", "admin sees"),
        ("admin/a.py", "import os\nPORT = os.environ['PORT']", "environment"),
        ("ledger/a.py", "from os import getenv", "environment"),
    ],
)
def test_a_wrong_arrow_is_found(tmp_path: Path, file: str, source: str, word: str) -> None:
    planted = tmp_path / file
    planted.parent.mkdir(parents=True)
    planted.write_text(source)
    (violation,) = violations(tmp_path)
    assert word in violation


@pytest.mark.parametrize(
    ("file", "source"),
    [
        ("gateway/app.py", "import admin.routes\nimport gateway.relay\nimport ledger.books"),
        ("gateway/relay/a.py", "from gateway.directory import keys\nfrom ledger.money import usd"),
        ("gateway/directory/a.py", "from . import keys\nfrom ledger.store import Store"),
        ("admin/a.py", "from gateway.http import Base\nfrom .base import x\nimport tornado.web"),
        ("ledger/store.py", "import pymongo"),
        ("gateway/cli.py", "import os\nprint(os.environ)"),
        ("ledger/a.py", "import os\nos.getpid()\nimport gatewayish"),
        ("gateway/a.py", "import os\nos.environ['FOR_A_LIBRARY'] = '1'"),
    ],
)
def test_a_right_arrow_passes(tmp_path: Path, file: str, source: str) -> None:
    planted = tmp_path / file
    planted.parent.mkdir(parents=True)
    planted.write_text(source)
    assert violations(tmp_path) == []
