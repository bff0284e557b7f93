"""Events: what happened, once and for ever.

Owns the shape of an event, its validation against the versioned schemas in conf/events/, its
canonical bytes and its hash. Promises that equal events have equal bytes on every machine: JSON
with sorted keys and no spaces, in which every value is text, a whole number, true, false, null, a
list or an object. Refuses anything else, floats above all, and every event that breaks its schema.
"""

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import fastjsonschema
import orjson

from ledger import yaml_text
from ledger.errors import InvalidEvent
from ledger.money import MAX_NANO, usd

Document = dict[str, Any]

GENESIS = "0" * 64
SCHEMA_DIR = Path(__file__).parent.parent / "conf" / "events"
MAX_ID_LENGTH = 200
MAX_EVENT_BYTES = 8 * 1024 * 1024

_SIGNS: dict[str, Callable[[int], bool]] = {
    "credit": lambda amount: amount > 0,
    "debit": lambda amount: amount <= 0,
    "zero": lambda amount: amount == 0,
    "any": lambda amount: True,
}


@dataclass(frozen=True, slots=True)
class Draft:
    """An event that somebody wants recorded.

    `id` is the idempotency key; `amount_nano` is signed, seen from `account`; `at_us` is when it
    took effect, in microseconds since the epoch (None: the moment it is recorded).
    """

    id: str
    type: str
    account: str
    amount_nano: int
    actor: str
    body: Document
    at_us: int | None = None


@dataclass(frozen=True, slots=True)
class Receipt:
    """Proof that an event is durable. `replayed` means that it was there before this call.

    `spilled` means that it is on this machine's disk and will be recorded when the database is
    back: it has no number and no hash yet.
    """

    event_id: str
    writer: int
    epoch: int
    seq: int
    ts_us: int
    hash: str
    replayed: bool = False
    spilled: bool = False


def receipt_of(event: Document, *, replayed: bool = False) -> Receipt:
    """Return the receipt of a stored event."""
    return Receipt(
        event["_id"],
        event["writer"],
        event["epoch"],
        event["seq"],
        event["ts"],
        event["hash"],
        replayed,
    )


@dataclass(frozen=True, slots=True)
class Schema:
    """What one version of an event type allows: which accounts, which sign, which body."""

    type: str
    account: re.Pattern[str]
    sign: str
    check_body: Callable[[Document], Document]


class Schemas:
    """All event schemas: conf/events/TYPE.vN.yaml, each compiled when it is first needed, which
    takes a few milliseconds and much memory; most are of events that are rare or of old times."""

    def __init__(self, directory: Path = SCHEMA_DIR) -> None:
        self.all = {_named(path): str(path) for path in sorted(directory.glob("*.yaml"))}
        if not self.all:
            raise InvalidEvent(f"no event schemas in {directory}")
        self._newest = dict(sorted(self.all))  # of each type the highest version comes last

    def check(self, draft: Draft) -> int:
        """Validate a draft and return the schema version it was checked against.

        Raises InvalidEvent naming the event and the field that is wrong.
        """
        version = self._newest.get(draft.type)
        if version is None:
            raise InvalidEvent(f"unknown event type {draft.type!r}")
        schema = compiled(self.all[draft.type, version])
        _check(schema, draft.id, draft.account, draft.amount_nano, draft.body)
        return version

    def check_stored(self, event: Document) -> None:
        """Validate a stored event against the version of the schema that it names.

        Raises InvalidEvent naming the event and the field that is wrong.
        """
        path = self.all.get((event["type"], event["v"]))
        if path is None:
            raise InvalidEvent(f"unknown event type {event['type']!r} version {event['v']!r}")
        schema = compiled(path)
        _check(schema, event["_id"], event["account"], event["amount"], event["body"])


def _named(path: Path) -> tuple[str, int]:
    """Return the type and the version that a schema's file is named after."""
    event_type, _, version = path.stem.rpartition(".v")
    return event_type, int(version)


