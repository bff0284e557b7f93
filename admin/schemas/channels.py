"""Bodies and queries of channel routes.

Lists travel as One API writes them: comma-separated text. Loaded, they are tuples without repeats.
"""

import json
from decimal import Decimal
from typing import Any, ClassVar
from urllib.parse import urlsplit

import orjson
from marshmallow import ValidationError, fields, validate, validates_schema

from admin.paging import PageQuery
from admin.schemas.base import (
    Body,
    Ignored,
    Json,
    Query,
    QueryInteger,
    StrictBoolean,
    integer,
    limit,
    one_of,
    refuse_controls,
    refuse_surrogates,
    text,
)
from gateway.directory.channels import TEST_KINDS
from ledger.costs import checked_prices, checked_ratio
from ledger.errors import InvalidPrices

ON, OFF, AUTO_OFF = 1, 2, 3
MAX_MODELS_TEXT = 200_000
MAX_UPSTREAM_KEY = 100_000


class NameList(fields.Field[tuple[str, ...]]):
    """`a,b,c` (or a JSON list, which some scripts send) as names in order, without repeats."""

    openapi: ClassVar[Json] = {"type": ["string", "array"], "items": {"type": "string"}}

    default_error_messages = {"invalid": "Not a comma-separated list.", "long": "Too long."}

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> tuple[str, ...]:
        parts = value.split(",") if isinstance(value, str) else value
        if not isinstance(parts, list) or not all(isinstance(part, str) for part in parts):
            raise self.make_error("invalid")
        if sum(map(len, parts)) > MAX_MODELS_TEXT:
            raise self.make_error("long")
        names = tuple(dict.fromkeys(name for part in parts if (name := part.strip())))
        for name in names:
            refuse_controls(name)
        return names


class ObjectText(fields.Field[dict[str, Any]]):
    """A JSON object, written as text as One API has it, or sent as such; "" is an empty one."""

    openapi: ClassVar[Json] = {"type": ["object", "string"]}

    default_error_messages = {"invalid": "Not a JSON object.", "values": "Values must be text."}

    def __init__(self, *, text_values: bool = False, **options: Any) -> None:
        super().__init__(**options)
        self._text_values = text_values

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> dict[str, Any]:
        if isinstance(value, str):
            try:
                value = orjson.loads(value) if value.strip() else {}
            except orjson.JSONDecodeError:
                raise self.make_error("invalid") from None
        if not isinstance(value, dict):
            raise self.make_error("invalid")
        if self._text_values and not all(isinstance(item, str) for item in value.values()):
            raise self.make_error("values")
        return value


class CostRatio(fields.Field[str]):
    """What an upstream charges as a share of the list price, such as "0.85"; "" is unknown."""

    openapi: ClassVar[Json] = {"type": ["string", "number"]}

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> str:
        try:
            return checked_ratio(exact(value))
        except InvalidPrices as error:
            raise ValidationError(str(error)) from None


class CostPrices(fields.Field[tuple[dict[str, Any], ...]]):
    """Rows as in the price book, as a JSON list or its text; "" is none."""

    openapi: ClassVar[Json] = {"type": ["array", "string"], "items": {"type": "object"}}

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> Any:
        if isinstance(value, str):
            try:
                value = json.loads(value, parse_float=Decimal) if value.strip() else []
            except (ValueError, RecursionError):
                raise ValidationError("Not a JSON list of price rows.") from None
        try:
            return tuple(checked_prices(exact(value)))
        except InvalidPrices as error:
            raise ValidationError(str(error)) from None


def exact(value: Any) -> Any:
    """Turn JSON numbers with a fraction back into the decimals that were written."""
    if isinstance(value, float):
        return Decimal(repr(value))
    if isinstance(value, list):
        return [exact(item) for item in value]
    if isinstance(value, dict):
        return {name: exact(item) for name, item in value.items()}
    return value


def http_url(value: str) -> None:
    """Refuse what is neither empty nor an http(s) address of a host."""
    if not value:
        return
    try:
        parts = urlsplit(value)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname)
        usable = usable and (parts.port is None or parts.port > 0)
    except ValueError:
        usable = False
    if not usable or parts.query or parts.fragment or " " in value:
        raise ValidationError("Must be an http or https address, such as https://api.example.com.")


