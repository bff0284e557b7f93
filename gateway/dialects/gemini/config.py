"""Sampling, limits and the form of the answer: generationConfig and the fields of a chat body."""

from collections.abc import Callable
from typing import Any

from gateway.dialects.gemini import thinking
from gateway.dialects.gemini.fields import (
    Json,
    a_boolean,
    a_list,
    a_number,
    a_text,
    a_whole,
    an_object,
    get,
    refuse,
    texts,
    unsupported,
    writable,
)
from gateway.dialects.gemini.schema import to_gemini
from gateway.dialects.gemini.schema_in import to_json_schema

Check = Callable[[Any, str], Any]

# Gemini's field, chat's field, what both are.
_SAME: tuple[tuple[str, str, Check], ...] = (
    ("temperature", "temperature", a_number),
    ("topP", "top_p", a_number),
    ("topK", "top_k", a_whole),
    ("candidateCount", "n", a_whole),
    ("seed", "seed", a_whole),
    ("presencePenalty", "presence_penalty", a_number),
    ("frequencyPenalty", "frequency_penalty", a_number),
    ("responseLogprobs", "logprobs", a_boolean),
    ("logprobs", "top_logprobs", a_whole),
)
# What changes the answer in ways that chat cannot ask for.
_UNSUPPORTED = (
    "speechConfig",
    "responseFormat",
    "routingConfig",
    "modelSelectionConfig",
    "imageConfig",
    "translationConfig",
)
_JSON = "application/json"
_PLAIN = ("", "text/plain")


def to_chat(body: Json) -> Json:
    """Return the chat fields for a generationConfig. Raises RelayError 400, naming the field."""
    param = "generationConfig"
    config = an_object(get(body, param), param)
    for name in _UNSUPPORTED:
        if get(config, name) is not None:
            unsupported(f"{param}.{name}")
    made: Json = {}
    for name, chat_name, check in _SAME:
        if get(config, name) is not None:
            made[chat_name] = check(get(config, name), f"{param}.{name}")
    if get(config, "maxOutputTokens") is not None:
        limit = a_whole(get(config, "maxOutputTokens"), f"{param}.maxOutputTokens")
        made["max_tokens"] = limit
    if stops := texts(get(config, "stopSequences"), f"{param}.stopSequences"):
        made["stop"] = stops
    for modality in texts(get(config, "responseModalities"), f"{param}.responseModalities"):
        if modality.upper() not in ("TEXT", "MODALITY_UNSPECIFIED"):
            unsupported(f"{param}.responseModalities")
    effort = thinking.to_effort(get(config, "thinkingConfig"), f"{param}.thinkingConfig")
    if effort is not None:
        made["reasoning_effort"] = effort
    return {**made, **_form_to_chat(config, param)}


def _form_to_chat(config: Json, param: str) -> Json:
    kind = a_text(get(config, "responseMimeType"), f"{param}.responseMimeType").lower()
    if kind in _PLAIN:
        return {}
    if kind != _JSON:
        unsupported(f"{param}.responseMimeType")
    schema = get(config, "responseJsonSchema")
    if schema is not None:
        param = f"{param}.responseJsonSchema"
        schema = writable(an_object(schema, param), param)
    elif get(config, "responseSchema") is not None:
        schema = to_json_schema(get(config, "responseSchema"), f"{param}.responseSchema")
    if schema is None:
        return {"response_format": {"type": "json_object"}}
    named = {"name": "response", "schema": schema}
    return {"response_format": {"type": "json_schema", "json_schema": named}}


def from_chat(body: Json, google: Json) -> Json:
    """Return the generationConfig for a chat body. Raises RelayError 400, naming the field."""
    if body.get("logit_bias"):
        unsupported("logit_bias")
    made: Json = {}
    for name, chat_name, check in _SAME:
        if body.get(chat_name) is not None:
            made[name] = check(body[chat_name], chat_name)
    for chat_name in ("max_tokens", "max_completion_tokens"):
        if body.get(chat_name) is not None:
            made["maxOutputTokens"] = a_whole(body[chat_name], chat_name)
    stop = body.get("stop")
    if stops := [stop] if isinstance(stop, str) else texts(stop, "stop"):
        made["stopSequences"] = stops
    wanted = [_modality(name) for name in texts(body.get("modalities"), "modalities")]
    if wanted and wanted != ["TEXT"]:
        made["responseModalities"] = wanted
    config = thinking.from_effort(body, google)
    if config:
        made["thinkingConfig"] = config
    return {**made, **_form_from_chat(body)}


def _modality(name: str) -> str:
    if name not in ("text", "image"):
        unsupported("modalities")
    return name.upper()


def _form_from_chat(body: Json) -> Json:
    asked = an_object(body.get("response_format"), "response_format")
    kind = asked.get("type", "text")
    if kind == "text":
        return {}
    if kind == "json_object":
        return {"responseMimeType": _JSON}
    if kind != "json_schema":
        refuse("response_format.type", "text, json_object or json_schema")
    param = "response_format.json_schema"
    schema = an_object(asked.get("json_schema"), param).get("schema")
    if schema is None:
        return {"responseMimeType": _JSON}
    return {"responseMimeType": _JSON, "responseSchema": to_gemini(schema, f"{param}.schema")}


def safety(body: Json, google: Json) -> Json:
    """Return safetySettings where a chat client gives them, by itself or in Google's extension."""
    given = get(body, "safetySettings")
    given = get(google, "safetySettings") if given is None else given
    settings = a_list(given, "safety_settings")
    for at, setting in enumerate(settings):
        an_object(setting, f"safety_settings[{at}]")
    return {"safetySettings": writable(settings, "safety_settings")} if settings else {}
