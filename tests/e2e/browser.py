"""Chromium on a real gateway: what the tests of the console share."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.e2e.server import Person, Server

CHROMIUM = "/usr/bin/chromium"
FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run "
    "--disable-background-networking --disable-component-update --disable-sync"
).split()
WIDE, PHONE = {"width": 1440, "height": 900}, {"width": 390, "height": 844}
# A newer filter or another page makes an unfinished request moot.
ABANDONED = "net::ERR_ABORTED"
ONE_USD_QUOTA = 500_000
# How long a page may take to show what is expected of it, on a busy machine.
PATIENCE_MS = 15_000

IN_BROWSER = [
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


def customer_of(server: Server, name: str) -> Customer:
    person = server.add_user(name, ONE_USD_QUOTA)
    return Customer(person, name, person.add_key(name="laptop")["key"])


def ask(server: Server, customer: Customer, question: str = "How much?") -> None:
    """Make one paid request and remember what its answer says about the charge."""
    answer = httpx.post(
        f"{server.url}/v1/chat/completions",
        json={"model": "sandbox-chat", "messages": [{"role": "user", "content": question}]},
        headers={"Authorization": f"Bearer sk-{customer.key}"},
        timeout=60,
        trust_env=False,
    )
    assert answer.status_code == 200, answer.text
    customer.cost = answer.headers["x-tollgate-cost"]
    customer.event = answer.headers["x-tollgate-event"]


def browsers() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


def pages(server: Server, chromium: Browser) -> Iterator[Open]:
    """Open the console; at the end nothing may have gone wrong."""
    contexts, wrong = [], []
    expect.set_options(timeout=PATIENCE_MS)
    tolerated: list[str] = []

    def opened(locale: str = "en", path: str = "/", tolerate: str = "", **options: Any) -> Page:
        context = chromium.new_context(locale=locale, **{"viewport": WIDE, **options})
        context.grant_permissions(["clipboard-read", "clipboard-write"], origin=server.url)
        contexts.append(context)
        tolerated.extend([tolerate] if tolerate else [])
        page = context.new_page()
        page.set_default_timeout(30_000)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda m: wrong.append(m.text) if m.type == "error" else None)
        page.on("requestfailed", lambda r: wrong.append(f"{r.url}: {r.failure}"))
        tolerated.append(ABANDONED)
        page.goto(server.url + path)
        return page

    yield opened
    for context in contexts:
        context.close()
    wrong = [text for text in wrong if not any(part in text for part in tolerated)]
    assert not wrong, wrong


def sign_in(page: Page, name: str, password: str = "password-1") -> None:
    page.fill("input[name=username]", name)
    page.fill("input[name=password]", password)
    page.keyboard.press("Enter")


def signed_in(page: Page, name: str) -> Page:
    sign_in(page, name)
    expect(page.locator("#find")).to_be_visible()
    return page


def clipboard(page: Page) -> str:
    return str(page.evaluate("navigator.clipboard.readText()"))
