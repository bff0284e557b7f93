"""Wanted: which cells a filter on events selects.

Owns the translation of filters (as the database understands them) into conditions on cells.
Promises that the signed terms of several filters count an event that matches many of them once.
Refuses, by returning None, what cells cannot answer; the events themselves must be read then.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

from ledger.cubes import ACCOUNT, CHANNEL, GROUP, KEY, MODEL, TYPE, Key

FIELDS = {
    "type": TYPE,
    "account": ACCOUNT,
    "body.key": KEY,
    "body.model": MODEL,
    "body.channel": CHANNEL,
    "body.group": GROUP,
}
TRIED_FIELD = "body.attempts.channel"

Filter = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Cells whose dimensions have one of the allowed values each.

    With `tried`, what was only tried on the allowed channel counts as well.
    """

    allowed: Mapping[int, frozenset[Any]]
    tried: bool = False

    def matches(self, key: Key) -> bool:
        """Tell whether a cell with this key is wanted."""
        return all(key[at] in values for at, values in self.allowed.items())

    def both(self, other: Self) -> Self | None:
        """Return what both want, None if that is nothing."""
        allowed = dict(self.allowed)
        for at, values in other.allowed.items():
            allowed[at] = allowed[at] & values if at in allowed else values
        if not all(allowed.values()):
            return None
        return replace(self, allowed=allowed, tried=self.tried or other.tried)


def translate(filters: Sequence[Filter]) -> list[Wanted] | None:
    """Return what filters without `_id` select; no filter selects everything."""
    wanted: list[Wanted] = []
    for given in filters or ({},):
        one = _translate(given)
        if one is None:
            return None
        if one.tried:
            answered = replace(one, tried=False)
            if answered not in wanted:
                return None
            wanted[wanted.index(answered)] = one
        else:
            wanted.append(one)
    if any(one.tried for one in wanted) and sum(CHANNEL in one.allowed for one in wanted) > 1:
        return None
    return wanted


def _translate(given: Filter) -> Wanted | None:
    allowed: dict[int, frozenset[Any]] = {}
    for field, condition in given.items():
        at = CHANNEL if field == TRIED_FIELD else FIELDS.get(field)
        values = _values(condition)
        if at is None or values is None or at in allowed:
            return None
        allowed[at] = values
    return Wanted(allowed, TRIED_FIELD in given)


def _values(condition: Any) -> frozenset[Any] | None:
    if isinstance(condition, (str, int)):
        return frozenset((condition,))
    if isinstance(condition, Mapping) and set(condition) == {"$in"}:
        return frozenset(condition["$in"])
    return None


def terms(wanted: Iterable[Wanted]) -> list[tuple[int, Wanted]]:
    """Return terms with signs whose sum counts what any of them wants once."""
    rest = list(wanted)
    if not rest:
        return []
    first = rest.pop(0)
    overlaps = [both for other in rest if (both := first.both(other)) is not None]
    return [(1, first), *terms(rest), *((-sign, both) for sign, both in terms(overlaps))]
