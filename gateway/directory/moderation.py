"""The options of moderation, as text: whose requests are moderated, and from which score on."""

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from gateway.directory import checks

ALL = "all"
_LONGEST, _MOST = 2_000, 100
_LONGEST_NAME = 60

_names = checks.names(32, most=_MOST)
_object = checks.json_object(_LONGEST)


def groups(value: Any) -> str:
    """Return a list of groups, such as "default,vip", in canonical form; "" is all of them.

    Raises ValueError.
    """
    named: list[str] = _names(value)
    return ",".join(named) if named and ALL not in named else ALL


@lru_cache(maxsize=4)
def _groups(stored: str) -> frozenset[str]:
    return frozenset(stored.split(","))


def concerns(stored: str, group: str) -> bool:
    """Whether requests of a group are moderated."""
    return stored == ALL or group in _groups(stored)


def thresholds(value: Any) -> str:
    """Return a JSON object of categories and scores from 0 to 1. Raises ValueError."""
    stored: str = _object(value)
    for name, score in json.loads(stored).items():
        if not name or len(name) > _LONGEST_NAME or not name.isprintable():
            raise ValueError(f"{name[:60]!r} is no category")
        if not isinstance(score, int | float) or isinstance(score, bool) or not 0 < score <= 1:
            raise ValueError(f'{name}: must be a score such as 0.8, as in {{"violence": 0.8}}')
    return stored


@lru_cache(maxsize=4)
def scores(stored: str) -> Mapping[str, float]:
    """Return the thresholds of an option's value; parsed once."""
    found: dict[str, float] = json.loads(stored)
    return found
