"""The log and the explanation of a charge: a person sees what the books of a gateway say."""

import csv
import io
import random
import re
import subprocess
from decimal import Decimal
from pathlib import Path

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
    sign_in,
    signed_in,
)
from tests.e2e.server import ROOT_PASSWORD, Server

# Rows that the log reads at once.
PAGE = 50
ROWS = "tbody tr.opens"

pytestmark = IN_BROWSER


@pytest.fixture(scope="module")
def server(sandbox: Server) -> Server:
    return sandbox


@pytest.fixture(scope="module")
def payer(server: Server) -> Customer:
    customer = customer_of(server, "payer")
    ask(server, customer)
    return customer


def row_of(page: Page, event: str) -> Locator:
    return page.locator(f'tr[data-key="{event}"]')


WORDS = {
    "en-US": ("Charge", "Explain", "group ratio of “default”", "the same amount"),
    "zh-CN": ("扣费", "由来", "的倍率", "结果一致"),
}


@pytest.mark.parametrize("locale", WORDS)
def test_charge_is_listed_and_explained(
    server: Server, payer: Customer, open_page: Open, locale: str
) -> None:
    kind, explain, ratio, verdict = WORDS[locale]
    page = signed_in(open_page(locale, path="/#/log"), payer.name)
    row = row_of(page, payer.event)
    expect(row).to_contain_text(kind)
    expect(row).to_contain_text("sandbox-chat")
    expect(row.locator("data.money")).to_have_attribute("value", f"-{payer.cost}")
    expect(row.locator("data.money")).to_have_attribute("title", f"-{payer.cost} USD")
    link = row.locator("a")
    assert explain in (link.get_attribute("aria-label") or "")

    link.focus()
    page.keyboard.press("Enter")
    drawer = page.locator("dialog.drawer")
    expect(drawer.locator(".formula")).to_contain_text("÷ 1,000,000")
    expect(drawer.locator(".formula")).to_contain_text(ratio)
    expect(drawer.locator(".formula")).to_contain_text(f"{payer.cost} USD")
    expect(drawer).to_contain_text(verdict)
    event = payer.person.api("GET", f"/api/ledger/self/events/{payer.event}")
    for fact in (payer.event, event["hash"], event["prev"], event["body"]["request_id"]):
        expect(drawer).to_contain_text(fact)
    drawer.locator("summary").click()
    expect(drawer.locator("details pre")).to_contain_text('"usage_source"')
    # The credit is the row below.
    page.keyboard.press("ArrowRight")
    expect(drawer.locator(".lead-amount data")).to_have_attribute("value", "1")
    page.keyboard.press("ArrowLeft")
    expect(drawer.locator(".lead-amount data")).to_have_attribute("value", f"-{payer.cost}")
    page.keyboard.press("Escape")
    expect(drawer).to_have_count(0)
    expect(link).to_be_focused()
    assert "event=" not in page.url


def test_totals_equal_the_books_and_filters_are_in_the_address(
    server: Server, payer: Customer, open_page: Open
) -> None:
    page = signed_in(open_page(path="/#/log"), payer.name)
    balance = payer.person.api("GET", f"/api/ledger/self/balance?account={payer.person.account}")
    total = page.locator("tfoot tr").last
    expect(total.locator("data.money")).to_have_attribute("value", balance["balance"])
    expect(page.locator(".balance data.money")).to_have_attribute("value", balance["balance"])
    page.select_option("select[name=type]", "2")
    expect(page.locator(ROWS)).to_have_count(1)
    expect(page.locator("tfoot data.money").last).to_have_attribute("value", f"-{payer.cost}")
    assert "type=2" in page.url
    page.reload()
    expect(page.locator("select[name=type]")).to_have_value("2")
    expect(page.locator(ROWS)).to_have_count(1)
    page.select_option("select[name=outcome]", "client_closed")
    expect(page.locator(".next h2")).to_have_text("Nothing matches this filter")
    page.select_option("select[name=outcome]", "complete")
    expect(page.locator(ROWS)).to_have_count(1)
    page.locator("h1").click()
    page.keyboard.press("/")
    page.keyboard.type("no-such-model")
    expect(page.locator(".next h2")).to_have_text("Nothing matches this filter")
    page.locator(".next button").click()
    expect(page.locator(ROWS)).to_have_count(2)
    page.goto(f"{server.url}/#/log?range=custom&from=2001-01-01&to=2001-01-31")
    page.get_by_role("button", name="Clear the filter").last.click()
    expect(page.locator(ROWS)).to_have_count(2)
    today = page.evaluate("new Date().toLocaleDateString('sv')")
    page.goto(f"{server.url}/#/log?range=custom&from={today}&to={today}")
    expect(page.locator("tfoot tr").last.locator("data.money")).to_have_attribute(
        "value", balance["balance"]
    )


