"""What Bedrock's Converse API is asked: a chat body as messages of blocks (bedrock.py)."""

import re
from hashlib import sha256

import orjson

from gateway.dialects.dialect import Json
from gateway.dialects.gemini.fields import a_text, an_object, refuse, unsupported
from gateway.providers import turns
from gateway.providers.turns import ASSISTANT, SYSTEM, TOOL, Image, Turn

_ID = re.compile(r"[a-zA-Z0-9_.:-]{1,64}")
_FORMATS = {"png": "png", "jpeg": "jpeg", "jpg": "jpeg", "gif": "gif", "webp": "webp"}
_NO_FIELDS: Json = {"type": "object", "properties": {}}
# How models are told to think, who have no common way: their names, and what each effort is.
_GPT_OSS = re.compile(r"openai\.gpt-oss")
_NOVA = re.compile(r"amazon\.nova-2")
_EFFORTS = {"none": "low", "minimal": "low", "low": "low", "medium": "medium"}


def messages(said: list[Turn]) -> list[Json]:
    """Return the turns but those of the system; neighbours of one role are one message.

    Raises RelayError 400 where nobody says anything.
    """
    made = list[Json]()
    for turn in said:
        if turn.role == SYSTEM:
            continue
        role = "assistant" if turn.role == ASSISTANT else "user"
        blocks = [_result(turn)] if turn.role == TOOL else [_block(part) for part in turn.parts]
        blocks += [_called(call.id, call.name, call.parsed()) for call in turn.calls]
        if made and made[-1]["role"] == role:
            made[-1]["content"] += blocks
        elif blocks:
            made.append({"role": role, "content": blocks})
    if not made:
        refuse("messages", "a list with something said in it")
    return made


def _block(part: str | Image) -> Json:
    if isinstance(part, str):
        return {"text": part}
    data = part.base64()
    kind = part.url[5:].partition(",")[0].partition(";")[0].strip().lower().removeprefix("image/")
    if kind not in _FORMATS:
        refuse(part.param, "a PNG, JPEG, GIF or WebP")
    return {"image": {"format": _FORMATS[kind], "source": {"bytes": data}}}


def _called(call_id: str, name: str, given: Json) -> Json:
    return {"toolUse": {"toolUseId": _id(call_id or name), "name": name, "input": given}}


def _result(turn: Turn) -> Json:
    texts = [{"text": turn.text}] if turn.text else []
    return {"toolResult": {"toolUseId": _id(turn.call_id or turn.name), "content": texts}}


def _id(given: str) -> str:
    """Return an id as Bedrock takes it; others' ids may be longer, or of other characters."""
    return given if _ID.fullmatch(given) else sha256(given.encode("utf-8", "replace")).hexdigest()


def tools(chat: Json, said: list[Turn]) -> Json:
    """Return the tools. Raises RelayError 400.

    Bedrock wants them wherever one was called, and has no way to forbid all of them.
    """
    choice, functions = turns.chosen(chat), turns.functions(chat)
    called = any(turn.calls or turn.role == TOOL for turn in said)
    if choice == "none":
        if called:
            unsupported("tool_choice")
        return {}
    if not functions:
        if called:
            refuse("tools", "the tools that the messages call: Bedrock wants them again")
        return {}
    made: Json = {"tools": [{"toolSpec": _spec(each)} for each in functions]}
    if choice == "required":
        made["toolChoice"] = {"any": {}}
    elif choice.startswith("="):
        made["toolChoice"] = {"tool": {"name": choice[1:]}}
    return {"toolConfig": made}


def _spec(function: Json) -> Json:
    made: Json = {"name": function["name"]}
    if function.get("description"):
        made["description"] = function["description"]
    made["inputSchema"] = {"json": function.get("parameters") or _NO_FIELDS}
    return {**made, **({"strict": True} if function.get("strict") is True else {})}


def inference(chat: Json) -> Json:
    """Return the limits and the sampling."""
    made = turns.numbers(chat, temperature="temperature", top_p="topP")
    if (most := turns.limit(chat)) is not None:
        made["maxTokens"] = most
    if stops := turns.stops(chat):
        made["stopSequences"] = stops
    return {"inferenceConfig": made} if made else {}


def output(chat: Json) -> Json:
    """Return the schema of the answer. Raises RelayError 400 for JSON without one."""
    schema = turns.schema(chat)
    if schema is None:
        return {}
    if not schema:
        refuse("response_format.type", "json_schema: Bedrock has no JSON without a schema")
    named = an_object(an_object(chat["response_format"], "response_format").get("json_schema"), "")
    at = "response_format.json_schema.name"
    name = a_text(named.get("name"), at)
    inner = {"schema": orjson.dumps(schema).decode(), **({"name": name} if name else {})}
    form = {"type": "json_schema", "structure": {"jsonSchema": inner}}
    return {"outputConfig": {"textFormat": form}}


def thinking(chat: Json) -> Json:
    """Return how much to think, for models of which it is known how they are told."""
    effort, model = turns.effort(chat), chat.get("model")
    if not effort or not isinstance(model, str):
        return {}
    fields: Json = {}
    if _GPT_OSS.search(model):
        fields = {"reasoning_effort": _EFFORTS.get(effort, "high")}
    elif _NOVA.search(model):
        much = {"type": "enabled", "maxReasoningEffort": _EFFORTS.get(effort, "high")}
        fields = {"reasoningConfig": {"type": "disabled"} if effort == "none" else much}
    return {"additionalModelRequestFields": fields} if fields else {}
