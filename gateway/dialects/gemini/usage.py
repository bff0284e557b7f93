"""Gemini's usageMetadata in our disjoint classes (Gemini API: UsageMetadata).

promptTokenCount includes cachedContentTokenCount; candidatesTokenCount excludes
thoughtsTokenCount (some of Google's endpoints include it: the total tells); what Google's own tools
read counts beside the prompt, and costs as input. Reports of a stream are cumulative.
"""

from collections.abc import Iterable
from typing import Any

from gateway.dialects.gemini.fields import Json, child, children, count, events, get
from gateway.formats import usage as openai
from gateway.formats.usage import Usage
from ledger.quote import INPUT_CLASSES, OUTPUT_CLASSES


def find(event_or_answer: Any) -> Json | None:
    """Return the latest report in an answer, an event, or a list of events; None without one."""
    found = None
    for event in events(event_or_answer):
        found = child(event, "usageMetadata") or found
    return found


def merge(known: Json | None, news: Json) -> Json:
    """Let a later report replace what it repeats and keep what it leaves out."""
    return openai.merge(known, news)


def classes(report: Json) -> Usage | None:
    """Turn a report into disjoint classes; None when it holds no counts."""
    names = ("promptTokenCount", "candidatesTokenCount", "thoughtsTokenCount", "totalTokenCount")
    prompt, spoken, thoughts, total = (count(get(report, name)) for name in names)
    if prompt is None and spoken is None and thoughts is None and total is None:
        return None
    by_tools = count(get(report, "toolUsePromptTokenCount")) or 0
    if prompt is None:
        prompt = max(0, (total or 0) - by_tools - (spoken or 0) - (thoughts or 0))
    spoken, thoughts = _output(prompt + by_tools, spoken, thoughts, total)
    cached = count(get(report, "cachedContentTokenCount")) or 0
    inputs = {"cached": cached, **_media_in(report)}
    outputs = {"reasoning": thoughts, **_media_out(report)}
    return {
        **_split(prompt + by_tools, inputs, "input"),
        **_split(spoken + thoughts, outputs, "output"),
    }


def _output(
    inputs: int, spoken: int | None, thoughts: int | None, total: int | None
) -> tuple[int, int]:
    """Return the tokens said and thought, so that nothing in the total is lost or counted twice."""
    if total is None:
        return spoken or 0, thoughts or 0
    if spoken is None:
        return max(0, total - inputs - (thoughts or 0)), thoughts or 0
    if thoughts is None:
        # Early thinking models count their thoughts in the total only.
        return spoken, max(0, total - inputs - spoken)
    if thoughts <= spoken and inputs + spoken == total:
        return spoken - thoughts, thoughts
    return spoken, thoughts


def _split(total: int, parts: dict[str, int], rest: str) -> Usage:
    """Take each part out of a total, never more than is left; what is left is `rest`."""
    usage: Usage = {}
    for name, tokens in parts.items():
        taken = min(tokens, total)
        if taken > 0:
            usage[name] = taken
            total -= taken
    return {rest: total, **usage}


def _media_in(report: Json) -> dict[str, int]:
    cached = ("cacheTokensDetails",)
    fresh = ("promptTokensDetails", "toolUsePromptTokensDetails")
    return {
        name: _of(report, fresh, modality) - _of(report, cached, modality)
        for name, modality in (("audio_input", "AUDIO"), ("image_input", "IMAGE"))
    }


def _media_out(report: Json) -> dict[str, int]:
    spoken = ("candidatesTokensDetails",)
    return {
        name: _of(report, spoken, modality)
        for name, modality in (("audio_output", "AUDIO"), ("image_output", "IMAGE"))
    }


def _of(report: Json, lists: Iterable[str], modality: str) -> int:
    entries = (entry for name in lists for entry in children(report, name))
    found = (e for e in entries if e.get("modality") == modality)
    return sum(count(get(entry, "tokenCount")) or 0 for entry in found)


def to_openai(report: Json) -> Json | None:
    """Return a report as OpenAI's `usage`, where the parts are inside the totals."""
    usage = classes(report)
    if usage is None:
        return None
    prompt = sum(usage.get(name, 0) for name in INPUT_CLASSES)
    completion = sum(usage.get(name, 0) for name in OUTPUT_CLASSES)
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {
            "cached_tokens": usage.get("cached", 0),
            "audio_tokens": usage.get("audio_input", 0),
        },
        "completion_tokens_details": {
            "reasoning_tokens": usage.get("reasoning", 0),
            "audio_tokens": usage.get("audio_output", 0),
        },
    }


def from_openai(report: Any) -> Json | None:
    """Return OpenAI's `usage` as usageMetadata; None when it holds no counts."""
    usage = openai.classes(report) if isinstance(report, dict) else None
    if usage is None:
        return None
    prompt = sum(usage.get(name, 0) for name in INPUT_CLASSES)
    completion = sum(usage.get(name, 0) for name in OUTPUT_CLASSES)
    reasoning = usage.get("reasoning", 0)
    made = {
        "promptTokenCount": prompt,
        "candidatesTokenCount": completion - reasoning,
        "totalTokenCount": prompt + completion,
    }
    if reasoning:
        made["thoughtsTokenCount"] = reasoning
    if cached := usage.get("cached", 0):
        made["cachedContentTokenCount"] = cached
    return made
