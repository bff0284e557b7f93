"""Coze: bots by API v3 (/v3/chat) and, for channels whose config says so, v2 (/open_api/v2/chat).

Sources: Coze developer guides, "Chat" (v3), "Chat v2", "Error codes". A model is a bot, by the name
`bot-<id>` of One API. What the bot is told beside the conversation (its model, sampling, tools,
prompt) is set at Coze, so limits and temperatures of a request are passed over, and tools and
schemas refused. Coze knows no system turns: they are said as the user's.

Only streams are asked for: a whole answer of v3 must be polled for, and kept by Coze until then
(error 4007). v3 reports tokens with the end of an answer, and zeros before; v2 reports none, so
they are counted here. Images are given by their address; those that are only in the request are
sent ahead as files ("Upload file", /v1/files/upload).

A channel's config may have `user_id`, whom Coze is told it speaks to (else the request's `user`),
and `api_version`: v3 or v2.
"""

from collections.abc import Iterator
from typing import Any

from gateway.dialects.dialect import Config, Json
from gateway.dialects.gemini.fields import (
    a_name,
    child,
    children,
    from_json,
    said,
    to_json,
    unsupported,
)
from gateway.formats import usage as usages
from gateway.formats.usage import Usage
from gateway.providers import bots
from gateway.providers.asking import Codes
from gateway.providers.native import IMAGES, NativeReader
from gateway.providers.turns import ASSISTANT, USER, Turn
from gateway.providers.uploads import Upload, Uploading

_V2 = "v2"
_PREFIX = "bot-"
_OBJECTS = "object_string"
_DELTA, _COMPLETED = "conversation.message.delta", "conversation.chat.completed"
# A chat that stopped without an answer; the last wants the result of a plugin on the user's device.
_BROKEN = (
    "conversation.chat.failed",
    "conversation.chat.canceled",
    "conversation.chat.requires_action",
)
_COUNTS = {"input_count": "input", "output_count": "output"}


class Coze(Uploading):
    """Coze, at coze.com or coze.cn."""

    name = "coze"
    offers = frozenset((IMAGES,))
    fetches = True
    upload_path = "/v1/files/upload"
    passed_over = frozenset((b"conversation.chat.created", b"conversation.chat.in_progress"))
    codes = Codes(
        in_band={
            **dict.fromkeys(("4000", "4003", "4004", "4005", "4010", "4014", "4105"), 400),
            **dict.fromkeys(("4100", "700012006"), 401),
            **dict.fromkeys(("4011", "4019", "4022"), 402),
            **dict.fromkeys(("4101", "4102"), 403),
            **dict.fromkeys(("4006", "4012", "4015", "4021", "4200"), 404),
            **dict.fromkeys(("4008", "4009", "4016", "4020"), 429),
        },
        dead=(
            (401, "code", "4100"),
            (401, "code", "700012006"),
            (402, "code", "4011"),
            (402, "code", "4019"),
            (402, "code", "4022"),
        ),
        users=frozenset(("4003", "4004", "4005", "4010", "4014")),
        absent=frozenset(("4006", "4012", "4015", "4021", "4200")),
    )

    def request(self, chat: Json, config: Config) -> Json:
        """Return a body for /v3/chat, or of v2."""
        said_so_far = bots.conversation(chat)
        bot_id = a_name(chat.get("model"), "model").removeprefix(_PREFIX)
        user = bots.user(chat, config)
        if config.get("api_version") == _V2:
            return _of_v2(bot_id, user, said_so_far)
        return {
            "bot_id": bot_id,
            "user_id": user,
            "additional_messages": [_message(turn) for turn in said_so_far],
            "stream": True,
            "auto_save_history": False,
        }

    async def with_files(self, body: Json, upload: Upload) -> Json:
        """Return a body in which uploaded files stand for images in data: URLs."""
        for message in children(body, "additional_messages"):
            if message.get("content_type") != _OBJECTS:
                continue
            parts = from_json(message["content"])
            for part in parts:
                if bots.is_inline(part.get("file_url", "")):
                    part["file_id"] = await upload(part.pop("file_url"))
            message["content"] = to_json(parts, "messages")
        return body

    def reader(self, created_s: int) -> NativeReader:
        """Return what reads the events of one stream."""
        return _Reader(self, created_s)

    def ends(self, event: Json) -> bool:
        """Whether an event is the last; of v3 `done` only follows."""
        return event.get("event") in (_COMPLETED, "done")

    def event_texts(self, event: Json) -> Iterator[str]:
        """Yield what is said and thought."""
        message = _said(event)
        yield from filter(None, (said(message, "content"), said(message, "reasoning_content")))

    def event_report(self, event: Json) -> Json | None:
        """Return the tokens of a chat that is over; zeros are no report."""
        if event.get("event") != _COMPLETED and event.get("event") not in _BROKEN:
            return None
        found = child(event, "usage")
        return found if any(usages.count(found.get(name)) for name in _COUNTS) else None

    def usage(self, frame: Json) -> Usage | None:
        """Return input and output; Coze tells nothing of caches."""
        counts = ((name, usages.count(frame.get(field))) for field, name in _COUNTS.items())
        return {name: count for name, count in counts if count is not None} or None

    def event_error(self, event: Json) -> tuple[str | None, str] | None:
        """Return an error: in place of a stream, in one, or of a chat that failed."""
        kind = event.get("event")
        if kind in _BROKEN:
            found = child(event, "last_error")
            fallback = f"The bot did not answer: {kind}."
        elif kind == "error":
            found = child(event, "error_information") or event
            fallback = "The bot failed."
        elif "event" not in event and "msg" in event and _code(event):
            found, fallback = event, ""
        else:
            return None
        return _code(found), said(found, "msg", "err_msg", "message")[:2_000] or fallback


