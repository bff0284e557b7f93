"""The profile in a real browser: what one signs in with, sessions, tokens, leaving."""

import base64
import hashlib
import time

from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP
from playwright.sync_api import Locator, Page, expect

from tests.e2e.browser import IN_BROWSER, PHONE, Open, clipboard, sign_in, signed_in
from tests.e2e.server import Server

pytestmark = IN_BROWSER

SIGN_IN = "/#/signin?next=/profile"
REFUSED = "Failed to load resource"
OVERFLOW = "document.documentElement.scrollWidth - innerWidth"
DRAW = """async (text) => {
    const { qrCode } = await import("/static/js/core/qr.js");
    return qrCode(text).map((row) => row.map(Number).join("")).join("\\n");
}"""


ENROLMENT = (
    "otpauth://totp/Tollgate:wanderer?secret=ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
    "&issuer=Tollgate&algorithm=SHA1&digits=6&period=30"
)


def section(page: Page, title: str) -> Locator:
    return page.get_by_role("region", name=title, exact=True)


def sign_out(page: Page) -> None:
    page.get_by_role("button", name="Account of").click()
    page.click("#signout")
    expect(page.locator("h1")).to_have_text("Sign in")


def test_a_name_and_a_password_are_changed_and_other_sessions_end(
    server: Server, open_page: Open
) -> None:
    person = server.add_user("nell")
    other = signed_in(open_page("en-US", path=SIGN_IN, tolerate=REFUSED), "nell")
    page = signed_in(open_page("en-US", path=SIGN_IN), "nell")
    page.fill("input[name=display_name]", "<b>Nell</b>")
    page.click("#save-account")
    expect(page.locator(".who")).to_have_text("<b>Nell</b>")
    assert person.api("GET", "/api/user/self")["display_name"] == "<b>Nell</b>"

    sessions = section(page, "Sessions").locator("tbody tr")
    expect(sessions).to_have_count(3)  # with that of the test's own sign-in
    page.fill("input[name=new-password]", "short")
    page.click("#save-password")
    expect(page.locator(".wrong")).to_contain_text("too short")
    page.fill("input[name=new-password]", "a-new-password")
    page.fill("input[name=new-again]", "a-now-password")
    page.click("#save-password")
    expect(page.locator(".wrong")).to_have_text("The two are not the same.")
    page.fill("input[name=new-again]", "a-new-password")
    page.keyboard.press("Enter")
    expect(page.locator(".news")).to_contain_text("all other sessions have ended")
    expect(sessions).to_have_count(1)
    expect(sessions).to_contain_text("this one")
    other.click("#new-token")
    other.fill("dialog input[name=name]", "too late")
    other.keyboard.press("Enter")
    expect(other.locator("h1")).to_have_text("Sign in")
    sign_in(other, "nell", "a-new-password")
    expect(other.locator("h1")).to_have_text("Profile")

    page.reload()
    expect(sessions).to_have_count(2)
    sessions.get_by_role("button", name="End").click()
    page.locator("dialog").get_by_role("button", name="End").click()
    expect(sessions).to_have_count(1)
    assert len(person.api("GET", "/api/user/sessions")) == 1


