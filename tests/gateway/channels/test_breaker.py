"""The breaker by success rate, and the window that it looks at."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.channels.blame import Blame
from gateway.channels.health import Health
from gateway.channels.window import Window
from tests.gateway.channels.test_health import BREAKER, RULES, A, left_s


def feed(health: Health, results: str, now_s: float) -> float:
    """Send requests one after the other, through every cool-down; + is good, - is not."""
    for result in results:
        now_s = max(now_s, health.until(A, now_s)) + 0.01
        health.begin(A, now_s)
        if result == "+":
            health.succeeded(A, now_s)
        else:
            health.failed(A, Blame.UPSTREAM, now_s, now_s)
    return now_s


def test_the_breaker_opens_when_too_few_succeed_without_failing_in_a_row() -> None:
    health = Health(BREAKER)
    now_s = feed(health, "++-++-++", 0.0)
    assert left_s(health, A, now_s) <= 0, "there are not enough results to judge by"
    now_s = feed(health, "+-", now_s)
    assert left_s(health, A, now_s) == pytest.approx(30.0)
    assert health.rates() == {}, "it begins anew after it opened"


def test_the_breaker_stays_closed_at_the_threshold() -> None:
    health = Health(BREAKER)
    now_s = feed(health, "++++-++++-" * 5, 0.0)
    assert left_s(health, A, now_s) <= 1.0
    assert health.rates() == {1: 0.8}


def test_the_breaker_opens_for_longer_each_time_until_it_was_good() -> None:
    health = Health(BREAKER)
    bad, good = "+-+-+-+-+-", "++++++++++"
    lengths, now_s = [], 0.0
    for results in (bad, bad, bad, good + "---"):
        now_s = feed(health, results, now_s)
        lengths.append(round(left_s(health, A, now_s)))
    assert lengths == [30, 60, 100, 30]


def test_without_the_setting_nothing_is_counted() -> None:
    health = Health(RULES)
    now_s = feed(health, "+-" * 50, 0.0)
    assert left_s(health, A, now_s) <= 1.0 and health.rates() == {}


@pytest.mark.parametrize("whose", [Blame.REQUEST, Blame.ABSENT, Blame.LIMIT])
def test_the_breaker_does_not_count_what_is_not_the_upstreams_fault(whose: Blame) -> None:
    health = Health(BREAKER)
    for now_s in range(100):
        health.failed(A, whose, float(now_s), float(now_s), 0.0)
        health.succeeded(A, float(now_s))
    assert health.rates() == {1: 1.0}


@given(st.integers(1, 70), st.lists(st.booleans()))
def test_a_window_is_the_last_results(size: int, results: list[bool]) -> None:
    window = Window(size)
    for ok in results:
        window.add(ok)
    last = results[-size:]
    assert window.is_full == (len(results) >= size)
    assert window.rate == (sum(last) / len(last) if last else 1.0)
    window.clear()
    assert not window.is_full and window.rate == 1.0
