"""The Realtime API's events, as far as the relay must know them (OpenAI: Realtime events)."""

from dataclasses import replace
from typing import Any

import orjson

from gateway.dialects.dialect import Json
from gateway.formats import usage as usages
from gateway.formats.openai import Endpoint
from gateway.formats.usage import Usage
from gateway.relay.errors import RelayError

REALTIME = Endpoint(
    name="realtime",
    task="realtime",
    path="/v1/realtime",
    field="",
    kinds=(),
    has_output=True,
    passes=("openai-beta", "openai-safety-identifier"),
    streams=True,
    in_turns=True,
)
#: Sessions that only transcribe: only their settings tell the upstream of a model.
TRANSCRIBING = replace(REALTIME, has_output=False)
INTENT = "transcription"
# Output tokens are counted from what was said, for the case that no usage comes: speech is one
# token for every 50 ms (OpenAI: Realtime costs), which is so much base64 of 24 kHz PCM.
BASE64_PER_TOKEN = 3_200

#: Events of clients that change the settings of a session.
SETS = frozenset({"session.update", "transcription_session.update"})
AUDIO_DELTAS = frozenset({"response.audio.delta", "response.output_audio.delta"})
TEXT_DELTAS = frozenset(
    {
        "response.text.delta",
        "response.output_text.delta",
        "response.function_call_arguments.delta",
    }
)


def classes(report: Any) -> Usage | None:
    """Turn the usage of a `response.done` into disjoint classes; None when it holds no counts.

    Cached tokens are inside the input, and inside the details of each kind.
    """
    if not isinstance(report, dict):
        return None
    taken, given = (usages.count(report.get(f"{name}_tokens")) for name in ("input", "output"))
    if taken is None and given is None:
        return None
    inside, outside = child(report, "input_token_details"), child(report, "output_token_details")
    cached = child(inside, "cached_tokens_details")
    fresh = {
        f"{kind}_input": _count(inside, kind) - _count(cached, kind) for kind in ("audio", "image")
    }
    inputs = {"cached": _count(inside, "cached"), **fresh}
    return {
        **_split(taken or 0, inputs, "input"),
        **_split(given or 0, {"audio_output": _count(outside, "audio")}, "output"),
    }


def transcribed(report: Any) -> tuple[Usage | None, int | None]:
    """Read the usage of a transcript: its tokens in disjoint classes, or whole seconds of audio,
    rounded up. Both None where it says neither (OpenAI: input_audio_transcription.completed)."""
    seconds: Any = report.get("seconds") if isinstance(report, dict) else None
    whole = usages.count(seconds)
    if whole is not None and whole < seconds:
        whole = min(whole + 1, usages.MAX_COUNT)
    return classes(report), whole


#: What says no transcript is wanted, and what says nothing about transcripts.
OFF, UNSAID = "off", "unsaid"


def transcription_of(session: Json) -> Any:
    """Return what a session's settings say about transcripts of the input: an object, OFF, UNSAID,
    or whatever else a client wrote there."""
    for where, name in (
        (child(session, "audio", "input"), "transcription"),
        (session, "input_audio_transcription"),
    ):
        if name in where:
            return where[name] or OFF
    return UNSAID


def _count(details: Json, kind: str) -> int:
    return usages.count(details.get(f"{kind}_tokens")) or 0


def _split(total: int, parts: dict[str, int], rest: str) -> Usage:
    usage: Usage = {}
    for name, tokens in parts.items():
        taken = min(tokens, total)
        if taken > 0:
            usage[name] = taken
            total -= taken
    return {rest: total, **usage}


def child(value: Any, *names: str) -> Json:
    """Return an object deep inside another; {} where there is none."""
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}


# What no model reads as text.
_UNREAD = frozenset({"type", "audio", "image_url", "event_id", "id", "item_id", "call_id"})


def texts_of(event: Json) -> list[str]:
    """Return all texts of a client's event, wherever they are: of items, instructions, tools."""
    found: list[str] = []
    waiting: list[Any] = [event]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            waiting += (
                inner
                for name, inner in value.items()
                if name not in _UNREAD or not isinstance(inner, str)
            )
        elif isinstance(value, list):
            waiting += value
        elif isinstance(value, str):
            found.append(value)
    return found


def error_event(error: RelayError, request_id: str, event_id: Any = None) -> str:
    """Write an error as the API does; `event_id` is the client's event that it is about."""
    said: Json = error.envelope(request_id)["error"]
    if isinstance(event_id, str):
        said["event_id"] = event_id[:200]
    event = {"type": "error", "event_id": f"event_{request_id}", "error": said}
    return orjson.dumps(event).decode()
