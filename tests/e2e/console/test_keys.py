"""Keys in a real browser: made, changed, switched, rotated, given to programs."""

from typing import Any
from urllib.parse import unquote

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.e2e.browser import IN_BROWSER, PHONE, Open, ask, clipboard, customer_of, signed_in
from tests.e2e.server import Person, Server

HOSTILE = "<img src=x onerror=alert(1)>"
DIALOG, DRAWER = "dialog.small-dialog", "dialog.drawer"

pytestmark = IN_BROWSER


@pytest.fixture(scope="module")
def server(sandbox: Server) -> Server:
    sandbox.options(UserUsableGroups='{"fast": "Twice the price"}')
    return sandbox


def keys_of(person: Person) -> dict[str, dict[str, Any]]:
    return {key["name"]: key for key in person.api("GET", "/api/token/?page_size=100")}


def drawer_of(page: Page, name: str) -> None:
    page.get_by_role("button", name=f"How {name} is used").click()
    expect(page.locator(f"{DRAWER} h2")).to_have_text(name)


def test_a_key_is_made_with_everything_and_only_what_changed_is_sent(
    server: Server, open_page: Open
) -> None:
    person = server.add_user("limited")
    page = signed_in(open_page(path="/#/keys"), "limited")
    page.click("#newkey")
    dialog = page.locator(DIALOG)
    make = dialog.get_by_role("button", name="Make the key")
    make.click()
    expect(dialog.get_by_role("alert")).to_contain_text("Give the key a name")
    dialog.locator("input[name=keyname]").fill("careful")
    dialog.get_by_label("Group").select_option("fast")
    dialog.get_by_label("Limit what it may spend").check()
    dialog.get_by_label("May still spend").fill("2.5")
    dialog.get_by_label("Each day").fill("0.25")
    dialog.get_by_label("Time zone").fill("Europe/Berlin")
    dialog.get_by_role("radio", name="30 days").check()
    dialog.get_by_role("combobox", name="Models").fill("sandbox-chat")
    page.keyboard.press("Enter")
    page.keyboard.press("Escape")
    dialog.get_by_label("Networks").fill("127.0.0.0/8\n::1")
    dialog.get_by_label("Requests per minute").fill("60")
    dialog.get_by_label("Requests at once").fill("2")
    make.click()
    expect(page.locator(DRAWER)).to_contain_text("works from now on")
    key = keys_of(person)["careful"]
    assert (key["rpm"], key["tpm"], key["concurrency"]) == (60, 0, 2)
    assert (key["group"], key["models"], key["remain"]) == ("fast", "sandbox-chat", "2.5")
    assert (key["subnet"], key["unlimited_quota"]) == ("127.0.0.0/8,::1/128", False)
    budget = key["budgets"][0]
    assert (budget["period"], budget["limit_usd"]) == ("day", "0.25")
    assert 29 < (key["expired_time"] - key["created_time"]) / 86_400 < 31
    assert key["key"] not in page.locator("body").inner_text()
    page.get_by_role("button", name="Show").click()
    expect(page.locator(DRAWER)).to_contain_text(key["key"])

    sent: list[Any] = []
    page.on("request", lambda r: sent.append(r.post_data_json) if r.method == "PUT" else None)
    page.get_by_role("button", name="Edit").click()
    expect(dialog.get_by_label("May still spend")).to_have_value("2.5")
    dialog.locator("input[name=keyname]").fill("bold")
    dialog.get_by_label("Each day").fill("")
    dialog.get_by_role("button", name="Save").click()
    expect(page.locator(f"{DRAWER} h2")).to_have_text("bold")
    assert sent == [{"id": key["id"], "name": "bold", "budgets": []}]
    kept = {**key, "name": "bold", "budgets": []}
    assert keys_of(person)["bold"] == kept


