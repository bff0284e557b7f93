"""What Cohere's API v2 is asked: the parts of its request bodies (cohere.py)."""

from typing import Any

from gateway.dialects.dialect import Json
from gateway.dialects.gemini.fields import a_name, an_object, refuse, unsupported
from gateway.providers import turns
from gateway.providers.turns import ASSISTANT, SYSTEM, TOOL, Image, Turn

_CHOICES = {"none": "NONE", "required": "REQUIRED"}
_SEARCH = "-internet"


def model(body: Json) -> Any:
    """Return the model. Raises RelayError 400 for one that searches."""
    name = body.get("model")
    if isinstance(name, str) and name.endswith(_SEARCH):
        refuse("model", f"a name without {_SEARCH}: Cohere's API v2 has no web search")
    return name


def message(turn: Turn) -> Json:
    """Return a message. Plans go with calls of tools, other thoughts stay behind."""
    made: Json = {"role": turn.role}
    if turn.role == TOOL:
        if not turn.call_id:
            refuse(f"{turn.param}.tool_call_id", "the id of a tool call before it")
        return {**made, "tool_call_id": turn.call_id, "content": turn.text}
    if turn.images:
        made["content"] = [_part(part) for part in turn.parts]
    elif turn.parts or not turn.calls:
        made["content"] = turn.text
    if turn.role == ASSISTANT and turn.calls:
        made["tool_calls"] = [_called(call.id, call.name, call.arguments) for call in turn.calls]
        if turn.thoughts:
            made["tool_plan"] = turn.thoughts
    if turn.role == SYSTEM and not turn.text:
        refuse(f"{turn.param}.content", "a non-empty string")
    return made


def _part(part: str | Image) -> Json:
    if isinstance(part, str):
        return {"type": "text", "text": part}
    detail = {"detail": part.detail} if part.detail else {}
    return {"type": "image_url", "image_url": {"url": part.url, **detail}}


def tools(chat: Json) -> Json:
    """Return the tools. One that must be called is the only one that is offered."""
    functions, choice = turns.functions(chat), turns.chosen(chat)
    if choice.startswith("="):
        functions = [each for each in functions if each["name"] == choice[1:]]
        if not functions:
            refuse("tool_choice.function.name", "the name of one of the tools")
        choice = "required"
    if not functions:
        return {}
    known = ("name", "description", "parameters")
    made: Json = {
        "tools": [
            {"type": "function", "function": {n: each[n] for n in known if each.get(n) is not None}}
            for each in functions
        ]
    }
    if any(each.get("strict") is True for each in functions):
        made["strict_tools"] = True
    return {**made, **({"tool_choice": _CHOICES[choice]} if choice in _CHOICES else {})}


def _called(call_id: str, name: str, arguments: str) -> Json:
    shown = {"name": name, "arguments": arguments or "{}"}
    return {"id": call_id or name, "type": "function", "function": shown}


def document(value: Any, param: str) -> str:
    """Return a document's text; of one with fields, a line for each, as Cohere advises."""
    if isinstance(value, str):
        return value
    fields = an_object(value, param)
    if list(fields) == ["text"]:
        return a_name(fields["text"], f"{param}.text")
    if not all(isinstance(each, str | int | float) for each in fields.values()):
        unsupported(param)
    return "\n".join(f"{name}: {each}" for name, each in fields.items())
