"""Every kind of single tampering with a bundle, by somebody who knows the format.

Each works on a copy of a bundle in a directory and says in words what it did. Those whose names
speak of mending recompute what they can downstream: hashes, links, roots, digests, sums, the
manifest. What none of them has is the signing key.
"""

import gzip
import hashlib
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson

from ledger.accounts import Sums, effects
from ledger.events import Document, chain_hash
from ledger.merkle import root_of
from ledger.public import public_digest
from ledger.seal_body import digest_of

SORTED = orjson.OPT_SORT_KEYS


class Tampered:
    """A bundle that somebody edits."""

    def __init__(self, path: Path, rng: random.Random) -> None:
        self.path = path
        self.rng = rng
        self.manifest: Document = orjson.loads((path / "manifest.json").read_bytes())

    # -- files ----------------------------------------------------------------------------------

    def lines(self, name: str) -> list[Document]:
        with gzip.open(self.path / name) as file:
            return [orjson.loads(line) for line in file]

    def write(self, name: str, documents: list[Document]) -> None:
        """Write a file of lines and make the manifest agree with it."""
        raw = b"".join(orjson.dumps(d, option=SORTED) + b"\n" for d in documents)
        data = gzip.compress(raw, 1)
        (self.path / name).write_bytes(data)
        told = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        for key in ("seals", "accounts"):
            if self.manifest[key]["file"] == name:
                self.manifest[key] |= {**told, "lines": len(documents)}
        for segment in self.manifest["segments"]:
            if segment["file"] == name:
                segment |= told
        self.save()

    def write_segment(self, segment: Document, events: list[Document]) -> None:
        """Write a segment and describe it as it is now."""
        first, last = events[0], events[-1]
        segment |= {"events": len(events), "first_seq": first["seq"], "last_seq": last["seq"]}
        segment |= {"first_prev": first["prev"], "last_hash": last["hash"]}
        segment |= {"first_ts": first["ts"], "last_ts": last["ts"]}
        self.write(segment["file"], events)

    def save(self) -> None:
        data = orjson.dumps(self.manifest, option=SORTED)
        (self.path / "manifest.json").write_bytes(data)

    # -- choosing -------------------------------------------------------------------------------

    def segment(self) -> Document:
        chosen: Document = self.rng.choice(self.manifest["segments"])
        return chosen

    def place(
        self, wanted: Callable[[Document], bool] = lambda event: True
    ) -> tuple[Document, list[Document], int]:
        """Choose an event: its segment, that segment's events, and where it is."""
        segments = list(self.manifest["segments"])
        self.rng.shuffle(segments)
        for segment in segments:
            events = self.lines(segment["file"])
            fitting = [n for n, event in enumerate(events) if wanted(event)]
            if fitting:
                return segment, events, self.rng.choice(fitting)
        raise AssertionError("the bundle has no such event")

    # -- mending --------------------------------------------------------------------------------

    def mend_chain(self, writer: int) -> None:
        """Link and hash a writer's events anew, and number them without a gap."""
        prev, seq = "0" * 64, 1
        for segment in self.manifest["segments"]:
            if segment["writer"] == writer:
                events = []
                for event in self.lines(segment["file"]):
                    event |= {"seq": seq, "prev": prev}
                    event["hash"] = prev = chain_hash(prev, event)
                    events.append(event)
                    seq += 1
                self.write_segment(segment, events)
        self.manifest["events"] = sum(s["events"] for s in self.manifest["segments"])
        self.save()

    def mend_seals(self) -> None:
        """Make all seals say what the events say now, unsigned ones even with their digests."""
        chains: dict[int, list[Document]] = {}
        for segment in self.manifest["segments"]:
            chains.setdefault(segment["writer"], []).extend(self.lines(segment["file"]))
        previous, mended, last = None, [], self.lines("seals.jsonl.gz")
        for event in last:
            body: Any = event["body"]
            body["previous"] = previous
            for head in body["heads"]:
                events = chains[head["writer"]]
                head["seq"] = min(head["seq"], len(events))
                head["hash"] = events[head["seq"] - 1]["hash"]
                covered = events[head["first_seq"] - 1 : head["seq"]]
                head["root"] = root_of([public_digest(each) for each in covered])
            event["hash"] = chain_hash(event["prev"], event)
            previous = digest_of(body)
            mended.append(event)
        self.manifest["seal"]["digest"] = previous
        self.write("seals.jsonl.gz", mended)

    def mend_sums(self) -> None:
        """Make the accounts say what the events say now."""
        sums: dict[str, Sums] = {}
        for segment in self.manifest["segments"]:
            for event in self.lines(segment["file"]):
                for effect in effects(event):
                    sums.setdefault(effect.account, Sums()).add(effect, "1", event["seq"])
        accounts = self.lines("accounts.jsonl.gz")
        for account in accounts:
            found = sums.get(account["_id"], Sums())
            account["columns"] = {name: n for name, n in found.columns.items() if n}
        self.write("accounts.jsonl.gz", accounts)


