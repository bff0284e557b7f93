"""The manifest of a bundle.

Owns its form. It says nothing that is not checked against the seals and the events: it only tells
where to look. Refuses what is not of this form.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from ledger.bundle_files import MANIFEST, BrokenBundle, Bundle, Lines
from ledger.errors import LedgerError
from ledger.segments import SUFFIX, Segment

FORMAT, VERSION = "tollgate-bundle", 1
SEALS, ACCOUNTS = f"seals{SUFFIX}", f"accounts{SUFFIX}"


@dataclass(frozen=True, slots=True)
class Backup:
    """What makes a bundle a backup (ledger/backup.py): the events from the last seal's head to the
    seal itself, and all collections that no events give back, by their names."""

    tail: Lines
    collections: Mapping[str, Lines]

    @classmethod
    def from_json(cls, data: object) -> "Backup":
        """Read it. Raises BrokenBundle."""
        found = data.get("collections") if isinstance(data, dict) else None
        if not isinstance(data, dict) or not isinstance(found, dict):
            raise BrokenBundle(MANIFEST, "lacks the collections of the backup")
        lines = {str(name): Lines.from_json(each) for name, each in found.items()}
        return cls(Lines.from_json(data.get("tail")), lines)

    @property
    def files(self) -> tuple[Lines, ...]:
        """All its files."""
        return self.tail, *self.collections.values()


@dataclass(frozen=True, slots=True)
class Manifest:
    """The manifest of a bundle, read and checked for its form."""

    events: int
    balances_nano: int
    number: int
    digest: str
    seals: Lines
    accounts: Lines
    segments: tuple[Segment, ...]
    backup: "Backup | None" = None

    @classmethod
    def read(cls, bundle: Bundle) -> "Manifest":
        """Read it. Raises BrokenBundle."""
        data = bundle.manifest()
        if data.get("format") != FORMAT or data.get("version") != VERSION:
            raise BrokenBundle(MANIFEST, f"is not that of a bundle ({FORMAT}, version {VERSION})")
        seal, segments = data.get("seal"), data.get("segments")
        numbers = [data.get("events"), data.get("balances_nano")]
        if not isinstance(seal, dict) or not isinstance(segments, list):
            raise BrokenBundle(MANIFEST, "lacks its seal or its segments")
        numbers.append(seal.get("number"))
        if not all(isinstance(n, int) for n in numbers) or not isinstance(seal.get("digest"), str):
            raise BrokenBundle(MANIFEST, "has a number that is none")
        try:
            described = sorted(
                (Segment.from_json(each) for each in segments if isinstance(each, dict)),
                key=lambda segment: (segment.writer, segment.first_seq),
            )
        except LedgerError as error:
            raise BrokenBundle(MANIFEST, str(error)) from None
        events, balances_nano, number = (int(n or 0) for n in numbers)
        lines = Lines.from_json(data.get("seals")), Lines.from_json(data.get("accounts"))
        backup = Backup.from_json(data["backup"]) if "backup" in data else None
        return cls(events, balances_nano, number, seal["digest"], *lines, tuple(described), backup)

    def names(self) -> set[str]:
        """Return the names of all files that the bundle has."""
        further = (lines.file for lines in self.backup.files) if self.backup else ()
        return {MANIFEST, SEALS, ACCOUNTS, *(segment.file for segment in self.segments), *further}
