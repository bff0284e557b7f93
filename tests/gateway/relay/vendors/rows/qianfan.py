"""Baidu Qianfan's API v1."""

import orjson

from tests.fakes import qianfan
from tests.fakes.native import CALLS, Json, Script
from tests.gateway.relay.vendors.rows.row import AUDIO, TOOL, TWO, Row, Seen


def of_qianfan(body: Json) -> Seen:
    seen = Seen()
    if "system" in body:
        seen.said.append(("system", body["system"]))
    if "response_format" in body:
        seen.schema = "json"
    for message in body["messages"]:
        if message["role"] == "function":
            seen.results.append((message["name"], message["content"]))
        elif message["content"]:
            seen.said.append((message["role"], message["content"]))
        if call := message.get("function_call"):
            seen.calls.append((call["name"], orjson.loads(call["arguments"])))
            seen.thoughts += [call["thoughts"]] if "thoughts" in call else []
    seen.tools = [each["name"] for each in body.get("functions", [])]
    names = {"temperature": "temperature", "top_p": "top_p", "stop": "stop"}
    names["max_output_tokens"] = "max_tokens"
    seen.sampling = {names[name]: value for name, value in body.items() if name in names}
    return seen


def qianfan_frame(script: Script) -> Json:
    counts = {"prompt_tokens": script.tokens_in, "completion_tokens": script.tokens_out}
    return {**counts, "total_tokens": script.tokens_in + script.tokens_out}


ROW = Row(
    type=15,
    fake=qianfan.FakeQianfan,
    secret=qianfan.KEY,
    seen=of_qianfan,
    frame=qianfan_frame,
    linked=False,
    refused=(
        TWO,
        AUDIO,
        ({"tools": [TOOL], "tool_choice": "required"}, "tool_choice"),
        ({"messages": [{"role": "assistant", "content": "hi"}]}, "messages[0]"),
        ({"messages": [{"role": "system", "content": "hi"}]}, "messages"),
    ),
    chat_path=f"{qianfan.CHAT}completions_pro",
    planned="I will look.",
    model="ERNIE-4.0-8K",
    sampling=frozenset(("temperature", "top_p", "max_tokens", "stop")),
    calls=CALLS[:1],
    schemas=False,
    thinks=False,
    sized=False,
)
