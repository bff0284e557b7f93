"""Ratios and prices of the other system, as edits of the price book: one version."""

import json
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from gateway.moving.report import Report
from ledger.errors import InvalidPrices
from ledger.price_edits import edited
from ledger.price_rows import MAX_DECIMALS, checked_name, checked_row, decimal_text, price_text
from ledger.price_table import PriceTable
from ledger.prices import Changes

#: Ratios to the price of input, or of another class, and the class whose price they make.
_CLASSES: Mapping[str, tuple[str, str]] = {
    "CacheRatio": ("cached", "input"),
    "CreateCacheRatio": ("cache_write", "input"),
    "ImageRatio": ("image_input", "input"),
    "AudioRatio": ("audio_input", "input"),
    "AudioCompletionRatio": ("audio_output", "audio_input"),
}
OPTIONS = ("ModelRatio", "CompletionRatio", "GroupRatio", "ModelPrice", *_CLASSES)
_TYPED = re.compile(r"(.+)\([0-9]+\)")
_FINEST = Decimal(1).scaleb(-MAX_DECIMALS)
# One API's built-in relation of output to input for names that no list has, first match wins.
_COMPLETION_RULES: tuple[tuple[str, str], ...] = (
    ("gpt-3.5", "1.333333333333"),
    ("gpt-4o", "4"),
    ("gpt-4-turbo", "3"),
    ("gpt-4", "2"),
    ("o1", "4"),
    ("chatgpt-4o-latest", "3"),
    ("claude-3", "5"),
    ("claude-", "3"),
    ("mistral-", "3"),
    ("gemini-", "3"),
    ("deepseek-", "2"),
)


def price_changes(base: PriceTable, options: Mapping[str, str], report: Report) -> Changes:
    """Return what turns a table into the one that the options mean. Entries that cannot be prices
    are left out, each with a line. Prices of models that no option names stay."""
    found = {name: _entries(name, options.get(name, ""), report) for name in OPTIONS}
    table = base
    table = _ratios(table, "model_ratio", found["ModelRatio"], "ModelRatio", report)
    given = found["CompletionRatio"]
    completions = {**_built_in(base, found["ModelRatio"], given), **given}
    table = _ratios(table, "completion_ratio", completions, "CompletionRatio", report)
    for option, (made, of) in _CLASSES.items():
        for name, ratio in found[option].items():
            table = _with_class(table, name, made, of, Decimal(ratio), f"{option} {name}", report)
    for name, price in found["ModelPrice"].items():
        row = {"model": name, "calls": price, "source": "operator"}
        table = _tried(table, {"set": [row]}, f"ModelPrice {name}", report)
    table = _ratios(table, "groups", found["GroupRatio"], "GroupRatio", report)
    return {
        "set_rows": [row for name, row in table.rows.items() if base.rows.get(name) != row],
        "groups": [(n, r) for n, r in table.groups.items() if base.groups.get(n) != r],
    }


def _entries(option: str, text: str, report: Report) -> dict[str, str]:
    """Return what of an option's map can be a ratio, as decimal texts."""
    if not text.strip():
        return {}
    try:
        parsed: Any = json.loads(text, parse_float=Decimal, parse_int=Decimal)
    except (ValueError, ArithmeticError):
        parsed = None
    if not isinstance(parsed, dict):
        report.leave(option, "is no JSON object of numbers")
        return {}
    kept = {}
    for name, value in parsed.items():
        try:
            checked_name(name, "model")
            kept[name] = price_text(value, f"{option} {name}")
        except InvalidPrices as error:
            report.leave(f"{option} {name[:60]}", str(error).removeprefix(f"{option} {name}: "))
    return kept


def _built_in(
    base: PriceTable, ratios: Mapping[str, str], given: Mapping[str, str]
) -> dict[str, str]:
    """Return the relation of output to input where none is given: for `model(channel type)` that
    of `model`, for models that are new here the one that One API has built in for their names."""
    found = {}
    for name in ratios:
        typed = _TYPED.fullmatch(name)
        if typed and typed[1] in given and Decimal(ratios[name]):
            found[name] = given[typed[1]]
            continue
        if name in base.rows or (typed and typed[1] in base.rows):
            continue
        rule = next((r for start, r in _COMPLETION_RULES if name.startswith(start)), None)
        if rule is not None and Decimal(ratios[name]):
            found[name] = rule
    return found


def _ratios(
    table: PriceTable, edit: str, ratios: Mapping[str, str], option: str, report: Report
) -> PriceTable:
    """Edit all at once, which is quick; one by one where one of them cannot be."""
    try:
        return edited(table, {edit: ratios})
    except InvalidPrices:
        for name, ratio in ratios.items():
            table = _tried(table, {edit: {name: ratio}}, f"{option} {name}", report)
        return table


def _tried(table: PriceTable, edits: Mapping[str, Any], entry: str, report: Report) -> PriceTable:
    try:
        return edited(table, edits)
    except InvalidPrices as error:
        report.leave(entry, str(error).removeprefix(f"{entry}: "))
        return table


def _with_class(
    table: PriceTable, model: str, made: str, of: str, ratio: Decimal, entry: str, report: Report
) -> PriceTable:
    row = table.rows.get(model)
    if row is None or not row.get(of) and not row.get("input"):
        report.leave(entry, "the model has no ModelRatio")
        return table
    base = Decimal(row.get(of) or row["input"])
    price = decimal_text((base * ratio).quantize(_FINEST))
    changed = checked_row({**row, made: price, "source": "operator"})
    return _tried(table, {"set": [changed]}, entry, report)
