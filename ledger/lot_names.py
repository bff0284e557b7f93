"""Lots by name: a part of a user's balance with a source, and perhaps an expiry.

Owns the accounts' names, `lot:<user id>:<source>-<expiry, unix seconds or 0>-<digest>`: all that
matters of a lot is in its name, so that whoever reads an event that names it needs nothing else.
Promises that a lot follows from the event that opens it, which opens one at most: a replay is the
same lot. Refuses sources that it does not know, and expiries that are no whole seconds.
"""

import hashlib
import re
from dataclasses import dataclass

from ledger.events import Document

US_PER_S = 1_000_000
# In the order in which they are spent.
SOURCES = ("gift", "paid")
MAX_EXPIRES_S = 253_402_300_799

_NAME = re.compile(r"lot:(\d{1,15}):([a-z]{1,20})-(\d{1,12})-([0-9a-f]{12})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Lot:
    """A lot as its account's name tells it. `expires_us` is None for one that never expires."""

    account: str
    user: int
    source: str
    expires_us: int | None

    def is_open(self, now_us: int) -> bool:
        """Whether it may still be spent."""
        return self.expires_us is None or now_us < self.expires_us

    @property
    def rank(self) -> tuple[int, int]:
        """Gifts before what was paid for; what expires earlier before what expires later."""
        source = SOURCES.index(self.source) if self.source in SOURCES else len(SOURCES)
        return source, MAX_EXPIRES_S * US_PER_S if self.expires_us is None else self.expires_us


def body_of(event_id: str, source: str, expires_s: int | None) -> Document:
    """Return what an event that opens a lot says of it. Raises ValueError."""
    if source not in SOURCES:
        raise ValueError(f"the source of a lot is one of {', '.join(SOURCES)}")
    if expires_s is not None and not 0 < expires_s <= MAX_EXPIRES_S:
        raise ValueError("the expiry of a lot is a time in unix seconds")
    digest = hashlib.sha256(event_id.encode()).hexdigest()[:12]
    return {
        "id": f"{source}-{expires_s or 0}-{digest}",
        "source": source,
        "expires_us": None if expires_s is None else expires_s * US_PER_S,
    }


def opened_by(event: Document) -> str | None:
    """Return the account of the lot that an event opens, if it does."""
    lot = event["body"].get("lot")
    return f"lot:{event['account'].partition(':')[2]}:{lot['id']}" if lot else None


def parse(account: str) -> Lot | None:
    """Read a lot from its account's name; None for any other account."""
    match = _NAME.fullmatch(account)
    if match is None:
        return None
    expires_s = int(match[3])
    return Lot(account, int(match[1]), match[2], expires_s * US_PER_S if expires_s else None)


def expired(account: str, now_us: int) -> bool:
    """Whether a lot's time is over; what is no lot never expires."""
    lot = parse(account)
    return lot is not None and not lot.is_open(now_us)


def fault(event: Document) -> str | None:
    """Say what is wrong with the split of a charge over lots; None when nothing is."""
    split = event["body"].get("lots") or ()
    taken = sum(nano for _, nano in split)
    if taken > -event["amount"]:
        return f"takes {taken} nano-dollars from lots, more than it charges"
    owner = event["account"].partition(":")[2]
    for account, _ in split:
        lot = parse(account)
        if lot is None or str(lot.user) != owner:
            return f"takes from {account}, which is not a lot of {event['account']}"
    if len({account for account, _ in split}) != len(split):
        return "takes from one lot twice"
    return None


def span(user: int | None = None) -> Document:
    """Return the range of ids that the lots of one user, or all lots, have."""
    prefix = "lot" if user is None else f"lot:{user}"
    return {"_id": {"$gte": f"{prefix}:", "$lt": f"{prefix};"}}
