"""What Alibaba's DashScope is asked: the parts of its request bodies (dashscope.py)."""

import re

from gateway.dialects.dialect import Json
from gateway.dialects.gemini.fields import (
    a_boolean,
    a_list,
    a_name,
    a_text,
    a_whole,
    an_object,
    refuse,
    unsupported,
)
from gateway.providers import cohere_request, turns
from gateway.providers.turns import ASSISTANT, TOOL, Image, Turn

_SEARCH = "-internet"
# Models that are asked with parts instead of texts, whether there is an image or not.
_SEES = re.compile(r"(^|[-.])(vl|qvq|audio)([-.]|$)|^qwen3\.[5-9]|^kimi-k2\.5")
# As the body is written here: the first message's content tells which address it is for.
_PARTS = re.compile(rb'"messages":\[\{"role":"[a-z]+","content":(\[|")')
# Models of translation whose streams say everything anew in each event.
_REPEATS = re.compile(r"^qwen-mt-(plus|turbo)")
_DRAWS_IN_PARTS = re.compile(r"^(qwen-image-(?!plus$)|z-image|wan2\.[6-9]|wan[3-9])")
# DashScope takes less than 1 only.
_TOP_P = 0.9999


def chat_body(chat: Json) -> Json:
    """Return the body of a conversation. Raises RelayError 400."""
    said, stream = turns.turns(chat), turns.streams(chat)
    model, searches = _model(chat)
    parted = _SEES.search(model) is not None or any(turn.images for turn in said)
    parameters: Json = {"result_format": "message", **_sampling(chat), **_thinking(chat)}
    if stream and _REPEATS.search(model):
        unsupported("stream")
    if stream:
        parameters["incremental_output"] = True
    if options := an_object(chat.get("translation_options"), "translation_options"):
        parameters["translation_options"] = options
    if searches or _flag(chat, "enable_search") or chat.get("web_search_options") is not None:
        parameters["enable_search"] = True
    if (schema := turns.schema(chat)) is not None:
        wanted = chat["response_format"]
        named = {"name": "answer", **(wanted.get("json_schema") or {}), "schema": schema}
        parameters["response_format"] = (
            {"type": "json_schema", "json_schema": named} if schema else {"type": "json_object"}
        )
    messages = [_message(turn, parted) for turn in said]
    return {
        "model": model,
        "input": {"messages": messages},
        "parameters": {**parameters, **_tools(chat)},
    }


def in_parts(body: bytes) -> bool:
    """Whether a body is for the address of models that see and hear."""
    found = _PARTS.search(body)
    return found is not None and found[1] == b"["


def _model(chat: Json) -> tuple[str, bool]:
    """Return the model, and whether its name asks for a search (One API's ending)."""
    name = a_name(chat.get("model"), "model")
    searches = name.endswith(_SEARCH) and name != _SEARCH
    return name.removesuffix(_SEARCH) if searches else name, searches


def _flag(chat: Json, name: str) -> bool:
    return chat.get(name) is not None and a_boolean(chat[name], name)


def _sampling(chat: Json) -> Json:
    made = turns.numbers(
        chat,
        temperature="temperature",
        top_p="top_p",
        top_k="top_k",
        seed="seed",
        presence_penalty="presence_penalty",
        repetition_penalty="repetition_penalty",
    )
    if "top_p" in made:
        made["top_p"] = min(made["top_p"], _TOP_P)
    if (most := turns.limit(chat)) is not None:
        made["max_tokens"] = most
    if stops := turns.stops(chat):
        made["stop"] = stops
    return made


def _thinking(chat: Json) -> Json:
    """Say whether and how long to think; DashScope's own fields are more exact than an effort."""
    made: Json = {}
    if effort := turns.effort(chat):
        made["enable_thinking"] = effort != "none"
    if chat.get("enable_thinking") is not None:
        made["enable_thinking"] = _flag(chat, "enable_thinking")
    if chat.get("thinking_budget") is not None:
        made["thinking_budget"] = a_whole(chat["thinking_budget"], "thinking_budget")
    return made


