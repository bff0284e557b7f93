"""The arithmetic: no span of time holds more than its limit, and waits are said truly."""

from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.limits.memory import Memory
from gateway.limits.rule import CONCURRENCY, REQUESTS, TOKENS, Rule, Verdict

SPAN_MS = 60_000


@dataclass
class Hand:
    """A clock that is moved by hand."""

    now_ms: int = 1_000_000

    def __call__(self) -> int:
        return self.now_ms


@dataclass
class Taken:
    """What a test remembers of an admission."""

    at_ms: int
    tokens: int
    lease: str
    over: bool = False


@dataclass
class World:
    """Memory, its clock and everything that was admitted."""

    rule: Rule
    clock: Hand = field(default_factory=Hand)
    taken: list[Taken] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.memory = Memory(self.clock)

    def take(self, tokens: int) -> Verdict:
        lease = str(len(self.taken))
        verdict = self.memory.take([self.rule], tokens, lease)
        if verdict.admitted:
            self.taken.append(Taken(self.clock.now_ms, self.rule.share_of(tokens), lease))
        return verdict

    def finish(self, number: int, tokens: int) -> None:
        open_ones = [each for each in self.taken if not each.over]
        if open_ones:
            one = open_ones[number % len(open_ones)]
            one.over = True
            less = min(tokens, one.tokens)
            self.memory.give_back([self.rule], one.at_ms, one.lease, [less - one.tokens], 0)
            one.tokens = less


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["take", "take", "take", "finish", "wait"]),
        st.integers(0, 700),
        st.sampled_from([0, 1, 7, 400, 999, 1_000, 1_001, 9_000, 30_000, 59_999, 60_000]),
    ),
    max_size=120,
)


@settings(max_examples=250, deadline=None)
@given(STEPS, st.integers(1, 8), st.integers(1, 1_500))
def test_no_span_ever_holds_more_than_the_limit(
    steps: list[tuple[str, int, int]], requests: int, tokens: int
) -> None:
    world = World(Rule("key", "key:1", requests, tokens))
    for what, number, pause_ms in steps:
        if what == "take":
            verdict = world.take(number)
            (standing,) = verdict.standings
            assert verdict.admitted == (standing.refused == "")
            assert 0 <= standing.wait_ms <= SPAN_MS
            assert standing.requests <= requests and standing.tokens <= tokens
        elif what == "finish":
            world.finish(number, number // 2)
        world.clock.now_ms += pause_ms
    for each in world.taken:
        span = [t for t in world.taken if each.at_ms <= t.at_ms < each.at_ms + SPAN_MS]
        assert len(span) <= requests
        assert sum(t.tokens for t in span) <= tokens


@settings(max_examples=250, deadline=None)
@given(STEPS, st.integers(1, 8), st.integers(1, 1_500), st.integers(0, 3_000))
def test_after_the_wait_that_was_said_it_passes_and_it_was_not_said_too_long(
    steps: list[tuple[str, int, int]], requests: int, tokens: int, wanted: int
) -> None:
    world = World(Rule("key", "key:1", requests, tokens))
    for what, number, pause_ms in steps:
        if what == "finish":
            world.finish(number, number // 2)
        else:
            world.take(number)
        world.clock.now_ms += pause_ms
    verdict = world.take(wanted)
    if verdict.admitted:
        return
    (standing,) = verdict.standings
    assert standing.refused in (REQUESTS, TOKENS) and 0 < standing.wait_ms <= SPAN_MS
    began_ms = world.clock.now_ms
    world.clock.now_ms = began_ms + standing.wait_ms - 1
    assert not world.take(wanted).admitted
    world.clock.now_ms = began_ms + standing.wait_ms
    assert world.take(wanted).admitted


def test_all_rules_of_a_request_or_none() -> None:
    clock = Hand()
    memory = Memory(clock)
    wide, narrow = Rule("user", "user:1", 5, 100, 5), Rule("key", "key:1", 1, 0, 0)
    assert memory.take([wide, narrow], 10, "a").admitted
    refused = memory.take([wide, narrow], 10, "b")
    assert not refused.admitted
    assert [each.refused for each in refused.standings] == ["", REQUESTS]
    (seen,) = memory.take([wide], 0, "c").standings
    assert (seen.requests, seen.tokens, seen.in_flight) == (2, 10, 2)


def test_tokens_are_what_was_estimated_until_they_are_known() -> None:
    clock = Hand()
    memory, rule = Memory(clock), Rule("key", "key:1", 0, 1_000)
    first = memory.take([rule], 900, "a")
    refused = memory.take([rule], 200, "b")
    assert refused.standings[0].refused == TOKENS
    clock.now_ms += 5_000
    memory.give_back([rule], first.at_ms, "a", [-800], 0)
    assert memory.take([rule], 200, "c").standings[0].tokens == 300
    # What was used beyond the estimate counts from when it is known.
    memory.give_back([rule], clock.now_ms, "c", [+600], 0)
    assert memory.take([rule], 101, "d").standings[0].wait_ms == 55_000  # the first one's hundred
    assert memory.take([rule], 201, "d").standings[0].wait_ms == 60_000


def test_a_request_larger_than_the_limit_passes_alone() -> None:
    clock = Hand()
    memory, rule = Memory(clock), Rule("key", "key:1", 0, 1_000)
    assert memory.take([rule], 50_000, "a").admitted
    clock.now_ms += 1_000
    assert memory.take([rule], 50_000, "b").standings[0].wait_ms == 59_000
    clock.now_ms += 59_000
    assert memory.take([rule], 50_000, "b").admitted


def test_leases_are_held_until_they_are_given_back_and_giving_back_twice_is_harmless() -> None:
    clock = Hand()
    memory, rule = Memory(clock), Rule("key", "key:1", concurrency=2)
    first = memory.take([rule], 0, "a")
    memory.take([rule], 0, "b")
    clock.now_ms += 10 * SPAN_MS
    assert memory.take([rule], 0, "c").standings[0].refused == CONCURRENCY
    for _ in range(2):
        memory.give_back([rule], first.at_ms, "a", [0], 0)
    assert memory.take([rule], 0, "c").admitted
    assert not memory.take([rule], 0, "d").admitted


def test_a_request_can_be_forgiven() -> None:
    memory, rule = Memory(Hand()), Rule("sign-in", "address:1", 1, span_ms=1_200_000)
    first = memory.take([rule], 0, "a")
    assert not memory.take([rule], 0, "b").admitted
    memory.give_back([rule], first.at_ms, "a", [0], 1)
    assert memory.take([rule], 0, "b").admitted


def test_memory_is_bounded_and_the_idle_are_forgotten() -> None:
    clock = Hand()
    memory = Memory(clock)
    for number in range(3_000):
        memory.take([Rule("address", f"a:{number}", 5)], 0, "a")
        clock.now_ms += 100
    assert len(memory) < 2_100
    memory = Memory(clock, most=500)
    for number in range(600):
        memory.take([Rule("address", f"a:{number}", 5)], 0, "a")
    assert len(memory) == 500
