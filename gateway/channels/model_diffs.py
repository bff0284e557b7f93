"""How the models of a channel differ from those that its upstream lists.

The newest difference is kept in the channel's record. Nothing follows from it by itself: a person
says which new models to take up and which that are gone to drop.
"""

from collections.abc import Sequence
from typing import Any

from gateway.channels.listing import FORMS, ListUnknown, Upstream, read_list
from gateway.channels.upstream_keys import read_keys
from gateway.channels.vendor_rounds import VendorRounds
from gateway.directory.care import MODELS
from gateway.directory.channels import Channel
from gateway.directory.errors import Invalid, SecretsLocked

#: More names than that are not kept of either side.
MOST_KEPT = 2_000
SAME, NEW, GONE, UNKNOWN = "same", "new models", "gone models", "failed"

Diff = dict[str, Any]


class ModelDiffs(VendorRounds):
    """Compares."""

    kind, part, good = "models", "list of models", SAME

    def offered(self, channel: Channel) -> bool:
        """Whether the channel's vendor lists its models at all."""
        vendor = self._catalogue.find(channel.type)
        return vendor is not None and vendor.lists_models and vendor.protocol in FORMS

    async def look(self, channel: Channel) -> Diff:
        """Ask the upstream now, and keep and return the difference; `error` is "" or why not.

        `new` are the upstream's names, `gone` the channel's. Raises StoreError.
        """
        found: Diff = {"at_s": self._clock.now_us() // 1_000_000, "error": ""}
        try:
            found |= _diff(channel, await self._listed(channel))
        except ListUnknown as error:
            found["error"] = str(error)
        await self._records.note(channel.id, MODELS, found)
        return found

    async def _listed(self, channel: Channel) -> list[str]:
        vendor = self._catalogue.find(channel.type)
        if vendor is None:
            raise ListUnknown(f"channel type {channel.type} lists no models")
        try:
            key, *_ = read_keys(channel.id, self._directory.secret_of(channel))
        except SecretsLocked as error:
            raise ListUnknown(str(error)) from None
        return await read_list(Upstream(self._pages, channel, vendor, key))

    async def apply(self, channel: Channel, add: Sequence[str], remove: Sequence[str]) -> Channel:
        """Take up and drop models that the newest difference names; `channel` is as just read.

        Raises Invalid for other names and for a channel without any model, NotNow when somebody
        changed the channel meanwhile, StoreError.
        """
        kept = (await self._records.get(channel.id)).get(MODELS) or {}
        for field, names, known in (("add", add, "new"), ("remove", remove, "gone")):
            unknown = sorted(set(names) - set(kept.get(known) or ()))
            if unknown:
                raise Invalid(field, f"{unknown[0]} is not among the {known} models; look again")
        models = [model for model in channel.models if model not in set(remove)]
        models += [model for model in add if model not in models]
        if not models:
            raise Invalid("remove", "a channel needs at least one model")
        changed = await self._directory.channels.set_models(channel, models)
        left = {
            **kept,
            "new": [name for name in kept["new"] if name not in set(add)],
            "gone": [name for name in kept["gone"] if name not in set(remove)],
        }
        await self._records.note(channel.id, MODELS, left)
        return changed

    async def _labels(self, channel: Channel) -> Sequence[str]:
        found = await self.look(channel)
        if found["error"]:
            return (UNKNOWN,)
        labels = [label for label, name in ((NEW, "new"), (GONE, "gone")) if found[name]]
        return labels or (SAME,)


def _diff(channel: Channel, listed: Sequence[str]) -> Diff:
    there, served = set(listed), {channel.upstream_model(model) for model in channel.models}
    gone = [model for model in channel.models if channel.upstream_model(model) not in there]
    new = [model for model in listed if model not in served]
    return {"count": len(listed), "new": new[:MOST_KEPT], "gone": gone[:MOST_KEPT]}
