"""How much a model should think: Gemini's thinkingConfig and OpenAI's reasoning_effort.

Gemini 2.5 takes a budget of tokens, later models take a level, earlier ones do not think (Gemini
API: thinking; the budgets are those of Google's own endpoint for OpenAI clients).
"""

import re
from typing import Any

from gateway.dialects.gemini.fields import (
    Json,
    a_boolean,
    a_text,
    a_whole,
    an_object,
    get,
    refuse,
)

FIRST_THINKING = 2.5
FIRST_WITH_LEVELS = 3.0

LEVELS = {
    "none": "MINIMAL",
    "minimal": "MINIMAL",
    "low": "LOW",
    "medium": "MEDIUM",
    "high": "HIGH",
    "xhigh": "HIGH",
    "max": "HIGH",
}
BUDGETS = {
    "none": 0,
    "minimal": 1_024,
    "low": 1_024,
    "medium": 8_192,
    "high": 24_576,
    "xhigh": 24_576,
    "max": 24_576,
}
# Models named pro cannot be kept from thinking.
_LEAST_LEVEL_OF_PRO = "LOW"
_LEAST_BUDGET_OF_PRO = 128

EFFORTS = {
    "MINIMAL": "minimal",
    "LOW": "low",
    "MEDIUM": "medium",
    "HIGH": "high",
    "XHIGH": "xhigh",
}
# The effort for a budget of at most so many tokens.
EFFORT_BY_BUDGET = ((0, "none"), (1_024, "low"), (8_192, "medium"))
_MOST_EFFORT = "high"
_FIELDS = {"thinkingBudget": a_whole, "thinkingLevel": a_text, "includeThoughts": a_boolean}


def generation(model: Any) -> float:
    """Return a model's generation by its name: 2.5 for gemini-2.5-pro, 0 for what is no Gemini.

    Names without a number (gemini-flash-latest) are of the newest.
    """
    name = model if isinstance(model, str) else ""
    if "gemini" not in name:
        return 0.0
    found = re.search(r"gemini-(\d{1,2}(?:\.\d{1,2})?)", name, re.ASCII)
    return float(found.group(1)) if found else FIRST_WITH_LEVELS


def to_effort(config: Any, param: str) -> str | None:
    """Return the effort for a thinkingConfig; None where the model may think as it likes.

    Raises RelayError 400 for wrong types and unknown levels.
    """
    asked = an_object(config, param)
    level = a_text(get(asked, "thinkingLevel"), f"{param}.thinkingLevel").upper()
    if level and level != "THINKING_LEVEL_UNSPECIFIED":
        if level not in EFFORTS:
            refuse(f"{param}.thinkingLevel", f"one of {', '.join(EFFORTS)}")
        return EFFORTS[level]
    budget = get(asked, "thinkingBudget")
    if budget is None:
        return None
    tokens = a_whole(budget, f"{param}.thinkingBudget")
    if tokens < 0:
        return None
    return next((word for most, word in EFFORT_BY_BUDGET if tokens <= most), _MOST_EFFORT)


def from_effort(body: Json, google: Json) -> Json | None:
    """Return the thinkingConfig for a chat body, or None.

    One in Google's own extension (`google`) goes before reasoning_effort. Raises RelayError 400 for
    an unknown effort.
    """
    given = get(google, "thinkingConfig")
    if given is not None:
        param = "extra_body.google.thinking_config"
        own = an_object(given, param)
        found = {name: get(own, name) for name in _FIELDS if get(own, name) is not None}
        return {name: _FIELDS[name](value, f"{param}.{name}") for name, value in found.items()}
    effort = a_text(body.get("reasoning_effort"), "reasoning_effort").lower()
    if not effort:
        return None
    if effort not in LEVELS:
        refuse("reasoning_effort", f"one of {', '.join(LEVELS)}")
    model = body.get("model")
    born = generation(model)
    if born < FIRST_THINKING:
        return None
    pro = re.search(r"\bpro\b", str(model)) is not None
    config: Json = {}
    if born >= FIRST_WITH_LEVELS:
        level = LEVELS[effort]
        config["thinkingLevel"] = _LEAST_LEVEL_OF_PRO if pro and level == "MINIMAL" else level
    else:
        least = _LEAST_BUDGET_OF_PRO if pro else 0
        config["thinkingBudget"] = max(least, BUDGETS[effort])
    if effort != "none":
        config["includeThoughts"] = True
    return config


def wants_thoughts(body: Json) -> bool:
    """Tell whether a Gemini client asked to see the model's thoughts. Never raises."""
    config = get(body, "generationConfig")
    asked = get(config, "thinkingConfig") if isinstance(config, dict) else None
    return isinstance(asked, dict) and get(asked, "includeThoughts") is True
