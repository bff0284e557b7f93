"""Whole answers, both ways."""

from typing import Any

import pytest

from gateway.dialects.gemini import answer, text

SHOWN = {"generationConfig": {"thinkingConfig": {"includeThoughts": True}}}


def candidate(*parts: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"content": {"role": "model", "parts": list(parts)}, "finishReason": "STOP", **more}


def to_chat(*candidates: dict[str, Any], **more: Any) -> dict[str, Any]:
    return answer.to_chat({"candidates": list(candidates), **more})


def test_an_answer_of_an_upstream() -> None:
    made = answer.to_chat(
        {
            "candidates": [
                candidate({"text": "let me", "thought": True}, {"text": "He"}, {"text": "llo"})
            ],
            "usageMetadata": {"promptTokenCount": 3, "candidatesTokenCount": 2},
            "modelVersion": "gemini-2.5-flash",
            "responseId": "r1",
        },
        created=7,
    )
    usage = made.pop("usage")
    assert (usage["prompt_tokens"], usage["completion_tokens"]) == (3, 2)
    assert made == {
        "id": "r1",
        "object": "chat.completion",
        "created": 7,
        "model": "gemini-2.5-flash",
        "choices": [
            {
                "index": 0,
                "message": {
                    "role": "assistant",
                    "content": "Hello",
                    "reasoning_content": "let me",
                },
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
    }


def test_calls_get_ids_that_no_other_answer_has() -> None:
    call = {"functionCall": {"name": "f", "args": {"a": 1}}}
    ids = set()
    for answer_id in ("r1", "r2"):
        choice = to_chat(candidate(call, call), responseId=answer_id)["choices"][0]
        assert choice["finish_reason"] == "tool_calls"
        assert choice["message"]["content"] is None
        assert [c["function"] for c in choice["message"]["tool_calls"]] == [
            {"name": "f", "arguments": '{"a":1}'}
        ] * 2
        ids |= {c["id"] for c in choice["message"]["tool_calls"]}
        again = to_chat(candidate(call, call), responseId=answer_id)["choices"][0]
        assert again == choice
    assert len(ids) == 4
    named = {"functionCall": {"id": "x", "name": "f"}, "thoughtSignature": "c2ln"}
    made = to_chat(candidate(named))["choices"][0]["message"]["tool_calls"]
    assert made == [
        {
            "id": "x",
            "type": "function",
            "function": {"name": "f", "arguments": "{}"},
            "extra_content": {"google": {"thought_signature": "c2ln"}},
        }
    ]


@pytest.mark.parametrize(
    ("reason", "wanted"),
    [
        ("STOP", "stop"),
        ("MAX_TOKENS", "length"),
        ("SAFETY", "content_filter"),
        ("RECITATION", "content_filter"),
        ("PROHIBITED_CONTENT", "content_filter"),
        ("BLOCKLIST", "content_filter"),
        ("SPII", "content_filter"),
        ("IMAGE_SAFETY", "content_filter"),
        ("MALFORMED_FUNCTION_CALL", "stop"),
        ("OTHER", "stop"),
        ("NEW_REASON", "stop"),
        (None, "stop"),
        (["STOP"], "stop"),
    ],
)
def test_finish_reasons(reason: Any, wanted: str) -> None:
    choice = to_chat({**candidate({"text": "a"}), "finishReason": reason})["choices"][0]
    assert choice["finish_reason"] == wanted


@pytest.mark.parametrize(
    ("reason", "wanted"),
    [
        ("stop", "STOP"),
        ("tool_calls", "STOP"),
        ("length", "MAX_TOKENS"),
        ("content_filter", "SAFETY"),
        ("error", "OTHER"),
        (None, "STOP"),
        (7, "OTHER"),
    ],
)
def test_finish_reasons_back(reason: Any, wanted: str) -> None:
    choice = {"message": {"content": "a"}, "finish_reason": reason}
    made = answer.from_chat({"choices": [choice]}, {})
    assert made["candidates"][0]["finishReason"] == wanted


def test_a_blocked_prompt() -> None:
    made = answer.to_chat({"promptFeedback": {"blockReason": "SAFETY"}})
    (choice,) = made["choices"]
    assert choice["finish_reason"] == "content_filter"
    assert choice["message"]["refusal"] == "The prompt was blocked: SAFETY."
    said = {"promptFeedback": {"blockReason": "OTHER", "blockReasonMessage": "Why."}}
    assert answer.to_chat(said)["choices"][0]["message"]["refusal"] == "Why."


def test_an_answer_without_candidates_has_an_empty_choice() -> None:
    (choice,) = answer.to_chat({})["choices"]
    assert (choice["message"]["content"], choice["finish_reason"]) == ("", "stop")


def test_images_both_ways() -> None:
    part = {"inlineData": {"mimeType": "image/png", "data": "AAAA"}}
    made = to_chat(candidate(part))
    url = "data:image/png;base64,AAAA"
    assert made["choices"][0]["message"]["images"] == [
        {"type": "image_url", "image_url": {"url": url}}
    ]
    assert answer.from_chat(made, {})["candidates"][0]["content"]["parts"] == [part]


def test_log_probabilities_both_ways() -> None:
    chances = {
        "chosenCandidates": [{"token": "é", "logProbability": -0.5}],
        "topCandidates": [{"candidates": [{"token": "e", "logProbability": -1.5}]}],
    }
    made = to_chat(candidate({"text": "é"}, logprobsResult=chances))
    assert made["choices"][0]["logprobs"]["content"] == [
        {
            "token": "é",
            "logprob": -0.5,
            "bytes": [195, 169],
            "top_logprobs": [{"token": "e", "logprob": -1.5, "bytes": [101]}],
        }
    ]
    assert answer.from_chat(made, {})["candidates"][0]["logprobsResult"] == chances


CHAT = {
    "id": "c1",
    "model": "gpt-x",
    "choices": [
        {
            "index": 0,
            "message": {
                "role": "assistant",
                "content": "Hello",
                "reasoning_content": "let me",
                "tool_calls": [{"id": "1", "function": {"name": "f", "arguments": '{"a":1}'}}],
            },
            "finish_reason": "tool_calls",
        },
        {"index": 1, "message": {"content": None, "refusal": "No."}, "finish_reason": "stop"},
        {"index": 2, "message": {"content": None}, "finish_reason": "content_filter"},
    ],
    "usage": {
        "prompt_tokens": 10,
        "completion_tokens": 12,
        "prompt_tokens_details": {"cached_tokens": 4},
        "completion_tokens_details": {"reasoning_tokens": 7},
    },
}


def test_an_answer_for_a_client() -> None:
    made = answer.from_chat(CHAT, SHOWN)
    assert made == {
        "candidates": [
            {
                "content": {
                    "role": "model",
                    "parts": [
                        {"text": "let me", "thought": True},
                        {"text": "Hello"},
                        {"functionCall": {"id": "1", "name": "f", "args": {"a": 1}}},
                    ],
                },
                "finishReason": "STOP",
                "index": 0,
            },
            {
                "content": {"role": "model", "parts": [{"text": "No."}]},
                "finishReason": "STOP",
                "index": 1,
            },
            {
                "content": {"role": "model", "parts": [{"text": ""}]},
                "finishReason": "SAFETY",
                "index": 2,
            },
        ],
        "usageMetadata": {
            "promptTokenCount": 10,
            "candidatesTokenCount": 5,
            "totalTokenCount": 22,
            "thoughtsTokenCount": 7,
            "cachedContentTokenCount": 4,
        },
        "modelVersion": "gpt-x",
        "responseId": "c1",
    }


def test_thoughts_are_shown_to_those_who_asked() -> None:
    parts = answer.from_chat(CHAT, {})["candidates"][0]["content"]["parts"]
    assert not any(part.get("thought") for part in parts)


def test_all_text_is_counted() -> None:
    parts = (
        {"text": "a", "thought": True},
        {"text": "b"},
        {"functionCall": {"name": "f", "args": {"x": 1}}},
        {"executableCode": {"code": "c"}},
        {"codeExecutionResult": {"output": "d"}},
        {"inlineData": {"data": "AAAA"}},
    )
    whole = {"candidates": [candidate(*parts), candidate({"text": "e"})]}
    wanted = ["a", "b", "f", '{"x":1}', "c", "d", "e"]
    assert list(text.of_answer(whole)) == wanted
    assert list(text.of_answer([whole, whole])) == wanted * 2
    assert list(text.of_answer({"candidates": 7})) == []
