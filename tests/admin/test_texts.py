"""What the operator writes: shown as Markdown or HTML, and never able to run."""

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from admin.texts import framed_url, safe_html
from tests.admin.harness import data

HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg onload=alert(1)><script>alert(1)</script></svg>",
    "<a href='javascript:alert(1)'>x</a>",
    "<a href='jav&#x0A;ascript:alert(1)'>x</a>",
    "[x](javascript:alert(1))",
    "[x](data:text/html;base64,PHNjcmlwdD4=)",
    "<iframe src='https://evil.example'></iframe>",
    "<form action='https://evil.example'><input name=password></form>",
    "<style>body{background:url(javascript:alert(1))}</style>",
    "<div style='background:url(https://evil.example)'>x</div>",
    "<math><mi//xlink:href='data:x,<script>alert(1)</script>'>",
    "<base href='https://evil.example/'>",
    "<meta http-equiv=refresh content='0;url=https://evil.example'>",
    "<object data=x></object><embed src=x>",
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
    "```\n</code></pre><script>alert(1)</script>\n```",
]
NEVER = ("<script", "<iframe", "<form", "<input", "<style", "<base", "<meta", "<object", "<embed")


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_that_runs_is_left(text: str) -> None:
    html = safe_html(text).lower()
    assert not any(each in html for each in NEVER), html
    for attribute in ("onerror=", "onload=", "style=", 'href="javascript', 'href="data'):
        assert f" {attribute}" not in html or "&lt;" in html, html


@given(st.text(max_size=300))
def test_whatever_is_written_becomes_html_without_anything_that_runs(text: str) -> None:
    html = safe_html(text).lower()
    assert not any(each in html for each in NEVER)
    assert safe_html(safe_html(text)).lower().count("<script") == 0


def test_markdown_and_html_are_shown() -> None:
    html = safe_html(
        "# Hello\n\n**bold** <em>and</em> [a link](https://x.example)\n\n|a|\n|-|\n|1|"
    )
    assert "<h1>Hello</h1>" in html and "<strong>bold</strong>" in html and "<em>and</em>" in html
    assert 'rel="noopener noreferrer nofollow"' in html and "<table>" in html
    assert safe_html("") == ""


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("https://home.example/a?b=c", "https://home.example/a?b=c"),
        ("  https://home.example\n", "https://home.example"),
        ("http://home.example", ""),
        ("javascript:alert(1)", ""),
        ("https://home.example and more", ""),
        ("https://x.example/'onload='alert(1)", ""),
        ("https://[", ""),
        ("", ""),
    ],
)
def test_only_an_https_address_is_framed(text: str, url: str) -> None:
    assert framed_url(text) == url


async def test_the_texts_are_served_as_written_and_made_harmless(
    root: httpx.AsyncClient, stranger: httpx.AsyncClient
) -> None:
    written = "Hello <script>alert(1)</script>**you**"
    for name in ("Notice", "Footer"):
        await data(await root.put("/api/option/", json={"key": name, "value": written}))
    page = "https://home.example/"
    await data(await root.put("/api/option/", json={"key": "HomePageContent", "value": page}))
    notice = (await stranger.get("/api/notice")).json()
    assert notice["data"] == written and notice["url"] == ""
    assert "script" not in notice["html"] and "<strong>you</strong>" in notice["html"]
    status = await data(await stranger.get("/api/status"))
    assert "script" not in status["footer_html"] and "you" in status["footer_html"]
    home = (await stranger.get("/api/home_page_content")).json()
    assert (home["data"], home["html"], home["url"]) == (page, "", page)
