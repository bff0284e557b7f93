"""The first price version.

Owns what the book starts with: the public prices that the package genai-prices carries, and
conf/prices.yaml, which wins. Promises one row per model name: that of the model's own maker before
those of hosts and resellers, at the price in force for most of the given day. Refuses a
prices.yaml that is malformed, naming the model, and prices of 0 for which only a host vouches.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from importlib.metadata import version
from pathlib import Path
from typing import Any

import yaml
from marshmallow import Schema, ValidationError, fields, validate

from ledger import yaml_text
from ledger.errors import InvalidPrices
from ledger.price_rows import Row, checked_row, decimal_text, price_text
from ledger.quote import USAGE_CLASSES

# Makers first: when several providers sell a name, the first one named here sets the price.
MAKERS = (
    "openai",
    "anthropic",
    "google",
    "mistral",
    "groq",
    "deepseek",
    "x-ai",
    "cohere",
    "perplexity",
    "moonshotai",
    "minimax",
    "zhipuai",
    "zai",
    "meta",
    "voyageai",
    "aws",
)
# Sold by subscription: what they list is no price of a token.
NOT_SOLD_BY_TOKEN = ("github-copilot", "cursor")
RMB_PLACES = Decimal("0.000001")
FREE_SUFFIX = ":free"

# genai-prices' unit -> our class, and how many of our units theirs holds.
_UNITS = {
    "input_mtok": ("input", 1),
    "cache_read_mtok": ("cached", 1),
    "cache_write_mtok": ("cache_write", 1),
    "cache_write_1h_mtok": ("cache_write_1h", 1),
    "output_mtok": ("output", 1),
    "output_reasoning_mtok": ("reasoning", 1),
    "input_audio_mtok": ("audio_input", 1),
    "output_audio_mtok": ("audio_output", 1),
    "input_image_mtok": ("image_input", 1),
    "output_image_mtok": ("image_output", 1),
    "input_mchars": ("characters", 1),
    "requests_kcount": ("calls", 1000),
    "web_searches_kcount": ("web_searches", 1000),
    "storage_searches_kcount": ("file_searches", 1000),
    "input_audio_hours": ("seconds", 3600),
}
_FINEST = Decimal("0.000000000001")


def _prices() -> dict[str, Any]:
    """Prices are text: YAML would make floats of bare numbers."""
    return {name: fields.String() for name in USAGE_CLASSES}


_Rmb = Schema.from_dict(_prices(), name="Rmb")
_Tier = Schema.from_dict(
    {
        **_prices(),
        "above_input_tokens": fields.Integer(required=True, strict=True),
        "rmb": fields.Nested(_Rmb),
    },
    name="Tier",
)
_Variant = Schema.from_dict(
    {**_prices(), "size": fields.String(), "quality": fields.String(), "rmb": fields.Nested(_Rmb)},
    name="Variant",
)
_Model = Schema.from_dict(
    {
        **_prices(),
        "model": fields.String(required=True, validate=validate.Length(min=1)),
        "same_as": fields.String(),
        "rmb": fields.Nested(_Rmb),
        "tiers": fields.List(fields.Nested(_Tier)),
        "variants": fields.List(fields.Nested(_Variant)),
        "max_output_tokens": fields.Integer(strict=True),
    },
    name="Model",
)
_File = Schema.from_dict(
    {
        "rmb_per_usd": fields.Decimal(required=True, validate=validate.Range(min=1, max=100)),
        "models": fields.List(fields.Dict(), required=True),
    },
    name="Prices",
)


def seed_rows(yaml_path: Path, now_us: int) -> tuple[list[Row], str]:
    """Return the first rows, by model name, and a note that says where they come from.

    `now_us` picks among prices that change with the date. Raises InvalidPrices when prices.yaml is
    malformed.
    """
    rows = packaged_rows(datetime.fromtimestamp(now_us // 1_000_000, UTC))
    packaged = len(rows)
    own = file_rows(yaml_path, rows)
    rows.update(own)
    note = (
        f"First prices: {packaged} models from genai-prices {version('genai-prices')},"
        f" {len(own)} from {yaml_path.name}"
    )
    return [rows[model] for model in sorted(rows)], note


def file_rows(yaml_path: Path, known: Mapping[str, Row]) -> dict[str, Row]:
    """Read prices.yaml; `same_as` finds its models and the known ones. Raises InvalidPrices."""
    try:
        data = _File().load(yaml_text.parsed(yaml_path.read_text(encoding="utf-8")))
    except (OSError, yaml.YAMLError) as error:
        raise InvalidPrices(f"{yaml_path.name}: {error}") from None
    except ValidationError as error:
        raise InvalidPrices(f"{yaml_path.name}: {_first(error.messages)}") from None
    rows: dict[str, Row] = {}
    pointers: dict[str, str] = {}
    schema = _Model()
    for entry in data["models"]:
        model = _checked_entry(schema, entry, yaml_path.name)
        if model in rows or model in pointers:
            raise InvalidPrices(f"{yaml_path.name}, {model}: there is a second entry")
        if "same_as" in entry:
            pointers[model] = entry["same_as"]
        else:
            rows[model] = _file_row(entry, data["rmb_per_usd"], yaml_path.name)
    for model, other in pointers.items():
        found = rows.get(other) or known.get(other)
        if found is None:
            raise InvalidPrices(f"{yaml_path.name}, {model}: same_as {other!r} has no price")
        rows[model] = {**found, "model": model}
    return rows


def _checked_entry(schema: Schema, entry: Mapping[str, Any], file_name: str) -> str:
    where = f"{file_name}, {entry.get('model', 'an entry without a model')}"
    try:
        schema.load(entry)
    except ValidationError as error:
        raise InvalidPrices(f"{where}: {_first(error.messages)}") from None
    if "same_as" in entry and len(entry) > 2:
        raise InvalidPrices(f"{where}: same_as stands alone")
    return str(entry["model"])


def _first(messages: Any, path: str = "") -> str:
    """Return the first of marshmallow's nested messages with the path of its field."""
    if isinstance(messages, dict):
        key, inner = next(iter(messages.items()))
        return _first(inner, f"{path}.{key}" if path else str(key))
    return f"{path}: {messages[0]}"


