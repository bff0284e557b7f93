"""The books in a real browser: statements, seals and receipts, and giving charges back."""

import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson
import pytest
from playwright.sync_api import Locator, Page, expect

from tests.e2e.browser import (
    IN_BROWSER,
    PHONE,
    Customer,
    Open,
    ask,
    clipboard,
    customer_of,
    signed_in,
)
from tests.e2e.server import Person, Server

NOTE = "Spring list, after the vendor's letter"
LIMIT = "ReversalApprovalUsd"

pytestmark = IN_BROWSER


@pytest.fixture(scope="module")
def server(sandbox: Server) -> Server:
    prices = [{"model": "sandbox-chat", "input": "0.37", "output": "1.13"}]
    sandbox.api("POST", "/api/ledger/prices", {"set": prices, "note": NOTE})
    return sandbox


@pytest.fixture(scope="module")
def payer(server: Server) -> Customer:
    customer = customer_of(server, "payer")
    gift = {"user_id": customer.person.id, "quota": 1, "remark": "", "source": "gift"}
    server.api("POST", "/api/topup", gift)
    ask(server, customer)
    return customer


@pytest.fixture(scope="module")
def admins(server: Server) -> tuple[Person, Person]:
    return admin(server, "ada"), admin(server, "bert")


@pytest.fixture
def never_alone(server: Server) -> Iterator[None]:
    server.api("PUT", "/api/option/", {"key": LIMIT, "value": "0"})
    yield
    server.api("PUT", "/api/option/", {"key": LIMIT, "value": "100"})


def admin(server: Server, name: str) -> Person:
    person = server.add_user(name)
    server.api("POST", "/api/user/manage", {"username": name, "action": "promote"})
    return person


def amounts(within: Locator) -> list[str]:
    """The exact values of all money in a part of the page."""
    return [str(each.get_attribute("value")) for each in within.locator("data.money").all()]


def downloaded(page: Page, selector: str, directory: Path) -> Path:
    with page.expect_download() as waiting:
        page.click(selector)
    path = directory / waiting.value.suggested_filename
    waiting.value.save_as(path)
    return path


def explain(page: Page, server: Server, event: str) -> Locator:
    page.goto(f"{server.url}/#/books?event={event}")
    drawer = page.locator("dialog.drawer")
    expect(drawer.locator(".proof")).to_be_visible()
    return drawer


def test_statement_says_what_the_books_say(
    server: Server, payer: Customer, open_page: Open, tmp_path: Path
) -> None:
    page = signed_in(open_page(path="/#/books?group=none"), payer.name)
    said = statement(payer, "")
    rows = page.locator("tbody tr[data-event]")
    expect(rows).to_have_count(3)
    expect(page.locator(".verdict")).to_contain_text("add up to the closing balance")
    moves = [money for row in said["rows"] for money in (row["amount"], row["balance"])]
    assert amounts(page.locator("tbody")) == [said["opening"], *moves]
    totals = [total["amount"] for total in said["totals"]]
    assert amounts(page.locator(".figures")) == [said["opening"], *totals, said["closing"]]
    expect(page.locator("tfoot data.money")).to_have_attribute("value", said["closing"])

    for group in ("model", "key", "day"):
        page.get_by_role("radio", name=group.capitalize()).check()
        expect(page.locator("thead th").first).to_contain_text(group.capitalize())
        grouped = statement(payer, f"&group={group}")
        expect(page.locator(".verdict")).to_be_visible()
        shown = page.locator("tbody td.amount:not(:last-child), tbody tr:not(.edge) td.amount")
        assert grouped["rows"][0]["amount"] in amounts(shown)
    text = downloaded(page, "#download-csv", tmp_path).read_text()
    assert said["closing"] in text and "group" in text.splitlines()[0]
    page.get_by_role("radio", name="Movements").check()
    expect(rows).to_have_count(3)
    lines = downloaded(page, "#download-jsonl", tmp_path).read_text().splitlines()
    sums = sum(Decimal(orjson.loads(line)["amount"] or 0) for line in lines)
    assert sums == Decimal(said["closing"])
    assert downloaded(page, "#download-xlsx", tmp_path).read_bytes()[:2] == b"PK"


def statement(customer: Customer, extra: str) -> dict[str, Any]:
    path = f"/api/ledger/self/statement?account={customer.person.account}{extra}"
    answer: dict[str, Any] = customer.person.api("GET", path)
    return answer