def _tools(chat: Json) -> Json:
    """Return the tools. DashScope can be made to call one by its name, not any of several."""
    functions, choice = turns.functions(chat), turns.chosen(chat)
    if not functions:
        return {}
    known = ("name", "description", "parameters")
    made: Json = {
        "tools": [
            {"type": "function", "function": {n: each[n] for n in known if each.get(n) is not None}}
            for each in functions
        ]
    }
    if choice == "required":
        if len(functions) > 1:
            refuse("tool_choice", "auto, none or an object that names a function")
        choice = "=" + functions[0]["name"]
    if choice.startswith("="):
        made["tool_choice"] = {"type": "function", "function": {"name": choice[1:]}}
    elif choice == "none":
        made["tool_choice"] = "none"
    if chat.get("parallel_tool_calls") is not None:
        made["parallel_tool_calls"] = _flag(chat, "parallel_tool_calls")
    return made


def _message(turn: Turn, parted: bool) -> Json:
    """Return a message. What was thought in earlier turns stays behind, as DashScope advises."""
    # The role and the content come first: by them the address is chosen.
    parts = [{"text": p} if isinstance(p, str) else _image(p) for p in turn.parts]
    made: Json = {"role": turn.role, "content": parts if parted else turn.text}
    if turn.role == TOOL:
        if not turn.call_id:
            refuse(f"{turn.param}.tool_call_id", "the id of a tool call before it")
        made |= {"tool_call_id": turn.call_id, "name": turn.name}
    if turn.role == ASSISTANT and turn.calls:
        made["tool_calls"] = [
            {
                "id": call.id or call.name,
                "type": "function",
                "function": {"name": call.name, "arguments": call.arguments or "{}"},
            }
            for call in turn.calls
        ]
    return made


def _image(image: Image) -> Json:
    return {"image": image.url}


def images_body(body: Json) -> Json:
    """Return the body for images. Newer models are asked as in a conversation, and at once."""
    model = a_name(body.get("model"), "model")
    prompt = a_name(body.get("prompt"), "prompt")
    parameters = turns.numbers(body, n="n", seed="seed")
    size = a_text(body.get("size"), "size")
    if size and size != "auto":
        parameters["size"] = size.lower().replace("x", "*")
    for name in ("prompt_extend", "watermark"):
        if body.get(name) is not None:
            parameters[name] = _flag(body, name)
    negative = a_text(body.get("negative_prompt"), "negative_prompt")
    if _DRAWS_IN_PARTS.search(model):
        said = {"messages": [{"role": "user", "content": [{"text": prompt}]}]}
        unwanted = {"negative_prompt": negative} if negative else {}
        return {"model": model, "input": said, "parameters": {**parameters, **unwanted}}
    wanted = {"prompt": prompt, **({"negative_prompt": negative} if negative else {})}
    return {"model": model, "input": wanted, "parameters": parameters}


def embed_body(body: Json) -> Json:
    """Return the body for vectors: of documents to be searched unless it says `query`."""
    kind = body.get("text_type", body.get("input_type"))
    parameters: Json = {}
    if kind is not None:
        parameters["text_type"] = (
            "query" if a_name(kind, "input_type").endswith("query") else ("document")
        )
    if body.get("dimensions") is not None:
        parameters["dimension"] = a_whole(body["dimensions"], "dimensions")
    texts = {"texts": turns.inputs(body)}
    return {"model": body.get("model"), "input": texts, "parameters": parameters}


def rerank_body(body: Json) -> Json:
    """Return the body for ranks, which are of texts only."""
    documents = a_list(body.get("documents"), "documents")
    parameters: Json = {"return_documents": _flag(body, "return_documents")}
    if body.get("top_n") is not None:
        parameters["top_n"] = a_whole(body["top_n"], "top_n")
    given = [cohere_request.document(each, f"documents[{at}]") for at, each in enumerate(documents)]
    query = a_name(body.get("query"), "query")
    said = {"query": query, "documents": given}
    return {"model": body.get("model"), "input": said, "parameters": parameters}
