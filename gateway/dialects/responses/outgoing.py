"""Chat requests as an upstream wants them that offers a model under /v1/responses alone."""

from collections.abc import Callable
from typing import Any

from gateway.dialects.responses import tools
from gateway.dialects.responses.loose import (
    Json,
    mapping,
    needed_text,
    refuse,
    short,
    text,
    writable,
)

# Chat's fields that the Responses API has no counterpart for, and the values that change nothing.
_REFUSED: dict[str, tuple[Any, ...]] = {
    "n": (1,),
    "stop": ("", []),
    "frequency_penalty": (0,),
    "presence_penalty": (0,),
    "logit_bias": ({},),
    "audio": (),
    "functions": ([],),
    "function_call": ("none", "auto"),
    "web_search_options": (),
}
_SHARED = (
    "model",
    "stream",
    "temperature",
    "top_p",
    "top_logprobs",
    "user",
    "safety_identifier",
    "prompt_cache_key",
    "prompt_cache_retention",
    "prompt_cache_options",
    "service_tier",
    "metadata",
    "moderation",
    "parallel_tool_calls",
)


def from_chat(body: Json) -> Json:
    """Return a chat request as a Responses request.

    What the assistant thought in earlier turns is left out: upstreams take back only what they
    signed. Raises RelayError 400 naming the field that is wrong or has no counterpart.
    """
    for name, harmless in _REFUSED.items():
        if body.get(name) is not None and body[name] not in harmless:
            refuse(name, "is not offered for this model")
    if body.get("modalities") not in (None, [], ["text"]):
        refuse("modalities", "must be text alone for this model")
    # Chat stores nothing unless asked; the Responses API stores unless told not to.
    asked: Json = {"input": _items(body.get("messages")), "store": body.get("store") is True}
    asked |= short(body, *_SHARED)
    limits = short(body, "max_completion_tokens", "max_tokens")
    if limits:
        asked["max_output_tokens"] = next(iter(limits.values()))
    if body.get("reasoning_effort") is not None:
        asked["reasoning"] = {"effort": body["reasoning_effort"]}
    if body.get("logprobs"):
        asked["include"] = ["message.output_text.logprobs"]
    return writable(asked | tools.from_chat(body) | _text_options(body), body)


def _text_options(body: Json) -> Json:
    options = short(body, "verbosity")
    form = body.get("response_format")
    if form is not None:
        kind = mapping(form).get("type")
        if kind not in ("text", "json_object", "json_schema"):
            refuse("response_format.type", "must be `text`, `json_object` or `json_schema`")
        schema = mapping(form.get(kind)) if kind == "json_schema" else {}
        named = short(schema, "name", "description", "schema", "strict")
        options["format"] = {"type": kind, **named}
    return {"text": options} if options else {}


def _items(messages: Any) -> list[Json]:
    if not isinstance(messages, list) or not messages:
        refuse("messages", "must be a non-empty list")
    items: list[Json] = []
    custom: set[str] = set()
    for number, message in enumerate(messages):
        at = f"messages[{number}]"
        role = mapping(message).get("role")
        if role == "assistant":
            items += _turn(message, at, custom)
        elif role == "tool":
            items.append(_result(message, at, custom))
        elif role in ("system", "developer", "user"):
            items.append({"type": "message", "role": role, "content": _content(message, at)})
        else:
            refuse(f"{at}.role", "must be `system`, `developer`, `user`, `assistant` or `tool`")
    return items


def _content(message: Json, at: str) -> Any:
    content = message.get("content")
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        refuse(f"{at}.content", "must be a string or a list of parts")
    return [_part(part, f"{at}.content[{n}]") for n, part in enumerate(content)]


def _turn(message: Json, at: str, custom: set[str]) -> list[Json]:
    """Split an assistant's message: what it said, then each call."""
    items: list[Json] = []
    said = _spoken(message, at)
    if said:
        items.append(_said(said, at))
    calls = message.get("tool_calls")
    if calls is not None and not isinstance(calls, list):
        refuse(f"{at}.tool_calls", "must be a list")
    if message.get("function_call"):
        refuse(f"{at}.function_call", "is not offered for this model; please use `tool_calls`")
    for number, call in enumerate(calls or ()):
        items.append(_call(call, f"{at}.tool_calls[{number}]", custom))
    return items


def _said(parts: list[Json], at: str) -> Json:
    """Return what the assistant said; only text has the short form, that needs no id."""
    item: Json = {"type": "message", "role": "assistant"}
    if all(part["type"] == "output_text" for part in parts):
        return {**item, "content": "".join(part["text"] for part in parts)}
    number = "".join(filter(str.isdigit, at))
    return {**item, "id": f"msg_{number}", "status": "completed", "content": parts}


def _spoken(message: Json, at: str) -> list[Json]:
    content = message.get("content")
    parts = [{"type": "text", "text": content}] if isinstance(content, str) and content else content
    if parts is not None and not isinstance(parts, str | list):
        refuse(f"{at}.content", "must be a string or a list of parts")
    said: list[Json] = []
    for number, part in enumerate(parts or ()):
        kind = mapping(part).get("type")
        if kind == "text":
            said.append({"type": "output_text", "text": text(part.get("text")), "annotations": []})
        elif kind == "refusal":
            said.append({"type": "refusal", "refusal": text(part.get("refusal"))})
        else:
            refuse(f"{at}.content[{number}].type", "must be `text` or `refusal`")
    if text(message.get("refusal")):
        said.append({"type": "refusal", "refusal": message["refusal"]})
    return said


def _call(call: Any, at: str, custom: set[str]) -> Json:
    kind = mapping(call).get("type", "function")
    if not isinstance(call, dict) or kind not in ("function", "custom"):
        refuse(f"{at}.type", "must be `function` or `custom`")
    inner = mapping(call.get(kind))
    call_id = needed_text(call, "id", at)
    name = needed_text(inner, "name", f"{at}.{kind}")
    if kind == "custom":
        custom.add(call_id)
        given = {"type": "custom_tool_call", "input": text(inner.get("input"))}
    else:
        given = {"type": "function_call", "arguments": text(inner.get("arguments"))}
    return {**given, "call_id": call_id, "name": name}


def _result(message: Json, at: str, custom: set[str]) -> Json:
    call_id = needed_text(message, "tool_call_id", at)
    kind = "custom_tool_call_output" if call_id in custom else "function_call_output"
    return {"type": kind, "call_id": call_id, "output": _content(message, at)}


def _part(part: Any, at: str) -> Json:
    kind = mapping(part).get("type")
    convert = _PARTS.get(kind) if isinstance(kind, str) else None
    if convert is None:
        refuse(f"{at}.type", "must be `text`, `image_url` or `file` for this model")
    return convert(part, at)


def _text(part: Json, at: str) -> Json:
    if not isinstance(part.get("text"), str):
        refuse(f"{at}.text", "must be a string")
    return {"type": "input_text", "text": part["text"]}


def _image(part: Json, at: str) -> Json:
    image = part.get("image_url")
    image = {"url": image} if isinstance(image, str) else mapping(image)
    url = needed_text(image, "url", f"{at}.image_url")
    return {"type": "input_image", "image_url": url, "detail": text(image.get("detail")) or "auto"}


def _file(part: Json, at: str) -> Json:
    file = short(mapping(part.get("file")), "filename", "file_data", "file_id")
    if "file_data" not in file and "file_id" not in file:
        refuse(f"{at}.file", "must have `file_data` or `file_id`")
    return {"type": "input_file", **file}


_PARTS: dict[str, Callable[[Json, str], Json]] = {
    "text": _text,
    "image_url": _image,
    "file": _file,
}
