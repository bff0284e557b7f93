"""Testing channels, and what they could offer."""

import asyncio
from dataclasses import asdict
from typing import Any, ClassVar

from admin.base import ApiHandler
from admin.context import TestResult
from admin.errors import ApiError
from admin.schemas.channels import TestAllQuery, TestQuery
from gateway.directory.channels import Channel
from gateway.directory.users import ROLE_ADMIN, ROLE_COMMON

CREATED = 1626777600
TESTS_AT_ONCE = 8


class ChannelTestHandler(ApiHandler):
    """GET /api/channel/test/:id?model=."""

    access: ClassVar[dict[str, int]] = {"GET": ROLE_ADMIN}
    changes_on_get: ClassVar[bool] = True

    async def get(self, channel_id: str) -> None:
        """Send one small request; a failure of the upstream is an answer, not an error of ours."""
        query = self.query(TestQuery())
        channel = await self.context.directory.channels.get(int(channel_id))
        result = await self.context.test_channel(channel, query.get("model"))
        await note_test(self, channel, result)
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
    changes_on_get: ClassVar[bool] = True

    async def get(self) -> None:
        """Test the channels, a few at once; answer each result."""
        disabled_only = self.query(TestAllQuery())["scope"] == "disabled"
        channels = [
            channel
            for channel in self.context.directory.all_channels()
            if not (disabled_only and channel.is_enabled)
        ]
        limit = asyncio.Semaphore(TESTS_AT_ONCE)

        async def test(channel: Channel) -> dict[str, Any]:
            async with limit:
                result = await self.context.test_channel(channel, None)
                await note_test(self, channel, result)
            return {"id": channel.id, "name": channel.name, **asdict(result)}

        self.ok(await asyncio.gather(*map(test, channels)))


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


class ChannelBalanceHandler(ApiHandler):
    """GET /api/channel/update_balance: asking vendors for what is left there."""

    access: ClassVar[dict[str, int]] = {"GET": ROLE_ADMIN}

    async def get(self, channel_id: str = "") -> None:
        """Refuse clearly; nothing is asked of the vendor."""
        raise ApiError(501, "asking vendors for their balance is not part of this version")


async def note_test(handler: ApiHandler, channel: Channel, result: TestResult) -> None:
    """Keep when a channel was tested and how fast it answered."""
    noted = {"test_s": int(handler.context.now_s())}
    if result.ok:
        noted["response_ms"] = int(result.seconds * 1000)
    await handler.context.directory.channels.update(channel.id, noted)
