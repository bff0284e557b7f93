"""What a failed attempt means for its channel: it may rest, or be switched off."""

import asyncio
import logging

from gateway.channels.blame import Blame
from gateway.channels.disable import Decision, decide
from gateway.channels.failure import Failure
from gateway.directory.channels import Channel
from gateway.relay.attempt import Source
from gateway.relay.context import Relay
from ledger.errors import StoreError

AUTOMATIC = "AutomaticDisableChannelEnabled"

log = logging.getLogger("tollgate.channels")


def failed(relay: Relay, source: Source, failure: Failure) -> Blame:
    """Note a failure, and return whose fault it was. Switching off waits for nobody."""
    channel, watch = source.channel, relay.watch
    now_s = relay.clock.monotonic_s()
    whose = watch.failed(channel, source.secret, source.key, failure, source.began_s, now_s)
    automatic = bool(relay.directory.options.get(AUTOMATIC))
    keys_left = watch.keys_left(channel, source.secret)
    if decide(failure, automatic=automatic, keys_left=keys_left) is Decision.DISABLE:
        task = asyncio.create_task(_switch_off(relay, channel, failure))
        relay.background.add(task)
        task.add_done_callback(relay.background.discard)
    return whose


async def _switch_off(relay: Relay, channel: Channel, failure: Failure) -> None:
    try:
        await relay.switch.disable(channel, failure)
    except StoreError as error:
        # The next refusal tries again; until then its key rests.
        log.error("channel %d could not be switched off: %s", channel.id, error)
