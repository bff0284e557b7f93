"""The price book in a browser: what is edited, tried, published and taken back is charged."""

import re
import time
from fractions import Fraction
from math import ceil
from typing import Any
from urllib.parse import quote

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.browser import IN_BROWSER, Customer, Open, ask, customer_of, sign_in
from tests.e2e.server import ROOT_PASSWORD, Server

pytestmark = IN_BROWSER
PRICES = "/api/ledger/prices"
HOSTILE = "<img src=x onerror=alert(1)>"
NANO = 10**9


@pytest.fixture(scope="module")
def customer(sandbox: Server) -> Customer:
    """Somebody who made three requests under the first version."""
    customer = customer_of(sandbox, "payer")
    for _ in range(3):
        ask(sandbox, customer)
    return customer


def as_root(open_page: Open, path: str, **options: Any) -> Page:
    page = open_page(path=f"/#/signin?next={quote(path, safe='')}", **options)
    sign_in(page, "root", ROOT_PASSWORD)
    expect(page.locator("nav.tabs")).to_be_visible()
    return page


def go(page: Page, path: str) -> None:
    page.evaluate("path => { location.hash = path; }", path)


def confirmed(page: Page, button: str) -> None:
    page.locator("dialog").get_by_role("button", name=button, exact=True).click()


def overflowing(page: Page) -> list[str]:
    """What reaches beyond the right edge."""
    found: list[str] = page.evaluate(
        """document.documentElement.scrollWidth <= innerWidth ? [] :
        [...document.querySelectorAll('body *')].filter(one => one.getBoundingClientRect().right >
        innerWidth + 1).map(one => `${one.tagName} ${one.className}`).slice(0, 9)"""
    )
    return found


def cost_nano(usage: dict[str, int], rates: dict[str, str]) -> int:
    """What a usage of token classes costs, by hand, in nano-dollars rounded up."""
    return ceil(sum(Fraction(rates[name]) * count * 1000 for name, count in usage.items()))


def charges(server: Server) -> list[dict[str, Any]]:
    return server.events(type="usage.charged")


def change_input(page: Page, text: str) -> None:
    field = page.get_by_label("Input of sandbox-chat")
    field.fill(text)
    field.press("Tab")


def in_force(server: Server) -> dict[str, Any]:
    answer: dict[str, Any] = server.raw("GET", PRICES).json()
    return answer


def test_a_price_is_edited_tried_and_published_and_the_next_request_pays_it(
    sandbox: Server, open_page: Open, customer: Customer
) -> None:
    page = as_root(open_page, "/prices?edit=1")
    change_input(page, "two")
    expect(page.get_by_label("Input of sandbox-chat")).to_have_attribute("aria-invalid", "true")
    page.get_by_role("link", name="Look at the draft (1)").click()
    expect(page.locator(".notice.warning")).to_contain_text("sandbox-chat: Input")
    expect(page.get_by_role("button", name="Simulate")).to_be_disabled()
    page.go_back()
    change_input(page, "02.50")
    expect(page.get_by_label("Input of sandbox-chat")).to_have_value("2.5")
    page.reload()  # the draft is kept in the browser
    page.get_by_role("link", name="Look at the draft (1)").click()
    row = page.get_by_role("row").filter(has_text="sandbox-chat").first
    expect(row).to_contain_text("+150%")
    page.get_by_role("button", name="Simulate").click()
    result = page.locator("[data-result]")
    before, rates = charges(sandbox), {"input": "2.5", "cached": "0.5", "output": "4"}
    would = sum(cost_nano(event["body"]["usage"], rates) for event in before)
    charged = -sum(event["amount_nano"] for event in before)
    shown = result.locator(".figure data.money")
    for at, nano in enumerate((charged, would, would - charged)):
        value = shown.nth(at).get_attribute("value")
        assert value is not None and Fraction(value) * NANO == nano
    expect(result.get_by_role("row").filter(has_text="payer")).to_contain_text("3")
    totals = result.locator("tfoot").first
    expect(totals).to_contain_text("All of 1 user")
    page.fill("input[name=note]", "dearer")
    page.get_by_role("button", name="Publish").click()
    expect(page.locator("dialog")).to_contain_text("1 change")
    assert in_force(sandbox)["in_force"] == 1, "nothing before it is confirmed"
    confirmed(page, "Publish")
    expect(page.locator(".news")).to_contain_text("Version 2 is in force")
    told = in_force(sandbox)
    assert told["in_force"] == 2 and told["data"][0]["note"] == "dearer"
    ask(sandbox, customer)
    latest = charges(sandbox)[0]
    assert latest["body"]["price"]["version"] == 2
    assert -latest["amount_nano"] == cost_nano(latest["body"]["usage"], rates)
    expect(page.get_by_role("heading", name="The draft is empty")).to_be_visible()


