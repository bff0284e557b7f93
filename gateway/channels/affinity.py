"""What makes requests belong together, as a few bytes for choosing their channel.

A conversation is known by how it opens, which stays the same while it grows: system prompt and
first words of the user. That is also the part that vendors cache.
"""

from collections.abc import Iterator, Mapping
from hashlib import blake2b
from typing import Any

OFF, BY_KEY, BY_CONVERSATION = "off", "key", "conversation"
MODES = (OFF, BY_KEY, BY_CONVERSATION)

MAX_TEXT = 16_384
_MAX_PARTS = 2_000
# What clients name themselves so that their requests meet the same cache (OpenAI API).
_NAMES = ("prompt_cache_key", "conversation", "previous_response_id")
# What comes before the first words of the user: Anthropic, Responses API, Gemini.
_BEFORE = ("system", "instructions", "systemInstruction", "system_instruction")
_TURNS = ("messages", "input", "contents")


def affinity(mode: str, key_id: int, body: Mapping[str, Any]) -> bytes | None:
    """Return what stands for a request's caller or conversation; None where that is off.

    `body` is the client's, in any dialect, and may hold anything. Nothing of it can be read back.
    """
    if mode == OFF:
        return None
    hashed = blake2b(str(key_id).encode(), digest_size=16)
    if mode == BY_CONVERSATION:
        left = MAX_TEXT
        for text in _opening(body):
            piece = text[:left].encode("utf-8", "replace")
            hashed.update(len(piece).to_bytes(4, "big") + piece)
            left -= len(text)
            if left <= 0:
                break
    return hashed.digest()


def _opening(body: Mapping[str, Any]) -> Iterator[str]:
    model = body.get("model")
    yield model if isinstance(model, str) else ""
    for name in _NAMES:
        said = body.get(name)
        if isinstance(said, str) and said:
            yield said
            return
    for name in _BEFORE:
        yield from _texts(body.get(name))
    turns = next((body[name] for name in _TURNS if body.get(name)), ())
    if isinstance(turns, str):
        yield turns
        return
    for turn in turns if isinstance(turns, list) else ():
        yield from _texts(turn)
        if isinstance(turn, dict) and turn.get("role") == "user":
            return


def _texts(value: Any) -> Iterator[str]:
    """Yield the texts inside a value in order, without recursion and in bounded number."""
    waiting, seen = [value], 0
    while waiting and seen < _MAX_PARTS:
        seen += 1
        found = waiting.pop()
        if isinstance(found, str):
            yield found
        elif isinstance(found, dict):
            waiting.extend(reversed(list(found.values())[:_MAX_PARTS]))
        elif isinstance(found, list):
            waiting.extend(reversed(found[:_MAX_PARTS]))
