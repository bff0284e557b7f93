"""How much audio waits in a session's input buffer, and how much of it each item took.

Counted from what the client sent, in microseconds, by the format that the session hears. Where the
upstream's ear says where an item ends, that is exact; else an item takes what was sent before it
was committed. Marks keep apart what was sent after a commit or a clear that is still under way.
"""

from collections import deque

from gateway.dialects.dialect import Json
from gateway.dialects.realtime import child
from gateway.formats import usage as usages

SECOND_US = 1_000_000
# Bytes a second, by the name of the format (OpenAI: Realtime, audio formats).
_G711 = 8_000
_PCM = 48_000
_BYTES_PER_S = {
    "pcm16": _PCM,
    "g711_ulaw": _G711,
    "g711_alaw": _G711,
    "audio/pcmu": _G711,
    "audio/pcma": _G711,
}
# Speech is hardly ever packed closer.
_LEAST = 2_000
_MOST_NOTED = 1_000


class Ear:
    """One session's. `waiting_us` is what may still be committed."""

    def __init__(self) -> None:
        # What the client asked for, and what the upstream confirmed: until both agree, audio is
        # taken for as long as either makes it.
        self._asked = self._confirmed = _PCM
        self._sent_us = self._taken_us = 0
        self._commits: deque[int] = deque(maxlen=_MOST_NOTED)
        self._clears: deque[int] = deque(maxlen=_MOST_NOTED)
        self._spans: dict[str, list[int | None]] = {}

    @property
    def waiting_us(self) -> int:
        """Audio that was sent, and not yet taken or cleared."""
        return self._sent_us - self._taken_us

    def heard(self, event: Json) -> None:
        """Note an event of the client's."""
        kind, audio = event.get("type"), event.get("audio")
        if kind == "input_audio_buffer.append" and isinstance(audio, str):
            # Four characters of base64 are three bytes.
            self._sent_us += len(audio) * 750_000 // min(self._asked, self._confirmed) + 1
        elif kind == "input_audio_buffer.commit":
            self._commits.append(self._sent_us)
        elif kind == "input_audio_buffer.clear":
            self._clears.append(self._sent_us)

    def wants(self, session: Json) -> None:
        """Note the format that a client asks for."""
        self._asked = _bytes_per_s(session, self._asked)

    def is_set(self, session: Json) -> None:
        """Note the format that the upstream confirms."""
        self._confirmed = _bytes_per_s(session, self._confirmed)

    def noted(self, event: Json) -> None:
        """Note an event of the upstream's about the buffer."""
        if event.get("type") == "input_audio_buffer.cleared":
            if self._clears:
                self._take(self._clears.popleft())
            return
        start, end = (usages.count(event.get(f"audio_{side}_ms")) for side in ("start", "end"))
        if start is None and end is None or len(self._spans) >= _MOST_NOTED:
            return
        span = self._spans.setdefault(str(event.get("item_id")), [None, None])
        span[0] = span[0] if start is None else start * 1_000
        span[1] = span[1] if end is None else end * 1_000

    def takes(self, item_id: str) -> int:
        """Return how long the audio of an item is that was committed now, in microseconds."""
        start, end = self._spans.pop(item_id, (None, None))
        while self._commits and self._commits[0] <= self._taken_us:
            self._commits.popleft()  # there was nothing to commit
        if end is None:
            end = self._commits.popleft() if self._commits else self._sent_us
        end = min(end, self._sent_us)
        taken_us = end - max(self._taken_us, min(start or 0, end))
        self._take(end)
        return max(0, taken_us)

    def _take(self, until_us: int) -> None:
        self._taken_us = max(self._taken_us, until_us)


def _bytes_per_s(session: Json, known: int) -> int:
    """Read the format of a session's settings; `known` where they say nothing about it."""
    named = child(session, "audio", "input").get("format", session.get("input_audio_format"))
    if named is None:
        return known
    if isinstance(named, dict):
        rate = usages.count(named.get("rate"))
        if named.get("type") == "audio/pcm":
            return min(2 * rate, _PCM) if rate else _PCM
        named = named.get("type")
    return _BYTES_PER_S.get(named, _LEAST) if isinstance(named, str) else _LEAST
