"""An honest fake of Baidu Qianfan's API v1: tokens, chat and vectors (Baidu, WENXINWORKSHOP).

Errors are codes inside a 200, except of the token endpoint.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote_plus

import orjson

from tests.fakes.native import NUMBER, Json, NativeFake, Wrong, check, one_of

API_KEY, SECRET_KEY = "ak-1", "sk-1"
KEY = f"{API_KEY}|{SECRET_KEY}"
WHEN_S = 1_732_300_000
CHAT = "/rpc/2.0/ai_custom/v1/wenxinworkshop/chat/"
EMBEDDINGS = "/rpc/2.0/ai_custom/v1/wenxinworkshop/embeddings/"
_TOKEN = {"grant_type": "client_credentials", "client_id": API_KEY, "client_secret": SECRET_KEY}
# What a status of the suite's is here, and back.
CODES = {400: 336003, 401: 13, 404: 336005, 429: 336501, 500: 336000, 503: 336100}
_CALL = {"name": str, "arguments": str, "thoughts?": str}
_MESSAGES = {
    "user": {"role": str, "content": str},
    "assistant": {"role": str, "content": str, "function_call?": _CALL},
    "function": {"role": str, "name": str, "content": str},
}


def _messages(value: Any, at: str) -> None:
    if not isinstance(value, list) or len(value) % 2 == 0:
        raise Wrong(400, f"{at}: the length of messages must be an odd number")
    for number, message in enumerate(value):
        roles = ("assistant",) if number % 2 else ("user", "function")
        if not isinstance(message, dict) or message.get("role") not in roles:
            raise Wrong(400, f"{at}[{number}]: the role must be one of {roles}")
        check(message, _MESSAGES[message["role"]], f"{at}[{number}]")
        if not message["content"] and "function_call" not in message:
            raise Wrong(400, f"{at}[{number}]: content is empty")
    if value[0]["role"] != "user":
        raise Wrong(400, f"{at}: the first message must be a user's")


def _range(low: float, high: float, above: bool = False) -> Any:
    def check_it(value: Any, at: str) -> None:
        check(value, NUMBER, at)
        if not low <= value <= high or (above and value == low):
            raise Wrong(400, f"{at} must be between {low} and {high}")

    return check_it


_CHAT = {
    "messages": _messages,
    "stream?": bool,
    "system?": str,
    "temperature?": _range(0, 1, above=True),
    "top_p?": _range(0, 1),
    "penalty_score?": _range(1, 2),
    "max_output_tokens?": _range(2, 4096),
    "stop?": [str],
    "disable_search?": bool,
    "enable_citation?": bool,
    "response_format?": one_of("json_object", "text"),
    "functions?": [{"name": str, "description": str, "parameters": dict}],
    "tool_choice?": {"type": one_of("function"), "function": {"name": str}},
    "user_id?": str,
    "extra_parameters?": dict,  # which client it is
}

_EMBED = {"input": [str], "stream?": bool, "user_id?": str, "extra_parameters?": dict}


class FakeQianfan(NativeFake):
    """Qianfan; `tokens` are those that it handed out and takes, `given` how many there were."""

    paths = {
        f"{CHAT}completions_pro": "chat",
        f"{CHAT}ernie_speed": "chat",
        f"{EMBEDDINGS}embedding-v1": "embed",
        f"{EMBEDDINGS}qianfan-embed": "embed",
    }
    stream_type = "text/event-stream;charset=utf-8"

    # Errors are told by their code alone.
    in_band = True

    def __init__(self) -> None:
        super().__init__()
        self.tokens = set[str]()
        self.given = 0
        self.expires_in = 2_592_000
        self.token_status = 200

    def reset(self) -> None:
        """Answer as usual again; tokens stay good."""
        super().reset()
        self.expires_in, self.token_status = 2_592_000, 200

    def beside(self, path: str, query: dict[str, str]) -> tuple[int, Json] | None:
        """Hand out tokens."""
        if path != "/oauth/2.0/token":
            return None
        if self.token_status != 200:
            return self.token_status, {"error": "busy", "error_description": "try again"}
        for name, value in _TOKEN.items():
            if query.get(name) != value:
                return 401, {
                    "error": "invalid_client",
                    "error_description": "Client authentication failed",
                }
        self.given += 1
        token = f"24.{self.given}/+={API_KEY}"
        self.tokens.add(token)
        return 200, {
            "access_token": token,
            "refresh_token": "25.x",
            "expires_in": self.expires_in,
            "session_key": "s",
            "session_secret": "s",
            "scope": "ai_custom_yiyan_com",
        }

    def takes_query(self, path: str, query: str) -> bool:
        """Refuse whoever has no token that is good."""
        name, _, token = query.partition("=")
        if name != "access_token" or unquote_plus(token) not in self.tokens:
            raise Wrong(110, "Access token invalid or no longer valid")
        return True

    def error(self, status: int, message: str) -> Json:
        """A code and a message."""
        return {"error_code": CODES.get(status, status), "error_msg": message, "id": "as-e"}

    def late_error(self) -> Json:
        """The same in a stream."""
        return self.error(500, "Internal error")

    def frame(self, event: Json) -> bytes:
        """An event."""
        return b"data: " + orjson.dumps(event) + b"\n\n"

    def noise(self) -> bytes:
        """Comments, fields and events that nobody knows."""
        return b': wait\n\nevent: x\ndata: {"unknown": {"a": [1]}}\n\n'

    def chat(self, body: Json) -> Any:
        """Answer a conversation."""
        check(body, _CHAT)
        script = self.script
        if script.fails:
            return self.error(500, "the model has crashed")
        head = {"id": f"as-{len(self.received)}", "object": "chat.completion", "created": WHEN_S}
        last: Json = {
            "is_truncated": script.ended == "length",
            "need_clear_history": script.ended == "content_filter",
            "finish_reason": "normal" if script.ended == "stop" else script.ended,
        }
        if script.calls:
            name, arguments = script.calls[0]
            last["function_call"] = {
                "name": name,
                "thoughts": "I will look.",
                "arguments": orjson.dumps(arguments).decode(),
            }
            last["finish_reason"] = "function_call"
        usage = {"prompt_tokens": script.tokens_in, "completion_tokens": script.tokens_out}
        counted = (
            {} if script.no_usage else {"usage": {**usage, "total_tokens": sum(usage.values())}}
        )
        if not body.get("stream"):
            return {**head, "result": "".join(script.words), **last, **counted}
        going = {"is_end": False, "is_truncated": False, "need_clear_history": False}
        events = [
            {**head, "sentence_id": at, **going, "result": word}
            for at, word in enumerate(script.words)
        ]
        end = {**head, "sentence_id": len(events), "is_end": True, "result": "", **last, **counted}
        return [*events, end]

    def embed(self, body: Json) -> Json:
        """Make a vector of each text: its length, and a half."""
        check(body, _EMBED)
        if self.script.fails:
            return self.error(500, "the model has crashed")
        data = [
            {"object": "embedding", "embedding": [len(text), 0.5], "index": at}
            for at, text in enumerate(body["input"])
        ]
        head = {"id": "as-v", "object": "embedding_list", "created": WHEN_S, "data": data}
        tokens = self.script.tokens_in
        usage = {"prompt_tokens": tokens, "total_tokens": tokens}
        return head if self.script.no_usage else {**head, "usage": usage}
