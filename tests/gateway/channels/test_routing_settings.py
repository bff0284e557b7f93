"""The settings that routing goes by."""

from pathlib import Path

import pytest

from gateway.channels.affinity import MODES, affinity
from gateway.channels.retry import DEFAULT_STATUSES
from gateway.settings import Settings, SettingsError, resolve

NOWHERE = Path("/nonexistent/.env")


def from_env(**environ: str) -> Settings:
    return resolve({}, environ, NOWHERE)


def test_defaults() -> None:
    settings = from_env()
    assert settings.retry_status == DEFAULT_STATUSES
    assert (settings.enable_metric, settings.metric_queue_size) == (False, 10)
    assert settings.metric_success_rate_threshold == 0.8
    assert affinity(settings.channel_affinity, 1, {}) is None and settings.group_fallback == ()


def test_statuses_and_chains_and_shares_are_read() -> None:
    settings = from_env(
        RETRY_STATUS="408, 429,500-599",
        GROUP_FALLBACK="vip>default, trial > free>default",
        METRIC_SUCCESS_RATE_THRESHOLD=".95",
        ENABLE_METRIC="true",
        METRIC_QUEUE_SIZE="1000",
    )
    assert settings.retry_status == ((408, 408), (429, 429), (500, 599))
    assert settings.group_fallback == (("vip", "default"), ("trial", "free", "default"))
    assert settings.metric_success_rate_threshold == 0.95
    assert (settings.enable_metric, settings.metric_queue_size) == (True, 1000)


def test_every_kind_of_affinity_can_be_set() -> None:
    assert [from_env(CHANNEL_AFFINITY=mode).channel_affinity for mode in MODES] == list(MODES)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("RETRY_STATUS", "4xx"),
        ("RETRY_STATUS", "399"),
        ("RETRY_STATUS", "500-600"),
        ("RETRY_STATUS", "599-500"),
        ("RETRY_STATUS", "429,"),
        ("RETRY_STATUS", "500-"),
        ("RETRY_STATUS", "٤٢٩"),
        ("RETRY_DEADLINE", "-1"),
        ("METRIC_QUEUE_SIZE", "0"),
        ("METRIC_SUCCESS_RATE_THRESHOLD", "80"),
        ("METRIC_SUCCESS_RATE_THRESHOLD", "nan"),
        ("METRIC_SUCCESS_RATE_THRESHOLD", "1.1"),
        ("CHANNEL_AFFINITY", "user"),
        ("GROUP_FALLBACK", "vip"),
        ("GROUP_FALLBACK", "vip>"),
        ("GROUP_FALLBACK", "vip>default>vip"),
        ("GROUP_FALLBACK", "vip>default,vip>free"),
    ],
)
def test_a_bad_value_is_named_with_its_fix(name: str, value: str) -> None:
    with pytest.raises(SettingsError) as refused:
        from_env(**{name: value})
    (problem,) = refused.value.problems
    assert problem.startswith(f"{name}={value}: give ") or "in this version give" in problem
