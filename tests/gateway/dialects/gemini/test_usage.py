"""Gemini's usage reports, in disjoint classes and in OpenAI's terms."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.dialects.gemini import usage
from ledger.quote import INPUT_CLASSES, OUTPUT_CLASSES, USAGE_CLASSES


def report(prompt: Any = None, spoken: Any = None, total: Any = None, **more: Any) -> Any:
    named = {"promptTokenCount": prompt, "candidatesTokenCount": spoken, "totalTokenCount": total}
    return {name: value for name, value in {**named, **more}.items() if value is not None}


def modality(name: str, count: int) -> dict[str, Any]:
    return {"modality": name, "tokenCount": count}


@pytest.mark.parametrize(
    ("given_report", "classes"),
    [
        (report(10, 5, 15), {"input": 10, "output": 5}),
        (report(10, 5, 22, thoughtsTokenCount=7), {"input": 10, "output": 5, "reasoning": 7}),
        # The thoughts are inside the candidates where only so the total is right.
        (report(10, 12, 22, thoughtsTokenCount=7), {"input": 10, "output": 5, "reasoning": 7}),
        # Thoughts that are in the total only are not free.
        (report(10, 5, 22), {"input": 10, "output": 5, "reasoning": 7}),
        (report(10, None, 22), {"input": 10, "output": 12}),
        (report(10, None, 22, thoughtsTokenCount=12), {"input": 10, "output": 0, "reasoning": 12}),
        (report(10, 5), {"input": 10, "output": 5}),
        (report(10), {"input": 10, "output": 0}),
        (report(None, None, 7), {"input": 7, "output": 0}),
        (report(None, 5, 7), {"input": 2, "output": 5}),
        (
            report(10, 5, 15, cachedContentTokenCount=8),
            {"input": 2, "cached": 8, "output": 5},
        ),
        (report(10, 5, 15, cachedContentTokenCount=99), {"input": 0, "cached": 10, "output": 5}),
        (
            report(10, 5, 18, toolUsePromptTokenCount=3),
            {"input": 13, "output": 5},
        ),
        (
            report(
                100,
                5,
                105,
                cachedContentTokenCount=50,
                promptTokensDetails=[
                    modality("TEXT", 30),
                    modality("AUDIO", 60),
                    modality("IMAGE", 10),
                ],
                cacheTokensDetails=[modality("AUDIO", 40), modality("TEXT", 10)],
            ),
            {"input": 20, "cached": 50, "audio_input": 20, "image_input": 10, "output": 5},
        ),
        (
            report(
                1, 100, 101, candidatesTokensDetails=[modality("IMAGE", 90), modality("AUDIO", 4)]
            ),
            {"input": 1, "output": 6, "image_output": 90, "audio_output": 4},
        ),
        ({"prompt_token_count": 3, "candidates_token_count": 4}, {"input": 3, "output": 4}),
        (report(-5, 10**30, None), {"input": 0, "output": 10**12}),
        (report("9", True, None), None),
        ({}, None),
    ],
)
def test_classes(given_report: dict[str, Any], classes: dict[str, int] | None) -> None:
    assert usage.classes(given_report) == classes


COUNT = st.integers(0, 10**6)


@given(
    prompt=COUNT,
    cached=COUNT,
    by_tools=COUNT,
    spoken=COUNT,
    thoughts=st.integers(1, 10**6),
    audio=COUNT,
    image=COUNT,
)
def test_the_classes_add_up_to_the_total(
    prompt: int, cached: int, by_tools: int, spoken: int, thoughts: int, audio: int, image: int
) -> None:
    total = prompt + by_tools + spoken + thoughts
    classes = usage.classes(
        report(
            prompt,
            spoken,
            total,
            thoughtsTokenCount=thoughts,
            cachedContentTokenCount=cached,
            toolUsePromptTokenCount=by_tools,
            promptTokensDetails=[modality("AUDIO", audio), modality("IMAGE", image)],
            candidatesTokensDetails=[modality("AUDIO", audio), modality("IMAGE", image)],
        )
    )
    assert classes is not None and set(classes) <= set(USAGE_CLASSES)
    assert sum(classes.get(name, 0) for name in INPUT_CLASSES) == prompt + by_tools
    assert sum(classes.get(name, 0) for name in OUTPUT_CLASSES) == spoken + thoughts
    assert min(classes.values()) >= 0
    assert classes.get("cached", 0) == min(cached, prompt + by_tools)


def test_where_reports_are() -> None:
    assert usage.find({"usageMetadata": report(1)}) == report(1)
    assert usage.find([{"usageMetadata": report(1)}, {"usageMetadata": report(2)}, {}]) == report(2)
    for nothing in ({}, {"usageMetadata": 7}, [], None, "x"):
        assert usage.find(nothing) is None


def test_later_reports_replace_and_keep() -> None:
    known = usage.merge(None, report(10, None, 10))
    known = usage.merge(known, report(10, 5, 15))
    assert usage.classes(known) == {"input": 10, "output": 5}
    assert usage.merge(known, {"thoughtsTokenCount": 2})["candidatesTokenCount"] == 5


def test_in_openais_terms_and_back() -> None:
    own = report(10, 5, 22, thoughtsTokenCount=7, cachedContentTokenCount=4)
    theirs = usage.to_openai(own)
    assert theirs == {
        "prompt_tokens": 10,
        "completion_tokens": 12,
        "total_tokens": 22,
        "prompt_tokens_details": {"cached_tokens": 4, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 7, "audio_tokens": 0},
    }
    assert usage.from_openai(theirs) == own
    assert usage.to_openai({}) is None
    assert usage.from_openai({}) is None
    assert usage.from_openai(7) is None
