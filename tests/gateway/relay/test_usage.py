"""Vendors' usage reports become disjoint classes."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.formats import usage

OPENAI = {
    "prompt_tokens": 100,
    "completion_tokens": 50,
    "total_tokens": 150,
    "prompt_tokens_details": {"cached_tokens": 60, "audio_tokens": 5},
    "completion_tokens_details": {"reasoning_tokens": 30, "audio_tokens": 2},
}


@pytest.mark.parametrize(
    ("report", "expected"),
    [
        ({"prompt_tokens": 3, "completion_tokens": 4}, {"input": 3, "output": 4}),
        (
            OPENAI,
            {
                "input": 35,
                "cached": 60,
                "audio_input": 5,
                "output": 18,
                "reasoning": 30,
                "audio_output": 2,
            },
        ),
        ({"prompt_tokens": 7, "total_tokens": 7}, {"input": 7, "output": 0}),
        ({"total_tokens": 7}, {"input": 7, "output": 0}),
        ({"prompt_tokens": 0, "completion_tokens": 0}, {"input": 0, "output": 0}),
        (
            {"prompt_tokens": 10, "completion_tokens": 1, "prompt_cache_hit_tokens": 4},
            {"input": 6, "cached": 4, "output": 1},
        ),
        (
            {"prompt_tokens": 10, "prompt_tokens_details": {"cached_tokens": 99}},
            {"input": 0, "cached": 10},
        ),
        ({"prompt_tokens": -5, "completion_tokens": 7}, {"output": 7}),
        ({"prompt_tokens": 10, "total_tokens": 30}, {"input": 10, "output": 20}),
        (
            {
                "prompt_tokens": 10,
                "completion_tokens": 5,
                "total_tokens": 115,
                "completion_tokens_details": {"reasoning_tokens": 100},
            },
            {"input": 10, "output": 5, "reasoning": 100},
        ),
        ({"prompt_tokens": 2.0, "completion_tokens": True}, {"input": 2}),
        ({"input_tokens": 2, "output_tokens": 3}, {"input": 2, "output": 3}),
    ],
)
def test_reports_become_disjoint_classes(report: dict[str, Any], expected: dict[str, int]) -> None:
    assert usage.classes(report) == expected


@pytest.mark.parametrize(
    "report", [{}, {"prompt_tokens": None}, {"prompt_tokens": "many"}, {"prompt_tokens": -1}]
)
def test_a_report_without_counts_is_none(report: dict[str, Any]) -> None:
    assert usage.classes(report) is None


_ANY = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3)
_DETAILS = st.none() | st.dictionaries(
    st.sampled_from(["cached_tokens", "audio_tokens", "reasoning_tokens"]), _ANY
)


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "prompt_tokens": _ANY,
            "completion_tokens": _ANY,
            "total_tokens": _ANY,
            "prompt_tokens_details": _DETAILS,
            "completion_tokens_details": _DETAILS,
        },
    )
)
def test_any_report_gives_whole_counts_that_are_never_negative(report: dict[str, Any]) -> None:
    found = usage.classes(report)
    for count in (found or {}).values():
        assert type(count) is int and 0 <= count <= 2 * usage.MAX_COUNT


@given(st.integers(0, 10**6), st.integers(-10, 10**6), st.integers(-10, 10**6))
def test_the_input_classes_add_up_to_the_prompt(prompt: int, cached: int, audio: int) -> None:
    details = {"cached_tokens": cached, "audio_tokens": audio}
    found = usage.classes({"prompt_tokens": prompt, "prompt_tokens_details": details})
    assert found is not None
    assert sum(found.values()) == prompt


def test_usage_is_found_wherever_vendors_put_it() -> None:
    report = {"prompt_tokens": 1}
    assert usage.find({"usage": report, "choices": []}) == report
    assert usage.find({"choices": [{"delta": {}, "usage": report}]}) == report
    assert usage.find({"choices": [], "x_groq": {"usage": report}}) == report
    assert usage.find({"usage": None, "choices": []}) is None
    assert usage.find(["usage"]) is None


def test_a_later_report_replaces_and_is_never_added() -> None:
    first = usage.merge(None, {"prompt_tokens": 5, "completion_tokens": 1})
    assert usage.merge(first, {"completion_tokens": 9, "prompt_tokens": None}) == {
        "prompt_tokens": 5,
        "completion_tokens": 9,
    }


@pytest.mark.parametrize("template", ['{"usage":%s,"data":[%s]}', '{"data":[%s],"usage":%s}'])
def test_usage_is_found_at_either_end_of_a_long_body(template: str) -> None:
    report, filler = '{"prompt_tokens":8,"details":{"a":{"b":1}}}', ",".join(["0.125"] * 20_000)
    parts = (report, filler) if template.startswith('{"usage"') else (filler, report)
    found = usage.in_long_body((template % parts).encode())
    assert found is not None and found["prompt_tokens"] == 8


def test_text_that_speaks_of_usage_is_not_usage() -> None:
    body = rb'{"choices":[{"message":{"content":"say \"usage\":{\"prompt_tokens\":1}"}}]}'
    assert usage.in_long_body(body) is None


def test_a_frame_that_is_too_long_is_not_kept() -> None:
    assert usage.frame_text({"a": "x" * usage.MAX_FRAME}) is None
    assert usage.frame_text({"a": 1}) == '{"a":1}'
