"""What an import brings, what it leaves out and why, and whether the amounts agree."""

from collections import Counter
from dataclasses import dataclass, field

from ledger.money import usd


@dataclass(slots=True)
class Report:
    """Counts and sentences; never a secret. Amounts in nano-dollars.

    `source_nano` is the sum of all balances there as they are, `debts_nano` that of the negative
    ones (a negative number), `left_nano` that of balances whose owner is left out.
    """

    counts: Counter[str] = field(default_factory=Counter)
    left_out: list[str] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    source_nano: int = 0
    debts_nano: int = 0
    left_nano: int = 0
    opened_nano: int = 0

    def leave(self, what: str, why: str) -> None:
        """Note what does not come along."""
        self.left_out.append(f"{what}: {why}")

    def note(self, sentence: str) -> None:
        """Note what comes along differently."""
        self.notices.append(sentence)

    @property
    def adds_up(self) -> bool:
        """Whether every amount of the source is accounted for."""
        return self.source_nano == self.opened_nano + self.debts_nano + self.left_nano

    def lines(self) -> list[str]:
        """Return the report, for people."""
        counts = [f"  {count:>8}  {what}" for what, count in self.counts.items()]
        sums = [
            f"  {usd(self.source_nano)} USD there"
            f" = {usd(self.opened_nano)} in openings"
            f" + {usd(self.debts_nano)} of debts (opened at 0)"
            f" + {usd(self.left_nano)} left out"
        ]
        parts = [("Comes along", counts), ("Balances", sums)]
        parts += [("Left out", _indented(self.left_out)), ("To know", _indented(self.notices))]
        return [line for title, body in parts if body for line in (f"{title}:", *body)]


def _indented(sentences: list[str]) -> list[str]:
    return [f"  {sentence}" for sentence in sentences]
