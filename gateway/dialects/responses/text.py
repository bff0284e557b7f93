"""Where the text is in the Responses API's JSON, for counting tokens locally."""

from collections.abc import Iterator
from typing import Any

from gateway.dialects.responses.loose import Json, json_text, mapping, objects
from gateway.formats import images
from gateway.formats.text import PER_ANSWER, PER_MESSAGE, Countable

_SPOKEN = ("text", "refusal", "transcript")
_CALLED = ("name", "arguments", "input", "code", "output")
_COUNTED = ("instructions", "input")


def of_answer(answer_or_event: Any) -> Iterator[str]:
    """Yield every text that an answer, or one event of a stream, delivers.

    In a stream these are the deltas and the names of calls; the events that repeat what was
    delivered (`*.done`, `response.completed`) yield nothing.
    """
    said = mapping(answer_or_event)
    kind = said.get("type")
    if not isinstance(kind, str):
        for item in objects(said.get("output")):
            yield from _of_item(item)
    elif kind.endswith(".delta") and isinstance(said.get("delta"), str):
        yield said["delta"]
    elif kind == "response.output_item.added":
        yield from _strings(mapping(said.get("item")), ("name",))


def _of_item(item: Json) -> Iterator[str]:
    for name in ("summary", "content"):
        for part in objects(item.get(name)):
            yield from _strings(part, _SPOKEN)
    if item.get("type") not in ("message", "reasoning"):
        yield from _strings(item, _CALLED)


def _strings(source: Json, names: tuple[str, ...]) -> Iterator[str]:
    for name in names:
        if isinstance(source.get(name), str):
            yield source[name]


def of_request(body: Json) -> Countable:
    """Collect what a request sends in; it need not be one that chat could be asked.

    Raises RelayError 400 for tools that are nested too deeply.
    """
    found = Countable(tokens=PER_ANSWER)
    body = mapping(body)
    found.texts += _strings(body, _COUNTED)
    for item in objects(body.get("input")):
        found.tokens += PER_MESSAGE
        found.texts += _strings(item, ("role", "content", "name", "arguments", "input", "output"))
        for name in ("content", "output", "summary"):
            for part in objects(item.get(name)):
                found.texts += _strings(part, _SPOKEN)
                if "image" in str(part.get("type")):
                    image = images.of_url(part.get("image_url"), part.get("detail"))
                    found.images.append(image)
    if body.get("tools"):
        found.texts.append(json_text(body, "tools"))
    return found
