"""Several upstream keys in one channel, and what a watch makes of failures."""

import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.channels.blame import Blame
from gateway.channels.failure import Failure, of_answer, of_call
from gateway.channels.health import Health, Rules, Subject
from gateway.channels.upstream_keys import MOST_KEYS, KeyRing, read_keys
from gateway.channels.watch import Watch
from gateway.directory.channels import Channel
from tests.gateway.channels.anything import failures, vendor

RULES = Rules(tolerated=0, first_s=1.0, longest_s=8.0, refused_s=4.0)
SECRET = "sk-one\nsk-two\nsk-three"
CHANNEL = Channel(id=1, type=1, changed_us=5)
SINGLE = Channel(id=2, type=1)


def answer(status: int, code: str = "", wait: str = "") -> Failure:
    headers = {"retry-after": wait} if wait else {}
    return of_answer(vendor(), status, headers, {"error": {"code": code}}, 0.0)


LIMITED, DEAD, BROKEN, WRONG = answer(429, wait="3"), answer(401), answer(500), answer(400)


def test_keys_are_the_lines_of_a_secret() -> None:
    keys = read_keys(1, " sk-one \n\nsk-two\r\nsk-one\n")
    assert [key.secret for key in keys] == ["sk-one", "sk-two"]
    assert [key.secret for key in read_keys(1, "")] == [""]
    document = '{\n  "type": "service_account"\n}'
    assert [key.secret for key in read_keys(1, f"\n{document}\n")] == [document]
    assert [key.secret for key in read_keys(1, '{"a":1}\n{"a":2}')] == ['{"a":1}', '{"a":2}']
    assert len(read_keys(1, "\n".join(map(str, range(5_000))))) == MOST_KEYS


@given(st.text(), st.text())
def test_fingerprints_tell_keys_apart_and_nothing_else(one: str, other: str) -> None:
    (first, *_), (second, *_) = read_keys(1, one), read_keys(1, other)
    assert (first.fingerprint == second.fingerprint) == (first.secret == second.secret)
    assert read_keys(2, one)[0].fingerprint == first.fingerprint


def test_keys_are_never_shown() -> None:
    key = read_keys(1, "sk-very-secret")[0]
    assert "very" not in repr(key) and "very" not in repr(key.subject)
    assert key.hidden_in("Wrong API key: sk-very-secret.") == "Wrong API key: ***."
    assert read_keys(1, "")[0].hidden_in("text") == "text"
    watch = Watch(RULES)
    watch.begin(CHANNEL, "sk-very-secret", (), 0.0)
    assert "very" not in repr(watch) + repr(watch.health) + repr(watch.health._cells)


def test_keys_take_turns() -> None:
    ring = KeyRing(Health(RULES))
    taken = [ring.take(1, SECRET, (), 0.0) for _ in range(6)]
    assert [key.secret for key in taken if key] == ["sk-one", "sk-two", "sk-three"] * 2
    other = ring.take(2, SECRET, (), 0.0)
    assert other is not None and other.secret == "sk-one"


def test_a_new_secret_begins_anew_and_keeps_the_health_of_old_keys() -> None:
    health = Health(RULES)
    ring = KeyRing(health)
    for key in ring.keys(1, SECRET):
        health.failed(key.subject, Blame.LIMIT, 0.0, 0.0)
    taken = ring.take(1, "sk-two\nsk-four", (), 0.0)
    assert taken is not None and taken.secret == "sk-four"
    assert len(health) == 1


@given(
    st.integers(1, 6),
    st.sets(st.integers(0, 5)),
    st.dictionaries(st.integers(0, 5), st.floats(0.1, 50)),
    st.integers(0, 20),
)
def test_what_is_never_taken(
    count: int, tried: set[int], cooled: dict[int, float], turns: int
) -> None:
    health = Health(RULES)
    ring = KeyRing(health)
    secret = "\n".join(f"sk-{number}" for number in range(count))
    keys = ring.keys(1, secret)
    for number, wait_s in cooled.items():
        if number < count:
            health.failed(keys[number].subject, Blame.LIMIT, 0.0, 0.0, wait_s)
    for _ in range(turns):
        ring.take(1, secret, (), 0.0)
    subjects = {keys[number].subject for number in tried if number < count}
    taken = ring.take(1, secret, subjects, 0.0)
    left = [number for number in range(count) if number not in tried]
    if taken is None:
        assert not left
        return
    number = keys.index(taken)
    assert number in left
    ready = [each for each in left if each not in cooled]
    assert number in ready if ready else cooled[number] == min(cooled[each] for each in left)


# -- the watch --------------------------------------------------------------------------------


def attempt(watch: Watch, tried: set[Subject], failure: Failure | None, now_s: float) -> str:
    key = watch.begin(CHANNEL, SECRET, tried, now_s)
    assert key is not None
    tried.add(key.subject)
    if failure is None:
        watch.succeeded(key, now_s)
    else:
        watch.failed(CHANNEL, SECRET, key, failure, now_s, now_s)
    return key.secret


