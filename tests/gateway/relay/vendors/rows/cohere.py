"""Cohere."""

import orjson

from tests.fakes import cohere
from tests.fakes.native import Json, Script
from tests.gateway.relay.vendors.rows.row import AUDIO, TWO, Row, Seen


def of_cohere(body: Json) -> Seen:
    seen, names = Seen(), {}
    wanted = body.get("response_format")
    if wanted is not None:
        seen.schema = wanted.get("json_schema", "json")
    for message in body["messages"]:
        role, content = message["role"], message.get("content", "")
        parts = [{"type": "text", "text": content}] if isinstance(content, str) else content
        texts = [part["text"] for part in parts if part["type"] == "text"]
        if role == "tool":
            seen.results.append((names[message["tool_call_id"]], content))
        elif any(texts):
            seen.said.append((role, "\n".join(texts)))
        seen.images += [part["image_url"]["url"] for part in parts if part["type"] == "image_url"]
        for call in message.get("tool_calls", []):
            names[call["id"]] = call["function"]["name"]
            arguments = orjson.loads(call["function"]["arguments"])
            seen.calls.append((call["function"]["name"], arguments))
        seen.thoughts += [message["tool_plan"]] if "tool_plan" in message else []
    seen.tools = [tool["function"]["name"] for tool in body.get("tools", [])]
    same = ("temperature", "seed", "max_tokens", "frequency_penalty", "presence_penalty")
    renamed = {"p": "top_p", "k": "top_k", "stop_sequences": "stop"}
    found = {**{name: name for name in same}, **renamed}
    seen.sampling = {found[name]: value for name, value in body.items() if name in found}
    return seen


def cohere_frame(script: Script) -> Json:
    billed = {"input_tokens": script.tokens_in, "output_tokens": script.tokens_out}
    tokens = {name: count + 500 for name, count in billed.items()}
    cached = {"cached_tokens": script.cached} if script.cached else {}
    return {"billed_units": billed, "tokens": tokens, **cached}


ROW = Row(
    type=35,
    fake=cohere.FakeCohere,
    secret=cohere.KEY,
    seen=of_cohere,
    frame=cohere_frame,
    linked=True,
    refused=(TWO, AUDIO, ({"model": "cohere-internet"}, "model")),
    chat_path="/v2/chat",
    planned="I will look.",
    rerank_path="/v2/rerank",
)
