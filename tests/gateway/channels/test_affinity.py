"""What makes requests belong together."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.channels.affinity import BY_CONVERSATION, BY_KEY, MAX_TEXT, MODES, OFF, affinity
from tests.gateway.channels.anything import anything


def of(body: dict[str, Any], key: int = 1) -> bytes | None:
    return affinity(BY_CONVERSATION, key, body)


def turn(role: str, content: Any) -> dict[str, Any]:
    return {"role": role, "content": content}


OPENING = [turn("system", "Be kind."), turn("user", "Hello")]
LATER = [turn("assistant", "Hi!"), turn("user", "More")]


def test_off_and_by_key() -> None:
    assert affinity(OFF, 1, {}) is None
    assert affinity(BY_KEY, 1, {"model": "a"}) == affinity(BY_KEY, 1, {"model": "b"})
    assert affinity(BY_KEY, 1, {}) != affinity(BY_KEY, 2, {})


@pytest.mark.parametrize(
    ("first", "later"),
    [
        ({"messages": OPENING}, {"messages": OPENING + LATER}),
        (
            {"system": "s", "messages": OPENING[1:]},
            {"system": "s", "messages": OPENING[1:] + LATER},
        ),
        ({"input": OPENING}, {"input": OPENING + LATER, "max_output_tokens": 5}),
        (
            {"contents": [{"role": "user", "parts": [{"text": "Hello"}]}]},
            {
                "contents": [
                    {"role": "user", "parts": [{"text": "Hello"}]},
                    {"role": "model", "parts": [{"text": "Hi"}]},
                ]
            },
        ),
        (
            {"prompt_cache_key": "c", "messages": OPENING},
            {"prompt_cache_key": "c", "messages": LATER},
        ),
    ],
)
def test_a_conversation_stays_itself_while_it_grows(
    first: dict[str, Any], later: dict[str, Any]
) -> None:
    assert of({"model": "m", **first}) == of({"model": "m", **later})


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"messages": OPENING}, {"messages": [turn("system", "Be kind."), turn("user", "Hallo")]}),
        ({"messages": OPENING}, {"messages": [turn("system", "Be mean."), turn("user", "Hello")]}),
        ({"model": "a", "messages": OPENING}, {"model": "b", "messages": OPENING}),
        ({"prompt_cache_key": "a"}, {"prompt_cache_key": "b"}),
        ({"input": "one"}, {"input": "other"}),
        ({"input": ["ab", "c"]}, {"input": ["a", "bc"]}),
    ],
)
def test_other_conversations_are_others(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert of(one) != of(other)


def test_two_callers_never_share_a_conversation() -> None:
    assert of({"messages": OPENING}, 1) != of({"messages": OPENING}, 2)


def test_only_the_beginning_of_a_long_opening_counts() -> None:
    long = "x" * (MAX_TEXT + 100)
    assert of({"messages": [turn("user", long + "a")]}) == of({"messages": [turn("user", long)]})


def test_a_deep_value_is_no_trouble() -> None:
    deep: Any = "x"
    for _ in range(100_000):
        deep = [deep]
    assert of({"messages": [turn("user", deep)]})


@given(
    st.sampled_from(MODES),
    st.dictionaries(
        st.sampled_from(["messages", "input", "contents", "system", "model", "prompt_cache_key"]),
        anything,
    ),
)
def test_any_body_will_do(mode: str, body: dict[str, Any]) -> None:
    token = affinity(mode, 1, body)
    assert token == affinity(mode, 1, body)
    assert (token is None) == (mode == OFF) and len(token or b"") <= 16
