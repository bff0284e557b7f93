"""The repository keeps its own rules: one version, one test command, small files, no loose ends."""

import ast
import re
import runpy
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
import yaml

import gateway

ROOT = Path(__file__).resolve().parent.parent
MADE = ("node_modules", "vendor", "data", "logs", "dist", "build", "__pycache__")
TEXT = {".py", ".js", ".mjs", ".css", ".html", ".md", ".yaml", ".yml", ".toml", ".conf", ".lua", ""}
MAX_LINES = 500

# Written in pieces, so that this file keeps the rules that it checks.
LOOSE_ENDS = re.compile(rf"\b(?:{'TO' + 'DO'}|{'FIX' + 'ME'}|{'XX' + 'X'})\b")
REGISTRY_HOSTS = re.compile(
    "|".join(
        rf"\b{name}\.{ending}\b"
        for name, ending in (
            ("pypi", "org"),
            ("pythonhosted", "org"),
            ("npmjs", "(?:org|com)"),
            ("npmmirror", "com"),
            ("docker", "(?:io|com)"),
            ("ghcr", "io"),
            ("quay", "io"),
            ("gcr", "io"),
            ("jsdelivr", "net"),
            ("unpkg", "com"),
            ("tuna.tsinghua", r"edu\.cn"),
        )
    )
)


def files() -> Iterator[Path]:
    """Yield the text files of the repository, without what is installed or made."""
    for path in sorted(ROOT.rglob("*")):
        parts = path.relative_to(ROOT).parts
        hidden = any(part.startswith(".") and part != ".ci" for part in parts[:-1])
        if hidden or any(part in MADE or part.endswith(".egg-info") for part in parts):
            continue
        if path.is_file() and path.suffix in TEXT and path.name != ".env":
            yield path


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def test_the_version_is_said_in_one_place(monkeypatch: pytest.MonkeyPatch) -> None:
    said: dict[str, object] = {}
    builder = ModuleType("setuptools")
    vars(builder).update(find_packages=lambda include: [], setup=lambda **given: said.update(given))
    monkeypatch.setitem(sys.modules, "setuptools", builder)
    runpy.run_path(str(ROOT / "setup.py"))
    assert said["version"] == gateway.__version__
    assert f"## [{gateway.__version__}]" in read("CHANGELOG.md")


@pytest.mark.parametrize("name", ["README.md", "README.zh-CN.md"])
def test_ci_runs_the_test_command_of_the_readme(name: str) -> None:
    section = re.search(r"^## (?:Tests|测试)$(.*?)(?=^## |\Z)", read(name), re.M | re.S)
    assert section is not None
    command = re.search(r"^```sh\n(.+)\n```$", section.group(1), re.M)
    assert command is not None
    assert re.findall(r"^exec (.+)$", read(".ci/run"), re.M) == [command.group(1)]


@pytest.mark.parametrize("name", ["README.md", "README.zh-CN.md"])
def test_the_readme_opens_with_the_two_commands(name: str) -> None:
    opening = read(name).split("```")[1]
    assert re.search(r"git clone .* && cd tollgate\nmake demo", opening)


def test_every_make_target_of_the_readme_exists() -> None:
    targets = set(re.findall(r"^([a-z]+):", read("Makefile"), re.M))
    for name in ("README.md", "README.zh-CN.md", "CONTRIBUTING.md"):
        commands = " ".join(re.findall(r"```.*?```|`[^`]+`", read(name), re.S))
        named = set(re.findall(r"\bmake ([a-z]+)\b", commands))
        assert named and named <= targets, name


def test_files_are_small() -> None:
    long = {}
    for path in files():
        if path.suffix in (".py", ".js", ".mjs"):
            count = len(path.read_text(encoding="utf-8").splitlines())
            if count > MAX_LINES:
                long[str(path.relative_to(ROOT))] = count
    assert long == {}


@pytest.mark.parametrize("rule", [LOOSE_ENDS, REGISTRY_HOSTS], ids=["loose ends", "registries"])
def test_no_file_says_what_none_should(rule: re.Pattern[str]) -> None:
    said = {
        f"{path.relative_to(ROOT)}: {match.group()}"
        for path in files()
        if (match := rule.search(path.read_text(encoding="utf-8")))
    }
    assert said == set()


def test_the_rules_can_fail() -> None:
    assert LOOSE_ENDS.search("# TO" + "DO: later")
    assert REGISTRY_HOSTS.search("FROM docker" + ".io/python")
    assert not LOOSE_ENDS.search("mastodon")


def test_every_python_file_of_the_product_says_what_it_is_for() -> None:
    silent = [
        str(path.relative_to(ROOT))
        for path in files()
        if path.suffix == ".py" and not ast.get_docstring(ast.parse(path.read_text("utf-8")))
        if path.relative_to(ROOT).parts[0] in ("gateway", "ledger", "admin")
        if path.stat().st_size
    ]
    assert silent == []


@pytest.mark.skipif(shutil.which("nginx") is None, reason="nginx is not installed")
def test_nginx_accepts_its_configuration(tmp_path: Path) -> None:
    conf = tmp_path / "nginx.conf"
    conf.write_text(re.sub(r"server gateway-\d:", "server 127.0.0.1:", read("conf/nginx.conf")))
    check = ["nginx", "-t", "-c", str(conf), "-g", f"pid {tmp_path}/nginx.pid;"]
    done = subprocess.run(check, capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr


def test_the_compose_file_names_what_exists() -> None:
    compose = yaml.safe_load(read("compose.yaml"))
    services = compose["services"]
    assert {"gateway-1", "gateway-2", "nginx", "mongo-1", "redis"} <= set(services)
    for service in services.values():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            known = (ROOT / source).exists() if source.startswith(".") else True
            assert known and (source.startswith(".") or source in compose["volumes"]), source


def test_the_image_gets_what_the_build_copies() -> None:
    allowed = {
        line[1:].rstrip("/") for line in read(".dockerignore").splitlines() if line[:1] == "!"
    }
    copied: set[str] = set()
    for line in re.findall(r"^COPY (?!--)(.+) \S+$", read("Dockerfile"), re.M):
        copied |= {source.rstrip("/") for source in line.split()}
    assert {source.split("/")[0] for source in copied} == allowed
    assert all((ROOT / source).exists() for source in copied)
