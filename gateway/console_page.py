"""The console's page, put together from its index.html so that it opens in few round trips.

All style sheets become one, and the page names early what a browser would find out bit by bit: the
modules that the first one needs, and for static/js/early.js those of each language and page.
"""

import base64
import hashlib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import orjson

SHEET = "console.css"
_MODULE = "js/main.js"
_PAGES = "js/pages.js"
# `import … from "./x.js"`, `import "./x.js"` and `export … from`, never the calls import("./x.js").
_IMPORT = re.compile(r"""^(?:import|export)\b[^;"'(]*["']([^"']+)["']""", re.M)
_IMPORT_MAP = re.compile(r'<script type="importmap">(.*?)</script>', re.S)
_SHEET = re.compile(r'\s*<link rel="stylesheet" href="/static/([^"]+)">')
_PAGE = re.compile(r'path: "([^"]+)".*?import\("\./([^"]+)"\)')
_THEME, _PRELOADS, _EARLY = "<!-- theme -->", "<!-- preloads -->", "<!-- early -->"


class ConsolePage:
    """The page of a directory of files in a theme: `html`, its style `sheet`, and the SHA-256 of
    the one script that is part of it, as a policy names it."""

    def __init__(self, directory: Path, theme: str, version: str) -> None:
        """`version` comes into every address, so that files may be kept for ever."""
        self._directory = directory.resolve()
        html = (directory / "index.html").read_text()
        if theme != "default":
            chosen = f'<link rel="stylesheet" href="/static/theme/{theme}/tokens.css">'
            html = html.replace(_THEME, chosen)
        html, self.sheet = self._one_sheet(html)
        found = _IMPORT_MAP.search(html)
        self._imported: dict[str, list[str]] = {}
        self._known = _names(found.group(1)) if found else {}
        first = self._needed(_MODULE)
        links = (f'<link rel="modulepreload" href="/static/{name}">' for name in first)
        html = html.replace(_PRELOADS, "\n  ".join(links))
        html = html.replace(_EARLY, self._early({_MODULE, *first}))
        self.html = html.replace('"/static/', f'"/static/~{version}/').encode()
        inline = _IMPORT_MAP.search(self.html.decode())
        digest = hashlib.sha256(inline.group(1).encode() if inline else b"").digest()
        self.inline_hash = f"'sha256-{base64.b64encode(digest).decode()}'"

    def _one_sheet(self, html: str) -> tuple[str, bytes]:
        """Put the style sheets behind one another, in the place of the first."""
        names = _SHEET.findall(html)
        if not names:
            return html, b""
        sheet = b"\n".join((self._directory / name).read_bytes() for name in names)
        html = _SHEET.sub(f'\n  <link rel="stylesheet" href="/static/{SHEET}">', html, count=1)
        kept, _, rest = html.partition(SHEET)
        return f"{kept}{SHEET}{_SHEET.sub('', rest)}", sheet

    def _early(self, there: set[str]) -> str:
        """Say as data what each language and each page needs besides what is there anyway."""
        needs = {
            f"words:{index.parent.name}": self._beyond(index, there)
            for index in sorted(self._directory.glob("js/locales/*/index.js"))
        }
        table = self._directory / _PAGES
        for path, module in _PAGE.findall(table.read_text()) if table.is_file() else ():
            needs[path] = self._beyond(table.parent / module, there)
        files = sorted({name for names in needs.values() for name in names})
        number = {name: at for at, name in enumerate(files)}
        short = {key: [number[name] for name in names] for key, names in needs.items()}
        said = orjson.dumps({"files": files, "needs": short}).decode().replace("<", "\\u003c")
        return f'<script type="application/json" id="early">{said}</script>'

    def _beyond(self, module: Path, there: set[str]) -> list[str]:
        name = module.resolve().relative_to(self._directory).as_posix()
        return [each for each in (name, *self._needed(name)) if each not in there]

    def _needed(self, module: str) -> list[str]:
        """The modules that one needs before it can run, found by following imports."""
        found = [module]
        for name in found:
            found.extend(each for each in self._imports(name) if each not in found)
        return found[1:]

    def _imports(self, name: str) -> list[str]:
        if name not in self._imported:
            self._imported[name] = list(self._read_imports(name))
        return self._imported[name]

    def _read_imports(self, name: str) -> Iterator[str]:
        path = self._directory / name
        for said in _IMPORT.findall(path.read_text()) if path.is_file() else ():
            if said in self._known:
                yield self._known[said]
            elif said.startswith("."):
                target = (path.parent / said).resolve()
                if target.is_file() and target.is_relative_to(self._directory):
                    yield target.relative_to(self._directory).as_posix()


def _names(import_map: str) -> Mapping[str, str]:
    """Return the files of an import map by the names that modules use."""
    known: dict[str, str] = orjson.loads(import_map)["imports"]
    return {name: address.removeprefix("/static/") for name, address in known.items()}
