"""A vendor that is told by hand what it serves, and takes nothing else.

`routes` are addresses (path and query, exactly as on the wire) and what is answered there; `auth`
is the one header that must authenticate, or None where none may. What does not fit is answered 404
or 401 and noted in `refused`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application, RequestHandler

AUTH = ("authorization", "api-key", "x-api-key", "x-goog-api-key")
USAGE = {"prompt_tokens": 10, "completion_tokens": 20, "total_tokens": 30}
FILTERED = {"hate": {"filtered": False, "severity": "safe"}}
#: What Azure says to a prompt that its filter refuses (Content filtering, "Prompt").
REFUSAL = {
    "error": {
        "message": "The response was filtered due to the prompt triggering the policy.",
        "type": None,
        "param": "prompt",
        "code": "content_filter",
        "status": 400,
        "innererror": {
            "code": "ResponsibleAIPolicyViolation",
            "content_filter_result": {"hate": {"filtered": True, "severity": "high"}},
        },
    }
}


class StrictVendor:
    """The server. Use as `async with StrictVendor() as vendor`."""

    def __init__(self) -> None:
        self.routes: dict[str, str] = {}
        self.auth: tuple[str, str] | None = None
        self.filters = False  # answers as Azure does: what it filtered comes before what it says
        self.refused: list[str] = []
        self.taken: list[tuple[str, str]] = []
        self._sockets = bind_sockets(0, "127.0.0.1")
        self.url = f"http://127.0.0.1:{self._sockets[0].getsockname()[1]}"
        self._server = HTTPServer(Application([(r".*", _Handler, {"vendor": self})]))

    def serve(self, routes: dict[str, str], auth: tuple[str, str] | None) -> None:
        """Serve these, and forget what was before."""
        self.routes, self.auth = routes, auth
        self.refused.clear()
        self.taken.clear()

    async def __aenter__(self) -> StrictVendor:
        self._server.add_sockets(self._sockets)
        return self

    async def __aexit__(self, *exc: object) -> None:
        self._server.stop()
        await self._server.close_all_connections()


class _Handler(RequestHandler):
    def initialize(self, vendor: StrictVendor) -> None:
        self.vendor = vendor

    async def get(self) -> None:
        await self._answer()

    async def post(self) -> None:
        await self._answer()

    async def _answer(self) -> None:
        vendor, request = self.vendor, self.request
        kind = vendor.routes.get(request.uri or "")
        said = {n: v for n in AUTH if (v := request.headers.get(n)) is not None}
        if kind is None or said != (dict([vendor.auth]) if vendor.auth else {}):
            vendor.refused.append(f"{request.uri} {said}")
            self.set_status(404 if kind is None else 401)
            self.finish({"error": {"message": f"not here: {request.uri}"}})
            return
        vendor.taken.append((kind, request.uri or ""))
        form = request.headers.get("content-type", "").startswith("multipart/")
        body = {} if form or not request.body else orjson.loads(request.body)
        if body.get("stream"):
            await self._stream()
        elif REFUSED_WORD in str(body.get("messages")):
            self.set_status(400)
            self.finish(REFUSAL)
        elif kind == "speech":
            self.set_header("Content-Type", "audio/mpeg")
            self.finish(b"sound")
        else:
            self.finish(ANSWERS[kind](body))

    async def _stream(self) -> None:
        self.set_header("Content-Type", "text/event-stream")
        head = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m"}
        chunks: list[dict[str, Any]] = [
            {"choices": [{"index": 0, "delta": {"role": "assistant", "content": "Hello"}}]},
            {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
            {"choices": [], "usage": USAGE},
        ]
        if self.vendor.filters:
            results = [{"prompt_index": 0, "content_filter_results": FILTERED}]
            chunks.insert(
                0, {"choices": [], "prompt_filter_results": results, "id": "", "model": ""}
            )
        for chunk in chunks:
            self.write(b"data: " + orjson.dumps({**head, **chunk}) + b"\n\n")
            await self.flush()
        self.finish(b"data: [DONE]\n\n")


REFUSED_WORD = "unspeakable"


def _chat(body: dict[str, Any]) -> dict[str, Any]:
    message = {"role": "assistant", "content": "Hello"}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    head = {"id": "c", "object": "chat.completion", "created": 1, "model": body.get("model", "m")}
    return {**head, "choices": [choice], "usage": USAGE}


def _completions(body: dict[str, Any]) -> dict[str, Any]:
    choice = {"index": 0, "text": "Hello", "finish_reason": "stop", "logprobs": None}
    head = {"id": "c", "object": "text_completion", "created": 1, "model": "m"}
    return {**head, "choices": [choice], "usage": USAGE}


def _embeddings(body: dict[str, Any]) -> dict[str, Any]:
    data = [{"object": "embedding", "index": 0, "embedding": [0.5, 0.25]}]
    usage = {"prompt_tokens": 3, "total_tokens": 3}
    return {"object": "list", "data": data, "model": "m", "usage": usage}


def _rerank(body: dict[str, Any]) -> dict[str, Any]:
    results = [{"index": 0, "relevance_score": 0.9}]
    return {"model": "m", "results": results, "usage": {"total_tokens": 7}}


def _response(body: dict[str, Any]) -> dict[str, Any]:
    text = {"type": "output_text", "text": "Hello", "annotations": []}
    item = {
        "type": "message",
        "id": "i",
        "role": "assistant",
        "status": "completed",
        "content": [text],
    }
    usage = {"input_tokens": 10, "output_tokens": 20, "total_tokens": 30}
    name = f"resp_{body.get('model', 'kept')}"
    head = {"id": name, "object": "response", "created_at": 1, "status": "completed"}
    return {**head, "model": body.get("model", "m"), "output": [item], "usage": usage}


ANSWERS: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "chat": _chat,
    "completions": _completions,
    "embeddings": _embeddings,
    "rerank": _rerank,
    "responses": _response,
    "images": lambda body: {"created": 1, "data": [{"b64_json": "AAAA"}]},
    "text": lambda body: {"text": "Hello"},
}
