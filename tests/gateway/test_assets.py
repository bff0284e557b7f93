"""The console's files: kept for ever under their hash, found only where they are, compressed."""

import base64
import gzip
import hashlib
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from tornado.web import Application

from admin.texts import framed_origins
from gateway.assets import Assets
from gateway.console import STATIC_DIR, ConsoleHandler, Elsewhere
from tests.listening import Listening

INDEX = """<!doctype html><html><head>
<link rel="icon" href="/static/icon.svg">
<link rel="stylesheet" href="/static/theme/default/tokens.css">
<!-- theme -->
<link rel="stylesheet" href="/static/css/page.css">
<!-- early -->
<script type="importmap">{"imports": {"vue": "/static/vendor/vue.js",
"echarts": "/static/vendor/echarts.js"}}</script>
<!-- preloads -->
<script type="module" src="/static/js/main.js"></script></head></html>
"""
MAIN = 'import { a } from "./a.js";\nimport "vue";\nconst later = () => import("./page.js");\n'


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    files = {
        "index.html": INDEX,
        "js/main.js": MAIN,
        "js/a.js": 'export * from "./deep/b.js";\n',
        "js/deep/b.js": 'import "../a.js";\nimport "../../../secret.js";\n',
        "js/page.js": "// lazy\n" * 200,
        "js/pages.js": '{ path: "/x", load: () => import("./pages/x.js") },\n',
        "js/pages/x.js": 'import { a } from "../a.js";\nimport "./y.js";\nimport "vue";\n',
        "js/pages/y.js": 'import "echarts";\n',
        "js/locales/en/index.js": 'import words from "./words.js";\n',
        "js/locales/en/words.js": "export default {};\n",
        "vendor/vue.js": "",
        "vendor/echarts.js": "",
        "css/page.css": "main {}\n",
        "theme/default/tokens.css": ":root {--a: 1}\n",
        "theme/compact/tokens.css": ":root {--a: 2}\n",
    }
    for name, text in files.items():
        path = tmp_path / "static" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (tmp_path / "secret.js").write_text("// not served\n")
    return tmp_path / "static"


def page_of(assets: Assets) -> str:
    path = assets.find("index.html")
    assert path is not None
    return assets.read(path, packed=False)[0].decode()


@asynccontextmanager
async def served(
    assets: Assets, elsewhere: Elsewhere | None = None
) -> AsyncIterator[httpx.AsyncClient]:
    files = {"assets": assets, **({"elsewhere": elsewhere} if elsewhere else {})}
    routes = [
        (r"/static/(?:~([0-9a-f]{1,64})/)?(.+)", ConsoleHandler, files),
        (r"/", ConsoleHandler, files),
    ]
    async with (
        Listening(Application(routes)) as listening,
        httpx.AsyncClient(base_url=listening.url, trust_env=False) as client,
    ):
        yield client


def test_a_page_names_its_files_by_their_hash_and_preloads_what_it_needs(tree: Path) -> None:
    assets = Assets(tree)
    page = page_of(assets)
    assert f'src="/static/~{assets.hash}/js/main.js"' in page
    assert f'"vue": "/static/~{assets.hash}/vendor/vue.js"' in page
    preloads = re.findall(r'modulepreload" href="/static/~\w+/([^"]+)"', page)
    assert preloads == ["js/a.js", "vendor/vue.js", "js/deep/b.js"]


def test_a_page_says_what_each_language_and_page_needs_besides(tree: Path) -> None:
    said = re.search(r'id="early">(.*?)</script>', page_of(Assets(tree)))
    assert said is not None
    early = json.loads(said.group(1))
    needs = {key: [early["files"][at] for at in ats] for key, ats in early["needs"].items()}
    assert needs == {
        "words:en": ["js/locales/en/index.js", "js/locales/en/words.js"],
        "/x": ["js/pages/x.js", "js/pages/y.js", "vendor/echarts.js"],
    }


