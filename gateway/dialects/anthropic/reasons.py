"""Why an answer ended: `stop_reason` (Anthropic Messages API) and `finish_reason` (OpenAI chat)."""

from typing import Any

FINISH_OF_STOP = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "pause_turn": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}
STOP_OF_FINISH = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "function_call": "tool_use",
    "content_filter": "refusal",
}


def finish(stop_reason: Any) -> str:
    """Return the finish reason; "stop" for reasons yet unknown."""
    return FINISH_OF_STOP.get(stop_reason, "stop") if isinstance(stop_reason, str) else "stop"


def stop(finish_reason: Any, has_tools: bool) -> str:
    """Return the stop reason. Some vendors say `stop` where they call tools."""
    known = isinstance(finish_reason, str)
    reason = STOP_OF_FINISH.get(finish_reason, "end_turn") if known else "end_turn"
    return "tool_use" if has_tools and reason == "end_turn" else reason
