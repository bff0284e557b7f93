"""Requests of the Responses API as chat requests, and (`from_chat`) the other way.

Fields are those of OpenAI's `POST /v1/responses`. What chat cannot do is refused by name; what
makes no difference to the answer is left out.
"""

from typing import Any

from gateway.dialects.responses import tools
from gateway.dialects.responses.items import Messages, to_messages
from gateway.dialects.responses.loose import Json, mapping, refuse, short, writable
from gateway.dialects.responses.outgoing import from_chat
from gateway.formats.openai import MAX_TOKENS

__all__ = ["from_chat", "to_chat"]

_NOTHING_STORED = (
    "refers to something stored, and nothing is stored here; please send it in `input`"
)
_REFUSED = {
    "previous_response_id": _NOTHING_STORED,
    "conversation": _NOTHING_STORED,
    "prompt": _NOTHING_STORED,
    "background": "is not offered for this model",
    "context_management": "is not offered for this model",
    "access_programs": "is not offered for this model",
}

_NUMBER = ((int, float), "a number")
_TEXT = ((str,), "a string")
_FLAG = ((bool,), "true or false")
_OBJECT = ((dict,), "an object")

# Fields that chat has too, with the types that they may have.
_SHARED: dict[str, tuple[tuple[type, ...], str]] = {
    "model": _TEXT,
    "stream": _FLAG,
    "temperature": _NUMBER,
    "top_p": _NUMBER,
    "user": _TEXT,
    "safety_identifier": _TEXT,
    "prompt_cache_key": _TEXT,
    "prompt_cache_retention": _TEXT,
    "service_tier": _TEXT,
    "moderation": _OBJECT,
}
_CHECKED = {
    **_SHARED,
    "instructions": _TEXT,
    "parallel_tool_calls": _FLAG,
    "store": _FLAG,
    "metadata": _OBJECT,
    "reasoning": _OBJECT,
    "text": _OBJECT,
    "include": ((list,), "a list"),
    "prompt_cache_options": _OBJECT,
}


def to_chat(body: Json) -> Json:
    """Return a Responses request as a chat body.

    Raises RelayError 400 naming the field that is wrong or that chat has no counterpart for.
    A streamed chat is asked for its usage, which the last event of a Responses stream holds.
    """
    _check(body)
    chat: Json = {"messages": _messages(body), **short(body, *_SHARED)}
    if chat.get("stream"):
        chat["stream_options"] = {"include_usage": True}
    limit = _whole(body, "max_output_tokens", 1, MAX_TOKENS)
    if limit is not None:
        chat["max_completion_tokens"] = limit
    chat |= tools.to_chat(body)
    if "tools" in chat:
        chat |= short(body, "parallel_tool_calls")
    if body.get("store"):  # what nobody stores needs no labels: chat refuses them then
        chat |= {"store": True, **short(body, "metadata")}
    chat |= _reasoning(body) | _text_options(body) | _logprobs(body) | _cache(body)
    return writable(chat, body)


def _check(body: Json) -> None:
    for name, why in _REFUSED.items():
        if body.get(name):
            refuse(name, why)
    for name, (kinds, wanted) in _CHECKED.items():
        value = body.get(name)
        flag_for_number = isinstance(value, bool) and bool not in kinds
        if value is not None and (not isinstance(value, kinds) or flag_for_number):
            refuse(name, f"must be {wanted}")


def _whole(body: Json, name: str, low: int, high: int) -> int | None:
    value = body.get(name)
    if value is None:
        return None
    if type(value) is not int or not low <= value <= high:
        refuse(name, f"must be a whole number from {low} to {high}")
    return int(value)


def _messages(body: Json) -> list[Json]:
    messages = Messages()
    if body.get("instructions"):
        messages.add("system", body["instructions"])
    to_messages(body.get("input"), messages)
    if not messages.all:
        refuse("input", "must not be empty")
    return messages.all


def _reasoning(body: Json) -> Json:
    """Whether summaries are asked for makes no difference: chat upstreams show what they show."""
    asked = mapping(body.get("reasoning"))
    if asked.get("mode") not in (None, "standard"):
        refuse("reasoning.mode", "must be `standard` for this model")
    effort = asked.get("effort")
    if effort is not None and not isinstance(effort, str):
        refuse("reasoning.effort", "must be a string")
    return {} if effort is None else {"reasoning_effort": effort}


def _text_options(body: Json) -> Json:
    asked = mapping(body.get("text"))
    chat = short(asked, "verbosity")
    if "verbosity" in chat and not isinstance(chat["verbosity"], str):
        refuse("text.verbosity", "must be a string")
    form = asked.get("format")
    if form is None:
        return chat
    return chat | _response_format(form)


def _response_format(form: Any) -> Json:
    kind = mapping(form).get("type")
    if kind == "text":
        return {}
    if kind == "json_object":
        return {"response_format": {"type": kind}}
    if kind != "json_schema":
        refuse("text.format.type", "must be `text`, `json_object` or `json_schema`")
    for name, wanted in (("name", str), ("schema", dict)):
        if not isinstance(form.get(name), wanted) or not form[name] and wanted is str:
            refuse(f"text.format.{name}", "must be there")
    schema = short(form, "name", "description", "schema", "strict")
    return {"response_format": {"type": kind, "json_schema": schema}}


def _logprobs(body: Json) -> Json:
    """What else can be included belongs to tools that are refused, or cannot be had (encrypted)."""
    top = _whole(body, "top_logprobs", 0, 20)
    if top:
        return {"logprobs": True, "top_logprobs": top}
    wanted = "message.output_text.logprobs" in (body.get("include") or [])
    return {"logprobs": True} if wanted else {}


def _cache(body: Json) -> Json:
    options = mapping(body.get("prompt_cache_options"))
    if options.get("prewarm"):
        refuse("prompt_cache_options.prewarm", "is not offered for this model")
    shared = short(options, "mode", "ttl")
    return {"prompt_cache_options": shared} if shared else {}
