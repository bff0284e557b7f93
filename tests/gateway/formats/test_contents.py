"""What users say is found wherever it is, and nothing that a client may send is a fault."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.formats import contents, moderations
from gateway.formats.moderations import NoVerdict

PNG = "data:image/png;base64,AAAA"
SAID = "what was said"

names = st.sampled_from(
    "messages content text input prompt data source type image_url url inlineData mimeType "
    "parameters role id tools args fileData image other".split()
)
values = st.recursive(
    st.none() | st.integers() | st.floats() | st.text("aä \n", max_size=5) | st.just(PNG),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(names, values, max_size=5))
def test_any_json_can_be_read(body: dict[str, Any]) -> None:
    found = contents.of_body(body)
    assert all(isinstance(text, str) for text in found.all_texts())
    assert all(isinstance(url, str) for url in found.images)


@given(st.dictionaries(names, values, max_size=3), st.lists(names, min_size=1, max_size=6))
def test_a_text_is_found_at_any_place(body: dict[str, Any], path: list[str]) -> None:
    """Blanks make a text of what is in the place of a label or of bytes, but for the latter."""
    hidden: Any = SAID
    for name in reversed(path):
        hidden = [{name: hidden}]
    found = contents.of_body({**body, "messages": hidden})
    assert SAID in found.all_texts() or path[-1] == "data"


@pytest.mark.parametrize(
    ("part", "images", "texts"),
    [
        ({"image_url": {"url": PNG}, "type": "image_url"}, [PNG], []),
        ({"image_url": PNG, "type": "input_image"}, [PNG], []),
        ({"image_url": "https://a.example/b.png"}, ["https://a.example/b.png"], []),
        ({"image_url": "not an address"}, [], ["not an address"]),
        ({"inline_data": {"mime_type": "image/png", "data": "AAAA"}}, [PNG], []),
        ({"inlineData": {"mimeType": "audio/wav", "data": "AAAA"}}, [], []),
        ({"fileData": {"mimeType": "image/png", "fileUri": "gs://a/b"}}, [], []),
        ({"type": "image", "source": {"type": "url", "url": PNG}}, [PNG], []),
        ({"type": "tool_use", "input": {"city": "Rome"}}, [], ["city", "Rome"]),
        ({"type": "document", "source": {"type": "text", "data": "Hi"}}, [], ["Hi"]),
        ({"inlineData": {"mimeType": "text/plain", "data": "SGk="}}, [], ["Hi"]),
        ({"inlineData": {"mimeType": "text/csv", "data": "w7_Dvw"}}, [], ["ÿÿ"]),
        ({"inlineData": {"mimeType": "text/plain", "data": "Hi!"}}, [], ["Hi!"]),
        ({"file": {"file_data": "data:text/plain;base64,SGk="}}, [], ["Hi"]),
        ({"file": {"file_data": "data:application/pdf;base64,SGk="}}, [], []),
        ({"role": "user", "id": "msg_1", "signature": "AAAA"}, [], []),
        ({"role": "pirate", "id": "not a label"}, [], ["pirate", "not a label"]),
    ],
)
def test_the_dialects_own_ways(part: Any, images: list[str], texts: list[str]) -> None:
    found = contents.of_body({"model": "m", "messages": [part]})
    assert (found.images, list(found.all_texts())) == (images, texts)


@pytest.mark.parametrize(
    ("given", "tokens"),
    [([1, 2], [[1, 2]]), ([[1], [2, 3], "x"], [[1], [2, 3]]), ([True, "a"], []), ("x", [])],
)
def test_numbers_of_tokens(given: Any, tokens: list[list[int]]) -> None:
    assert contents.of_body({"prompt": given}).tokens == tokens


@given(st.integers(0, 9_000))
def test_pieces_hold_all_of_a_text(length: int) -> None:
    text = "".join(f"{number:05d}" for number in range(2_000))[:length]
    cut = moderations.pieces([text])
    assert cut[0] + "".join(piece[moderations.OVERLAP :] for piece in cut[1:]) == text
    assert max(map(len, cut)) <= moderations.PIECE + moderations.OVERLAP


def _answer(**result: Any) -> dict[str, Any]:
    return {"results": [result]}


@pytest.mark.parametrize(
    ("result", "thresholds", "verdict"),
    [
        ({"flagged": False, "categories": {"a": False}}, {}, None),
        ({"flagged": True, "categories": {"b": True, "a": True}}, {}, ("a", "b")),
        ({"flagged": True}, {}, ()),
        ({"categories": {"a": True}}, {}, ("a",)),  # as Mistral answers
        ({"categories": {"a": False}}, {}, None),
        (
            {"flagged": True, "categories": {"a": True}, "category_scores": {"a": 0.5}},
            {"a": 0.6},
            None,
        ),
        ({"flagged": False, "categories": {}, "category_scores": {"a": 0.5}}, {"a": 0.5}, ("a",)),
    ],
)
def test_verdicts(result: Any, thresholds: Any, verdict: Any) -> None:
    assert moderations.verdicts(_answer(**result), 1, thresholds) == [verdict]


@pytest.mark.parametrize(
    "answer",
    [None, [], {}, {"results": []}, {"results": [3]}, _answer(), _answer(flagged="no")],
    ids=str,
)
def test_no_verdict_is_no_clean_one(answer: Any) -> None:
    with pytest.raises(NoVerdict):
        moderations.verdicts(answer, 1, {})
    with pytest.raises(NoVerdict):
        moderations.verdicts(_answer(flagged=False), 1, {"a": 0.5})


@given(values)
def test_any_answer_is_a_verdict_or_none(answer: Any) -> None:
    try:
        moderations.verdicts(answer, 1, {"text": 0.5})
        moderations.verdicts({"results": [answer]}, 1, {})
    except NoVerdict:
        pass
