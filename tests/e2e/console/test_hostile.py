"""Hostile strings in every field that somebody can store: shown as text, wherever they appear."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.e2e.browser import IN_BROWSER, Open, pages, sign_in
from tests.e2e.console.pages import go, table, visible_to
from tests.e2e.server import ROOT_PASSWORD, Person, Server
from tests.e2e.world import ask

pytestmark = IN_BROWSER
HOSTILE = '"><img src=x onerror=window.owned=1><script>window.owned=1</script>{{7*7}}${7*7}'
NAME = "<b onclick=1>x"
TEXTS = ("Notice", "About", "HomePageContent", "Footer")
RUNS = (
    "<p>Kept</p><script>window.owned=1</script><img src=/favicon.svg onload=window.owned=1>"
    '<a href="javascript:window.owned=1">link</a><iframe srcdoc="<script>1</script>"></iframe>'
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("server")).start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def victim(server: Server) -> Person:
    """A business in which every text is an attack."""
    server.add_channel(name=HOSTILE, tag=NAME, models=f"sandbox-chat,{NAME}")
    person = server.add_user("victim", 500_000)
    person.api("PUT", "/api/user/self", {"display_name": NAME[:20]})
    key = person.add_key(name=NAME)["key"]
    ask(server, key, HOSTILE)
    server.api("POST", "/api/redemption/", {"name": NAME, "quota": 500, "count": 1})
    credit = {"user_id": person.id, "quota": 5, "remark": HOSTILE, "idempotency_key": "k"}
    server.raw("POST", "/api/topup", credit)
    server.options(**dict.fromkeys(TEXTS, RUNS), SystemName=NAME)
    return person


@pytest.fixture
def open_page(server: Server, chromium: Browser, victim: Person) -> Iterator[Open]:
    yield from pages(server, chromium)


@pytest.mark.parametrize("who", ["stranger", "victim", "root"])
def test_nothing_that_is_stored_runs(server: Server, open_page: Open, who: str) -> None:
    page = open_page()
    if who != "stranger":
        page.goto(f"{server.url}/#/signin")
        sign_in(page, who, ROOT_PASSWORD if who == "root" else "password-1")
        expect(page.locator("#find")).to_be_visible()
    rows = table(page)
    for row in visible_to(rows, {"victim": "user"}.get(who, who)):
        go(page, server, row["path"])
        found = page.evaluate(
            """() => [window.owned ?? 0, document.querySelectorAll(
              'img[src=x], [onclick], [onload], main script, a[href^=javascript], iframe[srcdoc]'
            ).length]"""
        )
        assert found == [0, 0], (row["name"], found)
    assert NAME in page.title() or who == "stranger"
