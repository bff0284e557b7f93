"""Requests: Anthropic's Messages and OpenAI chat, in both directions.

Dropped, since an answer without them is still the answer: in Messages `top_k`, `cache_control`,
`service_tier`, `context_management`; in chat `seed`, the two penalties, `prediction`, `store`,
`metadata`, `service_tier`, `verbosity`, `name` of a message, and fields that are not OpenAI's.
What changes the answer's form or is a promise is refused by its name.
"""

from hashlib import sha256
from typing import Any

from gateway.dialects.anthropic import models, tools, turns_in, turns_out
from gateway.dialects.anthropic.fields import (
    Json,
    a_boolean,
    a_limit,
    a_list,
    a_number,
    an_object,
    cannot,
    obj,
    refuse,
    text,
)

# Anthropic requires a limit; this is what One API sends for clients that set none.
DEFAULT_MAX_TOKENS = 4_096
MAX_STOPS = 4  # OpenAI's limit
MAX_USER = 64  # OpenAI's limit

_NOT_IN_CHAT = {
    "container": "containers",
    "mcp_servers": "MCP servers",
    "inference_geo": "a choice of where it runs",
}
_NOT_IN_MESSAGES = {
    "logprobs": "logprobs",
    "top_logprobs": "logprobs",
    "logit_bias": "a logit bias",
    "audio": "audio",
    "web_search_options": "web search in this form",
    "functions": "functions of the old form; use `tools`",
}


def to_chat(body: Json) -> Json:
    """Return what a client of the Messages API asks, as a chat body. Raises RelayError 400."""
    _refuse_any(body, _NOT_IN_CHAT)
    model = text(body.get("model"))
    chat: Json = {"model": body["model"]} if "model" in body else {}
    chat["messages"] = turns_in.messages(body)
    limit = a_limit(body.get("max_tokens"), "max_tokens")
    if limit is not None:
        chat[models.limit_field(model)] = limit
    for name in ("temperature", "top_p"):
        if a_number(body.get(name), name) is not None:
            chat[name] = body[name]
    stops = _strings(body.get("stop_sequences"), "stop_sequences")
    if len(stops) > MAX_STOPS:
        refuse("stop_sequences", f"at most {MAX_STOPS} strings for this model")
    if stops:
        chat["stop"] = stops
    if a_boolean(body.get("stream"), "stream"):
        chat |= {"stream": True, "stream_options": {"include_usage": True}}
    effort = models.chat_effort(body)
    if effort is not None:
        chat["reasoning_effort"] = effort
    return chat | tools.to_chat(body) | _format_to_chat(body) | _user_to_chat(body)


def _refuse_any(body: Json, table: dict[str, str]) -> None:
    for name, what in table.items():
        if body.get(name):
            cannot(name, what)


def _strings(value: Any, at: str) -> list[str]:
    for n, item in enumerate(a_list(value, at)):
        if not isinstance(item, str):
            refuse(f"{at}.{n}", "a string")
    return [item for item in value or () if item]


def _format_to_chat(body: Json) -> Json:
    """Anthropic promises that its answer keeps to the schema, which is OpenAI's strict mode."""
    for at, found in (
        ("output_config.format", obj(body.get("output_config")).get("format")),
        ("output_format", body.get("output_format")),
    ):
        if found is None:
            continue
        if an_object(found, at).get("type") != "json_schema":
            cannot(f"{at}.type", "other formats than `json_schema`")
        schema = an_object(found.get("schema"), f"{at}.schema")
        named = {"name": "response", "strict": True, "schema": schema}
        return {"response_format": {"type": "json_schema", "json_schema": named}}
    return {}


def _user_to_chat(body: Json) -> Json:
    """Pass on whom the request is for; ids too long for OpenAI as their hash, which is as good."""
    user = obj(body.get("metadata")).get("user_id")
    if not isinstance(user, str) or not user:
        return {}
    return {"user": user if len(user) <= MAX_USER else sha256(user.encode()).hexdigest()}


def from_chat(body: Json) -> Json:
    """Return a chat body as the Messages API wants it. Raises RelayError 400."""
    _refuse_what_has_no_counterpart(body)
    system, turns = turns_out.conversation(body)
    asked: Json = {"model": body["model"]} if "model" in body else {}
    asked["messages"] = turns
    chosen = tools.from_chat(body)
    output, system_extra = _format_from_chat(body)
    system = _system(system + system_extra)
    if system:
        asked["system"] = system
    asked |= _limits(body, _may_think(body, turns, chosen), output)
    stops = body.get("stop")
    stops = _strings([stops] if isinstance(stops, str) else stops, "stop")
    if any(not stop.strip() for stop in stops):
        cannot("stop", "stops that are white space only")
    if stops:
        asked["stop_sequences"] = stops
    if a_boolean(body.get("stream"), "stream"):
        asked["stream"] = True
    user = next((body[n] for n in ("user", "safety_identifier") if text(body.get(n))), None)
    return asked | chosen | ({"metadata": {"user_id": user}} if user else {})


