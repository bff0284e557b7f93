"""One API's view of the price book.

Owns the three options that One API's operators and scripts know: ModelRatio (half the input price
in USD per million tokens), CompletionRatio (output price over input price), GroupRatio. Promises
that reading one and writing it back changes nothing, and that a written map becomes one set of
changes or none. Refuses a map as a whole, naming the entry, when anything in it is malformed.

Models that are not priced by input tokens (per image, per second, …) are not in the first two maps
and are not touched by them. Keys are `model` or `model(channel type)`.
"""

import json
import re
from collections.abc import Callable
from decimal import Context, Decimal, DecimalException
from typing import Any, Protocol

from ledger.errors import InvalidPrices
from ledger.price_rows import (
    MAX_DECIMALS,
    Row,
    checked_name,
    checked_row,
    decimal_text,
    price_text,
    prices_of,
)
from ledger.price_table import PriceTable
from ledger.prices import Changes
from ledger.quote import INPUT_CLASSES, OUTPUT_CLASSES

INPUT_USD_PER_RATIO = 2
SIGNIFICANT_DIGITS = 12

Ratios = dict[str, Decimal]

_EXACT = Context(prec=80)
_SHOWN = Context(prec=SIGNIFICANT_DIGITS)
_FINEST = Decimal(1).scaleb(-MAX_DECIMALS)
_TYPED = re.compile(r"(.+)\([0-9]+\)")
_TOKEN_CLASSES = (*INPUT_CLASSES, *OUTPUT_CLASSES)


class Shown(Protocol):
    """What has a price table: the book, or a table that is only tried."""

    def table(self) -> PriceTable: ...
    def groups(self) -> dict[str, str]: ...


def model_ratio(book: Shown) -> Ratios:
    """Return ModelRatio in force: input price / 2 of every model priced by input tokens."""
    return _model_ratios(book.table())


def completion_ratio(book: Shown) -> Ratios:
    """Return CompletionRatio in force: output over input, to 12 digits where it does not end.

    Models whose input is free are not in it.
    """
    return _completion_ratios(book.table())


def group_ratio(book: Shown) -> Ratios:
    """Return GroupRatio in force."""
    return {name: Decimal(ratio) for name, ratio in sorted(book.groups().items())}


def json_text(ratios: Ratios) -> str:
    """Write ratios as the JSON object that One API shows, as exact decimal numbers."""
    entries = (
        f"{json.dumps(name, ensure_ascii=False)}:{decimal_text(ratio)}"
        for name, ratio in ratios.items()
    )
    return "{" + ",".join(entries) + "}"


def changes_from_model_ratio(book: Shown, text: str) -> Changes:
    """Return the changes that make ModelRatio what the JSON text says.

    Models missing from it lose their price. A changed ratio moves all token prices of the model,
    so that their relation to the input price stays; a new `model(channel type)` starts from the
    prices of `model`; another new model gets an output price equal to its input price. Raises
    InvalidPrices.
    """
    wanted = parse_ratios("ModelRatio", text)
    table = book.table()
    shown = _model_ratios(table)
    rows = []
    for model, ratio in wanted.items():
        if shown.get(model) == ratio:
            continue
        input_price = Decimal(price_text(ratio, f"ModelRatio {model}")) * INPUT_USD_PER_RATIO
        row = table.rows.get(model) or _plain_row(table, model) or {}
        moved = _moved(row, input_price)
        rows.append(checked_row({**moved, "model": model, "source": "operator"}))
    return Changes(set_rows=rows, unset=[model for model in shown if model not in wanted])


def changes_from_completion_ratio(book: Shown, text: str) -> Changes:
    """Return the changes that make the entries of CompletionRatio what the JSON text says.

    Models missing from it keep their output price (One API has built-in rules for those). Raises
    InvalidPrices, also for a model without a token price.
    """
    wanted = parse_ratios("CompletionRatio", text)
    table = book.table()
    shown = _completion_ratios(table)
    rows = []
    for model, ratio in wanted.items():
        if shown.get(model) == ratio:
            continue
        price_text(ratio, f"CompletionRatio {model}")
        row = table.rows.get(model) or _plain_row(table, model)
        if row is None or "input" not in row:
            raise InvalidPrices(f"CompletionRatio {model}: give the model a ModelRatio first")
        if not Decimal(row["input"]):
            if row["output"] == "0":
                continue
            raise InvalidPrices(f"CompletionRatio {model}: its input is free, so no ratio fits")
        output = _with_output(row, ratio)
        rows.append(checked_row({**output, "model": model, "source": "operator"}))
    return Changes(set_rows=rows)


def changes_from_group_ratio(book: Shown, text: str) -> Changes:
    """Return the changes that make GroupRatio what the JSON text says; others are removed.

    Raises InvalidPrices.
    """
    wanted = parse_ratios("GroupRatio", text)
    groups = [(name, price_text(r, f"GroupRatio {name}")) for name, r in wanted.items()]
    return Changes(groups=groups, unset_groups=[n for n in book.groups() if n not in wanted])


