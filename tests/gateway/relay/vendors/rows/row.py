"""What the conformance suite must know of a vendor, and what most rows share."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.fakes.native import Json, NativeFake, Script

Call = tuple[str, Any]


@dataclass
class Seen:
    """What a vendor was asked, in no vendor's words."""

    said: list[tuple[str, str]] = field(default_factory=list)
    images: list[str] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    results: list[Call] = field(default_factory=list)
    thoughts: list[str] = field(default_factory=list)
    tools: list[str] = field(default_factory=list)
    sampling: Json = field(default_factory=dict)
    schema: Any = None


ALL_SAMPLING = frozenset(
    (
        "temperature",
        "top_p",
        "top_k",
        "seed",
        "frequency_penalty",
        "presence_penalty",
        "max_tokens",
        "stop",
    )
)


@dataclass(frozen=True)
class Row:
    """One vendor.

    `type` is the channel type, `fake` makes its server, `secret` is the upstream key, `config` the
    channel's, `model` what the upstream calls the model where its name matters. `chat_path` is
    asked for chat, `stream_path` for streams where that is another. `sampling` are the fields of a
    request for it that the vendor can be told; others are passed over. `seen` reads a request as
    its fake got it. `frame` is the usage report that a script's answer has, of a stream as well,
    `usage` what it means. `linked` says that images may stay where they are. `system` is the role
    in which system turns are said. `lengths` says that the vendor tells of answers that reached
    their limit, `efforts` that it can be told how much to think, `thinks` that it tells what was
    thought. `refused` are requests that the vendor has no way to say: fields, and what is named.
    `planned` is what is thought beside calls.
    """

    type: int
    fake: Callable[[], NativeFake]
    secret: str
    seen: Callable[[Json], Seen]
    frame: Callable[[Script], Json]
    linked: bool
    refused: tuple[tuple[Json, str], ...]
    chat_path: str
    planned: str = ""
    rerank_path: str = ""
    stream_path: str = ""
    model: str = ""
    config: Json = field(default_factory=dict)
    sampling: frozenset[str] = ALL_SAMPLING
    system: str = "system"
    lengths: bool = True
    efforts: bool = True
    thinks: bool = True


TWO = ({"n": 2}, "n")
AUDIO = (
    {"messages": [{"role": "user", "content": [{"type": "input_audio", "input_audio": {}}]}]},
    "messages[0].content[0].type",
)
BROKEN = (
    {
        "messages": [
            {
                "role": "user",
                "content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,?"}}],
            }
        ]
    },
    "messages[0].content[0].image_url",
)
RESULT = (
    {"messages": [{"role": "tool", "name": "weather", "content": "0"}]},
    "messages[0].role",
)
TOOL: Json = {"type": "function", "function": {"name": "weather"}}
