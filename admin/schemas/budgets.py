"""Budgets in bodies: what may be spent in a day, a week or a month."""

from typing import Any, ClassVar

from marshmallow import ValidationError, fields

from admin.schemas.base import MAX_QUOTA, Body, Ignored, Json, integer
from ledger.money import nano_from_quota, parse_usd
from ledger.periods import PERIODS, Budget, checked_budgets, checked_zone


class _BudgetBody(Body):
    """One budget. Its limit is in quota or in USD; what is computed comes back in forms."""

    period = fields.String(required=True)
    limit_quota = integer(1, MAX_QUOTA)
    limit_usd = fields.String()
    limit_nano = Ignored()
    spent_quota = Ignored()
    spent_usd = Ignored()
    spent_nano = Ignored()
    left_quota = Ignored()
    left_usd = Ignored()
    starts_at = Ignored()
    renews_at = Ignored()


class BudgetList(fields.Field[tuple[Budget, ...]]):
    """`[{"period": "day", "limit_usd": "5"}, …]`, at most one for each period; null is none."""

    openapi: ClassVar[Json] = {
        "type": "array",
        "items": {
            "type": "object",
            "required": ["period"],
            "properties": {
                "period": {"enum": list(PERIODS)},
                "limit_quota": {"type": "integer", "minimum": 1},
                "limit_usd": {"type": "string"},
            },
        },
    }

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> Any:
        if not isinstance(value, list):
            raise ValidationError("Not a list of budgets.")
        read = _BudgetBody()
        found = [(sent["period"], _limit(sent)) for sent in map(read.read, value)]
        try:
            return checked_budgets(found)
        except ValueError as error:
            raise ValidationError(str(error)) from None


class TimeZone(fields.Field[str]):
    """An IANA name such as Europe/Berlin; "" is UTC."""

    openapi: ClassVar[Json] = {"type": "string", "description": "an IANA name; empty is UTC"}

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> str:
        try:
            return checked_zone(value)
        except ValueError as error:
            raise ValidationError(str(error)) from None


def _limit(sent: dict[str, Any]) -> int:
    """The limit in nano-dollars; where both forms are given, they must mean the same."""
    limits = []
    if "limit_usd" in sent:
        try:
            limits.append(parse_usd(sent["limit_usd"]))
        except ValueError as error:
            raise ValidationError({"limit_usd": [str(error)]}) from None
    if "limit_quota" in sent:
        limits.append(nano_from_quota(sent["limit_quota"]))
    if not limits:
        raise ValidationError("A budget needs limit_quota or limit_usd.")
    if len(limits) == 2 and limits[0] // nano_from_quota(1) != sent["limit_quota"]:
        raise ValidationError("limit_quota and limit_usd say different things; send one of them.")
    return limits[0]
