"""What Baidu's API v1 is asked: models' places in the address, and bodies of chats (qianfan.py).

Messages take turns: a user's or a function's result, then an assistant's, and so on, the last
being a user's or a result. So several of one speaker in a row are made one, a line each, and
several calls of one answer one call after another, each with its result. What cannot be put in this
order is refused. System turns are the field `system`, wherever they stand.

`frequency_penalty` has no counterpart and is passed over; the vendor's own `penalty_score`,
`disable_search` and `enable_citation` are passed on.
"""

from itertools import pairwise, takewhile
from typing import Any

from gateway.dialects.dialect import Json
from gateway.dialects.gemini.fields import a_boolean, a_number, refuse, unsupported
from gateway.providers import turns
from gateway.providers.turns import ASSISTANT, SYSTEM, TOOL, USER, ToolCall, Turn

# Models whose place is not their name in small letters (Baidu's documentation of each model, and
# the table of its SDK, qianfan/resources/llm/chat_completion.py).
_PLACES = {
    "ERNIE-4.0-8K": "completions_pro",
    "ERNIE-4.0": "completions_pro",
    "ERNIE-Bot-4": "completions_pro",
    "ERNIE-3.5-8K": "completions",
    "ERNIE-Bot": "completions",
    "ERNIE-Bot-8K": "ernie_bot_8k",
    "ERNIE-Bot-turbo": "eb-instant",
    "ERNIE-Bot-turbo-0922": "eb-instant",
    "ERNIE-Lite-8K-0922": "eb-instant",
    "ERNIE-Lite-8K-0308": "ernie-lite-8k",
    "ERNIE-Speed": "ernie_speed",
    "ERNIE-Speed-8K": "ernie_speed",
    "ERNIE-4.0-8K-Preview-0518": "completions_adv_pro",
    "ERNIE-Function-8K": "ernie-func-8k",
    "ERNIE-Functions-8K": "ernie-func-8k",
    "ERNIE-Character-8K": "ernie-char-8k",
    "ERNIE-Character-Fiction-8K": "ernie-char-fiction-8k",
    "BLOOMZ-7B": "bloomz_7b1",
    "Llama-2-7B-Chat": "llama_2_7b",
    "Llama-2-13B-Chat": "llama_2_13b",
    "Llama-2-70B-Chat": "llama_2_70b",
    "Meta-Llama-3-8B": "llama_3_8b",
    "Meta-Llama-3-70B": "llama_3_70b",
    "Mixtral-8x7B-Instruct": "mixtral_8x7b_instruct",
    "Yi-34B-Chat": "yi_34b_chat",
    "Gemma-7B-it": "gemma_7b_it",
    "ChatLaw": "chatlaw",
    "AquilaChat-7B": "aquilachat_7b",
    "XuanYuan-70B-Chat-4bit": "xuanyuan_70b_chat",
    "Embedding-V1": "embedding-v1",
    "bge-large-zh": "bge_large_zh",
    "bge-large-en": "bge_large_en",
    "tao-8k": "tao_8k",
}
_BY_NAME = {name.lower(): place for name, place in _PLACES.items()}
# The temperature is above 0 and at most 1.
_COLDEST, _HOTTEST = 0.01, 1.0


def endpoint(model: str) -> str:
    """Return a model's place in the address."""
    return _BY_NAME.get(model.lower(), model.lower())


def chat_body(chat: Json) -> Json:
    """Return a body. Raises RelayError 400 for what the vendor cannot be told."""
    given = turns.turns(chat, images=False)
    system = "\n".join(turn.text for turn in given if turn.role == SYSTEM and turn.text)
    made: Json = {
        "messages": _messages([turn for turn in given if turn.role != SYSTEM]),
        "stream": turns.streams(chat),
        **turns.numbers(chat, top_p="top_p", penalty_score="penalty_score"),
        **_tools(chat),
    }
    if system:
        made["system"] = system
    if chat.get("temperature") is not None:
        asked = a_number(chat["temperature"], "temperature")
        made["temperature"] = min(max(asked, _COLDEST), _HOTTEST)
    if (most := turns.limit(chat)) is not None:
        made["max_output_tokens"] = most
    if stops := turns.stops(chat):
        made["stop"] = stops
    if (schema := turns.schema(chat)) is not None:
        if schema:
            unsupported("response_format.json_schema")
        made["response_format"] = "json_object"
    for name in ("disable_search", "enable_citation"):
        if chat.get(name) is not None:
            made[name] = a_boolean(chat[name], name)
    return made


def _messages(given: list[Turn]) -> list[Json]:
    made, told = list[Json](), set[str]()
    for at, turn in enumerate(given):
        if turn.param in told:
            continue
        if turn.role == TOOL:
            _add(made, _result(turn), turn.param)
        elif turn.calls:
            results = list(takewhile(lambda each: each.role == TOOL, given[at + 1 :]))
            told |= _call_by_call(made, turn, {each.call_id: each for each in results})
        elif turn.text:
            _add(made, {"role": turn.role, "content": turn.text}, turn.param)
        else:
            refuse(f"{turn.param}.content", "a non-empty string")
    if not made or made[-1]["role"] == ASSISTANT:
        refuse("messages", "a list whose last message is a user's or a tool's")
    return made


def _call_by_call(made: list[Json], turn: Turn, results: dict[str, Turn]) -> set[str]:
    """Put calls at the end, each but the last with its result; return the results put there."""
    _add(made, _called(turn.calls[0], turn.text, turn.thoughts), turn.param)
    told = set[str]()
    for before, call in pairwise(turn.calls):
        result = results.get(before.id)
        if result is None or result.param in told:
            refuse(turn.param, "followed by a result of each of its calls")
        told.add(result.param)
        _add(made, _result(result), turn.param)
        _add(made, _called(call, "", ""), turn.param)
    return told


def _add(made: list[Json], message: Json, param: str) -> None:
    """Put a message at the end, into the one before it where both are one speaker's words."""
    role = message["role"]
    if not made and role != USER:
        refuse(param, "a user's message: the provider wants one first")
    last = made[-1] if made else {}
    if last.get("role") == role and role != "function" and "function_call" not in last:
        last["content"] += "\n" + message["content"]
        if "function_call" in message:
            last["function_call"] = message["function_call"]
        return
    if made and (last["role"] == ASSISTANT) == (role == ASSISTANT):
        refuse(param, "an answer's after a user's, and the other way round")
    made.append(message)


def _called(call: ToolCall, content: str, thoughts: str) -> Json:
    called: Json = {"name": call.name, "arguments": call.arguments or "{}"}
    if thoughts:
        called["thoughts"] = thoughts
    return {"role": ASSISTANT, "content": content, "function_call": called}


def _result(turn: Turn) -> Json:
    return {"role": "function", "name": turn.name, "content": turn.text}


def _tools(chat: Json) -> Json:
    """Return the functions; one that must be called is named."""
    functions, choice = turns.functions(chat), turns.chosen(chat)
    if choice == "none" or not functions:
        return {}
    if choice == "required":
        unsupported("tool_choice")
    made: Json = {"functions": [_function(each) for each in functions]}
    if choice.startswith("="):
        made["tool_choice"] = {"type": "function", "function": {"name": choice[1:]}}
    return made


def _function(given: Json) -> Json:
    """Return a function; the vendor wants a description, and parameters that are an object."""
    parameters: Any = given.get("parameters") or {"type": "object", "properties": {}}
    about = given.get("description") or given["name"]
    return {"name": given["name"], "description": about, "parameters": parameters}