def _check(schema: Schema, event_id: str, account: str, amount: int, body: Document) -> None:
    try:
        schema.check_body(body)
    except fastjsonschema.JsonSchemaException as error:
        raise InvalidEvent(f"{event_id}: {error}") from None
    _check_values(body, event_id)
    if not event_id or len(event_id) > MAX_ID_LENGTH:
        raise InvalidEvent(f"an event id has 1 to {MAX_ID_LENGTH} characters: {event_id[:80]}")
    if schema.account.fullmatch(account) is None:
        raise InvalidEvent(f"{event_id}: {schema.type} does not belong to {account!r}")
    if (
        isinstance(amount, bool)
        or not isinstance(amount, int)
        or not -MAX_NANO <= amount <= MAX_NANO
    ):
        raise InvalidEvent(f"{event_id}: the amount must be a 64-bit whole number")
    if not _SIGNS[schema.sign](amount):
        raise InvalidEvent(f"{event_id}: {schema.type} can't move {usd(amount)} USD")


@cache
def compiled(path: str) -> Schema:
    """Return the schema in a file, compiled once for all who check."""
    data = yaml_text.parsed(Path(path).read_text(encoding="utf-8"))
    return Schema(
        type=data["type"],
        account=re.compile(data["account"]),
        sign=data["sign"],
        check_body=fastjsonschema.compile(data["body"]),
    )


def _check_values(value: object, event_id: str) -> None:
    """Refuse what has no exact canonical form or does not fit the database, floats above all."""
    if value is None or isinstance(value, str):
        return
    if isinstance(value, int):
        if not -MAX_NANO <= value <= MAX_NANO:
            raise InvalidEvent(f"{event_id}: {value} does not fit into 64 bits")
    elif isinstance(value, list):
        for item in value:
            if type(item) is not str:  # most values are text: saves a call for each
                _check_values(item, event_id)
    elif isinstance(value, dict):
        for key, item in value.items():
            if type(key) is not str and not isinstance(key, str):
                raise InvalidEvent(f"{event_id}: a field name must be text, not {key!r}")
            if type(item) is str or item is None:
                continue
            if not isinstance(item, int) or not -MAX_NANO <= item <= MAX_NANO:
                _check_values(item, event_id)
    else:
        raise InvalidEvent(f"{event_id}: {type(value).__name__} {value!r} can't be in an event")


def request_hash(draft: Draft) -> str:
    """Fingerprint what a draft asks for, to tell a replay from an id reused for something else.

    Raises InvalidEvent when a value can't be written as canonical JSON.
    """
    wanted = [draft.type, draft.account, draft.amount_nano, draft.at_us, draft.body]
    try:
        text = orjson.dumps(wanted, option=orjson.OPT_SORT_KEYS)
    except (orjson.JSONEncodeError, TypeError) as error:
        raise InvalidEvent(f"{draft.id}: {error}") from None
    if len(text) > MAX_EVENT_BYTES:
        raise InvalidEvent(f"{draft.id}: {len(text)} bytes are too many for one event")
    return hashlib.sha256(text).hexdigest()[:32]


def canonical(event: Document) -> bytes:
    """Return the exact bytes that the hash covers: the event without `prev` and `hash`."""
    bare = event.copy()
    bare.pop("prev", None)
    bare.pop("hash", None)
    return orjson.dumps(bare, option=orjson.OPT_SORT_KEYS)


def chain_hash(prev: str, event: Document) -> str:
    """Return an event's hash: SHA-256 over the previous hash (hex text) and canonical bytes."""
    return hashlib.sha256(prev.encode() + canonical(event)).hexdigest()


def rfc3339(at_us: int) -> str:
    """Write microseconds since the epoch as RFC 3339 in UTC, with all six decimals."""
    seconds, micros = divmod(at_us, 1_000_000)
    moment = datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None)
    return f"{moment.isoformat()}.{micros:06d}Z"


def to_json(event: Document) -> Document:
    """Return the outside form of a stored event: exact amounts in USD and times in RFC 3339."""
    outside = {"id": event["_id"], **{k: v for k, v in event.items() if k != "_id"}}
    outside["amount"] = usd(event["amount"])
    outside["amount_nano"] = event["amount"]
    outside["at"] = rfc3339(event["at"])
    outside["ts"] = rfc3339(event["ts"])
    return outside
