"""What the sandbox says: deterministic functions of the request, and plainly not a model's work."""

import base64
import hashlib
import math
import struct
from typing import Any

LABEL = "Sandbox answer, not from a model:"
DIMENSIONS = 256
MAX_DIMENSIONS = 4096
_FEWEST_WORDS, _SPREAD = 12, 24
_WORDS = (
    "amber anchor autumn basin beacon birch breeze bridge candle canyon cedar cliff cloud copper "
    "coral creek dawn delta drift ember falcon fern field flint forest garden glacier granite "
    "grove harbor hazel heron hill island ivory juniper lake lantern leaf ledger lily maple marsh "
    "meadow mist moon moss north oak ocean orchard osprey path pebble pine plain pond prairie "
    "rain raven reed ridge river"
).split()


def answer(question: str, choice: int) -> str:
    """Return the text that answers a question, another one for each choice."""
    seed = hashlib.sha256(f"{choice}:{question}".encode()).digest()
    length = _FEWEST_WORDS + seed[0] % _SPREAD
    bits = hashlib.shake_256(seed).digest(length)
    return " ".join([LABEL, *(_WORDS[bit % len(_WORDS)] for bit in bits)])


def question_of(body: dict[str, Any]) -> str:
    """Return the last thing that the user says in a chat, or the prompt of a completion."""
    messages = body.get("messages")
    if not isinstance(messages, list):
        return str(body.get("prompt", body.get("instruction")))
    asked = [m for m in messages if isinstance(m, dict) and m.get("role") == "user"]
    last = (asked or messages)[-1]
    return str(last.get("content")) if isinstance(last, dict) else str(last)


def pieces(text: str, count: int) -> list[str]:
    """Cut a text into `count` pieces, or into its words for 0; together they are the text."""
    if not text:
        return []
    if count <= 0:
        first, *rest = text.split(" ")
        return [first, *(f" {word}" for word in rest)]
    size = max(1, math.ceil(len(text) / count))
    return [text[at : at + size] for at in range(0, len(text), size)]


def vector(text: str, dimensions: int) -> list[float]:
    """Return a unit vector for a text, always the same one."""
    raw = hashlib.shake_256(text.encode()).digest(2 * dimensions)
    numbers = [value + 0.5 for value in struct.unpack(f"<{dimensions}h", raw)]
    length = math.sqrt(sum(number * number for number in numbers))
    return [number / length for number in numbers]


def packed(numbers: list[float]) -> str:
    """Write a vector as OpenAI's base64: little-endian 32-bit floats."""
    return base64.b64encode(struct.pack(f"<{len(numbers)}f", *numbers)).decode()