READERS: dict[str, Callable[[Shown], Ratios]] = {
    "ModelRatio": model_ratio,
    "CompletionRatio": completion_ratio,
    "GroupRatio": group_ratio,
}
WRITERS: dict[str, Callable[[Shown, str], Changes]] = {
    "ModelRatio": changes_from_model_ratio,
    "CompletionRatio": changes_from_completion_ratio,
    "GroupRatio": changes_from_group_ratio,
}


def parse_ratios(option: str, text: str) -> Ratios:
    """Read a JSON object of ratios exactly. Raises InvalidPrices naming the option and the entry.

    Every value is a plain JSON number from 0 to 1,000,000. How fine it may be is checked only
    where it changes a price, so that what was read can be written back.
    """
    try:
        parsed = json.loads(
            text,
            parse_float=Decimal,
            parse_int=Decimal,
            parse_constant=_refuse_constant,
            object_pairs_hook=_refuse_repeats,
        )
    except (ValueError, RecursionError, DecimalException, InvalidPrices) as error:
        raise InvalidPrices(f"{option} is not usable JSON: {str(error)[:200]}") from None
    if not isinstance(parsed, dict):
        raise InvalidPrices(f'{option} must be a JSON object such as {{"name": 1.5}}')
    what = "group" if option == "GroupRatio" else "model"
    for name, ratio in parsed.items():
        checked_name(name, what)
        if not isinstance(ratio, Decimal):
            raise InvalidPrices(f"{option} {name}: {str(ratio)[:40]!r} is not a number")
        if not ratio.is_finite() or not 0 <= ratio <= 10**6:
            raise InvalidPrices(f"{option} {name}: {str(ratio)[:40]} is not within 0 to 1,000,000")
    return parsed


def _refuse_constant(name: str) -> Any:
    raise InvalidPrices(f"{name} is not a number")


def _refuse_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise InvalidPrices(f"{twice} is there twice")
    return found


def _model_ratios(table: PriceTable) -> Ratios:
    return {
        model: _EXACT.divide(Decimal(row["input"]), Decimal(INPUT_USD_PER_RATIO))
        for model, row in sorted(table.rows.items())
        if "input" in row
    }


def _completion_ratios(table: PriceTable) -> Ratios:
    return {
        model: _SHOWN.divide(Decimal(row["output"]), Decimal(row["input"]))
        for model, row in sorted(table.rows.items())
        if "output" in row and Decimal(row.get("input", "0"))
    }


def _plain_row(table: PriceTable, model: str) -> Row | None:
    """Return the row of `model` for a key `model(channel type)`."""
    typed = _TYPED.fullmatch(model)
    return table.rows.get(typed[1]) if typed else None


def _moved(row: Row, input_price: Decimal) -> Row:
    """Return a row with another input price, its other token prices moved in proportion."""
    before = Decimal(row.get("input", "0"))
    if before:
        return _map_prices(row, _TOKEN_CLASSES, lambda price: _scaled(price, input_price, before))
    # Nothing to be in proportion to: what was free with the input follows it by the fallbacks.
    kept = {k: v for k, v in row.items() if k != "tiers" and not (k in _TOKEN_CLASSES and v == "0")}
    return {**kept, "input": _rounded(input_price)}


def _with_output(row: Row, ratio: Decimal) -> Row:
    """Return a row with output = input × ratio; tiers keep their relation to the base output."""
    before = Decimal(row["output"])
    output = _EXACT.multiply(Decimal(row["input"]), ratio)
    if before:
        return _map_prices(row, ("output",), lambda price: _scaled(price, output, before))
    tiers = [{k: v for k, v in tier.items() if k != "output"} for tier in row.get("tiers", ())]
    kept = [tier for tier in tiers if prices_of(tier)]
    for tier in kept:
        if "input" in tier:
            tier["output"] = _rounded(_EXACT.multiply(Decimal(tier["input"]), ratio))
    return {**row, "output": _rounded(output), "tiers": kept}


def _map_prices(row: Row, classes: tuple[str, ...], change: Callable[[Decimal], str]) -> Row:
    changed = {k: change(Decimal(v)) if k in classes else v for k, v in row.items()}
    for name in ("tiers", "variants"):
        if name in row:
            changed[name] = [_map_prices(part, classes, change) for part in row[name]]
    return changed


def _scaled(price: Decimal, after: Decimal, before: Decimal) -> str:
    # Multiplied first: 3 × 2 / 3 is exact, 3 × (2 / 3) is not.
    return _rounded(_EXACT.divide(_EXACT.multiply(price, after), before))


def _rounded(price: Decimal) -> str:
    return decimal_text(price.quantize(_FINEST, context=_EXACT))
