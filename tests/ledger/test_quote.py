"""What a usage costs, to the nano-dollar.

The model here is written apart from the ledger's: unreduced fractions, classes spelled out.
"""

from fractions import Fraction
from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import InvalidEvent, PriceMissing
from ledger.price_rows import checked_row
from ledger.quote import (
    INPUT_CLASSES,
    OUTPUT_CLASSES,
    PLENTY,
    TOOL_CLASSES,
    USAGE_CLASSES,
    Quote,
    exact_text,
    explain,
    unpriced_tools,
)
from ledger.quote import charge_from_factors as slow_charge
from tests.ledger.price_fakes import table_of

GPT = {"input": "2.5", "cached": "1.25", "output": "10"}
CLAUDE = {"input": "3", "cached": "0.3", "cache_write": "3.75", "output": "15"}
LONG = {
    "input": "1.25",
    "output": "10",
    "tiers": [{"above_input_tokens": 200_000, "input": "2.5", "output": "15"}],
}
GROUPS = {"default": "1", "vip": "0.8", "half": "0.5", "free": "0", "third": "0.333333"}


def quote(prices: dict, group: str = "default") -> Quote:
    row = checked_row({"model": "m", **prices})
    return table_of(row, groups=GROUPS).quote("m", group)


@pytest.mark.parametrize(
    ("prices", "group", "usage", "nano"),
    [
        (GPT, "default", {}, 0),
        (GPT, "default", {"input": 0, "output": 0}, 0),
        (GPT, "default", {"input": 1}, 2_500),
        (GPT, "default", {"input": 1000, "output": 500}, 7_500_000),
        (GPT, "vip", {"input": 900, "cached": 100, "output": 50}, 2_300_000),
        (GPT, "free", {"input": 900, "output": 50}, 0),
        (GPT, "nobody-knows", {"input": 1000}, 2_500_000),
        (GPT, "default", {"reasoning": 7}, 70_000),
        (GPT, "default", {"audio_input": 7, "image_input": 1, "cache_write": 2}, 25_000),
        (GPT, "default", {"calls": 1, "images": 3, "seconds": 9, "characters": 5}, 0),
        (CLAUDE, "default", {"input": 1, "cached": 1, "cache_write": 1, "output": 1}, 22_050),
        (CLAUDE, "default", {"cache_write": 1, "cache_write_1h": 2}, 11_250),
        ({**CLAUDE, "cache_write_1h": "6"}, "default", {"cache_write_1h": 2}, 12_000),
        (GPT, "default", {"cache_write_1h": 2}, 5_000),
        ({"web_searches": "0.01"}, "vip", {"web_searches": 3}, 24_000_000),
        (GPT, "default", {"web_searches": 3, "file_searches": 1}, 0),
        ({"input": "0.02"}, "half", {"input": 1}, 10),
        ({"input": "0.02"}, "default", {"input": 1}, 20),
        ({"input": "0.02"}, "default", {"input": 8191}, 163_820),
        ({"input": "0.0001"}, "default", {"input": 1}, 1),
        ({"input": "0.0001"}, "default", {"input": 11}, 2),
        ({"input": "0.000000000001"}, "default", {"input": 1}, 1),
        ({"input": "1"}, "third", {"input": 1}, 334),
        ({"input": "1"}, "third", {"input": 3_000_000}, 999_999_000),
        (LONG, "default", {"input": 200_000}, 250_000_000),
        (LONG, "default", {"input": 200_001}, 500_002_500),
        (LONG, "default", {"input": 100_000, "cached": 100_001, "output": 1}, 500_017_500),
        ({"images": "0.04"}, "vip", {"images": 3, "input": 50}, 96_000_000),
        ({"calls": "0.005", "input": "1"}, "default", {"calls": 1, "input": 10}, 5_010_000),
        ({"seconds": "0.0001"}, "default", {"seconds": 61}, 6_100_000),
        ({"characters": "15"}, "default", {"characters": 4}, 60_000),
        ({"input": "5", "output": "0"}, "default", {"input": 1, "output": 999}, 5_000),
    ],
)
def test_charges_are_exact_to_the_nano_dollar(prices, group, usage, nano):
    priced = quote(prices, group)
    assert priced.charge_nano(usage) == nano
    assert slow_charge(priced.factors_for(usage), usage) == nano


