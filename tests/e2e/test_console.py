"""Signing in and redeeming a code, in a real browser."""

import re

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


def test_code_is_redeemed_once(server: Server, open_page: Open) -> None:
    customer = customer_of(server, "redeemer")
    codes = server.api("POST", "/api/redemption/", {"name": "gift", "quota": 250_000, "count": 1})
    link = {"key": "TopUpLink", "value": "https://shop.example/buy?from=us"}
    server.api("PUT", "/api/option/", link)
    page = signed_in(open_page(tolerate="Failed to load resource"), customer.name)
    balance = page.locator(".figure data.money").first
    expect(balance).to_have_attribute("value", "1")
    page.click("#redeem")
    bought = page.locator("#shop").get_attribute("href") or ""
    assert bought.startswith("https://shop.example/buy?from=us&username=redeemer&user_id=")
    assert "&transaction_id=" in bought
    page.keyboard.type(codes[0])
    page.keyboard.press("Enter")
    dialog = page.locator("dialog")
    expect(dialog.locator(".notice.good data.money")).to_have_attribute("value", "0.5")
    expect(balance).to_have_attribute("value", "1.5")
    page.keyboard.type(codes[0])
    page.keyboard.press("Enter")
    expect(dialog.locator(".notice.danger")).to_contain_text("Nothing was credited")
    expect(dialog.locator(".notice.danger code")).to_have_text(re.compile(r"^[0-9a-f-]{16,}$"))
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(balance).to_have_attribute("value", "1.5")


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
