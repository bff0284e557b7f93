"""Reconciliation over the API: a body, a form, a file of all rows."""

from typing import Any

import httpx
import orjson
import pytest

from ledger.events import Draft
from tests.admin.harness import Server, data, refused
from tests.ledger.drafts import charge

RECONCILE = "/api/ledger/reconcile"
QUERY: dict[str, Any] = {
    "channel": 3,
    "map": "request_id=Request,input=In,cost=USD",
    "from": "2020-01-01T00:00:00Z",
    "to": "2100-01-01T00:00:00Z",
}
EXPORT = "Request,In,USD\nreq_a,10,0.5\nreq_b,25,0.5\nreq_x,1,2\nreq_y,ten,2\n"


@pytest.fixture
async def charges(server: Server) -> None:
    """Three charges with upstream ids a, b and c."""
    for name, tokens in (("a", 10), ("b", 20), ("c", 30)):
        draft = charge(name, tokens, held=())
        body = {**draft.body, "upstream_request_id": f"req_{name}"}
        await server.books.append(
            Draft(draft.id, draft.type, draft.account, draft.amount_nano, draft.actor, body)
        )


async def test_a_body_is_compared_and_what_differs_is_listed(
    admin: httpx.AsyncClient, charges: None
) -> None:
    found = await data(await admin.post(RECONCILE, params=QUERY, content=EXPORT))
    counts = {name: total["count"] for name, total in found["totals"].items()}
    assert counts == {
        "matched": 1,
        "differing": 1,
        "missing_here": 1,
        "missing_there": 1,
        "outside": 0,
        "malformed": 1,
    }
    assert found["agrees"] is False
    rows = {row["class"]: row for row in found["rows"]}
    assert rows["differing"]["differences"] == "input +5"
    assert rows["missing_here"]["line"] == 4 and rows["missing_here"]["cost_there"] == "2"
    assert rows["missing_there"]["event"] == "usage:c"
    assert rows["malformed"]["differences"] == "input: 'ten' is not a number"
    assert "matched" not in rows


async def test_a_form_with_a_file_means_the_same(admin: httpx.AsyncClient, charges: None) -> None:
    mapping = orjson.dumps({"request_id": "Request", "input": "In"}).decode()
    form = {**{name: str(value) for name, value in QUERY.items()}, "map": mapping}
    answer = await admin.post(RECONCILE, data=form, files={"file": ("usage.csv", EXPORT)})
    assert (await data(answer))["totals"]["matched"]["count"] == 1


async def test_all_rows_as_a_file(admin: httpx.AsyncClient, charges: None) -> None:
    query = {**QUERY, "format": "csv", "all": "true"}
    answer = await admin.post(RECONCILE, params=query, content=EXPORT)
    assert answer.headers["content-type"].startswith("text/csv")
    head, first, *rest = answer.text.splitlines()
    assert head.startswith("class,how,line,event,") and first.startswith("matched,id,2,usage:a,")
    assert len(rest) == 4


async def test_large_exports_are_taken(admin: httpx.AsyncClient, charges: None) -> None:
    lines = (f"req_{n},10,0.5\n" for n in range(120_000))
    answer = await admin.post(RECONCILE, params=QUERY, content="Request,In,USD\n" + "".join(lines))
    found = await data(answer)
    assert found["totals"]["missing_here"]["count"] == 120_000
    assert len([r for r in found["rows"] if r["class"] == "missing_here"]) == found["shown"]


@pytest.mark.parametrize(
    ("changes", "content", "word"),
    [
        ({}, "", "empty"),
        ({}, "a,b\n", "no column 'Request'; it has a, b"),
        ({"map": "request_id"}, EXPORT, "field=column"),
        ({"map": "{"}, EXPORT, "map"),
        ({"map": "colour=In,time=In"}, EXPORT, "colour"),
        ({"channel": ""}, EXPORT, "channel"),
        ({"from": ""}, EXPORT, "period"),
        ({"match": "luck"}, EXPORT, "match"),
        ({}, b"Request,In,USD\n\xff\xfe,1,1\n", "UTF-8"),
    ],
)
async def test_wrong_requests_are_refused_in_words(
    admin: httpx.AsyncClient, changes: dict[str, str], content: Any, word: str
) -> None:
    refused(await admin.post(RECONCILE, params={**QUERY, **changes}, content=content), 400, word)


async def test_it_is_for_admins(user: httpx.AsyncClient) -> None:
    refused(await user.post(RECONCILE, params=QUERY, content=EXPORT), 403)
