"""Models as clients of each dialect expect them listed."""

from collections.abc import Sequence
from typing import Any

# One API's constant; nobody knows when a model was made.
CREATED_S = 1626777600
_CREATED_AT = "2021-07-20T10:40:00Z"
_METHODS = ["generateContent", "streamGenerateContent", "countTokens"]
_RIGHTS = {
    "object": "model_permission",
    "created": CREATED_S,
    "allow_create_engine": True,
    "allow_sampling": True,
    "allow_logprobs": True,
    "allow_search_indices": False,
    "allow_view": True,
    "allow_fine_tuning": False,
    "organization": "*",
    "group": None,
    "is_blocking": False,
}

Described = dict[str, Any]


def openai_model(model: str, owner: str) -> Described:
    """Describe a model as OpenAI does, with the fields that One API adds."""
    return {
        "id": model,
        "object": "model",
        "created": CREATED_S,
        "owned_by": owner,
        "permission": [{"id": f"modelperm-{model}", **_RIGHTS}],
        "root": model,
        "parent": None,
    }


def openai_list(described: Sequence[Described]) -> Described:
    """List models as OpenAI does."""
    return {"object": "list", "data": described}


def anthropic_model(model: str, owner: str) -> Described:
    """Describe a model as Anthropic does."""
    return {"type": "model", "id": model, "display_name": model, "created_at": _CREATED_AT}


def anthropic_list(described: Sequence[Described]) -> Described:
    """List models as Anthropic does, all on one page."""
    return {
        "data": described,
        "has_more": False,
        "first_id": described[0]["id"] if described else None,
        "last_id": described[-1]["id"] if described else None,
    }


def gemini_model(model: str, owner: str) -> Described:
    """Describe a model as Google does."""
    named = {"name": f"models/{model}", "displayName": model, "version": "1"}
    return {**named, "supportedGenerationMethods": _METHODS}


def gemini_list(described: Sequence[Described]) -> Described:
    """List models as Google does, all on one page."""
    return {"models": described}


# dialect: (how it describes a model, how it lists them)
FORMS = {
    "openai": (openai_model, openai_list),
    "anthropic": (anthropic_model, anthropic_list),
    "gemini": (gemini_model, gemini_list),
}
