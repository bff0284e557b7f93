"""From the first start to the first paid request and its explanation, by keyboard alone, in both
languages: a new operator with a new gateway."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.e2e.browser import IN_BROWSER, Open, pages
from tests.e2e.server import ROOT_PASSWORD, Server

pytestmark = IN_BROWSER
MOST_TABS = 80
WORDS = {
    "en": ("Channels", "Playground", "Log", "Add a channel", "Add", "÷ 1,000,000"),
    "zh-CN": ("渠道", "试用", "日志", "添加渠道", "添加", "÷ 1,000,000"),
}


@pytest.fixture
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("server")).start()
    yield server
    server.stop()


@pytest.fixture
def open_page(server: Server, chromium: Browser) -> Iterator[Open]:
    yield from pages(server, chromium)


def tab_to(page: Page, wanted: Locator) -> None:
    """Press Tab until the focus is there: what cannot be reached so cannot be used by keyboard."""
    expect(wanted).to_be_visible()
    for _ in range(MOST_TABS):
        if wanted.evaluate("node => node === document.activeElement"):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"{wanted} cannot be reached by Tab")


def palette(page: Page, name: str) -> None:
    """Go to a page by its name."""
    page.keyboard.press("Control+k")
    expect(page.locator(".palette input")).to_be_focused()
    page.keyboard.type(name)
    page.keyboard.press("Enter")
    expect(page.locator("main h1")).to_have_text(name)


@pytest.mark.parametrize("locale", WORDS)
def test_a_paid_request_and_why_it_cost_that(server: Server, open_page: Open, locale: str) -> None:
    channels, playground, log, add_channel, add, divided = WORDS[locale]
    page = open_page(locale, path="/#/signin")
    expect(page.locator("input[name=username]")).to_be_focused()
    page.keyboard.type("root")
    page.keyboard.press("Tab")
    page.keyboard.type(ROOT_PASSWORD)
    page.keyboard.press("Enter")
    expect(page.locator("#find")).to_be_visible()

    palette(page, channels)
    tab_to(page, page.get_by_role("button", name=add_channel).first)
    page.keyboard.press("Enter")
    page.keyboard.type("sandbox")
    page.keyboard.press("Enter")
    name = page.locator("dialog.drawer input").first
    expect(name).to_be_focused()
    page.keyboard.type("first")
    tab_to(page, page.locator("dialog.drawer").get_by_role("button", name=add, exact=True))
    page.keyboard.press("Enter")
    expect(page.locator("tbody tr[data-key]")).to_contain_text("first")
    page.keyboard.press("Escape")
    expect(page.locator("dialog")).to_have_count(0)

    palette(page, playground)
    tab_to(page, page.locator("textarea[name=message]"))
    page.keyboard.type("How much?")
    page.keyboard.press("Enter")
    expect(page.locator(".answer .cost data")).to_have_count(1)
    (charge,) = server.events(type="usage.charged")
    assert f"-{page.locator('.cost data').get_attribute('value')}" == charge["amount"]

    palette(page, log)
    tab_to(page, page.locator("tbody tr[data-key]").first)
    page.keyboard.press("Enter")
    drawer = page.locator("dialog.drawer")
    expect(drawer.locator(".formula")).to_contain_text(divided)
    expect(drawer).to_contain_text(charge["hash"])
    page.keyboard.press("Escape")
    expect(drawer).to_have_count(0)
    expect(page.locator("tbody tr[data-key]").first).to_be_focused()
