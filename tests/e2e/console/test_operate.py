"""Operating in the console: what an operator sees and does is what the API and the ledger say."""

import random
import re
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, Route, expect

from ledger.money import usd
from tests.e2e.browser import IN_BROWSER, PHONE, Customer, Open, ask, customer_of
from tests.e2e.server import ROOT_PASSWORD, Server
from tests.waiting import until_sync

HOSTILE = "<img src=x>"
#: How long a change of a user may take to count for requests.
COUNTS_S = 2
UNTRANSLATED = re.compile(r"\b(attention|codes|dash|setup|users)\.[a-z_]+")

pytestmark = IN_BROWSER


@pytest.fixture(scope="module")
def server(server: Server) -> Server:
    models = "sandbox-chat,nobody-priced-this"
    server.add_channel(name="east", models=models, cost_ratio="0.25")
    return server


@pytest.fixture(scope="module")
def customer(server: Server) -> Customer:
    return customer_of(server, "wanderer")


@pytest.fixture(scope="module")
def signed_in(server: Server) -> dict[str, Any]:
    """What a browser keeps of a sign-in of root's."""
    login = {"username": "root", "password": ROOT_PASSWORD}
    answer = httpx.post(f"{server.url}/api/user/login", json=login, trust_env=False)
    place = {"domain": "127.0.0.1", "path": "/", "sameSite": "Lax", "httpOnly": True}
    kept = [{"name": "tollgate.signedin", "value": "1"}]
    return {
        "cookies": [{"name": name, "value": v, **place} for name, v in answer.cookies.items()],
        "origins": [{"origin": server.url, "localStorage": kept}],
    }


@pytest.fixture
def root_at(open_page: Open, signed_in: dict[str, Any]) -> Open:
    """Open pages as root."""

    def opened(path: str, **options: Any) -> Page:
        page = open_page(path=f"/#{path}", storage_state=signed_in, **options)
        expect(page.locator("#find")).to_be_visible()
        return page

    return opened


def figure(page: Page, label: str) -> str:
    shown = page.locator(".figure", has=page.locator("dt", has_text=re.compile(f"^{label}$")))
    return str(shown.locator("data.exact").first.get_attribute("value"))


def booked(server: Server) -> tuple[int, int]:
    """Revenue and cost by the events themselves, in nano-dollars."""
    charges, backs = server.events(type="usage.charged"), server.events(type="usage.reversed")
    revenue = -sum(event["amount_nano"] for event in (*charges, *backs))
    return revenue, sum(event["body"].get("cost_nano", 0) for event in charges)


def test_the_dashboard_is_what_the_ledger_says(
    server: Server, root_at: Open, customer: Customer
) -> None:
    seed = random.randrange(10**6)
    print("seed", seed)
    for _ in range(random.Random(seed).randint(2, 5)):
        ask(server, customer)
    other = customer_of(server, "atlas")
    ask(server, other)
    page = root_at("/dashboard")
    expect(page.locator(".figure").first).to_be_visible()
    revenue, cost = booked(server)
    assert revenue > cost > 0
    shown = [figure(page, label) for label in ("Revenue", "Cost", "Margin")]
    assert shown == [usd(revenue), usd(cost), usd(revenue - cost)]
    by_user = page.get_by_role("table", name="Users by revenue")
    expect(by_user.locator("tbody tr")).to_have_count(2)
    expect(by_user.get_by_role("link", name="wanderer")).to_have_attribute(
        "href", re.compile(r"#/log\?range=7d&user=wanderer$")
    )
    totals = by_user.locator("tfoot data.exact")
    expect(totals).to_have_attribute("value", usd(revenue))
    # What needs attention is named with the way to where it is mended.
    line = page.locator('[data-kind="models_unpriced"]')
    expect(line).to_contain_text("nobody-priced-this")
    expect(line.get_by_role("link", name="Set prices")).to_have_attribute("href", "#/prices")
    # What is given back is no revenue; its cost stays.
    server.api("POST", "/api/ledger/reverse", {"event": other.event, "reason": "a test"})
    page.get_by_label("30 days").check()
    expect(page.locator(".figure data.exact").first).not_to_have_attribute("value", usd(revenue))
    revenue, cost = booked(server)
    assert figure(page, "Revenue") == usd(revenue) and figure(page, "Cost") == usd(cost)
    page.get_by_text("The numbers").click()
    expect(page.locator(".numbers tbody tr").last).to_contain_text("$")


def balance(server: Server, customer: Customer) -> int:
    return server.balance_nano(customer.person.account)


