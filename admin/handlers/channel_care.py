"""How the channels do: rounds and their progress, and the record of each channel."""

from typing import Any, ClassVar

from admin.audit import audit
from admin.base import ApiHandler, Takes
from admin.schemas.channels import ModelsBody
from gateway.directory.care import CareRecords
from gateway.directory.channels import Channel
from gateway.directory.users import ROLE_ADMIN
from ledger.price_table import PriceTable


class _CareBase(ApiHandler):
    @property
    def records(self) -> CareRecords:
        """The records of how channels do."""
        return CareRecords(self.context.directory.store)


class RoundsHandler(_CareBase):
    """GET /api/channel/care."""

    access: ClassVar[dict[str, int]] = {"GET": ROLE_ADMIN}

    async def get(self) -> None:
        """Answer the newest round of each kind, whichever process runs or ran it."""
        rounds = await self.records.rounds()
        self.ok({kind: round_json(found) for kind, found in sorted(rounds.items())})


class ChannelCareHandler(_CareBase):
    """GET /api/channel/:id/care."""

    access: ClassVar[dict[str, int]] = {"GET": ROLE_ADMIN}

    async def get(self, channel_id: str) -> None:
        """Answer what was last found of a channel: test, balance, upstream's models; and, as of
        now, which of its models have no price: `unpriced`."""
        channel = await self.context.directory.channels.get(int(channel_id))
        found = await self.records.get(channel.id)
        kept = {name: value for name, value in found.items() if name != "_id"}
        self.ok({**kept, "unpriced": _unpriced(channel, self.context.books.prices.table())})


def _unpriced(channel: Channel, table: PriceTable) -> list[str]:
    """Return the models that have a price neither by their own name nor by the upstream's."""
    return [
        model
        for model in channel.models
        if table.row(model, channel.type) is None
        and table.row(channel.upstream_model(model), channel.type) is None
    ]


class BalanceHandler(ApiHandler):
    """GET /api/channel/update_balance/:id."""

    access: ClassVar[dict[str, int]] = {"GET": ROLE_ADMIN}
    changes_on_get: ClassVar[bool] = True

    async def get(self, channel_id: str) -> None:
        """Ask the vendor; what it does not say is an answer, not an error of ours."""
        channel = await self.context.directory.channels.get(int(channel_id))
        left = await self.context.care.balances.ask(channel)
        self.bare(
            {
                "success": not left.error,
                "message": left.error,
                "balance": float(left.balance),  # One API's field; `balance_exact` is exact
                "balance_exact": left.balance,
                "balance_currency": left.currency,
            }
        )


class BalancesHandler(ApiHandler):
    """GET /api/channel/update_balance."""

    access: ClassVar[dict[str, int]] = {"GET": ROLE_ADMIN}
    changes_on_get: ClassVar[bool] = True

    async def get(self) -> None:
        """Begin a round over the channels whose vendor shows it; answer how many these are."""
        self.ok({"channels": await self.context.care.balances.begin(self.actor)})


class UpstreamModelsHandler(ApiHandler):
    """/api/channel/:id/upstream_models."""

    access: ClassVar[dict[str, int]] = dict.fromkeys(("GET", "POST"), ROLE_ADMIN)
    takes: ClassVar[Takes] = {"POST": ModelsBody}
    changes_on_get: ClassVar[bool] = True

    async def get(self, channel_id: str) -> None:
        """Ask the upstream for its list, and answer what is new there and what is gone."""
        channel = await self.context.directory.channels.get(int(channel_id))
        found = await self.context.care.models.look(channel)
        if found["error"]:
            self.bare({"success": False, "message": found["error"]})
        else:
            self.ok(found)

    async def post(self, channel_id: str) -> None:
        """Take up and drop models that the newest comparison named."""
        sent = self.body()
        channel = await self.context.directory.channels.get(int(channel_id))
        add, remove = sent["add"], sent["remove"]
        now = await self.context.care.models.apply(channel, add, remove)
        before, after = {"models": list(channel.models)}, {"models": list(now.models)}
        await audit(
            self.context.books, self.actor, "channel.models", channel.account, before, after
        )
        self.ok(after)


def round_json(found: dict[str, Any]) -> dict[str, Any]:
    """A round as admins see it; times are unix seconds."""
    return {
        "running": not found["ended_s"],
        "scope": found["scope"],
        "by": found["by"],
        "total": found["total"],
        "done": found["done"],
        "began_at": found["began_s"],
        "ended_at": found["ended_s"],
        "found": found["found"],
    }
