"""What one sees before signing in: coming in, the start page, prices, the API reference."""

import base64
import re
import time
from collections.abc import Iterator
from typing import Any

import pytest
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP
from playwright.sync_api import Page, Route, expect

from ledger.money import usd
from ledger.price_table import PriceTable
from tests.admin.people import AUTHORITY, server_tls
from tests.e2e.browser import IN_BROWSER, PHONE, Open, clipboard, sign_in, signed_in
from tests.e2e.server import Person, Server
from tests.fakes.identity import CLIENT, SECRET, WECHAT_TOKEN, Identities
from tests.fakes.mail import Arrived, MailServer
from tests.fakes.threaded import in_thread
from tests.waiting import until_sync

pytestmark = IN_BROWSER

PASSWORD = " spaces count "
SIGN_IN = "/#/signin?next=/profile"
OVERFLOW = "document.documentElement.scrollWidth - innerWidth"
HOSTILE = "<img src=x onerror=alert(1)><script>alert(1)</script>Hello **you**"
WIDGET = """window.turnstile = {
    render: (node, { callback }) => {
        callback("a token");
        node.id = "passed";
        return 1;
    },
    reset: () => {},
};"""


@pytest.fixture(scope="module")
def mail() -> Iterator[MailServer]:
    """A mail server in a thread of its own."""
    with in_thread(MailServer(server_tls())) as mail:
        yield mail


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, mail: MailServer) -> Iterator[Server]:
    """A server that trusts the mail server's authority, and asks for verified addresses."""
    directory = tmp_path_factory.mktemp("server")
    AUTHORITY.cert_pem.write_to_path(str(directory / "authority.pem"))
    server = Server(directory, SSL_CERT_FILE=str(directory / "authority.pem")).start()
    server.options(SMTPServer="localhost", SMTPPort=mail.port, SMTPFrom="gate@gate.test")
    server.options(ServerAddress=server.url, EmailVerificationEnabled=True)
    server.add_channel()
    yield server
    server.stop()


def arrived(mail: MailServer, number: int) -> Arrived:
    until_sync(lambda: len(mail.arrived) >= number, what="a mail")
    assert mail.arrived[-1].encrypted
    return mail.arrived[-1]


def sign_out(page: Page) -> None:
    page.get_by_role("button", name="Account of").click()
    page.click("#signout")
    expect(page.locator("h1")).to_have_text("Sign in")


def test_an_account_and_a_new_password_by_mail(
    server: Server, mail: MailServer, open_page: Open
) -> None:
    server.options(QuotaForInviter=700, QuotaForInvitee=500_000)
    invitation = server.api("GET", "/api/user/aff")
    led = server.http.get("/register", params={"aff": invitation})
    assert led.headers["Location"] == f"/#/join?aff={invitation}"
    page = open_page("en-US", path=f"/#/join?aff={invitation}&next=/profile")
    expect(page.locator("h1")).to_have_text("Create an account")
    expect(page.locator("form")).to_contain_text("You were invited")
    expect(page.locator("form data.money")).to_have_attribute("value", "1")
    page.click("button.primary")
    expect(page.locator(".notice")).to_have_text("Fill in every field.")
    page.fill("input[name=username]", "zoe")
    page.fill("input[name=password]", PASSWORD)
    page.fill("input[name=email]", "zoe@mail.test")
    page.click("#send-code")
    expect(page.locator(".notice")).to_contain_text("on its way")
    found = re.search(r"is ([0-9A-Z]{6})\.", arrived(mail, 1).text)
    assert found is not None
    page.fill("input[name=code]", found[1])
    page.click("button.primary")
    expect(page.locator("#find")).to_be_visible()

    (granted,) = server.api("GET", "/api/ledger/events?type=grant.inviter")
    assert (granted["account"], granted["amount_nano"]) == ("user:1", 1_400_000)

    page = open_page("zh-CN", path=SIGN_IN)
    page.click("text=忘记密码")
    page.fill("input[name=email]", "zoe@mail.test")
    page.keyboard.press("Enter")
    expect(page.locator(".notice")).to_contain_text("重置链接已发出")
    link = re.search(rf"{re.escape(server.url)}/#/reset\?\S+", arrived(mail, 2).text)
    assert link is not None
    page.goto(link[0])
    page.reload()
    page.fill("input[name=password]", "another-one")
    page.keyboard.press("Enter")
    expect(page.locator(".news")).to_contain_text("密码已更新")
    page.goto(f"{server.url}{SIGN_IN}")
    sign_in(page, "zoe", "another-one")
    expect(page.locator("#find")).to_be_visible()
    _invited_by_root(server, open_page)


