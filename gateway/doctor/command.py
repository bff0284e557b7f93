"""`tollgate doctor`: make all checks, tell what they found, and return the worst as a status."""

import argparse
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import orjson

from gateway.commands.books import NoBooks, open_books
from gateway.directory.catalogue import Catalogue
from gateway.doctor.finding import LEVELS, OK, Finding, fault, worst
from gateway.doctor.scene import Scene
from gateway.doctor.table import CHECKS, Check
from gateway.settings import Settings, SettingsError, gathered, resolve
from ledger.clock import Clock
from ledger.errors import LedgerError

ANSWER_S = 3.0
_CONF = Path(__file__).parents[2] / "conf"
_WIDTH = max(len(level) for level in LEVELS)

Told = list[tuple[Check, list[Finding]]]


async def examine(args: argparse.Namespace, environ: Mapping[str, str], env_file: Path) -> int:
    """Make all checks and print what they say; return 0 (all well), 1 (warnings) or 2 (faults)."""
    async with _scene(args, environ, env_file) as scene:
        told = [(check, await _made(check, scene)) for check in CHECKS if _wanted(check, scene)]
    findings = [finding for _, some in told for finding in some]
    write = _as_json if args.json else _as_text
    sys.stdout.write(write(told, findings))
    return LEVELS.index(worst(findings))


@asynccontextmanager
async def _scene(
    args: argparse.Namespace, environ: Mapping[str, str], env_file: Path
) -> AsyncIterator[Scene]:
    """Read the settings, and open the books if they can be."""
    found: dict[str, str] = {}
    problems: tuple[str, ...] = ()
    settings = Settings()
    try:
        found = gathered(environ, env_file)
        settings = resolve(vars(args), environ, env_file)
    except SettingsError as error:
        problems = error.problems
    scene = Scene(settings, found, env_file, Catalogue.load(_CONF / "providers.yaml"), Clock())
    scene.problems, scene.notices = problems, settings.notices
    async with AsyncExitStack() as stack:
        if problems:
            scene.trouble = "which database is meant is not known before the settings are mended"
        else:
            await _open(scene, stack, explicit_dir=args.data_dir is not None)
        yield scene


async def _open(scene: Scene, stack: AsyncExitStack, *, explicit_dir: bool) -> None:
    try:
        opening = open_books(scene.settings, explicit_dir=explicit_dir, timeout_s=ANSWER_S)
        store = await stack.enter_async_context(opening)
        scene.slots = tuple(await store.find_list("writers", {}, sort=[("_id", 1)]))
        scene.server_now_us = await store.server_now_us()
        scene.store = store
    except NoBooks as error:
        scene.trouble, scene.empty = str(error), True
    except (LedgerError, OSError) as error:
        scene.trouble = str(error)


def _wanted(check: Check, scene: Scene) -> bool:
    return scene.store is not None or not check.books


async def _made(check: Check, scene: Scene) -> list[Finding]:
    try:
        return await check.run(scene)
    except (LedgerError, OSError) as error:
        return fault(str(error), "see docs/failures.md")


def _as_text(told: Told, findings: list[Finding]) -> str:
    wide = max(len(check.name) for check in CHECKS)
    lines = []
    for check, some in told:
        for finding in some:
            lines.append(f"{finding.level:{_WIDTH}}  {check.name:{wide}}  {finding.says}")
            if finding.mend:
                lines[-1] += f" → {finding.mend}"
    counts = [
        f"{name}: {sum(each.level == level for each in findings)}"
        for level, name in zip(reversed(LEVELS), ("faults", "warnings", "ok"), strict=True)
    ]
    return "\n".join((*lines, ", ".join(counts))) + "\n"


def _as_json(told: Told, findings: list[Finding]) -> str:
    report: dict[str, Any] = {
        "level": worst(findings),
        "ok": worst(findings) == OK,
        "findings": [
            {"check": check.name, "level": each.level, "says": each.says, "mend": each.mend}
            for check, some in told
            for each in some
        ],
    }
    return orjson.dumps(report, option=orjson.OPT_INDENT_2).decode() + "\n"
