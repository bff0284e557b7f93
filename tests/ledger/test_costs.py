"""Costs: exact, derivable from the event, in the channel's account, and nobody else's to see."""

from copy import deepcopy
from decimal import Decimal
from fractions import Fraction
from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger import accounts
from ledger.books import Books
from ledger.clock import Clock
from ledger.costs import (
    CostSheet,
    by_channel,
    checked_prices,
    checked_ratio,
    fault,
    without_costs,
)
from ledger.errors import InvalidEvent, InvalidPrices
from ledger.events import Draft
from ledger.price_table import PriceTable
from ledger.quote import charge_from_factors
from ledger.rebuild import rebuild
from ledger.verify import verify
from tests.ledger.drafts import charge

LIST = PriceTable(7, {"m": {"model": "m", "input": "2", "output": "8"}}, {"vip": "3"})
LISTED = LIST.quote("m", "vip")


def cost_of(sheet: CostSheet, usage: dict[str, int], *models: str) -> int | None:
    quote = sheet.quote(models or ("m",), LISTED)
    return None if quote is None else quote.book({}, usage, estimated=False)


def test_a_ratio_is_of_the_list_price_and_not_of_the_groups():
    sheet = CostSheet("0.5", [])
    assert cost_of(sheet, {"input": 1_000, "output": 100}) == (1_000 * 2_000 + 100 * 8_000) // 2
    assert LISTED.charge_nano({"input": 1_000}) == 3 * 1_000 * 2_000


def test_own_prices_win_over_the_ratio_and_are_found_by_either_name():
    sheet = CostSheet("0.5", checked_prices([{"model": "m", "input": "0.3"}]))
    assert cost_of(sheet, {"input": 1_000}) == 1_000 * 300
    assert cost_of(sheet, {"input": 1_000}, "served", "m") == 1_000 * 300
    assert cost_of(sheet, {"input": 1_000}, "other") == 1_000 * 1_000


def test_what_is_not_known_is_not_zero():
    assert cost_of(CostSheet("", checked_prices([{"model": "x", "input": "1"}])), {}) is None
    unpriced = LIST.quote("nobody", "vip", allow_unpriced=True)
    assert CostSheet("0.5", []).quote(("nobody",), unpriced) is None


def test_a_price_for_a_call_is_asked_for():
    sheet = CostSheet("", checked_prices([{"model": "m", "calls": "0.01"}]))
    quote = sheet.quote(("m",), LISTED)
    assert quote is not None and quote.per_call
    assert quote.book({}, {"calls": 1}, estimated=False) == 10_000_000


@pytest.mark.parametrize("value", ["-1", "1e3", "x", "NaN", "1001", 0.5, True, "0.0000000000001"])
def test_odd_ratios_are_refused(value):
    with pytest.raises(InvalidPrices):
        checked_ratio(value)


def test_ratios_are_plain_text():
    assert [checked_ratio(v) for v in (None, "", " 0.850 ", 1, Decimal("1.5"))] == [
        "",
        "",
        "0.85",
        "1",
        "1.5",
    ]


@pytest.mark.parametrize(
    "rows", [7, "x", {"model": "m"}, [{"model": "m"}], [{"input": "1"}], [{"model": "m"}] * 2]
)
def test_odd_prices_are_refused(rows):
    with pytest.raises(InvalidPrices):
        checked_prices(rows)


def test_a_model_is_priced_once():
    row = {"model": "m", "input": "1"}
    with pytest.raises(InvalidPrices, match="named twice"):
        checked_prices([row, row])


DECIMALS = st.decimals(0, 1000, places=6, allow_nan=False).map(lambda d: f"{d:f}")
USAGE = st.dictionaries(st.sampled_from(["input", "cached", "output"]), st.integers(0, 10**9))


@given(ratio=DECIMALS, input_price=DECIMALS, usage=USAGE)
def test_a_recorded_cost_follows_from_what_the_event_says(ratio, input_price, usage):
    row = {"model": "m", "input": checked_ratio(input_price), "output": "1"}
    listed = PriceTable(1, {"m": row}, {}).quote("m", "default")
    attempt: dict = {"channel": 3}
    quote = CostSheet(checked_ratio(ratio), []).quote(("m",), listed)
    cost = 0 if quote is None else quote.book(attempt, usage, estimated=True)
    tokens = (usage.get("input", 0) + usage.get("cached", 0)) * Fraction(input_price)
    exact = Fraction(ratio) * (tokens + usage.get("output", 0)) * 1_000
    assert cost == ceil(exact)
    factors = {**attempt["cost"], "group_ratio": attempt["cost"]["ratio"]}
    assert charge_from_factors(factors, usage) == cost


