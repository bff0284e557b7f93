"""The auditors' pages and the statement in a real browser: what they show is what the books say."""

import csv
import io
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
from tests.e2e.server import ROOT_PASSWORD, Person, Server

OWN = "/api/ledger/self/"
LONG_AGO, FAR_OFF = "2020-01-01T00:00", "2099-01-01T00:00"

pytestmark = IN_BROWSER


@pytest.fixture(scope="module")
def server(sandbox: Server) -> Server:
    prices = [{"model": "sandbox-chat", "input": "0.37", "output": "1.13"}]
    sandbox.api("POST", "/api/ledger/prices", {"set": prices, "note": "Spring list"})
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
    server.options(ReversalApprovalUsd="0")
    yield
    server.options(ReversalApprovalUsd="100")


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


def statement(customer: Customer, extra: str) -> dict[str, Any]:
    path = f"{OWN}statement?account={customer.person.account}{extra}"
    answer: dict[str, Any] = customer.person.api("GET", path)
    return answer


def go(page: Page, server: Server, path: str) -> Page:
    page.goto(f"{server.url}/#{path}")
    return page


# -- statements ---------------------------------------------------------------------------------


def test_statement_says_what_the_books_say(
    server: Server, payer: Customer, open_page: Open, tmp_path: Path
) -> None:
    page = signed_in(open_page(path="/#/statement?group=none"), payer.name)
    said = statement(payer, "")
    rows = page.locator("tbody tr.opens:not(.edge)")
    expect(rows).to_have_count(3)
    expect(page.locator(".adds")).to_contain_text("add up to the closing balance")
    moves = [money for row in said["rows"] for money in (row["amount"], row["balance"])]
    table = page.locator("table[aria-label=Statement]")
    assert amounts(table.locator("tbody")) == [said["opening"], *moves]
    totals = [total["amount"] for total in said["totals"]]
    assert amounts(page.locator(".figures-list")) == [said["opening"], *totals, said["closing"]]
    expect(table.locator("tfoot data.money")).to_have_attribute("value", said["closing"])
    link = rows.filter(has_text="sandbox-chat").locator("td.amount a").get_attribute("href")
    assert link and f"event={payer.event}" in link.replace("%3A", ":")

    for group in ("model", "key", "day"):
        page.get_by_role("radio", name=group.capitalize(), exact=True).check()
        expect(table.locator("thead th").first).to_contain_text(group.capitalize())
        grouped = statement(payer, f"&group={group}")
        expect(page.locator(".adds")).to_be_visible()
        assert grouped["rows"][0]["amount"] in amounts(table.locator("tbody"))
    text = downloaded(page, "#download-csv", tmp_path).read_text()
    assert said["closing"] in text and "group" in text.splitlines()[0]
    page.get_by_role("radio", name="Movements").check()
    expect(rows).to_have_count(3)
    lines = downloaded(page, "#download-jsonl", tmp_path).read_text().splitlines()
    sums = sum(Decimal(orjson.loads(line)["amount"] or 0) for line in lines)
    assert sums == Decimal(said["closing"])
    assert downloaded(page, "#download-xlsx", tmp_path).read_bytes()[:2] == b"PK"


def test_statements_of_keys_periods_and_moments(
    server: Server, payer: Customer, open_page: Open
) -> None:
    page = signed_in(open_page(path="/#/statement"), payer.name)
    page.select_option("select[name=account]", label="laptop")
    closing = page.locator("table[aria-label=Statement] tfoot data.money")
    expect(closing).to_have_attribute("value", f"-{payer.cost}")
    page.select_option("select[name=account]", label="My account")
    page.select_option("select[name=period]", "custom")
    page.fill("input[name=to]", "2020-01-02")
    page.locator("input[name=to]").blur()
    expect(closing).to_have_attribute("value", "0")
    page.fill("input[name=from]", "2020-02-01")
    page.locator("input[name=from]").blur()
    expect(page.get_by_role("alert")).to_contain_text("last day is before the first")
    page.fill("input[name=at]", LONG_AGO)
    page.get_by_role("button", name="Show", exact=True).click()
    found = page.locator(".found data.money")
    expect(found).to_have_attribute("value", "0")
    page.fill("input[name=at]", FAR_OFF)
    page.select_option("select[name=question]", "effective")
    page.get_by_role("button", name="Show", exact=True).click()
    left = payer.person.api("GET", f"{OWN}balance")["balance"]
    expect(found).to_have_attribute("value", left)


