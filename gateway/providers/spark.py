"""iFlytek's Spark over its WebSocket (iFlytek, "Spark WebSocket API"; its SDK, spark-ai-python).

The key is "APPID|APISecret|APIKey". Every call is a connection of its own, signed in its address;
answers always come in frames of header and payload, the last with status 2, and a whole answer is
made of them. The channel's base URL says where, https for wss and http for ws.

Errors are `header.code` in a frame, or an answer to the handshake. Functions are those of the Pro,
Max and Ultra versions: an answer calls one at most, and what it gave cannot be told over this
connection; iFlytek's HTTP API (channel type 48) takes that.
"""

from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import orjson

from gateway.dialects.dialect import Config, Json
from gateway.dialects.gemini.fields import child, children, said
from gateway.providers import sockets, spark_request
from gateway.providers.asking import Codes, Means
from gateway.providers.base import Answer, Call, CallFailed
from gateway.providers.native import CHAT, TOOLS, Native, NativeReader, completion
from gateway.providers.sockets import MAX_ANSWER, Frames

_LAST = 2
_SCHEMES = {"https": "wss", "http": "ws"}
# iFlytek, "Service codes" and "Spark WebSocket API", error codes.
_CODES = Codes(
    in_band={
        "10000": 502,
        "10001": 502,
        "10002": 502,
        "10003": 400,
        "10004": 400,
        "10005": 400,
        "10006": 429,
        "10007": 429,
        "10008": 503,
        "10009": 502,
        "10010": 502,
        "10011": 502,
        "10012": 500,
        "10013": 400,
        "10014": 400,
        "10015": 401,
        "10016": 403,
        "10019": 400,
        "10021": 400,
        "10110": 503,
        "10163": 400,
        "10222": 502,
        "10404": 404,
        "10907": 400,
        "11200": 403,
        "11201": 429,
        "11202": 429,
        "11203": 429,
    },
    # An application on the black list, and a signature that does not fit.
    dead=((200, "code", "10015"), (401, "none", "")),
    # What is said or answered is not allowed, or too long.
    users=frozenset({"10013", "10014", "10019", "10021", "10163", "10907"}),
    # The version is not there, or not for this application.
    absent=frozenset({"10404", "11200"}),
)


class Spark(Native):
    """Spark by its WebSocket."""

    name = "spark"
    tasks = (CHAT,)
    delivers = ("payload",)
    offers = frozenset((TOOLS,))
    codes = _CODES

    async def address(self, call: Call, means: Means) -> str:
        """Return where a model's version is. Raises LookupError."""
        place = spark_request.place_of(call.model, call.config)
        if place is None:
            raise LookupError(f"Spark has no {call.model!r}")
        return (call.channel.base_url or call.vendor.base_url).rstrip("/") + place.path

    async def headers(self, call: Call, means: Means) -> dict[str, str]:
        """Return none: the signature is in the address."""
        return {}

    def sent(self, call: Call) -> bytes:
        """Return the body with the application's id in it. Raises CallFailed."""
        body = orjson.loads(super().sent(call))
        body["header"] = {"app_id": _keys(call)[0]}
        return orjson.dumps(body)

    async def exchange(self, request: httpx.Request, call: Call, means: Means) -> Answer:
        """Ask over a connection of its own."""
        _, secret, key = _keys(call)
        url = request.url.copy_with(scheme=_SCHEMES.get(request.url.scheme, request.url.scheme))
        url = spark_request.signed(url, key, secret, means.now_s())
        way = means.way(call.channel)
        frames = await sockets.ask(url, dict(request.headers), self.sent(call), way)
        if isinstance(frames, Answer):
            return frames
        try:
            first = await frames.read()
            if first is None:
                raise CallFailed("upstream_cut", "closed without an answer")
            if call.stream:
                kind = {"content-type": "text/event-stream"}
                return Answer(200, kind, self._events(first, frames), frames)
            whole = await self._whole(first, frames)
            return Answer(200, {"content-type": "application/json"}, _once(whole), frames)
        except BaseException:
            await frames.aclose()
            raise

    async def _events(self, first: tuple[Json, bytes], frames: Frames) -> AsyncIterator[bytes]:
        read: tuple[Json, bytes] | None = first
        while read is not None:
            frame, line = read
            yield b"data: " + line + b"\n\n"
            if self.ends(frame) or self.failed(frame):
                return
            read = await frames.read()

    async def _whole(self, first: tuple[Json, bytes], frames: Frames) -> bytes:
        """Return the frames of an answer as one. Raises CallFailed."""
        whole = _Whole()
        read: tuple[Json, bytes] | None = first
        while read is not None:
            frame, line = read
            if self.failed(frame):
                return line
            whole.add(frame)
            if self.ends(frame):
                return orjson.dumps(whole.frame())
            read = await frames.read()
        raise CallFailed("upstream_cut", "closed before the answer's end")

    def request(self, chat: Json, config: Config) -> Json:
        """Return a body, to which the application's id is added when it is sent."""
        return spark_request.chat_body(chat, config)

    def answer(self, answer: Json, created_s: int) -> Json:
        """Return a whole answer as a chat.completion."""
        content = "".join(said(each, "content") for each in _texts(answer))
        thoughts = "".join(said(each, "reasoning_content") for each in _texts(answer))
        calls = _calls(answer)
        made: Json = {"role": "assistant", "content": content or (None if calls else "")}
        if thoughts:
            made["reasoning_content"] = thoughts
        if calls:
            made["tool_calls"] = calls
        frame = self.find(answer)
        counted = self.usage(frame) if frame else None
        head = {"id": _id(answer), "model": ""}
        return completion(head, made, "tool_calls" if calls else "stop", counted, created_s)

    def reader(self, created_s: int) -> NativeReader:
        """Return what reads the frames of one stream."""
        return _Reader(self, created_s)

    def ends(self, event: Json) -> bool:
        """Whether a frame is the last."""
        places = (child(event, "header"), child(child(event, "payload"), "choices"))
        return any(place.get("status") == _LAST for place in places) and not self.failed(event)

    def failed(self, parsed: Any) -> bool:
        """Whether a frame is an error, by its code."""
        return self.error(parsed)[0] is not None

    def error(self, parsed: Any) -> tuple[str | None, str]:
        """Return a frame's code and message, or what refused a handshake: a message alone."""
        if not isinstance(parsed, dict):
            return None, ""
        header = child(parsed, "header")
        code = header.get("code")
        numbered = isinstance(code, int | str) and not isinstance(code, bool)
        label = str(code)[:40] if numbered and code not in (0, "0", "") else None
        return label, (said(header, "message") or said(parsed, "message", "desc"))[:2_000]

    def texts(self, event: Any) -> Iterator[str]:
        """Yield what is said, thought and called."""
        for each in _texts(event):
            call = child(each, "function_call")
            yield from filter(None, (said(each, "content"), said(each, "reasoning_content")))
            yield from filter(None, (said(call, "name"), said(call, "arguments")))

    def find(self, event: Any) -> Json | None:
        """Return the counts of a last frame."""
        return child(child(child(event, "payload"), "usage"), "text") or None


