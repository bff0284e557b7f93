"""The vendors with protocols of their own, a row each: what the conformance suite must know of one.

A new protocol adds its fake to tests/fakes/ and its row here, and is tested with all the rest.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import orjson

from tests.fakes import cohere, ollama
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


@dataclass(frozen=True)
class Row:
    """One vendor.

    `seen` reads a request as its fake got it. `frame` is the usage report that a script's answer
    has, of a stream as well, `usage` what it means. `linked` says that images may stay where they
    are. `refused` are requests that the vendor has no way to say: fields, and what is named.
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


def of_ollama(body: Json) -> Seen:
    seen = Seen(schema=body.get("format"))
    for message in body["messages"]:
        role, text = message["role"], message["content"]
        if role == "tool":
            seen.results.append((message["tool_name"], text))
        elif text:
            seen.said.append((role, text))
        seen.images += message.get("images", [])
        calls = (call["function"] for call in message.get("tool_calls", []))
        seen.calls += [(call["name"], call["arguments"]) for call in calls]
        seen.thoughts += [message["thinking"]] if "thinking" in message else []
    seen.tools = [tool["function"]["name"] for tool in body.get("tools", [])]
    options = body.get("options", {})
    names = {"num_predict": "max_tokens", "stop": "stop"}
    seen.sampling = {names.get(name, name): value for name, value in options.items()}
    return seen


def ollama_frame(script: Script) -> Json:
    durations = {
        "total_duration": 5_043_500_667,
        "load_duration": 5_025_959,
        "prompt_eval_duration": 325_953_000,
        "eval_duration": 4_709_213_000,
    }
    return {"prompt_eval_count": script.tokens_in, "eval_count": script.tokens_out, **durations}


def of_cohere(body: Json) -> Seen:
    seen, names = Seen(), {}
    wanted = body.get("response_format")
    if wanted is not None:
        seen.schema = wanted.get("json_schema", "json")
    for message in body["messages"]:
        role, content = message["role"], message.get("content", "")
        parts = [{"type": "text", "text": content}] if isinstance(content, str) else content
        texts = [part["text"] for part in parts if part["type"] == "text"]
        if role == "tool":
            seen.results.append((names[message["tool_call_id"]], content))
        elif any(texts):
            seen.said.append((role, "\n".join(texts)))
        seen.images += [part["image_url"]["url"] for part in parts if part["type"] == "image_url"]
        for call in message.get("tool_calls", []):
            names[call["id"]] = call["function"]["name"]
            arguments = orjson.loads(call["function"]["arguments"])
            seen.calls.append((call["function"]["name"], arguments))
        seen.thoughts += [message["tool_plan"]] if "tool_plan" in message else []
    seen.tools = [tool["function"]["name"] for tool in body.get("tools", [])]
    same = ("temperature", "seed", "max_tokens", "frequency_penalty", "presence_penalty")
    renamed = {"p": "top_p", "k": "top_k", "stop_sequences": "stop"}
    found = {**{name: name for name in same}, **renamed}
    seen.sampling = {found[name]: value for name, value in body.items() if name in found}
    return seen


def cohere_frame(script: Script) -> Json:
    billed = {"input_tokens": script.tokens_in, "output_tokens": script.tokens_out}
    tokens = {name: count + 500 for name, count in billed.items()}
    cached = {"cached_tokens": script.cached} if script.cached else {}
    return {"billed_units": billed, "tokens": tokens, **cached}


_TWO = ({"n": 2}, "n")
_AUDIO = (
    {"messages": [{"role": "user", "content": [{"type": "input_audio", "input_audio": {}}]}]},
    "messages[0].content[0].type",
)
_TOOL: Json = {"type": "function", "function": {"name": "weather"}}
ROWS = {
    "ollama": Row(
        type=30,
        fake=ollama.FakeOllama,
        secret="",
        seen=of_ollama,
        frame=ollama_frame,
        linked=False,
        refused=(_TWO, _AUDIO, ({"tools": [_TOOL], "tool_choice": "required"}, "tool_choice")),
        chat_path="/api/chat",
    ),
    "cohere": Row(
        type=35,
        fake=cohere.FakeCohere,
        secret=cohere.KEY,
        seen=of_cohere,
        frame=cohere_frame,
        linked=True,
        refused=(_TWO, _AUDIO, ({"model": "cohere-internet"}, "model")),
        chat_path="/v2/chat",
        planned="I will look.",
        rerank_path="/v2/rerank",
    ),
}
