"""The console in a real browser: what a person sees is what the books of a real gateway say."""

import re
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, Route, expect, sync_playwright

from tests.e2e.server import REPOSITORY, Person, Server

CHROMIUM = "/usr/bin/chromium"
FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run "
    "--disable-background-networking --disable-component-update --disable-sync"
).split()
STRICT = "default-src 'self'"
WIDE, PHONE = {"width": 1440, "height": 900}, {"width": 390, "height": 844}
# A newer filter or another page makes an unfinished request moot.
ABANDONED = "net::ERR_ABORTED"
HOSTILE = "<img src=x onerror=alert(1)>"
ONE_USD_QUOTA = 500_000
# Rows that the log shows at once.
PAGE = 50

pytestmark = [
    pytest.mark.timeout(300),
    pytest.mark.skipif(not Path(CHROMIUM).exists(), reason="needs Chromium"),
]

Open = Callable[..., Page]


@dataclass
class Customer:
    """A paying user with one key, and what one answered request told about its charge."""

    person: Person
    name: str
    key: str
    cost: str = ""
    event: str = ""


@pytest.fixture(scope="module")
def server(sandbox: Server) -> Server:
    return sandbox


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


def customer_of(server: Server, name: str) -> Customer:
    person = server.add_user(name, ONE_USD_QUOTA)
    return Customer(person, name, person.add_key(name="laptop")["key"])


def ask(server: Server, customer: Customer) -> None:
    """Make one paid request and remember what its answer says about the charge."""
    answer = httpx.post(
        f"{server.url}/v1/chat/completions",
        json={"model": "sandbox-chat", "messages": [{"role": "user", "content": "How much?"}]},
        headers={"Authorization": f"Bearer sk-{customer.key}"},
        timeout=60,
        trust_env=False,
    )
    assert answer.status_code == 200, answer.text
    customer.cost = answer.headers["x-tollgate-cost"]
    customer.event = answer.headers["x-tollgate-event"]


@pytest.fixture(scope="module")
def payer(server: Server) -> Customer:
    customer = customer_of(server, "payer")
    ask(server, customer)
    return customer


@pytest.fixture
def open_page(server: Server, chromium: Browser) -> Iterator[Open]:
    """Open the console under a strict content policy; at the end nothing may have gone wrong."""
    contexts, wrong = [], []
    tolerated: list[str] = []

    def under_policy(route: Route) -> None:
        answer = route.fetch()
        headers = {**answer.headers, "content-security-policy": STRICT}
        route.fulfill(response=answer, headers=headers)

    def opened(locale: str = "en", path: str = "/", tolerate: str = "", **options: Any) -> Page:
        context = chromium.new_context(locale=locale, **{"viewport": WIDE, **options})
        context.grant_permissions(["clipboard-read", "clipboard-write"], origin=server.url)
        contexts.append(context)
        tolerated.extend([tolerate] if tolerate else [])
        page = context.new_page()
        page.set_default_timeout(30_000)
        page.route(f"{server.url}/", under_policy)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda m: wrong.append(m.text) if m.type == "error" else None)
        page.on("requestfailed", lambda r: wrong.append(f"{r.url}: {r.failure}"))
        tolerated.append(ABANDONED)
        page.goto(server.url + path)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert not [text for text in wrong if not any(part in text for part in tolerated)]


def sign_in(page: Page, name: str, password: str = "password-1") -> None:
    page.fill("input[name=username]", name)
    page.fill("input[name=password]", password)
    page.keyboard.press("Enter")


def signed_in(page: Page, name: str) -> Page:
    sign_in(page, name)
    expect(page.locator("#signout")).to_be_visible()
    return page


def clipboard(page: Page) -> str:
    return str(page.evaluate("navigator.clipboard.readText()"))


WORDS = {
    "en-US": (
        "Sign in",
        "Charge",
        "Explain",
        "group ratio of “default”",
        "the same amount",
        "中文",
    ),
    "zh-CN": ("登录", "扣费", "由来", "的倍率", "结果一致", "English"),
}


