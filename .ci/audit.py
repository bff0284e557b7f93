"""Known faults of what is installed: of Python packages by pip-audit, of the console's by npm.

    python .ci/audit.py DIRECTORY-OF-PIP-AUDIT SITE-PACKAGES

A line for each says what was found, or that nothing was audited and why: a tool that could not ask
anybody also says that it knows of no fault. Exit status: 0 when all was audited and nothing found,
1 when something was found, 75 when nothing was but some could not be audited.
"""

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from shutil import which
from typing import Any

FOUND, UNKNOWN = 1, 75
# One connection that nobody answers, and a tool in all, in seconds.
CONNECT_S, TOOL_S = 10, 60
# They install, and are not run by anything that is served.
INSTALLERS = frozenset({"pip", "setuptools", "wheel"})


class Unaudited(Exception):
    """Nobody could be asked; the message says why."""


@dataclass(frozen=True)
class Result:
    """How many packages were looked up, the names of those that could not be, and the faults."""

    audited: int
    left_out: tuple[str, ...]
    faults: tuple[str, ...]


def of_python(tools: Path, packages: Path) -> Result:
    """Ask pip-audit, which is installed first where it is not. Raises Unaudited."""
    program = tools / "bin" / "pip-audit"
    if not program.exists():
        _install(tools)
    asked = ["--progress-spinner", "off", "--timeout", str(CONNECT_S), "--format", "json"]
    said = _run([str(program), *asked, "--path", str(packages)], "pip-audit")
    try:
        rows = [row for row in said["dependencies"] if row["name"] not in INSTALLERS]
    except (KeyError, TypeError):
        raise Unaudited("pip-audit does not say what it looked up") from None
    known = [row for row in rows if "skip_reason" not in row]
    faults = [
        f"{row['name']} {row['version']}: {each['id']}, mended in"
        f" {', '.join(each['fix_versions']) or 'no version yet'}"
        for row in known
        for each in row["vulns"]
    ]
    left_out = tuple(row["name"] for row in rows if "skip_reason" in row)
    return Result(len(known), left_out, tuple(faults))


def _install(tools: Path) -> None:
    wanted = ["--timeout", str(CONNECT_S), "--retries", "0", "install", "pip-audit>=2.9,<3"]
    quiet = ["--disable-pip-version-check", "-q"]
    for command in (
        [sys.executable, "-m", "venv", str(tools)],
        [str(tools / "bin" / "python"), "-m", "pip", *quiet, *wanted],
    ):
        if _finished(command, "pip-audit").returncode:
            raise Unaudited("pip-audit can't be installed")


def of_the_console(repository: Path) -> Result:
    """Ask npm about what the console is made of. Raises Unaudited."""
    wait = [f"--fetch-timeout={CONNECT_S * 1000}", "--fetch-retries=0"]
    asked = ["npm", "audit", "--omit=dev", "--package-lock-only", "--json", *wait]
    said = _run(asked, "npm", repository)
    try:
        known, faulty = said["metadata"]["dependencies"]["prod"], said["vulnerabilities"]
        faults = [f"{name} {row['range']}: {row['severity']}" for name, row in faulty.items()]
    except (AttributeError, KeyError, TypeError):
        raise Unaudited("npm could not ask for advisories") from None
    return Result(known, (), tuple(faults))


def _run(command: Sequence[str], tool: str, directory: Path | None = None) -> Any:
    """Return the JSON that a tool writes; its status also says that something was found."""
    done = _finished(command, tool, directory)
    try:
        return json.loads(done.stdout)
    except ValueError:
        last = (done.stderr.strip().splitlines() or ["it says nothing"])[-1]
        raise Unaudited(f"{tool} failed: {last[:200]}") from None


def _finished(
    command: Sequence[str], tool: str, directory: Path | None = None
) -> "subprocess.CompletedProcess[str]":
    try:
        return subprocess.run(
            command, cwd=directory, capture_output=True, text=True, timeout=TOOL_S, check=False
        )
    except subprocess.TimeoutExpired:
        raise Unaudited(f"{tool} had no answer within {TOOL_S} s") from None
    except OSError as error:
        raise Unaudited(f"{tool} can't be run: {error.strerror}") from None


def report(what: str, result: Result) -> int:
    """Print a result and return its status."""
    for fault in result.faults:
        print(f"audit: {what}: {fault}")
    if result.faults:
        return FOUND
    if not result.audited and result.left_out:
        print(f"audit: {what}: NOTHING WAS AUDITED: no package could be looked up")
        return UNKNOWN
    few = ", ".join(result.left_out[:5]) + (", …" if len(result.left_out) > 5 else "")
    less = f"; {len(result.left_out)} could not be looked up: {few}" if result.left_out else ""
    print(f"audit: {what}: {result.audited} packages without a known fault{less}")
    return 0


def main(tools: Path, packages: Path, repository: Path) -> int:
    """Audit all there is and return the status."""
    parts: dict[str, Callable[[], Result]] = {"Python": partial(of_python, tools, packages)}
    if (repository / "package-lock.json").exists() and which("npm"):
        parts["console"] = partial(of_the_console, repository)
    statuses = set()
    for what, audit in parts.items():
        try:
            statuses.add(report(what, audit()))
        except Unaudited as error:
            print(f"audit: {what}: NOTHING WAS AUDITED: {error}")
            statuses.add(UNKNOWN)
    return FOUND if FOUND in statuses else max(statuses)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2]), Path.cwd()))
