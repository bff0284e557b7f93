"""GET /v1/models: what this key can use."""

from typing import Any

from gateway.relay.admit import identify
from gateway.relay.answer import RelayHandler
from gateway.relay.errors import RelayError

# One API's constant; nobody knows when a model was made.
CREATED_S = 1626777600
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


class ModelsHandler(RelayHandler):
    """All models that the key's owner's group has channels for, and that the key allows."""

    async def get(self) -> None:
        """List them."""
        models = await self._usable()
        self.send_json({"object": "list", "data": [self._describe(model) for model in models]})

    async def _usable(self) -> list[str]:
        request = self.request
        key, user, _ = await identify(self.relay, request.headers, request.remote_ip or "")
        models = self.relay.directory.models_for(user.group)
        return [model for model in models if key.allows_model(model)]

    def _describe(self, model: str) -> dict[str, Any]:
        return {
            "id": model,
            "object": "model",
            "created": CREATED_S,
            "owned_by": self.relay.owners.get(model, "custom"),
            "permission": [{"id": f"modelperm-{model}", **_RIGHTS}],
            "root": model,
            "parent": None,
        }


class ModelHandler(ModelsHandler):
    """One model."""

    async def get(self, model: str) -> None:  # type: ignore[override]
        """Describe it."""
        if model not in await self._usable():
            raise RelayError(
                "model_not_found",
                f"The model `{model}` does not exist or you do not have access to it.",
                param="model",
            )
        self.send_json(self._describe(model))
