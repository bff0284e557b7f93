"""Requests and answers that use everything there is."""

from typing import Any

Json = dict[str, Any]

IMAGE = "data:image/png;base64,aGVsbG8="
SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}}

# What a coding agent sends in the middle of its work.
AGENT: Json = {
    "model": "m",
    "instructions": "You are an agent.",
    "input": [
        {"type": "message", "role": "developer", "content": [{"type": "input_text", "text": "D"}]},
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Fix it."}]},
        {
            "type": "reasoning",
            "id": "rs_1",
            "summary": [{"type": "summary_text", "text": "Look first."}],
            "encrypted_content": "gAAA",
        },
        {
            "type": "message",
            "id": "msg_1",
            "role": "assistant",
            "content": [{"type": "output_text", "text": "Looking.", "annotations": []}],
        },
        {
            "type": "function_call",
            "id": "fc_1",
            "call_id": "c1",
            "name": "shell",
            "arguments": '{"command":["ls"]}',
        },
        {
            "type": "custom_tool_call",
            "call_id": "c2",
            "name": "apply_patch",
            "input": "*** Begin Patch",
        },
        {"type": "function_call_output", "call_id": "c1", "output": "a.py"},
        {
            "type": "custom_tool_call_output",
            "call_id": "c2",
            "output": [
                {"type": "input_text", "text": "done"},
                {"type": "input_image", "image_url": IMAGE, "detail": "low"},
            ],
        },
        {"type": "message", "role": "user", "content": "Go on."},
    ],
    "tools": [
        {"type": "function", "name": "shell", "parameters": SCHEMA, "strict": False},
        {
            "type": "custom",
            "name": "apply_patch",
            "description": "Patches.",
            "format": {"type": "grammar", "syntax": "lark", "definition": "start: x"},
        },
    ],
    "tool_choice": "auto",
    "parallel_tool_calls": False,
    "reasoning": {"effort": "high", "summary": "auto"},
    "text": {
        "verbosity": "low",
        "format": {"type": "json_schema", "name": "s", "schema": SCHEMA, "strict": True},
    },
    "include": ["reasoning.encrypted_content"],
    "prompt_cache_key": "k",
    "store": False,
    "stream": True,
    "max_output_tokens": 500,
    "temperature": 0.5,
    "top_p": 1,
    "user": "u",
    "safety_identifier": "s",
    "service_tier": "flex",
    "metadata": {"a": "b"},
    "truncation": "auto",
}

AGENT_AS_CHAT: Json = {
    "model": "m",
    "messages": [
        {"role": "system", "content": "You are an agent."},
        {"role": "system", "content": "D"},
        {"role": "user", "content": "Fix it."},
        {
            "role": "assistant",
            "content": "Looking.",
            "reasoning_content": "Look first.",
            "tool_calls": [
                {
                    "id": "c1",
                    "type": "function",
                    "function": {"name": "shell", "arguments": '{"command":["ls"]}'},
                },
                {
                    "id": "c2",
                    "type": "custom",
                    "custom": {"name": "apply_patch", "input": "*** Begin Patch"},
                },
            ],
        },
        {"role": "tool", "tool_call_id": "c1", "content": "a.py"},
        {
            "role": "tool",
            "tool_call_id": "c2",
            "content": "done\nThe tool's images and files follow in the next message.",
        },
        {
            "role": "user",
            "content": [{"type": "image_url", "image_url": {"url": IMAGE, "detail": "low"}}],
        },
        {"role": "user", "content": "Go on."},
    ],
    "tools": [
        {
            "type": "function",
            "function": {"name": "shell", "parameters": SCHEMA, "strict": False},
        },
        {
            "type": "custom",
            "custom": {
                "name": "apply_patch",
                "description": "Patches.",
                "format": {
                    "type": "grammar",
                    "grammar": {"syntax": "lark", "definition": "start: x"},
                },
            },
        },
    ],
    "tool_choice": "auto",
    "parallel_tool_calls": False,
    "reasoning_effort": "high",
    "verbosity": "low",
    "response_format": {
        "type": "json_schema",
        "json_schema": {"name": "s", "schema": SCHEMA, "strict": True},
    },
    "prompt_cache_key": "k",
    "stream": True,
    "stream_options": {"include_usage": True},
    "max_completion_tokens": 500,
    "temperature": 0.5,
    "top_p": 1,
    "user": "u",
    "safety_identifier": "s",
    "service_tier": "flex",
}

COMPLETION: Json = {
    "id": "chatcmpl-Ab1",
    "object": "chat.completion",
    "created": 1_700_000_000,
    "model": "m-2",
    "service_tier": "default",
    "choices": [
        {
            "index": 0,
            "finish_reason": "tool_calls",
            "logprobs": {
                "content": [
                    {
                        "token": "ü",
                        "bytes": None,
                        "logprob": -0.5,
                        "top_logprobs": [{"token": "a", "bytes": [97], "logprob": -1}],
                    }
                ],
                "refusal": None,
            },
            "message": {
                "role": "assistant",
                "content": "ü",
                "refusal": None,
                "reasoning_content": "Think.",
                "annotations": [
                    {
                        "type": "url_citation",
                        "url_citation": {
                            "start_index": 0,
                            "end_index": 1,
                            "url": "https://a.test",
                            "title": "A",
                        },
                    }
                ],
                "tool_calls": [
                    {
                        "id": "c1",
                        "type": "function",
                        "function": {"name": "f", "arguments": "{}"},
                    },
                    {"id": "c2", "type": "custom", "custom": {"name": "g", "input": "x"}},
                ],
            },
        }
    ],
    "usage": {
        "prompt_tokens": 100,
        "completion_tokens": 50,
        "total_tokens": 150,
        "prompt_tokens_details": {"cached_tokens": 60},
        "completion_tokens_details": {"reasoning_tokens": 30},
    },
}

USAGE: Json = {
    "input_tokens": 100,
    "input_tokens_details": {"cached_tokens": 60, "cache_write_tokens": 0},
    "output_tokens": 50,
    "output_tokens_details": {"reasoning_tokens": 30},
    "total_tokens": 150,
}


def chunk(delta: Json | None = None, finish: str | None = None, **more: Any) -> Json:
    """Return a chunk of a chat stream; without a delta one that has no choices."""
    choices = [] if delta is None else [{"index": 0, "delta": delta, "finish_reason": finish}]
    head = {
        "id": "chatcmpl-Ab1",
        "object": "chat.completion.chunk",
        "created": 1_700_000_000,
        "model": "m-2",
    }
    return {**head, "choices": choices, **more}