def test_several_keys_are_switched_and_deleted_together(server: Server, open_page: Open) -> None:
    person = server.add_user("many")
    page = signed_in(open_page(path="/#/keys?new=1"), "many")
    dialog = page.locator(DIALOG)
    dialog.locator("input[name=keyname]").fill("batch")
    dialog.get_by_label("How many").fill("3")
    dialog.get_by_role("button", name="Make the key").click()
    expect(dialog).to_contain_text("3 keys made")
    dialog.get_by_role("button", name="Copy all").click()
    made = keys_of(person)
    lines = clipboard(page).splitlines()
    assert sorted(lines) == [f"batch {n}\tsk-{made[f'batch {n}']['key']}" for n in (1, 2, 3)]
    page.keyboard.press("Escape")
    switch = page.get_by_role("switch", name="batch 2 may be used")
    switch.uncheck()
    expect(page.locator("tr", has_text="batch 2")).to_contain_text("Off")
    assert keys_of(person)["batch 2"]["status"] == 2
    for name in ("batch 1", "batch 3"):
        page.locator("tr", has_text=name).get_by_label("Select this row").check()
    page.get_by_role("button", name="Switch off").click()
    expect(page.locator("tr", has_text="batch 3")).to_contain_text("Off")
    expect(page.locator("tbody .word.warning")).to_have_count(3)
    for name in ("batch 1", "batch 3"):
        page.locator("tr", has_text=name).get_by_label("Select this row").check()
    page.get_by_role("button", name="Delete").click()
    expect(dialog).to_contain_text("Delete 2 keys?")
    dialog.get_by_role("button", name="Delete").click()
    expect(page.locator("tr", has_text="batch 1")).to_have_count(0)
    expect(page.locator("tr", has_text="batch 2")).to_have_count(1)
    assert {"batch 1", "batch 3"}.isdisjoint(keys_of(person))


def test_a_key_gets_a_new_secret_and_is_deleted(server: Server, open_page: Open) -> None:
    customer = customer_of(server, "renewer")
    key = keys_of(customer.person)["laptop"]
    page = signed_in(open_page(path=f"/#/keys?key={key['id']}"), "renewer")
    page.get_by_role("button", name="New secret").click()
    dialog = page.locator(DIALOG)
    dialog.get_by_label("The old secret works").select_option("now")
    dialog.get_by_role("button", name="Make a new secret").click()
    expect(dialog).to_have_count(0)
    renewed = keys_of(customer.person)["laptop"]
    assert renewed["key"] != key["key"] and renewed["id"] == key["id"]
    page.get_by_role("button", name="Copy key laptop").last.click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert clipboard(page) == f"sk-{renewed['key']}"
    bearer = {"Authorization": f"Bearer sk-{key['key']}"}
    assert httpx.get(f"{server.url}/v1/models", headers=bearer, trust_env=False).status_code == 401
    customer.key = renewed["key"]
    ask(server, customer)
    page.get_by_role("button", name="Delete…").click()
    expect(dialog).to_contain_text("can’t be brought back")
    dialog.get_by_role("button", name="Delete").click()
    expect(page.locator(DRAWER)).to_have_count(0)
    assert "laptop" not in keys_of(customer.person)


def test_programs_are_told_the_key_by_ready_texts(server: Server, open_page: Open) -> None:
    customer = customer_of(server, "developer")
    page = signed_in(open_page(path="/#/keys", tolerate="ERR_"), "developer")
    drawer_of(page, "laptop")
    drawer = page.locator(DRAWER)
    texts = {}
    for way in ("curl", "Python", "Claude Code", "Codex"):
        drawer.get_by_role("radio", name=way).check()
        drawer.locator(".snippet button").click()
        expect(drawer.locator(".snippet button")).to_contain_text("Copied")
        texts[way] = clipboard(page)
        assert f"sk-{customer.key}" in texts[way] and server.url in texts[way]
        assert customer.key not in page.locator("body").inner_text()
    compile(texts["Python"], "snippet", "exec")
    assert f"ANTHROPIC_BASE_URL='{server.url}'" in texts["Claude Code"]
    assert 'wire_api = "responses"' in texts["Codex"]
    drawer.get_by_role("radio", name="Apps").check()
    expect(drawer).to_contain_text(f"{server.url}/v1/chat/completions")
    page.context.route("https://**", lambda route: route.fulfill(body="an app"))
    with page.context.expect_page() as waiting:
        drawer.get_by_role("button", name="NextChat").click()
    assert f'{{"key":"sk-{customer.key}","url":"{server.url}"}}' in unquote(waiting.value.url)


def test_names_are_text_and_an_unknown_key_is_said(server: Server, open_page: Open) -> None:
    person = server.add_user("hostile")
    person.add_key(name=HOSTILE)
    page = signed_in(open_page(path="/#/keys?key=999999", viewport=PHONE), "hostile")
    expect(page.locator(".notice.warning")).to_contain_text("no such key")
    expect(page.locator("tbody")).to_contain_text(HOSTILE)
    drawer_of(page, HOSTILE)
    assert page.locator("img").count() == 0
    assert page.evaluate("document.querySelector('.drawer-body').scrollWidth - innerWidth") <= 0