def test_an_address_is_bound_and_a_reminder_set(
    server: Server, mail: MailServer, open_page: Open
) -> None:
    person, before = server.add_user("mailed"), len(mail.arrived)
    page = signed_in(open_page("en-US", path=SIGN_IN, tolerate="400 (Bad Request)"), "mailed")
    page.click("#bind-mail")
    dialog = page.locator("dialog")
    dialog.locator("input[name=email]").fill("mailed@mail.test")
    page.click("#send-code")
    expect(dialog.locator(".notice.good")).to_contain_text("on its way")
    found = re.search(r"is ([0-9A-Z]{6})\.", arrived(mail, before + 1).text)
    assert found is not None
    for code in ("000000", found[1]):
        dialog.locator("input[name=code]").fill(code)
        page.keyboard.press("Enter")
        if code == "000000":
            expect(dialog.get_by_role("alert")).to_contain_text("wrong, used or too old")
    expect(page.locator("#bind-mail")).to_have_text("Change")
    page.get_by_role("radio", name="My own amount").check()
    page.click("#save-reminder")
    expect(page.locator(".wrong")).to_contain_text("such as 5")
    page.fill("input[name=remind]", "2.50")
    page.keyboard.press("Enter")
    expect(page.locator(".news")).to_contain_text("Saved")
    mine = person.api("GET", "/api/user/self")
    assert (mine["email"], mine["remind_quota"]) == ("mailed@mail.test", 1_250_000)


def _invited_by_root(server: Server, open_page: Open) -> None:
    """Root sees who came, with the credit that the ledger has."""
    page = open_page("en-US", path="/#/signin?next=/invite", tolerate="explain/ExplainDrawer")
    sign_in(page, "root", "root-password")
    expect(page.locator("tbody tr")).to_have_count(1)
    expect(page.locator("tbody data.money")).to_have_attribute("value", "0.0014")
    (zoe,) = server.api("GET", "/api/user/search?keyword=zoe")
    expect(page.locator("tbody")).to_contain_text(f"Account {zoe['id']}")
    link = page.locator("#invite-link").inner_text()
    assert link == f"{server.url}/register?aff={server.api('GET', '/api/user/aff')}"


def test_people_come_in_through_others(server: Server, open_page: Open) -> None:
    with in_thread(Identities()) as fake:
        fake.redirect = f"{server.url}/oauth"
        fake.person = {"id": 5, "login": "ann", "name": "Ann", "emails": []}
        server.options(GitHubClientId=CLIENT, GitHubClientSecret=SECRET)
        server.options(GitHubAddress=fake.url, GitHubApiAddress=fake.url, GitHubOAuthEnabled=True)
        page = open_page("en-US", path=SIGN_IN, tolerate="401 (Unauthorized)")
        page.click("text=Sign in with GitHub")
        expect(page.locator("h1")).to_have_text("Profile")
        assert "code=" not in page.url and "oauth" not in page.url
        sign_out(page)
        page.goto(f"{server.url}/oauth/github?error=access_denied&state=x")
        expect(page.locator(".notice")).to_contain_text("You said no there")
        (ann,) = server.api("GET", "/api/user/search?keyword=github_")
        assert ann["github_id"] == "id:5"

        fake.person = {"id": 6, "login": "ben", "name": "Ben", "emails": []}
        ben = server.add_user("ben")
        page.goto(f"{server.url}{SIGN_IN}")
        signed_in(page, "ben")
        page.click("#bind-github")
        expect(page.locator(".news")).to_contain_text("Bound: GitHub")
        expect(page.locator(".lines code")).to_have_text("id:6")
        page.get_by_role("button", name="Unbind").click()
        page.locator("dialog").get_by_role("button", name="Unbind").click()
        expect(page.locator("#bind-github")).to_be_visible()
        assert ben.api("GET", "/api/user/self")["github_id"] == ""
        server.options(GitHubOAuthEnabled=False)
        _by_wechat_and_a_second_step(server, fake, page, ben)


