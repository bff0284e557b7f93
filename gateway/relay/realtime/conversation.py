"""What a realtime session has heard so far: how much the next response may read and say.

A bound from above for holding credit, and a fair guess for charging a response whose usage never
came. Both begin anew at every usage that the upstream reports: what a response read and said is
what the next one reads, beside what was sent since.
"""

from typing import Any

from gateway.dialects.dialect import Json
from gateway.dialects.realtime import child
from gateway.formats import images

_PER_IMAGE = images.most("")
# Speech is a token for every 100 ms (OpenAI: Realtime costs); of the formats that there are, 8 kHz
# G.711 needs the least base64 for one: 1,067 bytes.
_AUDIO_BYTES = 800
# What a session begins with before anybody said anything.
_BEGINNING = 1_000
_BYTES_PER_TOKEN = 5
_LIMITS = ("max_output_tokens", "max_response_output_tokens")
_ENDLESS = 1 << 40


class Conversation:
    """One session. `bound` and `guess` are tokens that the next response may read."""

    def __init__(self) -> None:
        self._known = 0
        self._bound, self._guess = _BEGINNING, 0
        self._marks: dict[str, tuple[int, int]] = {}
        self._base = (0, 0)
        self._limit: int | None = None
        self._asked: int | None = None

    @property
    def bound(self) -> int:
        """The most that a response which begins now can read."""
        return self._known + self._bound - self._base[0]

    @property
    def guess(self) -> int:
        """About what it will read."""
        return self._known + self._guess - self._base[1]

    @property
    def limit(self) -> int | None:
        """How many tokens the next response may have at most; None for as many as the model can."""
        return None if self._limit is None else max(self._limit, self._asked or 0)

    def heard(self, event: Json, size: int) -> None:
        """Note an event of the client's, and its size in bytes."""
        if event.get("type") == "input_audio_buffer.append":
            tokens = size // _AUDIO_BYTES + 1
            self._bound += tokens
            self._guess += tokens
            return
        if event.get("type") == "response.create":
            self._note_limit(child(event, "response"))
        for part in _parts(event):
            if isinstance(part.get("audio"), str):
                audio = len(part["audio"])
                size -= audio
                self._bound += audio // _AUDIO_BYTES + 1
                self._guess += audio // _AUDIO_BYTES + 1
            elif isinstance(part.get("image_url"), str):
                size -= len(part["image_url"])
                self._bound += _PER_IMAGE
                self._guess += _PER_IMAGE
        self._bound += max(0, size)
        self._guess += max(0, size) // _BYTES_PER_TOKEN

    def _note_limit(self, response: Json) -> None:
        named = [response[name] for name in _LIMITS if response.get(name) is not None]
        if named:
            self._asked = named[0] if type(named[0]) is int else _ENDLESS

    def is_set(self, session: Json) -> None:
        """Note the settings of the session, as the upstream confirms them."""
        limit = next((session[name] for name in _LIMITS if name in session), None)
        self._limit = limit if type(limit) is int and limit > 0 else None
        self._bound += len(str(session.get("instructions") or ""))

    def begins(self, response_id: str) -> None:
        """Note that a response began: it reads what there is now."""
        self._marks[response_id] = (self._bound, self._guess)
        self._asked = None

    def ends(self, response_id: str, usage: Json, response: Json) -> None:
        """Note what a response read and said. Those beside the conversation leave no trace."""
        mark = self._marks.pop(response_id, None)
        if mark is None or "conversation_id" in response and response["conversation_id"] is None:
            return
        read_and_said = sum(usage.values())
        if read_and_said:
            self._known, self._base = read_and_said, mark


def _parts(event: Json) -> list[Json]:
    items = [event.get("item")]
    asked = child(event, "response").get("input")
    items += asked if isinstance(asked, list) else []
    contents: list[Any] = [child({"item": item}, "item").get("content") for item in items]
    return [
        part
        for content in contents
        if isinstance(content, list)
        for part in content
        if isinstance(part, dict)
    ]