def costly(number: str, *attempts: dict, tokens: int = 10, channel: int = 3, **kw) -> Draft:
    """A charge with costs."""
    draft = charge(number, tokens, channel=channel, **kw)
    draft.body["attempts"] = list(attempts)
    draft.body["cost_nano"] = sum(a.get("cost_nano", 0) for a in attempts)
    return draft


def attempt(channel: int, tokens: int, **more) -> dict:
    return {
        "channel": channel,
        "status": 200,
        "error": None,
        "cost_nano": tokens * 500,
        "cost": {"by": "ratio", "ratio": "0.5", "rates": {"input": "1"}, "tier": None},
        **more,
    }


def as_event(draft: Draft) -> dict:
    return {"type": draft.type, "amount": draft.amount_nano, "body": draft.body}


def test_faults_are_found():
    good = costly("a", attempt(4, 7, usage={"input": 7}, estimated=True), attempt(3, 10))
    assert fault(as_event(good)) is None
    for path in (("cost_nano",), ("attempts", 0, "cost_nano"), ("attempts", 1, "cost_nano")):
        wrong = deepcopy(as_event(good))
        place = wrong["body"]
        for step in path[:-1]:
            place = place[step]
        place[path[-1]] += 1
        assert fault(wrong) is not None, path
    bare = deepcopy(as_event(good))
    del bare["body"]["attempts"][0]["cost"]
    assert "attempt 1" in (fault(bare) or "")


def test_nothing_of_a_cost_is_shown_to_who_pays_the_charge():
    event = as_event(costly("a", attempt(4, 7, usage={"input": 7}, estimated=True)))
    shown = without_costs(event)
    assert "cost" not in str(shown["body"])
    assert shown["body"]["attempts"] == [{"channel": 4, "status": 200, "error": None}]
    assert by_channel(event["body"]) == {"channel:4": 3_500}
    assert without_costs({"type": "grant.signup"}) == {"type": "grant.signup"}
    assert without_costs({**event, "hash": "abc"})["hash"] == ""
    free = {**as_event(charge("b", 1)), "hash": "abc"}
    assert without_costs(free)["hash"] == "abc" and "cost_nano" not in without_costs(free)["body"]


@pytest.fixture
async def books(store):
    books = await Books.open(store, Clock())
    yield books
    await books.close()


@pytest.mark.database
async def test_each_attempt_costs_its_own_channel_and_never_a_user(store, books):
    events = [
        costly("a", attempt(4, 7, usage={"input": 7}), attempt(3, 10), held=()),
        costly("b", attempt(4, 7, usage={"input": 7}), attempt(4, 10), channel=4, held=()),
        costly("c", attempt(5, 7, usage={"input": 7}), tokens=0, channel=5, held=()),
    ]
    events[2].body["outcome"] = "failed"
    for draft in events:
        await books.record(draft)
    found = await accounts.read_many(
        store, ["user:1", "key:7", "channel:3", "channel:4", "channel:5"]
    )
    costs = {name: doc.get("cost", 0) for name, doc in found.items()}
    assert costs == {
        "user:1": 0,
        "key:7": 0,
        "channel:3": 5_000,
        "channel:4": 3_500 + 8_500,
        "channel:5": 3_500,
    }
    assert found["user:1"]["requests"] == 2 and found["channel:5"]["requests"] == 0
    assert found["channel:4"]["spent"] == 10_000
    report = await verify(store)
    assert report.faults == [] or all(f.subject == "user:1" for f in report.faults)
    before = found
    await store.update_many("accounts", {}, {"$set": {"cost": 1}})
    await rebuild(store)
    assert {n: d.get("cost", 0) for n, d in (await accounts.read_many(store, before)).items()} == (
        costs
    )


@pytest.mark.database
async def test_a_charge_must_say_what_it_cost(books):
    draft = charge("a", 1, held=())
    del draft.body["cost_nano"]
    with pytest.raises(InvalidEvent, match="cost_nano"):
        await books.record(draft)
