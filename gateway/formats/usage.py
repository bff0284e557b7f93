"""Usage as vendors report it, turned once into disjoint classes.

Every vendor's counts overlap in their own way (cached tokens are part of the prompt, reasoning is
part of the completion, mostly). After `classes` they do not: the sum of the input classes is the
prompt, and the sum of the output classes is the completion. No count is ever below zero.
"""

from collections.abc import Mapping
from typing import Any

import orjson

from ledger.quote import INPUT_CLASSES, OUTPUT_CLASSES

Usage = dict[str, int]

MAX_COUNT = 10**12
MAX_FRAME = 2_048
_SCANNED_TAIL = 4_096


def count(value: object) -> int | None:
    """Read a count: a whole number, MAX_COUNT at most; None for anything else.

    Some say -1 for what they do not know.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not value >= 0:
        return None
    return int(min(value, MAX_COUNT))


def _first(source: Mapping[str, Any], *names: str) -> int | None:
    for name in names:
        found = count(source.get(name))
        if found is not None:
            return found
    return None


def _details(report: Mapping[str, Any], *names: str) -> Mapping[str, Any]:
    for name in names:
        if isinstance(report.get(name), dict):
            details: Mapping[str, Any] = report[name]
            return details
    return {}


def _split(total: int, parts: Mapping[str, int | None], rest: str) -> Usage:
    """Take each part out of a total, never more than is left; what is left is `rest`."""
    usage: Usage = {}
    for name, count in parts.items():
        taken = min(count or 0, total)
        if taken:
            usage[name] = taken
            total -= taken
    return {rest: total, **usage}


def classes(report: Mapping[str, Any]) -> Usage | None:
    """Turn a vendor's usage report into disjoint classes; None when it holds no counts.

    A side, input or output, of which it tells nothing has no class at all.
    """
    prompt = _first(report, "prompt_tokens", "input_tokens")
    completion = _first(report, "completion_tokens", "output_tokens")
    total = _first(report, "total_tokens")
    if prompt is None and completion is None and total is None:
        return None
    if prompt is None and total is not None:
        prompt = max(0, total - (completion or 0))
    if completion is None and total is not None:
        completion = max(0, total - (prompt or 0))
    searches = _searches(report)
    tools = {"web_searches": searches} if searches else {}
    return {**_input(report, prompt), **_output(report, prompt, completion, total), **tools}


def _input(report: Mapping[str, Any], prompt: int | None) -> Usage:
    if prompt is None:
        return {}
    of_prompt = _details(report, "prompt_tokens_details", "input_tokens_details")
    cached = _first(of_prompt, "cached_tokens")
    if cached is None:
        cached = _first(report, "prompt_cache_hit_tokens", "cached_tokens")
    inputs = {
        "cached": cached,
        "cache_write": _first(of_prompt, "cache_write_tokens", "cache_creation_tokens"),
        "audio_input": _first(of_prompt, "audio_tokens"),
    }
    return _split(prompt, inputs, "input")


def _output(
    report: Mapping[str, Any], prompt: int | None, completion: int | None, total: int | None
) -> Usage:
    if completion is None:
        return {}
    of_completion = _details(report, "completion_tokens_details", "output_tokens_details")
    reasoning = _first(of_completion, "reasoning_tokens")
    if reasoning and total == (prompt or 0) + completion + reasoning:
        completion += reasoning  # some vendors count reasoning beside the completion
    outputs = {
        "reasoning": reasoning,
        "audio_output": _first(of_completion, "audio_tokens"),
    }
    return _split(completion, outputs, "output")


def _searches(report: Mapping[str, Any]) -> int | None:
    """Return the searches that an upstream bills by the call, where its usage counts them:
    OpenRouter in Anthropic's form, Perplexity as num_search_queries."""
    by_server = _first(_details(report, "server_tool_use"), "web_search_requests")
    return _first(report, "num_search_queries") if by_server is None else by_server


def cache_writes(usage: Mapping[str, int]) -> int:
    """Return the tokens written to a cache, for however long."""
    return usage.get("cache_write", 0) + usage.get("cache_write_1h", 0)


def report_of(usage: Mapping[str, int]) -> dict[str, Any]:
    """Return usage in our classes as an OpenAI upstream would report it."""
    prompt = sum(usage.get(name, 0) for name in INPUT_CLASSES)
    completion = sum(usage.get(name, 0) for name in OUTPUT_CLASSES)
    usage = {**usage, "cache_write": cache_writes(usage)}
    of_prompt = {"cached_tokens": "cached", "cache_write_tokens": "cache_write"}
    of_prompt["audio_tokens"] = "audio_input"
    of_completion = {"reasoning_tokens": "reasoning", "audio_tokens": "audio_output"}
    report: dict[str, Any] = {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
    }
    for name, parts in (("prompt", of_prompt), ("completion", of_completion)):
        details = {field: usage[kind] for field, kind in parts.items() if usage.get(kind)}
        if details:
            report[f"{name}_tokens_details"] = details
    return report


def find(answer: Any) -> dict[str, Any] | None:
    """Find the usage report in an answer or a chunk, wherever vendors put it."""
    if not isinstance(answer, dict):
        return None
    if isinstance(answer.get("usage"), dict):
        return dict(answer["usage"])
    choices = answer.get("choices")
    if isinstance(choices, list) and choices and isinstance(choices[0], dict):
        inner = choices[0].get("usage")
        if isinstance(inner, dict):
            return dict(inner)
    extra = answer.get("x_groq")
    if isinstance(extra, dict) and isinstance(extra.get("usage"), dict):
        return dict(extra["usage"])
    return None


def merge(known: dict[str, Any] | None, news: dict[str, Any]) -> dict[str, Any]:
    """Let a later report replace what it repeats and keep what it leaves out; nothing is summed."""
    if known is None:
        return news
    return {**known, **{name: value for name, value in news.items() if value is not None}}


def in_long_body(body: bytes) -> dict[str, Any] | None:
    """Find the usage at either end of a long body without parsing the rest of it."""
    for part in (body[-_SCANNED_TAIL:], body[:_SCANNED_TAIL]):
        at = part.rfind(b'"usage"')
        if at >= 0:
            start = part.find(b"{", at)
            report = _object_at(part, start) if start >= 0 else None
            if report is not None:
                return report
    return None


def _object_at(text: bytes, start: int) -> dict[str, Any] | None:
    depth = 0
    for position in range(start, len(text)):
        depth += (text[position] == 0x7B) - (text[position] == 0x7D)
        if depth == 0:
            try:
                found = orjson.loads(text[start : position + 1])
            except orjson.JSONDecodeError:
                return None
            return found if isinstance(found, dict) else None
    return None


def frame_text(report: Mapping[str, Any] | None) -> str | None:
    """Return the vendor's report as JSON text for the event, or None when it is too long, or too
    deep to be written."""
    if report is None:
        return None
    try:
        text = orjson.dumps(report).decode()
    except orjson.JSONEncodeError:
        return None
    return text if len(text) <= MAX_FRAME else None
