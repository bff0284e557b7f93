"""The browsable page of the management API, in a real browser."""

import pytest
from playwright.sync_api import expect

from tests.e2e.browser import IN_BROWSER, PHONE, Open
from tests.e2e.server import Server

pytestmark = IN_BROWSER


@pytest.fixture(scope="module")
def server(sandbox: Server) -> Server:
    return sandbox


def test_every_operation_is_listed_with_its_fields(server: Server, open_page: Open) -> None:
    document = server.raw("GET", "/api/openapi.json").json()
    page = open_page(path="/static/api.html#post_token")
    operations = sum(len(each) for each in document["paths"].values())
    expect(page.locator("details")).to_have_count(operations)
    opened = page.locator("details[open]")
    expect(opened).to_have_count(1)
    expect(opened.locator("summary")).to_contain_text("/api/token")
    expect(opened).to_contain_text("remain_quota")
    expect(opened.locator("pre")).to_contain_text("curl -X POST")
    page.set_viewport_size(PHONE)
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
