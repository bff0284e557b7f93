"""An honest fake of Alibaba's DashScope, as Model Studio's API reference has it: conversations,
vectors, ranks, and images as tasks and at once."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import orjson

from tests.fakes.dashscope_shapes import (
    CHAT,
    DRAW_IN_PARTS,
    EMBED,
    IN_PARTS,
    RERANK,
    TEXT2IMAGE,
)
from tests.fakes.native import Json, NativeFake, Script, Wrong, check

KEY = "sk-of-dashscope"
PLUGIN = '{"calculator":{}}'
_ID = "902fee3b-f7f0-9a8c-96a1-6b4ea25af114"
_CODES = {
    400: "InvalidParameter",
    401: "InvalidApiKey",
    404: "ModelNotFound",
    429: "Throttling.RateQuota",
    500: "InternalError",
    503: "ModelUnavailable",
}
_AIGC = "/api/v1/services/aigc"


def usage_of(script: Script) -> Json:
    """Return the usage as DashScope reports it."""
    total = script.tokens_in + script.tokens_out
    made: Json = {"input_tokens": script.tokens_in, "output_tokens": script.tokens_out}
    cached = {"prompt_tokens_details": {"cached_tokens": script.cached}} if script.cached else {}
    return {**made, "total_tokens": total, **cached}


class FakeDashScope(NativeFake):
    """DashScope. `web` is where its images are, `tasks` how often each was looked at."""

    paths = {
        f"{_AIGC}/text-generation/generation": "chat",
        f"{_AIGC}/multimodal-generation/generation": "parts",
        f"{_AIGC}/text2image/image-synthesis": "submit",
        "/api/v1/services/embeddings/text-embedding/text-embedding": "embed",
        "/api/v1/services/rerank/text-rerank/text-rerank": "rerank",
    }
    routes = (
        ("GET", r"/api/v1/tasks/([0-9a-z-]+)/?", "look"),
        ("POST", r"/api/v1/tasks/([0-9a-z-]+)/cancel/?", "cancel"),
    )
    stream_type = "text/event-stream;charset=UTF-8"

    def __init__(self) -> None:
        super().__init__()
        self.web = "https://dashscope-result.oss-cn-beijing.aliyuncs.com/1d/"
        self.tasks: dict[str, int] = {}
        self.wanted = 1

    def check_headers(self, headers: dict[str, str]) -> None:
        """The key is the bearer's; streams, tasks and plugins are announced in headers."""
        if headers.get("authorization") != f"Bearer {KEY}":
            raise Wrong(401, "Invalid API-key provided.")
        for name in ("x-dashscope-sse", "x-dashscope-async"):
            if headers.get(name, "enable") != "enable":
                raise Wrong(400, f"{name} must be enable")
        if headers.get("x-dashscope-plugin", PLUGIN) != PLUGIN:
            raise Wrong(400, "the plugin is not known")
        self.streams = "x-dashscope-sse" in headers
        self.waits = "x-dashscope-async" not in headers

    def error(self, status: int, message: str) -> Json:
        """A code, a message, an id."""
        code = _CODES.get(status, "InternalError")
        return {"code": code, "message": message, "request_id": _ID}

    def late_error(self) -> Json:
        """The same in a stream."""
        return self.error(500, "the model crashed")

    def frame(self, event: Json) -> bytes:
        """An event with its number, and a comment with the status."""
        kind, status = ("error", 500) if "code" in event else ("result", 200)
        head = f"id:1\nevent:{kind}\n:HTTP_STATUS/{status}\ndata:".encode()
        return head + orjson.dumps(event) + b"\n\n"

    def noise(self) -> bytes:
        """Comments, data that is no JSON, events that nobody knows."""
        return b":ping\n\ndata:{broken\n\n" + self.frame({"output": {"odd": 1}, "request_id": _ID})

    def chat(self, body: Json) -> Any:
        """Answer a conversation of texts."""
        check(body, CHAT)
        return self._conversation(body, str)

    def parts(self, body: Json) -> Any:
        """Answer a conversation of parts, or make images at once."""
        if "image" in body["model"]:
            check(body, DRAW_IN_PARTS)
            images = [{"image": self._url(at)} for at in self._made(body)]
            message = {"role": "assistant", "content": images}
            choice = {"finish_reason": "stop", "message": message}
            usage = {"width": 1024, "height": 1024, "image_count": len(images)}
            return {"output": {"choices": [choice]}, "usage": usage, "request_id": _ID}
        check(body, IN_PARTS)
        return self._conversation(body, lambda text: [{"text": text}] if text else [])

    def _conversation(self, body: Json, content: Any) -> Any:
        if self.streams != body["parameters"].get("incremental_output", False):
            raise Wrong(400, "streams are announced twice")
        script = self.script
        if script.fails:
            return [self.late_error()] if self.streams else self.late_error()
        usage = {} if script.no_usage else {"usage": usage_of(script)}
        calls = [
            {
                "index": at,
                "id": f"call_{at}",
                "type": "function",
                "function": {"name": name, "arguments": orjson.dumps(given).decode()},
            }
            for at, (name, given) in enumerate(script.calls)
        ]
        reason = "tool_calls" if calls else script.ended
        if not self.streams:
            message: Json = {"role": "assistant", "content": content("".join(script.words))}
            message["reasoning_content"] = "".join(script.thoughts)
            if calls:
                message["tool_calls"] = calls
            return _answered(message, reason, usage)
        said: list[Json] = [
            {"content": content(""), "reasoning_content": t} for t in script.thoughts
        ]
        said += [{"content": content(w), "reasoning_content": ""} for w in script.words]
        for call in calls:
            said += [{"content": content(""), "tool_calls": [piece]} for piece in _pieces(call)]
        events = list[Json]()
        for at, each in enumerate(said):  # every event has the usage so far
            so_far = replace(script, tokens_out=script.tokens_out * at // len(said))
            counted = {"usage": usage_of(so_far)} if usage else {}
            events.append(_answered({"role": "assistant", **each}, "null", counted))
        last = {"role": "assistant", "content": content("")}
        return [*events, _answered(last, reason, usage)]

    def submit(self, body: Json) -> Json:
        """Begin a task."""
        if self.waits:
            raise Wrong(403, "current user api does not support synchronous calls.")
        check(body, TEXT2IMAGE)
        self.wanted = len(self._made(body))
        name = f"task-{len(self.tasks)}"
        self.tasks[name] = 0
        return {"output": {"task_status": "PENDING", "task_id": name}, "request_id": _ID}

    def look(self, asked: re.Match[str]) -> Json:
        """Tell of a task."""
        name, script = asked[1], self.script
        if name not in self.tasks:
            raise Wrong(404, "no such task")
        self.tasks[name] += 1
        task: Json = {"task_id": name, "submit_time": "2026-11-22 22:00:00.000"}
        if self.tasks[name] <= script.polls:
            return {"output": {**task, "task_status": "RUNNING"}, "request_id": _ID}
        if script.fails:
            why = {"code": "DataInspectionFailed", "message": "the model crashed"}
            return {"output": {**task, "task_status": "FAILED", **why}, "request_id": _ID}
        made = self.wanted if script.images is None else script.images
        broken = {"code": "InternalError.Timeout", "message": "An internal timeout error."}
        results: list[Json] = [
            {"orig_prompt": "x", "actual_prompt": "a cat", "url": self._url(at)}
            for at in range(made)
        ]
        results += [broken] * (self.wanted - made)
        output = {**task, "task_status": "SUCCEEDED", "results": results}
        return {"output": output, "usage": {"image_count": made}, "request_id": _ID}

    def cancel(self, asked: re.Match[str]) -> Json:
        """Let go of a task."""
        self.gone.set()
        return {"request_id": _ID}

    def _made(self, body: Json) -> range:
        return range(body["parameters"].get("n", 1))

    def _url(self, at: int) -> str:
        return f"{self.web}cat{at}.png"

    def embed(self, body: Json) -> Json:
        """Make a vector of each text: its length, and a half; the last one first."""
        check(body, EMBED)
        if self.script.fails:
            return self.late_error()
        made = [
            {"embedding": [float(len(text)), 0.5], "text_index": at}
            for at, text in enumerate(body["input"]["texts"])
        ]
        return {"output": {"embeddings": made[::-1]}, **self._total()}

    def rerank(self, body: Json) -> Json:
        """Rank in the order given."""
        check(body, RERANK)
        parameters, documents = body["parameters"], body["input"]["documents"]
        results = [
            {
                "index": at,
                "relevance_score": 0.9 - at / 10,
                **({"document": {"text": text}} if parameters.get("return_documents") else {}),
            }
            for at, text in enumerate(documents)
        ]
        return {"output": {"results": results[: parameters.get("top_n")]}, **self._total()}

    def _total(self) -> Json:
        usage = {} if self.script.no_usage else {"usage": {"total_tokens": self.script.tokens_in}}
        return {**usage, "request_id": _ID}


def _answered(message: Json, reason: str, usage: Json) -> Json:
    choice = {"finish_reason": reason, "message": message}
    return {"output": {"choices": [choice]}, **usage, "request_id": _ID}


def _pieces(call: Json) -> list[Json]:
    written = call["function"]["arguments"]
    first = {**call, "function": {"name": call["function"]["name"], "arguments": written[:5]}}
    rest = {"index": call["index"], "id": "", "type": "function"}
    return [first, {**rest, "function": {"arguments": written[5:]}}]
