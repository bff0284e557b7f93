"""Ollama."""

from tests.fakes import ollama
from tests.fakes.native import Json, Script
from tests.gateway.relay.vendors.rows.row import AUDIO, TOOL, TWO, Row, Seen


def of_ollama(body: Json) -> Seen:
    seen = Seen(schema=body.get("format"))
    for message in body["messages"]:
        role, text = message["role"], message["content"]
        if role == "tool":
            seen.results.append((message["tool_name"], text))
        elif text:
            seen.said.append((role, text))
        seen.images += message.get("images", [])
        calls = (call["function"] for call in message.get("tool_calls", []))
        seen.calls += [(call["name"], call["arguments"]) for call in calls]
        seen.thoughts += [message["thinking"]] if "thinking" in message else []
    seen.tools = [tool["function"]["name"] for tool in body.get("tools", [])]
    options = body.get("options", {})
    names = {"num_predict": "max_tokens", "stop": "stop"}
    seen.sampling = {names.get(name, name): value for name, value in options.items()}
    return seen


def ollama_frame(script: Script) -> Json:
    durations = {
        "total_duration": 5_043_500_667,
        "load_duration": 5_025_959,
        "prompt_eval_duration": 325_953_000,
        "eval_duration": 4_709_213_000,
    }
    return {"prompt_eval_count": script.tokens_in, "eval_count": script.tokens_out, **durations}


ROW = Row(
    type=30,
    fake=ollama.FakeOllama,
    secret="",
    seen=of_ollama,
    frame=ollama_frame,
    linked=False,
    refused=(TWO, AUDIO, ({"tools": [TOOL], "tool_choice": "required"}, "tool_choice")),
    chat_path="/api/chat",
)
