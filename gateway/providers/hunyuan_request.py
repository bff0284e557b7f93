"""What Hunyuan's ChatCompletions is asked: its request body (hunyuan.py)."""

from gateway.dialects.dialect import Json
from gateway.dialects.gemini.fields import refuse, to_json, unsupported
from gateway.providers import turns
from gateway.providers.turns import ASSISTANT, TOOL, Image, Turn


def chat(body: Json) -> Json:
    """Return a body. Raises RelayError 400 for what the API cannot say."""
    made: Json = {
        "Model": body.get("model"),
        "Messages": [_message(turn) for turn in turns.turns(body)],
        "Stream": turns.streams(body),
        **turns.numbers(body, temperature="Temperature", top_p="TopP", seed="Seed"),
        **_tools(body),
    }
    if stops := turns.stops(body):
        made["Stop"] = stops
    if effort := turns.effort(body):
        made["EnableThinking"] = effort != "none"
    return made


def _message(turn: Turn) -> Json:
    """Return a message. Thoughts stay behind: a request that has some is refused."""
    made: Json = {"Role": turn.role}
    if turn.images:
        made["Contents"] = [_part(part) for part in turn.parts]
    else:
        made["Content"] = turn.text
    if turn.role == TOOL:
        made["ToolCallId"] = turn.call_id
    if turn.role == ASSISTANT and turn.calls:
        made["ToolCalls"] = [
            {
                "Id": call.id,
                "Type": "function",
                "Function": {"Name": call.name, "Arguments": call.arguments or "{}"},
            }
            for call in turn.calls
        ]
    elif not turn.text and not turn.images:
        refuse(f"{turn.param}.content", "a non-empty string")
    return made


def _part(part: str | Image) -> Json:
    if isinstance(part, str):
        return {"Type": "text", "Text": part}
    return {"Type": "image_url", "ImageUrl": {"Url": part.url}}


def _tools(body: Json) -> Json:
    """Return the tools. One that must be called is named beside them; "any of them" is not said."""
    functions, choice = turns.functions(body), turns.chosen(body)
    if choice == "required" and len(functions) == 1:
        choice = "=" + functions[0]["name"]
    if choice == "required":
        unsupported("tool_choice")
    if not functions:
        return {}
    made: Json = {"Tools": [_tool(each) for each in functions]}
    if not choice.startswith("="):
        return {**made, "ToolChoice": choice}
    named = [each for each in functions if each["name"] == choice[1:]]
    if not named:
        refuse("tool_choice.function.name", "the name of one of the tools")
    return {**made, "ToolChoice": "custom", "CustomTool": _tool(named[0])}


def _tool(function: Json) -> Json:
    made: Json = {"Name": function["name"]}
    if function.get("description"):
        made["Description"] = function["description"]
    parameters = function.get("parameters") or {"type": "object", "properties": {}}
    made["Parameters"] = to_json(parameters, "tools")
    return {"Type": "function", "Function": made}
