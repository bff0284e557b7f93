"""Merkle trees: the fast growing tree against the definition of RFC 6962, and its paths."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.merkle import Tree, leaf_digest, node_digest, root_from_path, root_of


def hashes(count: int) -> list[str]:
    return [hashlib.sha256(str(n).encode()).hexdigest() for n in range(count)]


def defined_root(leaves: list[str]) -> bytes:
    """MTH of RFC 6962, section 2.1, word for word."""
    if len(leaves) == 1:
        return leaf_digest(leaves[0])
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return node_digest(defined_root(leaves[:split]), defined_root(leaves[split:]))


sizes = st.integers(1, 200)


def test_known_values() -> None:
    one = "00" * 32
    leaf = hashlib.sha256(b"\x00" + bytes(32)).digest()
    assert root_of([]) is None
    assert root_of([one]) == leaf.hex()
    assert root_of([one, one]) == hashlib.sha256(b"\x01" + leaf + leaf).hexdigest()


@given(sizes)
def test_a_growing_tree_has_the_defined_root(size: int) -> None:
    assert root_of(hashes(size)) == defined_root(hashes(size)).hex()


@given(sizes, st.data())
def test_every_path_leads_to_the_root(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    leaves, tree = hashes(size), Tree(index)
    for leaf in leaves:
        tree.add(leaf)
    path = tree.path()
    assert root_from_path(leaves[index], index, size, path) == root_of(leaves)
    assert len(path) <= size.bit_length()


@given(sizes, st.data())
def test_no_other_leaf_place_size_or_path_leads_there(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    leaves, tree = hashes(size), Tree(index)
    for leaf in leaves:
        tree.add(leaf)
    path, root, good = tree.path(), tree.root(), leaves[index]
    wrong = [("f" * 64, index, size, path), (good, index, size, [*path, "a" * 64])]
    wrong += [(good, other, size, path) for other in range(size) if other != index]
    if path:
        step = data.draw(st.integers(0, len(path) - 1))
        wrong.append((good, index, size, path[:step] + path[step + 1 :]))
        wrong.append((good, index, size, [*path[:step], "b" * 64, *path[step + 1 :]]))
    for attempt in wrong:
        try:
            assert root_from_path(*attempt) != root
        except ValueError:
            continue


@given(sizes, sizes)
def test_a_tree_that_was_put_away_goes_on(before: int, after: int) -> None:
    leaves, tree = hashes(before + after), Tree()
    for leaf in leaves[:before]:
        tree.add(leaf)
    again = Tree.from_json(tree.to_json())
    for leaf in leaves[before:]:
        again.add(leaf)
    assert again.root() == root_of(leaves) and again.size == len(leaves)


def test_a_node_does_not_pass_for_a_leaf() -> None:
    left, right = hashes(2)
    inner = leaf_digest(left) + leaf_digest(right)
    assert hashlib.sha256(b"\x00" + inner).hexdigest() != root_of([left, right])


@pytest.mark.parametrize("index, size", [(-1, 1), (1, 1), (0, 0)])
def test_a_leaf_outside_the_tree_has_no_path(index: int, size: int) -> None:
    with pytest.raises(ValueError):
        root_from_path("0" * 64, index, size, [])


def test_a_leaf_that_never_came_has_no_path() -> None:
    tree = Tree(3)
    tree.add("0" * 64)
    with pytest.raises(ValueError):
        tree.path()
