"""Testing channels, and what they could offer."""

from typing import ClassVar

from admin.base import ApiHandler, Takes
from admin.schemas.channels import TestAllQuery, TestQuery
from gateway.directory.users import ROLE_ADMIN, ROLE_COMMON

CREATED = 1626777600


class ChannelTestHandler(ApiHandler):
    """GET /api/channel/test/:id?model=&stream=&kind=."""

    access: ClassVar[dict[str, int]] = {"GET": ROLE_ADMIN}
    takes: ClassVar[Takes] = {"GET": TestQuery}
    changes_on_get: ClassVar[bool] = True

    async def get(self, channel_id: str) -> None:
        """Send one small request; a failure of the upstream is an answer, not an error of ours."""
        query = self.query()
        channel = await self.context.directory.channels.get(int(channel_id))
        result = await self.context.care.tests.test(channel, self.actor, **query)
        self.bare(
            {
                "success": result.ok,
                "message": result.message,
                "time": round(result.seconds, 3),
                "modelName": result.model,
            }
        )


class TestAllHandler(ApiHandler):
    """GET /api/channel/test?scope=all|disabled."""

    __test__ = False

    access: ClassVar[dict[str, int]] = {"GET": ROLE_ADMIN}
    takes: ClassVar[Takes] = {"GET": TestAllQuery}
    changes_on_get: ClassVar[bool] = True

    async def get(self) -> None:
        """Begin a round of tests and answer how many channels it is about, without waiting."""
        scope = self.query()["scope"]
        self.ok({"channels": await self.context.care.tests.begin(scope, self.actor)})


class ChannelModelsHandler(ApiHandler):
    """GET /api/channel/models: every model that the catalogue or the price book names."""

    access: ClassVar[dict[str, int]] = {"GET": ROLE_ADMIN}

    async def get(self) -> None:
        """Answer OpenAI's list of models, without the envelope, as One API does."""
        owners: dict[str, str] = {}
        for vendor in self.context.directory.catalogue.vendors():
            for model in vendor.models:
                owners.setdefault(model, vendor.name)
        for row in self.context.books.prices.rows():
            owners.setdefault(row["model"], "custom")
        models = [
            {"id": model, "object": "model", "created": CREATED, "owned_by": owners[model]}
            for model in sorted(owners)
        ]
        self.bare({"success": True, "message": "", "object": "list", "data": models})


class TypeModelsHandler(ApiHandler):
    """GET /api/models: the usual models of each channel type."""

    access: ClassVar[dict[str, int]] = {"GET": ROLE_COMMON}

    async def get(self) -> None:
        """Answer models by channel type."""
        vendors = self.context.directory.catalogue.vendors()
        self.ok({str(vendor.id): list(vendor.models) for vendor in vendors})
