"""Which groups a user's keys may be used in: the user's own, and those that all may choose."""

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from gateway.directory import checks

_LONGEST = 65_536
_parse = checks.json_object(_LONGEST)


def checked(value: Any) -> str:
    """Return the option: JSON such as {"default": "For everyone", "fast": "Twice the price"}.

    Raises ValueError.
    """
    stored: str = _parse(value)
    for name, says in json.loads(stored).items():
        if not 1 <= len(name) <= 32 or not isinstance(says, str) or len(says) > 500:
            raise ValueError("must map names of groups (1 to 32 characters) to descriptions")
    return stored


@lru_cache(maxsize=16)
def offered(option: str) -> Mapping[str, str]:
    """Return the groups that all users may choose for their keys, with what is said of each."""
    found: dict[str, str] = json.loads(option or "{}")
    return found


def may_use(group: str, own: str, option: str) -> bool:
    """Whether a key of a user of the group `own` may be used in a group."""
    return group == own or group in offered(option)
