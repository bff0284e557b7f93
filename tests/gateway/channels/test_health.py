"""Cool-downs, trials and the breaker."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.channels import health as module
from gateway.channels.blame import Blame
from gateway.channels.health import Health, Rules, Subject

A: Subject = (1, "")
B: Subject = (2, "")
RULES = Rules(
    tolerated=0, first_s=1.0, longest_s=8.0, refused_s=4.0, longest_wait_s=100.0, trial_s=5.0
)
TOLERANT = Rules(tolerated=2)
BREAKER = Rules(
    tolerated=0,
    first_s=1.0,
    longest_s=100.0,
    window=10,
    threshold=0.8,
    open_s=30.0,
    longest_wait_s=100.0,
)


def left_s(health: Health, subject: Subject, now_s: float) -> float:
    return health.until(subject, now_s) - now_s


def test_what_never_failed_is_ready_and_takes_no_memory() -> None:
    health = Health(RULES)
    health.begin(A, 0.0)
    health.succeeded(A, 0.0)
    health.abandoned(A, 0.0)
    assert left_s(health, A, 5.0) <= 0 and len(health) == 0
    assert health.cooling([1, 2], 5.0) == {}


def test_each_failure_in_a_row_doubles_the_cool_down_up_to_a_bound() -> None:
    health, now_s, found = Health(RULES), 0.0, []
    for _ in range(6):
        health.failed(A, Blame.UPSTREAM, now_s, now_s)
        found.append(left_s(health, A, now_s))
        now_s = health.until(A, now_s)
    assert found == [1.0, 2.0, 4.0, 8.0, 8.0, 8.0]
    assert left_s(health, B, now_s) <= 0
    health.succeeded(A, now_s)
    health.failed(A, Blame.UPSTREAM, now_s, now_s)
    assert left_s(health, A, now_s) == 1.0


def test_a_few_failures_are_tolerated_and_a_success_forgives_them() -> None:
    health = Health(TOLERANT)
    for now_s in (1.0, 2.0):
        health.failed(A, Blame.UPSTREAM, now_s, now_s)
        assert left_s(health, A, now_s) <= 0
    health.succeeded(A, 2.5)
    assert len(health) == 0
    for now_s in (3.0, 4.0, 5.0):
        assert left_s(health, A, now_s) <= 0
        health.begin(A, now_s)
        assert health.cooling([1], now_s) == {}, "it was no trial"
        health.failed(A, Blame.UPSTREAM, now_s, now_s)
    assert left_s(health, A, 5.0) == 1.0
    health.begin(A, 6.0)
    health.failed(A, Blame.UPSTREAM, 6.0, 6.0)
    assert left_s(health, A, 6.0) == 2.0, "a failed trial is not tolerated"


@pytest.mark.parametrize(
    ("whose", "wait_s"),
    [(Blame.LIMIT, None), (Blame.CREDENTIAL, None), (Blame.UPSTREAM, 1.0), (Blame.LIMIT, 1.0)],
)
def test_what_is_said_plainly_is_heeded_at_once(whose: Blame, wait_s: float | None) -> None:
    health = Health(TOLERANT)
    health.failed(A, whose, 0.0, 0.0, wait_s)
    assert left_s(health, A, 0.0) >= 1.0


def test_failures_without_end_do_not_overflow() -> None:
    health = Health(RULES)
    for now_s in range(5_000):
        health.failed(A, Blame.UPSTREAM, float(now_s), float(now_s))
    assert left_s(health, A, 4_999.0) == 8.0


def test_many_that_fail_together_are_one_failure() -> None:
    health = Health(RULES)
    for number in range(100):
        health.failed(A, Blame.UPSTREAM, 0.0, 1.0 + number / 1_000)
    assert left_s(health, A, 1.0) == 1.0
    assert health.cooldowns == {(1, "upstream"): 1}


def test_a_success_that_began_before_the_cool_down_does_not_end_it() -> None:
    health = Health(RULES)
    health.failed(A, Blame.UPSTREAM, 5.0, 5.5)
    health.succeeded(A, 1.0)
    assert left_s(health, A, 5.5) == 1.0
    health.succeeded(A, 5.6)  # one that was tried although it cooled down
    assert left_s(health, A, 5.7) <= 0


@pytest.mark.parametrize(
    ("whose", "wait_s", "length_s"),
    [
        (Blame.LIMIT, 3.0, 3.0),
        (Blame.LIMIT, 0.25, 0.25),
        (Blame.LIMIT, None, 1.0),
        (Blame.LIMIT, 5_000.0, 100.0),
        (Blame.UPSTREAM, 3.0, 3.0),
        (Blame.UPSTREAM, 0.25, 1.0),
        (Blame.CREDENTIAL, None, 4.0),
        (Blame.REQUEST, 3.0, 0.0),
        (Blame.ABSENT, 3.0, 0.0),
    ],
)
def test_what_the_upstream_asks_for_is_respected(
    whose: Blame, wait_s: float | None, length_s: float
) -> None:
    health = Health(RULES)
    health.failed(A, whose, 0.0, 0.0, wait_s)
    assert left_s(health, A, 0.0) == length_s
    asked_s = 0.0 if wait_s is None or not length_s else min(wait_s, 100.0)
    assert health.asked_s(A, 0.0) == asked_s


def test_a_late_answer_that_asks_for_more_prolongs_the_cool_down() -> None:
    health = Health(RULES)
    health.failed(A, Blame.LIMIT, 0.0, 1.0, 2.0)
    health.failed(A, Blame.LIMIT, 0.0, 1.5, 20.0)
    assert health.until(A, 1.5) == 21.5
    health.failed(A, Blame.LIMIT, 0.0, 1.6, 1.0)
    assert health.until(A, 1.6) == 21.5 and health.cooldowns == {(1, "limit"): 1}


def test_afterwards_one_trial_goes_first() -> None:
    health = Health(RULES)
    health.failed(A, Blame.UPSTREAM, 0.0, 0.0)
    assert health.cooling([1, 2], 0.5) == {1: 1.0}
    assert health.cooling([1, 2], 1.0) == {}
    health.begin(A, 1.0)
    assert health.cooling([1, 2], 1.1) == {1: 6.0}
    health.begin(A, 2.0)  # somebody else had no choice: the trial is still the first one
    assert health.until(A, 2.0) == 6.0
    health.succeeded(A, 1.0)
    assert health.cooling([1, 2], 2.0) == {} and len(health) == 0


def test_a_trial_that_fails_makes_the_next_cool_down_longer() -> None:
    health = Health(RULES)
    health.failed(A, Blame.UPSTREAM, 0.0, 0.0)
    health.begin(A, 1.0)
    health.failed(A, Blame.UPSTREAM, 1.0, 1.5)
    assert left_s(health, A, 1.5) == 2.0


@pytest.mark.parametrize(
    "end",
    [
        lambda health: health.abandoned(A, 1.0),
        lambda health: health.failed(A, Blame.REQUEST, 1.0, 2.0),
        lambda health: health.failed(A, Blame.ABSENT, 1.0, 2.0),
    ],
)
def test_a_trial_that_tells_nothing_makes_room_for_the_next(end: Callable[[Health], Any]) -> None:
    health = Health(RULES)
    health.failed(A, Blame.UPSTREAM, 0.0, 0.0)
    health.begin(A, 1.0)
    assert left_s(health, A, 2.0) > 0
    end(health)
    assert left_s(health, A, 2.0) <= 0


def test_a_trial_that_is_never_heard_of_again_blocks_nothing() -> None:
    health = Health(RULES)
    health.failed(A, Blame.UPSTREAM, 0.0, 0.0)
    health.begin(A, 1.0)
    assert left_s(health, A, 5.9) > 0 and left_s(health, A, 6.0) <= 0


def test_requests_from_before_do_not_end_somebody_elses_trial() -> None:
    health = Health(RULES)
    health.failed(A, Blame.UPSTREAM, 0.0, 0.0)
    health.begin(A, 1.0)
    health.abandoned(A, 0.5)
    health.failed(A, Blame.REQUEST, 0.5, 2.0)
    health.failed(A, Blame.UPSTREAM, -1.0, 2.0)
    assert health.until(A, 2.0) == 6.0


# -- what always holds ------------------------------------------------------------------------

steps = st.lists(
    st.tuples(
        st.sampled_from(["begin", "begun", "good", "bad", "left"]),
        st.integers(1, 3),
        st.sampled_from(["", "k1", "k2"]),
        st.sampled_from(list(Blame)),
        st.floats(0, 40),
        st.none() | st.floats(0, 1e9),
    ),
    max_size=60,
)


@given(steps, st.sampled_from([RULES, TOLERANT, BREAKER]))
def test_every_cool_down_ends_in_time_and_memory_is_bounded(
    done: list[tuple[Any, ...]], rules: Rules
) -> None:
    health, now_s = Health(rules), 0.0
    for what, channel, key, whose, later_s, wait_s in done:
        now_s += later_s
        subject, began_s = (channel, key), now_s - later_s
        if what == "begin":
            health.begin(subject, now_s)
        elif what == "good":
            health.succeeded(subject, began_s)
        elif what == "begun":
            health.delivers(subject, began_s)
        elif what == "left":
            health.abandoned(subject, began_s)
        else:
            health.failed(subject, whose, began_s, now_s, wait_s)
        longest_s = max(rules.longest_s, rules.longest_wait_s, rules.trial_s)
        assert left_s(health, subject, now_s) <= longest_s + 1e-6
        assert health.asked_s(subject, now_s) <= rules.longest_wait_s + 1e-6
        assert len(health) <= 9 and len(health.cooldowns) <= 18
    assert health.cooling([1, 2, 3], now_s + longest_s + 1 if done else 0.0) == {}
    health.keep({2})
    assert {subject[0] for subject in health._cells} <= {2}
    assert {counted[0] for counted in health.cooldowns} <= {2}
    health.keep(())
    assert len(health) == 0


@given(st.lists(st.floats(0.0, 3.0), min_size=1, max_size=50))
def test_a_channel_that_works_again_is_always_found_again(pauses: list[float]) -> None:
    health, now_s = Health(BREAKER), 0.0
    for pause_s in pauses:
        now_s += pause_s
        health.failed(A, Blame.UPSTREAM, now_s, now_s)
    now_s = health.until(A, now_s)
    health.begin(A, now_s)
    health.succeeded(A, now_s)
    assert health.cooling([1], now_s) == {}


def test_memory_has_a_hard_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_SUBJECTS", 50)
    health = Health(BREAKER)
    for number in range(500):
        health.failed((number, ""), Blame.UPSTREAM, 0.0, 0.0)
        health.succeeded((number + 1_000, ""), 0.0)
    assert len(health) == 50


def test_keys_that_are_gone_are_forgotten() -> None:
    health = Health(RULES)
    for key in ("", "old", "new"):
        health.failed((1, key), Blame.LIMIT, 0.0, 0.0)
        health.failed((2, key), Blame.LIMIT, 0.0, 0.0)
    health.keep_keys(1, {"new"})
    assert set(health._cells) == {(1, ""), (1, "new"), (2, ""), (2, "old"), (2, "new")}
