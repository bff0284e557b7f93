"""People come in through the console: an account by mail, and a new password by mail."""

import asyncio
import base64
import re
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager

import pytest
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP
from playwright.sync_api import Page, Route, expect

from tests.admin.people import AUTHORITY, server_tls
from tests.e2e.browser import IN_BROWSER, Open, sign_in
from tests.e2e.server import ROOT_ACCESS_TOKEN, Server
from tests.fakes.identity import CLIENT, SECRET, Identities
from tests.fakes.mail import Arrived, MailServer
from tests.waiting import until_sync

pytestmark = IN_BROWSER

PASSWORD = " spaces count "
WIDGET = """window.turnstile = {
    render: (node, { callback }) => {
        callback("a token");
        node.id = "passed";
        return 1;
    },
    reset: () => {},
};"""


@contextmanager
def mail_server() -> Iterator[MailServer]:
    """Run a mail server in a thread of its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    mail = MailServer(server_tls())
    try:
        started: Future[MailServer] = asyncio.run_coroutine_threadsafe(mail.__aenter__(), loop)
        started.result(10)
        yield mail
        asyncio.run_coroutine_threadsafe(mail.__aexit__(), loop).result(10)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


@contextmanager
def identities() -> Iterator[Identities]:
    """Run services that vouch for people, in a thread of their own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    fake = Identities()
    try:
        asyncio.run_coroutine_threadsafe(fake.__aenter__(), loop).result(10)
        yield fake
        asyncio.run_coroutine_threadsafe(fake.__aexit__(), loop).result(10)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


@pytest.fixture(scope="module")
def mail() -> Iterator[MailServer]:
    with mail_server() as mail:
        yield mail


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, mail: MailServer) -> Iterator[Server]:
    """A server that trusts the mail server's authority, and asks for verified addresses."""
    directory = tmp_path_factory.mktemp("server")
    AUTHORITY.cert_pem.write_to_path(str(directory / "authority.pem"))
    server = Server(directory, SSL_CERT_FILE=str(directory / "authority.pem")).start()
    option(server, SMTPServer="localhost", SMTPPort=mail.port, SMTPFrom="gate@gate.test")
    option(server, ServerAddress=server.url, EmailVerificationEnabled=True)
    yield server
    server.stop()


def option(server: Server, **values: object) -> None:
    for key, value in values.items():
        headers = {"Authorization": ROOT_ACCESS_TOKEN}
        body = {"key": key, "value": value}
        answer = server.http.put("/api/option/", json=body, headers=headers)
        assert answer.status_code == 200, answer.text


def arrived(mail: MailServer, number: int) -> Arrived:
    until_sync(lambda: len(mail.arrived) >= number, what="a mail")
    assert mail.arrived[-1].encrypted
    return mail.arrived[-1]


def test_an_account_and_a_new_password_by_mail(
    server: Server, mail: MailServer, open_page: Open
) -> None:
    option(server, QuotaForInviter=700)
    invitation = server.api("GET", "/api/user/aff")
    page = open_page("en-US", path=f"/register?aff={invitation}")
    expect(page.locator("h1")).to_have_text("Create an account")
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
    expect(page.locator("#signout")).to_be_visible()

    (granted,) = server.api("GET", "/api/ledger/events?type=grant.inviter")
    assert (granted["account"], granted["amount_nano"]) == ("user:1", 1_400_000)

    page = open_page("zh-CN")
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
    expect(page.locator(".notice")).to_contain_text("密码已更新")
    page.click(".ways a >> text=登录")
    sign_in(page, "zoe", "another-one")
    expect(page.locator("#signout")).to_be_visible()


def test_people_come_in_through_others(server: Server, open_page: Open) -> None:
    with identities() as fake:
        fake.redirect = f"{server.url}/oauth"
        fake.person = {"id": 5, "login": "ann", "name": "Ann", "emails": []}
        option(server, GitHubClientId=CLIENT, GitHubClientSecret=SECRET)
        option(server, GitHubAddress=fake.url, GitHubApiAddress=fake.url, GitHubOAuthEnabled=True)
        page = open_page("en-US")
        page.click("text=Sign in with GitHub")
        expect(page.locator("#signout")).to_be_visible()
        assert "code=" not in page.url and "oauth" not in page.url
        page.click("#signout")
        expect(page.locator("input[name=username]")).to_be_visible()
        page.goto(f"{server.url}/oauth/github?error=access_denied&state=x")
        expect(page.locator(".notice")).to_contain_text("You said no there")
        option(server, GitHubOAuthEnabled=False)
        (ann,) = server.api("GET", "/api/user/search?keyword=github_")
        assert ann["github_id"] == "id:5"


def test_the_widget_that_looks_for_robots_may_be_loaded(server: Server, open_page: Open) -> None:
    option(server, TurnstileSiteKey="site", TurnstileSecretKey="secret")
    option(server, TurnstileVerifyUrl="http://127.0.0.1:9/", TurnstileCheckEnabled=True)
    policy = server.http.get("/").headers["Content-Security-Policy"]
    assert "script-src 'self' https://challenges.cloudflare.com" in policy
    # A browser that shows a picture alone asks for an icon of its own.
    page = open_page("en-US", path="/favicon.svg", tolerate="404 (Not Found)")
    page.unroute(f"{server.url}/")  # the product's own policy, not the test's
    page.route("https://challenges.cloudflare.com/**", _widget)
    page.goto(server.url)
    sent = _sign_in_with(page)
    assert "turnstile=a+token" in sent
    option(server, TurnstileCheckEnabled=False)
    assert "challenges" not in server.http.get("/").headers["Content-Security-Policy"]


def _widget(route: Route) -> None:
    route.fulfill(body=WIDGET, content_type="text/javascript")


def _sign_in_with(page: Page) -> str:
    """Sign in while Turnstile is silent; return what was asked for."""
    expect(page.locator("#passed")).to_be_attached()
    with page.expect_request("**/api/user/login**") as asked:
        sign_in(page, "root", "root-password")
    expect(page.locator("#signout")).to_be_visible()
    return asked.value.url


def test_whoever_has_a_second_factor_is_asked_for_a_code(server: Server, open_page: Open) -> None:
    person = server.add_user("careful")
    begun = person.api("POST", "/api/user/totp", {"password": "password-1"})
    totp = TOTP(base64.b32decode(begun["secret"]), 6, SHA1(), 30)
    first = totp.generate(int(time.time())).decode()
    recovery = person.api("PUT", "/api/user/totp", {"code": first})["recovery_codes"]
    page = open_page("en-US", tolerate="401")
    sign_in(page, "careful")
    expect(page.locator("[role=status]")).to_contain_text("code of your authenticator")
    page.locator("input[name=code]").fill("000000")
    page.keyboard.press("Enter")
    expect(page.locator("[role=alert]")).to_contain_text("code is wrong")
    page.locator("input[name=code]").fill(recovery[0])
    page.keyboard.press("Enter")
    expect(page.locator("#signout")).to_be_visible()
