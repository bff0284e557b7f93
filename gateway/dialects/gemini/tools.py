"""Tools and the choice between them: Gemini's tools and toolConfig, OpenAI's tools, tool_choice."""

from typing import Any

from gateway.dialects.gemini.fields import (
    Json,
    a_list,
    a_name,
    a_text,
    an_object,
    get,
    refuse,
    texts,
    unsupported,
    writable,
)
from gateway.dialects.gemini.schema import to_gemini
from gateway.dialects.gemini.schema_in import to_json_schema

_DECLARATIONS = ("functionDeclarations", "function_declarations")
_CHOICES = {
    "AUTO": "auto",
    "ANY": "required",
    "NONE": "none",
    "VALIDATED": "auto",
    "MODE_UNSPECIFIED": "auto",
    "": "auto",
}
_MODES = {"auto": "AUTO", "required": "ANY", "none": "NONE"}


def to_chat(body: Json) -> Json:
    """Return the chat fields for a Gemini request's tools.

    `allowedFunctionNames` leaves out the other tools, which every provider understands. Raises
    RelayError 400 for Google's own tools (googleSearch, codeExecution, urlContext, …).
    """
    declared = a_list(body.get("tools"), "tools")
    tools = [t for at, tool in enumerate(declared) for t in _declared(tool, f"tools[{at}]")]
    config = an_object(get(body, "toolConfig"), "toolConfig")
    param = "toolConfig.functionCallingConfig"
    calling = an_object(get(config, "functionCallingConfig"), param)
    mode = a_text(calling.get("mode"), f"{param}.mode").upper()
    if mode not in _CHOICES:
        refuse(f"{param}.mode", "AUTO, ANY, NONE or VALIDATED")
    param = f"{param}.allowedFunctionNames"
    allowed = texts(get(calling, "allowedFunctionNames"), param)
    if allowed:
        tools = [tool for tool in tools if tool["function"]["name"] in allowed]
        if not tools:
            refuse(param, "names of declared functions")
    if not tools:
        return {}
    if not calling:
        return {"tools": tools}
    if allowed and len(tools) == 1 and mode == "ANY":
        name = tools[0]["function"]["name"]
        return {"tools": tools, "tool_choice": {"type": "function", "function": {"name": name}}}
    return {"tools": tools, "tool_choice": _CHOICES[mode]}


def _declared(tool: Any, param: str) -> list[Json]:
    for name, value in an_object(tool, param).items():
        if name not in _DECLARATIONS and value is not None:
            unsupported(f"{param}.{name}")
    param = f"{param}.functionDeclarations"
    functions = a_list(get(tool, "functionDeclarations") if tool else None, param)
    return [_function(item, f"{param}[{at}]") for at, item in enumerate(functions)]


def _function(item: Any, param: str) -> Json:
    source = an_object(item, param)
    function: Json = {"name": a_name(source.get("name"), f"{param}.name")}
    if described := a_text(source.get("description"), f"{param}.description"):
        function["description"] = described
    schema = get(source, "parametersJsonSchema")
    if schema is not None:
        param = f"{param}.parametersJsonSchema"
        function["parameters"] = writable(an_object(schema, param), param)
    elif source.get("parameters") is not None:
        function["parameters"] = to_json_schema(source["parameters"], f"{param}.parameters")
    return {"type": "function", "function": function}


def from_chat(body: Json) -> Json:
    """Return the Gemini fields for a chat body's tools.

    Raises RelayError 400 for tools that are no functions, and for the older `functions`, whose
    clients would not understand the answer.
    """
    for name in ("functions", "function_call", "web_search_options"):
        if body.get(name):
            unsupported(name)
    tools = a_list(body.get("tools"), "tools")
    declarations = [_declaration(tool, f"tools[{at}]") for at, tool in enumerate(tools)]
    if not declarations:
        return {}
    made: Json = {"tools": [{"functionDeclarations": declarations}]}
    if body.get("tool_choice") is not None:
        made["toolConfig"] = {"functionCallingConfig": _calling(body["tool_choice"])}
    return made


def _declaration(tool: Any, param: str) -> Json:
    source = an_object(tool, param)
    if source.get("type", "function") != "function":
        unsupported(f"{param}.type")
    param = f"{param}.function"
    function = an_object(source.get("function"), param)
    made: Json = {"name": a_name(function.get("name"), f"{param}.name")}
    if described := a_text(function.get("description"), f"{param}.description"):
        made["description"] = described
    schema = function.get("parameters")
    if schema is not None and schema != {}:
        parameters = to_gemini(schema, f"{param}.parameters")
        # Gemini refuses parameters that are an object without properties.
        if parameters.get("properties") or parameters.get("type") != "OBJECT":
            made["parameters"] = parameters
    return made


def _calling(choice: Any) -> Json:
    if isinstance(choice, str):
        if choice not in _MODES:
            refuse("tool_choice", "auto, none, required or a function")
        return {"mode": _MODES[choice]}
    source = an_object(choice, "tool_choice")
    allowed = source.get("allowed_tools")
    if allowed is not None:
        return _allowed(an_object(allowed, "tool_choice.allowed_tools"))
    function = an_object(source.get("function"), "tool_choice.function")
    name = a_name(function.get("name"), "tool_choice.function.name")
    return {"mode": "ANY", "allowedFunctionNames": [name]}


def _allowed(allowed: Json) -> Json:
    param = "tool_choice.allowed_tools.tools"
    names = []
    for at, tool in enumerate(a_list(allowed.get("tools"), param)):
        function = an_object(an_object(tool, f"{param}[{at}]").get("function"), f"{param}[{at}]")
        names.append(a_name(function.get("name"), f"{param}[{at}].function.name"))
    mode = "ANY" if allowed.get("mode") == "required" else "VALIDATED"
    return {"mode": mode, "allowedFunctionNames": names}
