"""Overview, playground, top-up and orders: a person sees what the books of a gateway say."""

import json
import random
import re
from decimal import Decimal

import pytest
from playwright.sync_api import Page, expect

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
from tests.e2e.server import ROOT_PASSWORD, Server
from tests.e2e.world import open_shop, pay, tell

HOSTILE = "<img src=x onerror=alert(1)>"
#: The browser itself writes a refused request into its console.
REFUSED = "Failed to load resource"

pytestmark = IN_BROWSER


@pytest.fixture(scope="module")
def server(sandbox: Server) -> Server:
    return sandbox


TITLES = {"/overview": "Overview", "/playground": "Playground", "/topup": "Top up"}


def at(opened: Page, name: str, path: str) -> Page:
    """Sign in and go to a page."""
    signed_in(opened, name)
    opened.evaluate(f"location.hash = {json.dumps(f'#{path}')}")
    expect(opened.locator("h1")).to_have_text(TITLES[path])
    return opened


def figure(page: Page, label: str) -> str:
    """The exact value of a figure of the overview."""
    box = page.locator(".figure", has=page.locator("dt", has_text=re.compile(f"^{label}$")))
    value = box.locator("data.money").first.get_attribute("value")
    assert value is not None
    return value


def test_the_overview_says_what_the_log_and_the_books_say(server: Server, open_page: Open) -> None:
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    dice = random.Random(seed)
    customer = customer_of(server, "overseer")
    other = customer.person.add_key(name="生产")["key"]
    spent = Decimal(0)
    for number in range(dice.randint(11, 15)):
        one = Customer(customer.person, customer.name, (customer.key, other)[number % 2])
        ask(server, one, "why " * dice.randint(1, 40))
        spent += Decimal(one.cost)
    page = at(open_page(path="/#/signin"), customer.name, "/overview")
    expect(page.locator(".chart[aria-busy=false]")).to_have_count(3)
    said = customer.person.api("GET", "/api/log/self/stat?type=2")
    left = customer.person.api("GET", "/api/ledger/self/balance")["balance"]
    assert Decimal(figure(page, "Spend")) == Decimal(said["amount"]) == spent
    assert figure(page, "Balance") == left and 1 - Decimal(left) == spent
    expect(page.locator(".figure", has_text="Requests")).to_contain_text(str(said["count"]))
    expect(page.locator(".figures-list")).to_contain_text("too early to tell")
    rows = page.locator("section", has_text="Last charges").locator("tbody tr.opens")
    expect(rows).to_have_count(10)
    page.locator(".chart summary").nth(1).click()
    keys = page.locator(".chart").nth(1)
    expect(keys.locator("thead")).to_contain_text("生产")
    rows.first.locator("td.amount a").click()
    expect(page.locator("dialog.drawer")).to_be_visible()
    page.keyboard.press("Escape")
    page.get_by_role("link", name="The whole log").click()
    total = page.locator("tfoot tr").last.locator("data.money")
    expect(total).to_have_attribute("value", f"-{said['amount']}")


def test_who_is_new_makes_a_key_and_the_first_request(server: Server, open_page: Open) -> None:
    person = server.add_user("newcomer", 500_000)
    for given in person.api("GET", "/api/token/"):
        person.api("DELETE", f"/api/token/{given['id']}")
    page = at(open_page(path="/#/signin", viewport=PHONE), "newcomer", "/overview")
    page.click("#firstkey")
    page.get_by_role("button", name="Copy", exact=True).click()
    command = clipboard(page)
    [key] = person.api("GET", "/api/token/")
    assert key["key"] in command and key["key"] not in page.inner_text("main")
    ask(server, Customer(person, "newcomer", key["key"].removeprefix("sk-")))
    page.click("#refresh")
    expect(page.locator("tbody tr.opens")).to_have_count(1)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


def send(page: Page, text: str) -> None:
    """Ask in the playground, by keyboard."""
    page.fill("textarea[name=message]", text)
    page.press("textarea[name=message]", "Enter")


