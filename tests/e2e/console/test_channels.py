"""Channels in the console: what an operator does there is what the API then says."""

import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from playwright.sync_api import Locator, Page, expect

from tests.e2e.browser import IN_BROWSER, PHONE, Open, sign_in
from tests.e2e.server import ROOT_PASSWORD, Server
from tests.fakes.threaded import in_thread
from tests.fakes.upstream import FakeUpstream

pytestmark = IN_BROWSER

SECRET = "sk-written-once-0123456789"
HOSTILE = "<img src=x onerror=\"document.title='taken'\">{{ 7*7 }}"
MODEL = "gpt-4o-mini"
# Of the form that AWS gives them.
OLD, NEW = "o" * 40, "n" * 40


@pytest.fixture(scope="module")
def upstream() -> Iterator[FakeUpstream]:
    """An upstream of OpenAI's protocol, in a thread of its own."""
    fake = FakeUpstream()
    fake.models = (MODEL, "brand-new")
    with in_thread(fake) as running:
        yield running


def channels(open_page: Open, query: str = "", **options: Any) -> Page:
    """Sign in as root to the page of the channels, on which the server may refuse something."""
    path = f"/#/signin?next=/channels{query}"
    page = open_page(path=path, tolerate="status of 400", **options)
    sign_in(page, "root", ROOT_PASSWORD)
    expect(page.locator("h1")).to_have_text("Channels")
    return page


def rows(server: Server) -> dict[str, dict[str, Any]]:
    """All channels by their names, as the API has them."""
    return {row["name"]: row for row in server.api("GET", "/api/channel/?page_size=100")}


def row_of(page: Page, name: str) -> Locator:
    return page.locator("tbody tr").filter(has=page.get_by_text(name, exact=True))


def field(page: Page, label: str) -> Locator:
    return page.locator("dialog.drawer").get_by_label(label, exact=True)


def serves(server: Server, key: str, model: str) -> httpx.Response:
    return httpx.post(
        f"{server.url}/v1/chat/completions",
        json={"model": model, "messages": [{"role": "user", "content": "How much?"}]},
        headers={"Authorization": f"Bearer sk-{key}"},
        timeout=60,
        trust_env=False,
    )


def test_a_channel_from_nothing_to_an_answer(
    server: Server, upstream: FakeUpstream, open_page: Open
) -> None:
    page = channels(open_page)
    expect(page.get_by_text("No channels yet")).to_be_visible()
    page.get_by_role("button", name="Add a channel").last.click()
    page.get_by_label("Search vendors").fill("sandbox")
    page.keyboard.press("Enter")
    expect(field(page, "Name")).to_be_focused()
    field(page, "Name").fill("first")
    page.get_by_role("button", name="Add", exact=True).click()
    page.get_by_role("button", name="Test it now").click()
    page.locator(".trial-form button").click()
    expect(page.locator(".trial")).to_contain_text("Sandbox answer, not from a model")
    page.keyboard.press("Escape")
    expect(row_of(page, "first")).to_contain_text("just now")
    made = rows(server)["first"]
    assert made["type"] == 1000 and made["group"] == "default" and made["test_verdict"] == "ok"

    page.get_by_role("button", name="Add a channel").click()
    page.get_by_label("Search vendors").fill("openai compatible")
    page.get_by_role("button", name="OpenAI Compatible").click()
    field(page, "Name").fill("mine")
    field(page, "Upstream key").fill(SECRET)
    page.locator("dialog.drawer").get_by_role("button", name="Clear").click()
    page.get_by_label(re.compile("^Models")).fill(MODEL)
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Add", exact=True).click()
    # The server refuses it, and says so where the address is missing.
    expect(field(page, "Address")).to_be_focused()
    expect(page.locator(".field .wrong")).to_contain_text("must be given for a channel of type")
    field(page, "Address").fill(upstream.url)
    page.get_by_role("button", name="Add", exact=True).click()
    page.get_by_role("button", name="Test it now").click()
    page.locator(".trial-form select[name=model]").select_option(MODEL)
    page.get_by_label("as a stream").check()
    page.locator(".trial-form button").click()
    expect(page.locator(".trial")).to_contain_text("Hello from the fake.")
    assert SECRET not in page.content()
    key = server.add_user("asker", 500_000).add_key()["key"]
    answer = serves(server, key, MODEL)
    assert answer.json()["choices"][0]["message"]["content"] == "Hello from the fake."
    assert upstream.received[-1].headers["authorization"] == f"Bearer {SECRET}"


