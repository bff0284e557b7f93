"""Tools and the choice among them: Anthropic Messages API and OpenAI chat."""

from hashlib import sha256
from re import compile as regex
from typing import Any

from gateway.dialects.anthropic.fields import (
    Json,
    a_boolean,
    a_list,
    a_string,
    an_object,
    cannot,
    obj,
)

_NO_PARAMETERS = {"type": "object", "properties": {}}
_ODD_IN_ID = regex(r"[^a-zA-Z0-9_-]")

CHOICE_OF_TYPE = {"auto": "auto", "any": "required", "none": "none"}
TYPE_OF_CHOICE = {choice: kind for kind, choice in CHOICE_OF_TYPE.items()}


def to_chat(body: Json) -> Json:
    """Return `tools`, `tool_choice` and `parallel_tool_calls` of a Messages request.

    Raises RelayError 400 for tools that Anthropic's own servers run or define.
    """
    tools = [
        _function(tool, f"tools.{n}") for n, tool in enumerate(a_list(body.get("tools"), "tools"))
    ]
    if not tools:
        return {}
    found: Json = {"tools": tools}
    if body.get("tool_choice") is not None:
        choice = an_object(body["tool_choice"], "tool_choice")
        found["tool_choice"] = _choice_of(choice)
        if a_boolean(
            choice.get("disable_parallel_tool_use"), "tool_choice.disable_parallel_tool_use"
        ):
            found["parallel_tool_calls"] = False
    return found


def _function(tool: Any, at: str) -> Json:
    source = an_object(tool, at)
    if source.get("type") not in (None, "custom"):
        cannot(f"{at}.type", f"tools of the type {str(source['type'])[:80]!r}, only your own")
    function: Json = {"name": a_string(source.get("name"), f"{at}.name")}
    if isinstance(source.get("description"), str):
        function["description"] = source["description"]
    schema = an_object(source.get("input_schema"), f"{at}.input_schema")
    function["parameters"] = {**schema, "properties": schema.get("properties") or {}}
    if isinstance(source.get("strict"), bool):
        function["strict"] = source["strict"]
    return {"type": "function", "function": function}


def _choice_of(choice: Json) -> str | Json:
    kind = choice.get("type")
    if kind == "tool":
        name = a_string(choice.get("name"), "tool_choice.name")
        return {"type": "function", "function": {"name": name}}
    if not isinstance(kind, str) or kind not in CHOICE_OF_TYPE:
        cannot("tool_choice.type", "other choices than `auto`, `any`, `tool` and `none`")
    return CHOICE_OF_TYPE[kind]


def from_chat(body: Json) -> Json:
    """Return `tools` and `tool_choice` of a chat request. Raises RelayError 400."""
    tools = [_tool(tool, f"tools.{n}") for n, tool in enumerate(a_list(body.get("tools"), "tools"))]
    if not tools:
        return {}
    choice = _type_of(body.get("tool_choice"))
    parallel = body.get("parallel_tool_calls")
    if parallel is not None and not a_boolean(parallel, "parallel_tool_calls"):
        choice = choice or {"type": "auto"}
        if choice["type"] != "none":
            choice["disable_parallel_tool_use"] = True
    return {"tools": tools, **({"tool_choice": choice} if choice else {})}


def _tool(tool: Any, at: str) -> Json:
    source = an_object(tool, at)
    if source.get("type", "function") != "function":
        cannot(f"{at}.type", f"tools of the type {str(source['type'])[:80]!r}, only functions")
    function = an_object(source.get("function"), f"{at}.function")
    found: Json = {"name": a_string(function.get("name"), f"{at}.function.name")}
    if isinstance(function.get("description"), str):
        found["description"] = function["description"]
    schema = function.get("parameters")
    schema = _NO_PARAMETERS if schema is None else an_object(schema, f"{at}.function.parameters")
    found["input_schema"] = schema if "type" in schema else {"type": "object", **schema}
    if isinstance(function.get("strict"), bool):
        found["strict"] = function["strict"]
    for holder in (source, function):
        if isinstance(holder.get("cache_control"), dict):
            found["cache_control"] = holder["cache_control"]
    return found


def _type_of(choice: Any) -> Json | None:
    if choice is None:
        return None
    if isinstance(choice, str) and choice in TYPE_OF_CHOICE:
        return {"type": TYPE_OF_CHOICE[choice]}
    if obj(choice).get("type") == "function":
        function = obj(obj(choice).get("function"))
        return {"type": "tool", "name": a_string(function.get("name"), "tool_choice.function.name")}
    cannot("tool_choice", "other choices than `auto`, `required`, `none` and one function")


def is_forced(choice: Any) -> bool:
    """Whether a choice of Anthropic's form leaves the model no choice but to call a tool."""
    return obj(choice).get("type") in ("any", "tool")


def safe_id(call_id: str) -> str:
    """Return a call's id in the letters that Anthropic allows; different ids stay different."""
    if not _ODD_IN_ID.search(call_id):
        return call_id
    return f"{_ODD_IN_ID.sub('_', call_id)[:40]}_{sha256(call_id.encode()).hexdigest()[:12]}"
