"""An honest fake of Coze: /v3/chat in streams, and /open_api/v2/chat (Coze developer guides)."""

from __future__ import annotations

import base64
from typing import Any

import orjson

from tests.fakes.native import Json, NativeFake, Wrong, check, one_of

KEY = "pat_of_coze"
BOT = "7366455788757778437"
_CODES = {400: 4000, 401: 4100, 404: 4200, 429: 4008, 500: 5000, 503: 4009}
_ROLE, _TYPE = one_of("user", "assistant"), one_of("question", "answer")
_PART = {"type": one_of("text", "image"), "text?": str, "file_url?": str, "file_id?": str}
_MESSAGE = {
    "role": _ROLE,
    "type?": _TYPE,
    "content": str,
    "content_type": one_of("text", "object_string"),
    "meta_data?": dict,
}
_CHAT = {
    "bot_id": str,
    "user_id": str,
    "additional_messages?": [_MESSAGE],
    "stream?": bool,
    "auto_save_history?": bool,
    "custom_variables?": dict,
    "meta_data?": dict,
}
_V2 = {
    "bot_id": str,
    "user": str,
    "query": str,
    "conversation_id?": str,
    "chat_history?": [_MESSAGE],
    "stream?": bool,
}


def _given(value: Any) -> Any:
    """Leave out what is null, which Coze's own client writes for what it does not say."""
    if isinstance(value, dict):
        return {name: _given(each) for name, each in value.items() if each is not None}
    return [_given(each) for each in value] if isinstance(value, list) else value


class FakeCoze(NativeFake):
    """Coze, with one bot."""

    paths = {"/v3/chat": "chat", "/open_api/v2/chat": "chat_v2"}
    queries = ("", "conversation_id=")
    uploads = "/v1/files/upload"
    stream_type = "text/event-stream"

    def check_headers(self, headers: dict[str, str]) -> None:
        """A personal access token is wanted."""
        if headers.get("authorization") != f"Bearer {KEY}":
            raise Wrong(401, "authentication is invalid")

    def take_file(self, kind: str, content: bytes, fields: Json) -> Json:
        """Keep a file."""
        if not kind.startswith("image/") or fields:
            raise Wrong(400, "unsupported file type")
        file_id = base64.b64encode(content).decode()
        data = {"id": file_id, "bytes": len(content), "file_name": "x", "created_at": 1}
        return {"code": 0, "msg": "", "data": data}

    def error(self, status: int, message: str) -> Json:
        """Coze's errors have numbers."""
        return {"code": _CODES.get(status, 5000), "msg": message, "detail": {"logid": "2024"}}

    def late_error(self) -> Json:
        """A chat that fails once it has begun; of v2 an event."""
        if self.received[-1].path != "/v3/chat":
            said = {"err_code": 700007, "err_msg": "the bot crashed"}
            return {"event": "error", "error_information": said}
        failed = self._chat("failed")
        failed["last_error"] = {"code": 4013, "msg": "the bot crashed"}
        return {"named": "conversation.chat.failed", "data": failed}

    def frame(self, event: Json) -> bytes:
        """An event of v3 has its name on a line of its own."""
        if "named" not in event:
            return b"data:" + orjson.dumps(event) + b"\n\n"
        data = orjson.dumps(event["data"])
        return b"event:" + event["named"].encode() + b"\ndata:" + data + b"\n\n"

    def noise(self) -> bytes:
        """Comments, events without data or that nobody knows, and no JSON."""
        return (
            b": keep-alive\n\nevent: conversation.odd\n\nevent:conversation.odd\ndata:{}\n\n"
            b"event:ping\r\ndata: {\r\n\r\n"
        )

    def chat(self, body: Json) -> Any:
        """Answer in a stream."""
        body = _given(body)
        check(body, _CHAT)
        messages = body.get("additional_messages", [])
        self._check_messages(body, messages)
        if not body.get("stream"):
            if body.get("auto_save_history") is False:
                raise Wrong(400, "auto_save_history must be true unless stream is")
            raise Wrong(400, "this fake has streams only")
        script = self.script
        if script.fails:
            return {"code": 4013, "msg": "the bot crashed"}
        created, working = self._chat("created"), self._chat("in_progress")
        events = [
            {"named": "conversation.chat.created", "data": created},
            {"named": "conversation.chat.in_progress", "data": working},
        ]
        said: list[Json] = [{"content": "", "reasoning_content": t} for t in script.thoughts]
        said += [{"content": word} for word in script.words]
        events += [self._message("delta", piece) for piece in said]
        whole = {"content": "".join(script.words)}
        events.append(self._message("completed", whole))
        verbose = orjson.dumps({"msg_type": "generate_answer_finish", "data": "{}"}).decode()
        events.append(self._message("completed", {"type": "verbose", "content": verbose}))
        events.append(self._message("completed", {"type": "follow_up", "content": "And you?"}))
        events.append({"named": "conversation.chat.completed", "data": self._chat("completed")})
        return [*events, {"named": "done", "data": "[DONE]"}]

    def chat_v2(self, body: Json) -> Any:
        """Answer as v2 did."""
        check(body, _V2)
        self._check_messages(body, [])
        if not body.get("stream"):
            raise Wrong(400, "this fake has streams only")
        if self.script.fails:
            return {"code": 700007, "msg": "the bot crashed"}
        said = [("answer", word) for word in self.script.words]
        said += [("verbose", "{}"), ("follow_up", "And you?")]
        head = {"event": "message", "is_finish": False, "index": 0, "conversation_id": "123"}
        messages = (
            {"role": "assistant", "type": kind, "content": word, "content_type": "text"}
            for kind, word in said
        )
        return [*({**head, "message": each} for each in messages), {"event": "done"}]

    def _check_messages(self, body: Json, messages: list[Json]) -> None:
        if body["bot_id"] != BOT:
            raise Wrong(404, "invalid bot")
        if messages and messages[-1]["role"] != "user":
            raise Wrong(400, "the last message must be the user's")
        for message in messages:
            if message["content_type"] == "object_string":
                parts = _given(orjson.loads(message["content"]))
                check(parts, [_PART])
                for part in parts:
                    given = part.get("file_url", "").startswith("http") or "file_id" in part
                    if part["type"] == "image" and not given:
                        raise Wrong(400, "file_url must be an address")

    def _chat(self, status: str) -> Json:
        script, over = self.script, status == "completed"
        given, made = (script.tokens_in, script.tokens_out) if over else (0, 0)
        usage = {"token_count": given + made, "output_count": made, "input_count": given}
        chat: Json = {
            "id": "7382159487131697202",
            "conversation_id": "7381473525342978089",
            "bot_id": BOT,
            "created_at": 1_718_792_949,
            "last_error": {"code": 0, "msg": ""},
            "status": status,
        }
        return chat if script.no_usage and over else {**chat, "usage": usage}

    def _message(self, kind: str, more: Json) -> Json:
        message = {
            "id": "7382159494123470858",
            "conversation_id": "7381473525342978089",
            "bot_id": BOT,
            "role": "assistant",
            "type": "answer",
            "content_type": "text",
            "chat_id": "7382159487131697202",
            **more,
        }
        return {"named": f"conversation.message.{kind}", "data": message}
