"""The objects of the Responses API: the response around the output, and the items in it.

Every field that OpenAI's own answers have is there. Fields that repeat the request are taken from
it where they have the right shape and are the API's defaults otherwise.
"""

import re
from collections.abc import Iterable
from typing import Any

from gateway.dialects.responses.loose import Json, mapping, objects, text, whole

_SERVICE_TIERS = ("auto", "default", "flex", "scale", "priority", "fast", "ultrafast")
_EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
_SUMMARIES = ("auto", "concise", "detailed")
_LEVELS = ("low", "medium", "high")
_RETENTIONS = ("in_memory", "24h")
_UNSAFE = re.compile(r"[^A-Za-z0-9]+")
_MAX_ID = 60

# The reason for which an answer is incomplete, by chat's finish reason.
INCOMPLETE = {"length": "max_output_tokens", "content_filter": "content_filter"}


def base_of(identity: str) -> str:
    """Return what the ids of a response and its items have in common."""
    bare = re.sub(r"^(?:chatcmpl|resp|gen)[-_]", "", identity)
    return _UNSAFE.sub("", bare)[:_MAX_ID] or "0"


def response(body: Json, base: str, model: Any, created_at: Any) -> Json:
    """Return a response that has just begun. `body` is the client's request."""
    body = mapping(body)
    return {
        "id": f"resp_{base}",
        "object": "response",
        "created_at": whole(created_at) or 0,
        "status": "in_progress",
        "background": False,
        "completed_at": None,
        "error": None,
        "incomplete_details": None,
        "instructions": _or_null(body, "instructions", str),
        "max_output_tokens": whole(body.get("max_output_tokens")),
        "max_tool_calls": whole(body.get("max_tool_calls")),
        "model": text(model) or text(body.get("model")),
        "output": [],
        "parallel_tool_calls": body.get("parallel_tool_calls") is not False,
        "previous_response_id": None,
        "prompt_cache_key": _or_null(body, "prompt_cache_key", str),
        "prompt_cache_retention": _one_of(body, "prompt_cache_retention", _RETENTIONS),
        "reasoning": _reasoning(mapping(body.get("reasoning"))),
        "safety_identifier": _or_null(body, "safety_identifier", str),
        "service_tier": _one_of(body, "service_tier", _SERVICE_TIERS) or "default",
        "store": False,
        "temperature": _number(body, "temperature"),
        "text": _text(mapping(body.get("text"))),
        "tool_choice": _choice(body.get("tool_choice")),
        "tools": list(_tools(objects(body.get("tools")))),
        "top_logprobs": whole(body.get("top_logprobs")) or 0,
        "top_p": _number(body, "top_p"),
        "truncation": "disabled",
        "usage": None,
        "user": _or_null(body, "user", str),
        "metadata": _metadata(body.get("metadata")),
    }


def ended(begun: Json, output: list[Json], finish: str, answer: Json, usage: Json | None) -> Json:
    """Return a response that has come to its end, for the reason that chat calls `finish`."""
    reason = INCOMPLETE.get(finish)
    tier = _one_of(answer, "service_tier", _SERVICE_TIERS)
    return {
        **begun,
        "status": "incomplete" if reason else "completed",
        "incomplete_details": {"reason": reason} if reason else None,
        "output": output,
        "service_tier": tier or begun["service_tier"],
        "usage": usage,
    }


def failed(begun: Json, output: list[Json], error: Json, usage: Json | None) -> Json:
    """Return a response that has failed."""
    return {**begun, "status": "failed", "error": error, "output": output, "usage": usage}


def _or_null(body: Json, name: str, kind: type) -> Any:
    return body[name] if isinstance(body.get(name), kind) else None


def _one_of(body: Json, name: str, values: tuple[str, ...]) -> str | None:
    value = body.get(name)
    return value if isinstance(value, str) and value in values else None


def _number(body: Json, name: str) -> float:
    value = body.get(name)
    return value if isinstance(value, int | float) and not isinstance(value, bool) else 1.0


def _reasoning(asked: Json) -> Json:
    return {
        "effort": _one_of(asked, "effort", _EFFORTS),
        "summary": _one_of(asked, "summary", _SUMMARIES),
    }


def _text(asked: Json) -> Json:
    verbosity = _one_of(asked, "verbosity", _LEVELS) or "medium"
    return {"format": _format(mapping(asked.get("format"))), "verbosity": verbosity}


