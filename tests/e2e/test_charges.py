"""Charges to the nano-dollar: prices x groups x usages, and three ways to add them up."""

import csv
import io
import itertools
import json
from decimal import ROUND_CEILING, Decimal

import pytest

from tests.e2e.server import ROOT_ACCESS_TOKEN, Server

# model: (input, completion ratio) in One API's ratios; 1 is 2 USD per million tokens.
pytestmark = pytest.mark.database

MODELS = {
    "exact-cheap": ("0.01", "1"),
    "exact-odd": ("0.0371", "3.7"),
    "exact-dear": ("15", "2"),
    "exact-free": ("0", "1"),
}
GROUPS = {"default": "1", "vip": "0.8", "third": "0.333333"}
USAGES = [(0, 0), (1, 0), (1, 1), (7, 13), (1000, 1), (123_457, 98_765)]


@pytest.fixture(scope="module")
def priced(server: Server) -> Server:
    """Prices and groups set as an operator of One API sets them, and a channel per usage."""
    for option, column in (("ModelRatio", 0), ("CompletionRatio", 1)):
        current = json.loads(
            next(o["value"] for o in server.api("GET", "/api/option/") if o["key"] == option),
            parse_float=Decimal,
        )
        for (prompt, completion), (model, ratios) in itertools.product(USAGES, MODELS.items()):
            current[f"{model}-{prompt}-{completion}"] = Decimal(ratios[column])
        text = json.dumps(current, default=lambda d: float(d))
        server.options(**{option: text})
    server.options(GroupRatio=json.dumps({name: float(ratio) for name, ratio in GROUPS.items()}))
    for prompt, completion in USAGES:
        server.add_channel(
            name=f"usage {prompt} {completion}",
            group=",".join(GROUPS),
            models=",".join(f"{model}-{prompt}-{completion}" for model in MODELS),
            config=json.dumps(
                {"usage": {"prompt_tokens": prompt, "completion_tokens": completion}}
            ),
        )
    return server


def expected_nano(model: str, group: str, prompt: int, completion: int) -> int:
    """The charge by hand, in decimals: rounded once, up."""
    ratio, times = (Decimal(text) for text in MODELS[model])
    usd = Decimal(GROUPS[group]) * ratio * 2 * (prompt + completion * times) / 1_000_000
    return int((usd * 10**9).to_integral_value(ROUND_CEILING))


@pytest.mark.parametrize("group", GROUPS)
def test_every_charge_is_exact_and_rows_balance_and_export_agree(priced: Server, group: str):
    server = priced
    person = server.add_user(f"in-{group}", usd_quota=500_000_000, group=group)
    key = person.add_key()["key"]
    total = 0
    for (prompt, completion), model, stream in itertools.product(USAGES, MODELS, (False, True)):
        answer = server.http.post(
            "/v1/chat/completions",
            json={
                "model": f"{model}-{prompt}-{completion}",
                "messages": [{"role": "user", "content": "x" * 20}],
                "max_tokens": 100_000,
                "stream": stream,
            },
            headers={"Authorization": f"Bearer sk-{key}"},
        )
        assert answer.status_code == 200, answer.text
        wanted = expected_nano(model, group, prompt, completion)
        total += wanted
        if not stream:
            cost = Decimal(answer.headers["x-tollgate-cost"])
            assert cost * 10**9 == wanted, (model, prompt, completion)
        event_id = answer.headers["x-tollgate-event"]
        found = person.api("GET", f"/api/ledger/self/events/{event_id}")
        event = found.get("event", found)
        assert event["amount_nano"] == -wanted, (model, prompt, completion)
        assert Decimal(event["amount"]) * 10**9 == -wanted

    rows, page = [], 0
    while True:
        answer = person.raw("GET", f"/api/log/self?p={page}&page_size=100&type=2").json()
        rows += answer["data"]
        page += 1
        if len(rows) >= answer["total"]:
            break
    assert len(rows) == len(USAGES) * len(MODELS) * 2
    assert sum(row["amount_nano"] for row in rows) in (total, -total)
    stat = person.api("GET", "/api/log/self/stat?type=2")
    assert abs(stat["amount_nano"]) == total

    balance = person.api("GET", "/api/ledger/self/balance")["balance_nano"]
    assert int(balance) == 1_000 * 10**9 - total

    token = {"Authorization": ROOT_ACCESS_TOKEN}
    for format in ("csv", "jsonl"):
        text = server.http.get(
            f"/api/ledger/export?format={format}&account={person.account}", headers=token
        ).text
        if format == "csv":
            amounts = [int(row["amount_nano"]) for row in csv.DictReader(io.StringIO(text))]
        else:
            amounts = [json.loads(line)["amount_nano"] for line in text.splitlines()]
        assert sum(amounts) == int(balance)


def test_a_cheap_embedding_of_one_token_costs_its_exact_nano_dollars(priced: Server):
    priced.add_channel(
        name="one token",
        models="text-embedding-3-small",
        config=json.dumps({"usage": {"prompt_tokens": 1, "completion_tokens": 0}}),
    )
    person = priced.add_user("embedder", usd_quota=500_000)
    answer = priced.http.post(
        "/v1/embeddings",
        json={"model": "text-embedding-3-small", "input": "x"},
        headers={"Authorization": f"Bearer sk-{person.add_key()['key']}"},
    )
    assert answer.headers["x-tollgate-cost"] == "0.00000002"


def test_a_model_without_a_price_is_refused_and_says_what_is_missing(priced: Server):
    priced.add_channel(name="unpriced", models="nobody-priced-this")
    person = priced.add_user("unlucky", usd_quota=500_000)
    answer = priced.http.post(
        "/v1/chat/completions",
        json={"model": "nobody-priced-this", "messages": [{"role": "user", "content": "x"}]},
        headers={"Authorization": f"Bearer sk-{person.add_key()['key']}"},
    )
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "model_price_missing"
    assert "nobody-priced-this" in answer.json()["error"]["message"]


BAD_OPTIONS = {
    "ModelRatio": [
        "{",
        "[]",
        "7",
        '{"m": -1}',
        '{"m": "1"}',
        '{"m": NaN}',
        '{"m": true}',
        '{"": 1}',
    ],
    "CompletionRatio": ["", '{"m": -0.1}', '{"m": 1e400}'],
    "GroupRatio": ["null", '{"g": -1}', '{"g": [1]}'],
}


@pytest.mark.parametrize(
    ("option", "value"), [(key, value) for key, values in BAD_OPTIONS.items() for value in values]
)
def test_a_bad_ratio_option_is_refused_whole_and_changes_nothing(priced: Server, option, value):
    before = priced.api("GET", "/api/option/")
    events = len(priced.events())
    answer = priced.raw("PUT", "/api/option/", {"key": option, "value": value})
    assert answer.status_code == 400 and answer.json()["success"] is False
    assert answer.json()["message"]
    assert priced.api("GET", "/api/option/") == before
    assert len(priced.events()) == events


def test_the_books_balance_after_all_this(priced: Server):
    assert "books balance" in priced.verified()
