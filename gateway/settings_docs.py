"""Writes conf/.env.example and docs/settings.md from the table of settings."""

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from gateway.settings import rows
from gateway.settings_oneapi import FOREIGN
from gateway.settings_types import Row

ROOT = Path(__file__).resolve().parent.parent
USAGE = "usage: python -m gateway.settings --write | --check"


def env_example() -> str:
    """Return conf/.env.example: every variable with its meaning and default, commented out."""
    lines = [
        "# Settings of Tollgate. Copy this file to .env and uncomment what you change.",
        "# Made from gateway/settings.py by `python -m gateway.settings --write`.",
    ]
    for section, members in _sections():
        lines += ["", f"# --- {section} ---"]
        for row, default in members:
            if row.env:
                lines += ["", f"# {row.help}", f"#{row.env[0]}={row.default_text(default)}"]
    return "\n".join(lines) + "\n"


def settings_page() -> str:
    """Return docs/settings.md: the settings, then the variables of One API that are none here."""
    lines = [
        "# Settings",
        "",
        "Made from gateway/settings.py by `python -m gateway.settings --write`; do not edit.",
        "",
        "A flag beats the environment, the environment beats the file `.env` in the working",
        "directory, and an empty value counts as not set. (In One API the variable `PORT` beats",
        "`--port`; here a flag always wins.) Truth values are `true`, `false`, `1` or `0`. A wrong",
        "value stops the start with a line that names the variable, the value and the fix.",
    ]
    for section, members in _sections():
        lines += [
            "",
            f"## {section}",
            "",
            "| variable | flag | default | meaning |",
            "|---|---|---|---|",
        ]
        lines += [_table_row(row, default) for row, default in members]
    for title, refused in (("accepted without effect", False), ("refused in this version", True)):
        lines += [
            "",
            f"## Variables of One API {title}",
            "",
            "| variable | what it says |",
            "|---|---|",
        ]
        chosen = ((name, each) for name, each in FOREIGN.items() if each.refused is refused)
        for name, each in chosen:
            accepted = ", ".join(f"`{value}`" for value in sorted(each.harmless))
            note = f" ({accepted} is accepted: it asks for nothing.)" if accepted else ""
            lines.append(f"| `{name}` | {each.why}.{note} |")
    return "\n".join(lines) + "\n"


def _sections() -> Iterator[tuple[str, list[tuple[Row, Any]]]]:
    for section, members in groupby(rows(), key=lambda member: member[1].section):
        yield section, [(row, default) for _, row, default in members]


def _table_row(row: Row, default: Any) -> str:
    variables = ", ".join(f"`{name}`" for name in row.env)
    flag = f"`{row.flag}`" if row.flag else ""
    shown = row.default_text(default)
    return f"| {variables} | {flag} | {shown and f'`{shown}`'} | {row.help} |"


FILES: dict[str, Callable[[], str]] = {
    "conf/.env.example": env_example,
    "docs/settings.md": settings_page,
}


def main(argv: Sequence[str], root: Path = ROOT) -> int:
    """Write the files, or with --check say which are out of date; return the exit status."""
    if list(argv) == ["--write"]:
        for name, content in FILES.items():
            (root / name).write_text(content(), encoding="utf-8")
        return 0
    if list(argv) == ["--check"]:
        stale = [name for name in FILES if not _current(root, name)]
        for name in stale:
            print(f"{name} is out of date: run python -m gateway.settings --write")
        return 1 if stale else 0
    print(USAGE)
    return 2


def _current(root: Path, name: str) -> bool:
    file = root / name
    return file.exists() and file.read_text(encoding="utf-8") == FILES[name]()