def _by_wechat_and_a_second_step(server: Server, fake: Identities, page: Page, ben: Person) -> None:
    fake.wechat = {"1": "wx-ben", "2": "wx-ben"}
    server.options(WeChatServerAddress=fake.url, WeChatServerToken=WECHAT_TOKEN)
    server.options(WeChatAuthEnabled=True)
    page.reload()
    page.click("#bind-wechat")
    page.locator("dialog input[name=code]").fill("1")
    page.keyboard.press("Enter")
    expect(page.locator(".lines code")).to_have_text("wx-ben")
    begun = ben.api("POST", "/api/user/totp", {"password": "password-1"})
    totp = TOTP(base64.b32decode(begun["secret"]), 6, SHA1(), 30)
    first = totp.generate(int(time.time())).decode()
    recovery = ben.api("PUT", "/api/user/totp", {"code": first})["recovery_codes"]
    sign_out(page)
    page.goto(f"{server.url}{SIGN_IN}")
    page.click("text=Sign in with WeChat")
    page.fill("input[name=code]", "2")
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text("One more step")
    page.fill("input[name=code]", "000000")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_be_visible()
    page.fill("input[name=code]", recovery[0])
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text("Profile")
    server.options(WeChatAuthEnabled=False)


def test_the_widget_that_looks_for_robots_may_be_loaded(server: Server, open_page: Open) -> None:
    server.options(TurnstileSiteKey="site", TurnstileSecretKey="secret")
    server.options(TurnstileVerifyUrl="http://127.0.0.1:9/", TurnstileCheckEnabled=True)
    policy = server.http.get("/").headers["Content-Security-Policy"]
    assert "https://challenges.cloudflare.com" in policy
    # A browser that shows a picture alone asks for an icon of its own.
    page = open_page("en-US", path="/favicon.svg", tolerate="404 (Not Found)")
    page.route("https://challenges.cloudflare.com/**", _widget)
    page.goto(f"{server.url}{SIGN_IN}")
    sent = _sign_in_with(page)
    assert "turnstile=a+token" in sent
    server.options(TurnstileCheckEnabled=False)
    assert "challenges" not in server.http.get("/").headers["Content-Security-Policy"]


def _widget(route: Route) -> None:
    route.fulfill(body=WIDGET, content_type="text/javascript")


def _sign_in_with(page: Page) -> str:
    """Sign in while Turnstile is silent; return what was asked for."""
    expect(page.locator("#passed")).to_be_attached()
    with page.expect_request("**/api/user/login**") as asked:
        sign_in(page, "root", "root-password")
    expect(page.locator("#find")).to_be_visible()
    return asked.value.url


def test_wrong_password_and_ended_session_lead_to_sign_in(server: Server, open_page: Open) -> None:
    server.add_user("careless")
    page = open_page(path="/#/profile", tolerate="Failed to load resource")
    page.locator("input[name=username]").press("Enter")
    expect(page.locator(".notice")).to_have_text("Enter a user name and a password.")
    sign_in(page, "careless", "not-the-password")
    expect(page.get_by_role("alert")).to_contain_text("is not right")
    page.keyboard.press("Control+a")
    page.keyboard.type("password-1")
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text("Profile")
    page.context.clear_cookies()
    page.get_by_role("link", name="Invite").click()
    expect(page.locator(".notice.warning")).to_contain_text("Your session has ended")
    signed_in(page, "careless")
    expect(page.locator("h1")).to_have_text("Invite")
    sign_out(page)
    expect(page.locator(".notice")).to_have_count(0)


