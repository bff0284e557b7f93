"""Options of the other system that exist here under the same name."""

from collections.abc import Mapping

from gateway.directory.errors import Invalid
from gateway.directory.option_guards import GUARDS
from gateway.directory.option_table import OPTIONS
from gateway.directory.options import Options
from gateway.moving import prices
from gateway.moving.report import Report
from gateway.moving.source import Row
from gateway.moving.values import text


def texts_of(rows: list[Row]) -> dict[str, str]:
    """Return the options as texts, by name."""
    return {text(row.get("key")): text(row.get("value")) for row in rows}


def known_options(found: Mapping[str, str], report: Report) -> dict[str, str]:
    """Return the options that are set here, what switches need before the switches."""
    kept: dict[str, str] = {}
    for name, value in found.items():
        row = OPTIONS.get(name)
        if name in prices.OPTIONS:
            continue
        if row is None:
            report.leave(f"option {name[:60]}", "there is no such option here")
            continue
        try:
            parsed = row.parse(value)
        except ValueError as error:
            report.leave(f"option {name}", str(error))
            continue
        if parsed != row.default:
            kept[name] = value
    return dict(sorted(kept.items(), key=lambda item: item[0] in GUARDS))


async def set_options(options: Options, wanted: Mapping[str, str], kept: set[str]) -> list[str]:
    """Set options, but for those that were `kept` as somebody set them here; returns what could
    not be set, never with a value."""
    refused = []
    for name, value in wanted.items():
        if name in kept:
            continue
        try:
            await options.set(name, value)
        except Invalid as error:
            refused.append(f"option {name}: {error}")
    return refused
