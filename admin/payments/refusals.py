"""Notices that were refused although their signature is good: recorded once each, for the operator.

Somebody paid, or was paid back, and the books did not follow; a person has to look.
"""

import hashlib
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import orjson

from admin.audit import masked
from admin.errors import ApiError
from ledger.books import Books
from ledger.errors import KeyReused
from ledger.events import Document, Draft
from ledger.store import Store

ACTION = "payment.refused"
_PREFIX = "audit:payment:"


class Refused(ApiError):
    """A notice that is not what it should be. `said` is what it says, without secrets."""

    def __init__(self, why: str, said: Mapping[str, Any], *, status: int = 409) -> None:
        super().__init__(status, why)
        self.said = dict(said)


async def note(books: Books, refused: Refused) -> None:
    """Record a refusal; the same one again is recorded once. Raises BooksUnavailable."""
    said = {**refused.said, "why": refused.message}
    digest = hashlib.sha256(orjson.dumps(said, option=orjson.OPT_SORT_KEYS)).hexdigest()[:32]
    provider = refused.said.get("provider")
    body = {
        "action": ACTION,
        "object": f"payment:{provider}:{refused.said.get('reference')}"[:200],
        "before": None,
        "after": masked(said),
    }
    draft = Draft(
        f"{_PREFIX}{digest}", "audit.recorded", "directory", 0, f"payment:{provider}", body
    )
    with suppress(KeyReused):
        await books.record(draft)


async def listed(store: Store, skip: int, limit: int) -> tuple[list[Document], int]:
    """Return a page of refusals, newest first, and how many there are."""
    wanted = {"_id": {"$gte": _PREFIX, "$lt": f"{_PREFIX[:-1]};"}}
    found = await store.find_list("events", wanted, sort=[("ts", -1)], skip=skip, limit=limit)
    return found, await store.count("events", wanted)