@pytest.mark.parametrize("failure", [LIMITED, DEAD])
def test_a_limited_or_refused_key_leaves_the_channel_ready(failure: Failure) -> None:
    watch, tried = Watch(RULES), set[Subject]()
    assert attempt(watch, tried, failure, 0.0) == "sk-one"
    assert watch.cooling([1], 0.0) == {} and watch.another_key(CHANNEL, SECRET, tried)
    assert attempt(watch, tried, None, 0.0) == "sk-two"
    # The next request passes over the key that rests.
    assert [attempt(watch, set(), None, 0.1) for _ in range(3)] == [
        "sk-three",
        "sk-two",
        "sk-three",
    ]


def test_a_channel_rests_until_the_first_of_its_keys_is_ready() -> None:
    watch, tried = Watch(RULES), set[Subject]()
    for wait in ("9", "3", "5"):
        attempt(watch, tried, answer(429, wait=wait), 0.0)
    assert not watch.another_key(CHANNEL, SECRET, tried)
    assert watch.begin(CHANNEL, SECRET, tried, 0.0) is None
    assert watch.cooling([1], 0.0) == {1: 3.0} and watch.asked_s(CHANNEL, 1.0) == 2.0
    assert watch.health.cooldowns == {(1, "limit"): 1}
    assert watch.cooling([1], 3.0) == {}
    assert attempt(watch, set(), None, 3.0) == "sk-two"
    assert watch.cooling([1], 3.0) == {} and watch.asked_s(CHANNEL, 3.0) == 0.0


def test_a_failing_upstream_rests_as_a_whole() -> None:
    watch = Watch(RULES)
    attempt(watch, set(), BROKEN, 0.0)
    assert watch.cooling([1], 0.0) == {1: 1.0} and watch.asked_s(CHANNEL, 0.0) == 0.0
    watch.keep(())
    assert watch.cooling([1], 0.0) == {}


def test_a_single_key_and_its_channel_rest_together() -> None:
    watch = Watch(RULES)
    key = watch.begin(SINGLE, "sk", (), 0.0)
    assert key is not None
    assert watch.failed(SINGLE, "sk", key, DEAD, 0.0, 0.0) is Blame.CREDENTIAL
    assert watch.cooling([2], 0.0) == {2: 4.0} and watch.asked_s(SINGLE, 0.0) == 0.0
    again = watch.begin(SINGLE, "sk", (), 4.0)
    assert again is not None and watch.cooling([2], 4.0)
    watch.succeeded(again, 4.0)
    assert watch.cooling([2], 4.0) == {}


def test_a_wrong_request_and_a_client_that_left_tell_nothing() -> None:
    watch = Watch(RULES)
    attempt(watch, set(), WRONG, 0.0)
    key = watch.begin(CHANNEL, SECRET, (), 0.0)
    assert key is not None
    watch.abandoned(key, 0.0)
    assert len(watch.health) == 0


def test_a_channel_has_keys_left_until_the_last_is_dead() -> None:
    watch, tried = Watch(RULES), set[Subject]()
    assert watch.keys_left(CHANNEL, SECRET)
    attempt(watch, tried, DEAD, 0.0)
    attempt(watch, tried, DEAD, 0.0)
    assert watch.keys_left(CHANNEL, SECRET)
    attempt(watch, tried, LIMITED, 0.0)
    assert watch.keys_left(CHANNEL, SECRET), "one is only limited"
    dead = [attempt(watch, set(), DEAD, 20.0 + number) for number in range(3)]
    assert sorted(dead) == sorted(SECRET.split()) and not watch.keys_left(CHANNEL, SECRET)
    changed = Channel(id=1, type=1, changed_us=6)
    assert watch.keys_left(changed, SECRET), "a change may have cured them"


def test_a_key_that_works_again_is_not_dead() -> None:
    watch = Watch(RULES)
    for number in range(3):
        attempt(watch, set(), DEAD, float(number))
    assert not watch.keys_left(CHANNEL, SECRET)
    attempt(watch, set(), None, 50.0)
    assert watch.keys_left(CHANNEL, SECRET)


@given(st.lists(st.tuples(st.none() | failures, st.floats(0, 10)), max_size=30))
def test_there_is_always_a_way_to_try(done: list[tuple[Failure | None, float]]) -> None:
    watch, now_s = Watch(Rules(window=5)), 0.0
    for failure, later_s in done:
        attempt(watch, set(), failure, now_s)
        now_s += later_s
    assert len(watch.health) <= 4
    watch.keep(())
    assert len(watch.health) == 0 and watch.keys_left(CHANNEL, SECRET)


def test_nothing_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        watch, tried = Watch(RULES), set[Subject]()
        for failure in (DEAD, LIMITED, of_call(vendor(), "upstream_timeout")):
            attempt(watch, tried, failure, 0.0)
    assert not caplog.records