class _Reader(NativeReader):
    """The frames of a stream; a call comes whole."""

    _called = 0

    def deltas(self, event: Json) -> Iterator[tuple[Json, str | None]]:
        """Yield what a frame adds, and the reason of the end with the last one."""
        if not self._begun:
            self.head["id"] = _id(event)
        for each in _texts(event):
            named = {name: said(each, name) for name in ("reasoning_content", "content")}
            if delta := {name: text for name, text in named.items() if text}:
                yield delta, None
        calls = _calls(event, self._called)
        if calls:
            listed = [{"index": at, **call} for at, call in enumerate(calls, self._called)]
            self._called += len(calls)
            yield {"tool_calls": listed}, None
        if self._native.ends(event):
            yield {}, "tool_calls" if self._called else "stop"


class _Whole:
    """The frames of an answer, put together. Raises CallFailed where they are too much."""

    def __init__(self) -> None:
        self._said: dict[str, list[str]] = {"content": [], "reasoning_content": []}
        self._calls = list[Json]()
        self._sid = ""
        self._usage = Json()
        self._size = 0

    def add(self, frame: Json) -> None:
        """Take a frame."""
        for each in _texts(frame):
            for name, texts in self._said.items():
                texts.append(said(each, name))
                self._size += len(texts[-1]) + 1
            call = child(each, "function_call")
            if call:
                named = {name: said(call, name) for name in ("name", "arguments")}
                self._size += sum(map(len, named.values()))
                self._calls.append({"function_call": named})
        if self._size + len(self._calls) * 100 > MAX_ANSWER:
            says = f"an answer of more than {MAX_ANSWER} characters"
            raise CallFailed("upstream_bad_answer", says)
        self._sid = self._sid or said(child(frame, "header"), "sid")
        reported = child(child(child(frame, "payload"), "usage"), "text").items()
        self._usage |= {name: count for name, count in reported if isinstance(count, int)}

    def frame(self) -> Json:
        """Return them as one."""
        text = {name: "".join(texts) for name, texts in self._said.items()}
        choices = {"status": _LAST, "text": [text, *self._calls]}
        usage = {"usage": {"text": self._usage}} if self._usage else {}
        header = {"code": 0, "sid": self._sid, "status": _LAST}
        return {"header": header, "payload": {"choices": choices, **usage}}


def _keys(call: Call) -> tuple[str, str, str]:
    """Return the application's id, its secret and its key. Raises CallFailed."""
    parts = call.secret.split("|")
    if len(parts) != 3 or not all(parts):
        raise CallFailed("upstream_auth", 'the upstream key must be "APPID|APISecret|APIKey"')
    return parts[0], parts[1], parts[2]


def _texts(event: Any) -> list[Json]:
    return children(child(child(event, "payload"), "choices"), "text")


def _calls(event: Json, before: int = 0) -> list[Json]:
    """Return the functions that are called; a call has no id, so it is named after the answer."""
    found = list[Json]()
    for each in _texts(event):
        call = child(each, "function_call")
        if name := said(call, "name"):
            shown = {"name": name, "arguments": said(call, "arguments") or "{}"}
            call_id = f"call_{said(child(event, 'header'), 'sid')}_{before + len(found)}"
            found.append({"id": call_id, "type": "function", "function": shown})
    return found


def _id(event: Json) -> str:
    return said(child(event, "header"), "sid") or "chatcmpl-spark"


async def _once(body: bytes) -> AsyncIterator[bytes]:
    yield body
