"""The calendar of budgets: local midnights, summer time, odd zones."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.periods import Budget, Term, checked_budgets, checked_zone, renewal, terms_of

ZONES = [
    "",
    "Europe/Berlin",
    "America/New_York",
    "Asia/Shanghai",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "Africa/Cairo",  # summer time begins at midnight
    "America/Havana",  # and ends at one o'clock, so that midnight comes twice
    "Asia/Beirut",
    "Pacific/Apia",  # once skipped a whole day
]
ALL = (Budget("day", 1), Budget("week", 2), Budget("month", 3))


@dataclass
class Owner:
    account: str = "key:7"
    budgets: tuple[Budget, ...] = ALL
    budget_timezone: str = ""
    changed_us: int = 5


def us(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp()) * 1_000_000


def at(zone: str, now: str) -> list[Term]:
    return list(terms_of(Owner(budget_timezone=zone), us(now)))


def test_accounts_are_named_after_the_first_day():
    assert [term.account for term in at("", "2026-11-22T05:00:00+00:00")] == [
        "budget:key:7:day:2026-11-22",
        "budget:key:7:week:2026-11-16",
        "budget:key:7:month:2026-11-01",
    ]
    assert [term.account for term in at("America/New_York", "2026-12-01T04:59:59+00:00")] == [
        "budget:key:7:day:2026-11-30",
        "budget:key:7:week:2026-11-30",
        "budget:key:7:month:2026-11-01",
    ]


def test_days_of_23_and_25_hours():
    (spring, *_), (autumn, *_) = (
        at("Europe/Berlin", day)
        for day in ("2026-03-29T12:00:00+02:00", "2026-10-25T12:00:00+01:00")
    )
    hour = 3_600 * 1_000_000
    assert spring.renews_us - spring.starts_us == 23 * hour
    assert autumn.renews_us - autumn.starts_us == 25 * hour
    assert renewal(spring) == "2026-03-30T00:00:00+02:00"


def test_where_summer_time_skips_midnight_the_day_begins_with_the_jump():
    (day, *_) = at("Africa/Cairo", "2026-04-24T12:00:00+03:00")
    assert (
        renewal(at("Africa/Cairo", "2026-04-23T12:00:00+02:00")[0]) == "2026-04-24T01:00:00+03:00"
    )
    assert day.starts_us == us("2026-04-24T01:00:00+03:00")


def test_where_midnight_comes_twice_the_day_begins_with_the_first():
    (day, *_) = at("America/Havana", "2026-11-01T12:00:00-05:00")
    assert day.starts_us == us("2026-11-01T00:00:00-04:00")


@given(
    zone=st.sampled_from(ZONES),
    now=st.datetimes(datetime(2000, 1, 1), datetime(2040, 1, 1)).map(
        lambda d: d.replace(tzinfo=UTC)
    ),
)
def test_every_moment_is_in_exactly_one_period_of_each_kind(zone, now):
    now_us = int(now.timestamp()) * 1_000_000
    owner = Owner(budget_timezone=zone)
    for term in terms_of(owner, now_us):
        assert term.starts_us <= now_us < term.renews_us
        for inside in (term.starts_us, term.renews_us - 1_000_000):
            assert term in terms_of(owner, inside)
        following = next(t for t in terms_of(owner, term.renews_us) if t.period == term.period)
        assert following.account != term.account and following.starts_us == term.renews_us
        first = datetime.fromisoformat(term.account.rpartition(":")[2])
        local = (now + timedelta(0)).astimezone(ZoneInfo(zone or "UTC")).replace(tzinfo=None)
        assert first <= local


def test_budgets_are_put_in_order_and_read_in_several_forms():
    wanted = (Budget("day", 5), Budget("month", 7))
    assert checked_budgets([{"period": "monthly", "limit_nano": 7}, ("daily", 5)]) == wanted
    assert checked_budgets(wanted) == wanted
    assert checked_budgets(None) == checked_budgets([]) == ()


@pytest.mark.parametrize(
    "value",
    [
        7,
        "day",
        [("day", 0)],
        [("day", -1)],
        [("day", True)],
        [("day", 1.5)],
        [("day", 2**63)],
        [("hour", 1)],
        [(None, 1)],
        [("day",)],
        [("day", 1), ("daily", 2)],
        [7],
    ],
)
def test_odd_budgets_are_refused(value):
    with pytest.raises(ValueError):
        checked_budgets(value)


@pytest.mark.parametrize(
    "value", ["Mars/Olympus", "../etc/passwd", "europe", 7, "x" * 99, "localtime"]
)
def test_odd_zones_are_refused(value):
    with pytest.raises(ValueError, match="time zone"):
        checked_zone(value)
    assert checked_zone("Asia/Shanghai") == "Asia/Shanghai" and checked_zone(None) == ""


def test_a_zone_that_this_machine_lost_counts_as_utc():
    assert at("Atlantis/Sunken", "2026-11-22T05:00:00+00:00")[0].starts_us == us(
        "2026-11-22T00:00:00+00:00"
    )
