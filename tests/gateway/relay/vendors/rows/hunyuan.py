"""Tencent Hunyuan."""

import orjson

from tests.fakes import hunyuan
from tests.fakes.native import Json, Script
from tests.gateway.relay.vendors.rows.row import ALL_SAMPLING, AUDIO, TOOL, TWO, Row, Seen

_NAMES = {"Temperature": "temperature", "TopP": "top_p", "Seed": "seed", "Stop": "stop"}


def of_hunyuan(body: Json) -> Seen:
    seen, names = Seen(), {}
    for message in body["Messages"]:
        role, content = message["Role"], message.get("Content", "")
        parts = message.get("Contents", [{"Type": "text", "Text": content}])
        texts = [part["Text"] for part in parts if part["Type"] == "text"]
        if role == "tool":
            seen.results.append((names[message["ToolCallId"]], content))
        elif any(texts):
            seen.said.append((role, "\n".join(texts)))
        seen.images += [part["ImageUrl"]["Url"] for part in parts if part["Type"] == "image_url"]
        for call in message.get("ToolCalls", []):
            function = call["Function"]
            names[call["Id"]] = function["Name"]
            seen.calls.append((function["Name"], orjson.loads(function["Arguments"])))
    seen.tools = [tool["Function"]["Name"] for tool in body.get("Tools", [])]
    seen.sampling = {_NAMES[name]: value for name, value in body.items() if name in _NAMES}
    return seen


def hunyuan_frame(script: Script) -> Json:
    counts = {
        "PromptTokens": script.tokens_in,
        "CompletionTokens": script.tokens_out,
        "TotalTokens": script.tokens_in + script.tokens_out,
    }
    cached = {"PromptTokensDetails": {"CachedTokens": str(script.cached)}} if script.cached else {}
    return {**counts, **cached}


ROW = Row(
    type=23,
    fake=hunyuan.FakeHunyuan,
    secret=hunyuan.KEY,
    seen=of_hunyuan,
    frame=hunyuan_frame,
    linked=True,
    refused=(
        TWO,
        AUDIO,
        ({"tools": [TOOL, TOOL], "tool_choice": "required"}, "tool_choice"),
        ({"messages": [{"role": "user", "content": ""}]}, "messages[0].content"),
    ),
    chat_path="/",
    sampling=ALL_SAMPLING & {"temperature", "top_p", "seed", "stop"},
    sized=False,
)
