"""Any cutting of a stream into reads gives the client the same bytes and us the same usage."""

from itertools import pairwise

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.formats import sse
from gateway.relay import stream_meter
from gateway.relay.stream_meter import StreamMeter

USAGE = {"prompt_tokens": 3, "completion_tokens": 2}


def chunk(content: str | None = None, **more: object) -> dict[str, object]:
    choices = [] if content is None else [{"index": 0, "delta": {"content": content}}]
    return {"id": "x", "choices": choices, **more}


def stream(*frames: object, end: str = "\n\n") -> bytes:
    lines = [frame if isinstance(frame, str) else orjson.dumps(frame).decode() for frame in frames]
    return "".join(f"data: {line}{end}" for line in lines).encode()


STREAMS = {
    "plain": stream(chunk("Hi"), chunk(" du"), chunk(usage=USAGE), "[DONE]"),
    "nulls": stream(
        chunk("Hi", usage=None), chunk(" du", usage=None), chunk(usage=USAGE), "[DONE]"
    ),
    "crlf": stream(chunk("Hi"), chunk(" du"), chunk(usage=USAGE), "[DONE]", end="\r\n\r\n"),
    "comments": b": ping\n\n" + stream(chunk("Hi"), chunk(" du"), chunk(usage=USAGE), "[DONE]"),
    "tricky": stream(
        chunk('Hi "usage": [DONE]'), chunk('世界 \\" du'), chunk(usage=USAGE), "[DONE]"
    ),
    "no space": stream(chunk("Hi"), chunk(usage=USAGE), "[DONE]").replace(b"data: ", b"data:"),
    "no blank lines": stream(chunk("Hi"), chunk(usage=USAGE), "[DONE]", end="\n"),
}


def run(pieces: list[bytes], wants_usage: bool) -> tuple[bytes, StreamMeter]:
    meter = StreamMeter(wants_usage)
    passed = b"".join(map(meter.feed, pieces)) + meter.end()
    return passed, meter


def cut(data: bytes, at: list[int]) -> list[bytes]:
    places = sorted({0, len(data), *(place % (len(data) + 1) for place in at)})
    return [data[a:b] for a, b in pairwise(places)]


@given(
    st.sampled_from(sorted(STREAMS)),
    st.booleans(),
    st.lists(st.integers(0, 10_000), max_size=12),
)
def test_reads_may_end_anywhere(name: str, wants_usage: bool, at: list[int]) -> None:
    data = STREAMS[name]
    whole, known = run([data], wants_usage)
    passed, meter = run(cut(data, at), wants_usage)
    assert passed == whole
    assert meter.report == known.report == USAGE
    assert meter.done
    assert meter.delivered() == known.delivered()


@pytest.mark.parametrize("name", sorted(STREAMS))
def test_the_usage_chunk_goes_only_to_who_asked(name: str) -> None:
    asked, _ = run([STREAMS[name]], True)
    hidden, _ = run([STREAMS[name]], False)
    assert b"prompt_tokens" in asked
    assert b"prompt_tokens" not in hidden
    for passed in (asked, hidden):
        assert b"data: [DONE]\n" not in passed and b"Hi" in passed


def test_a_client_that_asked_gets_every_byte_but_the_end() -> None:
    passed, _ = run([STREAMS["plain"]], True)
    assert passed + sse.DONE == STREAMS["plain"]


def test_usage_beside_content_is_passed_on() -> None:
    data = stream(chunk("Hi", usage=USAGE), "[DONE]")
    passed, meter = run([data], False)
    assert b"Hi" in passed and meter.report == USAGE


def test_running_totals_are_not_added_up() -> None:
    frames = [chunk("x", usage={**USAGE, "completion_tokens": n}) for n in range(1, 9)]
    _, meter = run([stream(*frames, "[DONE]")], True)
    assert meter.report == {**USAGE, "completion_tokens": 8}


def test_nothing_follows_the_end() -> None:
    passed, _ = run([stream("[DONE]", chunk("late"))], True)
    assert passed == b""


def test_a_stream_that_stops_is_not_finished() -> None:
    _, meter = run([stream(chunk("Hi"))], True)
    assert not meter.finished
    end = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
    _, meter = run([stream(chunk("Hi"), end)], True)
    assert meter.finished


def test_tool_calls_reasoning_and_legacy_text_are_delivered_text() -> None:
    call = {"tool_calls": [{"index": 0, "function": {"name": "f", "arguments": '{"a":1}'}}]}
    frames = [
        {"choices": [{"delta": {"reasoning_content": "hm "}}]},
        {"choices": [{"delta": call}]},
        {"choices": [{"text": "old"}]},
    ]
    _, meter = run([stream(*frames)], True)
    assert "".join(meter.delivered()) == 'hm f{"a":1}old'


def test_an_endless_line_is_passed_on_without_being_kept() -> None:
    meter = StreamMeter(True)
    piece, passed = b"x" * 65_536, 0
    for _ in range(64):
        passed += len(meter.feed(piece))
    assert passed >= 64 * 65_536 - sse.MAX_LINE - 65_536
    rest = meter.feed(b"\n" + STREAMS["plain"])
    assert meter.done and b"Hi" in rest


def test_what_is_kept_for_counting_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream_meter, "TEXT_CHARS", 1_000)
    monkeypatch.setattr(stream_meter, "RAW_BYTES", 1_000)
    meter = StreamMeter(True)
    for _ in range(500):
        meter.feed(stream(chunk("word ")))
    kept = sum(map(len, meter.delivered()))
    assert 1_000 <= kept < 1_200
    assert meter.beyond_bytes > 0


def test_only_lines_that_may_tell_something_are_looked_at() -> None:
    quiet = b'data: {"choices":[1],"usage":null}\n\ndata: {"usage" : null}\n\n'
    assert sse.first_telling(quiet) == -1
    assert sse.first_telling(quiet + b'data: {"usage": {"a":1}}\n\n') == len(quiet)
    assert sse.first_telling(b"data: [DONE]\n\n" + quiet) == 0
    assert not sse.may_hold_usage(b'{"usage":  null}')
    assert sse.may_hold_usage(b'{"usage" :{"prompt_tokens":1}}')
