"""Receipts: one event, proved without the books.

Owns the form of a receipt: what its owner may see of an event, the path from there to the Merkle
root in a seal, and that seal. Promises that it holds nothing of other accounts and nothing of what
an answer cost upstream, and that it is checked with no database and no secrets. Refuses to hand out
a receipt that does not check out.

    {format, version, event, path: [digest], seal: body, later: [bodies], digest, how}
"""

from collections.abc import Collection
from contextlib import aclosing
from pathlib import Path
from typing import Any

from ledger import seals
from ledger.archive_source import everything
from ledger.archived import Archives
from ledger.books import Books
from ledger.bundle_work import schemas
from ledger.check_events import FAILURES, FIELDS
from ledger.errors import LedgerError
from ledger.events import Document
from ledger.merkle import Tree, root_from_path
from ledger.money import usd
from ledger.public import HIDDEN, HIDDEN_IN_BODY, public_digest, public_view
from ledger.recount import Recount
from ledger.report import Report
from ledger.seal_body import TYPE, Head, Seal, is_genuine
from ledger.seal_body import VERSION as SEAL_VERSION
from ledger.signing import Signer
from ledger.store import Store
from ledger.writers import SYSTEM_ACTOR

FORMAT, VERSION = "tollgate-receipt", 1
MOST_LATER = 10_000
HOW = (
    "tollgate ledger verify --receipt FILE --public-key KEY (or --expect-seal DIGEST); by hand:"
    " SHA-256 of the event as JSON with sorted keys and no spaces is a leaf of the tree (RFC 6962)"
    " whose root the seal names for the event's writer; docs/proof.md says the rest"
)


class NotSealed(LedgerError):
    """An event can't be sealed yet; the message says why."""

    code = "not_sealed"


async def seal_of(books: Books, signer: Signer | None, event: Document) -> Seal:
    """Return the seal that binds an event; one is made when there is none yet.

    Raises NotSealed when that is not possible, BooksUnavailable, StoreError.
    """
    writer, seq = int(event["writer"]), int(event["seq"])
    found = await seals.sealing(books.store, writer, seq)
    if found is None:
        await seals.seal(books, signer)
        found = await seals.sealing(books.store, writer, seq)
    if found is None:
        if event["type"] == TYPE:
            raise NotSealed("this is the last seal; the next one will bind it")
        raise NotSealed("the events before this one do not form a chain: verify says what is wrong")
    return found


async def make_receipt(
    store: Store,
    seal: Seal,
    event: Document,
    *,
    archives_dir: Path | None = None,
    through: int | None = None,
) -> Document:
    """Return the receipt of an event that a seal binds.

    With `through`, the bodies of later seals up to that number are in it, so that it can be checked
    against a digest that was written down later. Raises LedgerError when the books are damaged, or
    when an archive is needed that is not there.
    """
    head = seal.heads[int(event["writer"])]
    path = await _path(store, head, event, archives_dir)
    body = (await seals.by_numbers(store, [seal.number]))[0]["body"]
    receipt: Document = {
        "format": FORMAT,
        "version": VERSION,
        "event": public_view(event),
        "path": path,
        "seal": body,
        "later": [],
        "digest": seal.digest,
        "how": HOW,
    }
    if through is not None:
        last = min(through, seal.number + MOST_LATER)
        wanted = range(seal.number + 1, last + 1)
        receipt["later"] = [each["body"] for each in await seals.by_numbers(store, wanted)]
    report = check_receipt(receipt)
    if not report.ok:
        raise LedgerError(f"the books are damaged, so there is no receipt: {report.faults[0]}")
    return receipt


async def _path(store: Store, head: Head, event: Document, archives_dir: Path | None) -> list[str]:
    tree = Tree(int(event["seq"]) - head.first_seq)
    archives = await Archives.load(store)
    span = head.first_seq, head.seq
    found = everything(store, archives, archives_dir, head.writer, *span)
    async with aclosing(found):
        async for page in found:
            for each in page:
                tree.add(public_digest(each))
    try:
        return tree.path()
    except ValueError:
        raise LedgerError("the events that were sealed with this one are not all there") from None


