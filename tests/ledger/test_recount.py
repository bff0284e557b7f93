"""Counting charges again: the checkers' arithmetic against exact fractions and the charging one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import InvalidEvent
from ledger.quote import USAGE_CLASSES, Quote, charge_from_factors
from ledger.recount import Recount

decimals = st.decimals(0, 10**6, allow_nan=False, allow_infinity=False, places=12).map(
    lambda d: f"{d:f}".rstrip("0").rstrip(".") or "0"
)
usages = st.dictionaries(st.sampled_from(USAGE_CLASSES), st.integers(0, 10**9))
rates = st.dictionaries(st.sampled_from(USAGE_CLASSES), decimals)


@given(rates, decimals, st.lists(usages, min_size=1, max_size=4))
def test_all_arithmetics_agree(rates, ratio, uses) -> None:
    factors, recount = {"rates": rates, "group_ratio": ratio}, Recount()
    for usage in uses:
        exact = charge_from_factors(factors, usage)
        assert recount.charge_nano(factors, usage) == exact
        if exact < 2**63:
            assert Quote([factors]).charge_nano(usage) == exact


def test_what_is_remembered_is_not_mistaken() -> None:
    recount = Recount()
    assert recount.charge_nano({"rates": {"input": "1"}, "group_ratio": "1"}, {"input": 5}) == 5000
    assert recount.charge_nano({"rates": {"input": "1"}, "group_ratio": "2"}, {"input": 5}) == 10000
    assert recount.charge_nano({"rates": {"calls": "1"}, "group_ratio": "1"}, {"input": 5}) == 0


@pytest.mark.parametrize(
    "factors, usage",
    [
        ({}, {}),
        ({"rates": {"input": "1"}}, {"input": 1}),
        ({"rates": {"input": 1.5}, "group_ratio": "1"}, {"input": 1}),
        ({"rates": {"input": "-1"}, "group_ratio": "1"}, {"input": 1}),
        ({"rates": {"input": "1e3"}, "group_ratio": "1"}, {"input": 1}),
        ({"rates": [], "group_ratio": "1"}, {"input": 1}),
        ({"rates": {"input": "1"}, "group_ratio": "1"}, {"input": 1.0}),
        ({"rates": {"input": "1"}, "group_ratio": "1"}, {"input": True}),
        ({"rates": {"input": "1"}, "group_ratio": "1"}, {"tokens": 1}),
        ({"rates": {"input": "1"}, "group_ratio": "1"}, {"tokens": 0}),
    ],
)
def test_what_is_no_charge_is_refused(factors, usage) -> None:
    with pytest.raises(InvalidEvent):
        Recount().charge_nano(factors, usage)
