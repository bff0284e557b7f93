"""Budgets in answers: each with what was spent, what is left, and when it renews."""

from collections.abc import Sequence
from typing import Any

from admin.context import AdminContext
from ledger.accounts import read_many
from ledger.events import Document
from ledger.money import quota_ceil, quota_floor, usd
from ledger.periods import US_PER_S, Limited, Term, spent_nano, terms_of

Row = dict[str, Any]


async def add_budgets(context: AdminContext, owners: Sequence[Limited], rows: list[Row]) -> None:
    """Add the budgets of users or keys to their rows; asks the books only if there are any."""
    now_us = context.clock.now_us()
    running = [terms_of(owner, now_us) for owner in owners]
    wanted = [term.account for terms in running for term in terms]
    accounts = await read_many(context.books.store, wanted)
    for owner, terms, row in zip(owners, running, rows, strict=True):
        row["budgets"] = [_shown(term, accounts[term.account]) for term in terms]
        row["budget_timezone"] = owner.budget_timezone


def _shown(term: Term, account: Document) -> Row:
    spent = spent_nano(account)
    left = max(0, term.limit_nano - spent)
    return {
        "period": term.period,
        "limit_quota": quota_floor(term.limit_nano),
        "limit_usd": usd(term.limit_nano),
        "limit_nano": term.limit_nano,
        "spent_quota": quota_ceil(spent),
        "spent_usd": usd(spent),
        "spent_nano": spent,
        "left_quota": quota_floor(left),
        "left_usd": usd(left),
        "starts_at": term.starts_us // US_PER_S,
        "renews_at": term.renews_us // US_PER_S,
    }
