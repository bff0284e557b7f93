"""What DashScope answers, whole or in a stream (dashscope.py); what is odd is passed over."""

from typing import Any

from gateway.dialects.dialect import Json
from gateway.dialects.gemini.fields import child, children, said

_NO_END = ("", "null")


def choice(source: Any) -> Json:
    """Return the first answer; the older form has it without a list around it."""
    output = child(source, "output")
    return next(iter(children(output, "choices")), output)


def text(message: Json) -> str:
    """Return what a message says, as one text or in parts."""
    parts = "".join(said(part, "text") for part in children(message, "content"))
    return said(message, "content") or parts


def reason(answered: Json) -> str:
    """Return why an answer ended; "" where it did not yet."""
    found = said(answered, "finish_reason")
    return "" if found in _NO_END else found


def call(made: Json, at: int) -> Json:
    """Return a tool call, the one at this place."""
    function = child(made, "function")
    shown = {"name": said(function, "name"), "arguments": said(function, "arguments")}
    return {"id": said(made, "id") or f"call_{at}", "type": "function", "function": shown}


def drawn(source: Json) -> Json:
    """Return an image, {} for what is none."""
    url, data = said(source, "url", "image"), said(source, "b64_image")
    made = {"url": url} if url else {"b64_json": data} if data else {}
    prompt = said(source, "actual_prompt")
    return {**made, "revised_prompt": prompt} if made and prompt else made
