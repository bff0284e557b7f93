"""The body of a seal: its parts, its exact bytes, its digest and its signature.

Owns the format of `ledger.sealed`, version 2. Promises that the digest covers everything but the
signature: the writers' heads, a Merkle root over the public digests of each writer's events since
the seal before, and that seal's digest. So one digest, written down, binds all that came before it,
and a receipt can prove one event without showing another, nor what it cost upstream. Refuses bodies
that are not of this form.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import orjson

from ledger.errors import LedgerError
from ledger.events import Document
from ledger.signing import is_signed

TYPE, VERSION = "ledger.sealed", 2


@dataclass(frozen=True, slots=True)
class Head:
    """How far a writer is sealed: up to `seq`, whose hash is `hash`.

    `root` is that of the tree over the public digests of first_seq to seq; None if there are none.
    """

    writer: int
    seq: int
    hash: str
    first_seq: int
    root: str | None

    @classmethod
    def from_json(cls, data: Mapping[str, object]) -> Self:
        """Read an entry of a seal's `heads`. Raises LedgerError."""
        writer, seq, first_seq = data.get("writer"), data.get("seq"), data.get("first_seq")
        text, root = data.get("hash"), data.get("root")
        if not (
            isinstance(writer, int)
            and isinstance(seq, int)
            and isinstance(first_seq, int)
            and isinstance(text, str)
            and isinstance(root, str | None)
        ):
            raise LedgerError("a seal names a head that is none")
        return cls(int(writer), int(seq), text, int(first_seq), root)

    def to_json(self) -> Document:
        """Return the entry of a seal's `heads`."""
        return {
            "writer": self.writer,
            "seq": self.seq,
            "hash": self.hash,
            "first_seq": self.first_seq,
            "root": self.root,
        }

    @property
    def events(self) -> int:
        """How many events of the writer this seal adds."""
        return self.seq - self.first_seq + 1


@dataclass(frozen=True, slots=True)
class Seal:
    """A seal as its event's body says it, with its digest."""

    number: int
    digest: str
    previous: str | None
    sealed_us: int
    heads: dict[int, Head]
    public_key: str | None
    signature: str | None

    @classmethod
    def of(cls, body: Mapping[str, object]) -> Self:
        """Read the body of a seal. Raises LedgerError when it is none."""
        number, previous, heads = body.get("number"), body.get("previous"), body.get("heads")
        sealed_us, key, signature = (
            body.get("sealed_us"),
            body.get("public_key"),
            body.get("signature"),
        )
        if not (
            isinstance(number, int)
            and isinstance(previous, str | None)
            and isinstance(heads, list)
            and isinstance(sealed_us, int)
            and isinstance(key, str | None)
            and isinstance(signature, str | None)
        ):
            raise LedgerError("this is not a seal")
        found = [Head.from_json(head) for head in heads]
        return cls(
            number=int(number),
            digest=digest_of(body),
            previous=previous,
            sealed_us=int(sealed_us),
            heads={head.writer: head for head in found},
            public_key=key,
            signature=signature,
        )

    def to_json(self) -> Document:
        """Return what somebody needs to know of a seal from outside."""
        return {
            "number": self.number,
            "digest": self.digest,
            "previous": self.previous,
            "sealed_us": self.sealed_us,
            "events": sum(head.seq for head in self.heads.values()),
            "writers": len(self.heads),
            "public_key": self.public_key,
            "signature": self.signature,
        }


def signed_bytes(body: Mapping[str, object]) -> bytes:
    """Return what a seal's digest and signature cover: its body without the signature."""
    bare = {name: value for name, value in body.items() if name != "signature"}
    return orjson.dumps(bare, option=orjson.OPT_SORT_KEYS)


def digest_of(body: Mapping[str, object]) -> str:
    """Return a seal's digest: SHA-256 over `signed_bytes`, as 64 hexadecimal digits."""
    return hashlib.sha256(signed_bytes(body)).hexdigest()


def is_genuine(body: Mapping[str, object]) -> bool:
    """Tell whether a seal is unsigned, or signed by the very key that it names."""
    key, signature = body.get("public_key"), body.get("signature")
    if key is None and signature is None:
        return True
    if not isinstance(key, str) or not isinstance(signature, str):
        return False
    return is_signed(signed_bytes(body), signature, key)


def is_seal(event: Document) -> bool:
    """Tell whether an event is a seal that binds (version 1 was never recorded)."""
    return bool(event["type"] == TYPE and event["v"] >= VERSION)
