"""Dashboards: use by time, model, key, channel and more, summed exactly from the rollups."""

from typing import Any, ClassVar

from marshmallow import ValidationError

from admin.base import ApiHandler, Takes
from admin.latencies import MOST, latencies
from admin.schemas.ledger import DashboardQuery, LatencyQuery, OwnDashboardQuery
from admin.usage_report import Question, add_names, usage_by
from gateway.directory.users import ROLE_ADMIN, ROLE_COMMON
from ledger.cubes import DAY_US

DAYS_BY_DEFAULT = 30
MOST_PERIODS = 1_100
_FIELDS = {
    "key": "body.key",
    "model": "body.model",
    "channel": "body.channel",
    "group": "body.group",
}


class DashboardHandler(ApiHandler):
    """GET /api/ledger/dashboard?from=&to=&by=day,model."""

    access: ClassVar[dict[str, int]] = {"GET": ROLE_ADMIN}
    takes: ClassVar[Takes] = {"GET": DashboardQuery}
    own: ClassVar[bool] = False

    async def get(self) -> None:
        """Answer a row for each combination that had use, and `totals` over all of them."""
        question = self._question(self.query())
        rows, totals = await usage_by(self.context.books.store, question)
        await add_names(self.context.directory, rows)
        self.ok(rows, totals=totals)

    def _question(self, sent: dict[str, Any]) -> Question:
        now_us = self.context.clock.now_us()
        to_us = sent.get("to_us", (now_us // DAY_US + 1) * DAY_US)
        from_us = sent.get("from_us", (to_us // DAY_US - DAYS_BY_DEFAULT) * DAY_US)
        query = {field: sent[name] for name, field in _FIELDS.items() if name in sent}
        if self.own:
            query["account"] = self.me.account
        elif "user" in sent:
            query["account"] = f"user:{sent['user']}"
        question = Question(query, from_us, to_us, sent["by"], costs=not self.own)
        _check(question)
        return question


class LatencyHandler(ApiHandler):
    """GET /api/ledger/latency?from=&to=."""

    access: ClassVar[dict[str, int]] = {"GET": ROLE_ADMIN}
    takes: ClassVar[Takes] = {"GET": LatencyQuery}

    async def get(self) -> None:
        """Answer percentiles of the newest charges; `read` says of how many, `most` the limit."""
        sent, now_us = self.query(), self.context.clock.now_us()
        from_us, to_us = sent.get("from_us", now_us - DAYS_BY_DEFAULT * DAY_US), sent.get("to_us")
        rows, read = await latencies(self.context.books.store, from_us, to_us or now_us + 1)
        await add_names(self.context.directory, rows[1:])
        self.ok(rows, read=read, most=MOST)


def _check(question: Question) -> None:
    """Refuse what makes no sense or would be too much. Raises ValidationError."""
    if question.to_us <= question.from_us:
        raise ValidationError({"to": ["Must be later than from."]})
    if question.bucket_us is not None:
        periods = (question.to_us - question.from_us) / question.bucket_us
        if periods > MOST_PERIODS:
            raise ValidationError({"from": [f"More than {MOST_PERIODS} periods; use longer ones."]})


class OwnDashboardHandler(DashboardHandler):
    """GET /api/ledger/self/dashboard: without channels and costs, the operator's business."""

    access: ClassVar[dict[str, int]] = {"GET": ROLE_COMMON}
    takes: ClassVar[Takes] = {"GET": OwnDashboardQuery}
    own: ClassVar[bool] = True
