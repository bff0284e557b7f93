"""Usage as the Anthropic Messages API reports it.

`input_tokens` EXCLUDES what was read from and written to the cache; `output_tokens` includes
thinking. The counts of a stream are cumulative: those of message_start are superseded, not added
to, by those of message_delta. Cache writes for one hour are a class of their own; searches are
billed by the call (server_tool_use.web_search_requests).
"""

from collections.abc import Mapping
from typing import Any

from gateway.dialects.anthropic.fields import Json, obj
from gateway.formats import usage as chat_usage
from gateway.formats.usage import MAX_COUNT, Usage

_READ, _WRITTEN = "cache_read_input_tokens", "cache_creation_input_tokens"
_INPUTS = ("input_tokens", _READ, _WRITTEN)
_HOURLY = "ephemeral_1h_input_tokens"
_WRITES = ("ephemeral_5m_input_tokens", _HOURLY)
_SEARCHES = "web_search_requests"


def _count(value: Any) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not value >= 0:
        return None
    return int(min(value, MAX_COUNT))


def classes(report: Mapping[str, Any]) -> Usage | None:
    """Turn a report into disjoint classes; None when it holds no counts.

    A side, input or output, of which it tells nothing has no class at all.
    """
    source = obj(report)
    fresh, read = _count(source.get("input_tokens")), _count(source.get(_READ))
    written, output = _written(source), _count(source.get("output_tokens"))
    if fresh is None and read is None and written is None and output is None:
        return None
    details = obj(source.get("output_tokens_details"))
    thinking = min(_count(details.get("thinking_tokens")) or 0, output or 0)
    hourly = min(_lasting(source), written or 0)
    extra = {
        "cached": read or 0,
        "cache_write": (written or 0) - hourly,
        "cache_write_1h": hourly,
        "reasoning": thinking,
        "web_searches": _count(obj(source.get("server_tool_use")).get(_SEARCHES)) or 0,
    }
    plain = {} if output is None else {"output": output - thinking}
    if fresh is not None or read is not None or written is not None:
        plain = {"input": fresh or 0, **plain}
    return plain | {name: count for name, count in extra.items() if count}


def _written(report: Json) -> int | None:
    """Return the cache writes: the total, or the sum by lifetime where only that is given."""
    total = _count(report.get(_WRITTEN))
    lifetimes = obj(report.get("cache_creation"))
    parts = [count for count in (_count(lifetimes.get(n)) for n in _WRITES) if count is not None]
    return total if total or not parts else min(sum(parts), MAX_COUNT)


def _lasting(report: Json) -> int:
    """Return the cache writes for one hour."""
    return _count(obj(report.get("cache_creation")).get(_HOURLY)) or 0


def find(event_or_answer: Any) -> Json | None:
    """Find the report in an answer, a message_start or a message_delta."""
    source = obj(event_or_answer)
    for holder in (source, obj(source.get("message"))):
        if isinstance(holder.get("usage"), dict):
            return dict(holder["usage"])
    return None


def merge(known: Json | None, news: Json) -> Json:
    """Let a later report replace what it repeats and keep what it leaves out; nothing is summed.

    A later report that says zero throughout, on the input's side or on the output's, does not
    erase what is known: some vendors count each side in one of the two events only.
    """
    if known is None:
        return dict(news)
    said = {name: value for name, value in news.items() if value is not None}
    for side in (_INPUTS, ("output_tokens",)):
        if not any(_count(said.get(name)) for name in side):
            said = {
                name: value
                for name, value in said.items()
                if name not in side or not known.get(name)
            }
    return {**known, **said}


def to_chat(report: Any) -> Json | None:
    """Return a report as OpenAI chat has it: the prompt includes cached and cache writes."""
    found = classes(obj(report))
    if found is None:
        return None
    cached, written = found.get("cached", 0), chat_usage.cache_writes(found)
    prompt = found.get("input", 0) + cached + written
    reasoning = found.get("reasoning", 0)
    completion = found.get("output", 0) + reasoning
    of_prompt = {"cached_tokens": cached}
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": of_prompt | ({"cache_write_tokens": written} if written else {}),
        "completion_tokens_details": {"reasoning_tokens": reasoning},
    }


def from_chat(report: Any) -> Json:
    """Return OpenAI's report as Anthropic has it; zeros where there is none."""
    found = chat_usage.classes(obj(report)) or {}
    reasoning = found.get("reasoning", 0)
    details = {"output_tokens_details": {"thinking_tokens": reasoning}} if reasoning else {}
    return {
        "input_tokens": found.get("input", 0) + found.get("audio_input", 0),
        _WRITTEN: chat_usage.cache_writes(found),
        _READ: found.get("cached", 0),
        "output_tokens": found.get("output", 0) + found.get("audio_output", 0) + reasoning,
        **details,
    }