def _changed(name: str, change: Callable[[Document], None]) -> Callable[[Tampered], str]:
    def plant(tampered: Tampered) -> str:
        segment, events, at = tampered.place(lambda event: event["type"] == "usage.charged")
        change(events[at])
        tampered.write_segment(segment, events)
        return f"{name} of number {events[at]['seq']}"

    return plant


def _double(event: Document) -> None:
    event["amount"] = event["amount"] * 2 - 1


def _reprice(event: Document) -> None:
    """Change the usage and the amount so that they agree, and the event's own hash."""
    event["body"]["usage"]["input"] += 1
    event["amount"] -= 1_000
    event["hash"] = chain_hash(event["prev"], event)


def event_repriced_and_all_mended(tampered: Tampered) -> str:
    said = _changed("usage", _reprice)(tampered)
    for writer in {segment["writer"] for segment in tampered.manifest["segments"]}:
        tampered.mend_chain(writer)
    tampered.mend_sums()
    tampered.mend_seals()
    return said


def event_removed(tampered: Tampered) -> str:
    segment, events, at = tampered.place(lambda event: event["seq"] > 1)
    gone = events.pop(at)
    tampered.write_segment(segment, events)
    return f"number {gone['seq']}"


def event_removed_and_chain_mended(tampered: Tampered) -> str:
    said = event_removed(tampered)
    for writer in {segment["writer"] for segment in tampered.manifest["segments"]}:
        tampered.mend_chain(writer)
    tampered.mend_sums()
    return said


def event_inserted(tampered: Tampered) -> str:
    segment, events, at = tampered.place(lambda event: event["type"] == "usage.charged")
    copy = orjson.loads(orjson.dumps(events[at]))
    copy["_id"] += "x"
    copy["body"]["request_id"] += "x"
    copy["hash"] = chain_hash(copy["prev"], copy)
    events.insert(at + 1, copy)
    tampered.write_segment(segment, events)
    return f"a copy behind number {copy['seq']}"


def event_inserted_and_chain_mended(tampered: Tampered) -> str:
    said = event_inserted(tampered)
    for writer in {segment["writer"] for segment in tampered.manifest["segments"]}:
        tampered.mend_chain(writer)
    tampered.mend_sums()
    return said


def events_swapped(tampered: Tampered) -> str:
    segment, events, at = tampered.place(lambda event: event["seq"] > 1)
    other = at - 1 if at else min(1, len(events) - 1)
    if other == at:  # a segment of one: move its number instead
        events[at]["seq"] += 1
    events[at], events[other] = events[other], events[at]
    tampered.write_segment(segment, events)
    return f"around number {events[at]['seq']}"


def events_swapped_and_chain_mended(tampered: Tampered) -> str:
    said = events_swapped(tampered)
    for writer in {segment["writer"] for segment in tampered.manifest["segments"]}:
        tampered.mend_chain(writer)
    return said


def link_cut(tampered: Tampered) -> str:
    segment, events, at = tampered.place(lambda event: event["seq"] > 1)
    events[at]["prev"] = "0" * 64
    events[at]["hash"] = chain_hash(events[at]["prev"], events[at])
    tampered.write_segment(segment, events)
    return f"before number {events[at]['seq']}"


def tail_cut(tampered: Tampered) -> str:
    segment = tampered.manifest["segments"][-1]
    events = tampered.lines(segment["file"])
    count = tampered.rng.randint(1, max(1, min(5, len(events) - 1)))
    if len(events) > count:
        tampered.write_segment(segment, events[:-count])
    else:
        tampered.manifest["segments"].remove(segment)
        (tampered.path / segment["file"]).unlink()
    tampered.manifest["events"] -= count
    tampered.mend_sums()
    return f"{count} events"


def tail_cut_and_seals_mended(tampered: Tampered) -> str:
    said = tail_cut(tampered)
    tampered.mend_seals()
    return said


def segment_removed(tampered: Tampered) -> str:
    segment = tampered.segment()
    (tampered.path / segment["file"]).unlink()
    return str(segment["file"])


def segment_removed_and_manifest_mended(tampered: Tampered) -> str:
    segment = tampered.segment()
    (tampered.path / segment["file"]).unlink()
    tampered.manifest["segments"].remove(segment)
    tampered.manifest["events"] -= segment["events"]
    tampered.mend_sums()
    return str(segment["file"])


def segment_byte_flipped(tampered: Tampered) -> str:
    path = tampered.path / tampered.segment()["file"]
    data = bytearray(path.read_bytes())
    at = tampered.rng.randrange(len(data))
    data[at] ^= 1 << tampered.rng.randrange(8)
    path.write_bytes(data)
    return f"byte {at} of {path.name}"


def segment_cut_off(tampered: Tampered) -> str:
    path = tampered.path / tampered.segment()["file"]
    data = path.read_bytes()
    path.write_bytes(data[: tampered.rng.randrange(len(data))])
    return path.name


