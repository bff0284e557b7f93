"""An honest fake of Dify: streams of an app ("API Access" of a Dify app)."""

from __future__ import annotations

import base64
from typing import Any

import orjson

from tests.fakes.native import Json, NativeFake, Wrong, check, one_of

KEY = "app-of-dify"
_CODES = {400: "invalid_param", 401: "unauthorized", 404: "not_found", 429: "too_many_requests"}


def _address(value: Any, at: str) -> None:
    if not isinstance(value, str) or not value.startswith(("http://", "https://")):
        raise Wrong(400, f"{at} must be an address")


_FILE = {
    "type": one_of("image"),
    "transfer_method": one_of("remote_url", "local_file"),
    "url?": _address,
    "upload_file_id?": str,
}
_MESSAGE = {
    "inputs": dict,
    "query": str,
    "response_mode": one_of("streaming", "blocking"),
    "user": str,
    "conversation_id?": str,
    "files?": [_FILE],
    "auto_generate_name?": bool,
}
_COMPLETION = {
    "inputs": {"query": str},
    "response_mode": one_of("streaming", "blocking"),
    "user": str,
    "files?": [_FILE],
}
IDS = {
    "task_id": "c3800678-a077-43df-a102-53f23ed20b88",
    "message_id": "9da23599-e713-473b-982c-4328d4f5c78a",
    "conversation_id": "45701982-8118-4bc5-8e9b-64562b4555f2",
    "created_at": 1_705_398_420,
}


class FakeDify(NativeFake):
    """An app. `agent` says that it is one, which answers in streams only; `replaced` is what its
    moderation puts in the place of the answer."""

    paths = {"/v1/chat-messages": "chat", "/v1/completion-messages": "complete"}
    stream_type = "text/event-stream; charset=utf-8"
    uploads = "/v1/files/upload"

    def __init__(self) -> None:
        super().__init__()
        self.agent = False
        self.replaced = ""

    def reset(self) -> None:
        """Be an app without tools again."""
        super().reset()
        self.agent, self.replaced = False, ""

    def check_headers(self, headers: dict[str, str]) -> None:
        """The key is the app's."""
        if headers.get("authorization") != f"Bearer {KEY}":
            raise Wrong(401, "Access token is invalid")

    def take_file(self, kind: str, content: bytes, fields: Json) -> Json:
        """Keep a file, for the user who sent it."""
        if not kind.startswith("image/") or list(fields) != ["user"]:
            raise Wrong(400, "File type not allowed.")
        file_id = base64.b64encode(content).decode()
        return {"id": file_id, "name": "x", "size": len(content), "mime_type": kind}

    def error(self, status: int, message: str) -> Json:
        """Dify's errors have a code, and say the status again."""
        code = _CODES.get(status, "internal_server_error")
        return {"code": code, "message": message, "status": status}

    def late_error(self) -> Json:
        """An error in a stream."""
        said = {"status": 400, "code": "completion_request_error", "message": "the model crashed"}
        return {"event": "error", **IDS, **said}

    def frame(self, event: Json) -> bytes:
        """An event, whose name is in it."""
        return b"data: " + orjson.dumps(event) + b"\n\n"

    def noise(self) -> bytes:
        """Pings have no data; and what nobody knows."""
        return b'event: ping\n\ndata: {"event": "node_started", "data": {"id": 1}}\n\ndata: x\n\n'

    def chat(self, body: Json) -> Any:
        """Answer a message."""
        check(body, _MESSAGE)
        return self._answered(body)

    def complete(self, body: Json) -> Any:
        """Answer with a text generator."""
        check(body, _COMPLETION)
        return self._answered(body)

    def _answered(self, body: Json) -> Any:
        for file in body.get("files", []):
            if ("url" in file) != (file["transfer_method"] == "remote_url"):
                raise Wrong(400, "url and transfer_method do not fit")
        script = self.script
        metadata: Json = {"retriever_resources": []}
        if not script.no_usage:
            metadata["usage"] = usage(script.tokens_in, script.tokens_out)
        if body["response_mode"] == "blocking":
            if self.agent:
                raise Wrong(400, "Agent Chat App does not support blocking mode")
            if script.fails:
                raise Wrong(500, "the model crashed")
            answer = {"event": "message", "mode": "chat", "answer": "".join(script.words)}
            return {**answer, **IDS, "metadata": metadata}
        if script.fails:
            return [self.late_error()]
        kind = "agent_message" if self.agent else "message"
        events: list[Json] = [{"event": kind, **IDS, "answer": word} for word in script.words]
        if self.agent:
            thought = {"thought": "".join(script.words), "tool": "", "tool_input": ""}
            events.append({"event": "agent_thought", **IDS, "position": 1, **thought})
        if self.replaced:
            events.append({"event": "message_replace", **IDS, "answer": self.replaced})
        return [*events, {"event": "message_end", **IDS, "metadata": metadata}]


def usage(given: int, made: int) -> Json:
    """Return a usage report as Dify writes it, with prices that are nobody's here."""
    return {
        "prompt_tokens": given,
        "prompt_unit_price": "0.001",
        "prompt_price_unit": "0.001",
        "prompt_price": "0.0010330",
        "completion_tokens": made,
        "completion_unit_price": "0.002",
        "completion_price_unit": "0.001",
        "completion_price": "0.0002700",
        "total_tokens": given + made,
        "total_price": "0.0013030",
        "currency": "USD",
        "latency": 1.381,
    }
