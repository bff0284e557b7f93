"""The turns of a conversation, from Anthropic's Messages to OpenAI chat."""

from typing import Any

from gateway.dialects.anthropic.blocks import parts_of, parts_of_block, simplest, texts
from gateway.dialects.anthropic.fields import (
    Json,
    a_list,
    a_string,
    an_object,
    cannot,
    encode,
    refuse,
    text,
)
from gateway.relay.errors import RelayError

_FAILED = "Error: "


def messages(body: Json) -> list[Json]:
    """Return the chat messages, the system prompt first. Raises RelayError 400 naming the field."""
    given = a_list(body.get("messages"), "messages")
    if not given:
        refuse("messages", "a non-empty list")
    found = _system(body.get("system"), "system")
    for n, message in enumerate(given):
        at = f"messages.{n}"
        role = an_object(message, at).get("role")
        reader = _ROLES.get(role) if isinstance(role, str) else None
        if reader is None:
            refuse(f"{at}.role", "`user`, `assistant` or `system`")
        if not isinstance(message.get("content"), str | list):
            refuse(f"{at}.content", "a string or a list of blocks")
        found.extend(reader(message["content"], f"{at}.content"))
    if not any(message["role"] != "system" for message in found):
        refuse("messages", "a list with at least one message that is not empty")
    return found


def _system(content: Any, at: str) -> list[Json]:
    if content is not None and not isinstance(content, str | list):
        refuse(at, "a string or a list of text blocks")
    said = texts(content)
    return [{"role": "system", "content": said}] if said else []


def _user(content: Any, at: str) -> list[Json]:
    """Tools' results become messages of their own, which must follow the calls at once."""
    if isinstance(content, str):
        return [{"role": "user", "content": content}]
    results: list[Json] = []
    parts: list[Json] = []
    for n, block in enumerate(a_list(content, at)):
        where = f"{at}.{n}"
        if an_object(block, where).get("type") == "tool_result":
            result, images = _result(block, where)
            results.append(result)
            parts.extend(images)
        else:
            parts.extend(parts_of_block(block, where))
    return [*results, *([{"role": "user", "content": simplest(parts)}] if parts else [])]


def _result(block: Json, at: str) -> tuple[Json, list[Json]]:
    """Return a tool message and, since those hold text only, the images for the next message."""
    call_id = a_string(block.get("tool_use_id"), f"{at}.tool_use_id")
    parts = parts_of(block.get("content"), f"{at}.content")
    said = "\n".join(part["text"] for part in parts if part["type"] == "text")
    others = [part for part in parts if part["type"] != "text"]
    if others:
        others.insert(0, {"type": "text", "text": f"Attachments of the tool result {call_id}:"})
    if block.get("is_error") is True and not said.startswith(_FAILED):
        said = _FAILED + said
    return {"role": "tool", "tool_call_id": call_id, "content": said}, others


def _assistant(content: Any, at: str) -> list[Json]:
    if isinstance(content, str):
        return [{"role": "assistant", "content": content}]
    said: list[str] = []
    thoughts: list[str] = []
    calls: list[Json] = []
    for n, block in enumerate(a_list(content, at)):
        where = f"{at}.{n}"
        kind = an_object(block, where).get("type")
        if kind == "text":
            said.append(text(block.get("text")))
        elif kind == "thinking":
            thoughts.append(text(block.get("thinking")))
        elif kind == "tool_use":
            calls.append(_call(block, where))
        elif kind != "redacted_thinking":  # which nobody but Anthropic can read
            cannot(f"{where}.type", f"blocks of the type {str(kind)[:80]!r}")
    message: Json = {"role": "assistant", "content": "".join(said) or (None if calls else "")}
    if any(thoughts):
        message["reasoning_content"] = "\n".join(filter(None, thoughts))
    return [message | ({"tool_calls": calls} if calls else {})]


def _call(block: Json, at: str) -> Json:
    given = block.get("input")
    refusal = RelayError("invalid_value", f"`{at}.input` is nested too deeply.", f"{at}.input")
    arguments = encode({} if given is None else an_object(given, f"{at}.input"), refusal)
    return {
        "id": a_string(block.get("id"), f"{at}.id"),
        "type": "function",
        "function": {"name": a_string(block.get("name"), f"{at}.name"), "arguments": arguments},
    }


_ROLES = {"user": _user, "assistant": _assistant, "system": _system}
