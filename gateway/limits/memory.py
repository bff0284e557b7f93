"""Limits counted in this process alone."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from gateway.limits.rule import (
    CONCURRENCY,
    REQUESTS,
    TOKENS,
    UNKNOWN_WAIT_MS,
    Rule,
    Standing,
    Verdict,
)
from gateway.limits.window import Window

# Beyond that many subjects the one known longest is forgotten: addresses are anybody's choice.
MOST_SUBJECTS = 100_000
_SWEPT_FIRST_AT = 1_024


@dataclass(slots=True)
class _Cell:
    window: Window
    leases: set[str] = field(default_factory=set)


class Memory:
    """All limits of one process, by subject. `now_ms` never goes back."""

    def __init__(self, now_ms: Callable[[], int], most: int = MOST_SUBJECTS) -> None:
        self._now_ms = now_ms
        self._most = most
        self._cells: dict[str, _Cell] = {}
        self._sweep_at = _SWEPT_FIRST_AT

    def another(self) -> "Memory":
        """Return an empty one with the same clock."""
        return Memory(self._now_ms, self._most)

    def __len__(self) -> int:
        return len(self._cells)

    def take(self, rules: Sequence[Rule], tokens: int, lease: str) -> Verdict:
        """Admit one request under all of the rules, or count nothing at all."""
        now_ms = self._now_ms()
        cells = [self._cell(rule, now_ms) for rule in rules]
        judged = [
            _judge(rule, cell, rule.share_of(tokens), now_ms)
            for rule, cell in zip(rules, cells, strict=True)
        ]
        admitted = not any(refused for refused, _ in judged)
        if admitted:
            for rule, cell in zip(rules, cells, strict=True):
                _count(rule, cell, rule.share_of(tokens), now_ms, lease)
        standings = [
            _standing(cell, *said, now_ms) for cell, said in zip(cells, judged, strict=True)
        ]
        return Verdict(admitted, now_ms, standings)

    def give_back(
        self, rules: Sequence[Rule], at_ms: int, lease: str, tokens: Sequence[int], requests: int
    ) -> None:
        """End what was admitted at `at_ms`: the lease is over, `requests` (0 or 1) are forgiven,
        and `tokens` are, by rule, how many more (less, if negative) it had than were counted."""
        now_ms = self._now_ms()
        for rule, more in zip(rules, tokens, strict=True):
            cell = self._cell(rule, now_ms)
            cell.leases.discard(lease)
            if more > 0:
                cell.window.add(now_ms, 0, more)
            if more < 0 or requests:
                cell.window.take_back(at_ms, requests, max(0, -more))

    def _cell(self, rule: Rule, now_ms: int) -> _Cell:
        cell = self._cells.get(rule.subject)
        if cell is None:
            self._make_room(now_ms)
            cell = self._cells[rule.subject] = _Cell(Window(rule.span_ms))
        else:
            cell.window.prune(now_ms)
        return cell

    def _make_room(self, now_ms: int) -> None:
        """Forget those of whom nothing counts; rarely enough to cost nothing."""
        cells = self._cells
        if len(cells) >= self._most:
            del cells[next(iter(cells))]
        elif len(cells) >= self._sweep_at:
            idle = [n for n, c in cells.items() if not c.window.prune(now_ms) and not c.leases]
            for name in idle:
                del cells[name]
            self._sweep_at = max(_SWEPT_FIRST_AT, 2 * len(cells))


def _judge(rule: Rule, cell: _Cell, tokens: int, now_ms: int) -> tuple[str, int]:
    """Return which limit refuses ("" for none), and for how long."""
    window, refused, wait_ms = cell.window, "", 0
    if rule.concurrency and len(cell.leases) >= rule.concurrency:
        refused, wait_ms = CONCURRENCY, UNKNOWN_WAIT_MS
    if rule.tokens and (longer_ms := window.wait_for_tokens(now_ms, rule.tokens, tokens)):
        refused, wait_ms = TOKENS, max(wait_ms, longer_ms)
    if rule.requests and (longer_ms := window.wait_for_requests(now_ms, rule.requests)):
        refused, wait_ms = REQUESTS, max(wait_ms, longer_ms)
    return refused, wait_ms


def _count(rule: Rule, cell: _Cell, tokens: int, now_ms: int, lease: str) -> None:
    if rule.requests or rule.tokens:
        cell.window.add(now_ms, 1, tokens)
    if rule.concurrency:
        cell.leases.add(lease)


def _standing(cell: _Cell, refused: str, wait_ms: int, now_ms: int) -> Standing:
    window = cell.window
    return Standing(
        window.requests,
        window.tokens,
        len(cell.leases),
        refused,
        wait_ms,
        window.reset_requests(now_ms),
        window.reset_tokens(now_ms),
    )
