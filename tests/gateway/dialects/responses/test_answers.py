"""Whole answers, both ways."""

import pytest

from gateway.dialects.responses import answer
from gateway.relay.errors import RelayError
from tests.gateway.dialects.responses import oracle
from tests.gateway.dialects.responses.examples import AGENT, COMPLETION, USAGE, Json


def completion(message: Json, finish: str | None = "stop", **more: object) -> Json:
    choice = {"index": 0, "finish_reason": finish, "message": {"role": "assistant", **message}}
    return {"id": "chatcmpl-1", "created": 7, "model": "m", "choices": [choice], **more}


def test_everything_in_an_answer_is_kept() -> None:
    found = oracle.response(answer.from_chat(COMPLETION, AGENT))
    assert (found["id"], found["model"], found["created_at"]) == ("resp_Ab1", "m-2", 1_700_000_000)
    assert found["usage"] == USAGE
    thought, said, call, custom = found["output"]
    assert thought["summary"] == [{"type": "summary_text", "text": "Think."}]
    part = said["content"][0]
    assert part["text"] == "ü"
    assert part["annotations"][0]["url"] == "https://a.test"
    assert part["logprobs"][0]["bytes"] == list("ü".encode())
    assert (call["call_id"], call["name"], call["arguments"]) == ("c1", "f", "{}")
    assert (custom["type"], custom["call_id"], custom["input"]) == ("custom_tool_call", "c2", "x")
    assert len({item["id"] for item in found["output"]}) == 4


def test_the_request_is_repeated() -> None:
    found = answer.from_chat(COMPLETION, AGENT)
    same = ("instructions", "temperature", "top_p", "max_output_tokens", "parallel_tool_calls")
    same += (
        "prompt_cache_key",
        "safety_identifier",
        "user",
        "metadata",
        "tool_choice",
        "reasoning",
    )
    assert {name: found[name] for name in same} == {name: AGENT[name] for name in same}
    assert [tool["name"] for tool in found["tools"]] == ["shell", "apply_patch"]
    assert found["text"]["format"]["schema"] == AGENT["text"]["format"]["schema"]
    # What is not done is not claimed.
    assert (found["truncation"], found["store"], found["background"]) == ("disabled", False, False)


@pytest.mark.parametrize(
    ("finish", "status", "reason"),
    [
        ("stop", "completed", None),
        ("tool_calls", "completed", None),
        (None, "completed", None),
        ("eos", "completed", None),
        ("length", "incomplete", "max_output_tokens"),
        ("content_filter", "incomplete", "content_filter"),
    ],
)
def test_finish_reasons(finish: str | None, status: str, reason: str | None) -> None:
    found = oracle.response(answer.from_chat(completion({"content": "a"}, finish), {}))
    assert found["status"] == status
    assert found["incomplete_details"] == ({"reason": reason} if reason else None)
    assert found["output"][0]["status"] == status


@pytest.mark.parametrize(
    ("message", "kinds"),
    [
        ({"content": None}, []),
        ({"content": ""}, []),
        ({"content": "a"}, ["message"]),
        ({"content": None, "refusal": "no"}, ["message"]),
        ({"content": [{"type": "text", "text": "a"}]}, ["message"]),
        ({"content": None, "function_call": {"name": "f", "arguments": "{}"}}, ["function_call"]),
        ({"content": None, "reasoning": "hm"}, ["reasoning"]),
        ({"tool_calls": [{"function": {"name": "f", "arguments": {"a": 1}}}]}, ["function_call"]),
    ],
)
def test_kinds_of_answers(message: Json, kinds: list[str]) -> None:
    found = oracle.response(answer.from_chat(completion(message), {}))
    assert [item["type"] for item in found["output"]] == kinds


def test_ids_come_from_the_request_if_it_has_one() -> None:
    found = answer.from_chat({}, {"model": "m"}, request_id="req-9", created_at=3)
    assert (found["id"], found["model"], found["created_at"]) == ("resp_req9", "m", 3)
    oracle.response(found)


def test_an_answer_comes_back_as_it_was() -> None:
    again = answer.to_chat(answer.from_chat(COMPLETION, AGENT))
    given, found = COMPLETION["choices"][0], again["choices"][0]
    assert found["message"] == given["message"]
    assert found["finish_reason"] == "tool_calls"
    assert {**again["usage"], "total_tokens": 150} == COMPLETION["usage"]
    for name in ("id", "object", "created", "model", "service_tier"):
        assert again[name] == COMPLETION[name]


@pytest.mark.parametrize("finish", ["stop", "length", "content_filter"])
def test_finish_reasons_come_back(finish: str) -> None:
    there = answer.from_chat(completion({"content": "a"}, finish), {})
    assert answer.to_chat(there)["choices"][0]["finish_reason"] == finish


def test_a_response_that_failed_is_an_error() -> None:
    failed = {"status": "failed", "error": {"code": "server_error", "message": "Sorry."}}
    with pytest.raises(RelayError, match="Sorry") as caught:
        answer.to_chat(failed)
    assert (caught.value.status, caught.value.code) == (502, "server_error")
