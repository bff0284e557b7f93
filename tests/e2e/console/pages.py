"""What tests of all pages share: the table of pages, who looks at which, and axe."""

import json
from collections.abc import Iterator
from typing import Any

from playwright.sync_api import Page, expect

from tests.e2e.browser import sign_in
from tests.e2e.server import REPOSITORY, ROOT_PASSWORD, Server
from tests.e2e.world import CUSTOMER, PASSWORD

AXE = REPOSITORY / "node_modules/axe-core/axe.min.js"
#: Pages that only make sense with what somebody else's address brings.
COMING_BACK = ("oauth", "wechat")
_TABLE = "import('/static/js/pages.js').then((m) => m.PAGES.map(({ load, ...row }) => row))"
# WCAG 2.2 AA, and what axe calls good practice.
_RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}


def table(page: Page) -> list[dict[str, Any]]:
    """Return the console's table of pages: name, path, needs, perhaps group."""
    rows: list[dict[str, Any]] = page.evaluate(_TABLE)
    return [row for row in rows if row["name"] not in COMING_BACK]


def visible_to(rows: list[dict[str, Any]], who: str) -> Iterator[dict[str, Any]]:
    """Yield the pages of a kind of visitor: "stranger", "user" or "root"."""
    needs = {"stranger": ("stranger", "anyone"), "user": ("user",), "root": ("admin", "root")}
    yield from (row for row in rows if row["needs"] in needs[who])


def enter(page: Page, server: Server, who: str) -> None:
    """Sign in as the customer or as root; strangers stay strangers."""
    if who == "stranger":
        return
    page.goto(f"{server.url}/#/signin")
    name, password = (CUSTOMER, PASSWORD) if who == "user" else ("root", ROOT_PASSWORD)
    sign_in(page, name, password)
    expect(page.locator("#find")).to_be_visible()


def go(page: Page, server: Server, path: str) -> None:
    """Open a page of the console and wait until it shows what it has."""
    page.goto(f"{server.url}/#{path}")
    expect(page.locator("main h1").first).to_be_visible()
    expect(page.locator("[aria-busy=true]")).to_have_count(0)


def faults(page: Page) -> list[str]:
    """Return what axe finds of serious and critical faults, one line each."""
    page.evaluate(AXE.read_text())
    found = page.evaluate(f"axe.run(document, {json.dumps(_RULES)})")
    return [
        f"{each['id']} ({each['impact']}): {node['html'][:160]}"
        for each in found["violations"]
        if each["impact"] in ("serious", "critical")
        for node in each["nodes"]
    ]
