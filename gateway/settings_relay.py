"""The part of the table of settings that is about relaying requests and choosing channels."""

from dataclasses import dataclass
from pathlib import Path

from gateway.addresses import Network, networks
from gateway.directory.proxies import checked_proxy
from gateway.settings_types import (
    boolean,
    choice,
    fraction,
    group_chains,
    integer,
    path,
    setting,
    status_ranges,
    text,
    url,
)

RELAY, ROUTE = "Relay", "Choosing channels"
PROXY = url("http", "https")


@dataclass(frozen=True, kw_only=True)
class RelaySettings:
    """What requests are sent with, and where. Names end in their unit."""

    relay_timeout_s: int = setting(
        RELAY,
        "RELAY_TIMEOUT",
        0,
        integer(0, 86_400, "seconds"),
        "Seconds that one upstream call may take in all; 0 is no limit.",
    )
    relay_proxy: str | None = setting(
        RELAY,
        "RELAY_PROXY",
        None,
        checked_proxy,
        "HTTP or SOCKS5 proxy for everything that is sent to upstreams; a channel may have its"
        " own.",
        secret=True,
    )
    relay_connect_timeout_s: int = setting(
        RELAY,
        "RELAY_CONNECT_TIMEOUT",
        10,
        integer(1, 3_600, "seconds"),
        "Seconds that connecting to an upstream may take.",
    )
    relay_first_byte_timeout_s: int = setting(
        RELAY,
        "RELAY_FIRST_BYTE_TIMEOUT",
        300,
        integer(1, 86_400, "seconds"),
        "Seconds from a request to the first byte of its answer. An answer that is no stream"
        " usually begins only when all of it is there.",
    )
    relay_idle_timeout_s: int = setting(
        RELAY,
        "RELAY_IDLE_TIMEOUT",
        300,
        integer(1, 86_400, "seconds"),
        "Seconds between two bytes of an upstream's answer.",
    )
    user_content_proxy: str | None = setting(
        RELAY,
        "USER_CONTENT_REQUEST_PROXY",
        None,
        PROXY,
        "HTTP proxy for fetching images that requests link to. It resolves their names, so it must"
        " be the one that refuses addresses of your own network.",
        secret=True,
    )
    user_content_timeout_s: int = setting(
        RELAY,
        "USER_CONTENT_REQUEST_TIMEOUT",
        30,
        integer(1, 600, "seconds"),
        "Seconds that fetching one image that a request links to may take in all.",
    )
    user_content_networks: tuple[Network, ...] = setting(
        RELAY,
        "USER_CONTENT_ALLOWED_NETWORKS",
        (),
        networks,
        "Networks that images may be fetched from although they are not of the open internet, such"
        " as 10.1.0.0/16 for a storage of your own.",
        shown_default="",
    )
    max_body_bytes: int = setting(
        RELAY,
        "MAX_BODY_BYTES",
        33_554_432,
        integer(1024, 1_073_741_824, "bytes"),
        "Largest request body, in bytes; a larger one is answered 413.",
    )
    max_upload_bytes: int = setting(
        RELAY,
        "MAX_UPLOAD_BYTES",
        104_857_600,
        integer(1024, 10_737_418_240, "bytes"),
        "Largest upload (audio to be transcribed, images to be edited), in bytes; a larger one is"
        " answered 413. Beyond 1 MiB it waits in the data directory, not in memory.",
    )
    test_prompt: str = setting(
        RELAY,
        "TEST_PROMPT",
        "Reply with the name of your model and nothing else.",
        text,
        "What a channel test asks.",
    )
    enforce_include_usage: bool = setting(
        RELAY,
        "ENFORCE_INCLUDE_USAGE",
        False,
        boolean,
        "Accepted and always satisfied: usage is asked of every upstream stream, and hidden from"
        " a client that did not ask for it.",
    )
    tiktoken_cache_dir: Path | None = setting(
        RELAY,
        ("TIKTOKEN_CACHE_DIR", "DATA_GYM_CACHE_DIR"),
        None,
        path,
        "Directory of the tokenizer's rank files; they are unpacked into the data directory when"
        " it is not set. Nothing is downloaded.",
    )
    retry_status: tuple[tuple[int, int], ...] = setting(
        ROUTE,
        "RETRY_STATUS",
        ((408, 409), (429, 429), (500, 599)),
        status_ranges,
        "Statuses of an upstream for which a request is tried again on another channel, as often"
        " as the option RetryTimes says. What finds fault with the request itself, such as 400, is"
        " never tried again; refused credentials and calls without an answer always are.",
        shown_default="408-409,429,500-599",
    )
    retry_deadline_s: int = setting(
        ROUTE,
        "RETRY_DEADLINE",
        120,
        integer(0, 86_400, "seconds"),
        "Seconds after its arrival during which a request may be tried again; 0 is no limit.",
    )
    enable_metric: bool = setting(
        ROUTE,
        "ENABLE_METRIC",
        False,
        boolean,
        "Leave a channel alone for a while when too few of its last requests succeeded. What was"
        " the user's fault does not count.",
    )
    metric_queue_size: int = setting(
        ROUTE,
        "METRIC_QUEUE_SIZE",
        10,
        integer(1, 1_000),
        "With ENABLE_METRIC: how many of a channel's last requests are looked at.",
    )
    metric_success_rate_threshold: float = setting(
        ROUTE,
        "METRIC_SUCCESS_RATE_THRESHOLD",
        0.8,
        fraction,
        "With ENABLE_METRIC: the share of them that must succeed.",
    )
    channel_affinity: str = setting(
        ROUTE,
        "CHANNEL_AFFINITY",
        "off",
        choice("off", "key", "conversation"),
        "What comes back to the same channel of a priority while that is to be had, so that prompt"
        " caches stay warm: nothing, all requests of a key, or each conversation. Weights hold.",
    )
    group_fallback: tuple[tuple[str, ...], ...] = setting(
        ROUTE,
        "GROUP_FALLBACK",
        (),
        group_chains,
        "Groups whose channels serve a group when its own cannot, in this order, such as"
        " vip>default,trial>free>default. Prices stay those of the user's group.",
        shown_default="",
    )
