"""What /api says to people, in the language that they ask for.

The sentences in the code are English, and stay so in logs and books. `conf/words/LANGUAGE/` maps
them to those of another language, as templates: {0} is a part that is copied, {name} a part that
is said in that language too, where it is known. A sentence that is not there stays English.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from string import Formatter
from typing import Any, NamedTuple

from ledger import yaml_text

_CONF = Path(__file__).parent.parent / "conf"
FOLDER, VENDORS = _CONF / "words", _CONF / "providers.yaml"
ENGLISH = "en"
#: Longer messages are not looked up; they hold something that was sent, and are said as they are.
MOST_CHARS = 10_000
_MOST_HEADER_CHARS = 500
#: How often a part of a message may hold another message.
_DEPTH = 5
_ACCEPTED = re.compile(
    r"\s*([A-Za-z]{1,8})(?:-[A-Za-z0-9-]{1,30})?\s*(?:;\s*q=([01](?:\.\d{0,3})?)\s*)?"
)
_FIELD = re.compile(r"[^\s:]{1,200}: ")


@dataclass(frozen=True, slots=True)
class Template:
    """A sentence with gaps: `names[i]` stands between `literals[i]` and `literals[i + 1]`."""

    literals: tuple[str, ...]
    names: tuple[str, ...]

    @classmethod
    def of(cls, text: str) -> "Template":
        """Read a template; braces of the sentence's own are doubled, as in format strings."""
        literals, names = [""], list[str]()
        for literal, name, _, _ in Formatter().parse(text):
            literals[-1] += literal
            if name is not None:
                names.append(name)
                literals.append("")
        return cls(tuple(literals), tuple(names))

    def fit(self, text: str) -> dict[str, str] | None:
        """Return what stands in the gaps if the text is this sentence.

        Each literal is taken where it is found first, so that this takes one look at the text.
        """
        if not self.names:
            return {} if text == self.literals[0] else None
        first, *middle, last = self.literals
        begin, end = len(first), len(text) - len(last)
        if begin > end or not text.startswith(first) or not text.endswith(last):
            return None
        values = []
        for literal in middle:
            at = text.find(literal, begin, end)
            if at < 0:
                return None
            values.append(text[begin:at])
            begin = at + len(literal)
        return dict(zip(self.names, (*values, text[begin:end]), strict=True))

    def filled(self, values: Mapping[str, str]) -> str:
        """Return the sentence with its gaps filled."""
        parts = (
            values[name] + after for name, after in zip(self.names, self.literals[1:], strict=True)
        )
        return self.literals[0] + "".join(parts)


class _Found(NamedTuple):
    """What is said, and how many characters of the message were a sentence's own."""

    weight: int
    said: str


class Words:
    """The sentences of one language. `language` is its tag, such as zh-CN."""

    def __init__(self, language: str, sentences: Mapping[str, str]) -> None:
        self.language = language
        read = [(Template.of(theirs), Template.of(ours)) for theirs, ours in sentences.items()]
        self._whole = {t.literals[0]: ours.literals[0] for t, ours in read if not t.names}
        # Where a message fits several, the one with the most words of its own is meant.
        gaps = [(sum(map(len, t.literals)), t, ours) for t, ours in read if t.names]
        self._gaps = sorted(gaps, key=lambda entry: -entry[0])

    def say(self, message: str) -> str:
        """Say a message in this language; one that is not known is returned as it is."""
        found = self._known(message, _DEPTH) if len(message) <= MOST_CHARS else None
        return found.said if found else message

    def _known(self, message: str, depth: int) -> _Found | None:
        """Look a message up: as it is, with gaps, and after the name of a field, which stays."""
        if message in self._whole:
            return _Found(len(message), self._whole[message])
        if not depth:
            return None
        found = self._with_gaps(message, depth)
        field = _FIELD.match(message)
        rest = self._known(message[field.end() :], depth - 1) if field else None
        if field and rest and (found is None or rest.weight >= found.weight):
            return _Found(rest.weight, field.group() + rest.said)
        return found

    def _with_gaps(self, message: str, depth: int) -> _Found | None:
        for weight, theirs, ours in self._gaps:
            values = theirs.fit(message)
            if values is not None:
                said = {name: self._part(name, values[name], depth - 1) for name in values}
                return _Found(weight, ours.filled(said))
        return None

    def _part(self, name: str, value: str, depth: int) -> str:
        found = None if name.isdecimal() else self._known(value, depth)
        return found.said if found else value


def asked_for(accept_language: str) -> Words | None:
    """Return the words of the language that a client likes best (RFC 9110, 12.5.4).

    Only the first part of a tag counts. None is English, also for who says nothing.
    """
    best, best_share = ENGLISH, 0.0
    for item in accept_language[:_MOST_HEADER_CHARS].split(","):
        accepted = _ACCEPTED.fullmatch(item)
        if accepted is None:
            continue
        language, share = accepted[1].lower(), float(accepted[2] or 1)
        if share > best_share and (language == ENGLISH or language in _languages()):
            best, best_share = language, share
    return None if best == ENGLISH else _read(_languages()[best])


@cache
def _languages() -> dict[str, Path]:
    """Return where the words of each language are, by the first part of its tag."""
    folders = (path for path in sorted(FOLDER.iterdir()) if path.is_dir())
    return {path.name.partition("-")[0].lower(): path for path in folders}


@cache
def _read(folder: Path) -> Words:
    """Read a language's files; when it is first asked for."""
    sentences = dict(_of_vendors(yaml_text.parsed(VENDORS.read_text("utf-8")), folder.name))
    for path in sorted(folder.glob("*.yaml")):
        sentences |= yaml_text.parsed(path.read_text("utf-8"))
    return Words(folder.name, sentences)


def _of_vendors(node: Any, language: str) -> Iterator[tuple[str, str]]:
    """Yield what the catalogue of vendors says in both languages: refusals quote it."""
    if isinstance(node, dict) and isinstance(node.get(language), str):
        yield _plain(node[ENGLISH]), _plain(node[language])
    elif isinstance(node, dict | list):
        for inner in node.values() if isinstance(node, dict) else node:
            yield from _of_vendors(inner, language)


def _plain(text: str) -> str:
    """Write a text as a template without gaps."""
    return text.replace("{", "{{").replace("}", "}}")