def test_the_playground_answers_and_tells_the_exact_cost(server: Server, open_page: Open) -> None:
    customer = customer_of(server, "player")
    page = at(open_page(path="/#/signin"), customer.name, "/playground")
    expect(page.locator(".settings")).to_contain_text("2 models with this key")
    page.fill("textarea[name=system]", "Be short.")
    send(page, f"{HOSTILE}\n```js\nlet x;\n```")
    question, answers = page.locator(".question"), page.locator(".answer")
    expect(answers.locator(".cost")).to_have_count(1)
    expect(question).to_contain_text(HOSTILE)
    expect(question.locator("pre")).to_have_text("let x;")
    expect(question.locator("img")).to_have_count(0)
    send(page, "and more?")
    expect(answers.locator(".cost")).to_have_count(2)
    charges = server.events(account=customer.person.account, type="usage.charged")
    costs = [cost.get_attribute("value") for cost in page.locator(".cost data").all()]
    assert [f"-{cost}" for cost in costs] == [each["amount"] for each in reversed(charges)]
    assert all(each["body"]["stream"] for each in charges)
    total = page.locator(".composer data").get_attribute("value")
    assert Decimal(total or "") == sum(Decimal(cost or "") for cost in costs)
    answers.nth(1).get_by_role("button", name="Answer again").click()
    expect(page.locator(".composer")).to_contain_text("3 answers")
    page.get_by_role("button", name="Change the question").first.click()
    page.keyboard.type("What else?")
    page.keyboard.press("Enter")
    expect(page.locator(".composer")).to_contain_text("4 answers")
    expect(answers).to_have_count(1)
    page.locator(".cost").click()
    expect(page.locator("dialog.drawer")).to_contain_text(customer.person.account)
    page.keyboard.press("Escape")
    assert page.evaluate("JSON.stringify({...localStorage, ...sessionStorage})").count("else") == 0
    page.click("#clear")
    page.locator("dialog").get_by_role("button", name="Clear").click()
    expect(answers).to_have_count(0)


def test_an_answer_is_stopped_and_charged_as_far_as_it_came(
    server: Server, open_page: Open
) -> None:
    [channel] = server.api("GET", "/api/channel/?p=0")
    slow = {"id": channel["id"], "config": json.dumps({"chunk_ms": 100})}
    server.api("PUT", "/api/channel/", slow)
    customer = customer_of(server, "stopper")
    page = at(open_page(path="/#/signin"), customer.name, "/playground")
    expect(page.locator(".settings")).to_contain_text("2 models with this key")
    send(page, "a long story")
    answer = page.locator(".answer")
    expect(answer.locator(".words")).to_contain_text("Sandbox")
    page.keyboard.press("Escape")
    expect(answer).to_contain_text("stopped")
    # The gateway hears the model out, since it is billed for all of it; then it charges.
    expect(answer.locator(".cost")).to_be_visible(timeout=20_000)
    [charge] = server.events(account=customer.person.account, type="usage.charged")
    assert answer.locator(".cost data").get_attribute("value") == charge["amount"].removeprefix("-")
    assert charge["body"]["outcome"] != "completed"
    server.api("PUT", "/api/channel/", {**slow, "config": "{}"})
    page.fill("input[name=most]", "-1")
    send(page, "again")
    expect(page.locator(".composer [role=alert]")).to_be_visible()
    expect(page.locator("textarea[name=message]")).to_have_value("again")


def test_what_the_gateway_refuses_is_said_in_words(server: Server, open_page: Open) -> None:
    person = server.add_user("penniless")
    person.add_key(name="laptop")
    page = at(open_page(path="/#/signin", tolerate=REFUSED), "penniless", "/playground")
    expect(page.locator(".settings")).to_contain_text("2 models with this key")
    send(page, "anything?")
    expect(page.locator(".answer [role=alert]")).to_contain_text(re.compile("credit|balance"))
    expect(page.locator(".composer")).to_contain_text("Nothing charged yet")


