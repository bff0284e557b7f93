"""What a row of the settings table is made of: its description and the readers of its text.

A reader takes the text of a setting and returns its value, or raises ValueError with words that
complete "NAME=value: …" and tell the fix. Units are in the readers' names where there are any.
"""

import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

Reader = Callable[[str], Any]
MOST_WORKERS = 256


class SettingsError(Exception):
    """Settings that cannot be used: one line per problem, each naming the variable and the fix."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


@dataclass(frozen=True, slots=True)
class Row:
    """One setting: where it comes from, how its text is read, and what it means."""

    env: tuple[str, ...]
    flag: str | None
    read: Reader
    help: str
    section: str
    secret: bool = False
    switch: bool = False
    shown_default: str | None = None

    def label(self) -> str:
        """Return the name by which messages call this setting."""
        return self.env[0] if self.env else str(self.flag)

    def default_text(self, default: Any) -> str:
        """Return a default as it would be written in a .env file; empty when there is none."""
        if self.shown_default is not None:
            return self.shown_default
        if default is None:
            return ""
        return str(default).lower() if isinstance(default, bool) else str(default)


def setting(
    section: str,
    env: str | tuple[str, ...],
    default: Any,
    read: Reader,
    help: str,
    *,
    flag: str | None = None,
    secret: bool = False,
    switch: bool = False,
    shown_default: str | None = None,
) -> Any:
    """Declare a field of Settings together with its row in the table."""
    names = (env,) if isinstance(env, str) else env
    row = Row(names, flag, read, help, section, secret, switch, shown_default)
    return field(default=default, repr=not secret, metadata={"row": row})


def text(value: str) -> str:
    """Read any text."""
    return value


def boolean(value: str) -> bool:
    """Read true, false, 1 or 0."""
    known = {"true": True, "1": True, "false": False, "0": False}
    if value.lower() not in known:
        raise ValueError("say true or false")
    return known[value.lower()]


def integer(low: int, high: int, unit: str = "") -> Reader:
    """Return a reader of whole numbers between two bounds, both allowed."""

    def read(value: str) -> int:
        digits = value.removeprefix("-")
        if not (digits.isascii() and digits.isdigit() and low <= int(value) <= high):
            raise ValueError(f"give a whole number{unit and f' of {unit}'} from {low} to {high}")
        return int(value)

    return read


def fraction(value: str) -> float:
    """Read a share from 0 to 1, such as 0.8."""
    if not re.fullmatch(r"0(\.\d{1,9})?|1(\.0{1,9})?|\.\d{1,9}", value, re.ASCII):
        raise ValueError("give a number from 0 to 1, such as 0.8")
    return float(value)


def status_ranges(value: str) -> tuple[tuple[int, int], ...]:
    """Read HTTP statuses of errors: numbers and ranges, such as 408,429,500-599."""
    found = []
    for part in value.split(","):
        low, dash, high = (each.strip() for each in part.partition("-"))
        if not (
            low.isdigit() and low.isascii() and (not dash or high.isdigit() and high.isascii())
        ):
            raise ValueError("give statuses and ranges of them, such as 408,429,500-599")
        first, last = int(low), int(high or low)
        if not 400 <= first <= last <= 599:
            raise ValueError("give statuses from 400 to 599, the lower end of a range first")
        found.append((first, last))
    return tuple(found)


def group_chains(value: str) -> tuple[tuple[str, ...], ...]:
    """Read which groups' channels come next, such as vip>default,trial>free>default."""
    chains = tuple(tuple(name.strip() for name in chain.split(">")) for chain in value.split(","))
    for chain in chains:
        if len(chain) < 2 or "" in chain or len(set(chain)) < len(chain):
            raise ValueError("give chains of different groups, such as vip>default,trial>default")
    if len({chain[0] for chain in chains}) < len(chains):
        raise ValueError("give one chain for each group that has one")
    return chains


def choice(*options: str) -> Reader:
    """Return a reader that takes one of these words."""

    def read(value: str) -> str:
        if value not in options:
            raise ValueError(f"in this version give {' or '.join(options)}")
        return value

    return read


def pairs(value: str) -> tuple[tuple[str, str], ...]:
    """Read headers as OpenTelemetry writes them: name=value,name=value, percent-encoded."""
    found = [part.partition("=") for part in value.split(",")]
    if not all(name.strip() and equals for name, equals, _ in found):
        raise ValueError("give name=value, several with commas between them")
    return tuple((name.strip().lower(), unquote(said.strip())) for name, _, said in found)


def path(value: str) -> Path:
    """Read a path; ~ is the home directory."""
    return Path(value).expanduser()


def password(value: str) -> str:
    """Read a password that bcrypt can hash whole: 8 to 72 bytes of UTF-8."""
    if not 8 <= len(value.encode()) <= 72:
        raise ValueError("give 8 to 72 bytes")
    return value


def long_secret(value: str) -> str:
    """Read a secret that nobody guesses: at least 16 characters."""
    if len(value) < 16:
        raise ValueError("give at least 16 characters, for example from `openssl rand -hex 32`")
    return value


def signing_key(value: str) -> str:
    """Check that this is a signing key, or names its file, and return it as it is."""
    from ledger.signing import InvalidKey, Signer  # only who signs needs the library

    try:
        Signer.read(value)
    except InvalidKey as error:
        raise ValueError(str(error)) from None
    return value


def url(*schemes: str) -> Reader:
    """Return a reader of URLs with one of these schemes."""

    def read(value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in schemes or not parts.netloc:
            raise ValueError(
                f"give a URL that starts with {' or '.join(f'{s}://' for s in schemes)}"
            )
        return value

    return read


def workers(value: str) -> int:
    """Read a number of worker processes; auto, or 0, is one for each core that may be used."""
    if value.lower() in ("auto", "0"):
        usable = getattr(os, "sched_getaffinity", None)
        return len(usable(0)) if usable is not None else os.cpu_count() or 1
    try:
        return int(integer(1, MOST_WORKERS)(value))
    except ValueError:
        raise ValueError(f"give auto or a whole number from 1 to {MOST_WORKERS}") from None
