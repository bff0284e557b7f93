"""`make licences`: the licence of each package that is shipped, as the packages themselves say it.

Python packages are those that `tollgate` needs with its extras (but `dev`), found from what is
installed; the console's are those of package-lock.json, where there is one. Exit status 1 if a
licence is none that this product may be shipped with.
"""

import json
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
EXTRAS = frozenset({"embedded", "speed", "import", "otel"})
# Each may be shipped beside the product under its own terms; all ask that its notice is kept.
ALLOWED = frozenset(
    "0BSD Apache-2.0 BSD-2-Clause BSD-3-Clause BSD CC0-1.0 CNRI-Python ISC MIT MIT-0 MPL-2.0"
    " PSF-2.0 Python-2.0 Unlicense Zlib".split()
)
# A program of its own, started by its command line (docs/adr/0005-embedded-database.md).
ALLOWED_FOR: Mapping[str, frozenset[str]] = {
    "secantusdb": frozenset({"GPL-2.0-only", "CC-BY-4.0"}),
}
# How packages say it that do not use the identifiers of SPDX.
NAMES: Mapping[str, str] = {
    "apache 2": "Apache-2.0",
    "apache 2.0": "Apache-2.0",
    "apache license": "Apache-2.0",
    "apache license 2.0": "Apache-2.0",
    "apache license, version 2.0": "Apache-2.0",
    "apache software license": "Apache-2.0",
    "apache-2": "Apache-2.0",
    "bsd": "BSD",
    "bsd license": "BSD",
    "bsd 3-clause license": "BSD-3-Clause",
    "3-clause bsd license": "BSD-3-Clause",
    "new bsd license": "BSD-3-Clause",
    "simplified bsd": "BSD-2-Clause",
    "dual license": "BSD",
    "gnu general public license v2 (gplv2)": "GPL-2.0-only",
    "isc license (iscl)": "ISC",
    "mit license": "MIT",
    "mozilla public license 2.0 (mpl 2.0)": "MPL-2.0",
    "python software foundation license": "PSF-2.0",
    "the unlicense (unlicense)": "Unlicense",
}

# Where the whole text stands instead of a name, a sentence that only this licence has.
TEXTS: Mapping[str, str] = {
    "Neither the name of": "BSD-3-Clause",
    "Permission is hereby granted, free of charge": "MIT",
}


_Part = Callable[[list[str], frozenset[str]], bool]


@dataclass(frozen=True, slots=True)
class Shipped:
    """A package that is shipped, and the licence that it states."""

    name: str
    version: str
    licence: str

    @property
    def is_allowed(self) -> bool:
        """Whether it may be shipped: all of `AND`, one of `OR`; what cannot be read may not be."""
        allowed = ALLOWED | ALLOWED_FOR.get(self.name, frozenset())
        words = re.findall(r"[()]|[^\s()]+", self.licence)
        try:
            return _either(words, allowed) and not words
        except IndexError:
            return False


def _either(words: list[str], allowed: frozenset[str]) -> bool:
    return any(_joined("OR", _both, words, allowed))


def _both(words: list[str], allowed: frozenset[str]) -> bool:
    return all(_joined("AND", _one, words, allowed))


def _joined(joint: str, part: _Part, words: list[str], allowed: frozenset[str]) -> list[bool]:
    """Read parts with this word between them; what each of them says."""
    found = [part(words, allowed)]
    while words and words[0].upper() == joint:
        words.pop(0)
        found.append(part(words, allowed))
    return found


def _one(words: list[str], allowed: frozenset[str]) -> bool:
    word = words.pop(0)
    if word != "(":
        return word in allowed
    found = _either(words, allowed)
    return words.pop(0) == ")" and found


def stated(about: Distribution) -> str:
    """Return the licence of a distribution: its expression, its classifiers, or its own words."""
    fields = about.metadata
    expression = fields.get("License-Expression")
    if expression:
        return str(expression)
    last = [
        line.rsplit(" :: ", 1)[-1]
        for line in fields.get_all("Classifier") or ()
        if line.startswith("License :: ") and not line.endswith("OSI Approved")
    ]
    words = (fields.get("License") or "").strip()
    texts = [name for sentence, name in TEXTS.items() if sentence in " ".join(words.split())]
    said = last or texts or words.splitlines()[:1]
    return " OR ".join(NAMES.get(each.lower(), each) for each in said)


def python_packages(root: str = "tollgate", extras: frozenset[str] = EXTRAS) -> Iterator[Shipped]:
    """Yield all that a package needs, each once. Raises PackageNotFoundError if one is missing."""
    waiting = [Requirement(f"{root}[{','.join(sorted(extras))}]")]
    seen: set[str] = set()
    while waiting:
        wanted = waiting.pop()
        about = distribution(wanted.name)
        name = canonicalize_name(wanted.name)
        if name not in seen and name != root:
            yield Shipped(name, about.version, stated(about))
        seen.add(name)
        for line in about.requires or ():
            needed = Requirement(line)
            if needed.marker is None or any(
                needed.marker.evaluate({"extra": extra}) for extra in ("", *wanted.extras)
            ):
                if canonicalize_name(needed.name) not in seen or needed.extras:
                    waiting.append(needed)


def console_packages(lock: Path = ROOT / "package-lock.json") -> Iterator[Shipped]:
    """Yield the packages of the console that are no tools, or none without a lock of them."""
    packages: dict[str, dict[str, Any]] = {}
    if lock.exists():
        packages = json.loads(lock.read_text(encoding="utf-8"))["packages"]
    for place, about in sorted(packages.items()):
        if place and not about.get("dev"):
            name = about.get("name") or place.rsplit("node_modules/", 1)[-1]
            licence = str(about.get("license") or "")
            yield Shipped(name, str(about["version"]), NAMES.get(licence.lower(), licence))


def main() -> int:
    """Print the table; then name each package that may not be shipped."""
    try:
        found = [*sorted(python_packages(), key=lambda each: each.name), *console_packages()]
    except PackageNotFoundError as error:
        print(f"{error.name} is not installed: run make setup", file=sys.stderr)
        return 1
    for each in found:
        print(f"{each.name:28} {each.version:14} {each.licence}")
    refused = [each for each in found if not each.is_allowed]
    for each in refused:
        said = each.licence or "states none"
        print(f"{each.name}: {said}: no licence that may be shipped", file=sys.stderr)
    print(f"{len(found)} packages, {len(refused)} with a licence that may not be shipped")
    return 1 if refused else 0


if __name__ == "__main__":
    sys.exit(main())
