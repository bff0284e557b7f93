"""Prices by size and quality: which applies, what is held, and what a charge says of itself."""

import pytest

from ledger.errors import InvalidPrices
from ledger.price_rows import checked_row
from ledger.price_table import PriceTable
from ledger.price_variants import Variant
from ledger.quote import charge_from_factors, explain
from ledger.ratios import WRITERS

ROW = {
    "model": "m",
    "images": "0.04",
    "variants": [
        {"size": "1792x1024", "images": "0.08"},
        {"quality": "HD ", "images": "0.090"},
        {"size": "1024x1792", "images": "0.08"},
        {"size": "1024x1792", "quality": "hd", "images": "0.12"},
    ],
}
MILLI = 1_000_000


def table(*rows, **groups):
    return PriceTable(1, {row["model"]: checked_row(row) for row in rows}, groups)


@pytest.mark.parametrize(
    ("size", "quality", "milli"),
    [
        ("1024x1024", "standard", 40),
        ("1024x1024", "hd", 90),
        ("1792x1024", "standard", 80),
        ("1792x1024", "hd", 80),  # no entry for both: the size says more
        ("1024x1792", "hd", 120),
        ("7x7", "blurred", 40),
        (None, "standard", 80),
        ("1024x1024", None, 90),
        (None, None, 120),
    ],
)
def test_the_entry_that_says_more_applies_and_the_dearest_stands_for_what_is_not_known(
    size, quality, milli
):
    quote = table(ROW).quote("m", "default", variant=Variant(size, quality))
    assert quote.charge_nano({"images": 2}) == 2 * milli * MILLI
    factors = quote.factors_for({"images": 2})
    assert factors["variant"] == f"{quality or 'auto'} {size or 'auto'}"
    assert Variant.named(factors["variant"]) == (size, quality)
    assert charge_from_factors(factors, {"images": 2}) == 2 * milli * MILLI
    assert factors["variant"] in explain(factors, {"images": 2})


def test_rows_without_variants_and_requests_without_sizes_are_as_they_were():
    prices = table(ROW, {"model": "plain", "images": "0.01"})
    plain = prices.quote("plain", "default")
    assert prices.quote("plain", "default", variant=Variant("1x1", "hd")) is plain
    assert "variant" not in plain.factors
    assert prices.quote("m", "default").charge_nano({"images": 1}) == 40 * MILLI
    hd = Variant("1024x1024", "hd")
    assert prices.quote("m", "a", variant=hd) is prices.quote("m", "a", variant=hd)


def test_variants_hold_in_every_tier_and_for_every_class():
    row = {
        "model": "t",
        "input": "1",
        "tiers": [{"above_input_tokens": 10, "input": "2", "image_output": "7"}],
        "variants": [{"quality": "high", "image_output": "50"}],
    }
    quote = table(row).quote("t", "default", variant=Variant("1x1", "high"))
    assert quote.charge_nano({"input": 10, "image_output": 1}) == 10 * 1_000 + 50_000
    assert quote.charge_nano({"input": 11, "image_output": 1}) == 11 * 2_000 + 50_000


def test_equal_variants_have_equal_rows():
    turned = {**ROW, "variants": ROW["variants"][::-1]}
    assert checked_row(ROW) == checked_row(turned)
    assert checked_row(checked_row(ROW)) == checked_row(ROW)


@pytest.mark.parametrize(
    "variants",
    [
        {"size": "1x1"},
        ["hd"],
        [{"images": "1"}],
        [{"size": "1x1"}],
        [{"size": "auto", "images": "1"}],
        [{"size": "a b", "images": "1"}],
        [{"size": 1024, "images": "1"}],
        [{"quality": "hd", "images": 0.5}],
        [{"quality": "hd", "images": "-1"}],
        [{"quality": "hd", "style": "vivid", "images": "1"}],
        [{"quality": "hd", "images": "1"}, {"quality": "HD", "images": "2"}],
        [{"size": f"{n}x1", "images": "1"} for n in range(101)],
    ],
)
def test_variants_that_make_no_sense_are_refused_by_name(variants):
    with pytest.raises(InvalidPrices, match=r"m\.variants"):
        checked_row({"model": "m", "images": "1", "variants": variants})


def test_a_ratio_of_one_api_moves_variants_with_the_rest():
    row = {"model": "t", "input": "2", "variants": [{"quality": "hd", "image_output": "8"}]}

    class Book:
        def table(self):
            return table(row)

        def groups(self):
            return {}

    (moved,) = WRITERS["ModelRatio"](Book(), '{"t": 2}')["set_rows"]
    assert (moved["input"], moved["variants"][0]["image_output"]) == ("4", "16")