@pytest.mark.parametrize("locale", WORDS)
def test_charge_is_listed_and_explained(
    server: Server, payer: Customer, open_page: Open, locale: str
) -> None:
    title, kind, explain, ratio, verdict, other = WORDS[locale]
    page = open_page(locale)
    expect(page.locator("h1")).to_have_text(title)
    expect(page.locator("#language")).to_have_text(other)
    expect(page.locator(".state")).to_have_attribute("data-state", "ready")
    signed_in(page, payer.name)

    row = page.locator(f'tr[data-event="{payer.event}"]')
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
    page.keyboard.press("Escape")
    expect(drawer).to_have_count(0)
    expect(link).to_be_focused()


def test_figures_and_totals_equal_the_books(
    server: Server, payer: Customer, open_page: Open
) -> None:
    page = signed_in(open_page(), payer.name)
    balance = payer.person.api("GET", f"/api/ledger/self/balance?account={payer.person.account}")
    expect(page.locator(".figure data.money").first).to_have_attribute("value", balance["balance"])
    total = page.locator("tfoot tr").last
    expect(total.locator("data.money")).to_have_attribute("value", balance["balance"])
    page.select_option("select[name=type]", "2")
    expect(page.locator("tbody tr.opens")).to_have_count(1)
    expect(page.locator("tfoot data.money").last).to_have_attribute("value", f"-{payer.cost}")
    assert "type=2" in page.url
    page.reload()
    expect(page.locator("select[name=type]")).to_have_value("2")
    page.keyboard.press("/")
    page.keyboard.type("no-such-model")
    expect(page.locator(".next h2")).to_have_text("Nothing matches this filter")
    page.locator(".next button").click()
    expect(page.locator("tbody tr.opens")).not_to_have_count(0)


def test_more_rows_load_and_a_failed_page_can_be_tried_again(
    server: Server, open_page: Open
) -> None:
    customer = customer_of(server, "regular")
    for _ in range(PAGE):
        ask(server, customer)
    page = open_page(path="/#/log", tolerate="Failed to load resource")
    rows = page.locator("tbody tr.opens")
    failed = {"success": False, "message": "the database cannot be reached"}
    headers = {"x-request-id": "0123456789abcdef"}
    later = re.compile(r"/api/log/self\?p=1&")
    signed_in(page, customer.name)
    expect(rows).to_have_count(PAGE)
    expect(page.locator("tfoot tr").first).to_contain_text(f"The {PAGE} rows shown")
    page.route(later, lambda route: route.fulfill(status=503, json=failed, headers=headers))
    page.click("#more")
    expect(page.get_by_role("alert")).to_contain_text("0123456789abcdef")
    page.unroute(later)
    page.get_by_role("button", name="Try again").click()
    expect(rows).to_have_count(PAGE + 1)  # and the credit
    expect(page.locator("tfoot")).to_contain_text(f"Total of all {PAGE + 1} rows")
    left = customer.person.api("GET", "/api/ledger/self/balance")["balance"]
    expect(page.locator("tfoot data.money")).to_have_attribute("value", left)


def test_copying_takes_the_exact_amount(server: Server, payer: Customer, open_page: Open) -> None:
    page = signed_in(open_page(), payer.name)
    amount = page.locator(f'tr[data-event="{payer.event}"] data.money')
    amount.evaluate("node => getSelection().selectAllChildren(node)")
    page.keyboard.press("Control+c")
    assert clipboard(page) == f"-{payer.cost}"


def test_language_and_theme_switch_and_are_remembered(
    server: Server, payer: Customer, open_page: Open
) -> None:
    page = signed_in(open_page("en", color_scheme="dark"), payer.name)
    root = page.locator("html")
    expect(root).to_have_attribute("data-theme", "dark")
    page.click("#language")
    expect(root).to_have_attribute("lang", "zh-CN")
    expect(page.locator("thead")).to_contain_text("金额")
    page.get_by_role("button", name="主题").click()
    expect(root).to_have_attribute("data-theme", "light")
    page.reload()
    expect(root).to_have_attribute("lang", "zh-CN")
    expect(root).to_have_attribute("data-theme", "light")


def test_first_request_can_be_pasted(server: Server, open_page: Open) -> None:
    newcomer = customer_of(server, "newcomer")
    page = signed_in(open_page(), newcomer.name)
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
    expect(page.locator("tbody tr.opens")).to_have_count(1)