def test_statements_of_keys_periods_and_moments(
    server: Server, payer: Customer, open_page: Open
) -> None:
    page = signed_in(open_page(path="/#/books"), payer.name)
    page.select_option("select[name=account]", label="laptop")
    closing = page.locator("tfoot data.money")
    expect(closing).to_have_attribute("value", f"-{payer.cost}")
    page.select_option("select[name=account]", label="My account")
    page.select_option("select[name=period]", "custom")
    page.fill("input[name=to]", "2020-01-02")
    expect(closing).to_have_attribute("value", "0")
    page.fill("input[name=from]", "2020-02-01")
    expect(page.get_by_role("alert")).to_contain_text("last day is before the first")
    page.fill("input[name=at]", "2020-01-01T00:00")
    page.get_by_role("button", name="Show").click()
    found = page.locator(".found data.money")
    expect(found).to_have_attribute("value", "0")
    page.fill("input[name=at]", "2099-01-01T00:00")
    page.select_option("select[name=question]", "effective")
    page.get_by_role("button", name="Show").click()
    left = payer.person.api("GET", "/api/ledger/self/balance")["balance"]
    expect(found).to_have_attribute("value", left)


def test_user_gets_a_receipt_and_no_business_of_the_operator(
    server: Server, payer: Customer, open_page: Open, tmp_path: Path
) -> None:
    page = signed_in(open_page(path="/#/books"), payer.name)
    drawer = explain(page, server, payer.event)
    settled = payer.person.api("GET", f"/api/ledger/self/events/{payer.event}")["explanation"]
    for fact in (NOTE, "Paid from", "Gift", "answered 200", "Nothing had to be rounded"):
        expect(drawer).to_contain_text(fact)
    parts = [lot["amount"] for lot in settled["settlement"]["lots"]]
    rest = settled["settlement"]["from_balance"]
    assert amounts(drawer.locator("table[aria-label='Paid from']")) == [*parts, rest]
    for hidden in ("Margin", "Channel", "Upstream", "Reverse this charge"):
        expect(drawer).not_to_contain_text(hidden)
    path = downloaded(page, "#receipt", tmp_path)
    digest = drawer.locator(".receipt code.digest").inner_text()
    done = server.cli("ledger", "verify", "--receipt", str(path), "--expect-seal", digest)
    assert done.returncode == 0, done.stdout + done.stderr
    done = server.cli("ledger", "verify", "--receipt", str(path), "--expect-seal", "0" * 64)
    assert done.returncode == 1
    drawer.locator("input[name=through]").fill("99999")
    page.click("#receipt")
    expect(drawer.get_by_role("alert")).to_contain_text("Seal 99999 can’t prove")
    page.goto(f"{server.url}/#/books?view=proof")
    newest = page.locator("tbody code.digest").first
    expect(newest).to_have_text(re.compile("^[0-9a-f]{64}$"))
    page.locator("tbody button").first.click()
    expect(page.locator("tbody button").first).to_have_attribute("aria-label", "Copied")
    assert clipboard(page) == newest.inner_text()
    expect(page.locator("main")).not_to_contain_text("State of the books")
    page.goto(f"{server.url}/#/books?view=reversals")
    expect(page.locator(".views a")).to_have_count(2)
    expect(page.locator("h2")).to_have_text("Balance at a time")


def test_admin_sees_the_proof_and_verifies(
    server: Server, payer: Customer, admins: tuple[Person, Person], open_page: Open
) -> None:
    server.api("POST", "/api/ledger/audit")
    page = signed_in(open_page(path="/#/books?view=proof"), "ada")
    expect(page.locator(".verdict-line.good")).to_contain_text("No fault")
    expect(page.locator(".steps pre")).to_have_count(4)
    for kind in ("all", "new"):
        page.click(f"#verify-{kind}")
        expect(page.locator(".verdict-line.good").nth(1)).to_contain_text("The books balance")
    page.click("#language")
    expect(page.locator(".verdict-line.good").nth(1)).to_contain_text("账目平衡")


def test_faults_are_told_in_words(
    server: Server, admins: tuple[Person, Person], open_page: Open
) -> None:
    fault = {"kind": "sums differ", "subject": "all users", "message": "2 is not 3"}
    wrong = {"ok": False, "events": 5, "checked_before": 0, "accounts": 1, "writers": 1}
    wrong |= {"seals": 1, "signed": 0, "unsealed": 1, "notices": [], "faults_found": 3}
    page = signed_in(open_page("zh-CN", "/#/books?view=proof", tolerate="Failed to load"), "ada")
    answer = {"success": True, "data": {**wrong, "faults": [fault]}}
    page.route("**/api/ledger/verify*", lambda route: route.fulfill(json=answer))
    page.click("#verify-new")
    expect(page.locator(".verdict-line.danger")).to_contain_text("发现 3 处问题")
    expect(page.locator(".findings")).to_contain_text("合计不一致")
    expect(page.locator(".pair")).to_contain_text("另有 2 处")
    page.goto(f"{server.url}/#/books?account=nobody:1")
    expect(page.get_by_role("alert")).to_contain_text("Not an account")


