"""Whole answers: Anthropic's Message and OpenAI's chat.completion, in both directions."""

from typing import Any

from gateway.dialects.anthropic import reasons, usage
from gateway.dialects.anthropic.fields import (
    Json,
    NewId,
    decode_object,
    encode,
    fresh_id,
    obj,
    objects,
    spoken,
    text,
)
from gateway.dialects.anthropic.models import thinks
from gateway.dialects.anthropic.turns_out import SIGNATURE
from gateway.formats import usage as chat_usage
from gateway.relay.errors import of_call

_CHAT_ID, _MESSAGE_ID, _CALL_ID = "chatcmpl-", "msg_", "toolu_"


def to_chat(answer: Json, created: int = 0, new_id: NewId = fresh_id) -> Json:
    """Return a Message as a chat.completion; `created` is in unix seconds.

    Blocks of tools that Anthropic runs itself are left out. Raises RelayError 502 when this is no
    Message.
    """
    source = obj(answer)
    if not isinstance(source.get("content"), list):
        raise of_call("upstream_bad_answer")
    choice = {
        "index": 0,
        "message": _message(objects(source["content"]), new_id),
        "logprobs": None,
        "finish_reason": reasons.finish(source.get("stop_reason")),
    }
    found = {
        "id": chat_id(source.get("id"), new_id),
        "object": "chat.completion",
        "created": created,
        "model": text(source.get("model")),
        "choices": [choice],
    }
    counted = usage.to_chat(source.get("usage"))
    return found | ({"usage": counted} if counted else {})


def _message(blocks: list[Json], new_id: NewId) -> Json:
    said = "".join(text(b.get("text")) for b in blocks if b.get("type") == "text")
    thoughts = [b for b in blocks if b.get("type") == "thinking"]
    calls = [_call(b, new_id) for b in blocks if b.get("type") == "tool_use"]
    message: Json = {"role": "assistant", "content": said or (None if calls else "")}
    thought = "\n".join(filter(None, (text(b.get("thinking")) for b in thoughts)))
    if thought:
        message["reasoning_content"] = thought
    hidden = any(b.get("type") == "redacted_thinking" for b in blocks)
    if len(thoughts) == 1 and not hidden and text(thoughts[0].get("signature")):
        message[SIGNATURE] = thoughts[0]["signature"]
    return message | ({"tool_calls": calls} if calls else {})


def _call(block: Json, new_id: NewId) -> Json:
    arguments = encode(obj(block.get("input")), of_call("upstream_bad_answer"))
    return {
        "id": text(block.get("id")) or _CALL_ID + new_id(),
        "type": "function",
        "function": {"name": text(block.get("name")), "arguments": arguments},
    }


def chat_id(message_id: Any, new_id: NewId) -> str:
    """Return an id for the chat answer that a Message becomes."""
    return _CHAT_ID + (text(message_id).removeprefix(_MESSAGE_ID) or new_id())


def message_id(answer_id: Any, new_id: NewId) -> str:
    """Return an id for the Message that a chat answer becomes."""
    return _MESSAGE_ID + (text(answer_id).removeprefix(_CHAT_ID) or new_id())


def from_chat(answer: Json, body: Json, new_id: NewId = fresh_id) -> Json:
    """Return a chat.completion as the Message that answers `body`.

    Reasoning shows as a thinking block only where the client asked to see some: others take the
    first block for the answer. Raises RelayError 502 when this is no chat.completion.
    """
    source = obj(answer)
    choices = objects(source.get("choices"))
    if not choices:
        raise of_call("upstream_bad_answer")
    message = obj(choices[0].get("message"))
    blocks = _thinking(message) if thinks(body) else []
    said = spoken(message.get("content")) or text(message.get("refusal"))
    if said:
        blocks.append({"type": "text", "text": said})
    uses = _uses(message, new_id)
    stopped, sequence = stop_of(choices[0], body, bool(uses))
    return {
        "id": message_id(source.get("id"), new_id),
        "type": "message",
        "role": "assistant",
        "model": text(source.get("model")) or text(body.get("model")),
        "content": blocks + uses,
        "stop_reason": stopped,
        "stop_sequence": sequence,
        "usage": usage.from_chat(chat_usage.find(source)),
    }


def _thinking(message: Json) -> list[Json]:
    thought = thought_of(message)
    signature = text(message.get(SIGNATURE))
    return [{"type": "thinking", "thinking": thought, "signature": signature}] if thought else []


def thought_of(message: Json) -> str:
    """Return the reasoning in a message or delta, under either of the names that vendors use."""
    return text(message.get("reasoning_content")) or text(message.get("reasoning"))


def _uses(message: Json, new_id: NewId) -> list[Json]:
    """Return the tool_use blocks; ids that are missing or repeated are replaced."""
    uses: list[Json] = []
    taken: set[str] = set()
    for call in objects(message.get("tool_calls")):
        function = obj(call.get("function"))
        call_id = unused_id(call.get("id"), taken, new_id)
        given = decode_object(function.get("arguments"))
        name = text(function.get("name"))
        uses.append({"type": "tool_use", "id": call_id, "name": name, "input": given})
    return uses


def unused_id(given: Any, taken: set[str], new_id: NewId) -> str:
    """Return a call's id, or a new one where it has none of its own; note it as taken."""
    call_id = text(given)
    if not call_id or call_id in taken:
        call_id = _CALL_ID + new_id()
    taken.add(call_id)
    return call_id


def stop_of(choice: Json, body: Json, has_tools: bool) -> tuple[str, str | None]:
    """Return stop_reason and stop_sequence. Some servers say in `stop_reason` what they met."""
    reason = reasons.stop(choice.get("finish_reason"), has_tools)
    met, wanted = choice.get("stop_reason"), body.get("stop_sequences")
    if reason == "end_turn" and isinstance(met, str) and isinstance(wanted, list) and met in wanted:
        return "stop_sequence", met
    return reason, None
