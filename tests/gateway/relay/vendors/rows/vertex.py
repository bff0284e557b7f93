"""Gemini and Claude on Vertex AI, in the dialects of their makers."""

from typing import Any

from tests.fakes.google_tokens import PROJECT
from tests.fakes.native import Json, Script
from tests.fakes.vertex import EMBEDDING, GEMINI, PLACE, FakeVertex
from tests.fakes.vertex_claude import CLAUDE, FakeVertexClaude
from tests.gateway.relay.vendors.rows.row import TWO, Row, Seen

assert PROJECT in PLACE
_NAMES = {
    "temperature": "temperature",
    "topP": "top_p",
    "topK": "top_k",
    "seed": "seed",
    "frequencyPenalty": "frequency_penalty",
    "presencePenalty": "presence_penalty",
    "maxOutputTokens": "max_tokens",
    "stopSequences": "stop",
}


def _lower(schema: Any) -> Any:
    """Google writes types in capitals."""
    if isinstance(schema, dict):
        return {n: v.lower() if n == "type" else _lower(v) for n, v in schema.items()}
    return schema


def of_gemini(body: Json) -> Seen:
    seen, config = Seen(), body.get("generationConfig", {})
    if system := body.get("systemInstruction"):
        seen.said.append(("system", system["parts"][0]["text"]))
    for content in body["contents"]:
        role = {"user": "user", "model": "assistant"}[content["role"]]
        for part in content["parts"]:
            if part.get("thought"):
                seen.thoughts.append(part["text"])
            elif part.get("text"):
                seen.said.append((role, part["text"]))
            if image := part.get("inlineData"):
                seen.images.append(image["data"])
            if call := part.get("functionCall"):
                seen.calls.append((call["name"], call["args"]))
            if result := part.get("functionResponse"):
                seen.results.append((result["name"], result["response"]["output"]))
    tools = body.get("tools", [])
    seen.tools = [each["name"] for tool in tools for each in tool["functionDeclarations"]]
    seen.sampling = {_NAMES[name]: value for name, value in config.items() if name in _NAMES}
    if config.get("responseMimeType") == "application/json":
        seen.schema = _lower(config.get("responseSchema")) or "json"
    return seen


def gemini_frame(script: Script) -> Json:
    return {
        "promptTokenCount": script.tokens_in,
        "candidatesTokenCount": script.tokens_out,
        "totalTokenCount": script.tokens_in + script.tokens_out,
        "trafficType": "ON_DEMAND",
    }


def of_claude(body: Json) -> Seen:
    seen, names = Seen(), dict[str, str]()
    system = body.get("system", "")
    schema = body.get("output_config", {}).get("format", {}).get("schema")
    seen.schema = schema or ("json" if system.startswith("Answer with one valid JSON") else None)
    if system and seen.schema != "json":
        seen.said.append(("system", system))
    for message in body["messages"]:
        for block in message["content"]:
            if block["type"] == "text":
                seen.said.append((message["role"], block["text"]))
            elif block["type"] == "image":
                seen.images.append(block["source"]["data"])
            elif block["type"] == "tool_use":
                names[block["id"]] = block["name"]
                seen.calls.append((block["name"], block["input"]))
            elif block["type"] == "tool_result":
                seen.results.append((names[block["tool_use_id"]], block["content"]))
    seen.tools = [tool["name"] for tool in body.get("tools", [])]
    known = {"temperature": "temperature", "top_p": "top_p", "stop_sequences": "stop"}
    known |= {"max_tokens": "max_tokens"}
    seen.sampling = {known[name]: value for name, value in body.items() if name in known}
    return seen


def claude_frame(script: Script) -> Json:
    return {
        "input_tokens": script.tokens_in,
        "cache_read_input_tokens": script.cached,
        "cache_creation_input_tokens": 0,
        "output_tokens": script.tokens_out,
    }


GEMINI_ROW = Row(
    type=42,
    fake=FakeVertex,
    secret="",
    seen=of_gemini,
    frame=gemini_frame,
    linked=False,
    refused=(({"logit_bias": {"1": 1}}, "logit_bias"),),
    chat_path=f"{PLACE}/google/models/{GEMINI}:generateContent",
    stream_path=f"{PLACE}/google/models/{GEMINI}:streamGenerateContent",
    model=GEMINI,
    embed_model=EMBEDDING,
    config=FakeVertex.config,
    closes=False,
)
CLAUDE_ROW = Row(
    type=42,
    fake=FakeVertexClaude,
    secret="",
    seen=of_claude,
    frame=claude_frame,
    linked=False,
    refused=(TWO, ({"logprobs": True}, "logprobs")),
    chat_path=f"{PLACE}/anthropic/models/{CLAUDE}:rawPredict",
    stream_path=f"{PLACE}/anthropic/models/{CLAUDE}:streamRawPredict",
    model=CLAUDE,
    embed_model=EMBEDDING,
    config=FakeVertexClaude.config,
    sampling=frozenset(("temperature", "top_p", "max_tokens", "stop")),
)
