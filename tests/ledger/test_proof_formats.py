"""docs/proof.md is exact: a verifier written from that page alone agrees with ours.

Nothing of the product is used below the line but to make the books.
"""

import base64
import gzip
import hashlib
import json

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from ledger import seals
from ledger.books import Books
from ledger.bundle import export_bundle
from ledger.clock import Clock
from ledger.events import Draft
from ledger.receipts import make_receipt
from ledger.signing import Signer
from tests.ledger.drafts import charge, recharge

pytestmark = pytest.mark.database

ODD = 'quotes " and \\ and / and \t \n \r \b \f \x01 \x7f ü € 😀 \u2028'


@pytest.fixture
async def written(store, tmp_path):
    """A bundle and two receipts, with odd text in them."""
    signer, books = Signer.make(), await Books.open(store, Clock(), flush_interval_s=0.01)
    await books.record(recharge("a", amount_nano=10**9))
    for n in range(11):
        await books.append(charge(f"r{n}", n))
        if n % 3 == 2:
            await seals.seal(books, signer)
    body = {"reason": ODD, "from_nano": None, "to_nano": None}
    await books.record(Draft("adjust:ü", "balance.adjusted", "user:1", 5, "user:1", body))
    await seals.seal(books, signer)
    await books.close()
    last = await seals.latest(store)
    await export_bundle(store, tmp_path / "bundle", last, made_by="test", now_us=1)
    receipts = []
    for event_id in ("usage:r4", "adjust:ü"):
        event = await store.find_one("events", {"_id": event_id})
        seal = await seals.sealing(store, event["writer"], event["seq"])
        receipts.append(await make_receipt(store, seal, event, through=last.number))
    return tmp_path / "bundle", json.loads(json.dumps(receipts)), last.digest


# -- from here on, from the page alone ----------------------------------------------------------


def canonical(value) -> bytes:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.encode()


def sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def without(document, *names):
    return {name: value for name, value in document.items() if name not in names}


def public_digest(event) -> bytes:
    view = without(event, "prev", "hash", "req_hash")
    hidden = ("channel", "upstream_request_id", "attempts", "cost_nano")
    return sha256(canonical({**view, "body": without(event["body"], *hidden)}))


def root(leaves) -> bytes:
    if len(leaves) == 1:
        return sha256(b"\x00" + leaves[0])
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return sha256(b"\x01" + root(leaves[:split]) + root(leaves[split:]))


def seal_digest(body) -> str:
    return sha256(canonical(without(body, "signature"))).hex()


def check_signature(body) -> None:
    key = Ed25519PublicKey.from_public_bytes(base64.b64decode(body["public_key"]))
    key.verify(base64.b64decode(body["signature"]), canonical(without(body, "signature")))


def lines(path):
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def test_a_bundle_follows_the_page(written) -> None:
    path, _, digest = written
    manifest = json.loads((path / "manifest.json").read_text())
    chains: dict[int, list] = {}
    for segment in manifest["segments"]:
        data = (path / segment["file"]).read_bytes()
        assert hashlib.sha256(data).hexdigest() == segment["sha256"]
        chains.setdefault(segment["writer"], []).extend(lines(path / segment["file"]))
    for events in chains.values():
        prev = "0" * 64
        for number, event in enumerate(events, 1):
            assert (event["seq"], event["prev"]) == (number, prev)
            prev = sha256(prev.encode() + canonical(without(event, "prev", "hash"))).hex()
            assert event["hash"] == prev
    assert any(event["body"].get("reason") == ODD for event in sum(chains.values(), []))
    previous, ends = None, {}
    for event in lines(path / "seals.jsonl.gz"):
        body = event["body"]
        assert body["previous"] == previous
        check_signature(body)
        for head in body["heads"]:
            writer, events = head["writer"], chains[head["writer"]]
            assert head["first_seq"] == ends.get(writer, 0) + 1
            assert head["hash"] == events[head["seq"] - 1]["hash"]
            covered = events[head["first_seq"] - 1 : head["seq"]]
            expected = root([public_digest(e) for e in covered]).hex() if covered else None
            assert head["root"] == expected
            ends[writer] = head["seq"]
        previous = seal_digest(body)
    assert previous == digest == manifest["seal"]["digest"]
    assert ends == {writer: len(events) for writer, events in chains.items()}


def test_a_receipt_follows_the_page(written) -> None:
    _, receipts, digest = written
    for receipt in receipts:
        seals_of = [receipt["seal"], *receipt["later"]]
        assert receipt["digest"] == seal_digest(receipt["seal"])
        for before, after in zip(seals_of, seals_of[1:], strict=False):
            assert after["previous"] == seal_digest(before)
            assert after["number"] == before["number"] + 1
        assert seal_digest(seals_of[-1]) == digest
        event = receipt["event"]
        (head,) = [h for h in receipt["seal"]["heads"] if h["writer"] == event["writer"]]
        i, n = event["seq"] - head["first_seq"], head["seq"] - head["first_seq"]
        r = sha256(b"\x00" + public_digest(event))
        for p in map(bytes.fromhex, receipt["path"]):
            assert n
            if i % 2 or i == n:
                r = sha256(b"\x01" + p + r)
                while i and not i % 2:
                    i, n = i // 2, n // 2
            else:
                r = sha256(b"\x01" + r + p)
            i, n = i // 2, n // 2
        assert n == 0 and r.hex() == head["root"]
        check_signature(receipt["seal"])