def test_user_gets_a_receipt_and_no_business_of_the_operator(
    server: Server, payer: Customer, open_page: Open, tmp_path: Path
) -> None:
    page = signed_in(open_page(path="/#/statement?group=none"), payer.name)
    page.locator(f"[data-receipt='{payer.event}']").click()
    dialog = page.locator("dialog")
    path = downloaded(page, "dialog #receipt", tmp_path)
    digest = dialog.locator("code.digest").inner_text()
    done = server.cli("ledger", "verify", "--receipt", str(path), "--expect-seal", digest)
    assert done.returncode == 0, done.stdout + done.stderr
    done = server.cli("ledger", "verify", "--receipt", str(path), "--expect-seal", "0" * 64)
    assert done.returncode == 1
    dialog.locator("input[name=through]").fill("99999")
    with page.expect_download():
        page.click("dialog #receipt")
    expect(dialog.locator(".notice.warning")).to_contain_text("Seal 99999 can’t prove")
    page.keyboard.press("Escape")
    newest = page.locator("table[aria-label='Latest seals'] code.digest").first
    expect(newest).to_have_text(re.compile("^[0-9a-f]{64}$"))
    copy = page.locator("table[aria-label='Latest seals'] tbody button").first
    copy.click()
    expect(copy).to_have_attribute("aria-label", "Copied")
    assert clipboard(page) == newest.inner_text()
    for path_of in ("ledger", "verify", "reversals", "changes"):
        go(page, server, f"/{path_of}")
        expect(page.locator("main")).to_contain_text("not for this account")


# -- the auditor's hour -------------------------------------------------------------------------


def test_an_auditors_hour(
    server: Server,
    payer: Customer,
    admins: tuple[Person, Person],
    open_page: Open,
    tmp_path: Path,
) -> None:
    server.api("POST", "/api/ledger/audit")
    account = payer.person.account
    page = signed_in(open_page(path=f"/#/ledger?range=all&account={account}"), "ada")
    expect(page.locator(".state-line")).to_contain_text("No fault")
    expect(page.locator(".state-line")).to_contain_text("agree with all events")
    explorer_agrees(page, server, payer)
    assert verified_here(page, server, admins[0])
    bundle_is_right(page, server, tmp_path)
    page.click("#language")
    expect(page.locator(".verdict-line.good")).to_contain_text("没有发现问题")


def explorer_agrees(page: Page, server: Server, payer: Customer) -> None:
    """Amounts and running balances of the stream are the ledger's; filters and exports narrow."""
    account = payer.person.account
    said = statement(payer, "")
    rows = page.locator("tbody tr")
    expect(rows).to_have_count(len(said["rows"]))
    moves = [m for row in reversed(said["rows"]) for m in (row["amount"], row["balance"])]
    assert amounts(page.locator("tbody")) == moves
    assert moves[1] == server.api("GET", f"/api/ledger/balance?account={account}")["balance"]
    page.fill("input[name=request]", payer.event.removeprefix("usage:"))
    page.keyboard.press("Enter")
    expect(rows).to_have_count(1)
    expect(rows).to_have_attribute("data-key", payer.event)
    page.get_by_role("button", name="Export").click()
    with page.expect_download() as waiting:
        page.click("#export-csv")
    exported = list(csv.DictReader(io.StringIO(waiting.value.path().read_text())))
    assert [row["id"] for row in exported] == [payer.event]
    page.fill("input[name=account]", "nobody here")
    page.keyboard.press("Tab")
    expect(page.get_by_role("alert")).to_contain_text("no account or user nobody here")
    page.fill("input[name=account]", payer.name)
    page.keyboard.press("Tab")
    expect(page.locator("input[name=account]")).to_have_value(account)