class _ChannelFields(Body):
    """What may be set on a channel, on creation and later."""

    name = text(100, least=1)
    base_url = fields.String(
        allow_none=True, validate=[validate.Length(max=500), refuse_controls, http_url]
    )
    other = fields.String(allow_none=True, validate=[validate.Length(max=500), refuse_controls])
    tag = text(60, allow_none=True)
    models = NameList(validate=validate.Length(min=1, error="Must name at least one model."))
    group = NameList(validate=validate.Length(min=1, error="Must name at least one group."))
    model_mapping = ObjectText(text_values=True, allow_none=True)
    config = ObjectText(allow_none=True)
    system_prompt = fields.String(
        allow_none=True, validate=[validate.Length(max=100_000), refuse_surrogates]
    )
    weight = integer(0, 1_000_000, allow_none=True)
    priority = integer(-(2**31), 2**31, allow_none=True)
    key = fields.String(validate=[validate.Length(max=MAX_UPSTREAM_KEY), refuse_surrogates])
    proxy = fields.String(allow_none=True, validate=[validate.Length(max=1_000), refuse_controls])
    timeouts = ObjectText(allow_none=True)
    param_override = ObjectText(allow_none=True)
    header_override = ObjectText(allow_none=True)
    test_model = fields.String(
        allow_none=True, validate=[validate.Length(max=200), refuse_controls]
    )
    test_kind = fields.String(allow_none=True, validate=validate.OneOf(("", *TEST_KINDS)))
    test_stream = StrictBoolean()
    cost_ratio = CostRatio(allow_none=True)
    cost_prices = CostPrices(allow_none=True)
    rpm = limit(allow_none=True)
    tpm = limit(allow_none=True)
    concurrency = limit(allow_none=True)
    cost = Ignored()
    cost_nano = Ignored()
    margin = Ignored()
    margin_nano = Ignored()
    groups = Ignored()
    created_time = Ignored()
    test_time = Ignored()
    has_key = Ignored()
    test_verdict = Ignored()
    resting_s = Ignored()
    success_rate = Ignored()
    response_time = Ignored()
    balance = Ignored()
    balance_currency = Ignored()
    balance_updated_time = Ignored()
    used_quota = Ignored()


class ChannelCreateBody(_ChannelFields):
    """POST /api/channel/."""

    type = integer(1, 100_000, required=True)
    status = one_of(ON, OFF, load_default=ON)
    multi_key = StrictBoolean(load_default=False)
    id = Ignored()


class ChannelUpdateBody(_ChannelFields):
    """PUT /api/channel/. Fields left out stay as they are; so does the upstream key when empty."""

    id = integer(1, required=True)
    type = integer(1, 100_000)
    status = one_of(ON, OFF, AUTO_OFF)


class BulkBody(Body):
    """POST /api/channel/bulk: of `ids` or of all channels with a `tag`.

    `edit` sets priority, weight, groups or the tag (`set_tag`), and adds and removes models.
    """

    ids = fields.List(integer(1), validate=validate.Length(1, 1_000))
    tag = text(60, least=1)
    action = fields.String(
        required=True, validate=validate.OneOf(("enable", "disable", "delete", "edit"))
    )
    dry_run = StrictBoolean(load_default=False)
    priority = integer(-(2**31), 2**31)
    weight = integer(0, 1_000_000)
    set_tag = text(60)
    group = NameList(validate=validate.Length(min=1, error="Must name at least one group."))
    add_models = NameList()
    remove_models = NameList()

    @validates_schema
    def _is_one_thing(self, data: dict[str, Any], **_: Any) -> None:
        if ("ids" in data) == ("tag" in data):
            raise ValidationError("Say which channels: either `ids` or `tag`.")
        edits = data.keys() - {"ids", "tag", "action", "dry_run"}
        if (data.get("action") == "edit") != bool(edits):
            raise ValidationError("`edit` needs something to set, and only `edit` sets anything.")


class CopyBody(Body):
    """POST /api/channel/:id/copy."""

    optional = True

    name = text(100)


class ChannelListQuery(PageQuery):
    """GET /api/channel/ and its search: of one status, type, group, model or tag."""

    status = QueryInteger(validate=validate.OneOf((ON, OFF, AUTO_OFF)))
    type = QueryInteger(validate=validate.Range(1, 100_000))
    group = fields.String(validate=[validate.Length(max=32), refuse_controls])
    model = fields.String(validate=[validate.Length(max=255), refuse_controls])
    tag = fields.String(validate=[validate.Length(max=60), refuse_controls])


class ChannelSearchQuery(ChannelListQuery):
    """GET /api/channel/search."""

    keyword = fields.String(load_default="", validate=[validate.Length(max=200), refuse_controls])


class ModelsBody(Body):
    """POST /api/channel/:id/upstream_models."""

    add = NameList(load_default=())
    remove = NameList(load_default=())


class TestQuery(Query):
    """GET /api/channel/test/:id. What is left out is as the channel says."""

    __test__ = False

    model = fields.String(validate=[validate.Length(max=255), refuse_controls])
    stream = fields.Boolean()
    kind = fields.String(validate=validate.OneOf(TEST_KINDS))


class TestAllQuery(Query):
    """GET /api/channel/test."""

    __test__ = False

    scope = fields.String(load_default="all", validate=validate.OneOf(("all", "disabled")))
