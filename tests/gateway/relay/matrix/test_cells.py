"""Every cell of the matrix: answers, charges, events, what is told, and what is refused unsent;
then what no upstream has a part in."""

from typing import Any

import pytest

from tests.gateway.relay.dialects.conftest import anthropic_client, google_client
from tests.gateway.relay.matrix.absent import ABSENT, Absent
from tests.gateway.relay.matrix.cell import CAME, COUNTED, Column, Row
from tests.gateway.relay.matrix.columns import PRICES
from tests.gateway.relay.matrix.conftest import SSE, Hall
from tests.gateway.relay.matrix.heard import Asking, Refused, code_of, refusal
from tests.gateway.relay.matrix.rows import GROUPS

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    # Google's client derives from a class of aiohttp's.
    pytest.mark.filterwarnings("ignore:Inheritance class:DeprecationWarning"),
    # OpenAI's client warns of what is no longer recommended, as variations of images.
    pytest.mark.filterwarnings("ignore:deprecated$:DeprecationWarning"),
]

CELLS = [
    (row, column, form)
    for group in GROUPS
    for row in group.rows
    for column in group.columns
    for form in row.forms
]


NEXT_TO_NOTHING = "0.000000001"


def name(each: Any) -> str:
    return str(getattr(each, "name", each))


def cells(offered: bool, free: bool) -> pytest.MarkDecorator:
    """Mark a test to be tried on the cells of a kind."""
    chosen = [c for c in CELLS if c[1].cell(c[0]).offered is offered and c[0].free is free]
    return pytest.mark.parametrize(("row", "column", "form"), chosen, ids=name)


async def named(hall: Hall, row: Row, column: Column) -> str:
    """Return what stands in the address: the model, unless the row says otherwise."""
    model = column.model(row)
    found = model if row.prepare is None else await row.prepare(hall, column, model)
    await hall.gate.settled()
    hall.forget()
    return found


async def unaffordable(hall: Hall, row: Row, model: str, form: str) -> None:
    """See that nothing is sent for who cannot pay, and that it costs nothing."""
    _, secret = await hall.unused(NEXT_TO_NOTHING)
    found = await refusal(row.ask(Asking(hall.gate, secret, model, form == "stream")))
    assert found.status == 402, found
    assert code_of(found, row.dialect) in ("insufficient_quota", "")
    assert "does not cover this request" in str(found.said)
    assert not hall.paths()
    await hall.see_unused(NEXT_TO_NOTHING)


@cells(offered=True, free=False)
async def test_what_is_offered_and_charged(hall: Hall, row: Row, column: Column, form: str) -> None:
    gate, stream = hall.gate, form == "stream"
    model = await named(hall, row, column)
    await unaffordable(hall, row, model, form)
    answer = column.answer(row, form)
    due = answer.due(PRICES[row.what])
    shows = (False, True) if stream and row.usage == "as asked" else (False,)
    key, secret = await gate.key("1")
    seen: set[str] = set()
    for show in shows:
        heard = await row.ask(Asking(gate, secret, model, stream, show))
        await gate.settled()
        (event,) = [e for e in await gate.events_of(key) if e["_id"] not in seen]
        seen.add(event["_id"])
        body = event["body"]
        assert heard.said == row.expect(answer.said)
        if heard.shown is None:
            assert row.usage != "always" and not show and answer.told is None
        else:
            assert heard.shown == answer.shown and (show or len(shows) == 1)
        assert (event["amount"], body["usage"]) == (-due, answer.usage)
        assert (body["endpoint"], body["stream"]) == (row.endpoint, stream)
        assert (body["usage_source"], body["outcome"]) == (answer.source, "complete")
        assert body["shortfall_nano"] == 0
    assert await gate.balance(key.account) == 10**9 - due * len(shows)
    asked_at(hall, row, column, model, len(shows))


def asked_at(hall: Hall, row: Row, column: Column, model: str, times: int) -> None:
    """See at which address the upstream was asked; the sandbox has none."""
    paths = hall.paths()
    if column.name == "sandbox":
        assert not paths
        return
    same = row.path.replace("{model}", model)
    streamed = same.replace(":generateContent", f":streamGenerateContent{SSE}")
    assert len(paths) == times
    assert (set(paths) <= {same, streamed}) is (column.cell(row) is CAME), paths


@cells(offered=True, free=True)
async def test_what_is_free(hall: Hall, row: Row, column: Column, form: str) -> None:
    gate = hall.gate
    model = await named(hall, row, column)
    _, secret = await hall.unused("0")
    heard = await row.ask(Asking(gate, secret, model, False))
    if column.cell(row) is COUNTED:
        assert 1 <= heard.said <= 16 and not hall.paths()
    else:
        assert heard.said == column.answer(row, form).said
        assert row.path.replace("{model}", model) in hall.paths()
    await hall.see_unused("0")


@cells(offered=False, free=False)
async def test_what_is_not_offered(hall: Hall, row: Row, column: Column, form: str) -> None:
    await not_offered(hall, row, column, form)


@cells(offered=False, free=True)
async def test_what_is_not_offered_and_would_be_free(
    hall: Hall, row: Row, column: Column, form: str
) -> None:
    await not_offered(hall, row, column, form)


async def not_offered(hall: Hall, row: Row, column: Column, form: str) -> None:
    """See the refusal that the cell declares, by all ways to its channel."""
    gate, cell = hall.gate, column.cell(row)
    model = await named(hall, row, column)
    _, secret = await hall.unused("1")
    for pinned in ("", f"-{hall.channels[column.model(row)]}"):
        asking = Asking(gate, secret + pinned, model, form == "stream")
        found = await refusal(row.ask(asking))
        assert found.status == cell.status, found
        assert code_of(found, row.dialect) in (cell.code, "")
    assert not hall.paths()
    await hall.see_unused("1")


@pytest.mark.parametrize("absent", ABSENT, ids=lambda absent: absent.title)
async def test_what_is_not_served(hall: Hall, absent: Absent) -> None:
    for each in absent.tried:
        method, _, path = each.partition(" ")
        answer = await hall.gate.http.request(method, path, headers=absent.headers)
        found = Refused(answer.status_code, answer.json())
        assert found.status == absent.cell.status, each
        assert code_of(found, absent.dialect) in (absent.cell.code, "")
        said = "API not implemented" if found.status == 501 else f"Invalid URL ({each})"
        assert found.said["error"]["message"].startswith(said)
        if (absent.cell.status, absent.dialect) == (501, "openai"):  # in One API's words
            error = found.said["error"]
            assert (error["type"], error["param"]) == ("one_api_error", "")
    assert not hall.paths()


async def test_models_are_listed_in_the_form_of_each_client(hall: Hall) -> None:
    gate, names = hall.gate, ["words-14", "words-8"]
    _, secret = await gate.key("0", models=names)
    assert [m.id async for m in gate.client(secret).models.list()] == names
    async with anthropic_client(gate, secret) as client:
        page = await client.models.list(limit=1000)
        assert [(m.type, m.id) for m in page.data] == [("model", name) for name in names]
        assert (await client.models.retrieve("words-8")).display_name == "words-8"
        with pytest.raises(Exception, match="nope"):
            await client.models.retrieve("nope")
    async with google_client(gate, secret) as google:
        listed = [model.name async for model in await google.models.list()]
        assert listed == [f"models/{name}" for name in names]
        assert (await google.models.get(model="words-8")).name == "models/words-8"
    assert not hall.paths()