def test_code_is_redeemed_once(server: Server, open_page: Open) -> None:
    customer = customer_of(server, "redeemer")
    codes = server.api("POST", "/api/redemption/", {"name": "gift", "quota": 250_000, "count": 1})
    page = signed_in(open_page(tolerate="Failed to load resource"), customer.name)
    balance = page.locator(".figure data.money").first
    expect(balance).to_have_attribute("value", "1")
    page.click("#redeem")
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


def test_names_are_shown_as_text(server: Server, open_page: Open) -> None:
    person = server.add_user("hostile")
    person.add_key(name=HOSTILE)
    page = signed_in(open_page(path="/#/keys"), "hostile")
    expect(page.locator("tbody")).to_contain_text(HOSTILE)
    assert page.locator("img").count() == 0


@pytest.mark.parametrize("locale", WORDS)
def test_fits_a_phone(server: Server, payer: Customer, open_page: Open, locale: str) -> None:
    page = signed_in(open_page(locale, viewport=PHONE), payer.name)
    row = page.locator(f'tr[data-event="{payer.event}"]')
    expect(row).to_be_visible()
    overflow = "document.documentElement.scrollWidth - innerWidth"
    assert page.evaluate(overflow) <= 0
    row.locator("a").click()
    expect(page.locator("dialog.drawer .formula")).to_be_visible()
    assert page.evaluate("document.querySelector('.drawer-body').scrollWidth - innerWidth") <= 0
    page.keyboard.press("Escape")
    page.locator(".tabs a").last.click()
    expect(page.locator(".snippet")).to_be_visible()
    assert page.evaluate(overflow) <= 0


MONEY = [
    ("0", "$0.00"),
    ("-0.000012345", "−$0.00001235"),
    ("-0.000000001", "−$0.000000001"),
    ("0.0099996", "+$0.01"),
    ("0.0123456", "+$0.0123"),
    ("0.5", "+$0.50"),
    ("1.005", "+$1.01"),
    ("9223372036.854775807", "+$9,223,372,036.85"),
]


def test_money_is_trimmed_for_the_eye_and_exact_underneath(open_page: Open) -> None:
    page = open_page()
    script = """async (amounts) => {
        const { parseUsd, shortUsd, exactUsd } = await import("/static/js/money.js");
        return amounts.map((a) => [exactUsd(parseUsd(a)), shortUsd(parseUsd(a), { signed: true })]);
    }"""
    assert page.evaluate(script, [amount for amount, _ in MONEY]) == [list(row) for row in MONEY]
    cut = """async () => {
        const { parseUsd, shortUsd } = await import("/static/js/money.js");
        return shortUsd(parseUsd("24.699"), { down: true });
    }"""
    assert page.evaluate(cut) == "$24.69"


def test_both_languages_say_everything(open_page: Open) -> None:
    script = """async () => {
        const files = ["en", "zh-CN"].map((name) => import(`/static/js/locales/${name}.js`));
        const [en, zh] = await Promise.all(files);
        return [Object.keys(en.default), Object.keys(zh.default)];
    }"""
    english, chinese = map(set, open_page().evaluate(script))
    # Chinese has one plural form.
    assert {key for key in english - chinese if not key.endswith(".one")} == set()
    assert chinese - english == set()


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (x / 12.92 if x <= 0.03928 else ((x + 0.055) / 1.055) ** 2.4 for x in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


PAIRS = [
    *(
        (ink, ground, 4.5)
        for ink in ("ink", "ink-2", "accent")
        for ground in ("page", "hover", "selected")
    ),
    ("warning", "warning-ground", 4.5),
    ("danger", "danger-ground", 4.5),
    ("danger", "page", 4.5),
    ("on-accent", "accent", 4.5),
    ("on-accent", "accent-hover", 4.5),
    ("edge", "page", 3.0),
    ("accent-bar", "page", 3.0),
]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_colours_can_be_told_apart(theme: str) -> None:
    tokens = (REPOSITORY / "static/theme/tokens.css").read_text()
    light, dark = tokens.split(':root[data-theme="dark"]')
    colours = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", light if theme == "light" else dark))
    for ink, ground, least in PAIRS:
        low, high = sorted((luminance(colours[ink]), luminance(colours[ground])))
        assert (high + 0.05) / (low + 0.05) >= least, (ink, ground)