def adjust(page: Page, way: str, amount: str, reason: str) -> None:
    page.locator(f"dialog.drawer [data-act={way}]").click()
    page.fill("dialog input[name=amount]", amount)
    page.fill("dialog input[name=reason]", reason)


def test_a_credit_counts_once_however_often_it_is_sent(
    server: Server, root_at: Open, customer: Customer
) -> None:
    before = balance(server, customer)
    path = f"/users?user={customer.person.id}"
    page = root_at(path, tolerate="ERR_FAILED")
    lost: list[str] = []

    def lose_the_first_answer(route: Route) -> None:
        if lost:
            route.continue_()
            return
        lost.append(route.request.headers["idempotency-key"])
        route.fetch()
        route.abort()

    page.route("**/api/topup", lose_the_first_answer)
    adjust(page, "credit", "2.5", "paid by bank")
    expect(page.locator(".balance-preview data.exact").last).to_have_attribute(
        "value", usd(before + 2_500_000_000)
    )
    go = page.get_by_role("button", name="Credit", exact=True).last
    go.click()
    expect(page.locator("dialog").get_by_text("The server did not answer")).to_be_visible()
    expect(page.locator("dialog input[name=reason]")).to_have_value("paid by bank")
    go.dblclick()
    expect(page.locator("dialog input[name=amount]")).to_have_count(0)
    credited = [
        event
        for event in server.events(type="recharge.credited")
        if event["body"].get("remark") == "paid by bank"
    ]
    assert [event["id"] for event in credited] == [f"recharge:admin:{lost[0]}"]
    assert balance(server, customer) == before + 2_500_000_000
    expect(page.locator(".lead-amount data.exact")).to_have_attribute(
        "value", usd(before + 2_500_000_000)
    )
    # The opposite entry is one click away.
    page.locator("dialog [data-act=undo]").click()
    expect(page.locator(".lead-amount data.exact")).to_have_attribute("value", usd(before))
    assert balance(server, customer) == before
    adjust(page, "take", "0.25", "a correction")
    page.get_by_role("button", name="Take away", exact=True).last.click()
    expect(page.locator(".lead-amount data.exact")).to_have_attribute(
        "value", usd(before - 250_000_000)
    )
    adjusted = server.events(type="balance.adjusted")[0]
    assert adjusted["amount"] == "-0.25" and adjusted["body"]["reason"] == "a correction"
    # Each movement leads to its explanation.
    page.get_by_role("table", name="Latest movements").locator("tbody a").first.click()
    expect(page).to_have_url(re.compile("event=" + re.escape(adjusted["id"])))
    expect(page.locator("dialog.drawer").last).to_contain_text("a correction")


def test_codes_are_made_exported_redeemed_and_ended(
    server: Server, root_at: Open, customer: Customer, tmp_path: Path
) -> None:
    page = root_at("/codes")
    page.get_by_role("button", name="New codes").first.click()
    for name, value in (("name", HOSTILE), ("value", "1.25"), ("count", "3")):
        page.fill(f"dialog input[name={name}]", value)
    expect(page.locator("dialog form p data.exact")).to_have_attribute("value", "3.75")
    page.get_by_role("button", name="Make the codes").click()
    codes = page.locator("#made-codes").input_value().split()
    assert len(set(codes)) == 3
    page.get_by_role("button", name="Close").last.click()
    before = balance(server, customer)
    customer.person.api("POST", "/api/user/topup", {"key": codes[0]})
    assert balance(server, customer) == before + 1_250_000_000
    page.reload()
    row = page.locator("tbody tr", has_text="Redeemed")
    expect(row).to_contain_text("wanderer")
    row.get_by_role("link", name="#1").click()
    expect(page.locator("dialog .figure dd").first).to_have_text("1")
    with page.expect_download() as coming:
        page.get_by_role("link", name="Codes as text").click()
    coming.value.save_as(tmp_path / "codes.txt")
    assert sorted((tmp_path / "codes.txt").read_text().split()) == sorted(codes)
    page.locator("dialog [data-act=end]").click()
    page.fill("dialog input[name=reason]", "the campaign is over")
    page.get_by_role("button", name="End them").click()
    expect(page.locator(".figure", has_text="Ended").locator("dd").first).to_have_text("2")
    assert customer.person.raw("POST", "/api/user/topup", {"key": codes[1]}).status_code >= 400
    assert balance(server, customer) == before + 1_250_000_000


def asked(server: Server, customer: Customer) -> int:
    return httpx.post(
        f"{server.url}/v1/chat/completions",
        json={"model": "sandbox-chat", "messages": [{"role": "user", "content": "hi"}]},
        headers={"Authorization": f"Bearer sk-{customer.key}"},
        timeout=30,
        trust_env=False,
    ).status_code