def test_random_charges_are_the_same_in_rows_totals_file_and_balance(
    server: Server, open_page: Open, tmp_path: Path
) -> None:
    seed = random.SystemRandom().randrange(1 << 32)
    print("seed", seed)
    chance = random.Random(seed)
    customer = customer_of(server, "regular")
    for _ in range(PAGE):
        ask(server, customer, "word " * chance.randint(1, 400))
    page = open_page(path="/#/log", tolerate="Failed to load resource")
    failed = {"success": False, "message": "the database cannot be reached"}
    headers = {"x-request-id": "0123456789abcdef"}
    later = re.compile(r"/api/log/self\?p=1&")
    page.route(later, lambda route: route.fulfill(status=503, json=failed, headers=headers))
    signed_in(page, customer.name)
    rows = page.locator(ROWS)
    expect(rows).to_have_count(PAGE)
    expect(page.locator("tfoot tr").first).to_contain_text(f"The {PAGE} rows shown")
    page.mouse.wheel(0, 10_000)
    expect(page.get_by_role("alert")).to_contain_text("0123456789abcdef")
    page.unroute(later)
    page.get_by_role("button", name="Try again").click()
    expect(rows).to_have_count(PAGE + 1)  # and the credit
    expect(page.locator("tfoot")).to_contain_text(f"Total of all {PAGE + 1} rows")

    left = Decimal(customer.person.api("GET", "/api/ledger/self/balance")["balance"])
    script = "nodes => nodes.map(node => node.value)"
    shown = page.locator(f"{ROWS} data.money").evaluate_all(script)
    total = page.locator("tfoot data.money").get_attribute("value")
    assert sum(map(Decimal, shown)) == Decimal(str(total)) == left

    page.select_option("select[name=type]", "2")
    expect(rows).to_have_count(PAGE)
    expect(page.locator("tfoot")).to_contain_text(f"Total of all {PAGE} rows")
    charged = Decimal(str(page.locator("tfoot data.money").get_attribute("value")))
    page.get_by_role("button", name="Export").click()
    with page.expect_download() as file:
        page.get_by_role("link", name="CSV").click()
    path = tmp_path / "log.csv"
    file.value.save_as(path)
    lines = list(csv.DictReader(io.StringIO(path.read_text("utf-8-sig"))))
    assert len(lines) == PAGE
    assert sum(int(line["amount_nano"]) for line in lines) == charged * 10**9
    assert charged == left - 1


def test_new_rows_come_by_themselves_while_one_follows(server: Server, open_page: Open) -> None:
    customer = customer_of(server, "follower")
    ask(server, customer)
    page = signed_in(open_page(path="/#/log"), customer.name)
    expect(page.locator(ROWS)).to_have_count(2)
    page.click("#live")
    expect(page.locator("#live")).to_have_attribute("aria-pressed", "true")
    ask(server, customer)
    expect(row_of(page, customer.event)).to_have_class(re.compile("fresh"))
    expect(page.locator("tfoot")).to_contain_text("Total of all 3 rows")
    left = customer.person.api("GET", "/api/ledger/self/balance")["balance"]
    expect(page.locator("tfoot data.money")).to_have_attribute("value", left)
    expect(page.locator(".balance data.money")).to_have_attribute("value", left)


