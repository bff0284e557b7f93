"""The page docs/providers.md, written from the catalogue by `python -m` and this module."""

from collections.abc import Iterable
from pathlib import Path

from gateway.directory.catalogue import PROTOCOLS, Catalogue, Vendor
from gateway.directory.config_fields import ConfigField

ROOT = Path(__file__).resolve().parents[3]
PAGE = ROOT / "docs" / "providers.md"
PROVIDERS = ROOT / "conf" / "providers.yaml"

_HEAD = """# Vendors

This page is written by `python -m tests.gateway.directory.page` from the catalogue of vendors,
`conf/providers.yaml`, and a test fails when it is not up to date. Types are those of One API; from
1000 on they are Tollgate's own. That each vendor of OpenAI's protocol is asked at the address, and
with the key, that it documents, is tested against tables written by hand.

A new vendor that speaks a protocol of this page is an entry in that file, which explains its
fields at the top; it needs no code. `GET /api/channel/types` (admins) answers the same as JSON,
for programs that make a form of it, with labels and help in English and Chinese.

"as OpenAI" is {openai}:
whatever is asked for of these goes to the vendor, at OpenAI's path; whether it has that is for it
to say. Conversations and embeddings are converted where a vendor speaks another protocol than the
client ([dialects.md](dialects.md)).
"""
_TAIL = """
## What a channel is configured with

`config` of a channel is an object. These fields are checked when a channel is saved; a faulty one
is refused by name (`config.api_version`), and so is one that its type does not have. Empty ones
are left out. Types that are not listed take any object.

{fields}

A **secret** field is stored encrypted, apart from the others, and never shown: where one is set,
there are eight asterisks. Sent back, these leave it as it is; an empty value takes it away. When a
channel changes its type, its secret fields are to be given anew. `sk`, `ak` and `vertex_ai_adc`
are secret under every type.

## Addresses

A channel's `base_url` replaces the vendor's; `/v1/…` follows it unless the catalogue says
otherwise. A path in the catalogue may have places to fill in: `{{model}}` (as the model mapping
has it), `{{config.NAME}}`, and Azure's `{{deployment}}`. What is filled in is percent-encoded and
stays one segment; a model of dots alone is refused, as a request that cannot be sent (502, and
another channel is tried).

Where `base_url` is an address of Cloudflare's AI Gateway (`https://gateway.ai.cloudflare.com/…`),
it takes the place of the vendor's host and of what the address has already: `/v1`, for Azure
`/openai/deployments`, for Workers AI all before `/v1`; for Anthropic nothing.

### Azure

`base_url` is the resource's address, such as `https://NAME.openai.azure.com`. A model's deployment
is what `deployments` has for it, else its name without dots (for images: with them), as in One
API; the model mapping comes first. `api_version` is a date, or `v1` or `preview` for the newer
address `/openai/v1/…`, where the deployment is the body's `model`, so the model mapping names it.
Streams report their usage from 2024-09-01-preview on; older versions may refuse to be asked for
it. Responses exist from 2025-03-01-preview on. What Azure adds to answers
(`prompt_filter_results`, `content_filter_results`) passes; a refusal of its filter keeps its code
`content_filter`. Azure does not list deployments to a key, so models are not compared with the
upstream's.

### Baidu, iFlytek, Zhipu

Type 15 is Baidu's first protocol. Its key is `APIKey|SecretKey` of an application; an access
token is fetched for it at the base URL, kept, and renewed in time or when it is refused. Keys of
the second protocol (`bce-v3/…`) belong to type 47. Messages must take turns there, so several of
one speaker are made one, and a result of a tool must not be followed by a user's message. JSON
can be asked for, not by a schema; `penalty_score`, `disable_search` and `enable_citation` are
passed on.

Type 18 is iFlytek's Spark over its WebSocket, `wss` or `ws` as the base URL is `https` or `http`.
Its key is `APPID|APISecret|APIKey`. The model says the version (`Spark-Max`, `SparkDesk-v3.5`,
`generalv3.5`); `api_version` stands in where it does not. Functions can be called by Pro, Max and
Ultra, but what they gave can't be told over this connection: use type 48 for that, iFlytek's HTTP
API, whose key is the service's `APIPassword`.

Type 16 is Zhipu's v4, with the key as it is. `temperature` and `top_p` are sent as 0.01 to 0.99,
as by Zhipu's own clients.

### Servers of one's own

vLLM, LM Studio, Xinference and others of OpenAI's protocol: the key is optional, and without one
no `Authorization` is sent. They offer no models by default; `POST
/api/channel/:id/upstream_models` takes over those that they list. Prices are to be published for
them like for any other model.
"""
_KEYS = {
    "bearer": "`Authorization: Bearer`",
    "raw": "`Authorization`",
    "none": "none",
}


def page(catalogue: Catalogue) -> str:
    """Write the page."""
    titles = ("type", "vendor", "protocol", "address", "what is served", "key", "get one")
    table = _table(titles, map(_row, catalogue.vendors()))
    titles = ("type", "field", "", "what it is")
    fields = [_field(vendor, field) for vendor in catalogue.vendors() for field in vendor.config]
    head = _HEAD.format(openai=", ".join(PROTOCOLS["openai"]))
    return f"{head}\n{table}\n{_TAIL.format(fields=_table(titles, fields))}"


def _table(titles: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [titles, ("---",) * len(titles), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _row(vendor: Vendor) -> tuple[str, ...]:
    address = vendor.base_url or ("" if not vendor.needs_base_url else "the channel's")
    key = _KEYS.get(vendor.auth, f"`{vendor.auth}`")
    if vendor.key_optional:
        key += ", optional"
    docs = f"[here]({vendor.docs})" if vendor.docs else ""
    return str(vendor.id), vendor.name, vendor.protocol, address, _served(vendor), key, docs


def _served(vendor: Vendor) -> str:
    tasks, usual = set(vendor.tasks), set(PROTOCOLS["openai"])
    if usual <= tasks:
        return ", ".join(["as OpenAI", *sorted(tasks - usual)])
    return ", ".join(vendor.tasks) or "the raw proxy"


def _field(vendor: Vendor, field: ConfigField) -> tuple[str, ...]:
    traits = [field.kind] if field.kind != "text" else []
    traits += [name for name in ("required", "secret") if getattr(field, name)]
    traits += [f"default `{field.default}`"] if field.default else []
    traits += [f"also `{name}`" for name in field.was]
    says = f"{field.label['en']}. {field.help['en']}"
    return f"{vendor.id} {vendor.name}", f"`{field.name}`", ", ".join(traits), says


if __name__ == "__main__":
    PAGE.write_text(page(Catalogue.load(PROVIDERS)), encoding="utf-8")
