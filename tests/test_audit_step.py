"""The audit of `make test`: what is found fails, and what could not be asked is never called clean.

Its tools are programs of our own that answer as the real ones do.
"""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import orjson
import pytest

SCRIPT = Path(__file__).parent.parent / ".ci" / "audit.py"
CLEAN = {"name": "httpx", "version": "0.28", "vulns": []}
SKIPPED = {"name": "tollgate", "skip_reason": "not found"}
VULN = {"id": "PYSEC-1", "fix_versions": ["2.0"], "aliases": [], "description": "bad"}
FAULTY = {"name": "odd", "version": "1.0", "vulns": [VULN]}
INSTALLER = {**FAULTY, "name": "pip"}


def python(*rows: Mapping[str, object]) -> str:
    return orjson.dumps({"dependencies": rows, "fixes": []}).decode()


def npm(**faulty: object) -> str:
    metadata = {"dependencies": {"prod": 3}}
    return orjson.dumps({"vulnerabilities": faulty, "metadata": metadata}).decode()


def program(path: Path, says: str, status: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\ncat <<'END'\n{says}\nEND\nexit {status}\n")
    path.chmod(0o755)


def audit(directory: Path, said: str, status: int, by_npm: str | None = None) -> tuple[int, str]:
    program(directory / "tools" / "bin" / "pip-audit", said, status)
    if by_npm is not None:
        program(directory / "bin" / "npm", by_npm, 1)
        (directory / "package-lock.json").write_text("{}")
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "tools", "packages"],
        cwd=directory,
        env={"PATH": f"{directory / 'bin'}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert not done.stderr, done.stderr
    return done.returncode, done.stdout


@pytest.mark.parametrize(
    ("said", "status", "ends", "words"),
    [
        (python(CLEAN, SKIPPED), 0, 0, "1 packages without a known fault; 1 could not"),
        (python(CLEAN, INSTALLER), 1, 0, "1 packages without a known fault\n"),
        (python(CLEAN, FAULTY), 1, 1, "odd 1.0: PYSEC-1, mended in 2.0"),
        (python(SKIPPED, SKIPPED), 0, 75, "NOTHING WAS AUDITED"),
        ("", 1, 75, "NOTHING WAS AUDITED: pip-audit failed"),
        ("[]", 0, 75, "NOTHING WAS AUDITED"),
    ],
)
def test_what_pip_audit_says(tmp_path: Path, said: str, status: int, ends: int, words: str) -> None:
    code, out = audit(tmp_path, said, status)
    assert code == ends and words in out and out.count("\n") == 1


def test_what_npm_says(tmp_path: Path) -> None:
    clean = python(CLEAN)
    assert audit(tmp_path, clean, 0, npm())[0] == 0
    code, out = audit(tmp_path, clean, 0, npm(lit={"range": "<3", "severity": "high"}))
    assert code == 1 and "lit <3: high" in out
    code, out = audit(tmp_path, clean, 0, '{"error": {"code": "ENOTFOUND"}}')
    assert code == 75 and "console: NOTHING WAS AUDITED" in out
    assert audit(tmp_path, python(FAULTY), 1, "")[0] == 1


def test_a_tool_that_cannot_be_run_audits_nothing(tmp_path: Path) -> None:
    (tmp_path / "tools" / "bin").mkdir(parents=True)
    (tmp_path / "tools" / "bin" / "pip-audit").write_text("no program")
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "tools", "packages"],
        cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 75 and "can't be run" in done.stdout