decimals = st.integers(0, 10**12).map(lambda n: f"{n // 10**6}.{n % 10**6:06d}")
tiny = st.integers(0, 10**13).map(lambda n: f"{n // 10**12}.{n % 10**12:012d}")
prices_of_classes = st.dictionaries(st.sampled_from(USAGE_CLASSES), decimals | tiny, min_size=1)
counts = st.integers(-5, 3_000_000)
usages = st.dictionaries(st.sampled_from(USAGE_CLASSES), counts)


@st.composite
def rows(draw):
    row = dict(draw(prices_of_classes))
    starts = sorted(draw(st.sets(st.integers(1, 2_000_000), max_size=3)))
    if starts:
        row["tiers"] = [
            {"above_input_tokens": start, **draw(prices_of_classes)} for start in starts
        ]
    return checked_row({"model": "m", **row})


def by_hand(row: dict, ratio: str, usage: dict) -> int:
    """Charge in nano-dollars, from the row as it was published."""
    context = sum(max(usage.get(c, 0), 0) for c in INPUT_CLASSES)
    prices = {name: text for name, text in row.items() if name in USAGE_CLASSES}
    base = dict(prices)
    for tier in row.get("tiers", []):
        if context > tier["above_input_tokens"]:
            prices = {**base, **{k: v for k, v in tier.items() if k in USAGE_CLASSES}}
    usd = Fraction(0)
    for name in usage:
        other = "input" if name in INPUT_CLASSES else "output" if name in OUTPUT_CLASSES else name
        if name == "cache_write_1h" and name not in prices and "cache_write" in prices:
            other = "cache_write"
        price = Fraction(prices[name] if name in prices else prices.get(other, "0"))
        pieces = ("calls", "images", "seconds", "web_searches", "file_searches")
        thing = 1 if name in pieces else 1_000_000
        usd += Fraction(max(usage[name], 0), thing) * price
    return ceil(usd * Fraction(ratio) * 1_000_000_000)


ratios = st.integers(0, 20 * 10**6).map(lambda n: f"{n // 10**6}.{n % 10**6:06d}")


def fits(row: dict, ratio: str, usage: dict) -> bool:
    return by_hand(row, ratio, usage) < 2**63


def compiled(row: dict, ratio: str) -> Quote:
    return table_of(row, groups={"g": ratio}).quote("m", "g")


@given(rows(), ratios, usages)
def test_a_charge_is_the_exact_sum_rounded_up_once(row, ratio, usage):
    priced = compiled(row, ratio)
    if not fits(row, ratio, usage):
        with pytest.raises(InvalidEvent):
            priced.charge_nano(usage)
        return
    charge = priced.charge_nano(usage)
    assert charge == by_hand(row, ratio, usage)
    assert charge == slow_charge(priced.factors_for(usage), usage)
    assert explain(priced.factors_for(usage), usage)


@given(rows(), ratios, usages)
def test_what_an_explanation_calls_exact_is_exact_and_rounding_adds_less_than_a_nano(
    row, ratio, usage
):
    factors = compiled(row, ratio).factors_for(usage)
    exact = Fraction(exact_text(factors, usage)) * 10**9
    rounded = slow_charge(factors, usage)
    assert rounded == ceil(exact) == by_hand(row, ratio, usage)
    assert 0 <= rounded - exact < 1


@given(rows(), ratios, st.lists(usages, min_size=2, max_size=4))
def test_one_call_never_costs_more_than_its_parts(row, ratio, parts):
    """Rounded once, at the end: splitting a usage can only cost more, below the first tier."""
    base = {name: value for name, value in row.items() if name != "tiers"}
    priced = compiled(base, ratio)
    parts = [{name: max(count, 0) for name, count in part.items()} for part in parts]
    whole = {name: sum(part.get(name, 0) for part in parts) for name in USAGE_CLASSES}
    if fits(base, ratio, whole):
        split = sum(priced.charge_nano(part) for part in parts)
        assert priced.charge_nano(whole) <= split < priced.charge_nano(whole) + len(parts)


ESTIMATED = INPUT_CLASSES + OUTPUT_CLASSES + TOOL_CLASSES


