"""Step 2, route: which channel serves this request."""

from collections.abc import Collection

from gateway.channels.select import choose
from gateway.directory.channels import Channel
from gateway.relay.context import Exchange, Relay
from gateway.relay.errors import RelayError


def route(relay: Relay, x: Exchange) -> None:
    """Choose the first channel. Raises RelayError 400, 404 or 503 when there is none."""
    if x.pinned is not None:
        x.channel = _pinned(relay, x.pinned)
        return
    x.channel = another(relay, x, ())
    if x.channel is None:
        raise _none(relay, x)


def another(relay: Relay, x: Exchange, tried: Collection[int]) -> Channel | None:
    """Choose among the channels that serve this model and task and were not tried yet."""
    channels = relay.directory.channels_for(x.user.group, x.ask.model)
    task = x.ask.endpoint.task
    able = [c for c in channels if relay.catalogue.vendor(c.type).serves(task)]
    return choose(able, tried, relay.rng)


def _pinned(relay: Relay, channel_id: int) -> Channel:
    channel = relay.directory.channel(channel_id)
    if channel is None:
        raise RelayError("channel_not_found", f"There is no channel {channel_id}.")
    if not channel.is_enabled:
        raise RelayError("channel_not_allowed", f"Channel {channel_id} is disabled.")
    return channel


def _none(relay: Relay, x: Exchange) -> RelayError:
    model, group = x.ask.model, x.user.group
    channels = relay.directory.all_channels()
    if any(model in channel.models and group in channel.groups for channel in channels):
        return RelayError(
            "no_available_channel",
            f"No channel that serves `{model}` is available for group `{group}` right now.",
            headers={"Retry-After": "30"},
        )
    return RelayError(
        "model_not_found",
        f"The model `{model}` does not exist or you do not have access to it.",
        param="model",
    )
