"""The official client's own types as the judge of what is written, and JSON of no sense at all."""

from collections.abc import Iterable
from typing import Any

import orjson
from hypothesis import strategies as st
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter

Json = dict[str, Any]

_EVENT: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)


def response(found: Json) -> Json:
    """Check a Response field by field and return it."""
    Response.model_validate(found, strict=True)
    assert set(Response.model_fields) >= set(found) - {"store"}
    return found


def events(stream: bytes) -> list[Json]:
    """Parse a stream, checking its form, its numbering and each event."""
    found = []
    for block in stream.split(b"\n\n")[:-1]:
        first, second = block.split(b"\n")
        event = orjson.loads(second.removeprefix(b"data: "))
        assert first == b"event: " + event["type"].encode()
        judged = _EVENT.validate_python(event, strict=True)
        assert judged.type == event["type"]
        found.append(event)
    assert stream.endswith(b"\n\n") or not stream
    return found


def whole(stream: bytes) -> list[Json]:
    """Parse a stream that has come to its end, and return its events."""
    found = events(stream)
    assert [event["sequence_number"] for event in found] == list(range(len(found)))
    assert [event["type"] for event in found[:2]] == ["response.created", "response.in_progress"]
    last = found[-1]
    assert last["type"] in ("response.completed", "response.incomplete", "response.failed")
    response(last["response"])
    if last["type"] != "response.failed":
        assert accumulated(found) == last["response"]["output"]
    return found


def accumulated(found: Iterable[Json]) -> list[Json]:
    """Return the items that the events have built, checked against their deltas."""
    said: dict[tuple[Any, ...], str] = {}
    items: dict[int, Json] = {}
    for event in found:
        at = tuple(event.get(n) for n in ("item_id", "content_index", "summary_index"))
        if event["type"].endswith(".delta"):
            said[at] = said.get(at, "") + event["delta"]
        elif event["type"].endswith(".done") and "item_id" in event and "part" not in event:
            names = ("text", "refusal", "arguments", "input")
            assert next(event[n] for n in names if n in event) == said.get(at, "")
        elif event["type"] == "response.output_item.added":
            assert event["output_index"] == len(items)
            items[event["output_index"]] = event["item"]
        elif event["type"] == "response.output_item.done":
            assert items[event["output_index"]]["id"] == event["item"]["id"]
            items[event["output_index"]] = event["item"]
    return list(items.values())


_LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(min_value=-(2**63), max_value=2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5)
)
# Words that the code looks for, so that nonsense reaches far into it.
_WORDS = st.sampled_from(
    """type role content text message user assistant system input instructions tools tool_choice
    function custom name arguments call_id id output summary reasoning function_call
    function_call_output custom_tool_call refusal input_text output_text input_image image_url
    input_file file_data messages tool_calls choices delta index usage input_tokens output_tokens
    prompt_tokens completion_tokens finish_reason length content_filter stop logprobs annotations
    url_citation response response.created response.completed response.output_text.delta
    response.output_item.added response.output_item.done response.failed item part output_index
    content_index error code status incomplete incomplete_details reason model created format
    json_schema schema allowed_tools mode auto max_output_tokens metadata store stream include
    reasoning_content top_logprobs tool tool_call_id image_url url file grammar syntax
    response.function_call_arguments.delta response.custom_tool_call_input.done arguments
    reasoning_effort response_format modalities stop n""".split()
)
NONSENSE = st.recursive(
    _LEAVES | _WORDS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(_WORDS | st.text(max_size=3), inner, max_size=6)
    ),
    max_leaves=25,
)
OBJECTS = st.dictionaries(_WORDS, NONSENSE, max_size=8)


def spoiled(good: Json) -> st.SearchStrategy[Json]:
    """Return copies of a good object with nonsense somewhere in it."""
    return st.tuples(st.sampled_from(list(_places(good, ()))), NONSENSE).map(
        lambda both: _replaced(good, *both)
    )


def _places(value: Any, path: tuple[Any, ...]) -> Iterable[tuple[Any, ...]]:
    steps: Iterable[tuple[Any, Any]] = ()
    if isinstance(value, dict):
        steps = value.items()
    elif isinstance(value, list):
        steps = enumerate(value)
    for step, inner in steps:
        yield (*path, step)
        yield from _places(inner, (*path, step))


def _replaced(value: Any, path: tuple[Any, ...], nonsense: Any) -> Any:
    if not path:
        return nonsense
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = _replaced(value[path[0]], path[1:], nonsense)
    return copy
