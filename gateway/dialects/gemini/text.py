"""Where the text is in Gemini's JSON, for counting tokens where the upstream reports none."""

from collections.abc import Iterator
from typing import Any

import orjson

from gateway.dialects.gemini.fields import Json, child, children, events, is_text


def of_answer(answer_or_event: Any) -> Iterator[str]:
    """Yield every text that an answer or an event delivers: also thoughts, calls and code."""
    for event in events(answer_or_event):
        for candidate in children(event, "candidates"):
            for part in children(child(candidate, "content"), "parts"):
                yield from _of_part(part)


def _of_part(part: Json) -> Iterator[str]:
    text = part.get("text")
    if isinstance(text, str) and text:
        yield text
    if is_text(part):
        return
    call = child(part, "functionCall")
    texts = (
        call.get("name"),
        child(part, "executableCode").get("code"),
        child(part, "codeExecutionResult").get("output"),
    )
    yield from (text for text in texts if isinstance(text, str) and text)
    if isinstance(call.get("args"), dict) and call["args"]:
        yield _written(call["args"])


def _written(args: Json) -> str:
    """Return arguments as JSON text; of those nested too deeply to be written, the leaves."""
    try:
        return orjson.dumps(args).decode()
    except orjson.JSONEncodeError:
        leaves: list[str] = []
        left: list[Any] = [args]
        while left:
            value = left.pop()
            if isinstance(value, dict):
                leaves.extend(value)
                left.extend(value.values())
            elif isinstance(value, list):
                left.extend(value)
            else:
                leaves.append(str(value))
        return " ".join(leaves)
