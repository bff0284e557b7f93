"""Claude on Amazon Bedrock, asked with a key of three parts."""

from urllib.parse import quote

from tests.fakes import aws, bedrock_claude
from tests.fakes.native import Json, Script
from tests.gateway.relay.vendors.rows.row import AUDIO, TWO, Row, Seen

_SAMPLING = {
    "temperature": "temperature",
    "top_p": "top_p",
    "max_tokens": "max_tokens",
    "stop_sequences": "stop",
}
_PATH = f"/model/{quote(bedrock_claude.MODEL, safe='')}"


def of_claude(body: Json) -> Seen:
    seen, names = Seen(), dict[str, str]()
    if system := body.get("system"):
        seen.said.append(("system", system))
    for message in body["messages"]:
        content = message["content"]
        blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
        if texts := [block["text"] for block in blocks if block["type"] == "text"]:
            seen.said.append((message["role"], "\n".join(texts)))
        for block in blocks:
            if block["type"] == "image":
                seen.images.append(block["source"]["data"])
            if block["type"] == "tool_use":
                names[block["id"]] = block["name"]
                seen.calls.append((block["name"], block["input"]))
            if block["type"] == "tool_result":
                seen.results.append((names[block["tool_use_id"]], block["content"]))
    seen.tools = [tool["name"] for tool in body.get("tools", [])]
    seen.sampling = {_SAMPLING[name]: body[name] for name in _SAMPLING if name in body}
    seen.schema = body.get("output_config", {}).get("format", {}).get("schema")
    return seen


def claude_frame(script: Script) -> Json:
    counts = {"input_tokens": script.tokens_in, "output_tokens": script.tokens_out}
    return {**counts, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0}


ROW = Row(
    type=33,
    fake=bedrock_claude.FakeBedrockClaude,
    secret=f"{aws.ACCESS}|{aws.SECRET}|{aws.REGION}",
    seen=of_claude,
    frame=claude_frame,
    linked=False,
    refused=(TWO, (AUDIO[0], "messages.0.content.0.type")),
    chat_path=f"{_PATH}/invoke",
    stream_path=f"{_PATH}/invoke-with-response-stream",
    model=bedrock_claude.MODEL,
    embed_model=bedrock_claude.MODEL,
    sampling=frozenset(_SAMPLING.values()),
    any_json=False,
    vectors=False,
)