def file_added(tampered: Tampered) -> str:
    name = tampered.segment()["file"].replace("w", "w9", 1)
    (tampered.path / name).write_bytes(b"")
    return name


def balance_changed(tampered: Tampered) -> str:
    accounts = tampered.lines("accounts.jsonl.gz")
    account = tampered.rng.choice(accounts)
    column = tampered.rng.choice(sorted(account["columns"]) or ["credited"])
    account["columns"][column] = account["columns"].get(column, 0) + 1
    tampered.write("accounts.jsonl.gz", accounts)
    return f"{column} of {account['_id']}"


def account_removed(tampered: Tampered) -> str:
    accounts = tampered.lines("accounts.jsonl.gz")
    gone = accounts.pop(tampered.rng.randrange(len(accounts)))
    tampered.write("accounts.jsonl.gz", accounts)
    return str(gone["_id"])


def account_added(tampered: Tampered) -> str:
    accounts = tampered.lines("accounts.jsonl.gz")
    accounts.append({"_id": "user:999999", "columns": {"credited": 5}, "consumed_by": {}})
    tampered.write("accounts.jsonl.gz", accounts)
    return "user:999999"


def seal_removed(tampered: Tampered) -> str:
    seals = tampered.lines("seals.jsonl.gz")
    gone = seals.pop(tampered.rng.randrange(len(seals)))
    if seals:
        tampered.manifest["seal"] |= {
            "number": seals[-1]["body"]["number"],
            "digest": digest_of(seals[-1]["body"]),
        }
    tampered.write("seals.jsonl.gz", seals)
    return f"seal {gone['body']['number']}"


def seal_changed(tampered: Tampered) -> str:
    seals = tampered.lines("seals.jsonl.gz")
    chosen = tampered.rng.choice(seals)
    chosen["body"]["sealed_us"] += 1
    chosen["hash"] = chain_hash(chosen["prev"], chosen)
    tampered.manifest["seal"]["digest"] = digest_of(seals[-1]["body"])
    tampered.write("seals.jsonl.gz", seals)
    return f"the time of seal {chosen['body']['number']}"


def signatures_removed(tampered: Tampered) -> str:
    seals = tampered.lines("seals.jsonl.gz")
    for event in seals:
        event["body"] |= {"public_key": None, "signature": None}
    tampered.write("seals.jsonl.gz", seals)
    tampered.mend_seals()
    return "of all seals, and they are mended"


def manifest_count_changed(tampered: Tampered) -> str:
    tampered.manifest["events"] += 1
    tampered.save()
    return "events"


def manifest_balances_changed(tampered: Tampered) -> str:
    tampered.manifest["balances_nano"] += 1
    tampered.save()
    return "balances_nano"


def _set(name: str, value: object) -> Callable[[Document], None]:
    return lambda event: event.update({name: value})


TAMPERINGS: dict[str, Callable[[Tampered], str]] = {
    "amount changed": _changed("amount", _double),
    "time changed": _changed("ts", lambda event: event.update(ts=event["ts"] + 1)),
    "effective time changed": _changed("at", lambda event: event.update(at=event["at"] - 1)),
    "account changed in an event": _changed("account", _set("account", "user:2")),
    "actor changed": _changed("actor", _set("actor", "user:0")),
    "id changed": _changed("_id", lambda event: event.update(_id=event["_id"] + "x")),
    "type changed": _changed("type", _set("type", "audit.recorded")),
    "epoch changed": _changed("epoch", lambda event: event.update(epoch=event["epoch"] + 1)),
    "fingerprint changed": _changed("req_hash", _set("req_hash", "0" * 32)),
    "hash changed": _changed("hash", _set("hash", "f" * 64)),
    "field added": _changed("a field", _set("note", "x")),
    "field removed": _changed("actor", lambda event: (event.pop("actor"), None)[1]),
    "amount as a float": _changed("amount", lambda e: e.update(amount=float(e["amount"]))),
    "usage and amount changed with own hash": _changed("usage", _reprice),
    "usage and amount changed, all mended": event_repriced_and_all_mended,
    "event removed": event_removed,
    "event removed, chain and sums mended": event_removed_and_chain_mended,
    "event inserted": event_inserted,
    "event inserted, chain and sums mended": event_inserted_and_chain_mended,
    "events swapped": events_swapped,
    "events swapped, chain mended": events_swapped_and_chain_mended,
    "link cut": link_cut,
    "tail cut": tail_cut,
    "tail cut, sums and seals mended": tail_cut_and_seals_mended,
    "segment removed": segment_removed,
    "segment removed, manifest mended": segment_removed_and_manifest_mended,
    "segment with a flipped bit": segment_byte_flipped,
    "segment cut off": segment_cut_off,
    "file added": file_added,
    "balance changed": balance_changed,
    "account removed": account_removed,
    "account added": account_added,
    "seal removed": seal_removed,
    "seal changed": seal_changed,
    "signatures removed, seals mended": signatures_removed,
    "manifest: count changed": manifest_count_changed,
    "manifest: balances changed": manifest_balances_changed,
}