def test_prices_are_those_of_the_book_and_what_they_come_to_is_exact(
    server: Server, open_page: Open
) -> None:
    rows: list[dict[str, Any]] = [
        {"model": "sandbox-chat", "input": "1.1", "cached": "0.3", "output": "4.7"},
        {"model": "tall", "input": "1", "tiers": [{"above_input_tokens": 100, "input": "3"}]},
    ]
    groups = {"fast": "1.7"}
    server.api("POST", "/api/ledger/prices", {"set": rows, "groups": groups, "note": "test"})
    server.add_channel(name="fast", group="default,fast", models="sandbox-chat,tall,sandbox-image")
    server.options(UserUsableGroups='{"fast": "Quicker"}')
    page = open_page("en-US", path="/#/pricing")
    body = page.locator("tbody tr")
    expect(body).to_have_count(4)
    expect(body.filter(has_text="sandbox-image")).to_contain_text("$0.01 an image")
    expect(body.filter(has_text="sandbox-chat").locator("data").first).to_have_text("$1.10")
    page.fill("input[name=search]", "CHAT")
    expect(body).to_have_count(1)
    page.select_option("select[name=group]", "fast")
    expect(body.locator("data").first).to_have_text("$1.87")
    expect(page.locator("main")).to_contain_text("Quicker")
    body.click()
    for name, count in (("input", 1234), ("cached", 77), ("output", 333)):
        page.locator("dialog").locator(f"input[name={name}]").fill(str(count))
    quote = PriceTable(1, {"sandbox-chat": rows[0]}, groups).quote("sandbox-chat", "fast")
    nano = quote.charge_nano({"input": 1234, "cached": 77, "output": 333})
    amount = page.locator("dialog .lead-amount data")
    expect(amount).to_have_attribute("value", usd(nano).rstrip("0"))
    expect(page.locator("dialog .formula")).to_contain_text("× 1.7")
    page.keyboard.press("Escape")
    expect(page.locator("dialog")).to_have_count(0)
    page.goto(f"{server.url}/#/pricing?model=tall")
    expect(page.locator("dialog")).to_contain_text("above 100 input tokens")
    expect(amount).to_have_attribute("value", "0.0035")  # 1000 × 3 + 500 × 1, per million


def test_the_start_page_is_ours_or_the_operators(server: Server, open_page: Open) -> None:
    page = open_page("en-US", viewport=PHONE)
    expect(page.locator("h1")).to_have_text("Tollgate")
    expect(page.locator("tbody")).to_contain_text("sandbox-chat")
    page.locator(".snippet button").click()
    expect(page.locator(".snippet button")).to_contain_text("Copied")
    assert f"{server.url}/v1/chat/completions" in clipboard(page)
    assert page.evaluate(OVERFLOW) <= 0
    server.options(HomePageContent=HOSTILE, About="# Who we are", Notice=HOSTILE)
    page.reload()
    expect(page.locator(".prose strong")).to_have_text("you")
    assert page.locator("main script, main [onerror]").count() == 0
    page.goto(f"{server.url}/#/about")
    expect(page.locator(".prose h1")).to_have_text("Who we are")
    server.options(HomePageContent="https://home.example/")
    page = open_page("en-US", path="/favicon.svg", tolerate="404 (Not Found)")
    page.route("https://home.example/", lambda route: route.fulfill(body="<p>their page</p>"))
    page.goto(server.url)
    expect(page.frame_locator("iframe").locator("p")).to_have_text("their page")
    server.options(HomePageContent="", About="")

    server.add_user("reader")
    page = open_page("en-US", path=SIGN_IN, tolerate="404 (Not Found)")
    signed_in(page, "reader")
    notice = page.locator(".announcement")
    expect(notice).to_contain_text("Hello you")
    notice.get_by_role("button").click()
    expect(notice).to_have_count(0)
    page.reload()
    expect(page.locator("h1")).to_have_text("Profile")
    expect(notice).to_have_count(0)
    server.options(Notice="Another one")
    page.reload()
    expect(notice).to_contain_text("Another one")
    server.options(Notice="")


def test_every_operation_of_the_api_is_listed_with_its_fields(
    server: Server, open_page: Open
) -> None:
    document = server.raw("GET", "/api/openapi.json").json()
    page = open_page("en-US", path="/static/api.html")
    operations = sum(len(each) for each in document["paths"].values())
    expect(page.locator("details")).to_have_count(operations)
    page.goto(f"{server.url}/#/api?open=post_token")
    opened = page.locator("details[open]")
    expect(opened).to_have_count(1)
    expect(opened.locator("summary")).to_contain_text("/api/token")
    expect(opened).to_contain_text("remain_quota")
    expect(opened.locator("pre")).to_contain_text("curl -X POST")
    page.fill("input[name=search]", "get pricing")
    expect(page.locator("details")).to_have_count(1)
    page.locator("details summary").click()
    expect(opened).to_contain_text("rounded up once")
    page.set_viewport_size(PHONE)
    assert page.evaluate(OVERFLOW) <= 0
    page.fill("input[name=search]", "")
    page.get_by_role("link", name=re.compile("^payment")).click()
    tagged = [o for each in document["paths"].values() for o in each.values()]
    count = sum(o["tags"] == ["payment"] for o in tagged)
    expect(page.locator("details")).to_have_count(count)
