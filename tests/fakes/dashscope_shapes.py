"""What DashScope takes, field by field (dashscope.py)."""

from __future__ import annotations

import re
from typing import Any

from tests.fakes.native import NUMBER, Wrong, check, one_of

_CALL = {
    "id": str,
    "type": one_of("function"),
    "function": {"name": str, "arguments": str},
    "index?": int,
}
_MESSAGE = {
    "role": one_of("system", "user", "assistant", "tool"),
    "content": str,
    "tool_calls?": [_CALL],
    "tool_call_id?": str,
    "name?": str,
}
_PART = {"text?": str, "image?": str}
_FUNCTION = {"name": str, "description?": str, "parameters?": dict}


def _top_p(value: Any, at: str) -> None:
    check(value, NUMBER, at)
    if not 0 < value < 1:
        raise Wrong(400, f"{at}: Range of top_p should be (0.0, 1.0)")


def _choice(value: Any, at: str) -> None:
    if value not in ("auto", "none"):
        check(value, {"type": one_of("function"), "function": {"name": str}}, at)


def _format(value: Any, at: str) -> None:
    schema = {"name": str, "schema": dict, "strict?": bool, "description?": str}
    check(value, {"type": one_of("json_object", "json_schema"), "json_schema?": schema}, at)


_PARAMETERS = {
    "result_format": one_of("message"),
    "incremental_output?": bool,
    "temperature?": NUMBER,
    "top_p?": _top_p,
    "top_k?": int,
    "seed?": int,
    "max_tokens?": int,
    "stop?": [str],
    "presence_penalty?": NUMBER,
    "repetition_penalty?": NUMBER,
    "enable_search?": one_of(True),
    "enable_thinking?": bool,
    "thinking_budget?": int,
    "response_format?": _format,
    "tools?": [{"type": one_of("function"), "function": _FUNCTION}],
    "tool_choice?": _choice,
    "parallel_tool_calls?": bool,
    "translation_options?": {"source_lang": str, "target_lang": str},
}
CHAT = {"model": str, "input": {"messages": [_MESSAGE]}, "parameters": _PARAMETERS}
IN_PARTS = {
    **CHAT,
    "input": {"messages": [{**_MESSAGE, "content": [_PART]}]},
    # Contents of parts are answered as messages anyway.
    "parameters": {"result_format?": one_of("message"), **_PARAMETERS},
}
del IN_PARTS["parameters"]["result_format"]


def _size(value: Any, at: str) -> None:
    if not isinstance(value, str) or re.fullmatch(r"[0-9]+\*[0-9]+", value) is None:
        raise Wrong(400, f"{at} must be such as 1024*1024")


_DRAWING = {
    "n?": int,
    "size?": _size,
    "seed?": int,
    "prompt_extend?": bool,
    "watermark?": bool,
}
TEXT2IMAGE = {
    "model": str,
    "input": {"prompt": str, "negative_prompt?": str},
    "parameters": _DRAWING,
}
DRAW_IN_PARTS = {**IN_PARTS, "parameters": {**_DRAWING, "negative_prompt?": str}}
EMBED = {
    "model": str,
    "input": {"texts": [str]},
    "parameters": {"text_type?": one_of("document", "query"), "dimension?": int},
}
RERANK = {
    "model": str,
    "input": {"query": str, "documents": [str]},
    "parameters": {"return_documents?": bool, "top_n?": int},
}
