"""Limits of the relay as they are stored: three numbers on a document, or a table in an option.

Zero is no limit everywhere. `rpm` counts requests and `tpm` tokens, both in any 60 seconds;
`concurrency` counts requests that are under way.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from gateway.directory import checks
from gateway.directory.checks import Check

NAMES = ("rpm", "tpm", "concurrency")
LONGEST_TABLE = 65_536
_LONGEST_NAME = 200
_NUMBER = checks.integer(0, checks.INT32_MAX)
EACH_USER = "each_user"
#: How the managers of documents check the three fields.
CHECKS: Mapping[str, Check] = dict.fromkeys(NAMES, _NUMBER)


@dataclass(frozen=True, slots=True)
class Limit:
    """What is allowed; `each_user`: each of a group's users who has no such number of their own."""

    rpm: int = 0
    tpm: int = 0
    concurrency: int = 0
    each_user: "Limit | None" = None


def table(*, of_groups: bool) -> Check:
    """Return the check of a JSON object such as {"default": {"rpm": 60, "tpm": 100000}}.

    Groups may also say `"each_user": {"rpm": 6}`. Stored as JSON text.
    """
    parse = checks.json_object(LONGEST_TABLE)

    def check(value: Any) -> str:
        stored: str = parse(value)
        for name, limit in json.loads(stored).items():
            if not name or len(name) > _LONGEST_NAME:
                raise ValueError(f"names must have 1 to {_LONGEST_NAME} characters")
            _check_limit(name, limit, of_groups)
        return stored

    return check


def _check_limit(path: str, limit: Any, each_user: bool) -> None:
    if not isinstance(limit, dict):
        raise ValueError(f'{path}: must be an object such as {{"rpm": 60, "tpm": 100000}}')
    for name, value in limit.items():
        if name == EACH_USER and each_user:
            _check_limit(f"{path}: {EACH_USER}", value, False)
        elif name in NAMES:
            try:
                _NUMBER(value)
            except ValueError as error:
                raise ValueError(f"{path}: {name} {error}") from None
        else:
            known = ", ".join((*NAMES, EACH_USER) if each_user else NAMES)
            raise ValueError(f"{path}: there is no limit {name[:60]!r}; there are {known}")


@lru_cache(maxsize=8)
def read(stored: str) -> Mapping[str, Limit]:
    """Read what `table` stored. Called for each request, so the last texts are remembered."""
    return {name: _read_one(limit) for name, limit in json.loads(stored or "{}").items()}


def _read_one(limit: Mapping[str, Any]) -> Limit:
    each = limit.get(EACH_USER)
    numbers = {name: limit.get(name, 0) for name in NAMES}
    return Limit(**numbers, each_user=None if each is None else _read_one(each))
