"""The manifest of a bundle.

Owns its form. It says nothing that is not checked against the seals and the events: it only tells
where to look. Refuses what is not of this form.
"""

from dataclasses import dataclass

from ledger.bundle_files import MANIFEST, BrokenBundle, Bundle, Lines
from ledger.errors import LedgerError
from ledger.segments import SUFFIX, Segment

FORMAT, VERSION = "tollgate-bundle", 1
SEALS, ACCOUNTS = f"seals{SUFFIX}", f"accounts{SUFFIX}"


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
        return cls(events, balances_nano, number, seal["digest"], *lines, tuple(described))

    def names(self) -> set[str]:
        """Return the names of all files that the bundle has."""
        return {MANIFEST, SEALS, ACCOUNTS, *(segment.file for segment in self.segments)}