def test_charge_is_reversed_from_its_explanation(
    server: Server, admins: tuple[Person, Person], open_page: Open
) -> None:
    customer = customer_of(server, "wronged")
    ask(server, customer)
    page = signed_in(open_page(path="/#/books"), "ada")
    drawer = explain(page, server, customer.event)
    expect(drawer).to_contain_text("Margin")
    expect(drawer).to_contain_text("sandbox (1)")
    page.click("#reverse")
    dialog = page.locator("dialog.small-dialog")
    expect(dialog.locator("data.money")).to_have_attribute("value", customer.cost)
    expect(dialog).to_contain_text("Nothing has happened yet")
    dialog.get_by_role("button", name="Reverse").click()
    expect(dialog.get_by_role("alert")).to_contain_text("Say why")
    assert customer.person.api("GET", "/api/ledger/self/balance")["balance"] != "1"
    dialog.locator("input[name=reason]").fill("The answer was empty")
    page.keyboard.press("Enter")
    expect(dialog.locator(".notice.good data.money")).to_have_attribute("value", customer.cost)
    page.keyboard.press("Escape")
    expect(drawer).to_contain_text("This was given back")
    expect(page.locator("#reverse")).to_have_count(0)
    assert customer.person.api("GET", "/api/ledger/self/balance")["balance"] == "1"

    own = signed_in(open_page(path="/#/books"), customer.name)
    drawer = explain(own, server, customer.event)
    expect(drawer).to_contain_text("The answer was empty")
    drawer.get_by_role("link", name=f"reverse:{customer.event}").click()
    expect(drawer.locator(".lead-amount data")).to_have_attribute("value", customer.cost)
    expect(drawer).to_contain_text("Charge reversed")


def test_above_the_limit_another_admin_decides(
    server: Server, admins: tuple[Person, Person], never_alone: None, open_page: Open
) -> None:
    customers = [customer_of(server, name) for name in ("first", "second")]
    page = signed_in(open_page(path="/#/books"), "ada")
    dialog = page.locator("dialog.small-dialog")
    for customer in customers:
        ask(server, customer)
        drawer = explain(page, server, customer.event)
        page.click("#reverse")
        expect(dialog).to_contain_text("another admin approves it")
        dialog.locator("input[name=reason]").fill(f"Complaint of {customer.name}")
        page.keyboard.press("Enter")
        expect(dialog.locator(".notice")).to_contain_text("Nothing was given back yet")
        page.keyboard.press("Escape")
        expect(drawer).to_contain_text("waits for another admin")
    page.goto(f"{server.url}/#/books?view=reversals")
    rows = page.locator("tr[data-reversal]")
    expect(rows.locator("[data-act=withdraw]")).to_have_count(len(customers))
    expect(rows.first).to_contain_text("another admin approves")
    expect(page.locator("[data-act=approve]")).to_have_count(0)

    other = signed_in(open_page(path="/#/books?view=reversals"), "bert")
    expect(other.locator(".views .count")).to_have_text("2")
    decide(other, customers[0], "approve")
    expect(other.locator(".views .count")).to_have_text("1")
    decide(other, customers[1], "reject")
    expect(other.locator(".views .count")).to_have_count(0)
    expect(other.locator("main")).to_contain_text("Nothing waits")
    balances = [c.person.api("GET", "/api/ledger/self/balance")["balance"] for c in customers]
    assert balances[0] == "1" and Decimal(balances[1]) == 1 - Decimal(customers[1].cost)
    server.verified()


def decide(page: Page, customer: Customer, act: str) -> None:
    row = page.locator("tr[data-reversal]", has_text=f"Complaint of {customer.name}")
    expect(row.locator("data.money")).to_have_attribute("value", customer.cost)
    row.locator(f"[data-act={act}]").click()
    dialog = page.locator("dialog.small-dialog")
    expect(dialog.locator("data.money").first).to_have_attribute("value", customer.cost)
    dialog.locator("button[type=submit]").click()
    expect(dialog.locator(".notice.good")).to_be_visible()
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)


def test_fits_a_phone(
    server: Server, payer: Customer, admins: tuple[Person, Person], open_page: Open
) -> None:
    path = f"/#/books?group=none&account={payer.person.account}"
    page = signed_in(open_page("zh-CN", path, viewport=PHONE), "ada")
    expect(page.locator("tbody tr[data-event]")).not_to_have_count(0)
    for view, shown in (("statement", ".verdict"), ("proof", "code.digest"), ("reversals", "h2")):
        page.goto(f"{server.url}{path}&view={view}")
        expect(page.locator(shown).first).to_be_visible()
        expect(page.locator(".skeleton")).to_have_count(0)
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
