"""Amazon Bedrock's Converse API, asked with a signature."""

from urllib.parse import quote

import orjson

from tests.fakes import aws, bedrock
from tests.fakes.native import Json, Script
from tests.gateway.relay.vendors.rows.row import AUDIO, TOOL, TWO, Row, Seen

_SAMPLING = {
    "temperature": "temperature",
    "topP": "top_p",
    "maxTokens": "max_tokens",
    "stopSequences": "stop",
}
_PATH = f"/model/{quote(bedrock.MODEL, safe='')}"
_CALL = {"id": "a", "type": "function", "function": {"name": "weather", "arguments": "{}"}}
_CALLED: Json = {
    "messages": [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "tool_calls": [_CALL]},
        {"role": "tool", "tool_call_id": "a", "content": "1"},
    ]
}


def of_bedrock(body: Json) -> Seen:
    seen, names = Seen(), dict[str, str]()
    seen.said = [("system", part["text"]) for part in body.get("system", [])]
    for message in body["messages"]:
        blocks = message["content"]
        if texts := [block["text"] for block in blocks if "text" in block]:
            seen.said.append((message["role"], "\n".join(texts)))
        for block in blocks:
            if "image" in block:
                assert block["image"]["format"] == "png"
                seen.images.append(block["image"]["source"]["bytes"])
            if use := block.get("toolUse"):
                names[use["toolUseId"]] = use["name"]
                seen.calls.append((use["name"], use["input"]))
            if result := block.get("toolResult"):
                text = "".join(part["text"] for part in result["content"])
                seen.results.append((names[result["toolUseId"]], text))
    tools = body.get("toolConfig", {}).get("tools", [])
    seen.tools = [tool["toolSpec"]["name"] for tool in tools]
    given = body.get("inferenceConfig", {})
    seen.sampling = {_SAMPLING[name]: value for name, value in given.items()}
    if wanted := body.get("outputConfig"):
        seen.schema = orjson.loads(wanted["textFormat"]["structure"]["jsonSchema"]["schema"])
    return seen


def bedrock_frame(script: Script) -> Json:
    total = script.tokens_in + script.tokens_out
    counts = {"inputTokens": script.tokens_in, "outputTokens": script.tokens_out}
    return {**counts, "totalTokens": total}


ROW = Row(
    type=33,
    fake=bedrock.FakeBedrock,
    secret="",
    seen=of_bedrock,
    frame=bedrock_frame,
    linked=False,
    refused=(
        TWO,
        AUDIO,
        ({"response_format": {"type": "json_object"}}, "response_format.type"),
        ({**_CALLED, "tools": [TOOL], "tool_choice": "none"}, "tool_choice"),
        (_CALLED, "tools"),
    ),
    chat_path=f"{_PATH}/converse",
    stream_path=f"{_PATH}/converse-stream",
    model=bedrock.MODEL,
    config=aws.CONFIG,
    sampling=frozenset(_SAMPLING.values()),
    thinking="disabled",
    embed_model=bedrock.COHERE,
    any_json=False,
)
