"""The public view of an event: what its owner may see.

Owns which fields are the operator's business (channels, upstream ids, attempts, costs) and the
fingerprints from which those could be guessed. Seals bind the digests of public views, so that a
receipt proves an event without showing them. Promises never to change: another view needs another
version of the seal. Refuses nothing.
"""

import hashlib

import orjson

from ledger.events import Document

# `req_hash`, `hash` and `prev` cover the hidden fields or are covered with them: somebody who knows
# everything else of an event could try costs until a fingerprint fits.
HIDDEN = frozenset(("prev", "hash", "req_hash"))
HIDDEN_IN_BODY = frozenset(("channel", "upstream_request_id", "attempts", "cost_nano"))


def public_view(event: Document) -> Document:
    """Return a stored event without what is hidden."""
    shown = event.copy()
    for name in HIDDEN:
        shown.pop(name, None)
    if isinstance(shown["body"], dict):
        body = shown["body"] = shown["body"].copy()
        for name in HIDDEN_IN_BODY:
            body.pop(name, None)
    return shown


def public_digest(event: Document) -> str:
    """Return SHA-256 over the canonical bytes of the public view, as 64 hexadecimal digits."""
    text = orjson.dumps(public_view(event), option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(text).hexdigest()
