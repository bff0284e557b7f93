"""Where the text is in Messages answers and events, for counting what a vendor does not count."""

from collections.abc import Iterator
from typing import Any

import orjson

from gateway.dialects.anthropic.fields import obj, objects

_SPOKEN = ("text", "thinking", "name", "partial_json")


def of_answer(answer_or_event: Any) -> Iterator[str]:
    """Yield every text that an answer or one event delivers: also thinking and tools' arguments."""
    source = obj(answer_or_event)
    yield from _blocks(source.get("content"))
    yield from _blocks(obj(source.get("message")).get("content"))
    for name in ("content_block", "delta"):
        yield from _said(source.get(name))


def _blocks(content: Any) -> Iterator[str]:
    for block in objects(content):
        yield from _said(block)


def _said(block: Any) -> Iterator[str]:
    source = obj(block)
    yield from (source[n] for n in _SPOKEN if isinstance(source.get(n), str) and source[n])
    if source.get("input"):
        try:
            yield orjson.dumps(source["input"]).decode()
        except orjson.JSONEncodeError:
            return  # nested beyond what any client could be sent