def test_two_step_sign_in_is_switched_on_used_and_switched_off(
    server: Server, open_page: Open
) -> None:
    server.add_user("careful")
    page = signed_in(open_page("en-US", path=SIGN_IN, tolerate=REFUSED), "careful")
    page.click("#totp-on")
    dialog = page.locator("dialog")
    dialog.locator("input[name=password]").fill("not-the-password")
    page.keyboard.press("Enter")
    expect(dialog.get_by_role("alert")).to_contain_text("password is wrong")
    dialog.locator("input[name=password]").fill("password-1")
    page.keyboard.press("Enter")
    secret = dialog.locator("#totp-secret").inner_text().replace(" ", "")
    expect(dialog.locator("svg.qr path")).to_be_visible()
    totp = TOTP(base64.b32decode(secret + "=" * (-len(secret) % 8)), 6, SHA1(), 30)
    expect(dialog.locator("input[name=code]")).to_be_focused()
    dialog.locator("input[name=code]").fill(totp.generate(int(time.time())).decode())
    page.keyboard.press("Enter")
    expect(dialog.locator(".codes li")).to_have_count(10)
    recovery = dialog.locator(".codes li").all_inner_texts()
    dialog.get_by_role("button", name="Copy the codes").click()
    expect(dialog.get_by_role("button", name="Copied")).to_be_visible()
    assert clipboard(page).splitlines() == recovery
    dialog.locator("button.primary").click()
    expect(section(page, "Two-step sign-in")).to_contain_text("10 recovery codes are left")

    sign_out(page)
    page.goto(f"{server.url}{SIGN_IN}")
    sign_in(page, "careful")
    expect(page.locator("form [role=status]")).to_contain_text("code of your authenticator")
    page.fill("input[name=code]", "000000")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("code is wrong")
    page.fill("input[name=code]", recovery[0])
    page.keyboard.press("Enter")
    expect(section(page, "Two-step sign-in")).to_contain_text("9 recovery codes are left")
    page.click("#totp-off")
    dialog.locator("input[name=code]").fill(recovery[1])
    page.keyboard.press("Enter")
    expect(section(page, "Two-step sign-in")).to_contain_text("Off.")


def test_codes_are_drawn_as_readers_read_them(server: Server, open_page: Open) -> None:
    """The pictures of these texts were read back by another program once."""
    page = open_page("en-US", path="/favicon.svg", tolerate="404 (Not Found)")
    for text, size, digest in (
        ("Tollgate", 21, "66fd9ef446d1f024"),
        (ENROLMENT, 41, "a56b9e55357f35aa"),
        ("x" * 230, 53, "d929204fc3c4bf6d"),
    ):
        drawn = page.evaluate(DRAW, text)
        assert len(drawn.split("\n")) == size
        assert hashlib.sha256(drawn.encode()).hexdigest()[:16] == digest


def test_an_access_token_is_made_used_and_revoked(server: Server, open_page: Open) -> None:
    server.add_user("scripter")
    page = signed_in(open_page("en-US", path=SIGN_IN), "scripter")
    page.click("#new-token")
    dialog = page.locator("dialog")
    dialog.locator("input[name=name]").fill("report")
    dialog.locator("button.primary").click()
    token = dialog.locator("#token-text").inner_text()
    dialog.locator("button.primary").click()
    row = section(page, "Access tokens").locator("tbody tr")
    expect(row).to_contain_text("report")
    expect(row).to_contain_text("Read")
    assert token not in page.content()
    assert server.api("GET", "/api/user/self", token=token)["username"] == "scripter"
    refused = server.raw("PUT", "/api/user/self", {"display_name": "x"}, token)
    assert refused.status_code == 403
    row.get_by_role("button", name="Revoke").click()
    expect(dialog).to_contain_text("report")
    dialog.get_by_role("button", name="Revoke").click()
    expect(row).to_have_count(0)
    assert server.raw("GET", "/api/user/self", token=token).status_code == 401


def test_looks_are_switched_and_an_account_is_deleted(server: Server, open_page: Open) -> None:
    server.add_user("leaver", 500_000)
    page = signed_in(open_page("en-US", path=SIGN_IN, viewport=PHONE), "leaver")
    page.get_by_role("radio", name="dark").check()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    page.get_by_role("radio", name="中文").check()
    expect(page.locator("h1")).to_have_text("个人设置")
    assert page.evaluate(OVERFLOW) <= 0
    page.click("#leave")
    dialog = page.locator("dialog")
    expect(dialog.locator("data.money")).to_have_attribute("value", "1")
    dialog.locator("input[name=name]").fill("someone-else")
    page.keyboard.press("Enter")
    expect(dialog.locator("button.danger")).to_have_attribute("aria-disabled", "true")
    dialog.locator("input[name=name]").fill("leaver")
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text("登录")
    expect(page.locator(".notice")).to_have_count(0)
    assert server.api("GET", "/api/user/search?keyword=leaver") == []
