"""The public view of an event: what whoever pays for it may see.

Owns which fields are hidden from the account's owner: what a request cost upstream, and the
fingerprints from which that could be guessed. Seals bind the digests of public views, so that a
receipt proves an event without showing them. Promises never to change: another view needs another
version of the seal. Refuses nothing.
"""

import hashlib

import orjson

from ledger.events import Document

# `req_hash`, `hash` and `prev` cover the hidden fields or are covered with them: somebody who knows
# everything else of an event could try costs until a fingerprint fits.
HIDDEN = frozenset(("prev", "hash", "req_hash"))
HIDDEN_IN_CHARGE = frozenset(("cost_nano",))
HIDDEN_IN_ATTEMPT = frozenset(("cost_nano", "cost", "usage", "estimated"))
CHARGED = "usage.charged"


def public_view(event: Document) -> Document:
    """Return a stored event without what is hidden."""
    shown = {name: value for name, value in event.items() if name not in HIDDEN}
    body = event["body"]
    if event["type"] == CHARGED and isinstance(body, dict):
        shown["body"] = _public_charge(body)
    return shown


def public_digest(event: Document) -> str:
    """Return SHA-256 over the canonical bytes of the public view, as 64 hexadecimal digits."""
    text = orjson.dumps(public_view(event), option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(text).hexdigest()


def _public_charge(body: Document) -> Document:
    shown = {name: value for name, value in body.items() if name not in HIDDEN_IN_CHARGE}
    attempts = body.get("attempts")
    if isinstance(attempts, list):
        shown["attempts"] = [_public_attempt(attempt) for attempt in attempts]
    return shown


def _public_attempt(attempt: object) -> object:
    if not isinstance(attempt, dict):
        return attempt
    return {name: value for name, value in attempt.items() if name not in HIDDEN_IN_ATTEMPT}
