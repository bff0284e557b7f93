"""Alibaba's DashScope."""

import orjson

from tests.fakes import dashscope
from tests.fakes.native import Json, Script
from tests.gateway.relay.vendors.rows.row import ALL_SAMPLING, AUDIO, TOOL, TWO, Row, Seen

_OTHER: Json = {"type": "function", "function": {"name": "other"}}


def of_dashscope(body: Json) -> Seen:
    seen, names = Seen(), {}
    parameters = body["parameters"]
    wanted = parameters.get("response_format")
    if wanted is not None:
        seen.schema = wanted["json_schema"]["schema"] if "json_schema" in wanted else "json"
    for message in body["input"]["messages"]:
        role, content = message["role"], message["content"]
        parts = [{"text": content}] if isinstance(content, str) else content
        text = "\n".join(part["text"] for part in parts if "text" in part)
        if role == "tool":
            assert message["name"] == names[message["tool_call_id"]]
            seen.results.append((message["name"], text))
        elif text:
            seen.said.append((role, text))
        seen.images += [part["image"] for part in parts if "image" in part]
        for call in message.get("tool_calls", []):
            names[call["id"]] = call["function"]["name"]
            arguments = orjson.loads(call["function"]["arguments"])
            seen.calls.append((call["function"]["name"], arguments))
    seen.tools = [tool["function"]["name"] for tool in parameters.get("tools", [])]
    seen.sampling = {name: parameters[name] for name in parameters if name in ALL_SAMPLING}
    return seen


def dashscope_frame(script: Script) -> Json:
    return dashscope.usage_of(script)


ROW = Row(
    type=17,
    fake=dashscope.FakeDashScope,
    secret=dashscope.KEY,
    seen=of_dashscope,
    frame=dashscope_frame,
    linked=True,
    refused=(
        TWO,
        AUDIO,
        ({"tools": [TOOL, _OTHER], "tool_choice": "required"}, "tool_choice"),
        ({"top_p": "high"}, "top_p"),
    ),
    chat_path="/api/v1/services/aigc/text-generation/generation",
    config={"plugin": '{"calculator":{}}'},
    sampling=ALL_SAMPLING - {"frequency_penalty"},
    rerank_path="/api/v1/services/rerank/text-rerank/text-rerank",
    rank_price={"input": "1"},
    rank_usage={"input": 11},
    rank_frame={"total_tokens": 11},
    rank_nano=11_000,
    documents=lambda body: body["input"]["documents"],
    pictures="wanx9-t2i",
)
