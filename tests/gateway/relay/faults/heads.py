"""Faults before the first byte of content: connections and heads."""

from tests.gateway.relay.faults.answers import SSE, Good, answer, head
from tests.gateway.relay.faults.fault import Ends, Fault

UNREACHABLE = Ends("502 upstream_unreachable", "nothing")
CUT = Ends("502 upstream_cut", "nothing")
LATE = Ends("504 upstream_timeout", "nothing")
BAD = Ends("502 upstream_bad_answer", "nothing")
GOOD = Ends("good", "upstream complete")


def _head_alone(good: Good) -> list[bytes]:
    return [head(kind=SSE, Transfer_Encoding="chunked")] if good.stream else [head(length=900)]


_SWITCHING = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"

HEADS = (
    Fault("refused", "refuses the connection", lambda good: [], "refuse", UNREACHABLE, UNREACHABLE),
    Fault("closed", "closes without a word", lambda good: [], "close", UNREACHABLE, UNREACHABLE),
    Fault("reset", "resets without a word", lambda good: [], "reset", UNREACHABLE, UNREACHABLE),
    Fault("silent", "never says a word", lambda good: [], "hang", LATE, LATE, slow=True),
    Fault(
        "half a head",
        "closes in the middle of the head",
        lambda good: [b"HTTP/1.1 200 OK\r\nContent-Ty"],
        "close",
        UNREACHABLE,
        UNREACHABLE,
    ),
    Fault(
        "half a head, hangs",
        "hangs in the middle of the head",
        lambda good: [b"HTTP/1.1 200 OK\r\nContent-Ty"],
        "hang",
        LATE,
        LATE,
        slow=True,
    ),
    Fault(
        "no HTTP",
        "speaks another protocol",
        lambda good: [b"SSH-2.0-OpenSSH_9.2\r\n"],
        "close",
        UNREACHABLE,
        UNREACHABLE,
    ),
    Fault(
        "long head",
        "sends a head of 100,000 bytes",
        lambda good: answer(good, X_Long="x" * 100_000),
        "close",
        UNREACHABLE,
        UNREACHABLE,
    ),
    Fault(
        "length twice",
        "names two lengths",
        lambda good: [head(length=5, content_length="9") + b"hello"],
        "close",
        UNREACHABLE,
        UNREACHABLE,
    ),
    Fault(
        "length below zero",
        "names a length of -1",
        lambda good: [head(length=-1) + good.body()],
        "close",
        UNREACHABLE,
        UNREACHABLE,
    ),
    Fault("head alone", "closes after the head", _head_alone, "close", CUT, CUT),
    Fault("head alone, reset", "resets after the head", _head_alone, "reset", CUT, CUT),
    Fault("head alone, hangs", "hangs after the head", _head_alone, "hang", LATE, LATE, slow=True),
    Fault(
        "early hints",
        "says 100 and 103 before its answer",
        lambda good: [
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n",
            *answer(good),
        ],
        whole=GOOD,
        stream=GOOD,
    ),
    Fault(
        "other protocol",
        "answers 101 Switching Protocols",
        lambda good: [_SWITCHING],
        "close",
        Ends("502", "nothing"),
        Ends("502", "nothing"),
    ),
)
