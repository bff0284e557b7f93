"""Embeddings, both ways."""

import base64
import struct
from typing import Any

import pytest

from gateway.dialects.gemini import embeddings
from gateway.relay.errors import RelayError


def asked(text: str, **more: Any) -> dict[str, Any]:
    return {"model": "models/e", "content": {"parts": [{"text": text}]}, **more}


def test_one_text() -> None:
    assert embeddings.to_openai(asked("a", taskType="X"), batch=False) == {"input": "a"}
    sized = asked("a", outputDimensionality=256)
    assert embeddings.to_openai(sized, batch=False) == {"input": "a", "dimensions": 256}
    sized = asked("a", embedContentConfig={"outputDimensionality": 256})
    assert embeddings.to_openai(sized, batch=False) == {"input": "a", "dimensions": 256}


def test_many_texts() -> None:
    batch = {"requests": [asked("a", output_dimensionality=8), asked("b", outputDimensionality=8)]}
    made = embeddings.to_openai(batch, batch=True)
    assert made == {"input": ["a", "b"], "dimensions": 8}
    assert embeddings.from_openai({"model": "e", **made}) == {
        "requests": [asked("a", outputDimensionality=8), asked("b", outputDimensionality=8)]
    }
    assert embeddings.from_openai({"model": "models/e", "input": "a"}) == {"requests": [asked("a")]}


@pytest.mark.parametrize(
    ("body", "batch", "param"),
    [
        ({}, False, "content"),
        ({"content": {"parts": [{"inlineData": {}}]}}, False, "content.parts[0]"),
        (asked("a", outputDimensionality="x"), False, "outputDimensionality"),
        ({}, True, "requests"),
        ({"requests": [asked("a"), {}]}, True, "requests[1].content"),
        ({"requests": [asked("a"), asked("b", outputDimensionality=1)]}, True, "requests"),
    ],
)
def test_what_is_refused(body: dict[str, Any], batch: bool, param: str) -> None:
    with pytest.raises(RelayError) as refusal:
        embeddings.to_openai(body, batch)
    assert (refusal.value.status, refusal.value.param) == (400, param)


@pytest.mark.parametrize("given", [None, [], [1, 2], [[1]], [""], "", 7, [None]])
def test_inputs_that_gemini_does_not_take(given: Any) -> None:
    with pytest.raises(RelayError) as refusal:
        embeddings.from_openai({"model": "e", "input": given})
    assert refusal.value.param == "input"


def test_vectors_for_openais_clients() -> None:
    answer = {"embeddings": [{"values": [0.5, -1]}, {"values": [2]}]}
    made = embeddings.answer_to_openai(answer, {"model": "e"})
    assert made == {
        "object": "list",
        "data": [
            {"object": "embedding", "index": 0, "embedding": [0.5, -1]},
            {"object": "embedding", "index": 1, "embedding": [2]},
        ],
        "model": "e",
    }
    counted = embeddings.answer_to_openai({"embedding": {"values": [1.5]}}, {"model": "e"}, 7)
    assert counted["usage"] == {"prompt_tokens": 7, "total_tokens": 7}
    reported = {**answer, "usageMetadata": {"promptTokenCount": 5, "totalTokenCount": 5}}
    usage = embeddings.answer_to_openai(reported, {}, 7)["usage"]
    assert usage == {"prompt_tokens": 5, "total_tokens": 5}


def test_vectors_in_base64() -> None:
    body = {"model": "e", "encoding_format": "base64"}
    made = embeddings.answer_to_openai({"embeddings": [{"values": [0.5, -1, 1e300]}]}, body)
    packed = made["data"][0]["embedding"]
    first, second, _ = struct.unpack("<3f", base64.b64decode(packed))
    assert (first, second) == (0.5, -1)
    back = embeddings.answer_from_openai(made, batch=False)
    assert back["embedding"]["values"][:2] == [0.5, -1]


def test_vectors_for_geminis_clients() -> None:
    data = [{"index": 1, "embedding": [2.0]}, {"index": 0, "embedding": [1.0]}]
    answer = {"data": data, "usage": {"prompt_tokens": 5, "total_tokens": 5}}
    counts = {"promptTokenCount": 5, "totalTokenCount": 5}
    assert embeddings.answer_from_openai(answer, batch=True) == {
        "embeddings": [{"values": [1.0]}, {"values": [2.0]}],
        "usageMetadata": counts,
    }
    assert embeddings.answer_from_openai(answer, batch=False) == {
        "embedding": {"values": [1.0]},
        "usageMetadata": counts,
    }


@pytest.mark.parametrize("odd", [{}, {"data": 7}, {"data": [{"embedding": "?"}]}, {"data": [7]}])
def test_odd_answers(odd: dict[str, Any]) -> None:
    vectors = embeddings.answer_from_openai(odd, batch=True)["embeddings"]
    assert all(vector == {"values": []} for vector in vectors)
    assert embeddings.answer_to_openai(odd, {})["data"] == []