def test_an_operators_day_with_people(server: Server, root_at: Open, customer: Customer) -> None:
    page = root_at("/users")
    page.locator("#new-user").click()
    page.fill("dialog input[name=username]", "newcomer")
    page.fill("dialog input[name=display_name]", HOSTILE)
    page.fill("dialog input[name=credit]", "0.5")
    password = page.locator("dialog input[name=password]").input_value()
    page.get_by_role("button", name="Create the user").click()
    expect(page.locator("dialog code")).to_have_text(password)
    page.get_by_role("button", name="Close").last.click()
    login = {"username": "newcomer", "password": password}
    assert httpx.post(f"{server.url}/api/user/login", json=login, trust_env=False).is_success
    row = page.locator("tr", has_text="newcomer")
    expect(row).to_contain_text(HOSTILE)
    expect(row.locator("td[data-label=Balance] data.exact")).to_have_attribute("value", "0.5")
    # Found again by the address, disabled, and refused at once.
    page.goto(f"{server.url}/#/users?q=wand&status=1")
    rows = page.get_by_role("table", name="Users").locator("tbody tr")
    expect(rows).to_have_count(1)
    assert asked(server, customer) == 200
    rows.first.locator("td").nth(1).click()
    more = page.locator("dialog.drawer").get_by_role("button", name="More")
    more.click()
    page.locator("dialog [data-act=disable]").click()
    page.get_by_role("button", name="Disable", exact=True).last.click()
    expect(page.locator("dialog.drawer .word.danger")).to_have_text("Disabled")
    until_sync(lambda: asked(server, customer) in (401, 403), COUNTS_S, "the user is refused")
    more.click()
    page.locator("dialog [data-act=enable]").click()
    page.get_by_role("button", name="Enable", exact=True).last.click()
    until_sync(lambda: asked(server, customer) == 200, COUNTS_S, "the user is let in again")


def test_pages_fit_a_phone_and_speak_chinese(
    server: Server, root_at: Open, customer: Customer
) -> None:
    server.api("POST", "/api/redemption/", {"name": "phone", "quota": 100, "count": 1})
    page = root_at("/dashboard", locale="zh-CN", viewport=PHONE)
    user = f"/users?user={customer.person.id}"
    places = ("/dashboard", "/users", user, "/codes", "/codes?batch=1", "/setup")
    for path in places:
        page.goto(f"{server.url}/#{path}")
        expect(page.locator("main h1")).to_be_visible()
        expect(page.locator("[aria-busy=true]")).to_have_count(0)
        width = page.evaluate("document.documentElement.scrollWidth")
        assert width <= PHONE["width"], (path, width)
        found = UNTRANSLATED.search(page.locator("body").inner_text())
        assert found is None, (path, found)


def test_a_refused_dialog_on_a_chinese_page_says_why_in_chinese(
    server: Server, root_at: Open, customer: Customer
) -> None:
    page = root_at("/users", locale="zh-CN", tolerate="Failed to load")
    page.locator("#new-user").click()
    page.fill("dialog input[name=username]", customer.name)
    page.get_by_role("button", name="创建用户").click()
    expect(page.locator("dialog [role=alert]")).to_contain_text("此用户名已被其他用户使用")


def test_the_first_steps_are_seen_from_what_is_there(server: Server, root_at: Open) -> None:
    page = root_at("/dashboard")
    page.get_by_role("link", name="Go on").click()
    done = {step: page.locator(f'[data-step="{step}"].done') for step in ("password", "address")}
    expect(page.locator('[data-step="request"].done')).to_be_visible()
    expect(page.locator('[data-step="prices"]')).not_to_have_class(re.compile("done"))
    page.fill("input[name=password]", "another-password")
    page.fill("input[name=again]", "another-passwort")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("The two are not the same.")).to_be_visible()
    page.fill("input[name=again]", "another-password")
    page.get_by_role("button", name="Save").click()
    expect(done["password"]).to_be_visible()
    page.fill("input[name=SystemName]", "Our gateway")
    page.fill("input[name=ServerAddress]", "https://llm.example.org")
    page.get_by_role("button", name="Save").click()
    expect(done["address"]).to_be_visible()
    expect(page.locator('[data-step="prices"]')).to_contain_text("nobody-priced-this")
    assert page.title().endswith("Our gateway")
    login = {"username": "root", "password": "another-password"}
    assert httpx.post(f"{server.url}/api/user/login", json=login, trust_env=False).is_success
