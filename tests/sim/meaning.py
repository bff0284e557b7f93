"""What events mean, in the auditor's own words: shares nothing with the ledger."""

import hashlib
import json
from typing import Any

Document = dict[str, Any]
COLUMNS = ("credited", "spent", "adjusted", "requests", "lots", "consumed")
NOTHING = (0,) * len(COLUMNS)


class Violation(AssertionError):
    """The books are wrong."""


def text(value: Any) -> str:
    """Return the canonical JSON of a value."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def kind_of(account: str) -> str:
    """Return what kind of account this is, such as "user"."""
    return account.partition(":")[0]


def hash_of(event: Document) -> str:
    """Return the hash that a stored event must have."""
    bare = {key: value for key, value in event.items() if key not in ("prev", "hash")}
    return hashlib.sha256((event["prev"] + text(bare)).encode()).hexdigest()


def content_of(event: Document) -> str:
    """Return what an event says, without its place in the books."""
    return text([event["type"], event["account"], event["amount"], event["body"]])


def effects(event: Document) -> dict[str, tuple[int, ...]]:
    """Say what an event does to accounts: the columns, each grows by so much."""
    kind, account, amount, body = event["type"], event["account"], event["amount"], event["body"]
    if kind == "usage.charged":
        return _charged(event)
    if kind in ("recharge.credited", "grant.signup", "redemption.redeemed"):
        lot = body.get("lot")
        added = {account: (amount, 0, 0, 0, int(lot is not None), 0)}
        if lot is not None:
            added[f"lot:{account.partition(':')[2]}:{lot['id']}"] = (amount, 0, 0, 0, 0, 0)
        if kind == "redemption.redeemed":
            added[f"code:{body['code']}"] = (0, amount, 0, 1, 0, 0)
        return added
    if kind == "balance.adjusted":
        return {account: (0, 0, amount, 0, 0, max(0, -amount))}
    if kind == "lot.expired":
        left = body["left_nano"]
        return {
            account: (0, 0, amount, 0, 0, -amount),
            body["lot"]: (0, 0, -left, 0, 0, left),
        }
    if kind == "epoch.closed":
        return {}
    raise Violation(f"nobody asked for an event of type {kind}")


def _charged(event: Document) -> dict[str, tuple[int, ...]]:
    """A charge counts for its user, key, channel and budgets; lots pay a part of it."""
    account, body, spent = event["account"], event["body"], -event["amount"]
    held, lots = body["hold"]["accounts"], body.get("lots", [])
    touched = {account, f"key:{body['key']}", f"channel:{body['channel']}"}
    touched |= {a for a in held if kind_of(a) == "budget"}
    added = {a: (0, spent, 0, 1, 0, spent if a in held else 0) for a in touched}
    for lot, nano in lots:
        _, owner, name = lot.split(":")
        expires_s = int(name.split("-")[1])
        if expires_s and event["at"] >= expires_s * 1_000_000:
            raise Violation(f"{event['_id']} takes from {lot} after its time")
        if f"user:{owner}" != account or nano <= 0 or lot in added:
            raise Violation(f"{event['_id']} takes {nano} from {lot} of {account}")
        added[lot] = (0, nano, 0, 0, 0, nano)
    if sum(nano for _, nano in lots) > spent:
        raise Violation(f"{event['_id']} takes more from lots than it charges")
    return added


def late(event: Document, content: str, amount: int) -> bool:
    """Whether this is a charge promised on a disk that came back late, and how it may look then:
    cut down to what the account still had, the rest as shortfall, and nothing of it from lots."""
    missing = event["amount"] - amount
    if event["type"] != "usage.charged" or missing < 0:
        return False
    promised = json.loads(content)
    body = {**event["body"], "shortfall_nano": event["body"]["shortfall_nano"] - missing}
    promised[3].pop("lots", None)
    return text([event["type"], event["account"], amount, body]) == text(promised)
