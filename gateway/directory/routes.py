"""Which channels serve a group and a model: an index that is always ready to be read."""

from collections import defaultdict
from collections.abc import Iterable

from gateway.directory.channels import Channel

Route = tuple[str, str]


class Routes:
    """All channels by id, and the enabled ones by (group, model), highest priority first."""

    def __init__(self) -> None:
        self._channels: dict[int, Channel] = {}
        # Those that were deleted never come back; what was read of them before may come after.
        self._gone: set[int] = set()
        self._index: dict[Route, tuple[Channel, ...]] = {}
        self._models: dict[str, dict[str, None]] = defaultdict(dict)
        self._sorted_models: dict[str, list[str]] = {}

    def channel(self, channel_id: int) -> Channel | None:
        """Return a channel that is not deleted, enabled or not."""
        return self._channels.get(channel_id)

    def channels(self) -> list[Channel]:
        """Return all channels that are not deleted, by id."""
        return [self._channels[channel_id] for channel_id in sorted(self._channels)]

    def find(self, group: str, model: str) -> tuple[Channel, ...]:
        """Return the enabled channels that serve the model to the group."""
        return self._index.get((group, model), ())

    def models(self, group: str) -> list[str]:
        """Return the names of all models that the group can use, sorted."""
        known = self._sorted_models.get(group)
        if known is None:
            if group not in self._models:
                return []
            known = self._sorted_models[group] = sorted(self._models[group])
        return list(known)

    def groups(self) -> set[str]:
        """Return the groups that any channel names."""
        return {group for channel in self._channels.values() for group in channel.groups}

    def apply(self, changed: Iterable[Channel]) -> None:
        """Take over changed channels; an older state of a channel than the known one is ignored."""
        removed: dict[Route, set[int]] = defaultdict(set)
        added: dict[Route, list[Channel]] = defaultdict(list)
        for channel in {channel.id: channel for channel in changed}.values():
            known = self._channels.get(channel.id)
            if known is not None and known.changed_us > channel.changed_us:
                continue
            if channel.id in self._gone:
                continue
            for route in _routes(known):
                removed[route].add(channel.id)
            for route in _routes(channel):
                removed[route].add(channel.id)
                added[route].append(channel)
            if channel.deleted:
                self._channels.pop(channel.id, None)
                self._gone.add(channel.id)
            else:
                self._channels[channel.id] = channel
        for route, ids in removed.items():
            self._rebuild(route, ids, added.get(route, []))

    def _rebuild(self, route: Route, removed: set[int], added: list[Channel]) -> None:
        kept = [channel for channel in self._index.get(route, ()) if channel.id not in removed]
        serving = sorted(kept + added, key=lambda channel: (-channel.priority, channel.id))
        group, model = route
        if serving:
            self._index[route] = tuple(serving)
            self._models[group][model] = None
        else:
            self._index.pop(route, None)
            self._models[group].pop(model, None)
        self._sorted_models.pop(group, None)


def _routes(channel: Channel | None) -> Iterable[Route]:
    if channel is None or not channel.is_enabled:
        return ()
    return [(group, model) for group in channel.groups for model in channel.models]