def test_a_version_is_planned_and_cancelled_and_an_old_one_brought_back(
    sandbox: Server, open_page: Open, customer: Customer
) -> None:
    sandbox.api("POST", PRICES, {"set": [{"model": "sandbox-chat", "input": "7"}], "note": "n"})
    number = in_force(sandbox)["total"]
    page = as_root(open_page, "/prices?edit=1")
    change_input(page, "9")
    go(page, "/prices?version=1&edit=1")
    then = page.get_by_role("row").filter(has_text="sandbox-chat")
    expect(then).to_contain_text("0.5")  # the first version, without what the draft changes
    expect(page.locator(".rate-input, .tag.draft")).to_have_count(0)
    go(page, "/prices?tab=draft")
    page.get_by_label("At a time").check()
    page.get_by_role("button", name="Schedule").click()
    expect(page.get_by_text("A time to come is needed")).to_be_visible()
    later = time.strftime("%Y-%m-%dT10:00", time.gmtime(time.time() + 3 * 86_400))
    page.locator("input[type=datetime-local]").fill(later)
    page.get_by_role("button", name="Schedule").click()
    confirmed(page, "Schedule")
    expect(page.locator(".news")).to_contain_text(f"Version {number + 1} is planned")
    planned = in_force(sandbox)
    assert planned["in_force"] == number and planned["data"][0]["state"] == "planned"
    go(page, f"/prices?tab=versions&version={number + 1}")
    drawer = page.locator("dialog.drawer")
    expect(drawer.get_by_role("row").filter(has_text="Input")).to_contain_text("9")
    drawer.get_by_role("button", name="Cancel this version").click()
    page.locator("dialog.small-dialog").get_by_role("button", name="Cancel this version").click()
    expect(page.locator(".news")).to_contain_text("is cancelled")
    assert in_force(sandbox)["data"][1]["state"] == "cancelled"
    go(page, "/prices?tab=versions&version=1")
    drawer.get_by_role("button", name="Roll back to this").click()
    page.locator("dialog.small-dialog").get_by_role("button", name="Roll back to this").click()
    expect(page.locator(".news")).to_contain_text("restores version 1")
    state = in_force(sandbox)
    table = sandbox.api("GET", f"{PRICES}/{state['in_force']}")
    row = next(row for row in table["rows"] if row["model"] == "sandbox-chat")
    assert (row["input"], state["data"][0]["restores"]) == ("1", 1)
    go(page, "/prices?model=sandbox-chat")
    history = page.locator("dialog.drawer .history li")
    expect(history).to_have_count(len(sandbox.api("GET", f"{PRICES}/history?model=sandbox-chat")))
    expect(history.first).to_contain_text("Input 1")