@given(rows(), ratios, st.dictionaries(st.sampled_from(ESTIMATED), counts))
def test_no_call_costs_more_than_its_estimate(row, ratio, usage):
    priced = compiled(row, ratio)
    tokens_in = sum(max(usage.get(c, 0), 0) for c in INPUT_CLASSES)
    tokens_out = sum(max(usage.get(c, 0), 0) for c in OUTPUT_CLASSES)
    tools = {name: usage.get(name, 0) + 1 for name in TOOL_CLASSES}
    estimate = priced.estimate_nano(tokens_in, tokens_out, tools)
    if fits(row, ratio, {**usage, "calls": 1}):
        assert priced.charge_nano({**usage, "calls": 1}) <= estimate


tool_calls = st.dictionaries(st.sampled_from(TOOL_CLASSES), st.integers(-1, 50))


@given(rows(), ratios, st.integers(0, 10**12), st.integers(0, 10**6), tool_calls)
def test_affordable_output_is_the_most_that_the_estimate_allows(
    row, ratio, amount, tokens_in, tools
):
    priced = compiled(row, ratio)
    affordable = priced.affordable_output_tokens(amount, tokens_in, tools)
    if priced.estimate_nano(tokens_in, 0, tools) > amount:
        assert affordable == 0
        return
    assert priced.estimate_nano(tokens_in, affordable, tools) <= amount
    if affordable < PLENTY:
        assert priced.estimate_nano(tokens_in, affordable + 1, tools) > amount


def test_cache_figures_larger_than_the_prompt_never_lower_a_charge():
    honest = quote(CLAUDE).charge_nano({"cached": 1000, "output": 10})
    assert quote(CLAUDE).charge_nano({"input": -500, "cached": 1000, "output": 10}) == honest
    assert quote(CLAUDE).charge_nano({"input": -500, "cached": -1, "output": -10}) == 0
    assert (
        slow_charge(quote(CLAUDE).factors, {"input": -500, "cached": 1000, "output": 10}) == honest
    )


def test_per_second_and_per_call_are_different_prices():
    video = quote({"seconds": "0.5"})
    assert video.charge_nano({"seconds": 15, "calls": 1}) == 7_500_000_000
    assert quote({"calls": "0.5"}).charge_nano({"seconds": 15, "calls": 1}) == 500_000_000


def test_small_charges_are_neither_dropped_nor_raised_to_a_minimum():
    cheap = quote({"input": "0.02"}, "half")
    assert [cheap.charge_nano({"input": n}) for n in range(4)] == [0, 10, 20, 30]


def test_rounding_happens_once_and_not_per_class():
    priced = quote({"input": "0.0004", "output": "0.0004", "cached": "0.0002"})
    assert priced.charge_nano({"input": 1, "output": 1, "cached": 1}) == 1


def test_transcripts_are_charged_by_their_length_and_ratio_not_by_their_words():
    whisper = quote({"seconds": "0.0001"}, "vip")
    assert whisper.charge_nano({"seconds": 60, "output": 900}) == 4_800_000
    assert whisper.charge_nano({"seconds": 60}) == 4_800_000


def test_the_published_output_price_is_the_one_charged():
    assert quote({"input": "1", "output": "1"}).charge_nano({"output": 10}) == 10_000
    assert quote({"input": "1", "output": "7"}).charge_nano({"output": 10}) == 70_000


def test_a_cached_price_of_zero_is_free_and_not_missing():
    assert quote({"input": "1", "cached": "0"}).charge_nano({"cached": 100}) == 0


@pytest.mark.parametrize(
    "usage", [{"tokens": 1}, {"input": 1.5}, {"input": True}, {"input": None}, {"input": "9"}]
)
def test_usage_that_is_not_whole_numbers_of_known_classes_is_refused(usage):
    with pytest.raises(InvalidEvent):
        quote(GPT).charge_nano(usage)
    with pytest.raises(InvalidEvent):
        slow_charge(quote(GPT).factors, usage)


def test_a_charge_beyond_64_bits_is_refused_and_its_estimate_bounded():
    with pytest.raises(InvalidEvent):
        quote({"images": "1000000"}).charge_nano({"images": 10**6})
    assert quote({"input": "1000000"}).estimate_nano(10**15, 0) == 2**63 - 1


