"""Checking the seals beside each other: numbers, digests, heads, signatures.

Owns where the chain of seals stands while it is read. Promises that a seal that is missing, changed
or signed by another key is named, and that an expected digest is found or missed. Whether events
are those that were sealed is for ledger/check_chain.py. Refuses to mend anything.
"""

from collections.abc import Collection

from ledger.errors import LedgerError
from ledger.events import Document
from ledger.report import Report
from ledger.seal_body import TYPE, VERSION, Head, Seal, is_genuine


class SealCheck:
    """Walks the chain of seals.

    `keys` are the public keys that are trusted: the last seal must be signed by one of them, and
    it binds all before it. `expected` are digests that somebody wrote down.
    """

    def __init__(
        self,
        report: Report,
        *,
        keys: Collection[str] = (),
        expected: Collection[str] = (),
        last: Seal | None = None,
    ) -> None:
        self.last = last
        self._report = report
        self._keys = keys
        self._wanted = set(expected)
        if last is not None:
            self._wanted.discard(last.digest)

    def check(self, event: Document) -> Seal | None:
        """Note what is wrong with the next seal and return it; None when it can't be read."""
        subject, add = str(event.get("_id")), self._report.add
        try:
            seal = Seal.of(event["body"])
        except (LedgerError, KeyError, AttributeError, TypeError) as error:
            add("seal invalid", subject, str(error))
            return None
        self._report.seals += 1
        expected = self.last.number + 1 if self.last else 1
        if seal.number > expected:
            gap = f"{expected}" + (f" to {seal.number - 1}" if seal.number > expected + 1 else "")
            add("seal missing", f"seal {gap}", f"seal {seal.number} is there and it is not")
        elif seal.number < expected:
            add("seal invalid", subject, "its number is there twice")
        elif seal.previous != (self.last.digest if self.last else None):
            add("seal broken", subject, "it does not follow the seal before it")
        if (event["type"], event["v"]) != (TYPE, VERSION) or subject != f"seal:{seal.number}":
            add("seal invalid", subject, f"it is no event {TYPE} of this number")
        self._check_signature(seal, event["body"])
        self._check_heads(seal)
        self._wanted.discard(seal.digest)
        self.last = seal
        return seal

    def _check_signature(self, seal: Seal, body: Document) -> None:
        if not is_genuine(body):
            message = f"its signature is not that of {seal.public_key}"
            self._report.add("seal forged", f"seal {seal.number}", message)
        elif seal.public_key is not None:
            self._report.signed += 1

    def _check_heads(self, seal: Seal) -> None:
        """Each writer goes on where the seal before left it, and none is forgotten."""
        add, subject = self._report.add, f"seal {seal.number}"
        before = self.last.heads if self.last else {}
        for writer in before.keys() - seal.heads.keys():
            add("seal broken", subject, f"it forgets writer {writer}")
        for writer, head in seal.heads.items():
            former = before.get(writer)
            if not _follows(head, former):
                at = former.seq if former else 0
                add("seal broken", subject, f"writer {writer} does not go on behind number {at}")

    def end(self) -> None:
        """Note what the whole chain of seals lacks."""
        report, last = self._report, self.last
        if last is not None:
            key = f", signed by {last.public_key}" if last.public_key else ", not signed"
            report.last_seal = f"number {last.number}, digest {last.digest}{key}"
        for digest in sorted(self._wanted):
            report.add("seal missing", "expected seal", f"no seal has the digest {digest}")
        if not self._keys:
            return
        if last is None or last.public_key is None:
            report.add(
                "seal unsigned", "last seal", "a public key was given, but it has no signature"
            )
        elif last.public_key not in self._keys:
            message = f"it is signed by {last.public_key}, which is no key that was given"
            report.add("seal forged", f"seal {last.number}", message)


def _follows(head: Head, former: Head | None) -> bool:
    if head.first_seq != (former.seq + 1 if former else 1) or head.events < 0:
        return False
    if head.events:
        return head.root is not None
    return head.root is None and former is not None and head.hash == former.hash
