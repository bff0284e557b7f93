"""Options and notices in a browser: all are there, and what is saved is what the API says."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import quote

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.e2e.browser import IN_BROWSER, Open, sign_in
from tests.e2e.server import ROOT_PASSWORD, Server
from tests.waiting import until_sync

pytestmark = IN_BROWSER
OPTION = "/api/option/"
SECRET = "a-secret-that-stays-one"
GROUPS = (
    "general texts signin registration mail notices payments ratios limits care relay safety"
).split()


def as_root(open_page: Open, path: str, **options: Any) -> Page:
    page = open_page(path=f"/#/signin?next={quote(path, safe='')}", **options)
    sign_in(page, "root", ROOT_PASSWORD)
    expect(page.locator(".option-group, .ways-list").first).to_be_visible()
    return page


def show(page: Page, group: str) -> None:
    page.evaluate("group => { location.hash = `/options?group=${group}`; }", group)
    expect(page.locator(f"form[data-group={group}]")).to_be_visible()


def stored(server: Server) -> dict[str, str]:
    return {row["key"]: row["value"] for row in server.api("GET", OPTION)}


def option(page: Page, name: str) -> Locator:
    return page.locator(f'[data-option="{name}"]')


def saved(page: Page, *, asks: bool = False) -> None:
    page.get_by_role("button", name="Save", exact=True).click()
    if asks:
        page.locator("dialog").get_by_role("button", name="Save and publish").click()
        expect(page.locator("dialog")).to_have_count(0)
    expect(page.locator(".savebar")).to_have_count(0)


def fill(page: Page, name: str, value: str) -> None:
    option(page, name).locator("input, textarea").first.fill(value)


def tick(page: Page, name: str, value: str) -> None:
    option(page, name).get_by_role("checkbox").set_checked(value == "true")


def choose(page: Page, name: str, value: str) -> None:
    option(page, name).locator("select").select_option(value)


def add_rows(page: Page, name: str, value: str) -> None:
    """Fill the rows of a table, the last of which is new."""
    rows = list(json.loads(value).items())
    option(page, name).get_by_role("button", name="Add a row").click()
    row = option(page, name).locator(".map-row").last
    row.locator("input").first.fill(rows[-1][0])
    row.locator("input").last.fill(str(rows[-1][1]))


KINDS: list[tuple[str, str, Any, str]] = [
    ("general", "SystemName", fill, "Our gate <b>"),
    ("general", "DisplayTokenStatEnabled", tick, "false"),
    ("registration", "QuotaForNewUser", fill, "2500"),
    ("registration", "EmailDomainWhitelist", fill, "mail.test,other.test"),
    ("payments", "TopUpMinUsd", fill, "2"),
    ("payments", "PaymentRates", add_rows, '{"USD": "1", "CNY": "0.14"}'),
    ("ratios", "UserUsableGroups", add_rows, '{"fast": "Twice the price"}'),
    ("ratios", "GroupRatio", add_rows, '{"default": 1, "svip": 1, "vip": 1, "fast": 1.2345678901}'),
    ("limits", "ModelLimits", fill, '{"sandbox-chat": {"rpm": 5}}'),
    ("relay", "RetryTimes", fill, "4"),
    ("safety", "SensitiveWords", fill, "one\ntwo words"),
    ("safety", "ModerationOnFailure", choose, "allow"),
    ("texts", "Notice", fill, "**loud** <script>alert(1)</script>"),
]


def test_every_option_is_there_and_each_kind_is_saved_and_read_back(
    server: Server, open_page: Open
) -> None:
    page = as_root(open_page, "/options")
    answer = server.raw("GET", OPTION).json()
    wanted = {row["key"] for row in answer["data"]} | set(answer["secrets"])
    found: set[str] = set()
    for group in GROUPS:
        show(page, group)
        found |= set(
            page.locator("[data-option]").evaluate_all("all => all.map(one => one.dataset.option)")
        )
        mine = [kind for kind in KINDS if kind[0] == group]
        for _, name, act, value in mine:
            act(page, name, value)
        if mine:
            expect(page.locator(".savebar")).to_contain_text(f"{len(mine)} change")
            saved(page, asks=group == "ratios")
    assert found == wanted
    now = stored(server)
    for _, name, act, value in KINDS:
        same = (
            json.loads(now[name]) == json.loads(value)
            if value.startswith("{")
            else now[name] == value
        )
        assert same, (name, now[name], act)
    assert '"fast":1.2345678901' in now["GroupRatio"].replace(" ", "")
    expect(page.locator(".brand")).to_contain_text("Our gate <b>")
    show(page, "texts")
    preview = option(page, "Notice").locator(".rich-preview")
    expect(preview.locator("strong")).to_have_text("loud")
    assert page.locator("main script").count() == 0


def test_what_is_wrong_is_said_at_its_field_and_nothing_typed_is_lost(
    server: Server, open_page: Open
) -> None:
    before = stored(server)
    page = as_root(open_page, "/options?group=limits", tolerate="400 (Bad Request)")
    text = option(page, "GroupLimits").locator("textarea")
    for typed, said in (
        ('{"default": ', "JSON"),
        ('{"default": {"rpm": -1}}', "whole number"),
        ('{"default": {"qps": 1}}', "there is no limit qps"),
    ):
        text.fill(typed)
        expect(option(page, "GroupLimits").get_by_role("status")).to_contain_text(said)
    page.get_by_role("button", name="Save", exact=True).click()
    expect(option(page, "GroupLimits").get_by_role("alert")).to_contain_text("not accepted")
    text.fill('{"default": {"rpm": 600, "each_user": {"rpm": 20}}}')
    expect(option(page, "GroupLimits").locator(".meaning")).to_contain_text(
        "default: 600 requests a minute; each user 20 requests a minute"
    )
    page.get_by_role("link", name="General").click()
    expect(page.locator("dialog")).to_have_count(0)  # typed texts stay while one looks around
    fill(page, "ServerAddress", "ftp://x")
    tick(page, "DisplayInCurrencyEnabled", "false")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(option(page, "ServerAddress").get_by_role("alert")).to_be_visible()
    expect(option(page, "ServerAddress").locator("input")).to_have_value("ftp://x")
    now = stored(server)
    assert now["ServerAddress"] == before["ServerAddress"]
    assert now["GroupLimits"] == before["GroupLimits"]
    assert now["DisplayInCurrencyEnabled"] == "false", "what was right is saved"
    server.options(DisplayInCurrencyEnabled="true")
    page.locator(".rail").get_by_role("link", name="Notices").click()
    expect(page.locator("dialog")).to_contain_text("2 changed options are lost")
    page.locator("dialog").get_by_role("button", name="Cancel").click()
    expect(option(page, "ServerAddress").locator("input")).to_have_value("ftp://x")


def test_a_secret_goes_in_and_never_comes_out_and_search_finds_all(
    server: Server, open_page: Open
) -> None:
    page = as_root(open_page, "/options?q=smtp")
    seen: list[str] = []
    page.on("response", lambda r: seen.append(r.text()) if OPTION in r.url and r.ok else None)
    expect(page.locator("[data-option]")).to_have_count(5)
    field = option(page, "SMTPToken").locator("input")
    expect(field).to_have_attribute("placeholder", "Not set")
    field.fill(SECRET)
    saved(page)
    expect(field).to_have_attribute("placeholder", "Set · type to replace it")
    expect(field).to_have_value("")
    assert server.raw("GET", OPTION).json()["secrets"]["SMTPToken"] is True
    assert seen and SECRET not in "".join(seen) + page.content()
    option(page, "SMTPToken").get_by_role("button", name="Empty").click()
    saved(page)
    assert server.raw("GET", OPTION).json()["secrets"]["SMTPToken"] is False
    page.get_by_label("Search all options").fill("无")
    expect(page.get_by_role("heading", name="No such option")).to_be_visible()


@pytest.fixture
def hook() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """A receiver of webhooks, and what it got."""
    got: list[dict[str, Any]] = []

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    receiver = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=receiver.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{receiver.server_port}/hook", got
    receiver.shutdown()
    receiver.server_close()


def test_a_way_is_tried_and_what_was_given_up_is_sent_again(
    server: Server, open_page: Open, hook: tuple[str, list[dict[str, Any]]]
) -> None:
    url, got = hook
    server.options(NoticeWebhookUrl=url, SMTPServer="localhost", NoticeReceivers="ops@mail.test")
    assert server.api("POST", "/api/notices/test", {"way": "mail"}) == 1
    server.options(SMTPServer="")
    page = as_root(open_page, "/notices", viewport={"width": 390, "height": 844})
    way = page.locator("[data-way=webhook]")
    expect(page.locator("[data-way=mail]")).to_contain_text("not set up")
    way.get_by_role("button", name="Send a test").click()
    until_sync(lambda: bool(got), 20, "the webhook is called")
    assert "a test" in got[0]["title"]
    sent = page.get_by_role("row").filter(has_text="Webhook")
    expect(sent).to_contain_text("Sent", timeout=20_000)
    dead = page.get_by_role("row").filter(has_text="Given up")
    expect(dead).to_contain_text("mail", timeout=20_000)
    assert not page.evaluate("document.documentElement.scrollWidth > innerWidth")
    dead.get_by_role("button", name="Send again").click()
    expect(page.locator(".news")).to_contain_text("tried again")
    assert server.events(type="audit.recorded")[0]["body"]["action"] == "notice.resend"
