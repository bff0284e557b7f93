"""What the metrics say of the channels' health."""

from gateway.channels.health import Health
from gateway.metrics import Counts


def put_health(counts: Counts, health: Health, now_s: float) -> None:
    """Set the metrics of channels to what is the case at `now_s` of the monotonic clock."""
    gauges = {"channel_rest_seconds": health.resting(now_s), "channel_success_rate": health.rates()}
    for name, found in gauges.items():
        counts[name].values.clear()  # also of those that rest no more
        for channel, value in found.items():
            counts[name].put(value, (str(channel),))
    for (channel, why), times in health.cooldowns.items():
        counts["channel_rests"].put(times, (str(channel), why))
