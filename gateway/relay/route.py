"""Step 2, route: which channel serves this request."""

from collections.abc import Collection

from gateway.channels.affinity import affinity
from gateway.channels.select import choose_in_groups, groups_of
from gateway.dialects.asks import CONVERSATIONS, DRAWN, EMBEDDED, RANKED, SPOKEN, VECTORS
from gateway.dialects.rerank import RERANK
from gateway.directory.channels import Channel
from gateway.directory.vendor import Vendor
from gateway.formats.openai import Endpoint
from gateway.media.asks import GENERATIONS
from gateway.relay.context import Exchange, Relay
from gateway.relay.errors import RelayError


def route(relay: Relay, x: Exchange) -> None:
    """Choose the first channel. Raises RelayError 400, 404 or 503 when there is none."""
    if x.pinned is not None:
        x.channel = pinned_channel(relay, x.pinned)
        vendor = vendor_of(relay, x.channel, x.ask.model)
        if wire_of(vendor, x.ask.endpoint) is None:
            raise not_offered(x.ask.model, x.ask.endpoint)
        return
    x.affinity = affinity(relay.settings.channel_affinity, x.key.id, x.ask.body)
    x.channel = another(relay, x, ())
    if x.channel is None:
        raise none_serves(relay, x.user.group, x.ask.model, x.ask.endpoint)


def another(relay: Relay, x: Exchange, tried: Collection[int]) -> Channel | None:
    """Choose among the channels that serve this model and task and were not tried yet."""
    return pick(relay, x.user.group, x.ask.model, x.ask.endpoint, tried, x.affinity)


def pick(
    relay: Relay,
    group: str,
    model: str,
    endpoint: Endpoint,
    tried: Collection[int] = (),
    belongs: bytes | None = None,
) -> Channel | None:
    """Choose among a group's channels, or those of the groups that it falls back on."""
    groups = [able(relay, each, model, endpoint) for each in serving(relay, group)]
    now_s = relay.clock.monotonic_s()
    cooling = relay.watch.cooling((c.id for channels in groups for c in channels), now_s)
    return choose_in_groups(groups, tried, relay.rng, cooling=cooling, affinity=belongs)


def serving(relay: Relay, group: str) -> tuple[str, ...]:
    """Return the groups whose channels serve a group, its own first."""
    return groups_of(group, relay.settings.group_fallback)


def models_for(relay: Relay, group: str) -> list[str]:
    """Return the names of the models that a group can use, sorted."""
    own, *further = (relay.directory.models_for(each) for each in serving(relay, group))
    return sorted(set(own).union(*further)) if further else own


def able(relay: Relay, group: str, model: str, endpoint: Endpoint) -> list[Channel]:
    """Return the channels that can serve such a request."""
    channels = relay.directory.channels_for(group, model)
    return [c for c in channels if wire_of(vendor_of(relay, c, model), endpoint) is not None]


def vendor_of(relay: Relay, channel: Channel, model: str) -> Vendor:
    """Return a channel's vendor, as it is asked for a model that the channel serves."""
    vendor = relay.catalogue.vendor(channel.type)
    return vendor.of(channel.upstream_model(model)) if vendor.families else vendor


def wire_of(vendor: Vendor, endpoint: Endpoint) -> Endpoint | None:
    """Return the endpoint through which a vendor can serve what a client asks of another one.

    The same one wherever the vendor has it; conversations, vectors, ranks and images can be
    converted; else None.
    """
    if vendor.serves(endpoint.task):
        return endpoint
    wire = None
    if endpoint.task in CONVERSATIONS:
        wire = SPOKEN.get(vendor.protocol)
    elif endpoint.task in VECTORS:
        wire = EMBEDDED.get(vendor.protocol)
    elif endpoint is RERANK:
        wire = RANKED.get(vendor.protocol)
    elif endpoint.task == GENERATIONS.task:
        wire = DRAWN.get(vendor.protocol)
    return wire if wire is not None and vendor.serves(wire.task) else None


def pinned_channel(relay: Relay, channel_id: int) -> Channel:
    """Return a channel that was named by its id. Raises RelayError 400 or 403."""
    channel = relay.directory.channel(channel_id)
    if channel is None:
        raise RelayError("channel_not_found", f"There is no channel {channel_id}.")
    if not channel.is_enabled:
        raise RelayError("channel_not_allowed", f"Channel {channel_id} is disabled.")
    retired = relay.catalogue.vendor(channel.type).retired
    if retired:
        says = f"Channel {channel_id} can't be used: {retired['en']}"
        raise RelayError("channel_not_allowed", says)
    return channel


def not_offered(model: str, endpoint: Endpoint) -> RelayError:
    """Return what to say when those who serve a model have no such endpoint."""
    return RelayError(
        "endpoint_not_offered",
        f"The model `{model}` is not offered at {endpoint.path.replace('{model}', model)}.",
        param="model",
    )


def none_serves(relay: Relay, group: str, model: str, endpoint: Endpoint) -> RelayError:
    """Return what to say when no channel serves a model at an endpoint."""
    groups = set(serving(relay, group))
    channels = relay.directory.all_channels()
    serve = [c for c in channels if model in c.models and not groups.isdisjoint(c.groups)]
    vendors = [vendor_of(relay, c, model) for c in serve]
    if serve and all(vendor.retired for vendor in vendors):
        says = f"The model `{model}` is gone: {vendors[0].retired['en']}"
        return RelayError("model_not_found", says, param="model")
    if serve and not any(wire_of(vendor, endpoint) for vendor in vendors):
        return not_offered(model, endpoint)
    if serve:
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
