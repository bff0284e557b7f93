"""GET /v1/models: what this key can use, in the form of the client's dialect."""

from gateway.relay.absent import absent, dialect_of
from gateway.relay.admit import identify
from gateway.relay.answer import RelayHandler
from gateway.relay.errors import RelayError
from gateway.relay.gemini import take_key
from gateway.relay.limit import limit_free
from gateway.relay.model_lists import FORMS, Described
from gateway.relay.route import models_for


class ModelsHandler(RelayHandler):
    """All models that the key's owner's group has channels for, and that the key allows."""

    def prepare(self) -> None:
        """See by path and headers whose client this is."""
        super().prepare()
        self.dialect = dialect_of(self.request)
        if self.dialect.name == "gemini":
            take_key(self)

    async def get(self) -> None:
        """List them."""
        models = await self._usable()
        self.send_json(FORMS[self.dialect.name][1]([self._describe(model) for model in models]))

    async def _usable(self) -> list[str]:
        request = self.request
        key, user, _ = await identify(self.relay, request.headers, request.remote_ip or "")
        _, self.standing = await limit_free(self.relay, key, user)
        self._headers.update(self.standing)
        models = models_for(self.relay, user.group)
        return [model for model in models if key.allows_model(model)]

    def _describe(self, model: str) -> Described:
        return FORMS[self.dialect.name][0](model, self.relay.owners.get(model, "custom"))


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

    def delete(self, model: str) -> None:
        """Fine-tuned models are not kept here."""
        raise absent()