def test_first_request_can_be_pasted(server: Server, open_page: Open) -> None:
    newcomer = customer_of(server, "newcomer")
    page = signed_in(open_page(path="/#/log"), newcomer.name)
    expect(page.locator(".next h2")).to_have_text("No charges yet")
    page.locator(".snippet button").click()
    expect(page.locator(".snippet button")).to_contain_text("Copied")
    command = clipboard(page)
    assert f"Bearer sk-{newcomer.key}'" in command and server.url in command
    assert newcomer.key not in page.locator("main").inner_text()
    done = subprocess.run(
        ["bash", "-c", command.replace("curl ", "curl -sS --noproxy '*' ", 1)],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert '"chat.completion"' in done.stdout
    page.click("#refresh")
    expect(page.locator(".next")).to_have_count(0)
    page.select_option("select[name=type]", "2")
    expect(page.locator(ROWS)).to_have_count(1)


def test_admin_sees_everybodys_log_and_gives_a_charge_back(server: Server, open_page: Open) -> None:
    payer = customer_of(server, "neighbour")
    customer = customer_of(server, "mistaken")
    ask(server, customer)
    ask(server, payer)
    page = open_page(path="/#/log?type=2&range=today")
    sign_in(page, "root", ROOT_PASSWORD)
    expect(row_of(page, payer.event)).to_contain_text(payer.name)
    expect(row_of(page, payer.event)).to_contain_text("sandbox")
    page.fill("input[name=user]", customer.name)
    expect(row_of(page, payer.event)).to_have_count(0)
    expect(page.locator(ROWS)).to_have_count(1)
    expect(page.locator("tfoot data.money")).to_have_attribute("value", f"-{customer.cost}")
    row_of(page, customer.event).click()
    drawer = page.locator("dialog.drawer")
    expect(drawer.locator(".attempts a")).to_have_attribute("href", "#/channels?channel=1")
    expect(drawer.locator(".sources")).to_contain_text("Price version 1")
    page.click("#reverse")
    dialog = page.locator("dialog.small-dialog")
    expect(dialog.locator("data.money")).to_have_attribute("value", customer.cost)
    dialog.get_by_role("button", name="Reverse").click()
    expect(dialog.get_by_role("alert")).to_contain_text("Say why")
    dialog.locator("input[name=reason]").fill("asked twice")
    dialog.get_by_role("button", name="Reverse").click()
    expect(dialog).to_contain_text("Given back")
    dialog.locator(".button.primary").click()
    expect(drawer).to_contain_text("This was given back")
    expect(drawer).to_contain_text("asked twice")
    assert customer.person.api("GET", "/api/ledger/self/balance")["balance"] == "1"
    page.keyboard.press("Escape")
    expect(page.locator(ROWS)).to_have_count(2)
    expect(page.locator("tfoot data.money")).to_have_attribute("value", "0")

    own = signed_in(open_page(path=f"/#/log?event={customer.event}"), customer.name)
    drawer = own.locator("dialog.drawer")
    expect(drawer).to_contain_text("asked twice")
    drawer.get_by_role("link", name=f"reverse:{customer.event}").click()
    expect(drawer.locator(".lead-amount data")).to_have_attribute("value", customer.cost)
    expect(drawer).to_contain_text("Charge reversed")


def test_user_gets_a_receipt_and_no_business_of_the_operator(
    server: Server, open_page: Open, tmp_path: Path
) -> None:
    customer = customer_of(server, "careful")
    gift = {"user_id": customer.person.id, "quota": 1, "remark": "", "source": "gift"}
    server.api("POST", "/api/topup", gift)
    ask(server, customer)
    page = signed_in(open_page(path=f"/#/log?event={customer.event}"), customer.name)
    drawer = page.locator("dialog.drawer")
    settled = customer.person.api("GET", f"/api/ledger/self/events/{customer.event}")
    settled = settled["explanation"]["settlement"]
    for fact in ("Paid from", "Gift", "answered 200", "Nothing had to be rounded"):
        expect(drawer).to_contain_text(fact)
    script = "nodes => nodes.map(node => node.value)"
    parts = drawer.locator("table[aria-label='Paid from'] data.money").evaluate_all(script)
    assert parts == [*(lot["amount"] for lot in settled["lots"]), settled["from_balance"]]
    for hidden in ("Margin", "Channel", "Upstream", "Reverse this charge"):
        expect(drawer).not_to_contain_text(hidden)
    with page.expect_download() as file:
        page.click("#receipt")
    path = tmp_path / file.value.suggested_filename
    file.value.save_as(path)
    digest = drawer.locator(".receipt code.digest").inner_text()
    done = server.cli("ledger", "verify", "--receipt", str(path), "--expect-seal", digest)
    assert done.returncode == 0, done.stdout + done.stderr
    drawer.locator("input[name=through]").fill("99999")
    page.click("#receipt")
    expect(drawer.get_by_role("alert")).to_contain_text("Seal 99999 can’t prove")


def test_fits_a_phone(server: Server, payer: Customer, open_page: Open) -> None:
    page = signed_in(open_page("zh-CN", path="/#/log", viewport=PHONE), payer.name)
    row = row_of(page, payer.event)
    expect(row).to_be_visible()
    overflow = "document.documentElement.scrollWidth - innerWidth"
    assert page.evaluate(overflow) <= 0
    row.locator("a").click()
    expect(page.locator("dialog.drawer .formula")).to_be_visible()
    assert page.evaluate("document.querySelector('.drawer-body').scrollWidth - innerWidth") <= 0
    page.keyboard.press("Escape")
    page.goto(f"{server.url}/#/keys")
    expect(page.locator("tbody")).to_contain_text("laptop")
    assert page.evaluate(overflow) <= 0
