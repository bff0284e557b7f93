"""Edits that are only tried: checked like a publication, exact, and nothing else moves."""

from pathlib import Path
from typing import Any

import pytest

from ledger.errors import InvalidPrices
from ledger.price_edits import edited, read_edits
from ledger.price_rows import checked_row
from ledger.price_table import PriceTable

ROWS = [
    {"model": "a", "input": "1", "cached": "0.5", "output": "4"},
    {"model": "b", "input": "2"},
    {"model": "c", "calls": "0.1"},
]


def base() -> PriceTable:
    rows = [checked_row(row) for row in ROWS]
    return PriceTable(4, {row["model"]: row for row in rows}, {"vip": "0.5", "x": "2"})


def test_rows_and_groups_replace_what_they_name() -> None:
    before = base()
    table = edited(
        before,
        {
            "set": [{"model": "a", "input": "3"}],
            "unset": ["b"],
            "groups": {"vip": "1"},
            "unset_groups": ["x"],
        },
    )
    assert table.rows["a"] == {"model": "a", "input": "3", "output": "3"}
    assert set(table.rows) == {"a", "c"} and table.groups == {"vip": "1"}
    assert before.rows == base().rows and before.groups == base().groups


def test_ratios_move_the_models_that_they_name_and_no_other() -> None:
    table = edited(base(), {"model_ratio": {"a": "1"}, "completion_ratio": {"b": 3}})
    assert table.rows["a"] == {
        "model": "a",
        "input": "2",
        "cached": "1",
        "output": "8",
        "source": "operator",
    }
    assert table.rows["b"]["output"] == "6" and table.rows["c"]["calls"] == "0.1"


@pytest.mark.parametrize(
    "edits",
    [
        {"rows": []},
        {"set": {"model": "a"}},
        {"set": [{"model": "a", "input": "-1"}]},
        {"set": [{"model": "a", "input": 0.1}]},
        {"groups": ["vip"]},
        {"groups": {"vip": "cheap"}},
        {"model_ratio": {"a": 0.5}},
        {"completion_ratio": {"nobody": "2"}},
        {"unset": ["a"], "set": [{"model": "a", "input": "1"}]},
    ],
)
def test_bad_edits_are_refused(edits: dict[str, Any]) -> None:
    with pytest.raises(InvalidPrices):
        edited(base(), edits)


def test_a_file_is_read_as_it_is_written(tmp_path: Path) -> None:
    file = tmp_path / "prices.yaml"
    file.write_text(
        "set:\n- model: a\n  input: 0.10\n  max_output_tokens: 99\n"
        "  tiers: [{above_input_tokens: 200000, input: 0.3}]\n"
        "groups: {vip: 0.1}\nmodel_ratio:\n  b: 0.000000000003\n"
    )
    table = edited(base(), read_edits(file))
    assert table.rows["a"]["input"] == "0.1" and table.rows["a"]["max_output_tokens"] == 99
    assert table.rows["a"]["tiers"] == [{"above_input_tokens": 200_000, "input": "0.3"}]
    assert table.groups["vip"] == "0.1"
    assert table.rows["b"]["input"] == "0.000000000006"
    file.write_text("- a list\n")
    with pytest.raises(InvalidPrices, match="needs fields"):
        read_edits(file)
    file.write_text("set: [\n")
    with pytest.raises(InvalidPrices, match=r"prices\.yaml"):
        read_edits(file)
    with pytest.raises(InvalidPrices):
        read_edits(tmp_path / "nowhere.yaml")
