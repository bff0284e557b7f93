"""Step 2, route: which channel serves this request."""

from collections.abc import Collection

from gateway.channels.select import choose
from gateway.dialects.asks import CONVERSATIONS, SPOKEN
from gateway.directory.catalogue import Vendor
from gateway.directory.channels import Channel
from gateway.formats.openai import Endpoint
from gateway.relay.context import Exchange, Relay
from gateway.relay.errors import RelayError


def route(relay: Relay, x: Exchange) -> None:
    """Choose the first channel. Raises RelayError 400, 404 or 503 when there is none."""
    if x.pinned is not None:
        x.channel = _pinned(relay, x.pinned)
        return
    x.channel = another(relay, x, ())
    if x.channel is None:
        raise none_serves(relay, x.user.group, x.ask.model)


def another(relay: Relay, x: Exchange, tried: Collection[int]) -> Channel | None:
    """Choose among the channels that serve this model and task and were not tried yet."""
    serving = able(relay, x.user.group, x.ask.model, x.ask.endpoint)
    return choose(serving, tried, relay.rng)


def able(relay: Relay, group: str, model: str, endpoint: Endpoint) -> list[Channel]:
    """Return the channels that can serve such a request."""
    vendor = relay.catalogue.vendor
    channels = relay.directory.channels_for(group, model)
    return [c for c in channels if wire_of(vendor(c.type), endpoint) is not None]


def wire_of(vendor: Vendor, endpoint: Endpoint) -> Endpoint | None:
    """Return the endpoint through which a vendor can serve what a client asks of another one.

    The same one wherever the vendor has it; conversations can be converted; else None.
    """
    if vendor.serves(endpoint.task):
        return endpoint
    if endpoint.task in CONVERSATIONS:
        wire = SPOKEN[vendor.protocol]
        return wire if vendor.serves(wire.task) else None
    return None


def _pinned(relay: Relay, channel_id: int) -> Channel:
    channel = relay.directory.channel(channel_id)
    if channel is None:
        raise RelayError("channel_not_found", f"There is no channel {channel_id}.")
    if not channel.is_enabled:
        raise RelayError("channel_not_allowed", f"Channel {channel_id} is disabled.")
    return channel


def none_serves(relay: Relay, group: str, model: str) -> RelayError:
    """Return what to say when no channel serves a model."""
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
