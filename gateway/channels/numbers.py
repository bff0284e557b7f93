"""What the metrics say of the channels' health."""

from gateway.channels.care import Care
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


def put_care(counts: Counts, care: Care) -> None:
    """Set the metrics of tests to the newest one of each channel that this process made."""
    ok, seconds = counts["channel_test_ok"].values, counts["channel_test_seconds"].values
    ok.clear()
    seconds.clear()
    for channel, latest in care.tests.latest.items():
        ok[(str(channel),)] = float(latest.ok)
        seconds[(str(channel),)] = latest.seconds
