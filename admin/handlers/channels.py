"""Channels, for admins. The upstream key can be written and never read."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from admin.audit import audit, changed
from admin.base import ApiHandler, Takes
from admin.paging import page_of
from admin.schemas.channels import (
    ChannelCreateBody,
    ChannelListQuery,
    ChannelSearchQuery,
    ChannelUpdateBody,
)
from admin.views import Standing, channel_json, shown
from gateway.directory.care import TESTED, CareRecords
from gateway.directory.channels import KIND_AUTO, Channel
from gateway.directory.upstream_secrets import lines_of
from gateway.directory.users import ROLE_ADMIN
from ledger.accounts import read_many

#: Fields that forms send back as null or "" when they were never set.
_EMPTY = {
    "base_url": "",
    "other": "",
    "tag": "",
    "model_mapping": {},
    "config": {},
    "system_prompt": "",
    "weight": 0,
    "priority": 0,
    "proxy": "",
    "timeouts": {},
    "param_override": {},
    "header_override": {},
    "test_model": "",
    "test_kind": KIND_AUTO,
    "cost_ratio": "",
    "cost_prices": (),
    "rpm": 0,
    "tpm": 0,
    "concurrency": 0,
}


class ChannelBase(ApiHandler):
    """What the routes of channels share."""

    def shown(self, fields: Mapping[str, Any], type_id: int) -> dict[str, Any]:
        """Fields of a channel of a type as records show them: without secrets."""
        found = shown(fields)
        if isinstance(config := found.get("config"), Mapping):
            channels = self.context.directory.channels
            found["config"] = channels.shown_config(type_id, config)
        return found

    async def rows(self, channels: Sequence[Channel]) -> list[dict[str, Any]]:
        """Channels with what the books say of them."""
        store = self.context.books.store
        accounts = await read_many(store, [channel.account for channel in channels])
        records = await CareRecords(store).get_many([channel.id for channel in channels])
        resting, rates = self.context.care.resting(), self.context.care.rates()

        def standing(channel: Channel) -> Standing:
            verdict = records.get(channel.id, {}).get(TESTED, {}).get("verdict", "")
            return Standing(verdict, resting.get(channel.id, 0.0), rates.get(channel.id))

        return [channel_json(c, accounts[c.account], standing(c)) for c in channels]


class ChannelsHandler(ChannelBase):
    """/api/channel/: the list, new channels, changes to one."""

    access: ClassVar[dict[str, int]] = dict.fromkeys(("GET", "POST", "PUT"), ROLE_ADMIN)
    takes: ClassVar[Takes] = {
        "GET": ChannelListQuery,
        "POST": ChannelCreateBody,
        "PUT": ChannelUpdateBody,
    }

    async def get(self) -> None:
        """Answer a page, newest first."""
        query = self.query()
        page = page_of(query)
        channels = self.context.directory.channels
        found = await channels.list(page.number, page.size, filters=_filters(query))
        self.ok(await self.rows(found.items), total=found.total)

    async def post(self) -> None:
        """Create one channel for each line of `key`, alike in everything else.

        With `multi_key` it is one channel, in which the lines take turns.
        """
        sent = self.body()
        keys = lines_of(sent.pop("key", ""))
        if sent.pop("multi_key"):
            keys = ["\n".join(keys)]
        fields = _stored(sent)
        created = await self.context.directory.channels.create_many(fields, keys or [""])
        for channel in created:
            await audit(
                self.context.books,
                self.actor,
                "channel.create",
                channel.account,
                None,
                {**self.shown(fields, channel.type), "key": "set"},
            )
        self.ok(await self.rows(created))

    async def put(self) -> None:
        """Change the fields that were sent; an empty `key` leaves the upstream key as it is.

        Several lines in it are several upstream keys, which take turns.
        """
        sent = self.body()
        channels = self.context.directory.channels
        channel = await channels.get(sent.pop("id"))
        secret, type_id = sent.pop("key", "").strip(), channel.type
        fields = _stored(sent)
        if fields.get("proxy") == channel.proxy:
            del fields["proxy"]  # as it was shown, without its password
        before, after = changed({name: getattr(channel, name) for name in fields}, fields)
        if after or secret:
            channel = await channels.update(channel.id, after, secret or None)
            before, after = self.shown(before, type_id), self.shown(after, channel.type)
            if secret:
                before, after = {**before, "key": "set"}, {**after, "key": "set"}
            await audit(
                self.context.books, self.actor, "channel.update", channel.account, before, after
            )
        self.ok((await self.rows([channel]))[0])


class ChannelSearchHandler(ChannelBase):
    """GET /api/channel/search?keyword=."""

    access: ClassVar[dict[str, int]] = {"GET": ROLE_ADMIN}
    takes: ClassVar[Takes] = {"GET": ChannelSearchQuery}

    async def get(self) -> None:
        """Answer channels whose id is the keyword or whose name starts with it."""
        query = self.query()
        page = page_of(query)
        keyword, channels = query.pop("keyword"), self.context.directory.channels
        found = await channels.search(keyword, page.number, page.size, filters=_filters(query))
        self.ok(await self.rows(found.items), total=found.total)


class ChannelHandler(ChannelBase):
    """/api/channel/:id."""

    access: ClassVar[dict[str, int]] = dict.fromkeys(("GET", "DELETE"), ROLE_ADMIN)

    async def get(self, channel_id: str) -> None:
        """Answer one channel."""
        channel = await self.context.directory.channels.get(int(channel_id))
        self.ok((await self.rows([channel]))[0])

    async def delete(self, channel_id: str) -> None:
        """Delete one channel; requests that run through it are still charged."""
        channel = await self.context.directory.channels.delete(int(channel_id))
        before = {"name": channel.name, "type": channel.type}
        await audit(self.context.books, self.actor, "channel.delete", channel.account, before)
        self.ok()


class DisabledChannelsHandler(ApiHandler):
    """DELETE /api/channel/disabled."""

    access: ClassVar[dict[str, int]] = {"DELETE": ROLE_ADMIN}

    async def delete(self) -> None:
        """Delete every channel that is switched off; answer how many."""
        count = await self.context.directory.channels.delete_disabled()
        after = {"count": count}
        await audit(
            self.context.books, self.actor, "channel.delete_disabled", "channels", None, after
        )
        self.ok(count)


def _stored(sent: dict[str, Any]) -> dict[str, Any]:
    fields = {name: _EMPTY[name] if value is None else value for name, value in sent.items()}
    if fields.get("test_kind") == "":
        fields["test_kind"] = KIND_AUTO
    if "group" in fields:
        fields["groups"] = fields.pop("group")
    return fields


def _filters(query: dict[str, Any]) -> dict[str, Any]:
    stored = {"group": "groups", "model": "models"}
    return {stored.get(name, name): value for name, value in query.items()}
