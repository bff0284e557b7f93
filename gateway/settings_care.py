"""The part of the table of settings that is about looking after channels."""

from dataclasses import dataclass

from gateway.settings_types import integer, setting

CARE = "Looking after channels"


@dataclass(frozen=True, kw_only=True)
class CareSettings:
    """How often channels are looked at. Names end in their unit."""

    channel_test_minutes: int = setting(
        CARE,
        "CHANNEL_TEST_FREQUENCY",
        0,
        integer(0, 525_600, "minutes"),
        "Minutes between two rounds of tests of all channels that no person switched off; 0 is"
        " never. Each test is a small request that the upstream bills.",
    )
    channel_update_minutes: int = setting(
        CARE,
        "CHANNEL_UPDATE_FREQUENCY",
        0,
        integer(0, 525_600, "minutes"),
        "Minutes between two rounds of asking the vendors that show it what is left there; 0 is"
        " never.",
    )
    channel_list_minutes: int = setting(
        CARE,
        "CHANNEL_LIST_FREQUENCY",
        1_440,
        integer(0, 525_600, "minutes"),
        "Minutes between two rounds of comparing the channels' models with what their upstreams"
        " list; 0 is never. Nothing is changed by that.",
    )
    price_sync_minutes: int = setting(
        CARE,
        "PRICE_SYNC_FREQUENCY",
        0,
        integer(0, 525_600, "minutes"),
        "Minutes between two comparisons of the price book with the packaged prices of the"
        " installed version; 0 is never. What differs is proposed; no price is changed by that.",
    )
    polling_interval_s: int = setting(
        CARE,
        "POLLING_INTERVAL",
        0,
        integer(0, 240, "seconds"),
        "Seconds between two channels of a round, one after the other; with 0 a few channels are"
        " looked at at once.",
    )
