"""Tools and the choice among them: flat in the Responses API, nested in chat.

Functions and custom tools exist in both. The tools that OpenAI runs itself (web search, file
search, computers, code, images, MCP) exist in the Responses API alone and are refused by name.
"""

from typing import Any

from gateway.dialects.responses.loose import Json, mapping, needed_text, refuse, short, text

_MODES = ("none", "auto", "required")
_FUNCTION_FIELDS = ("name", "description", "parameters", "strict")


def to_chat(body: Json) -> Json:
    """Return the chat fields for a Responses request's tools. Raises RelayError 400."""
    tools = [_tool_to_chat(tool, f"tools[{at}]") for at, tool in enumerate(_listed(body))]
    choice = body.get("tool_choice")
    if not tools:
        if choice not in (None, "none", "auto"):
            refuse("tool_choice", "needs `tools` to choose from")
        return {}
    found: Json = {"tools": tools}
    if choice is not None:
        found |= _choice_to_chat(choice, tools)
    return found


def _listed(body: Json) -> list[Any]:
    tools = body.get("tools")
    if tools is None:
        return []
    if not isinstance(tools, list):
        refuse("tools", "must be a list")
    return tools


def _tool_to_chat(tool: Any, at: str) -> Json:
    kind = mapping(tool).get("type")
    if kind == "function":
        needed_text(tool, "name", at)
        return {"type": "function", "function": short(tool, *_FUNCTION_FIELDS)}
    if kind == "custom":
        needed_text(tool, "name", at)
        return {"type": "custom", "custom": _custom_to_chat(tool, at)}
    refuse(
        f"{at}.type",
        "must be `function` or `custom` for this model: other tools are run by the provider and "
        "are not offered here; please turn them off in the client",
    )


def _custom_to_chat(tool: Json, at: str) -> Json:
    custom = short(tool, "name", "description")
    form = tool.get("format")
    if form is None:
        return custom
    kind = mapping(form).get("type")
    if kind == "grammar":
        return {**custom, "format": {"type": kind, "grammar": short(form, "syntax", "definition")}}
    if kind != "text":
        refuse(f"{at}.format.type", "must be `text` or `grammar`")
    return {**custom, "format": {"type": "text"}}


def _choice_to_chat(choice: Any, tools: list[Json]) -> Json:
    if isinstance(choice, str):
        if choice not in _MODES:
            refuse("tool_choice", "must be `none`, `auto`, `required` or an object")
        return {"tool_choice": choice}
    kind = mapping(choice).get("type")
    if kind in ("function", "custom"):
        return {"tool_choice": {"type": kind, kind: {"name": _named(choice, "tool_choice")}}}
    if kind == "allowed_tools":
        return _allowed(choice, tools)
    refuse("tool_choice.type", "must be `function`, `custom` or `allowed_tools` for this model")


def _named(choice: Json, at: str) -> str:
    return needed_text(choice, "name", at)


def _allowed(choice: Json, tools: list[Json]) -> Json:
    """Leave only the allowed tools: every chat upstream understands that."""
    mode = choice.get("mode")
    if mode not in ("auto", "required"):
        refuse("tool_choice.mode", "must be `auto` or `required`")
    listed = choice.get("tools")
    if not isinstance(listed, list) or not listed:
        refuse("tool_choice.tools", "must be a non-empty list")
    allowed = {_identity(mapping(tool), "") for tool in listed}
    left = [tool for tool in tools if _identity(tool, tool["type"]) in allowed]
    if not left:
        refuse("tool_choice.tools", "must name at least one of `tools`")
    return {"tools": left, "tool_choice": mode}


def _identity(tool: Json, nested: str) -> tuple[str, str]:
    holder = tool[nested] if nested else tool
    return text(tool.get("type")), text(holder.get("name"))


def from_chat(body: Json) -> Json:
    """Return the Responses fields for a chat request's tools. Raises RelayError 400."""
    found: Json = {}
    tools = [_tool_from_chat(tool, f"tools[{at}]") for at, tool in enumerate(_listed(body))]
    if tools:
        found["tools"] = tools
    choice = body.get("tool_choice")
    if choice is not None:
        found["tool_choice"] = _choice_from_chat(choice)
    return found


def _tool_from_chat(tool: Any, at: str) -> Json:
    kind = mapping(tool).get("type")
    if kind not in ("function", "custom"):
        refuse(f"{at}.type", "must be `function` or `custom`")
    inner = mapping(tool.get(kind))
    needed_text(inner, "name", f"{at}.{kind}")
    if kind == "custom":
        return {"type": kind, **short(inner, "name", "description"), **_format_from_chat(inner)}
    flat = {"type": kind, "parameters": None, **short(inner, *_FUNCTION_FIELDS)}
    # Chat is lenient unless told otherwise; the Responses API is strict unless told otherwise.
    flat.setdefault("strict", False)
    return flat


def _format_from_chat(custom: Json) -> Json:
    form = mapping(custom.get("format"))
    if form.get("type") == "grammar":
        grammar = short(mapping(form.get("grammar")), "syntax", "definition")
        return {"format": {"type": "grammar", **grammar}}
    return {"format": {"type": "text"}} if form else {}


def _choice_from_chat(choice: Any) -> Any:
    if isinstance(choice, str):
        if choice not in _MODES:
            refuse("tool_choice", "must be `none`, `auto`, `required` or an object")
        return choice
    kind = mapping(choice).get("type")
    if kind in ("function", "custom"):
        inner = mapping(choice.get(kind))
        return {"type": kind, "name": needed_text(inner, "name", f"tool_choice.{kind}")}
    if kind == "allowed_tools":
        allowed = mapping(choice.get(kind))
        if allowed.get("mode") not in ("auto", "required"):
            refuse("tool_choice.allowed_tools.mode", "must be `auto` or `required`")
        return {"type": kind, "mode": allowed["mode"], "tools": _flat(allowed.get("tools"))}
    refuse("tool_choice.type", "must be `function`, `custom` or `allowed_tools`")


def _flat(tools: Any) -> list[Json]:
    if not isinstance(tools, list):
        refuse("tool_choice.allowed_tools.tools", "must be a list")
    flat = []
    for at, tool in enumerate(tools):
        kind = mapping(tool).get("type")
        if kind not in ("function", "custom"):
            refuse(f"tool_choice.allowed_tools.tools[{at}].type", "must be `function` or `custom`")
        where = f"tool_choice.allowed_tools.tools[{at}].{kind}"
        flat.append({"type": kind, "name": needed_text(mapping(tool.get(kind)), "name", where)})
    return flat
