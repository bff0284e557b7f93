"""Money: exact text in and out."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.money import MAX_NANO, nano_from_quota, parse_usd, quota_ceil, quota_floor, usd

NANO = st.integers(-MAX_NANO, MAX_NANO)


@given(NANO)
def test_text_and_back_is_the_same_amount(nano):
    assert parse_usd(usd(nano)) == nano
    assert Decimal(usd(nano)) * 10**9 == nano


@given(NANO)
def test_text_is_plain_and_trimmed(nano):
    text = usd(nano)
    assert "e" not in text and not text.endswith(".")
    assert "." not in text or not text.endswith("0")


@pytest.mark.parametrize(
    "text", ["", "x", "1e9", "1,5", "--1", "1.", ".5", "NaN", "0.0000000001", "9223372037", "١"]
)
def test_what_is_not_an_exact_amount_is_refused(text):
    with pytest.raises(ValueError):
        parse_usd(text)


@given(st.integers(-(2**50), 2**50))
def test_quota_rounds_balances_down_and_charges_up(nano):
    assert quota_floor(nano) * 2_000 <= nano <= quota_ceil(nano) * 2_000
    assert quota_ceil(nano) - quota_floor(nano) <= 1
    assert nano_from_quota(quota_floor(nano)) <= nano


def test_one_usd_is_500_000_quota():
    assert nano_from_quota(500_000) == parse_usd("1")
    with pytest.raises(ValueError):
        nano_from_quota(2**62)
