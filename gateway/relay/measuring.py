"""Step 4: conversations are measured in one way, images and audio in another."""

from gateway.relay import media_meter, meter
from gateway.relay.attempt import Delivery
from gateway.relay.context import Exchange, Relay
from gateway.relay.measured import Measured
from gateway.relay.stream_meter import StreamMeter


async def measure_whole(relay: Relay, x: Exchange, delivery: Delivery) -> Measured:
    """Measure an answer that came in one piece."""
    if x.ask.known is None:
        return await meter.measure_whole(relay, x, delivery)
    return await media_meter.measure_whole(relay, x, delivery)


async def measure_stream(relay: Relay, x: Exchange, seen: StreamMeter, outcome: str) -> Measured:
    """Measure what a stream delivered until its end, whichever end that was."""
    if x.ask.known is None:
        return await meter.measure_stream(relay, x, seen, outcome)
    return await media_meter.measure(relay, x, media_meter.made_so_far(seen))


async def measure_interrupted(
    relay: Relay, x: Exchange, seen: StreamMeter | None, outcome: str
) -> Measured:
    """Measure an answer that did not come to its end, by the declared rule."""
    if x.ask.known is None:
        return await meter.measure_interrupted(relay, x, seen, outcome)
    return await media_meter.measure_interrupted(relay, x, media_meter.made_so_far(seen), outcome)
