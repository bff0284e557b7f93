"""Usage as the Responses API reports it: input includes cached, output includes reasoning."""

from typing import Any

from gateway.dialects.responses.loose import Json, mapping
from gateway.formats import usage
from gateway.formats.usage import Usage
from ledger.quote import INPUT_CLASSES, OUTPUT_CLASSES

merge = usage.merge


def classes(report: Any) -> Usage | None:
    """Turn a report into disjoint classes (counts of tokens); None when it holds no counts."""
    return usage.classes(report) if isinstance(report, dict) else None


def find(event_or_answer: Any) -> Json | None:
    """Find the report: in an answer, or in an event that holds one.

    The events that end a stream (`response.completed`, `.incomplete`, `.failed`) hold the usage;
    earlier ones hold null.
    """
    said = mapping(event_or_answer)
    for holder in (mapping(said.get("response")), said):
        if isinstance(holder.get("usage"), dict):
            return dict(holder["usage"])
    return None


def from_chat(report: Any) -> Json | None:
    """Write a chat upstream's report as the Responses API does (OpenAI: ResponseUsage)."""
    found = classes(report)
    if found is None:
        return None
    taken = sum(found.get(name, 0) for name in INPUT_CLASSES)
    given = sum(found.get(name, 0) for name in OUTPUT_CLASSES)
    return {
        "input_tokens": taken,
        "input_tokens_details": {
            "cached_tokens": found.get("cached", 0),
            "cache_write_tokens": usage.cache_writes(found),
        },
        "output_tokens": given,
        "output_tokens_details": {"reasoning_tokens": found.get("reasoning", 0)},
        "total_tokens": taken + given,
    }


def to_chat(report: Any) -> Json | None:
    """Write a Responses report as chat does (OpenAI: CompletionUsage)."""
    found = classes(report)
    if found is None:
        return None
    taken = sum(found.get(name, 0) for name in INPUT_CLASSES)
    given = sum(found.get(name, 0) for name in OUTPUT_CLASSES)
    of_prompt = {"cached_tokens": found.get("cached", 0)}
    if written := usage.cache_writes(found):
        of_prompt["cache_write_tokens"] = written
    return {
        "prompt_tokens": taken,
        "completion_tokens": given,
        "total_tokens": taken + given,
        "prompt_tokens_details": of_prompt,
        "completion_tokens_details": {"reasoning_tokens": found.get("reasoning", 0)},
    }
