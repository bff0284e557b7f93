"""What Replicate's models are asked: their inputs, as most of them name them (replicate.py)."""

import re
from typing import Any

from gateway.dialects.dialect import Json
from gateway.dialects.gemini.fields import a_name, a_text, refuse, unsupported
from gateway.providers import turns
from gateway.providers.turns import ASSISTANT, SYSTEM, TOOL, Turn

_VERSION = re.compile(r"(?:[\w.-]+/[\w.-]+:)?([0-9a-f]{64})", re.ASCII)
_MODEL = re.compile(r"(?!\.+/)[\w.-]+/(?!\.+$)[\w.-]+", re.ASCII)
_SIZE = re.compile(r"([1-9][0-9]{0,4})x([1-9][0-9]{0,4})", re.ASCII)
_WHO = {ASSISTANT: "Assistant"}
# The shapes that models of images have names for.
_SHAPES = (
    *((1, 1), (16, 9), (9, 16), (4, 3), (3, 4), (3, 2), (2, 3), (5, 4), (4, 5)),
    *((21, 9), (9, 21)),
)
# Whose models have sizes instead of shapes.
_SIZED = "recraft-ai/"


def version(model: Any) -> str:
    """Return the version that a name stands for, which are 64 digits, or "" for none."""
    found = _VERSION.fullmatch(model) if isinstance(model, str) else None
    return found[1] if found else ""


def place(model: str) -> str:
    """Return where a model is asked, from its maker on. Raises LookupError for what is no model."""
    if _MODEL.fullmatch(model) is None:
        raise LookupError(f"no model of Replicate's: {model[:80]!r}; it must be owner/name")
    return f"/models/{model}"


def _asked(body: Json, given: Json) -> Json:
    named = version(body.get("model"))
    return {**({"version": named} if named else {}), "input": given}


def chat_body(chat: Json) -> Json:
    """Return the body of a conversation, which is one text. Raises RelayError 400."""
    said = turns.turns(chat)
    for turn in said:
        if turn.calls:
            unsupported(f"{turn.param}.tool_calls")
        if turn.role == TOOL:
            unsupported(f"{turn.param}.role")
    spoken = [turn for turn in said if turn.role != SYSTEM]
    given: Json = {"prompt": _prompt(spoken)}
    if system := "\n".join(turn.text for turn in said if turn.role == SYSTEM):
        given["system_prompt"] = system
    given |= turns.sampling(chat)
    if (most := turns.limit(chat)) is not None:
        given["max_tokens"] = most
    if stops := turns.stops(chat):
        if any("," in stop for stop in stops):
            refuse("stop", "without commas: these part its words here")
        given["stop_sequences"] = ",".join(stops)
    return {**_asked(chat, given), **({"stream": True} if turns.streams(chat) else {})}


def _prompt(spoken: list[Turn]) -> str:
    """Return what was said: a single question as it is, else who said what."""
    if not any(turn.text for turn in spoken):
        refuse("messages", "a list with something said in it")
    if len(spoken) == 1:
        return spoken[0].text
    lines = [f"{_WHO.get(turn.role, 'User')}: {turn.text}" for turn in spoken]
    return "\n\n".join([*lines, "Assistant:"])


def images_body(body: Json) -> Json:
    """Return the body for images. A size becomes the shape that is nearest to it."""
    given: Json = {"prompt": a_name(body.get("prompt"), "prompt")}
    given |= turns.numbers(
        body,
        seed="seed",
        steps="steps",
        guidance="guidance",
        num_inference_steps="num_inference_steps",
        safety_tolerance="safety_tolerance",
    )
    if body.get("n") not in (None, 1):
        given |= turns.numbers(body, n="num_outputs")
    for name in ("negative_prompt", "aspect_ratio", "output_format"):
        if text := a_text(body.get(name), name):
            given[name] = text
    size = a_text(body.get("size"), "size").lower()
    if size and size != "auto" and "aspect_ratio" not in given:
        given |= _shape(size, a_name(body.get("model"), "model"))
    return _asked(body, given)


def _shape(size: str, model: str) -> Json:
    sides = _SIZE.fullmatch(size)
    if sides is None:
        refuse("size", 'a string such as "1024x1024"')
    if model.startswith(_SIZED):
        return {"size": size}
    ratio = int(sides[1]) / int(sides[2])
    wide, high = min(_SHAPES, key=lambda shape: abs(shape[0] / shape[1] - ratio))
    return {"aspect_ratio": f"{wide}:{high}"}
