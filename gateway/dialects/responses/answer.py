"""Whole answers: a chat.completion as a Response, and a Response as a chat.completion."""

from typing import Any

from gateway.dialects.responses import shape, usage
from gateway.dialects.responses.errors import parse
from gateway.dialects.responses.loose import (
    Json,
    arguments,
    first_text,
    mapping,
    objects,
    text,
    whole,
)
from gateway.formats import usage as chat_usage
from gateway.relay.errors import RelayError


def from_chat(answer: Json, body: Json, request_id: str = "", created_at: int = 0) -> Json:
    """Return a chat.completion as a Response. `body` is the client's request.

    Ids come from `request_id` if given, else from the answer's own id. `created_at` (Unix seconds)
    is for answers that do not say when they were made.
    """
    answer = mapping(answer)
    base = shape.base_of(request_id or text(answer.get("id")))
    choice = next(iter(objects(answer.get("choices"))), {})
    finish = text(choice.get("finish_reason"))
    made_at = whole(answer.get("created")) or created_at
    begun = shape.response(body, base, answer.get("model"), made_at)
    output = _output(choice, base, "incomplete" if finish in shape.INCOMPLETE else "completed")
    return shape.ended(begun, output, finish, answer, usage.from_chat(chat_usage.find(answer)))


def _output(choice: Json, base: str, last_status: str) -> list[Json]:
    """Return the items of an answer; only the last one can be incomplete."""
    message = mapping(choice.get("message"))
    output: list[Json] = []
    thought = first_text(message, "reasoning_content", "reasoning")
    if thought:
        output.append(shape.reasoning_item(f"rs_{base}_0", thought))
    content = _content(message, choice)
    calls = calls_of(message)
    if content:
        status = "completed" if calls else last_status
        output.append(shape.message_item(f"msg_{base}_{len(output)}", content, status))
    for number, call in enumerate(calls):
        status = last_status if number == len(calls) - 1 else "completed"
        output.append(call_item(call, base, len(output), number, status))
    return output


def _content(message: Json, choice: Json) -> list[Json]:
    content: list[Json] = []
    said = spoken(message)
    if said:
        cited = shape.annotations(message.get("annotations"))
        content.append(shape.text_part(said, cited, shape.logprobs(choice)))
    if text(message.get("refusal")):
        content.append(shape.refusal_part(message["refusal"]))
    return content


def spoken(message: Json) -> str:
    """Return a message's text; some vendors send it in parts."""
    content = message.get("content")
    if isinstance(content, list):
        return "".join(text(part.get("text")) for part in objects(content))
    return text(content)


def calls_of(message: Json) -> list[Json]:
    """Return a message's calls; the one of the older form (`function_call`) as others are."""
    calls = objects(message.get("tool_calls"))
    old = message.get("function_call")
    if not calls and isinstance(old, dict):
        calls = [{"index": 0, "type": "function", "function": old}]
    return calls


def call_item(call: Json, base: str, index: int, number: int, status: str) -> Json:
    """Return a chat tool call as an item. `number` counts the calls, `index` the items."""
    custom = "custom" in call and not isinstance(call.get("function"), dict)
    inner = mapping(call.get("custom" if custom else "function"))
    return shape.call_item(
        custom,
        f"{'ctc' if custom else 'fc'}_{base}_{index}",
        text(call.get("id")) or f"call_{base}_{number}",
        text(inner.get("name")),
        text(inner.get("input")) if custom else arguments(inner.get("arguments")),
        status,
    )


# Chat's finish reason, by the reason for which a response is incomplete.
_FINISH = {reason: finish for finish, reason in shape.INCOMPLETE.items()}


def finish_reason(response: Json, calls: bool) -> str:
    """Return chat's finish reason for a response that ended."""
    if response.get("status") == "incomplete":
        reason = text(mapping(response.get("incomplete_details")).get("reason"))
        return _FINISH.get(reason, "length")
    return "tool_calls" if calls else "stop"


def chat_id(response: Json) -> str:
    """Return the id that a response has as a chat.completion."""
    return f"chatcmpl-{shape.base_of(text(response.get('id')))}"


def to_chat(answer: Json) -> Json:
    """Return a Response as a chat.completion.

    Raises RelayError 502 for a response that failed: chat has errors for that, not answers.
    """
    answer = mapping(answer)
    if answer.get("status") == "failed" or isinstance(answer.get("error"), dict):
        code, message = parse(answer)
        raise RelayError(code or "upstream_bad_answer", message, status=502, type="upstream_error")
    said = _message(objects(answer.get("output")))
    finish = finish_reason(answer, "tool_calls" in said)
    completion: Json = {
        "id": chat_id(answer),
        "object": "chat.completion",
        "created": seconds(answer.get("created_at")),
        "model": text(answer.get("model")),
        "choices": [
            {"index": 0, "message": said, "logprobs": _logprobs(answer), "finish_reason": finish}
        ],
    }
    if isinstance(answer.get("service_tier"), str):
        completion["service_tier"] = answer["service_tier"]
    report = usage.to_chat(answer.get("usage"))
    return completion if report is None else {**completion, "usage": report}


def seconds(value: Any) -> int:
    """Return a time in whole Unix seconds; 0 when unknown."""
    known = isinstance(value, int | float) and not isinstance(value, bool) and value == value
    return int(min(max(value, 0), 1 << 53)) if known else 0


def _message(output: list[Json]) -> Json:
    said: list[str] = []
    refused: list[str] = []
    thoughts: list[str] = []
    cited: list[Json] = []
    calls: list[Json] = []
    for item in output:
        kind = item.get("type")
        if kind == "message":
            for part in objects(item.get("content")):
                said += [part["text"]] if isinstance(part.get("text"), str) else []
                refused.append(text(part.get("refusal")))
                cited += map(nested_citation, objects(part.get("annotations")))
        elif kind == "reasoning":
            told = objects(item.get("summary")) or objects(item.get("content"))
            thoughts += filter(None, (text(part.get("text")) for part in told))
        elif kind in ("function_call", "custom_tool_call"):
            calls.append(chat_call(item))
    message: Json = {"role": "assistant", "content": "".join(said) if said else None}
    message["refusal"] = "".join(refused) or None
    extra = {
        "reasoning_content": "\n\n".join(thoughts),
        "annotations": [one for one in cited if one],
        "tool_calls": calls,
    }
    return message | {name: value for name, value in extra.items() if value}


def nested_citation(annotation: Json) -> Json:
    """Return a citation as chat has it; chat has those of web pages alone."""
    if annotation.get("type") != "url_citation":
        return {}
    places = {n: whole(annotation.get(n)) or 0 for n in ("start_index", "end_index")}
    named = {n: text(annotation.get(n)) for n in ("url", "title")}
    return {"type": "url_citation", "url_citation": {**places, **named}}


def chat_call(item: Json) -> Json:
    """Return a call as chat has it."""
    call_id = text(item.get("call_id")) or text(item.get("id"))
    name = text(item.get("name"))
    if item.get("type") == "custom_tool_call":
        custom = {"name": name, "input": text(item.get("input"))}
        return {"id": call_id, "type": "custom", "custom": custom}
    function = {"name": name, "arguments": arguments(item.get("arguments"))}
    return {"id": call_id, "type": "function", "function": function}


def _logprobs(answer: Json) -> Json | None:
    found: list[Any] = []
    for item in objects(answer.get("output")):
        for part in objects(item.get("content")):
            found += shape.tokens(part.get("logprobs"))
    return {"content": found, "refusal": None} if found else None
