"""Words that an operator does not want sent anywhere: the option SensitiveWords, one on each line.

They are compiled into one expression, as a tree by their letters, so that a text is read once
however many words there are.
"""

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

MOST_WORDS = 5_000
MAX_LENGTH = 100
MAX_TEXT = 200_000

_Tree = dict[str, "_Tree"]
_END = ""


def check(value: Any) -> str:
    """Return the option's value with each word once. Raises ValueError."""
    if not isinstance(value, str):
        raise ValueError("must be text, one word or phrase on each line")
    found = list(dict.fromkeys(" ".join(line.split()) for line in value.splitlines()))
    kept = [word for word in found if word]
    if len(kept) > MOST_WORDS or sum(map(len, kept)) > MAX_TEXT:
        raise ValueError(f"must have at most {MOST_WORDS:,} words of {MAX_TEXT:,} letters in all")
    for word in kept:
        if len(word.casefold()) > MAX_LENGTH or not word.isprintable():
            raise ValueError(f"{word[:40]!r} is too long or holds control characters")
    checked = "\n".join(kept)
    try:
        pattern_of(checked)
    except RecursionError:
        raise ValueError("too many of these long words begin alike") from None
    return checked


@lru_cache(maxsize=2)
def pattern_of(words: str) -> re.Pattern[str] | None:
    """Return what finds any of the words in a text that was folded; None where there is none."""
    tree: _Tree = {}
    for word in words.splitlines():
        at = tree
        for letter in word.casefold():
            at = at.setdefault(letter, {})
        at[_END] = {}
    return re.compile(_written(tree)) if tree else None


def _written(tree: _Tree) -> str:
    """Write a tree as an expression; a word that begins another one is found first."""
    if _END in tree:
        return ""
    branches = [_letter(letter) + _written(rest) for letter, rest in tree.items()]
    return branches[0] if len(branches) == 1 else f"(?:{'|'.join(branches)})"


def _letter(letter: str) -> str:
    return r"\s+" if letter == " " else re.escape(letter)


def pieces(texts: Iterable[str], size: int) -> Iterable[str]:
    """Cut texts into pieces of about a size that overlap, so that no word is cut in two."""
    # Folding makes of some letters up to three; blanks between words may be many, within reason.
    overlap = MAX_LENGTH * 4
    for text in texts:
        for start in range(0, max(len(text), 1), size):
            yield text[start : start + size + overlap]
