"""Times as people write them."""

import pytest

from gateway.times import parse_time_us


@pytest.mark.parametrize(
    ("text", "time_us"),
    [
        ("0", 0),
        ("1767225600", 1_767_225_600_000_000),
        ("1767225600.123456", 1_767_225_600_123_456),
        ("2026-01-01", 1_767_225_600_000_000),
        ("2026-01-01T00:00:00Z", 1_767_225_600_000_000),
        ("2026-01-01T08:00:00+08:00", 1_767_225_600_000_000),
        ("2026-01-01T00:00:00.000001", 1_767_225_600_000_001),
    ],
)
def test_good(text: str, time_us: int) -> None:
    assert parse_time_us(text) == time_us


@pytest.mark.parametrize("text", ["", "yesterday", "-1", "nan", "inf", "1e99", "2026-13-01"])
def test_bad(text: str) -> None:
    with pytest.raises(ValueError, match="is not a time"):
        parse_time_us(text)
