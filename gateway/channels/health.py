"""Which channels and upstream keys to leave alone for the moment, and for how long.

A few failures in a row cool their subject down, and what says that it is limited or refused does
so at once, longer each time; when that is over one trial goes through (half open), and everything
else follows once it succeeds. On top of that a breaker
looks at the share of successes among the last results (settings ENABLE_METRIC, METRIC_QUEUE_SIZE,
METRIC_SUCCESS_RATE_THRESHOLD) and cools down what fails too often without failing in a row.

All of it is this process's own, in memory; longer rests may be told to others. Times are seconds of
the monotonic clock, passed in. Only what failed lately, or has a window, takes memory, and what is
gone is forgotten.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass

from gateway.channels.blame import Blame
from gateway.channels.window import Window

#: A channel, or one of its upstream keys by fingerprint ("" is the channel as a whole).
Subject = tuple[int, str]

#: More than that are not remembered: the one known longest makes room.
MOST_SUBJECTS = 100_000
_MOST_DOUBLINGS = 60
#: Why a channel began to cool down, where it was no single failure.
BREAKER = "breaker"


@dataclass(frozen=True, slots=True)
class Rules:
    """How long to leave something alone, and when. All times in seconds.

    `first_s` doubles with each cool-down in a row up to `longest_s`. `tolerated` failures of an
    upstream in a row are no reason yet: a busy channel that fails now and then would hardly be used
    otherwise. `refused_s` is for refused credentials, which do not heal by themselves.
    `longest_wait_s` bounds what an upstream may ask for. `trial_s` is how long a trial may take
    before the next one goes. `window` results make a breaker that opens below `threshold` for
    `open_s`; 0 is no breaker.
    """

    tolerated: int = 2
    first_s: float = 1.0
    longest_s: float = 300.0
    refused_s: float = 60.0
    longest_wait_s: float = 3_600.0
    trial_s: float = 30.0
    window: int = 0
    threshold: float = 0.8
    open_s: float = 30.0


class _Cell:
    """What is known of one subject."""

    __slots__ = (
        "asked_until_s",
        "cooled",
        "cooled_s",
        "opened",
        "opened_s",
        "row",
        "trial_s",
        "until_s",
        "window",
    )

    def __init__(self, size: int) -> None:
        self.row = 0  # failures in a row
        self.cooled = 0  # cool-downs in a row
        self.opened = 0  # how often the breaker opened in a row
        self.until_s = float("-inf")
        self.asked_until_s = float("-inf")  # what the upstream itself asked for
        self.cooled_s = float("-inf")  # when it was last cooled down
        self.opened_s = float("-inf")
        self.trial_s = float("-inf")  # when the trial began that others wait for
        self.window = Window(size) if size else None


class Health:
    """The health of the channels and upstream keys that this process uses."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._cells: dict[Subject, _Cell] = {}
        #: How often a channel began to cool down, by its id and why (Blame, BREAKER).
        self.cooldowns: dict[tuple[int, str], int] = {}
        #: Called with each subject that begins to rest, and for how many seconds.
        self.told: Callable[[Subject, float], None] = lambda subject, length_s: None

    def __len__(self) -> int:
        return len(self._cells)

    # -- what may be used -----------------------------------------------------------------------

    def until(self, subject: Subject, now_s: float) -> float:
        """Return when a subject may be used again; now_s or less when it may be used now.

        After a cool-down it may be used by whoever calls begin() first, until that trial is over.
        """
        cell = self._cells.get(subject)
        return now_s if cell is None else self._until(cell)

    def _until(self, cell: _Cell) -> float:
        return max(cell.until_s, cell.trial_s + self._rules.trial_s)

    def cooling(self, channels: Iterable[int], now_s: float) -> dict[int, float]:
        """Return, of these channels, those to leave alone, and until when."""
        if not self._cells:
            return {}
        ends = ((channel, self.until((channel, ""), now_s)) for channel in channels)
        return {channel: end for channel, end in ends if end > now_s}

    def asked_s(self, subject: Subject, now_s: float) -> float:
        """Return for how long the upstream still asks to be left alone, in seconds."""
        cell = self._cells.get(subject)
        return 0.0 if cell is None else max(0.0, cell.asked_until_s - now_s)

    def begin(self, subject: Subject, now_s: float) -> None:
        """Say that an attempt begins; after a cool-down it is the trial that others wait for."""
        cell = self._cells.get(subject)
        if cell is not None and cell.cooled and self._until(cell) <= now_s:
            cell.trial_s = now_s

    # -- what happened --------------------------------------------------------------------------

    def abandoned(self, subject: Subject, began_s: float) -> None:
        """Say that an attempt ended without telling anything, as when the client left."""
        cell = self._cells.get(subject)
        if cell is not None:
            _end_trial(cell, began_s)

    def delivers(self, subject: Subject, began_s: float) -> None:
        """Note that an attempt begins to deliver: others may follow, and how it ends is still open.

        A channel whose streams all break off must rest too, so failures in a row stay counted.
        """
        cell = self._cells.get(subject)
        if cell is not None and began_s >= cell.cooled_s:
            cell.until_s = cell.asked_until_s = float("-inf")
            _end_trial(cell, began_s)

    def succeeded(self, subject: Subject, began_s: float) -> None:
        """Note an attempt that delivered its answer."""
        counted = self._rules.window and not subject[1]
        cell = self._known(subject) if counted else self._cells.get(subject)
        if cell is None:
            return
        if cell.window is not None and began_s >= cell.opened_s:
            cell.window.add(True)
            if cell.window.is_full and cell.window.rate >= self._rules.threshold:
                cell.opened = 0
        # One that was under way when the others began to fail says nothing about now.
        if began_s >= cell.cooled_s:
            cell.row = cell.cooled = 0
            cell.until_s = cell.trial_s = cell.asked_until_s = float("-inf")
            if cell.window is None:
                del self._cells[subject]

    def failed(
        self,
        subject: Subject,
        whose: Blame,
        began_s: float,
        now_s: float,
        wait_s: float | None = None,
    ) -> None:
        """Note a failed attempt. `wait_s` is how long the upstream asked to be left alone."""
        if whose in (Blame.REQUEST, Blame.ABSENT):
            self.abandoned(subject, began_s)
            return
        cell = self._known(subject)
        opens = whose is Blame.UPSTREAM and self._opens(cell, began_s)
        cell.row += began_s >= cell.cooled_s
        if wait_s is None and whose is Blame.UPSTREAM and self._is_tolerated(cell):
            _end_trial(cell, began_s)
        else:
            asked_s = None if wait_s is None else min(wait_s, self._rules.longest_wait_s)
            length_s = self._length_s(cell.cooled, whose, asked_s)
            self.rest(subject, whose, began_s, now_s, length_s, asked_s)
        if opens:
            self._open(subject, cell, now_s)

    def rest(
        self,
        subject: Subject,
        whose: Blame,
        began_s: float,
        now_s: float,
        length_s: float,
        asked_s: float | None = None,
    ) -> None:
        """Leave a subject alone for so long, of which the upstream asked for `asked_s`.

        Many requests that fail together are one failure: those that began before the cool-down
        did can prolong it by what they were asked, and no more.
        """
        cell = self._known(subject)
        _end_trial(cell, began_s)
        if asked_s is not None:
            cell.asked_until_s = max(cell.asked_until_s, now_s + asked_s)
        if began_s < cell.cooled_s:
            cell.until_s = max(cell.until_s, cell.asked_until_s)
            return
        cell.cooled += 1
        cell.cooled_s = now_s
        cell.until_s = max(cell.until_s, now_s + length_s)
        self._count(subject, whose.value)
        self.told(subject, length_s)

    def learn(self, subject: Subject, now_s: float, length_s: float) -> None:
        """Take over from another process that a subject rests for so long; then comes a trial."""
        cell = self._known(subject)
        cell.cooled = max(cell.cooled, 1)
        cell.cooled_s = now_s
        cell.until_s = max(cell.until_s, now_s + length_s)

    def _is_tolerated(self, cell: _Cell) -> bool:
        return not cell.cooled and cell.row <= self._rules.tolerated

    def _count(self, subject: Subject, why: str) -> None:
        if not subject[1]:
            counted = (subject[0], why)
            self.cooldowns[counted] = self.cooldowns.get(counted, 0) + 1

    def _opens(self, cell: _Cell, began_s: float) -> bool:
        if cell.window is None or began_s < cell.opened_s:
            return False
        cell.window.add(False)
        return cell.window.is_full and cell.window.rate < self._rules.threshold

    def _open(self, subject: Subject, cell: _Cell, now_s: float) -> None:
        assert cell.window is not None
        cell.window.clear()
        length_s = min(
            self._rules.open_s * 2.0 ** min(cell.opened, _MOST_DOUBLINGS), self._rules.longest_s
        )
        cell.opened += 1
        cell.cooled = max(cell.cooled, 1)
        cell.opened_s = cell.cooled_s = now_s
        cell.until_s = max(cell.until_s, now_s + length_s)
        self._count(subject, BREAKER)
        self.told(subject, length_s)

    def _length_s(self, cooled: int, whose: Blame, asked_s: float | None) -> float:
        rules = self._rules
        first_s = rules.refused_s if whose is Blame.CREDENTIAL else rules.first_s
        grown_s = min(first_s * 2.0 ** min(cooled, _MOST_DOUBLINGS), rules.longest_s)
        if asked_s is None:
            return grown_s
        # Who is limited and says for how long is believed; who fails may not know.
        return asked_s if whose is Blame.LIMIT else max(grown_s, asked_s)

    # -- memory ---------------------------------------------------------------------------------

    def keep(self, channels: Collection[int]) -> None:
        """Forget every channel but these, with its upstream keys."""
        gone = [subject for subject in self._cells if subject[0] not in channels]
        for subject in gone:
            del self._cells[subject]
        for counted in [each for each in self.cooldowns if each[0] not in channels]:
            del self.cooldowns[counted]

    def keep_keys(self, channel: int, fingerprints: Collection[str]) -> None:
        """Forget every upstream key of a channel but these."""
        kept = {"", *fingerprints}
        for subject in [s for s in self._cells if s[0] == channel and s[1] not in kept]:
            del self._cells[subject]

    def _known(self, subject: Subject) -> _Cell:
        cell = self._cells.get(subject)
        if cell is None:
            if len(self._cells) >= MOST_SUBJECTS:
                del self._cells[next(iter(self._cells))]
            size = self._rules.window if subject[1] == "" else 0
            cell = self._cells[subject] = _Cell(size)
        return cell

    def resting(self, now_s: float) -> dict[int, float]:
        """Return for how many seconds each channel that cools down is still to be left alone."""
        channels = {subject[0] for subject in self._cells if not subject[1]}
        return {channel: end - now_s for channel, end in self.cooling(channels, now_s).items()}

    def rates(self) -> Mapping[int, float]:
        """Return the share of successes of each channel whose window is full, 0 to 1."""
        return {
            subject[0]: cell.window.rate
            for subject, cell in self._cells.items()
            if cell.window is not None and cell.window.is_full
        }


def _end_trial(cell: _Cell, began_s: float) -> None:
    """End the trial, if it is over with an attempt that began then: older ones are not it."""
    if began_s >= cell.trial_s:
        cell.trial_s = float("-inf")