def check_receipt(
    receipt: Any, *, keys: Collection[str] = (), expected: Collection[str] = ()
) -> Report:
    """Check a receipt and return what was found.

    `keys` are public keys of which one must have signed its seal or a later one in it; `expected`
    are digests, one of which must be that of its seal or of a later one in it.
    """
    report = Report("The receipt is right", "The receipt is not right")
    if not isinstance(receipt, dict) or receipt.get("format") != FORMAT:
        report.add("receipt invalid", "format", f"it is no {FORMAT}")
    elif receipt.get("version") != VERSION:
        report.add("receipt invalid", "version", f"only version {VERSION} is known")
    else:
        try:
            _check(receipt, report, keys, expected)
        except (LedgerError, *FAILURES) as error:
            report.add("receipt invalid", "receipt", f"it can't be read: {error}")
    return report


def _check(
    receipt: Document, report: Report, keys: Collection[str], expected: Collection[str]
) -> None:
    event, bodies = receipt["event"], [receipt["seal"], *receipt["later"]]
    found = [_check_seal(body, report) for body in bodies]
    for before, after in zip(found, found[1:], strict=False):
        if after.previous != before.digest or after.number != before.number + 1:
            report.add("seal broken", f"seal {after.number}", "it does not follow the one before")
    seal = found[0]
    if receipt["digest"] != seal.digest:
        report.add(
            "seal changed", f"seal {seal.number}", "it does not have the digest that is said"
        )
    _check_event(event, report)
    _check_path(event, seal, receipt["path"], report)
    report.events = report.writers = 1
    report.seals, report.signed = len(found), sum(each.public_key is not None for each in found)
    report.last_seal = f"number {found[-1].number}, digest {found[-1].digest}"
    if keys and not any(each.public_key in keys for each in found):
        by = seal.public_key or "nobody"
        report.add("seal forged", f"seal {seal.number}", f"it is signed by {by}")
    if expected and not any(each.digest in expected for each in found):
        report.add("seal missing", "expected seal", "no seal in it has a digest that was expected")


def _check_seal(body: Document, report: Report) -> Seal:
    seal = Seal.of(body)
    subject = f"seal {seal.number}"
    _check_form(body)
    if not is_genuine(body):
        report.add("seal forged", subject, f"its signature is not that of {seal.public_key}")
    return seal


def _check_form(body: Document) -> None:
    """Raise InvalidEvent unless the body obeys the schema of seals."""
    told = {"type": TYPE, "v": SEAL_VERSION, "account": seals.ACCOUNT, "amount": 0, "body": body}
    schemas().check_stored({"_id": seals.seal_id(body["number"]), "actor": SYSTEM_ACTOR, **told})


def _check_event(event: Document, report: Report) -> None:
    """Check what can be checked of an event that lacks what is hidden."""
    subject, body = str(event["_id"]), event["body"]
    if event.keys() != FIELDS - HIDDEN:
        report.add("receipt invalid", subject, "its event does not have the fields of one")
    hidden = [*(event.keys() & HIDDEN), *(body.keys() & HIDDEN_IN_BODY)]
    if hidden:
        report.add("receipt invalid", subject, f"{hidden[0]} is not for its owner")
    if event["type"] != "usage.charged":
        return
    priced = Recount().charge_nano(body["price"], body["usage"])
    charged = -event["amount"] + body["shortfall_nano"]
    if priced != charged:
        said = f"its factors give {usd(priced)} USD, the event says {usd(charged)} USD"
        report.add("amount wrong", subject, said)
    if subject != f"usage:{body['request_id']}":
        report.add("id wrong", subject, "the id is not the one of its request")


def _check_path(event: Document, seal: Seal, path: list[str], report: Report) -> None:
    subject, seq = str(event["_id"]), event["seq"]
    head = seal.heads.get(event["writer"])
    if head is None or not head.first_seq <= seq <= head.seq:
        message = f"seal {seal.number} says nothing of number {seq} of writer {event['writer']}"
        report.add("event not sealed", subject, message)
        return
    index, leaf = seq - head.first_seq, public_digest(event)
    try:
        root = root_from_path(leaf, index, head.events, path)
    except ValueError as error:
        report.add("event not sealed", subject, str(error))
        return
    if root != head.root:
        report.add("event not sealed", subject, "it is not what was sealed, or its path is not")
