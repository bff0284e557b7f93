"""The protocols, each as one type of channel speaks it, and what their fakes say."""

import hashlib
from dataclasses import replace
from typing import Any

from gateway.providers import sandbox_text
from tests.fakes.media import SOUND, TEXT
from tests.fakes.realtime import CLASSES
from tests.fakes.tasks import vector
from tests.gateway.relay.dialects.conftest import HELLO
from tests.gateway.relay.matrix.cell import Column, Says, refused
from tests.gateway.relay.matrix.things import RECORDING, SAID, SECONDS, rounded
from tests.gateway.relay.realtime.conftest import PRICE as SESSION_PRICE

TEXT_PRICE = {"input": "1", "cached": "0.5", "cache_write": "1.25", "output": "4"}
# What each thing is sold for: USD per million tokens or characters, else USD a piece.
PRICES: dict[str, dict[str, Any]] = {
    **dict.fromkeys(
        ("words", "response", "text", "edit", "vectors", "verdict", "ranking"), TEXT_PRICE
    ),
    "images": {"images": "0.01"},
    "speech": {"characters": "15"},
    "transcript": {"seconds": "0.0001"},
    "session": SESSION_PRICE,
    "kept": TEXT_PRICE,
    "raw": {"calls": "0.002"},
}
CONVERSATION, VECTORS = "conversation", "vectors"

_OPENAI = frozenset(
    "chat completions embeddings rerank moderations edits images image_edits image_variations "
    "speech transcriptions translations realtime proxy".split()
)
_FAKES = {
    **dict.fromkeys(("words", "response", "text"), "chat"),
    **dict.fromkeys(("edit", "vectors", "verdict", "ranking"), "tasks"),
    **dict.fromkeys(("images", "speech", "transcript"), "media"),
    "session": "realtime",
    "kept": "chat",
    "raw": "echo",
}
# Tokens in and out that the fake of images and sounds tells of, whatever is sold.
TOLD = (5, 6)
_ONE_CALL = {"calls": 1}
_PICTURES = Says([b"\x89PNG"], {"images": 1}, "counted")
_RAW = Says(b"raw", _ONE_CALL, "counted")


def _vector(given: Any) -> list[float]:
    return rounded(vector(given))


_OPENAI_SAYS = {
    "words": Says(HELLO, {"input": 10, "output": 20}),
    "response": Says(HELLO, {"input": 10, "output": 20}),
    "text": Says(HELLO, {"input": 10, "output": 20}),
    "edit": Says("ok", {"input": 7, "output": 0}),
    "vectors": Says(_vector, {"input": 7, "output": 0}),
    "verdict": Says([False], {"input": 2, "output": 0}, "counted"),
    "ranking": Says([0, 1], {"input": 7, "output": 0}),
    "images": replace(_PICTURES, told=TOLD),
    "speech": Says((SOUND[:4], len(SOUND)), {"characters": len(SAID)}, "counted"),
    "speech stream": Says((b"tone", 12), {"characters": len(SAID)}, "counted", TOLD),
    "transcript": Says(TEXT, {"seconds": SECONDS}, "counted", TOLD),
    "session": Says(HELLO, CLASSES),
    "raw": _RAW,
}

OPENAI = Column(
    name="openai",
    title="OpenAI-compatible",
    type=8,
    fakes=_FAKES,
    came=_OPENAI,
    converted=frozenset((CONVERSATION, VECTORS)),
    says=_OPENAI_SAYS,
)

_THINKING = {"input": 10, "cached": 4, "output": 15, "reasoning": 5}

RESPONSES = Column(
    name="responses",
    title="OpenAI (type 1), with the route for responses",
    type=1,
    fakes={**_FAKES, "response": "vendor", "kept": "kept"},
    came=_OPENAI | {"responses", "kept"},
    converted=frozenset((CONVERSATION, VECTORS)),
    says={
        **_OPENAI_SAYS,
        "response": Says(HELLO, _THINKING),
        "kept": Says("Hello.", {}),
    },
)

_NO_NUMBERS = refused(400, "invalid_value")

_CACHED = Says(
    HELLO, {"input": 10, "cached": 4, "cache_write": 1, "cache_write_1h": 2, "output": 20}
)

ANTHROPIC = Column(
    name="anthropic",
    title="Anthropic (type 14)",
    type=14,
    fakes={**dict.fromkeys(("words", "response", "kept"), "vendor"), "raw": "echo"},
    came=frozenset(("messages", "messages.count", "proxy")),
    converted=frozenset((CONVERSATION,)),
    says={
        "words": _CACHED,
        "response": _CACHED,
        "messages.count": Says(77, {}),
        "raw": _RAW,
    },
)

GEMINI = Column(
    name="gemini",
    title="Gemini (type 24)",
    type=24,
    fakes={
        **dict.fromkeys(("words", "response", "kept"), "vendor"),
        "vectors": "tasks",
        "raw": "echo",
    },
    came=frozenset(("generate", "generate.count", "embed", "proxy")),
    converted=frozenset((CONVERSATION, VECTORS)),
    but={"embeddings.numbers": _NO_NUMBERS, "embeddings.lists": _NO_NUMBERS},
    says={
        "words": Says(HELLO, _THINKING),
        "response": Says(HELLO, _THINKING),
        "vectors": Says(_vector, {"input": 7, "output": 0}),
        "generate.count": Says(77, {}),
        "raw": _RAW,
    },
)


def _sandbox_vector(given: Any) -> list[float]:
    return rounded(sandbox_text.vector(str(given), sandbox_text.DIMENSIONS))


_ANSWER = sandbox_text.answer("hi", 0)
_HEARD = sandbox_text.answer(hashlib.sha256(RECORDING).hexdigest(), 0)
# Its sounds: a head of 44 bytes, then 400 samples of two bytes for a character.
_TONE = (b"RIFF", 44 + 2 * 400 * len(SAID))

SANDBOX = Column(
    name="sandbox",
    title="Sandbox",
    type=1000,
    fakes={},
    came=_OPENAI - {"realtime", "proxy"},
    converted=frozenset((CONVERSATION, VECTORS)),
    but={"proxy": refused(403, "channel_not_allowed")},
    says={
        "words": Says(_ANSWER, {"input": 8, "output": 26}),
        "response": Says(_ANSWER, {"input": 8, "output": 26}),
        "text": Says(_ANSWER, {"input": 1, "output": 26}),
        "edit": Says(_ANSWER, {"input": 3, "output": 26}),
        "vectors": Says(_sandbox_vector, {"input": 1, "output": 0}),
        "embeddings.texts": Says(_sandbox_vector, {"input": 2, "output": 0}),
        "batch": Says(_sandbox_vector, {"input": 2, "output": 0}),
        "embeddings.numbers": Says(_sandbox_vector, {"input": 3, "output": 0}),
        "embeddings.lists": Says(_sandbox_vector, {"input": 3, "output": 0}),
        "verdict": Says([False], {"input": 2, "output": 0}, "counted"),
        "ranking": Says([1, 0], {"input": 8, "output": 0}),
        "images": _PICTURES,
        "speech": Says(_TONE, {"characters": len(SAID)}, "counted"),
        "transcript": Says(_HEARD, {"seconds": SECONDS}),
    },
)

COLUMNS = (OPENAI, RESPONSES, ANTHROPIC, GEMINI, SANDBOX)