def test_codes_are_redeemed_once_and_told_one_by_one(server: Server, open_page: Open) -> None:
    customer = customer_of(server, "redeemer")
    codes = server.api("POST", "/api/redemption/", {"name": "gift", "quota": 250_000, "count": 2})
    server.options(TopUpLink="https://shop.example/buy?from=us")
    page = at(open_page(path="/#/signin", tolerate=REFUSED), customer.name, "/topup")
    balance, field = page.locator(".figure data.money"), page.locator("textarea[name=codes]")
    expect(balance).to_have_attribute("value", "1")
    bought = page.locator("#shop").get_attribute("href") or ""
    assert bought.startswith("https://shop.example/buy?from=us&username=redeemer&user_id=")
    assert "&transaction_id=" in bought
    page.click("#redeem")
    expect(page.get_by_role("alert")).to_have_text("Enter a code.")
    field.fill(f"  {codes[0]} \n{HOSTILE.replace(' ', '')}\n\n{codes[1]}\n")
    field.press("Enter")
    results = page.locator(".results li")
    expect(results).to_have_count(3)
    expect(results.nth(0).locator("data.money")).to_have_attribute("value", "0.5")
    expect(results.nth(1)).to_contain_text("Nothing was credited")
    expect(page.locator(".results + p data")).to_have_attribute("value", "1")
    expect(balance).to_have_attribute("value", "2")
    expect(field).to_have_value(HOSTILE.replace(" ", ""))
    field.fill(codes[0])
    field.press("Enter")
    expect(results).to_have_count(1)
    expect(results).to_contain_text("Nothing was credited: this code has been used")
    expect(results.locator("code.small")).to_have_text(re.compile(r"^[0-9a-f-]{16,}$"))
    expect(balance).to_have_attribute("value", "2")
    assert server.balance_nano(customer.person.account) == 2 * 10**9


def test_a_top_up_is_paid_and_the_operator_sees_it(server: Server, open_page: Open) -> None:
    open_shop(server)
    customer = customer_of(server, "buyer")
    page = at(open_page(path="/#/signin"), customer.name, "/topup")
    page.fill("input[name=amount]", "0.001")
    page.click("#pay")
    expect(page.get_by_role("alert")).to_contain_text("From $1.00")
    page.get_by_role("button", name="$20", exact=True).click()
    page.click("#pay")
    dialog = page.locator("dialog")
    expect(dialog).to_contain_text("Waiting for the payment")
    [order] = customer.person.api("GET", "/api/payment/orders")
    shown = page.locator("#paynow").get_attribute("href")
    assert shown == order["pay_url"] and f"order={order['id']}" in shown
    assert pay(server, order, amount="1").status_code == 409
    assert pay(server, order).status_code == 200
    expect(dialog).to_contain_text("The credit is in your balance")
    expect(page.locator(".figure data.money")).to_have_attribute("value", "21")
    assert server.balance_nano(customer.person.account) == 21 * 10**9
    page.keyboard.press("Escape")
    expect(page.locator("tbody")).to_contain_text("Paid")
    tell(server, event="refunded", reference=f"INV-{order['id'][-6:]}")
    page.evaluate(f"location.hash = '#/topup?order={order['id']}%3Fpid=1001'")
    expect(dialog).to_contain_text("the credit was taken back")
    opened = open_page(path="/#/signin")
    opened.fill("input[name=username]", "root")
    opened.fill("input[name=password]", ROOT_PASSWORD)
    opened.keyboard.press("Enter")
    expect(opened.locator("#find")).to_be_visible()
    opened.evaluate("location.hash = '#/orders?state=refunded'")
    expect(opened.locator("tbody tr")).to_have_count(1)
    expect(opened.locator("tbody tr")).to_contain_text("buyer")
    opened.get_by_role("link", name="Taken back").click()
    expect(opened.locator("dialog.drawer")).to_contain_text("reversed")
    opened.keyboard.press("Escape")
    opened.select_option("select[name=state]", "paid")
    expect(opened.locator("main")).to_contain_text("No order matches this filter")
    opened.get_by_role("link", name="Refused notices").click()
    refused = opened.locator("tbody tr:not(.skeleton)")
    expect(refused).to_contain_text("the payment is not that of order")