def test_the_form_keeps_secrets_and_what_was_typed(
    server: Server, upstream: FakeUpstream, open_page: Open
) -> None:
    bedrock = server.add_channel(
        type=33,
        name=HOSTILE,
        key="",
        models="claude-3-haiku-20240307",
        config={"region": "us-east-1", "ak": "AKIAABCDEFGHIJKLMNOP", "sk": OLD},
    )
    page = channels(open_page, f"?channel={bedrock}")
    expect(page.locator("dialog.drawer h2")).to_have_text(HOSTILE)
    expect(row_of(page, HOSTILE)).to_be_visible()
    assert OLD not in page.content() and page.locator("main img").count() == 0
    page.locator("[name='config.region']").fill("eu-west-1")
    page.locator(".field", has_text="Secret access key").get_by_role("button").click()
    page.locator("[name='config.sk']").fill(NEW)
    page.get_by_text("Proxy and timeouts").click()
    field(page, "Proxy").fill("ftp://nowhere")
    page.get_by_role("button", name="Save").click()
    expect(field(page, "Proxy")).to_be_focused()
    expect(field(page, "Proxy")).to_have_attribute("aria-invalid", "true")
    assert page.locator("[name='config.sk']").input_value() == NEW
    # Leaving is asked about, and staying loses nothing.
    page.keyboard.press("Escape")
    expect(page.get_by_text("Discard the changes?")).to_be_visible()
    page.get_by_role("button", name="Cancel").click()
    field(page, "Proxy").fill("http://me:pass-word@127.0.0.1:9")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved", exact=True)).to_be_visible()
    assert NEW not in page.content() and "pass-word" not in page.content()
    expect(page.locator(".field", has_text="Secret access key")).to_contain_text("Set")
    stored = rows(server)[HOSTILE]
    assert '"region":"eu-west-1"' in stored["config"] and "secret" not in stored["config"]
    assert stored["proxy"] == "http://me:********@127.0.0.1:9" or "pass" not in stored["proxy"]
    page.keyboard.press("Escape")
    expect(page.locator("dialog.drawer")).to_have_count(0)
    assert page.title() != "taken"
    server.api("DELETE", f"/api/channel/{bedrock}")


def test_the_table_is_worked_in(server: Server, open_page: Open) -> None:
    one = server.add_channel(name="edited", models="sandbox-chat", tag="east")
    server.add_channel(name="other", models="sandbox-chat")
    page = channels(open_page)
    priority = page.get_by_label("Priority of edited")
    priority.fill("7.5")
    page.keyboard.press("Enter")
    expect(row_of(page, "edited").locator(".wrong")).to_have_text("A whole number, please.")
    page.keyboard.press("Escape")
    expect(priority).to_have_value("0")
    priority.fill("99999999999")
    page.keyboard.press("Enter")
    expect(row_of(page, "edited").locator(".wrong")).to_contain_text("priority")
    priority.fill("7")
    page.keyboard.press("Enter")
    expect(page.get_by_text("edited was changed.")).to_be_visible()
    assert rows(server)["edited"]["priority"] == 7
    page.get_by_role("button", name="Undo").click()
    expect(priority).to_have_value("0")
    assert rows(server)["edited"]["priority"] == 0

    page.get_by_role("searchbox", name="Search").fill("edit")
    expect(page.locator("tbody tr")).to_have_count(1)
    expect(page.locator("tfoot")).to_contain_text("The one channel shown")
    page.get_by_role("searchbox", name="Search").fill("")
    page.get_by_label("Tag", exact=True).select_option("east")
    expect(page).to_have_url(re.compile("tag=east"))
    expect(page.locator("tbody tr")).to_have_count(1)
    page.get_by_label("Tag", exact=True).select_option("")

    for name in ("edited", "other"):
        row_of(page, name).get_by_role("checkbox").check()
    bar = page.get_by_role("group", name="2 channels chosen")
    bar.get_by_role("button", name="Switch off").click()
    expect(row_of(page, "other")).to_contain_text("Off")
    assert {rows(server)[name]["status"] for name in ("edited", "other")} == {2}
    bar.get_by_role("button", name="Change…").click()
    page.get_by_label("Weight", exact=True).fill("5")
    page.get_by_role("button", name="Change", exact=True).click()
    expect(page.get_by_label("Weight of other")).to_have_value("5")
    assert {rows(server)[name]["weight"] for name in ("edited", "other")} == {5}
    bar.get_by_role("button", name="Switch on").click()
    expect(row_of(page, "other")).to_contain_text("On")
    bar.get_by_role("button", name="Delete…").click()
    expect(page.locator("dialog")).to_contain_text("edited")
    page.get_by_role("button", name="Delete 2").click()
    expect(row_of(page, "other")).to_have_count(0)
    assert server.raw("GET", f"/api/channel/{one}").status_code == 404


def test_rounds_and_upstreams_lists(
    server: Server, upstream: FakeUpstream, open_page: Open
) -> None:
    name = "compared"
    number = server.add_channel(
        type=50, name=name, base_url=upstream.url, key="sk-1", models=f"{MODEL},gone-one"
    )
    server.add_channel(name="resting", models="sandbox-chat", status=2)
    page = channels(open_page, viewport=PHONE)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    page.get_by_role("button", name="All channels").click()
    page.get_by_role("button", name="Test those that are off (1)").click()
    expect(page.locator(".round")).to_contain_text("in order 1")
    expect(row_of(page, "resting")).to_contain_text("just now")
    page.get_by_role("button", name="All channels").click()
    page.get_by_role("button", name="Delete all that are off (1)").click()
    page.locator("dialog").get_by_role("button", name="Delete it").click()
    expect(row_of(page, "resting")).to_have_count(0)
    page.get_by_role("button", name=f"Actions for {name}").click()
    page.get_by_role("button", name="Edit", exact=True).click()
    page.get_by_role("tab", name="Care").click()
    page.get_by_role("button", name="Compare with the upstream").click()
    page.get_by_role("checkbox", name="brand-new").check()
    page.get_by_role("checkbox", name="gone-one").check()
    page.get_by_role("button", name="Change the channel").click()
    expect(page.get_by_text("No difference")).to_be_visible()
    assert server.api("GET", f"/api/channel/{number}")["models"] == f"{MODEL},brand-new"
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