@pytest.mark.parametrize("rate", ["1e999999999", "NaN", "1/0", "", "-1", 2.5, None])
def test_factors_that_were_tampered_with_are_refused(rate):
    with pytest.raises(InvalidEvent):
        slow_charge({"group_ratio": "1", "rates": {"input": rate or "x"}}, {"input": 1})
    with pytest.raises(InvalidEvent):
        slow_charge({"group_ratio": "1"}, {"input": 1})


def test_factors_name_version_group_and_rates_and_are_not_rebuilt():
    priced = quote(GPT, "vip")
    assert priced.factors == {
        "version": 1,
        "model": "m",
        "group": "vip",
        "group_ratio": "0.8",
        "rates": GPT,
    }
    assert priced.factors_for({"input": 5}) is priced.factors


def test_factors_of_a_tier_name_it():
    priced = quote(LONG)
    assert priced.factors["tier"] is None
    upper = priced.factors_for({"input": 200_001})
    assert upper["tier"] == 200_000
    assert upper["rates"] == {"input": "2.5", "output": "15"}
    assert priced.factors_for({"input": 200_000}) is priced.factors


def test_explanations_show_the_formula_with_its_numbers():
    usage = {"input": 900, "cached": 100, "output": 50, "calls": 1}
    assert explain(quote(GPT, "vip").factors, usage) == (
        "0.8 × (900 input × 2.5 + 100 cached × 1.25 + 50 output × 10) / 1,000,000 = 0.0023 USD"
    )
    assert explain(quote({"input": "0.0001"}).factors, {"input": 11}) == (
        "1 × (11 input × 0.0001) / 1,000,000 = 0.0000000011 USD, rounded up to 0.000000002 USD"
    )
    assert explain(quote({"calls": "0.005", "input": "1"}).factors, {"calls": 1, "input": 10}) == (
        "1 × ((10 input × 1) / 1,000,000 + 1 calls × 0.005) = 0.00501 USD"
    )
    assert "above 200,000 input tokens" in explain(
        quote(LONG).factors_for({"input": 200_001}), {"input": 200_001}
    )
    assert explain(quote(GPT).factors, {"images": 2}) == "0 USD: nothing that has a price was used"


def test_tools_without_a_price_are_free_and_told_and_those_with_one_are_explained():
    usage = {"input": 10, "web_searches": 2, "file_searches": 1}
    assert unpriced_tools(quote(GPT).factors, usage) == ["web_searches", "file_searches"]
    priced = quote({**GPT, "web_searches": "0.01"})
    assert unpriced_tools(priced.factors, usage) == ["file_searches"]
    assert explain(priced.factors, usage) == (
        "1 × ((10 input × 2.5) / 1,000,000 + 2 web_searches × 0.01) = 0.020025 USD"
    )


def test_a_typed_price_wins_for_its_channel_type_only():
    table = table_of(
        checked_row({"model": "m", "input": "1"}), checked_row({"model": "m(33)", "input": "5"})
    )
    assert table.quote("m", "g", 33).charge_nano({"input": 1}) == 5_000
    assert table.quote("m", "g", 1).charge_nano({"input": 1}) == 1_000
    assert table.quote("m", "g").charge_nano({"input": 1}) == 1_000


def test_the_search_suffix_of_qwen_and_command_costs_what_the_model_costs():
    table = table_of(checked_row({"model": "qwen-max", "input": "1"}))
    assert table.quote("qwen-max-internet", "g").factors["model"] == "qwen-max"
    with pytest.raises(PriceMissing):
        table.quote("gpt-4o-internet", "g")


def test_a_model_without_a_price_is_refused_unless_allowed():
    table = table_of()
    with pytest.raises(PriceMissing):
        table.quote("new-model", "g")
    free = table.quote("new-model", "g", allow_unpriced=True)
    assert free.is_free
    assert free.factors["unpriced"] is True
    assert free.charge_nano({"input": 10, "output": 10}) == 0
    assert explain(free.factors, {"input": 10}).startswith("0 USD: this model had no price")
    with pytest.raises(PriceMissing):
        table.quote("new-model", "g")


def test_quotes_are_compiled_once():
    table = table_of(checked_row({"model": "m", "input": "1"}))
    assert table.quote("m", "g") is table.quote("m", "g")
    assert table.quote("m", "g") is not table.quote("m", "h")