def test_missing_prices_groups_and_hostile_names_and_a_draft_thrown_away(
    sandbox: Server, open_page: Open
) -> None:
    sandbox.add_channel(name=HOSTILE, models=f"nobody-prices-it,{HOSTILE}")
    page = as_root(open_page, "/prices?tab=missing", viewport={"width": 390, "height": 844})
    row = page.get_by_role("row").filter(has_text="nobody-prices-it")
    expect(row).to_contain_text(HOSTILE)
    row.get_by_role("button", name="Set a price").click()
    dialog = page.locator("dialog")
    dialog.get_by_label("Input", exact=True).fill("x")
    dialog.get_by_role("button", name="Into the draft").click()
    expect(dialog.get_by_text("A plain decimal")).to_be_visible()
    dialog.get_by_label("Input", exact=True).fill("3")
    dialog.get_by_role("button", name="Into the draft").click()
    expect(page.locator("dialog.drawer .notice")).to_contain_text("Changed in the draft")
    page.keyboard.press("Escape")
    go(page, "/prices?tab=groups")
    ratio = page.get_by_label("Ratio of default")
    ratio.fill("0.5")
    ratio.press("Tab")
    go(page, "/prices?tab=draft")
    expect(page.get_by_role("row").filter(has_text="group ratio")).to_contain_text("0.5")
    assert overflowing(page) == [], "nothing overflows at phone width"
    page.get_by_role("button", name="Throw the draft away").click()
    expect(page.locator("dialog")).to_contain_text("2 changes are lost")
    confirmed(page, "Throw the draft away")
    expect(page.get_by_role("heading", name="The draft is empty")).to_be_visible()
    assert sandbox.api("GET", "/api/group/uses")[0]["ratio"] == "1"


def test_a_list_price_is_taken_into_the_draft_or_dismissed(
    sandbox: Server, open_page: Open
) -> None:
    # Rows of a version that adopted the package's count as the package's, whose prices are others.
    rows = [{"model": model, "input": "77"} for model in ("gpt-4o", "gpt-4o-mini")]
    sandbox.api("POST", PRICES, {"set": rows, "note": "Adopted: as it was"})
    before = in_force(sandbox)["in_force"]
    listed = sandbox.api("GET", f"{PRICES}/proposals")["changed"]
    real = {each["model"]: each["after"]["input"] for each in listed}
    page = as_root(open_page, "/prices?tab=proposals")
    row = page.locator('tr[data-key="gpt-4o"]')
    expect(row).to_contain_text("77")
    row.get_by_role("checkbox").check()
    page.get_by_role("button", name="Into the draft").click()
    page.locator('tr[data-key="gpt-4o-mini"]').get_by_role("checkbox").check()
    page.get_by_role("button", name="Dismiss").click()
    expect(page.locator(".news")).to_contain_text("1 dismissed")
    assert sandbox.api("GET", f"{PRICES}/proposals")["dismissed"] == ["gpt-4o-mini"]
    go(page, "/prices?tab=draft")
    changed = page.get_by_role("row").filter(has_text="gpt-4o").filter(has_text="Input").first
    expect(changed).to_contain_text(real["gpt-4o"])
    go(page, "/prices?show=list&q=gpt-4o-mini")
    expect(page.locator('tr[data-key="gpt-4o-mini"]')).to_have_count(0)  # it was put away
    assert in_force(sandbox)["in_force"] == before, "nothing is published by itself"


def test_an_admin_looks_and_does_not_touch(sandbox: Server, open_page: Open) -> None:
    watcher = sandbox.add_user("watcher")
    sandbox.api("POST", "/api/user/manage", {"username": "watcher", "action": "promote"})
    assert watcher.id
    page = open_page(locale="zh-CN", path="/#/signin?next=%2Fprices%3Fedit%3D1")
    sign_in(page, "watcher")
    expect(page.locator("h1")).to_have_text("价目表")
    expect(page.get_by_role("row").filter(has_text="sandbox-chat")).to_be_visible()
    expect(page.locator(".rate-input")).to_have_count(0)
    expect(page.get_by_role("link", name=re.compile("草稿"))).to_have_count(0)
