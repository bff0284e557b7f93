"""Periods: when the days, weeks and months of budgets begin, and the accounts that they are.

Owns the calendar. Promises that a period begins at local midnight, whatever summer time does, and
that any moment belongs to exactly one day, week and month of a time zone. Refuses limits that are
no limits, unknown periods and unknown time zones.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple, Protocol
from zoneinfo import ZoneInfo, available_timezones

from ledger.events import Document
from ledger.money import MAX_NANO

US_PER_S = 1_000_000
MAX_ZONE = 64


def _day(today: date) -> tuple[date, date]:
    return today, today + timedelta(days=1)


def _week(today: date) -> tuple[date, date]:
    monday = today - timedelta(days=today.weekday())
    return monday, monday + timedelta(days=7)


def _month(today: date) -> tuple[date, date]:
    first = today.replace(day=1)
    return first, (first + timedelta(days=32)).replace(day=1)


# From a day to the first day of its period and of the next one.
PERIODS = {"day": _day, "week": _week, "month": _month}
# What people write.
SYNONYMS = {"daily": "day", "weekly": "week", "monthly": "month"}


class Budget(NamedTuple):
    """A limit in nano-dollars for each day, week or month."""

    period: str
    limit_nano: int


class Limited(Protocol):
    """A user or a key."""

    @property
    def account(self) -> str:
        """The account, such as "key:7"."""

    @property
    def budgets(self) -> tuple[Budget, ...]:
        """The limits."""

    @property
    def budget_timezone(self) -> str:
        """The time zone that days begin in; "" is UTC."""

    @property
    def changed_us(self) -> int:
        """When any of it was changed."""


@dataclass(frozen=True, slots=True)
class Term:
    """One period of one budget. Times in microseconds since the epoch."""

    account: str
    owner: str
    period: str
    limit_nano: int
    starts_us: int
    renews_us: int
    zone: str
    changed_us: int


def checked_budgets(value: object) -> tuple[Budget, ...]:
    """Return budgets in canonical form, at most one for each period.

    Accepts budgets and mappings with `period` and `limit_nano`; raises ValueError in words for a
    person.
    """
    if value is None:
        return ()
    if not isinstance(value, Sequence) or isinstance(value, str | bytes):
        raise ValueError("must be a list of budgets")
    found: dict[str, Budget] = {}
    for item in value:
        budget = _checked(item)
        if budget.period in found:
            raise ValueError(f"there can be one budget for each {budget.period}")
        found[budget.period] = budget
    return tuple(found[period] for period in PERIODS if period in found)


def _checked(item: object) -> Budget:
    if isinstance(item, Mapping):
        item = (item.get("period"), item.get("limit_nano"))
    if not isinstance(item, Sequence) or len(item) != 2:
        raise ValueError("each budget needs a period and a limit")
    period, limit = item
    period = SYNONYMS.get(period, period) if isinstance(period, str) else period
    if not isinstance(period, str) or period not in PERIODS:
        raise ValueError(f"a budget's period is one of {', '.join(PERIODS)}")
    if isinstance(limit, bool) or not isinstance(limit, int) or not 0 < limit <= MAX_NANO:
        raise ValueError("a budget's limit must be more than 0; leave the budget out for no limit")
    return Budget(period, int(limit))


def checked_zone(value: object) -> str:
    """Return the name of a time zone, or "" for UTC. Raises ValueError for an unknown one."""
    if value is None or value == "":
        return ""
    if not isinstance(value, str) or len(value) > MAX_ZONE or value not in _zones():
        raise ValueError(f"{value!r:.40} is not a time zone such as Europe/Berlin")
    return value


def terms_of(owner: Limited, now_us: int) -> tuple[Term, ...]:
    """Return the periods that are running now of an owner's budgets."""
    if not owner.budgets:
        return ()
    zone = _zone(owner.budget_timezone)
    today = datetime.fromtimestamp(now_us // US_PER_S, zone).date()
    terms = []
    for period, limit_nano in owner.budgets:
        first, following = PERIODS[period](today)
        terms.append(
            Term(
                f"budget:{owner.account}:{period}:{first.isoformat()}",
                owner.account,
                period,
                limit_nano,
                _midnight_us(first, zone),
                _midnight_us(following, zone),
                owner.budget_timezone or "UTC",
                owner.changed_us,
            )
        )
    return tuple(terms)


def renewal(term: Term) -> str:
    """Write when a budget renews, in its own time zone, as RFC 3339."""
    return datetime.fromtimestamp(term.renews_us // US_PER_S, _zone(term.zone)).isoformat()


def spent_nano(account: Document) -> int:
    """What was spent in a period, less what was given back."""
    return int(account.get("spent", 0)) - int(account.get("refunded", 0))


def _midnight_us(day: date, zone: ZoneInfo) -> int:
    """When a day begins. Where summer time skips midnight, the day begins with that jump; where
    midnight comes twice, with the first."""
    start = datetime(day.year, day.month, day.day, tzinfo=zone)
    return int(start.astimezone(UTC).timestamp()) * US_PER_S


@lru_cache(maxsize=1)
def _zones() -> frozenset[str]:
    return frozenset(available_timezones()) - {"localtime", "Factory"}  # differ by machine


@lru_cache(maxsize=1_000)
def _zone(name: str) -> ZoneInfo:
    """Return a time zone; one that this machine has lost counts as UTC rather than stops work."""
    return ZoneInfo(name if name in _zones() else "UTC")
