"""What goes over the wire in the benchmark, and how a received answer is judged.

The fake upstream sends what is written here, the load generator expects exactly that back. An
answer counts only if all of it came: a gateway cannot look fast by losing, shortening or inventing
something.
"""

from __future__ import annotations

from typing import Any, Final

import orjson

MODEL: Final = "gpt-4o-mini"
PATH: Final = "/v1/chat/completions"
KINDS: Final = ("chat", "stream")
CONTENT_CHUNKS: Final = 39
STREAM_CHUNKS: Final = CONTENT_CHUNKS + 2  # and the finish chunk, and the usage chunk
PIECES: Final = tuple(f" piece{n:02d}" for n in range(CONTENT_CHUNKS))
TEXT: Final = "".join(PIECES)
USAGE: Final[dict[str, Any]] = {
    "prompt_tokens": 41,
    "completion_tokens": CONTENT_CHUNKS,
    "total_tokens": 41 + CONTENT_CHUNKS,
    "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
    "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
}
DONE: Final = b"data: [DONE]\n\n"
COUNTED: Final = ("prompt_tokens", "completion_tokens", "total_tokens")


class WrongAnswer(Exception):
    """An answer that is not the whole of what the upstream sent; the message says in what."""


def request_body(kind: str) -> bytes:
    """The client's body for a kind of request ("chat" or "stream")."""
    body: dict[str, Any] = {
        "model": MODEL,
        "messages": [
            {"role": "system", "content": "You count pieces, in order, without leaving any out."},
            {"role": "user", "content": "Please list the pieces from the first to the last."},
        ],
        "max_tokens": 64,
        "temperature": 0,
    }
    if kind == "stream":
        body |= {"stream": True, "stream_options": {"include_usage": True}}
    return orjson.dumps(body)


def reply() -> bytes:
    """The upstream's whole answer to a request that is not streamed."""
    message = {"role": "assistant", "content": TEXT, "refusal": None}
    return orjson.dumps(
        {
            "id": "chatcmpl-bench0000000000000000000",
            "object": "chat.completion",
            "created": 1_700_000_000,
            "model": MODEL,
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
            "usage": USAGE,
            "system_fingerprint": "fp_bench",
        }
    )


def frames(include_usage: bool) -> list[bytes]:
    """The upstream's stream as server-sent events, `[DONE]` included."""
    deltas: list[dict[str, Any]] = [{"content": piece} for piece in PIECES]
    deltas[0] = {"role": "assistant", **deltas[0]}
    choices: list[list[dict[str, Any]]] = [
        [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": None}] for delta in deltas
    ]
    choices.append([{"index": 0, "delta": {}, "logprobs": None, "finish_reason": "stop"}])
    usages: list[dict[str, Any]] = [{"usage": None} if include_usage else {} for _ in choices]
    if include_usage:
        choices.append([])
        usages.append({"usage": USAGE})
    return [_frame(c, u) for c, u in zip(choices, usages, strict=True)] + [DONE]


def _frame(choices: list[dict[str, Any]], usage: dict[str, Any]) -> bytes:
    chunk = {
        "id": "chatcmpl-bench0000000000000000000",
        "object": "chat.completion.chunk",
        "created": 1_700_000_000,
        "model": MODEL,
        "system_fingerprint": "fp_bench",
        "choices": choices,
    }
    return b"data: " + orjson.dumps(chunk | usage) + b"\n\n"


def judge(kind: str, status: int, body: bytes) -> None:
    """Checks one received answer. Raises WrongAnswer."""
    if status != 200:
        raise WrongAnswer(f"status {status}: {body[:200].decode(errors='replace')}")
    try:
        if kind == "stream":
            _judge_stream(body)
        else:
            _judge_reply(body)
    except (orjson.JSONDecodeError, KeyError, IndexError, TypeError) as error:
        raise WrongAnswer(f"not the expected form: {error!r}") from error


def _judge_reply(body: bytes) -> None:
    answer = orjson.loads(body)
    choice = answer["choices"][0]
    _demand(choice["message"]["content"] == TEXT, "the text is not the upstream's")
    _demand(choice["finish_reason"] == "stop", "no finish_reason")
    _judge_usage(answer["usage"])


def _judge_stream(body: bytes) -> None:
    _demand(body.endswith(DONE), "the stream does not end with [DONE]")
    chunks = [orjson.loads(e[6:]) for e in body[: -len(DONE)].split(b"\n\n") if e[:6] == b"data: "]
    spoken = [chunk["choices"][0] for chunk in chunks if chunk["choices"]]
    text = "".join(choice["delta"].get("content") or "" for choice in spoken)
    _demand(text == TEXT, "the text is not the upstream's")
    _demand(any(choice.get("finish_reason") == "stop" for choice in spoken), "no finish_reason")
    _judge_usage(chunks[-1]["usage"])
    _demand(len(chunks) == STREAM_CHUNKS, f"{len(chunks)} chunks instead of {STREAM_CHUNKS}")


def _judge_usage(usage: dict[str, Any]) -> None:
    _demand(all(usage[name] == USAGE[name] for name in COUNTED), "the usage is not the upstream's")


def _demand(met: bool, otherwise: str) -> None:
    if not met:
        raise WrongAnswer(otherwise)
