"""Merkle trees over the digests of events.

Owns the trees of the seals: those of RFC 6962, with the 32 bytes of a digest as a leaf. A leaf is
hashed behind the byte 0 and two nodes behind the byte 1, so that no node passes for a leaf; a tree
of n leaves is split behind the largest power of two below n. Promises to hold a logarithm of
the leaves, never all of them, and that a path proves both the leaf and its place. Refuses nothing:
whatever does not fit gives another root.
"""

import hashlib
from collections.abc import Sequence
from typing import Self

DIGEST_BYTES = 32


def leaf_digest(digest: str) -> bytes:
    """Return the digest of a leaf, from 64 hexadecimal digits.

    Raises ValueError when it is none.
    """
    return hashlib.sha256(b"\x00" + bytes.fromhex(digest)).digest()


def node_digest(left: bytes, right: bytes) -> bytes:
    """Return the digest of the node over two others."""
    return hashlib.sha256(b"\x01" + left + right).digest()


class Tree:
    """A tree that grows by leaves from the left, and may watch the path of one of them."""

    __slots__ = ("_path", "_perfect", "_watched", "_watched_at", "size")

    def __init__(self, watched: int | None = None) -> None:
        """Begin an empty tree; `watched` is the index from 0 of the leaf whose path is wanted."""
        self.size = 0
        # Perfect subtrees from left to right, each smaller than the one before: (leaves, digest).
        self._perfect: list[tuple[int, bytes]] = []
        self._watched = watched
        self._watched_at: int | None = None  # which subtree holds the watched leaf
        self._path: list[bytes] = []

    def add(self, leaf: str) -> None:
        """Append a leaf. Raises ValueError when the text is no digest."""
        perfect, watched_at = self._perfect, self._watched_at
        leaves, digest = 1, leaf_digest(leaf)
        if self.size == self._watched:
            watched_at = len(perfect)
        while perfect and perfect[-1][0] == leaves:
            _, left = perfect.pop()
            if watched_at == len(perfect):
                self._path.append(digest)
            elif watched_at == len(perfect) + 1:
                self._path.append(left)
                watched_at = len(perfect)
            leaves, digest = leaves * 2, node_digest(left, digest)
        perfect.append((leaves, digest))
        self._watched_at = watched_at
        self.size += 1

    def root(self) -> str | None:
        """Return the root over all leaves so far as hexadecimal text; None for no leaves."""
        if not self._perfect:
            return None
        digest = self._perfect[-1][1]
        for _, left in reversed(self._perfect[:-1]):
            digest = node_digest(left, digest)
        return digest.hex()

    def path(self) -> list[str]:
        """Return the digests beside the way from the watched leaf up to the root, lowest first.

        Raises ValueError when the tree has not reached the watched leaf.
        """
        at = self._watched_at
        if at is None:
            raise ValueError("the tree does not hold the watched leaf")
        path, perfect = list(self._path), self._perfect
        right = [digest for _, digest in perfect[at + 1 :]]
        if right:
            digest = right.pop()
            while right:
                digest = node_digest(right.pop(), digest)
            path.append(digest)
        path += [digest for _, digest in reversed(perfect[:at])]
        return [digest.hex() for digest in path]

    def to_json(self) -> list[list[int | str]]:
        """Return what the tree remembers, without the watched leaf."""
        return [[leaves, digest.hex()] for leaves, digest in self._perfect]

    @classmethod
    def from_json(cls, data: Sequence[Sequence[int | str]]) -> Self:
        """Return the tree that `to_json` described."""
        tree = cls()
        tree._perfect = [(int(leaves), bytes.fromhex(str(digest))) for leaves, digest in data]
        tree.size = sum(leaves for leaves, _ in tree._perfect)
        return tree


def root_of(leaves: Sequence[str]) -> str | None:
    """Return the root over these leaves; None for none. Raises ValueError for no digest."""
    tree = Tree()
    for leaf in leaves:
        tree.add(leaf)
    return tree.root()


def root_from_path(leaf: str, index: int, size: int, path: Sequence[str]) -> str:
    """Return the root that a path leads to from leaf `index` of `size`.

    Raises ValueError when no tree of this size has such a path.
    """
    if not 0 <= index < size:
        raise ValueError(f"a tree of {size} leaves has none with the index {index}")
    digest, last = leaf_digest(leaf), size - 1
    for step in path:
        beside = bytes.fromhex(step)
        if len(beside) != DIGEST_BYTES or not last:
            raise ValueError("the path does not fit the tree")
        if index % 2 or index == last:
            digest = node_digest(beside, digest)
            while index and not index % 2:
                index, last = index // 2, last // 2
        else:
            digest = node_digest(digest, beside)
        index, last = index // 2, last // 2
    if last:
        raise ValueError("the path is too short for the tree")
    return digest.hex()