def verified_here(page: Page, server: Server, ada: Person) -> bool:
    """Verify now, and compare with what the command says."""
    go(page, server, "/verify")
    expect(page.locator(".verdict-line.good")).to_contain_text("no fault")
    page.click("#verify-all")
    history = page.locator("table[aria-label=History] tbody tr").first
    expect(history).to_contain_text("no fault")
    expect(history).to_contain_text("ada")
    run = server.api("GET", "/api/ledger/verifications")[0]
    said = server.verified()
    checks = page.locator("table[aria-label='What was checked']")
    accounts = run["report"]["accounts"]
    assert f"accounts recomputed: {accounts}" in said
    expect(checks).to_contain_text(f"{accounts} accounts")
    expect(checks.locator(".word.good")).to_have_count(5)
    page.click("#verify-new")
    expect(page.locator("table[aria-label=History] tbody tr")).to_have_count(2)
    page.click("#audit-now")
    expect(page.locator(".news")).to_contain_text("The audit found no fault")
    return run["actor"] == ada.account and bool(run["report"]["ok"])


def bundle_is_right(page: Page, server: Server, directory: Path) -> None:
    """The bundle that is downloaded is checked by the command that the page shows."""
    path = downloaded(page, "#bundle", directory)
    digest = server.api("GET", "/api/ledger/seals?limit=1")[0]["digest"]
    done = server.cli("ledger", "verify", "--bundle", str(path), "--expect-seal", digest)
    assert done.returncode == 0, done.stdout + done.stderr
    expect(page.locator(".steps pre")).to_have_count(3)


def test_progress_and_faults_are_told_in_words(
    server: Server, admins: tuple[Person, Person], open_page: Open
) -> None:
    fault = {"kind": "event changed", "subject": "usage:1", "message": "its hash is another"}
    report = {"ok": False, "events": 5, "checked_before": 0, "accounts": 1, "writers": 1}
    report |= {"seals": 1, "signed": 0, "unsealed": 1, "notices": [], "faults_found": 3}
    run = {"id": 7, "actor": "user:1", "new": False, "error": None, "report": None}
    run |= {"began": "2026-01-31T10:00:00.000000Z", "ended": None, "done": 1200, "total": 5000}
    runs = [{**run, "state": "running"}]
    page = signed_in(
        open_page("zh-CN", "/#/statement?account=nobody:1", tolerate="Failed to load"), "ada"
    )
    expect(page.get_by_role("alert")).to_contain_text("不是账户，例如 user:42")
    page.route(
        "**/api/ledger/verifications",
        lambda route: route.fulfill(json={"success": True, "data": runs}),
    )
    go(page, server, "/verify")
    expect(page.locator(".progress")).to_contain_text("1,200 / 5,000")
    expect(page.locator("#verify-all")).to_have_attribute("aria-disabled", "true")
    ended = {"state": "done", "ended": run["began"], "report": {**report, "faults": [fault]}}
    runs[0] = {**run, **ended}
    expect(page.locator(".verdict-line.danger")).to_contain_text("发现 3 处问题")
    expect(page.locator(".findings")).to_contain_text("事件被改动")
    expect(page.locator("main")).to_contain_text("另有 2 处")
    expect(page.locator("table[aria-label=核验项目] .word.danger")).to_have_count(1)


def test_the_time_machine_says_what_the_api_says(
    server: Server, payer: Customer, admins: tuple[Person, Person], open_page: Open
) -> None:
    page = signed_in(open_page(path=f"/#/balances?at={LONG_AGO}&then={FAR_OFF}"), "ada")
    account = payer.person.account
    row = page.locator(f"tr[data-key='{account}']")
    balance = payer.person.api("GET", f"{OWN}balance")["balance"]
    expect(row.locator("data.money")).to_have_count(3)
    assert amounts(row) == ["0", balance, balance]
    expect(row).to_contain_text(payer.name)
    total = page.locator("tfoot")
    expect(total).to_contain_text("Total of all")
    rows = server.api("GET", "/api/ledger/balances?limit=200")
    whole = sum(Decimal(one["balance"]) for one in rows)
    assert [Decimal(value) for value in amounts(total)] == [0, whole, whole]

    charged = server.api("GET", f"/api/ledger/events/{payer.event}")["ts"]
    moment = charged[:19]
    go(page, server, f"/balances?account={account}&at={moment}&counts=recorded")
    asked = f"/api/ledger/balance?account={account}&known_at={moment}Z"
    expected = server.api("GET", asked)["balance"]
    expect(page.locator(".found data.money")).to_have_attribute("value", expected)


