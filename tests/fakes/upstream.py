"""An honest fake of an OpenAI-compatible upstream: real HTTP on a real socket.

It behaves as its `behaviour` says, or its `by_key` for the key that it is asked with, or as the
field `fake` of a request's body says (the gateway passes unknown fields on), or, by the model's
name, `fail-503`. It keeps what it was sent.

Run it as `python -m tests.fakes.upstream --port N` to try the gateway by hand.
"""

from __future__ import annotations

import argparse
import asyncio
from dataclasses import dataclass, field, fields, replace
from typing import Any

import orjson
from tornado.iostream import StreamClosedError
from tornado.web import RequestHandler

from tests.fakes.serving import Served

USAGE = {"prompt_tokens": 10, "completion_tokens": 20, "total_tokens": 30}


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How to answer. `cut_after` closes the connection after so many frames, `hang_after` waits
    there until the fake is released; `usage_on` is "end", "each" (running totals) or "never"."""

    latency_s: float = 0.0
    words: tuple[str, ...] = ("Hello", " from", " the", " fake", ".")
    usage: dict[str, Any] | None = field(default_factory=lambda: dict(USAGE))
    usage_on: str = "end"
    status: int = 200
    error: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    hang: bool = False
    hang_after: int | None = None
    cut_after: int | None = None
    no_done: bool = False
    say_instead: str | None = None


@dataclass
class Received:
    """A request as it came."""

    path: str
    headers: dict[str, str]
    raw: bytes

    @property
    def body(self) -> dict[str, Any]:
        """The body as JSON."""
        body: dict[str, Any] = orjson.loads(self.raw)
        return body


class FakeUpstream(Served):
    """The server. Use as `async with FakeUpstream() as upstream`."""

    def __init__(self, behaviour: Behaviour | None = None, *, port: int = 0) -> None:
        super().__init__(_Handler, port=port)
        self.behaviour = behaviour or Behaviour()
        self.by_key: dict[str, Behaviour] = {}
        self.received: list[Received] = []
        self.models: tuple[str, ...] = ()
        self.open = 0


class _Handler(RequestHandler):
    def initialize(self, fake: FakeUpstream) -> None:
        self.fake = fake

    def on_connection_close(self) -> None:
        self.fake.gone.set()

    def on_finish(self) -> None:
        self.fake.open -= 1

    async def get(self) -> None:
        """List the models, as /v1/models does."""
        self.fake.open += 1
        self.finish({"object": "list", "data": [{"id": name} for name in self.fake.models]})

    async def post(self) -> None:
        fake, request = self.fake, self.request
        fake.open += 1
        headers = {name.lower(): value for name, value in request.headers.get_all()}
        fake.received.append(Received(request.path, headers, request.body))
        body = orjson.loads(request.body)
        key = headers.get("authorization", "").removeprefix("Bearer ")
        how = _behaviour(fake.by_key.get(key, fake.behaviour), body)
        await asyncio.sleep(how.latency_s)
        if how.hang:
            await fake.released.wait()
        self.set_header("Content-Type", "application/json")
        self.set_header("x-request-id", "req_fake")
        for name, value in how.headers.items():
            self.set_header(name, value)
        try:
            if how.status != 200 or how.error is not None:
                self.set_status(how.status)
                self.finish(_bytes(how.error or {"error": {"message": f"failed {how.status}"}}))
            elif request.path.endswith("/embeddings"):
                self.finish(_bytes(_embedding(how, body)))
            elif body.get("stream"):
                await self._stream(how, body)
            elif how.cut_after is not None:
                self.set_header("Content-Length", "1000")
                await self.flush()
                self.request.connection.stream.close()  # type: ignore[union-attr]
            else:
                self.finish(_bytes(_completion(how, body)))
        except StreamClosedError:
            fake.gone.set()

    async def _stream(self, how: Behaviour, body: dict[str, Any]) -> None:
        self.set_header("Content-Type", "text/event-stream; charset=utf-8")
        frames = [b"data: " + _bytes(chunk) + b"\n\n" for chunk in _chunks(how, body)]
        if how.say_instead is not None:
            frames = [how.say_instead.encode()]
        elif not how.no_done:
            frames.append(b"data: [DONE]\n\n")
        for count, frame in enumerate(frames):
            if count == how.cut_after:
                self.request.connection.stream.close()  # type: ignore[union-attr]
                return
            if count == how.hang_after:
                await self.fake.released.wait()
            self.write(frame)
            await self.flush()
        self.finish()


def _behaviour(usual: Behaviour, body: dict[str, Any]) -> Behaviour:
    model = str(body.get("model"))
    if model.startswith("fail-"):
        usual = replace(usual, status=int(model.removeprefix("fail-")))
    asked = body.get("fake") or {}
    known = {f.name for f in fields(Behaviour)}
    return replace(usual, **{name: value for name, value in asked.items() if name in known})


def _bytes(value: Any) -> bytes:
    return value if isinstance(value, bytes) else orjson.dumps(value)


def _is_chat(body: dict[str, Any]) -> bool:
    return "messages" in body


def _completion(how: Behaviour, body: dict[str, Any]) -> dict[str, Any]:
    text = "".join(how.words)
    said: dict[str, Any] = {"text": text}
    if _is_chat(body):
        said = {"message": {"role": "assistant", "content": text}}
    answer: dict[str, Any] = {
        "id": "chatcmpl-fake",
        "object": "chat.completion" if _is_chat(body) else "text_completion",
        "created": 1,
        "model": body["model"],
        "choices": [{"index": 0, **said, "finish_reason": "stop"}],
    }
    return answer if how.usage is None else {**answer, "usage": how.usage}


def _chunks(how: Behaviour, body: dict[str, Any]) -> list[dict[str, Any]]:
    chat = _is_chat(body)
    head = {"id": "chatcmpl-fake", "object": "chat.completion.chunk", "model": body["model"]}
    asked = (body.get("stream_options") or {}).get("include_usage")

    def chunk(said: dict[str, Any], why: str | None) -> dict[str, Any]:
        choices = [{"index": 0, **said, "finish_reason": why}]
        nothing = {"usage": None} if asked and how.usage_on == "end" else {}
        return {**head, "choices": choices, **nothing}

    chunks = [chunk({"delta": {"content": w}} if chat else {"text": w}, None) for w in how.words]
    chunks.append(chunk({"delta": {}} if chat else {"text": ""}, "stop"))
    if how.usage is None or how.usage_on == "never":
        return chunks
    if how.usage_on == "each":
        for count, each in enumerate(chunks):
            each["usage"] = {**how.usage, "completion_tokens": count + 1}
        chunks[-1]["usage"] = how.usage
    elif asked:
        chunks.append({**head, "choices": [], "usage": how.usage})
    return chunks


def _embedding(how: Behaviour, body: dict[str, Any]) -> dict[str, Any]:
    vector: Any = "AACAPwAAAAA=" if body.get("encoding_format") == "base64" else [1.0, 0.0]
    data = [{"object": "embedding", "index": 0, "embedding": vector}]
    answer: dict[str, Any] = {"object": "list", "data": data, "model": body["model"]}
    return answer if how.usage is None else {**answer, "usage": how.usage}


async def _main() -> None:
    parser = argparse.ArgumentParser(description="A fake OpenAI upstream.")
    parser.add_argument("--port", type=int, default=0)
    async with FakeUpstream(port=parser.parse_args().port) as upstream:
        print(f"listening on {upstream.url}", flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_main())
