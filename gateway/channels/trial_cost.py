"""What a test of a channel cost upstream, in the books like any other cost.

It is a `usage.charged` of root with endpoint "channel.test", key 0 and a charge of nothing: its
price has the group ratio 0. Nobody's balance moves and the channel's column `cost` grows, so that a
margin is not made to look better by what the operator spent to look after the channel, and an
upstream's own list of requests can be reconciled with ours.
"""

import logging
from collections.abc import Mapping
from typing import Any

from gateway.channels.probe import Attempt, Trial
from gateway.directory.channels import Channel
from gateway.directory.users import ROOT_ID
from gateway.formats.usage import Usage
from gateway.tokens import TokenCounter
from ledger.accounts import FAILED
from ledger.books import Books
from ledger.costs import CostQuote
from ledger.errors import InvalidEvent, LedgerError
from ledger.events import Draft
from ledger.quote import Quote

ENDPOINT = "channel.test"
NO_KEY = 0

log = logging.getLogger("tollgate.channels")


class TrialBooks:
    """Books tests. A test that cost nothing and delivered nothing leaves no event."""

    def __init__(self, books: Books, counter: TokenCounter, prompt: str) -> None:
        self._books = books
        self._counter = counter
        self._prompt = prompt

    async def record(self, channel: Channel, trial: Trial, test_id: str, actor: str) -> int:
        """Record what a test used and cost; return the cost in nano-dollars.

        Never raises for the books: the test itself is over, and the log says what is missing.
        """
        try:
            draft = await self._draft(channel, trial, test_id, actor)
            if draft is None:
                return 0
            await self._books.append(draft)
            return int(draft.body["cost_nano"])
        except LedgerError as error:
            log.error("the cost of a test of channel %d is not recorded: %s", channel.id, error)
            return 0

    async def _draft(
        self, channel: Channel, trial: Trial, test_id: str, actor: str
    ) -> Draft | None:
        served = channel.upstream_model(trial.model)
        table = self._books.prices.table()
        listed = table.quote(served, "", channel.type, allow_unpriced=True)
        sheet = channel.costs
        quote = None if sheet is None else sheet.quote((served, trial.model), listed)
        usage, source, frame = await self._measured(trial, served)
        attempts, cost = [], 0
        for attempt in trial.attempts:
            written = _written(channel, attempt)
            attempts.append(written)
            if quote is not None and attempt.worked:
                cost += await self._cost(quote, attempt, trial, served, written, usage, source)
        if not trial.ok and not cost:
            return None
        body = {
            "request_id": test_id,
            "endpoint": ENDPOINT,
            "key": NO_KEY,
            "channel": channel.id,
            "group": "",
            "model": trial.model,
            "served_model": served,
            "stream": trial.stream,
            "usage": usage,
            "usage_source": source,
            "outcome": "complete" if trial.ok else FAILED,
            "policy": "test",
            "price": _for_nothing(listed, usage),
            "hold": {"nano": 0, "accounts": []},
            "shortfall_nano": 0,
            "cost_nano": cost,
            "upstream_request_id": None,
            "attempts": attempts,
            "latency_ms": {"total": int(trial.seconds * 1000), "first_token": None},
            "usage_frame": frame,
        }
        return Draft(f"usage:{test_id}", "usage.charged", f"user:{ROOT_ID}", 0, actor, body)

    async def _measured(self, trial: Trial, served: str) -> tuple[Usage, str, str | None]:
        """Return what a good test used, how we know, and the upstream's own report."""
        reply = trial.attempts[-1].reply if trial.attempts else None
        if not trial.ok or reply is None:
            return {}, "counted", None
        if reply.usage is not None:
            return reply.usage, "upstream", reply.frame
        usage = {"input": await self._counter.count(served, [self._prompt])}
        if reply.texts:
            usage["output"] = await self._counter.count(served, reply.texts)
        return usage, "counted", None

    async def _cost(
        self,
        quote: CostQuote,
        attempt: Attempt,
        trial: Trial,
        served: str,
        written: dict[str, Any],
        usage: Usage,
        source: str,
    ) -> int:
        """Write the cost of one attempt into it: what it used, or its input, estimated."""
        reply, estimated = attempt.reply, source != "upstream"
        if trial.ok and attempt is trial.attempts[-1]:
            spent = _with_call(quote, usage)
        elif reply is not None and reply.usage is not None:
            spent, estimated = reply.usage, False
        else:
            spent, estimated = {"input": await self._counter.count(served, [self._prompt])}, True
        try:
            cost = quote.book(written, spent, estimated=estimated)
        except InvalidEvent as error:  # absurd usage
            log.error("the cost of a test is not known: %s", error)
            return 0
        if spent != usage:
            written["usage"] = dict(spent)
        return cost


def _written(channel: Channel, attempt: Attempt) -> dict[str, Any]:
    return {"channel": channel.id, "status": attempt.status, "error": attempt.error or None}


def _for_nothing(listed: Quote, usage: Mapping[str, int]) -> dict[str, Any]:
    """Return the list price with the ratio 0. A model without a price is no fault here."""
    factors = {**listed.factors_for(usage), "group_ratio": "0"}
    factors.pop("unpriced", None)
    return factors


def _with_call(quote: CostQuote, usage: Mapping[str, int]) -> Usage:
    """Count the call where the upstream has a price for it."""
    counted = {name: count for name, count in usage.items() if name != "calls"}
    return {**counted, "calls": 1} if quote.per_call else counted