# -- reconciling, changes -----------------------------------------------------------------------


def test_a_vendors_export_is_compared(
    server: Server,
    payer: Customer,
    admins: tuple[Person, Person],
    open_page: Open,
    tmp_path: Path,
) -> None:
    charge = server.api("GET", f"/api/ledger/events/{payer.event}")
    used = charge["body"]["usage"]
    line = f"{charge['at']},{charge['body']['served_model']},{used['input']},{used['output']}"
    other = f"{charge['at'].split('.')[0]}Z,other,1,1"
    head = "Created,Model,Prompt Tokens,Completion Tokens"
    path = tmp_path / "usage.csv"
    path.write_text("\n".join((head, line, other, "never,sandbox-chat,x,1", "")))
    page = signed_in(open_page(path="/#/reconcile"), "ada")
    page.click("#compare")
    expect(page.locator(".notice.warning")).to_contain_text("Choose the channel")
    page.get_by_role("combobox", name="Channel").click()
    page.get_by_role("option", name="sandbox (1)").click()
    page.set_input_files("input[name=file]", path)
    expect(page.locator("select[name=time]")).to_have_value("Created")
    expect(page.locator("select[name=input]")).to_have_value("Prompt Tokens")
    page.click("#compare")
    expect(page.locator(".verdict-line.danger")).to_contain_text("usage.csv and our books differ")
    counts = page.locator("table[aria-label='What was found']")
    for name, count in (("matched", 1), ("missing_here", 1), ("malformed", 1)):
        row = counts.locator(f"tr[data-key={name}] td.number").first
        expect(row).to_have_text(str(count))
    expect(page.locator("table[aria-label='What does not match']")).to_contain_text("is not")
    page.get_by_label("with those that match").check()
    page.get_by_role("button", name="Download").click()
    saved = downloaded(page, "#download-csv", tmp_path).read_text()
    assert payer.event in saved and "malformed" in saved


def test_changes_are_told_with_their_secrets_masked(
    server: Server, admins: tuple[Person, Person], open_page: Open
) -> None:
    name = "<img src=x onerror=alert(1)>"
    server.add_channel(name=name, key="sk-very-secret")
    page = signed_in(open_page(path="/#/changes?action=channel.create"), "bert")
    rows = page.locator("tbody tr")
    expect(rows.first).to_contain_text("Channel added")
    expect(rows.first).to_contain_text("root")
    expect(rows.first).to_contain_text(name)
    rows.first.press("Enter")
    drawer = page.locator("dialog.drawer")
    expect(drawer.locator(".difference")).to_contain_text("***")
    expect(drawer).not_to_contain_text("very-secret")
    drawer.get_by_role("button", name="Everything about this object").click()
    expect(rows).to_have_count(1)
    go(page, server, "/changes?object=channel:999")
    expect(page.locator(".next")).to_contain_text("Nothing was changed")
    page.get_by_role("button", name="Clear the filter").click()
    expect(rows.first).to_be_visible()


# -- giving charges back ------------------------------------------------------------------------


