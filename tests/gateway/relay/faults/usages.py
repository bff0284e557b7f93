"""Faults of usage reports."""

from typing import Any

from tests.gateway.relay.faults.answers import CHAT_USAGE, Good, answer, chunked, stream_head
from tests.gateway.relay.faults.fault import Ends, Fault, Pieces
from tests.gateway.relay.faults.heads import GOOD

COUNTED = Ends("good", "counted complete")


def _reports(*counts: tuple[Any, Any] | None) -> Pieces:
    def pieces(good: Good) -> list[bytes]:
        reports = (None if pair is None else good.counts(*pair) for pair in counts)
        return answer(good.with_usage(*reports))

    return pieces


def _both(name: str, says: str, pieces: Pieces, ends: Ends, **but: Ends) -> Fault:
    return Fault(name, says, pieces, whole=ends, stream=ends, but=but)


def _running(good: Good) -> list[bytes]:
    """Two words with running totals, as some vendors have them in every frame."""
    events = [{**event, "usage": CHAT_USAGE} for event in good.events[:2]]
    return [stream_head(), *chunked(*map(good.frame, events))]


def _twice(first: int) -> Fault:
    says = "reports its usage twice" if first == 20 else "reports less of its usage first"
    pieces = _reports((10, first), (10, 20))
    return Fault(says[8:], says, pieces, stream=GOOD, upstreams=("chat", "anthropic", "responses"))


USAGES = (
    _twice(20),
    _twice(2),
    _both("no usage", "reports no usage", _reports(None), COUNTED),
    _both("usage null", "reports null for every count", _reports((None, None)), COUNTED),
    _both(
        "usage empty", "reports an empty usage", lambda good: answer(good.with_usage({})), COUNTED
    ),
    _both("no input", "reports its output only", _reports((None, 20)), COUNTED, gemini=GOOD),
    _both("no output", "reports its input only", _reports((10, None)), COUNTED, gemini=GOOD),
    _both("below zero", "reports -1 for every count", _reports((-1, -1)), COUNTED),
    _both("huge", "reports 10³⁰ for every count", _reports((1e30, 1e30)), GOOD),
    _both("as text", "reports counts as text", _reports(("10", "20")), COUNTED),
    _both("as floats", "reports counts with a fraction", _reports((10.0, 20.4)), GOOD),
    _both("as words", "reports words and lists for counts", _reports(("many", [])), COUNTED),
    _both("as truth", "reports `true` for every count", _reports((True, True)), COUNTED),
    Fault(
        "running totals",
        "reports totals with every frame, and ends properly after two words",
        _running,
        stream=Ends("error", "upstream upstream_cut"),
        upstreams=("chat",),
    ),
)
