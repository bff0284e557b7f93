"""The console in a real browser: what a person sees is what the books of a real gateway say."""

import re
import subprocess

import pytest
from playwright.sync_api import expect

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
from tests.e2e.server import REPOSITORY, Server

HOSTILE = "<img src=x onerror=alert(1)>"
# Rows that the log shows at once.
PAGE = 50

pytestmark = IN_BROWSER


@pytest.fixture(scope="module")
def server(sandbox: Server) -> Server:
    return sandbox


@pytest.fixture(scope="module")
def payer(server: Server) -> Customer:
    customer = customer_of(server, "payer")
    ask(server, customer)
    return customer


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


def test_a_new_key_can_have_limits(server: Server, open_page: Open) -> None:
    person = server.add_user("limited")
    page = signed_in(open_page(path="/#/keys"), "limited")
    page.click("#newkey")
    dialog = page.locator("dialog.small-dialog")
    dialog.locator("input[name=keyname]").fill("careful")
    dialog.get_by_text("Limits").click()
    dialog.get_by_label("Requests per minute").fill("60")
    dialog.get_by_label("Requests at once").fill("2")
    dialog.locator("button.primary").click()
    expect(page.locator("tbody")).to_contain_text("careful")
    key = next(each for each in person.api("GET", "/api/token/") if each["name"] == "careful")
    assert (key["rpm"], key["tpm"], key["concurrency"]) == (60, 0, 2)


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
    page.locator(".tabs a[href='#/keys']").click()
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
