"""What a model's name tells about how it thinks and samples (Anthropic Messages API).

Models up to 4.5 take a budget of thinking tokens; later ones decide for themselves (`adaptive`)
and take an effort. From Opus 4.7 on there is nothing to set about sampling. Other vendors'
models behind this API are treated like the older ones, whose fields they copied.
"""

import re

from gateway.dialects.anthropic.fields import Json, obj

# OpenAI's reasoning_effort -> thinking.budget_tokens, which must be at least MIN_BUDGET.
MIN_BUDGET = 1_024
BUDGET_OF_EFFORT = {
    "minimal": MIN_BUDGET,
    "low": 2_048,
    "medium": 8_192,
    "high": 16_384,
    "xhigh": 32_768,
    "max": 49_152,
}
# OpenAI's reasoning_effort -> output_config.effort, for models that think adaptively.
EFFORT_OF_EFFORT = {"minimal": "low"} | {e: e for e in ("low", "medium", "high", "xhigh", "max")}
# The other way, budgets up to this are that effort. Only efforts that every reasoning model has.
EFFORT_OF_BUDGET = ((4_095, "low"), (16_383, "medium"))
HIGHEST = "high"
CHAT_EFFORT = {"low": "low", "medium": "medium", "high": "high", "xhigh": HIGHEST, "max": HIGHEST}

_FAMILY = r"claude-(?:opus|sonnet|haiku|fable|mythos)"
_ADAPTIVE = re.compile(rf"{_FAMILY}-(?:4[-.][6-9](?!\d)|[5-9](?!\d)|preview)")
_NO_SAMPLING = re.compile(rf"{_FAMILY}-(?:4[-.][7-9](?!\d)|[5-9](?!\d)|preview)")
# OpenAI's own models that refuse max_tokens and take max_completion_tokens only.
_NEW_LIMIT = re.compile(r"(?:^|/)(?:o\d|gpt-[5-9])")


def is_adaptive(model: str) -> bool:
    """Whether a model takes an effort rather than a budget of thinking tokens."""
    return _ADAPTIVE.search(model) is not None


def takes_sampling(model: str) -> bool:
    """Whether a model takes temperature, top_p and top_k."""
    return _NO_SAMPLING.search(model) is None


def limit_field(model: str) -> str:
    """Return the name that a chat model has for the limit of its output."""
    return "max_completion_tokens" if _NEW_LIMIT.search(model) else "max_tokens"


def thinks(body: Json) -> bool:
    """Whether a Messages request asks for thinking, so that its answer may show some."""
    return obj(body.get("thinking")).get("type") in ("enabled", "adaptive", "between_tools")


def chat_effort(body: Json) -> str | None:
    """Return the reasoning_effort that a Messages request asks for; None leaves it to the model."""
    if not thinks(body):
        return None
    said = obj(body.get("output_config")).get("effort")
    if isinstance(said, str):
        return CHAT_EFFORT.get(said, HIGHEST)
    budget = obj(body.get("thinking")).get("budget_tokens")
    if isinstance(budget, bool) or not isinstance(budget, int):
        return None
    return next((effort for limit, effort in EFFORT_OF_BUDGET if budget <= limit), HIGHEST)