def _format(form: Json) -> Json:
    kind = form.get("type")
    if kind == "json_object":
        return {"type": kind}
    if kind == "json_schema" and text(form.get("name")) and isinstance(form.get("schema"), dict):
        return {
            "type": kind,
            "name": form["name"],
            "description": _or_null(form, "description", str),
            "schema": form["schema"],
            "strict": _or_null(form, "strict", bool),
        }
    return {"type": "text"}


def _choice(choice: Any) -> Any:
    if isinstance(choice, str) and choice in ("none", "auto", "required"):
        return choice
    asked = mapping(choice)
    kind, name = asked.get("type"), text(asked.get("name"))
    if kind in ("function", "custom") and name:
        return {"type": kind, "name": name}
    if kind == "allowed_tools" and asked.get("mode") in ("auto", "required"):
        return {"type": kind, "mode": asked["mode"], "tools": objects(asked.get("tools"))}
    return "auto"


def _tools(tools: list[Json]) -> Iterable[Json]:
    for tool in tools:
        kind, name = tool.get("type"), text(tool.get("name"))
        shared = {"type": kind, "name": name, "description": _or_null(tool, "description", str)}
        if kind == "function" and name:
            yield {
                **shared,
                "parameters": _or_null(tool, "parameters", dict),
                "strict": _or_null(tool, "strict", bool),
            }
        elif kind == "custom" and name:
            yield {**shared, "format": _custom_format(mapping(tool.get("format")))}


def _custom_format(form: Json) -> Json:
    definition, syntax = form.get("definition"), form.get("syntax")
    if form.get("type") == "grammar" and isinstance(definition, str) and syntax in _SYNTAXES:
        return {"type": "grammar", "definition": definition, "syntax": syntax}
    return {"type": "text"}


_SYNTAXES = ("lark", "regex")


def _metadata(value: Any) -> dict[str, str]:
    return {name: said for name, said in mapping(value).items() if isinstance(said, str)}


def reasoning_item(item_id: str, summary: str | None) -> Json:
    """Return a reasoning item.

    Chat upstreams tell what the model thought as plain text. It is shown as the summary, since that
    is what clients display and send back in the next turn.
    """
    parts = [] if summary is None else [{"type": "summary_text", "text": summary}]
    return {"id": item_id, "type": "reasoning", "summary": parts}


def message_item(item_id: str, content: list[Json], status: str) -> Json:
    """Return a message of the assistant."""
    return {
        "id": item_id,
        "type": "message",
        "status": status,
        "role": "assistant",
        "content": content,
    }


def text_part(said: str, annotations: list[Json], logprobs: list[Json]) -> Json:
    """Return a part of a message that is text."""
    return {
        "type": "output_text",
        "text": said,
        "annotations": annotations,
        "logprobs": logprobs,
    }


def refusal_part(said: str) -> Json:
    """Return a part of a message that says why there is no answer."""
    return {"type": "refusal", "refusal": said}


def call_item(custom: bool, item_id: str, call_id: str, name: str, given: str, status: str) -> Json:
    """Return a call of a function, or of a custom tool, which has no status of its own."""
    shared = {"id": item_id, "call_id": call_id, "name": name}
    if custom:
        return {**shared, "type": "custom_tool_call", "input": given}
    return {**shared, "type": "function_call", "arguments": given, "status": status}


def annotations(value: Any) -> list[Json]:
    """Return chat's citations as the Responses API has them: flat."""
    found = []
    for one in objects(value):
        cited = mapping(one.get("url_citation"))
        start, end = whole(cited.get("start_index")), whole(cited.get("end_index"))
        if one.get("type") == "url_citation" and start is not None and end is not None:
            named = {"url": text(cited.get("url")), "title": text(cited.get("title"))}
            found.append({"type": "url_citation", "start_index": start, "end_index": end, **named})
    return found


def logprobs(choice: Json) -> list[Json]:
    """Return a choice's log probabilities with the bytes that the Responses API always has."""
    return tokens(mapping(choice.get("logprobs")).get("content"))


def tokens(listed: Any) -> list[Json]:
    """Return log probabilities of tokens, every field there and of the right type."""
    return [
        {**_token(one), "top_logprobs": [_token(top) for top in objects(one.get("top_logprobs"))]}
        for one in objects(listed)
    ]


def _token(one: Json) -> Json:
    token, value, given = text(one.get("token")), one.get("logprob"), one.get("bytes")
    usable = isinstance(value, int | float) and not isinstance(value, bool)
    whole_bytes = isinstance(given, list) and all(type(byte) is int for byte in given)
    return {
        "token": token,
        "bytes": given if whole_bytes else list(token.encode("utf-8", "replace")),
        "logprob": value if usable else 0.0,
    }
