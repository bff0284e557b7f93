"""The shipped prices cover what the catalogue offers and are as in the package, or say why not."""

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from gateway.commands.prices_check import CONF, check, offers
from gateway.directory.catalogue import Catalogue
from ledger.errors import InvalidPrices
from ledger.price_check import FACTOR, Offer, odd, read_notes, unpriced
from ledger.price_seed import packaged_rows, seed_rows

NOW = datetime(2026, 11, 20, 3, tzinfo=UTC)


@pytest.fixture(scope="module")
def shipped() -> dict[str, Any]:
    rows, _ = seed_rows(CONF / "prices.yaml", int(NOW.timestamp()) * 1_000_000)
    return {row["model"]: row for row in rows}


def test_every_model_that_is_offered_has_a_price_or_a_reason(
    shipped: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert check(shipped, FACTOR, NOW) == 0, capsys.readouterr().out
    notes = read_notes(CONF / "price_notes.yaml")
    catalogue = Catalogue.load(CONF / "providers.yaml")
    lacking = {offer.model for offer in unpriced(offers(catalogue), shipped)}
    strange = {one.model for one in odd(shipped, packaged_rows(NOW), FACTOR)}
    assert set(notes.unpriced) == lacking, "reasons for what is priced"
    assert set(notes.odd) == strange, "reasons for what is not odd"
    assert len(lacking) < len(offers(catalogue)) / 5


def test_what_is_wrong_is_named(
    shipped: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    dear = {**shipped["gpt-4o"], "output": "1000"}
    rows = {name: row for name, row in shipped.items() if name != "gpt-4o-mini"}
    assert check({**rows, "gpt-4o": dear}, FACTOR, NOW) == 1
    said = capsys.readouterr().out
    assert "no price: gpt-4o-mini (OpenAI, type 1)" in said
    assert "odd: gpt-4o output 1000, 10 in genai-prices" in said
    assert "openai\n" in said and "deepseek-ai/" not in said
    assert check(shipped, Decimal("1.5"), NOW) == 1


def test_a_price_for_one_channel_type_counts_for_it_alone() -> None:
    two = [Offer(1, "A", "m"), Offer(2, "B", "m")]
    assert unpriced(two, {"m(2)": {}}) == two[:1]
    assert unpriced(two, {"m": {}}) == []


@pytest.mark.parametrize(
    "ours, theirs, is_odd",
    [
        ("3", "1", False),
        ("3.01", "1", True),
        ("1", "3.01", True),
        ("0", "1", True),
        ("0", "0", False),
    ],
)
def test_what_is_odd(ours: str, theirs: str, is_odd: bool) -> None:
    rows = {"m": {"model": "m", "input": ours}, "other": {"model": "other", "input": "9"}}
    found = odd(rows, {"m": {"model": "m", "input": theirs, "output": "7"}}, FACTOR)
    assert bool(found) is is_odd


@pytest.mark.parametrize(
    "text",
    [
        "",
        "unpriced: []",
        "{unpriced: [{why: short, models: [m]}], odd: []}",
        "{unpriced: [{why: 'long enough to say', models: [m, m]}], odd: []}",
        "a: [",
    ],
)
def test_faulty_notes_are_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "price_notes.yaml"
    path.write_text(text)
    with pytest.raises(InvalidPrices, match="price_notes"):
        read_notes(path)
