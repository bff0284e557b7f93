"""OpenAI's chat, seen as a dialect: the middle itself, so that most here changes nothing."""

from gateway.dialects.dialect import Json
from gateway.formats import sse
from gateway.formats.usage import find
from gateway.relay.errors import RelayError, normalise


class Reader:
    """A chat upstream's chunks."""

    def __init__(self, created: int = 0) -> None:
        """`created` is not needed: chat upstreams say when they answered."""
        self.finished = False

    def feed(self, event: Json) -> list[Json]:
        """Return the chunk itself."""
        choices = event.get("choices")
        if not choices and find(event) is not None:
            self.finished = True
        for choice in choices if isinstance(choices, list) else ():
            if isinstance(choice, dict) and choice.get("finish_reason"):
                self.finished = True
        return [event]

    def end(self) -> list[Json]:
        """Return nothing: nothing was held."""
        return []


class Writer:
    """Chunks for a chat client, which sees the chunk with the usage only if it asked."""

    def __init__(self, wants_usage: bool) -> None:
        self._wants_usage = wants_usage
        self._over = False

    def feed(self, chunk: Json) -> bytes:
        """Write a chunk; an error is the last."""
        if self._over or (not self._wants_usage and _is_usage_alone(chunk)):
            return b""
        self._over = bool(chunk.get("error"))
        return sse.frame(chunk)

    def end(self) -> bytes:
        """Close the stream."""
        if self._over:
            return b""
        self._over = True
        return sse.DONE

    def fail(self, error: RelayError, request_id: str) -> bytes:
        """Close the stream with an error."""
        if self._over:
            return b""
        self._over = True
        return sse.frame(error.envelope(request_id))


def _is_usage_alone(chunk: Json) -> bool:
    return not chunk.get("choices") and "usage" in chunk and not chunk.get("error")


def as_chunks(answer: Json) -> list[Json]:
    """Return a whole answer, chat or not, as the chunks of a stream; of what is odd, what fits."""
    chat = answer.get("object") not in ("text_completion", "edit")
    kept = ("id", "created", "model", "system_fingerprint")
    head: Json = {name: answer[name] for name in kept if name in answer}
    head["object"] = "chat.completion.chunk" if chat else "text_completion"
    listed = answer.get("choices")
    choices = (
        [each for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []
    )
    chunks = []
    for choice in choices:
        rest = {name: value for name, value in choice.items() if name != "message"}
        said = {"delta": _delta(choice.get("message"))} if chat else {}
        chunks.append({**head, "choices": [{**rest, **said, "finish_reason": None}]})
        ended: Json = {"delta": {}} if chat else {"text": ""}
        why = {"index": choice.get("index", 0), "finish_reason": choice.get("finish_reason")}
        chunks.append({**head, "choices": [{**why, **ended}]})
    counted = find(answer)
    return [*chunks, {**head, "choices": [], "usage": counted}] if counted else chunks


def _delta(message: object) -> Json:
    """Return a message as what a stream adds; its tool calls say their places."""
    if not isinstance(message, dict):
        return {}
    calls = message.get("tool_calls")
    if not isinstance(calls, list):
        return message
    numbered = [{"index": at, **call} for at, call in enumerate(calls) if isinstance(call, dict)]
    return {**message, "tool_calls": numbered}


def wants_usage(body: Json) -> bool:
    """Whether a chat request asks to see the usage of its stream."""
    options = body.get("stream_options")
    return isinstance(options, dict) and options.get("include_usage") is True


def limited(body: Json, most: int) -> Json:
    """Return a chat body whose answer has at most so many tokens."""
    newer = body.get("max_completion_tokens") is not None
    name = "max_completion_tokens" if newer else "max_tokens"
    asked = body.get(name)
    return {**body, name: most if asked is None else min(most, asked)}


def with_system(body: Json, prompt: str) -> Json:
    """Replace the first message if it is the system's, else put one before it."""
    messages = body["messages"]
    first_is_system = messages[0].get("role") == "system"
    rest = messages[1:] if first_is_system else messages
    return {**body, "messages": [{"role": "system", "content": prompt}, *rest]}


def parse_error(body: object) -> tuple[str | None, str]:
    """Return the code or type, and the message, of an upstream's error."""
    said = normalise(body)
    return said["code"] or said["type"], said["message"]