async def test_all_style_sheets_are_one_in_their_order(tree: Path) -> None:
    for theme, first in (
        ("default", ":root {--a: 1}\n"),
        ("compact", ":root {--a: 1}\n\n:root {--a: 2}\n"),
    ):
        assets = Assets(tree, theme)
        links = re.findall(r'<link rel="stylesheet" href="([^"]+)">', page_of(assets))
        assert links == [f"/static/~{assets.hash}/console.css"]
        async with served(assets) as client:
            answer = await client.get(links[0])
        assert answer.text == f"{first}\nmain {{}}\n"
        assert answer.headers["content-type"].startswith("text/css")
        assert "immutable" in answer.headers["cache-control"]


def test_a_change_of_a_file_is_a_change_of_the_hash(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.assets.LOOK_EVERY_S", 0.0)
    assets = Assets(tree)
    before = assets.hash
    assets.refresh()
    assert assets.hash == before
    (tree / "js/page.js").write_text("// another\n")
    assets.refresh()
    assert assets.hash != before and assets.hash in page_of(assets)
    assert Assets(tree).hash == assets.hash
    assert Assets(tree, "compact").hash != assets.hash


async def test_files_may_be_kept_for_ever_only_under_the_hash_of_today(tree: Path) -> None:
    assets = Assets(tree)
    async with served(assets) as client:
        kept = await client.get(f"/static/~{assets.hash}/js/main.js")
        assert "immutable" in kept.headers["cache-control"] and kept.text == MAIN
        assert kept.headers["content-type"].startswith("text/javascript")
        for path in ("/static/js/main.js", "/static/~000000000000/js/main.js", "/"):
            assert (await client.get(path)).headers["cache-control"] == "no-cache"
        asked = await client.get("/static/js/main.js")
        tag = {"If-None-Match": asked.headers["etag"]}
        assert (await client.get("/static/js/main.js", headers=tag)).status_code == 304
        assert (await client.head("/static/js/main.js")).content == b""


async def test_what_is_worth_it_is_sent_compressed(tree: Path) -> None:
    async with served(Assets(tree)) as client:
        for _ in range(2):
            async with client.stream("GET", "/static/js/page.js") as answer:
                packed = b"".join([part async for part in answer.aiter_raw()])
            assert answer.headers["content-encoding"] == "gzip"
            assert gzip.decompress(packed) == (tree / "js/page.js").read_bytes()
        plain = await client.get("/static/js/page.js", headers={"Accept-Encoding": "identity"})
        assert "content-encoding" not in plain.headers and plain.text.startswith("// lazy")
        assert plain.headers["vary"] == "Accept-Encoding"


@pytest.mark.parametrize(
    "path", ["../secret.js", "%2e%2e/secret.js", "js/../../secret.js", "js", "none.js", "a%00.js"]
)
async def test_nothing_else_is_served(tree: Path, path: str) -> None:
    async with served(Assets(tree)) as client:
        request = client.build_request("GET", "/static/x")
        request.url = request.url.copy_with(raw_path=f"/static/{path}".encode())
        assert (await client.send(request)).status_code == 404


async def test_the_policy_names_the_import_map_and_what_the_options_say(tree: Path) -> None:
    assets = Assets(tree)
    options = {"About": "https://status.example:8443/page", "HomePageContent": "# Hello"}
    somewhere = Elsewhere(lambda: True, lambda: framed_origins(options.values()))
    async with served(assets, somewhere) as client:
        answer = await client.get("/")
        inline = re.search(r'importmap">(.*?)</script>', answer.text, re.S)
        assert inline is not None
        digest = base64.b64encode(hashlib.sha256(inline.group(1).encode()).digest()).decode()
        policy = answer.headers["content-security-policy"]
        assert f"script-src 'self' 'sha256-{digest}' https://challenges.cloudflare.com;" in policy
        assert policy.endswith(
            "frame-src https://status.example:8443 https://challenges.cloudflare.com"
        )
        assert "unsafe" not in policy
    async with served(assets) as client:
        policy = (await client.get("/")).headers["content-security-policy"]
        assert policy.endswith("frame-src 'none'") and "challenges" not in policy


def test_every_module_that_is_named_is_there() -> None:
    """Of the console itself: relative imports, lazy ones too, lead to files."""
    named = re.compile(r"""(?:from|import)\s*\(?\s*["'](\.{1,2}/[^"']+)["']""")
    for path in sorted(STATIC_DIR.glob("js/**/*.js")):
        for said in named.findall(path.read_text()):
            assert (path.parent / said).resolve().is_file(), f"{path.name} imports {said}"