def _refuse_what_has_no_counterpart(body: Json) -> None:
    _refuse_any(body, _NOT_IN_MESSAGES)
    if a_limit(body.get("n"), "n") not in (None, 1):
        cannot("n", "more than one answer to a request")
    for kind in a_list(body.get("modalities"), "modalities"):
        if kind != "text":
            cannot("modalities", "other answers than text")


def _system(blocks: list[Json]) -> Any:
    """Return the system prompt, as a string unless a part of it is marked for the cache."""
    if any("cache_control" in block for block in blocks):
        return blocks
    return "\n\n".join(block["text"] for block in blocks)


def _format_from_chat(body: Json) -> tuple[Json, list[Json]]:
    """Return the output format, and what the system prompt must say instead of one.

    A schema becomes Anthropic's own output format, which is enforced, or refused by models that
    have none. There is none for JSON without a schema: that is asked for in words.
    """
    wanted = body.get("response_format")
    if wanted is None:
        return {}, []
    kind = an_object(wanted, "response_format").get("type")
    if kind == "text":
        return {}, []
    if kind == "json_object":
        return {}, [{"type": "text", "text": "Answer with one valid JSON object and nothing else."}]
    if kind != "json_schema":
        refuse("response_format.type", "`text`, `json_object` or `json_schema`")
    at = "response_format.json_schema"
    schema = an_object(an_object(wanted.get("json_schema"), at).get("schema"), f"{at}.schema")
    return {"format": {"type": "json_schema", "schema": schema}}, []


def _may_think(body: Json, turns: list[Json], chosen: Json) -> str | None:
    """Return the reasoning effort, if any, that Anthropic allows for such a request.

    A tool that must be called, and calls that were not thought about, rule a budget out.
    """
    effort = body.get("reasoning_effort")
    if effort is None:
        return None
    if not isinstance(effort, str) or effort not in {"none", *models.BUDGET_OF_EFFORT}:
        refuse("reasoning_effort", f"one of none, {', '.join(models.BUDGET_OF_EFFORT)}")
    if tools.is_forced(chosen.get("tool_choice")) and effort != "none":
        return None
    if models.is_adaptive(text(body.get("model"))):
        return effort
    return None if turns_out.lacks_signed_thought(turns) and effort != "none" else effort


def _limits(body: Json, effort: str | None, output: Json) -> Json:
    """Return max_tokens, thinking, sampling and output_config, which bear on each other."""
    model = text(body.get("model"))
    new, old = (a_limit(body.get(n), n) for n in ("max_completion_tokens", "max_tokens"))
    stated = old if new is None else new
    limit = DEFAULT_MAX_TOKENS if stated is None else stated
    found: Json = {"max_tokens": limit}
    thinking = False
    if effort == "none":
        found["thinking"] = {"type": "disabled"}
    elif effort is not None and models.is_adaptive(model):
        thinking, found["thinking"] = True, {"type": "adaptive"}
        output = {**output, "effort": models.EFFORT_OF_EFFORT[effort]}
    elif effort is not None:
        budget = models.BUDGET_OF_EFFORT[effort]
        if stated is None:
            found["max_tokens"] = limit = budget + DEFAULT_MAX_TOKENS
        else:
            budget = max(models.MIN_BUDGET, min(budget, limit - limit // 4))
        if budget < limit:  # where there is no room to think, there is none to be refused either
            thinking, found["thinking"] = True, {"type": "enabled", "budget_tokens": budget}
    return found | _sampling(body, thinking) | ({"output_config": output} if output else {})


def _sampling(body: Json, thinking: bool) -> Json:
    """Return the temperature, within Anthropic's 0 to 1, and top_p.

    Not with thinking, nor for models that no longer take them. Some models refuse the two
    together, so a top_p that says nothing is left out.
    """
    heat, top = (a_number(body.get(n), n) for n in ("temperature", "top_p"))
    if thinking or not models.takes_sampling(text(body.get("model"))):
        return {}
    found: Json = {} if heat is None else {"temperature": min(max(heat, 0), 1)}
    if top is not None and not (found and top >= 1):
        found["top_p"] = min(max(top, 0), 1)
    return found
