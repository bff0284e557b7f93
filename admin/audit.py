"""Who changed what in the directory, as events.

One helper for every route that changes a user, key, channel, code or option. Amounts are not
audited here: they are events of their own. Secrets never reach an event.
"""

import uuid
from collections.abc import Mapping
from typing import Any

import orjson

from ledger.books import Books
from ledger.events import Draft

MASK = "***"
MAX_TEXT = 4_000
_SECRET_PARTS = ("password", "secret", "token", "hash")
_SECRET_NAMES = frozenset({"key", "sk", "ak", "vertex_ai_adc", "system_prompt"})


async def audit(
    books: Books,
    actor: str,
    action: str,
    subject: str,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> None:
    """Record one change, e.g. action "channel.update", subject "channel:3".

    `before` and `after` hold the changed fields only; either is None where there was, or is,
    nothing. Raises BooksUnavailable.
    """
    body = {"action": action, "object": subject, "before": masked(before), "after": masked(after)}
    await books.record(
        Draft(f"audit:{uuid.uuid4()}", "audit.recorded", "directory", 0, actor, body)
    )


def masked(fields: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Make fields fit for an event: secrets masked, long texts cut, numbers whole or text."""
    if fields is None:
        return None
    return {str(name): MASK if is_secret(str(name)) else plain(v) for name, v in fields.items()}


def is_secret(name: str) -> bool:
    """Tell by its name whether a field holds a secret (masks rather too much than too little)."""
    lowered = name.lower()
    return lowered in _SECRET_NAMES or any(part in lowered for part in _SECRET_PARTS)


def plain(value: Any) -> Any:
    """Write a value with the few types that an event may hold, in bounded length."""
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, Mapping):
        # As text: names inside may hold dots and dollars, which a database reads its own way.
        return plain(orjson.dumps(masked(value)).decode())
    if isinstance(value, set | frozenset):
        value = sorted(value)
    if isinstance(value, list | tuple):
        value = ",".join(map(str, value))
    text = str(value)
    return text if len(text) <= MAX_TEXT else f"{text[:MAX_TEXT]}… ({len(text)} characters)"


def changed(
    before: Mapping[str, Any], after: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Keep of two states only the fields that differ."""
    names = [name for name in after if before.get(name) != after[name]]
    return {name: before.get(name) for name in names}, {name: after[name] for name in names}
