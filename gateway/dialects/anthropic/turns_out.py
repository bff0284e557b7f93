"""The turns of a conversation, from OpenAI chat to Anthropic's Messages.

Anthropic wants turns to alternate, so that neighbours of one role become one; all system and
developer messages become the one system prompt, in their order.
"""

from typing import Any

from gateway.dialects.anthropic.blocks import blocks_of
from gateway.dialects.anthropic.fields import (
    Json,
    a_list,
    a_string,
    an_object,
    cannot,
    decode_object,
    refuse,
    text,
)
from gateway.dialects.anthropic.tools import safe_id

SIGNATURE = "reasoning_signature"


def conversation(body: Json) -> tuple[list[Json], list[Json]]:
    """Return the system prompt's blocks and the turns. Raises RelayError 400 naming the field."""
    system: list[Json] = []
    turns: list[Json] = []
    for n, message in enumerate(a_list(body.get("messages"), "messages")):
        at = f"messages.{n}"
        role = an_object(message, at).get("role")
        if role in ("system", "developer"):
            system.extend(_only_text(message.get("content"), f"{at}.content"))
            continue
        reader = _ROLES.get(role) if isinstance(role, str) else None
        if reader is None:
            refuse(f"{at}.role", "`system`, `developer`, `user`, `assistant` or `tool`")
        side, blocks = reader(message, at)
        if blocks and turns and turns[-1]["role"] == side:
            turns[-1]["content"].extend(blocks)
        elif blocks:
            turns.append({"role": side, "content": blocks})
    if not turns:
        refuse("messages", "a list with at least one message of a user that is not empty")
    _trim_prefill(turns)
    return system, [{**turn, "content": _results_first(turn["content"])} for turn in turns]


def _only_text(content: Any, at: str) -> list[Json]:
    blocks = blocks_of(content, at)
    if any(block["type"] != "text" for block in blocks):
        cannot(at, "anything but text in a system prompt")
    return blocks


def _user(message: Json, at: str) -> tuple[str, list[Json]]:
    return "user", blocks_of(message.get("content"), f"{at}.content")


def _tool(message: Json, at: str) -> tuple[str, list[Json]]:
    call_id = safe_id(a_string(message.get("tool_call_id"), f"{at}.tool_call_id"))
    content = message.get("content")
    result: Json = {"type": "tool_result", "tool_use_id": call_id}
    if isinstance(content, str) and content:
        result["content"] = content
    elif not isinstance(content, str):
        result["content"] = blocks_of(content, f"{at}.content")
    return "user", [result]


def _assistant(message: Json, at: str) -> tuple[str, list[Json]]:
    """Thinking goes back only with the signature it came with: Anthropic refuses any other."""
    if message.get("audio") is not None:
        cannot(f"{at}.audio", "audio")
    if message.get("function_call") is not None:
        cannot(f"{at}.function_call", "function calls of the old form; use `tool_calls`")
    blocks: list[Json] = []
    thought, signature = text(message.get("reasoning_content")), text(message.get(SIGNATURE))
    if signature:
        blocks.append({"type": "thinking", "thinking": thought, "signature": signature})
    blocks.extend(blocks_of(message.get("content"), f"{at}.content"))
    if message.get("refusal") is not None and not blocks:
        blocks.extend(blocks_of(message["refusal"], f"{at}.refusal"))
    calls = a_list(message.get("tool_calls"), f"{at}.tool_calls")
    blocks.extend(_use(call, f"{at}.tool_calls.{n}") for n, call in enumerate(calls))
    return "assistant", blocks


def _use(call: Any, at: str) -> Json:
    source = an_object(call, at)
    function = an_object(source.get("function"), f"{at}.function")
    return {
        "type": "tool_use",
        "id": safe_id(a_string(source.get("id"), f"{at}.id")),
        "name": a_string(function.get("name"), f"{at}.function.name"),
        "input": decode_object(function.get("arguments")),
    }


_ROLES = {"user": _user, "assistant": _assistant, "tool": _tool}


def _results_first(blocks: list[Json]) -> list[Json]:
    """Anthropic wants the results of tools before anything else in a turn."""
    return sorted(blocks, key=lambda block: block["type"] != "tool_result")


def _trim_prefill(turns: list[Json]) -> None:
    """An answer that the model is to continue must not end in white space."""
    last = turns[-1]["content"][-1]
    if turns[-1]["role"] == "assistant" and last["type"] == "text":
        last["text"] = last["text"].rstrip()


def lacks_signed_thought(turns: list[Json]) -> bool:
    """Whether the turn that tools have just answered was thought about without a signature.

    Anthropic refuses a budget of thinking for the rest of such a turn.
    """
    said = next((turn for turn in reversed(turns) if turn["role"] == "assistant"), None)
    if said is None or not any(block["type"] == "tool_use" for block in said["content"]):
        return False
    return bool(said["content"][0]["type"] != "thinking")
