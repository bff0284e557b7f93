"""Faults in the middle of streams, and at their ends."""

from collections.abc import Callable

from tests.gateway.relay.faults.answers import SSE, Good, chunked, head, stream_head
from tests.gateway.relay.faults.fault import Ends, Fault, Pieces, broken_off, frames
from tests.gateway.relay.faults.heads import CUT, GOOD, LATE

Frames = Callable[[Good], list[bytes]]

BROKEN = Ends("error", "counted upstream_cut")
TOLD = Ends("error", "upstream upstream_cut")
TIRED = Ends("error", "counted upstream_timeout")
# Gemini reports its usage with every event.
BROKEN_BUT = {"gemini": TOLD}
TIRED_BUT = {"gemini": Ends("error", "upstream upstream_timeout")}
_SAYS_AN_END = ("chat", "anthropic", "responses")
_ERROR = b'data: {"type":"error","error":{"message":"no","type":"server_error","code":"x"}}\n\n'
_LONG = b": " + b"x" * (1 << 20) + b"\n\n"
_ODD = (
    *(b"null", b"7", b"[]", b'"x"', b'{"choices":7}', b'{"choices":[7,{"delta":7}]}'),
    *(b'{"type":7}', b'{"candidates":{}}', b'{"usage":7}', b'{"delta":[]}'),
)


def _after(words: int, *more: bytes) -> Pieces:
    """Put something after so many words of a stream that is good otherwise."""

    def change(good: Good) -> list[bytes]:
        begun = good.begun(words)
        return [*begun, *more, *good.frames()[len(begun) :]]

    return frames(change)


def _only(words: int, *more: bytes) -> Frames:
    return lambda good: [*good.begun(words), *more]


def _each(old: bytes, new: bytes) -> Pieces:
    """Change every frame."""
    return frames(lambda good: [frame.replace(old, new) for frame in good.frames()])


def _good(name: str, says: str, pieces: Pieces, end: str = "keep") -> Fault:
    return Fault(name, says, pieces, end, stream=GOOD)


def _cut(name: str, says: str, pieces: Pieces, end: str = "keep") -> Fault:
    """A stream that breaks off after two words."""
    return Fault(name, says, pieces, end, stream=BROKEN, but=BROKEN_BUT)


def _never(name: str, says: str, said: Frames) -> Fault:
    return Fault(name, says, broken_off(said), "hang", stream=TIRED, but=TIRED_BUT, slow=True)


def _none(name: str, says: str, said: Frames) -> Fault:
    return Fault(name, says, frames(said), stream=CUT)


def _no_chunk(bad: bytes) -> Pieces:
    return lambda good: [stream_head(), *chunked(*good.begun(2), last=False), bad]


BEGINNINGS = (
    _none("ends at once", "ends properly before it says anything", lambda good: []),
    _none("only a comment", "says nothing but a comment", lambda good: [b": hello\n\n"]),
    _none("only newlines", "says nothing but empty lines", lambda good: [b"\n" * 5_000]),
    _none("only [DONE]", "says nothing but [DONE]", lambda good: [b"data: [DONE]\n\n"]),
    Fault(
        "no word",
        "begins, and ends properly before the first word",
        frames(_only(0)),
        stream=Ends("error", "counted upstream_cut"),
        but={"anthropic": TOLD, "chat": CUT, "gemini": CUT},
    ),
    Fault(
        "an error first",
        "begins with an error",
        frames(lambda good: [_ERROR]),
        stream=Ends("502", "nothing"),
    ),
    Fault(
        "comments for ever",
        "says comments and nothing else, without end",
        broken_off(lambda good: [b": wait\n\n"] * 50),
        "hang",
        stream=LATE,
        slow=True,
    ),
    _good(
        "comments first",
        "says comments before anything",
        frames(lambda good: [b": one\n\n", b": two\n\n", *good.frames()]),
    ),
    _good(
        "BOM",
        "begins with a byte order mark",
        frames(lambda good: [b"\xef\xbb\xbf" + good.frames()[0], *good.frames()[1:]]),
    ),
)

MIDDLES = (
    _cut("ends", "ends properly after two words", frames(_only(2))),
    _cut("closes", "closes after two words", broken_off(_only(2)), "close"),
    _cut("resets", "resets after two words", broken_off(_only(2)), "reset"),
    _never("hangs", "hangs after two words", _only(2)),
    _never(
        "comments from then on",
        "says two words, and then comments without end",
        _only(2, *[b": wait\n\n"] * 50),
    ),
    _cut("half a frame", "closes in a frame", broken_off(_only(2, b'data: {"choi')), "close"),
    _cut("half a chunk", "closes in a chunk of HTTP", _no_chunk(b"ff\r\ndata:"), "close"),
    _cut("no chunk", "sends what is no chunk of HTTP", _no_chunk(b"zz\r\nwhat\r\n"), "close"),
    _cut("says an error", "says an error after two words", frames(_only(2, _ERROR))),
    _good("not JSON", "says something that is no JSON", _after(2, b"data: what?\n\n")),
    _good("broken JSON", "says half of some JSON", _after(2, b'data: {"choices": [{"d\n\n')),
    _good("not UTF-8", "says bytes that are no text", _after(2, b"data: \xff\xfe\x00\n\n")),
    _good(
        "wrong types", "says JSON of wrong types", _after(2, *(b"data: %s\n\n" % o for o in _ODD))
    ),
    _good("no data", "says data without any", _after(2, b"data:\n\n", b"data\n\n", b"data: \n\n")),
    _good("comments", "says comments", _after(2, b": PROCESSING\n\n", b":\n\n")),
    _good("fields", "says fields that nobody knows", _after(2, b"id: 7\nretry: 10\nfoo\n\n")),
    _good("a long line", "says a line of a megabyte", _after(2, _LONG)),
    _good("CR LF", "ends lines with CR LF", _each(b"\n", b"\r\n")),
    _good("CR", "ends lines with CR", _each(b"\n", b"\r")),
    _good("no space", "has no space after `data:`", _each(b"data: ", b"data:")),
)

ENDINGS = (
    _good("no last chunk", "closes after its end", broken_off(lambda good: good.frames()), "close"),
    Fault(
        "hangs after its end",
        "says its end, and hangs",
        broken_off(lambda good: good.frames()),
        "hang",
        stream=GOOD,
        slow=True,
    ),
    _good(
        "until it closes",
        "has neither chunks nor a length",
        lambda good: [head(kind=SSE), *good.frames()],
        "close",
    ),
    Fault(
        "forgets its end",
        "forgets its last event",
        frames(lambda good: good.frames()[:-1]),
        stream=GOOD,
        but={"gemini": TOLD, "responses": BROKEN},
    ),
    _good(
        "no last newline",
        "forgets the empty line at its end",
        frames(lambda good: [b"".join(good.frames()).rstrip(b"\n")]),
    ),
    Fault(
        "ends twice",
        "says its end twice",
        frames(lambda good: good.frames() + good.frames()[-1:]),
        stream=GOOD,
        upstreams=_SAYS_AN_END,
    ),
    Fault(
        "goes on",
        "goes on after its end",
        frames(lambda good: good.frames() + good.begun(1)),
        stream=GOOD,
        upstreams=_SAYS_AN_END,
    ),
)

STREAMS = (*BEGINNINGS, *MIDDLES, *ENDINGS)
