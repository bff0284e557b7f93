"""What the conformance suite must know of a vendor, and what most rows share."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.fakes.native import CALLS, Json, NativeFake, Script

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
    channel's (or what makes it of the fake), `model` what the upstream calls the model where its
    name matters, `embed_model` that for vectors. `chat_path` is asked for chat, `stream_path` for
    streams where that is another. `sampling` are the fields of a request for it that the vendor can
    be told; others are passed over. `seen` reads a request as its fake got it. `frame` is the usage
    report that a script's answer has, of a stream as well, `usage` what it means. `linked` says
    that images may stay where they are, `system` in which role system turns are said. `refused` are
    requests that the vendor has no way to say: fields, and what is named. `planned` is what is
    thought beside calls, `calls` are as many as an answer can have. `closes` says that the gateway
    leaves after the event that ends an answer; else it waits for what may follow.

    What a vendor has: `results` (it can be told what calls gave), `schemas` and `any_json` (JSON by
    a schema, or any), `vectors`, `sized` (and of a chosen length), `lengths` (it tells that an
    answer reached its limit), `efforts` (it can be told how much to think; then `thinking` stands
    in its body), `thinks` (it tells what was thought). `rank_price` is what ranks are sold for,
    `rank_usage`, `rank_frame` and `rank_nano` what the answer to the suite's request amounts to,
    and `documents` reads what was to be ranked. `pictures` is what the upstream calls a model for
    images, `small` what a request for 512x512 has in it.
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
    embed_model: str = ""
    config: Json | Callable[[Any], Json] = field(default_factory=dict)
    closes: bool = True
    sampling: frozenset[str] = ALL_SAMPLING
    thinking: str = "hink"
    any_json: bool = True
    vectors: bool = True
    sized: bool = True
    thinks: bool = True
    lengths: bool = True
    small: str = "512*512"
    rank_price: Json = field(default_factory=lambda: {"calls": "0.002"})
    rank_usage: Json = field(default_factory=lambda: {"calls": 2})
    rank_frame: Json = field(default_factory=lambda: {"billed_units": {"search_units": 2}})
    rank_nano: int = 2 * 2_000_000
    documents: Callable[[Json], list[str]] = lambda body: list(body["documents"])
    pictures: str = ""
    calls: tuple[Call, ...] = CALLS
    results: bool = True
    schemas: bool = True
    system: str = "system"
    efforts: bool = True


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
