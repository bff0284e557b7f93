"""Signing in, in a real browser."""

import pytest
from playwright.sync_api import expect

from tests.e2e.browser import IN_BROWSER, Customer, Open, ask, customer_of, sign_in, signed_in
from tests.e2e.server import Server

pytestmark = IN_BROWSER


@pytest.fixture(scope="module")
def server(sandbox: Server) -> Server:
    return sandbox


@pytest.fixture(scope="module")
def payer(server: Server) -> Customer:
    customer = customer_of(server, "payer")
    ask(server, customer)
    return customer


def test_wrong_password_and_ended_session_lead_to_sign_in(
    server: Server, payer: Customer, open_page: Open
) -> None:
    page = open_page(path="/#/keys", tolerate="Failed to load resource")
    sign_in(page, payer.name, "not-the-password")
    expect(page.get_by_role("alert")).to_contain_text("is not right")
    page.keyboard.type("password-1")
    page.keyboard.press("Enter")
    expect(page.locator("tbody")).to_contain_text("laptop")
    page.context.clear_cookies()
    page.get_by_role("link", name="Log").click()
    expect(page.locator(".notice.warning")).to_contain_text("Your session has ended")
    signed_in(page, payer.name)
    expect(page.locator(f'tr[data-event="{payer.event}"]')).to_be_visible()
    page.click("#signout")
    expect(page.locator("h1")).to_have_text("Sign in")
    expect(page.locator(".notice")).to_have_count(0)
