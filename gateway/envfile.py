"""Reads a .env file: KEY=VALUE lines, comments, quotes, an optional `export`.

Nothing is expanded. A double-quoted value knows the escapes of a backslash before n, r, t, a quote
or a backslash; a single-quoted one is taken as it stands; an unquoted one ends at " #" and loses
the blanks around it.
"""

import re
from pathlib import Path

_LINE = re.compile(r"(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*)", re.ASCII)
_DOUBLE = re.compile(r'"((?:[^"\\]|\\.)*)"\s*(?:#.*)?')
_SINGLE = re.compile(r"'([^']*)'\s*(?:#.*)?")
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t"}


def read_env_file(path: Path) -> dict[str, str]:
    """Return the non-empty variables of a file; none when there is no such file.

    Raises ValueError, naming the file and the line, when a line cannot be read.
    """
    try:
        content = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: cannot be read: {error}") from None
    found: dict[str, str] = {}
    for number, raw in enumerate(content.splitlines(), start=1):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        match = _LINE.fullmatch(line)
        value = None if match is None else _value(match.group(2))
        if match is None or value is None:
            raise ValueError(f"{path}:{number}: not KEY=VALUE; mend the line or put # before it")
        found[match.group(1)] = value
    return {name: value for name, value in found.items() if value}


def _value(written: str) -> str | None:
    """Return what a value means, or None when its quotes do not close."""
    if written.startswith('"'):
        match = _DOUBLE.fullmatch(written)
        return match and re.sub(
            r"\\(.)", lambda m: _ESCAPES.get(m.group(1), m.group(1)), match.group(1)
        )
    if written.startswith("'"):
        match = _SINGLE.fullmatch(written)
        return match and match.group(1)
    return re.split(r"(?:^|\s)#", written, maxsplit=1)[0].strip()
