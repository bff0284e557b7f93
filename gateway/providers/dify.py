"""Dify: apps by /v1/chat-messages, or /v1/completion-messages (Dify, "API Access" of an app).

The key belongs to an app, so a model is what the operator calls the app, and Dify is not told it.
What the app tells its model, and with which limits and temperatures, is set at Dify: these fields
of a request are passed over, and tools and schemas refused.

A message has one text, `query`. Of a conversation with more than the user's turn each turn is a
paragraph of it behind a line `System:`, `User:` or `Assistant:`; `conversation_id` is not used,
since clients send all that was said. Apps whose channel's config says `app: completion` get the
text as the variable `query`. Images are given by their address; those that are only in the request
are sent ahead as files (/v1/files/upload). Agents have streams only, so only streams are asked for;
what an agent thinks is said in its answer again, and is passed over.

`metadata.usage` counts the tokens of all models that the app asked for a message.

A channel's config may have `user_id`, whom Dify is told it speaks to (else the request's `user`).
"""

from collections.abc import Iterator

from gateway.dialects.dialect import Config, Json
from gateway.dialects.gemini.fields import child, children, said
from gateway.formats import usage as usages
from gateway.formats.usage import Usage
from gateway.providers import bots
from gateway.providers.asking import Codes
from gateway.providers.native import IMAGES, NativeReader
from gateway.providers.turns import Turn
from gateway.providers.uploads import Upload, Uploading

_SAYS = ("message", "agent_message")
_ENDS = "message_end"
_REPLACES = "message_replace"
_COUNTS = {"prompt_tokens": "input", "completion_tokens": "output"}


class Dify(Uploading):
    """Dify's cloud, or a server of one's own."""

    name = "dify"
    offers = frozenset((IMAGES,))
    fetches = True
    upload_path = "/v1/files/upload"
    passed_over = frozenset((b"ping",))
    codes = Codes(
        in_band={
            "invalid_param": 400,
            "unauthorized": 401,
            "provider_quota_exceeded": 402,
            "app_unavailable": 404,
            "not_chat_app": 404,
            "provider_not_initialize": 404,
            "model_currently_not_support": 404,
            "too_many_requests": 429,
            "rate_limit_error": 429,
            "completion_request_error": 502,
        },
        dead=(
            (401, "code", "unauthorized"),
            (400, "code", "provider_quota_exceeded"),
            (402, "code", "provider_quota_exceeded"),
        ),
        absent=frozenset(
            (
                "app_unavailable",
                "not_chat_app",
                "provider_not_initialize",
                "model_currently_not_support",
            )
        ),
    )

    def request(self, chat: Json, config: Config) -> Json:
        """Return a body for a message."""
        told = bots.conversation(chat)
        query = _query(told)
        made: Json = {"inputs": {}, "response_mode": "streaming", "user": bots.user(chat, config)}
        if config.get("app") == "completion":
            made["inputs"] = {"query": query}
        else:
            made |= {"query": query, "auto_generate_name": False}
        files = [
            {"type": "image", "transfer_method": "remote_url", "url": bots.address(image)}
            for turn in told
            for image in turn.images
        ]
        return {**made, "files": files} if files else made

    def upload_fields(self, body: Json) -> dict[str, str]:
        """Return the user, who must be the one of the message."""
        return {"user": body["user"]}

    async def with_files(self, body: Json, upload: Upload) -> Json:
        """Return a body in which uploaded files stand for images in data: URLs."""
        for file in children(body, "files"):
            if bots.is_inline(file["url"]):
                file |= {
                    "transfer_method": "local_file",
                    "upload_file_id": await upload(file["url"]),
                }
                del file["url"]
        return body

    def reader(self, created_s: int) -> NativeReader:
        """Return what reads the events of one stream."""
        return _Reader(self, created_s)

    def ends(self, event: Json) -> bool:
        """Whether an event is the last."""
        return event.get("event") == _ENDS

    def event_texts(self, event: Json) -> Iterator[str]:
        """Yield what is said."""
        if event.get("event") in _SAYS and (text := said(event, "answer")):
            yield text

    def event_report(self, event: Json) -> Json | None:
        """Return the usage that comes with the end; zeros are no report."""
        found = child(child(event, "metadata"), "usage")
        return found if any(usages.count(found.get(name)) for name in _COUNTS) else None

    def usage(self, frame: Json) -> Usage | None:
        """Return prompt and answer; Dify tells nothing of caches."""
        counts = ((name, usages.count(frame.get(field))) for field, name in _COUNTS.items())
        return {name: count for name, count in counts if count is not None} or None

    def event_error(self, event: Json) -> tuple[str | None, str] | None:
        """Return an error: in a stream, or in place of one."""
        instead = "event" not in event and "code" in event and "message" in event
        if event.get("event") != "error" and not instead:
            return None
        return said(event, "code")[:200] or None, said(event, "message")[:2_000]


class _Reader(NativeReader):
    """The events of a stream; those of files, speech, thoughts and workflows are passed over."""

    _replaced = False

    def deltas(self, event: Json) -> Iterator[tuple[Json, str | None]]:
        """Yield what an event adds, and the reason of the end with the last one.

        An answer that Dify's moderation takes back can't be taken back from a stream that was
        delivered: it ends as filtered.
        """
        kind = event.get("event")
        if not self._begun and (message_id := said(event, "message_id", "id")):
            self.head["id"] = f"chatcmpl-{message_id}"
        self._replaced = self._replaced or kind == _REPLACES
        if kind in _SAYS and (text := said(event, "answer")):
            yield {"content": text}, None
        if kind == _ENDS:
            yield {}, "content_filter" if self._replaced else "stop"


def _query(told: list[Turn]) -> str:
    if len(told) == 1:
        return told[0].text
    return "\n\n".join(f"{turn.role.capitalize()}:\n{turn.text}" for turn in told)
