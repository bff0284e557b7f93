"""Rules by model, as options hold them: JSON such as {"gpt-4*": "drain", "*": "estimate"}.

A name that ends in * stands for all models that begin so. The model's own name wins, then the
longest beginning.
"""

import json
from collections.abc import Callable, Collection, Mapping
from functools import lru_cache
from typing import Any

MAX_RULES = 1_000
MAX_NAME = 200
NONE = "{}"


def check(*rules: str) -> Callable[[Any], str]:
    """Return the check of such an option; `rules` are those that it may name."""

    def checked(value: Any) -> str:
        if not isinstance(value, str):
            raise ValueError("must be text")
        return json.dumps(_read(value, rules), ensure_ascii=False) if value.strip() else NONE

    return checked


def _read(text: str, rules: Collection[str]) -> dict[str, str]:
    try:
        parsed = json.loads(text)
    except (ValueError, RecursionError):
        parsed = None
    if not isinstance(parsed, dict):
        raise ValueError(f'must be a JSON object such as {{"gpt-4*": "{next(iter(rules))}"}}')
    if len(parsed) > MAX_RULES:
        raise ValueError(f"must have at most {MAX_RULES:,} entries")
    for name, rule in parsed.items():
        if not name or len(name) > MAX_NAME or "*" in name[:-1] or not name.isprintable():
            raise ValueError(f"{name[:60]!r} is neither a model nor the beginning of one and *")
        if rule not in rules:
            raise ValueError(f"{name[:60]}: {str(rule)[:40]!r} is none of {', '.join(rules)}")
    return parsed


def choose(text: str, model: str) -> str | None:
    """Return the rule for a model from an option's value; None where it has none."""
    exact, beginnings = _sorted(text)
    found = exact.get(model)
    if found is None:
        found = next((rule for start, rule in beginnings if model.startswith(start)), None)
    return found


@lru_cache(maxsize=16)
def _sorted(text: str) -> tuple[Mapping[str, str], tuple[tuple[str, str], ...]]:
    """Return the rules for names, and those for beginnings, longest first; parsed once."""
    rules: dict[str, str] = json.loads(text)
    starts = [(name[:-1], rule) for name, rule in rules.items() if name.endswith("*")]
    exact = {name: rule for name, rule in rules.items() if not name.endswith("*")}
    return exact, tuple(sorted(starts, key=lambda each: -len(each[0])))
