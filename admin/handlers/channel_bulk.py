"""Many channels at once, and copies."""

from collections.abc import Sequence
from typing import Any, ClassVar

from marshmallow import ValidationError

from admin.audit import audit, changed
from admin.base import Takes
from admin.handlers.channels import ChannelBase
from admin.schemas.channels import BulkBody, CopyBody
from gateway.directory.channels import STATUS_DISABLED, STATUS_ENABLED, Channel
from gateway.directory.errors import DirectoryError
from gateway.directory.users import ROLE_ADMIN

MOST = 1_000
_STATUSES = {"enable": STATUS_ENABLED, "disable": STATUS_DISABLED}
# What a copy does not take over: what was found of the other one, and its keys' sealed forms.
_NOT_COPIED = frozenset(
    "id secret_enc config config_enc proxy proxy_enc status created_s test_s response_ms balance "
    "balance_s balance_currency patch_bytes costs deleted changed_us".split()
)


class BulkHandler(ChannelBase):
    """POST /api/channel/bulk: the same done to the channels of a list, or of a tag."""

    access: ClassVar[dict[str, int]] = {"POST": ROLE_ADMIN}
    takes: ClassVar[Takes] = {"POST": BulkBody}

    async def post(self) -> None:
        """Do it to each; answer how many changed, and which could not be, with the reason.

        With `dry_run` nothing is done, and the channels are answered.
        """
        sent = self.body()
        chosen = await self._chosen(sent)
        if sent["dry_run"]:
            self.ok({"channels": [{"id": c.id, "name": c.name} for c in chosen], "dry_run": True})
            return
        done, failed = 0, []
        for channel in chosen:
            try:
                done += await self._do(channel, sent)
            except DirectoryError as error:
                said = self.say(str(error))
                failed.append({"id": channel.id, "name": channel.name, "message": said})
        self.ok({"changed": done, "of": len(chosen), "failed": failed})

    async def _chosen(self, sent: dict[str, Any]) -> list[Channel]:
        every = await self.context.directory.channels.all()
        if "tag" in sent:
            chosen = [channel for channel in every if channel.tag == sent["tag"]]
        else:
            wanted = set(sent["ids"])
            chosen = [channel for channel in every if channel.id in wanted]
            if missing := wanted.difference(channel.id for channel in chosen):
                raise ValidationError(f"there is no channel {min(missing)}", "ids")
        if len(chosen) > MOST:
            raise ValidationError(f"These are {len(chosen)} channels; at most {MOST} at once.")
        return sorted(chosen, key=lambda channel: channel.id)

    async def _do(self, channel: Channel, sent: dict[str, Any]) -> int:
        """Do it to one; returns 1 if that changed anything. Raises DirectoryError."""
        channels, books, action = (
            self.context.directory.channels,
            self.context.books,
            sent["action"],
        )
        if action == "delete":
            await channels.delete(channel.id)
            before = {"name": channel.name, "type": channel.type}
            await audit(books, self.actor, "channel.delete", channel.account, before)
            return 1
        fields = _edited(channel, sent)
        before, after = changed({name: getattr(channel, name) for name in fields}, fields)
        if not after:
            return 0
        await channels.update(channel.id, after)
        await audit(books, self.actor, "channel.update", channel.account, before, after)
        return 1


class CopyHandler(ChannelBase):
    """POST /api/channel/:id/copy."""

    access: ClassVar[dict[str, int]] = {"POST": ROLE_ADMIN}
    takes: ClassVar[Takes] = {"POST": CopyBody}

    async def post(self, channel_id: str) -> None:
        """Make a channel like another, with its upstream keys, switched off until it is enabled."""
        directory = self.context.directory
        channel = await directory.channels.get(int(channel_id))
        name = self.body().get("name") or f"{channel.name} (copy)"[:100]
        names = Channel.__slots__
        fields = {n: getattr(channel, n) for n in names if n not in _NOT_COPIED}
        fields |= {
            "name": name,
            "status": STATUS_DISABLED,
            "config": directory.channels.config_of(channel),
            "proxy": directory.channels.proxy_of(channel),
        }
        made = await directory.channels.create(fields, directory.channels.secret_of(channel))
        after = {"name": name, "copy_of": channel.account}
        await audit(self.context.books, self.actor, "channel.create", made.account, None, after)
        self.ok((await self.rows([made]))[0])


def _edited(channel: Channel, sent: dict[str, Any]) -> dict[str, Any]:
    if sent["action"] in _STATUSES:
        return {"status": _STATUSES[sent["action"]]}
    fields: dict[str, Any] = {n: sent[n] for n in ("priority", "weight") if n in sent}
    if "set_tag" in sent:
        fields["tag"] = sent["set_tag"]
    if "group" in sent:
        fields["groups"] = sent["group"]
    models = _models(channel.models, sent.get("add_models", ()), sent.get("remove_models", ()))
    if models != channel.models:
        fields["models"] = models
    return fields


def _models(now: Sequence[str], add: Sequence[str], remove: Sequence[str]) -> tuple[str, ...]:
    kept = (model for model in dict.fromkeys((*now, *add)) if model not in set(remove))
    return tuple(kept)
