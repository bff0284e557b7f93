"""Google's own client library, over a socket: what it sends is chat, what we answer it reads."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import orjson
import pytest

from gateway.dialects.gemini import answer, count, embeddings, errors, request
from gateway.dialects.gemini.stream import FromChat
from gateway.relay.errors import RelayError

genai = pytest.importorskip("google.genai", reason="google-genai is not installed")

USAGE = {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}
CALL = {"index": 0, "id": "1", "function": {"name": "look", "arguments": '{"at":"Rome"}'}}


def chunk(reason: str | None = None, **delta: Any) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "finish_reason": reason}
    return {"id": "c1", "model": "m", "choices": [choice]}


CHUNKS = [
    chunk(role="assistant", content=""),
    chunk(reasoning_content="hm"),
    chunk(content="Hel"),
    chunk(content="lo"),
    chunk(tool_calls=[CALL]),
    chunk("tool_calls"),
    {"id": "c1", "model": "m", "choices": [], "usage": USAGE},
]


class Gateway(BaseHTTPRequestHandler):
    """Answers as a gateway would whose provider speaks chat; keeps what it asked the provider."""

    asked: list[dict[str, Any]] = []

    def do_POST(self) -> None:
        body = orjson.loads(self.rfile.read(int(self.headers["Content-Length"])))
        method = self.path.partition("?")[0].rpartition(":")[2]
        try:
            status, kind, written = 200, "application/json", getattr(self, method)(body)
        except RelayError as error:
            status, kind = error.status, "application/json"
            written = orjson.dumps(errors.envelope(error, "r1"))
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(written)))
        self.end_headers()
        self.wfile.write(written)

    def generateContent(self, body: dict[str, Any]) -> bytes:
        self.asked.append(request.to_chat(body))
        message = {"content": "Hello", "tool_calls": [CALL]}
        choice = {"index": 0, "message": message, "finish_reason": "tool_calls"}
        whole = {"id": "c1", "model": "m", "choices": [choice], "usage": USAGE}
        return orjson.dumps(answer.from_chat(whole, body))

    def streamGenerateContent(self, body: dict[str, Any]) -> bytes:
        self.asked.append(request.to_chat(body))
        stream = FromChat(body, array="alt=sse" not in self.path)
        return b"".join([*map(stream.feed, CHUNKS), stream.end()])

    def countTokens(self, body: dict[str, Any]) -> bytes:
        self.asked.append(count.to_chat(body))
        return orjson.dumps(count.answer(7))

    def batchEmbedContents(self, body: dict[str, Any]) -> bytes:
        self.asked.append(embeddings.to_openai(body, batch=True))
        data = [{"index": at, "embedding": [0.5, at]} for at in range(len(body["requests"]))]
        return orjson.dumps(embeddings.answer_from_openai({"data": data, "usage": USAGE}, True))

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: the suite takes every line for a failure."""


@pytest.fixture
def client() -> Iterator[Any]:
    Gateway.asked = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Gateway)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    url = f"http://127.0.0.1:{server.server_address[1]}"
    options = genai.types.HttpOptions(base_url=url)
    made = genai.Client(api_key="k", vertexai=False, http_options=options)
    try:
        yield made
    finally:
        made.close()
        server.shutdown()
        server.server_close()
        thread.join()


def config() -> Any:
    types = genai.types
    look = types.FunctionDeclaration(
        name="look",
        description="Looks.",
        parameters=types.Schema(
            type="OBJECT", properties={"at": types.Schema(type="STRING", nullable=True)}
        ),
    )
    return types.GenerateContentConfig(
        system_instruction="Be brief.",
        temperature=0.5,
        top_k=40,
        max_output_tokens=9,
        stop_sequences=["x"],
        tools=[types.Tool(function_declarations=[look])],
        tool_config=types.ToolConfig(
            function_calling_config=types.FunctionCallingConfig(mode="ANY")
        ),
        thinking_config=types.ThinkingConfig(include_thoughts=True, thinking_budget=2_000),
        automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
    )


def contents() -> list[Any]:
    types = genai.types
    look = {"name": "look", "response": {"result": "sun"}}
    return [
        types.Content(
            role="user",
            parts=[
                types.Part(text="weather?"),
                types.Part.from_bytes(data=b"\xfb\xff", mime_type="image/png"),
            ],
        ),
        types.Content(
            role="model", parts=[types.Part.from_function_call(name="look", args={"at": "Rome"})]
        ),
        types.Content(role="user", parts=[types.Part.from_function_response(**look)]),
    ]


ASKED = {
    "messages": [
        {"role": "system", "content": "Be brief."},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "weather?"},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,+/8="}},
            ],
        },
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {
                    "id": "call_0",
                    "type": "function",
                    "function": {"name": "look", "arguments": '{"at":"Rome"}'},
                }
            ],
        },
        {"role": "tool", "tool_call_id": "call_0", "content": "sun"},
    ],
    "temperature": 0.5,
    "top_k": 40,
    "max_tokens": 9,
    "stop": ["x"],
    "reasoning_effort": "medium",
    "tools": [
        {
            "type": "function",
            "function": {
                "name": "look",
                "description": "Looks.",
                "parameters": {
                    "type": "object",
                    "properties": {"at": {"type": ["string", "null"]}},
                },
            },
        }
    ],
    "tool_choice": "required",
}


def test_a_whole_answer(client: Any) -> None:
    found = client.models.generate_content(model="m", contents=contents(), config=config())
    assert Gateway.asked == [ASKED]
    assert found.candidates[0].content.parts[0].text == "Hello"
    assert found.function_calls[0].args == {"at": "Rome"}
    assert found.usage_metadata.total_token_count == 7


def test_a_stream(client: Any) -> None:
    found = list(
        client.models.generate_content_stream(model="m", contents=contents(), config=config())
    )
    assert Gateway.asked == [ASKED]
    parts = [part for one in found for part in one.candidates[0].content.parts]
    assert [(part.text, bool(part.thought)) for part in parts[:3]] == [
        ("hm", True),
        ("Hel", False),
        ("lo", False),
    ]
    assert parts[3].function_call.name == "look"
    assert found[-1].candidates[0].finish_reason.name == "STOP"
    assert found[-1].usage_metadata.candidates_token_count == 4


def test_an_error(client: Any) -> None:
    search = genai.types.Tool(google_search=genai.types.GoogleSearch())
    asked = genai.types.GenerateContentConfig(tools=[search])
    with pytest.raises(genai.errors.ClientError) as refusal:
        client.models.generate_content(model="m", contents="hi", config=asked)
    assert (refusal.value.code, refusal.value.status) == (400, "INVALID_ARGUMENT")
    assert "`tools[0].googleSearch`" in refusal.value.message


def test_counts_and_embeddings(client: Any) -> None:
    assert client.models.count_tokens(model="m", contents="hi").total_tokens == 7
    found = client.models.embed_content(model="gemini-embedding-001", contents=["a", "b"])
    assert [item.values for item in found.embeddings] == [[0.5, 0], [0.5, 1]]
    assert Gateway.asked[1:] == [{"input": ["a", "b"]}]
