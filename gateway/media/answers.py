"""What image and audio answers say of themselves: usage, pieces made, where a stream ends.

Sources: OpenAI's API reference (Images, Audio, and the streaming events of each).
"""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from gateway.dialects.dialect import Json
from gateway.formats import sse, usage
from gateway.formats.usage import MAX_COUNT, Usage
from gateway.relay.errors import RelayError, normalise

_ENDS = frozenset(
    (
        "image_generation.completed",
        "image_edit.completed",
        "speech.audio.done",
        "transcript.text.done",
    )
)
_NAMES = rb"image_(?:generation|edit)\.completed|speech\.audio\.done|transcript\.text\.done"
TELLING = re.compile(_NAMES + rb"|\"error\"|\[DONE\]")
OPENING = re.compile(rb"event:\s*(?:" + _NAMES + rb")")
ERROR_FIRST = re.compile(rb'\s*\{\s*"(?:type"\s*:\s*"error"|error"\s*:\s*\{)')


@dataclass(slots=True)
class Made:
    """What an answer made, as far as it is known here. `count` is of the unit that is sold."""

    delivered: bool = False
    report: Json | None = None
    count: int | None = None
    size: str | None = None
    quality: str | None = None
    texts: list[str] = field(default_factory=list)


def made_by(parsed: Any, content: bytes) -> Made:
    """Read a whole answer: an image response, a transcript as JSON, or anything else."""
    if not isinstance(parsed, dict):
        return Made(delivered=True, texts=[content.decode("utf-8", "replace")])
    made = Made(delivered=True, report=find(parsed), texts=list(texts(parsed)))
    for name in ("data", "images"):
        if isinstance(parsed.get(name), list):
            made.count = sum(isinstance(each, dict) for each in parsed[name])
            break
    else:
        made.count = seconds(parsed)
    made.size, made.quality = (_label(parsed.get(name)) for name in ("size", "quality"))
    return made


def seconds(answer: Json) -> int | None:
    """Return how long the upstream says that the audio is, in whole seconds, rounded up."""
    report = answer.get("usage")
    stated = report.get("seconds") if isinstance(report, dict) else None
    for value in (stated, answer.get("duration")):
        if isinstance(value, str):  # some vendors write it as text
            value = float(value) if re.fullmatch(r"\d{1,9}(\.\d{1,9})?", value) else None
        if isinstance(value, int | float) and not isinstance(value, bool):
            return math.ceil(min(max(value, 0), MAX_COUNT))
    return None


def _label(value: Any) -> str | None:
    label = value.strip().lower()[:40] if isinstance(value, str) else ""
    return None if label in ("", "auto") or " " in label else label


def find(answer: Any) -> Json | None:
    """Return the usage report of an answer or of an event."""
    report = answer.get("usage") if isinstance(answer, dict) else None
    return dict(report) if isinstance(report, dict) else None


def texts(answer: Any) -> Iterator[str]:
    """Yield the text of a transcript, or of a piece of one."""
    said = answer.get("type") if isinstance(answer, dict) else ""
    name = {None: "text", "transcript.text.delta": "delta"}.get(said)
    if name is not None and isinstance(answer.get(name), str):
        yield answer[name]


def image_classes(report: Json) -> Usage | None:
    """Divide tokens as the details say; the output is images where they say nothing."""
    counted = usage.classes(report)
    if counted is None:
        return None
    _move(counted, "input", "image_input", _detail(report, "input_tokens_details"))
    made = _detail(report, "output_tokens_details")
    _move(counted, "output", "image_output", MAX_COUNT if made is None else made)
    return counted


def speech_classes(report: Json) -> Usage | None:
    """Count what is spoken as audio."""
    counted = usage.classes(report)
    if counted is not None:
        _move(counted, "output", "audio_output", MAX_COUNT)
    return counted


def transcript_classes(report: Json) -> Usage | None:
    """Divide tokens as the details say, which here have another name than elsewhere."""
    details = report.get("input_token_details") or report.get("input_tokens_details")
    return usage.classes({**report, "input_tokens_details": details})


def _detail(report: Json, name: str) -> int | None:
    details = report.get(name)
    value = details.get("image_tokens") if isinstance(details, dict) else None
    return max(0, value) if type(value) is int else None


def _move(counted: Usage, source: str, target: str, count: int | None) -> None:
    moved = min(counted.get(source, 0), count or 0)
    if moved:
        counted[source] -= moved
        counted[target] = counted.get(target, 0) + moved


def added(known: Json | None, news: Json) -> Json:
    """Add up reports: each of a stream's images comes with its own."""
    if known is None:
        return news
    total = {**known, **news}
    for name, value in news.items():
        before = known.get(name)
        if type(value) is int and type(before) is int:
            total[name] = before + value
        elif isinstance(value, dict) and isinstance(before, dict):
            total[name] = added(before, value)
    return total


class Follower:
    """Watches a stream. `made` is what came so far; several images have several ends."""

    def __init__(self) -> None:
        self.finished = False
        self.failed = False
        self.made = Made()

    def feed(self, event: Json) -> bool:
        """Note an event; those that end an image, a speech or a transcript are held back."""
        kind, made = event.get("type"), self.made
        if kind in _ENDS:
            made.count = (made.count or 0) + 1
            made.delivered = self.finished = True
            made.size = _label(event.get("size")) or made.size
            made.quality = _label(event.get("quality")) or made.quality
        self.failed = self.failed or kind == "error" or isinstance(event.get("error"), dict)
        return kind in _ENDS or self.failed

    def cut_short(self, report: Json, events: int) -> bytes:
        """Return nothing: credit for these is held for all of them beforehand."""
        return b""


def stream_error(error: RelayError, request_id: str) -> bytes:
    """Return the error that ends a stream."""
    return sse.frame({"type": "error", **error.envelope(request_id)})


def parse_error(body: Any) -> tuple[str | None, str]:
    """Return code and message of an upstream's error."""
    said = normalise(body)
    return said["code"], said["message"]