def test_a_charge_is_given_back_here(
    server: Server, admins: tuple[Person, Person], open_page: Open
) -> None:
    customer = customer_of(server, "wronged")
    ask(server, customer)
    page = signed_in(open_page(path="/#/reversals"), "ada")
    page.click("#reverse")
    dialog = page.locator("dialog.small-dialog")
    go_on = dialog.locator("button[type=submit]")
    go_on.click()
    expect(dialog.get_by_role("alert")).to_contain_text("Say which")
    dialog.locator("input[name=event]").fill(customer.event)
    page.keyboard.press("Enter")
    expect(dialog.locator("data.money").first).to_have_attribute("value", customer.cost)
    expect(dialog).to_contain_text("Nothing has happened yet")
    go_on.click()
    expect(dialog.get_by_role("alert")).to_contain_text("Say why")
    assert customer.person.api("GET", f"{OWN}balance")["balance"] != "1"
    dialog.locator("input[name=reason]").fill("The answer was empty")
    page.keyboard.press("Enter")
    expect(dialog.locator(".notice.good data.money")).to_have_attribute("value", customer.cost)
    dialog.get_by_role("button", name="Close").last.click()
    row = page.locator("table[aria-label=Lately] tbody tr").first
    expect(row).to_contain_text("1 of 1 given back")
    assert customer.person.api("GET", f"{OWN}balance")["balance"] == "1"

    own = signed_in(open_page(path="/#/statement?group=none"), customer.name)
    given = own.locator(f"tr[data-key='reverse:{customer.event}']")
    expect(given.locator("data.money").first).to_have_attribute("value", customer.cost)
    expect(given).to_contain_text("Charge reversed")


def test_above_the_limit_another_admin_decides(
    server: Server, admins: tuple[Person, Person], never_alone: None, open_page: Open
) -> None:
    customers = [customer_of(server, name) for name in ("first", "second")]
    page = signed_in(open_page(path="/#/reversals"), "ada")
    dialog = page.locator("dialog.small-dialog")
    for customer in customers:
        ask(server, customer)
        page.click("#reverse")
        dialog.get_by_role("radio", name="All charges with").check()
        dialog.locator("input[name=user]").fill(str(customer.person.id))
        page.keyboard.press("Enter")
        expect(dialog).to_contain_text("another admin approves it")
        expect(dialog.locator("data.money").first).to_have_attribute("value", customer.cost)
        dialog.locator("input[name=reason]").fill(f"Complaint of {customer.name}")
        page.keyboard.press("Enter")
        expect(dialog.locator(".notice")).to_contain_text("Nothing was given back yet")
        page.keyboard.press("Escape")
        expect(dialog).to_have_count(0)
    waiting = page.locator("table[aria-label='Waiting for approval'] tbody tr")
    expect(waiting.locator("[data-act=withdraw]")).to_have_count(len(customers))
    expect(waiting.first).to_contain_text("another admin approves")
    expect(page.locator("[data-act=approve]")).to_have_count(0)

    other = signed_in(open_page(path="/#/reversals"), "bert")
    decide(other, customers[0], "approve")
    decide(other, customers[1], "reject")
    expect(other.locator("main")).to_contain_text("Nothing waits")
    balances = [c.person.api("GET", f"{OWN}balance")["balance"] for c in customers]
    assert balances[0] == "1" and Decimal(balances[1]) == 1 - Decimal(customers[1].cost)


def decide(page: Page, customer: Customer, act: str) -> None:
    row = page.locator("tbody tr", has_text=f"Complaint of {customer.name}")
    expect(row.locator("data.money").first).to_have_attribute("value", customer.cost)
    row.locator(f"[data-act={act}]").click()
    dialog = page.locator("dialog.small-dialog")
    expect(dialog.locator("data.money").first).to_have_attribute("value", customer.cost)
    dialog.locator("button[type=submit]").click()
    expect(dialog.locator(".notice.good")).to_be_visible()
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)


def test_fits_a_phone(server: Server, payer: Customer, open_page: Open) -> None:
    page = open_page("zh-CN", "/#/ledger", viewport=PHONE)
    page.fill("input[name=username]", "root")
    page.fill("input[name=password]", ROOT_PASSWORD)
    page.keyboard.press("Enter")
    expect(page.locator("tbody tr").first).to_be_visible()
    pages = ("verify", "balances", "reconcile", "reversals", "changes", "ledger?range=all")
    for path in (*pages, f"statement?group=none&account={payer.person.account}"):
        go(page, server, f"/{path}")
        expect(page.locator("main h1")).to_be_visible()
        expect(page.locator("[aria-busy=true], .skeleton")).to_have_count(0)
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, path