class _Reader(NativeReader):
    """The events of a stream. Of messages only answers are read, not what follows up on them."""

    def deltas(self, event: Json) -> Iterator[tuple[Json, str | None]]:
        """Yield what an event adds, and the reason of the end with the last one."""
        if not self._begun:
            chat_id = said(event, "chat_id", "conversation_id")
            self.head["id"] = f"chatcmpl-{chat_id}" if chat_id else self.head["id"]
        message, delta = _said(event), Json()
        if thoughts := said(message, "reasoning_content"):
            delta["reasoning_content"] = thoughts
        if content := said(message, "content"):
            delta["content"] = content
        if delta:
            yield delta, None
        if self._native.ends(event) and not self.finished:
            yield {}, "stop"


def _message(turn: Turn) -> Json:
    answered = turn.role == ASSISTANT
    made: Json = {
        "role": ASSISTANT if answered else USER,
        "type": "answer" if answered else "question",
    }
    if not turn.images:
        return {**made, "content": turn.text, "content_type": "text"}
    parts = [
        {"type": "text", "text": part}
        if isinstance(part, str)
        else {"type": "image", "file_url": bots.address(part)}
        for part in turn.parts
    ]
    content = to_json(parts, f"{turn.param}.content")
    return {**made, "content": content, "content_type": _OBJECTS}


def _of_v2(bot_id: str, user: str, said_so_far: list[Turn]) -> Json:
    for turn in said_so_far:
        if turn.images:
            unsupported(turn.images[0].param)
    *before, last = map(_message, said_so_far)
    made = {"bot_id": bot_id, "user": user, "query": last["content"], "stream": True}
    return {**made, "chat_history": before} if before else made


def _said(event: Json) -> Json:
    """Return the piece of an answer that an event of v3 or v2 is; {} for other events."""
    kind = event.get("event")
    message = event if kind == _DELTA else child(event, "message") if kind == "message" else {}
    return message if message.get("type") == "answer" else {}


def _code(found: Json) -> str | None:
    given: Any = found.get("code") or found.get("err_code")
    known = (
        isinstance(given, str | int) and not isinstance(given, bool) and given not in (0, "", "0")
    )
    return str(given)[:200] if known else None