def _file_row(entry: Mapping[str, Any], rmb_per_usd: Decimal, file_name: str) -> Row:
    model = entry["model"]
    row = {**_in_usd(entry, rmb_per_usd, model), "source": file_name}
    for name in ("tiers", "variants"):
        if name in entry:
            row[name] = [_in_usd(part, rmb_per_usd, f"{model}.{name}") for part in entry[name]]
    return checked_row(row)


def _in_usd(entry: Mapping[str, Any], rmb_per_usd: Decimal, where: str) -> dict[str, Any]:
    usd = {
        name: decimal_text(
            (Decimal(price_text(price, f"{where}.{name}")) / rmb_per_usd).quantize(RMB_PLACES)
        )
        for name, price in entry.get("rmb", {}).items()
    }
    return {**{k: v for k, v in entry.items() if k != "rmb"}, **usd}


def packaged_rows(now: datetime) -> dict[str, Row]:
    """Return what genai-prices has by model name, at the prices in force for most of the day."""
    # Imported here: a large table, needed once in the life of a database.
    from genai_prices.data import providers

    source = f"genai-prices {version('genai-prices')}"
    known = {provider.id: provider for provider in providers}
    hosts = sorted(set(known) - set(MAKERS) - set(NOT_SOLD_BY_TOKEN))
    rows: dict[str, Row] = {}
    for provider_id in (*(maker for maker in MAKERS if maker in known), *hosts):
        for names, prices in _models(known[provider_id].models, now):
            for name in names:
                free = not any(Decimal(price) for price in prices.values() if type(price) is str)
                if free and provider_id not in MAKERS and not name.endswith(FREE_SUFFIX):
                    continue
                if name not in rows:
                    row = {**prices, "model": name, "source": f"{source}, {provider_id}"}
                    rows[name] = checked_row(_with_hourly_writes(row))
    return rows


def _models(models: Sequence[Any], now: datetime) -> Iterator[tuple[list[str], dict[str, Any]]]:
    """Yield names and prices: all models by their ids first, then by their other exact names."""
    priced = [(model, _row_prices(_usual_price(model, now))) for model in models]
    priced = [(model, prices) for model, prices in priced if prices]
    for model, prices in priced:
        yield [model.id], prices
    for model, prices in priced:
        yield _exact_names(model.match), prices


def _exact_names(match: Any) -> list[str]:
    """Return the names that a match rule spells out; prefixes and patterns name no model."""
    if hasattr(match, "equals"):
        return [match.equals]
    if hasattr(match, "or_"):
        return [name for clause in match.or_ for name in _exact_names(clause)]
    return []


def _usual_price(model: Any, now: datetime) -> Any:
    """Return the price in force for most hours of the day, so that off-peak rebates don't count."""
    if not isinstance(model.prices, list):
        return model.prices
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    hours = [model.get_prices(midnight + timedelta(hours=hour)) for hour in range(24)]
    usual, _ = Counter(repr(price) for price in hours).most_common(1)[0]
    return next(price for price in hours if repr(price) == usual)


def _row_prices(price: Any) -> dict[str, Any]:
    """Turn a price of genai-prices into prices and tiers of ours; units we don't have are left."""
    row: dict[str, Any] = {}
    tiers: dict[int, dict[str, Any]] = {}
    for unit, value in vars(price).items():
        if unit not in _UNITS or value is None:
            continue
        name, per = _UNITS[unit]
        row[name] = _per_unit(getattr(value, "base", value), per)
        for tier in getattr(value, "tiers", ()):
            tiers.setdefault(tier.start, {})[name] = _per_unit(tier.price, per)
    # A price that has no step where another has one keeps what it had just below.
    carried: dict[str, Any] = {}
    for start in sorted(tiers):
        carried = {**carried, **tiers[start]}
        row.setdefault("tiers", []).append({"above_input_tokens": start, **carried})
    return row


def _with_hourly_writes(row: dict[str, Any]) -> dict[str, Any]:
    """Price Claude's cache writes for one hour at twice the input where a host lists none.

    Anthropic's rule (Prompt caching, Pricing), which holds wherever Claude is sold.
    """
    known = "cache_write_1h" in row or not {"input", "cache_write"} <= set(row)
    if known or "claude" not in row["model"]:
        return row
    priced = {**row, "cache_write_1h": _doubled(row["input"])}
    if "tiers" in row:
        priced["tiers"] = [
            {**tier, "cache_write_1h": _doubled(tier["input"])} if "input" in tier else tier
            for tier in row["tiers"]
        ]
    return priced


def _doubled(price: str) -> str:
    return decimal_text(Decimal(price) * 2)


def _per_unit(price: Decimal, per: int) -> str:
    return decimal_text((price / per).quantize(_FINEST))
