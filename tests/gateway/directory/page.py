"""The page docs/providers.md, written from the catalogue by `python -m` and this module."""

from collections.abc import Iterable
from pathlib import Path

from gateway.directory.catalogue import Catalogue
from gateway.directory.config_fields import JSON, ConfigField
from gateway.directory.vendor import PROTOCOLS, Vendor

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

### Amazon Bedrock

A channel is one account in one region: `https://bedrock-runtime.REGION.amazonaws.com`, unless
`base_url` says otherwise. Credentials are `ak`, `sk` and `region` (and `session_token`), as in One
API, and then the upstream key is not looked at; or the upstream key is `AK|SK|REGION`, several of
them one on each line, or a Bedrock API key with `region`. Requests are signed (Signature Version 4,
by botocore) as they are sent.

- *Claude*, by names that begin with `claude-` or hold `anthropic.claude-`, is asked by InvokeModel
  in Anthropic's own dialect: clients of Messages, such as Claude Code, pass as they are, what they
  ask for in `anthropic-beta` and the cache's lifetimes included. One API's names are mapped to
  Bedrock's ids; of newer models the channel's model mapping names the inference profile, as in
  `{{"claude-sonnet-4-5": "eu.anthropic.claude-sonnet-4-5-20250929-v1:0"}}`. Anthropic documents
  this way for models up to Opus 4.6, and for later ones a newer address of Bedrock's
  (`/anthropic/v1/messages`), which is not asked yet: test a channel with a later model before you
  sell it. `count_tokens` is counted here.
- *All others* are asked by Converse. One API asked Llama by InvokeModel with a prompt of its own
  making; Converse has the model's own template, tools, reasons of ends and counts that include
  answers cut at their limit, so it is used instead. Later Llamas and Nova want an inference profile
  in most regions (`us.meta.llama3-3-70b-instruct-v1:0`): name it in the model mapping. ARNs of
  profiles are asked by Converse too, unless they name Claude.
- *Vectors*: Titan (one text to a request) and Cohere's, of documents to be searched unless
  `input_type` says otherwise. Bedrock counts Cohere's tokens in a header.

Converse has no `n`, `seed`, penalties or `top_k`: the first is refused, the others are left out.
`response_format` with a schema goes on and is refused by models that have none; JSON without a
schema is refused here. `tool_choice: none` after calls, and calls without their tools, are refused:
Bedrock wants the tools wherever one was called, and cannot forbid them. `reasoning_effort` is told
to gpt-oss and Nova 2, of others it is left out; thoughts are shown and stay behind in later turns.
Linked images are fetched by the gateway, but not those in a Messages body for Claude, which passes.
Guardrails and service tiers are set for a channel by its `param_override`.

What is charged: `inputTokens` and Anthropic's `input_tokens` exclude what was read from and written
to the cache; writes for an hour are `cache_write_1h`. The count of Amazon's own in a stream's last
event (`amazon-bedrock-invocationMetrics`) is not used. A model without access in this account
(`AccessDeniedException`) says nothing about the key; `ServiceQuotaExceededException`, which comes
with 400, is a limit.

### Vertex AI

Gemini, Claude (names that begin with `claude-`) and text embeddings (names with `embedding` in
them) on Google's Vertex AI. A **service account** signs in: its JSON key file is `vertex_ai_adc`,
or the channel's key (several accounts take turns where each is on a line of its own). The gateway
signs a grant with its key, asks `token_uri` for a token on the channel's own way (proxy,
timeouts), keeps it until two minutes before its end, and asks for another when one is refused.
`token_url` is asked instead where the account's `token_uri` cannot be reached. The account needs
the role *Vertex AI User*. A key that is **no JSON** is an API key of Vertex's express mode
(`x-goog-api-key`): it knows neither project nor region, and no Claude.

`region` is `global` unless the channel says otherwise; the newest models are there, older ones
and some embeddings are only in regions such as `us-central1` (Gemini, embeddings) or `us-east5`
(Claude). The host follows the region (`us-east5-aiplatform.googleapis.com`,
`aiplatform.eu.rep.googleapis.com`) unless the channel has a `base_url`, which is what comes
before `/v1/projects/…`.

Clients of Gemini and of Anthropic's Messages have their bodies passed on, with what Vertex wants
otherwise: every content of Gemini's gets a role, `model` and `store` are left out; of Claude's
the model goes into the address, `anthropic_version` comes in, and the client's `anthropic-beta`
goes on as a header. Images that a request of another dialect links to are fetched by the gateway.
Embeddings are asked for by `:predict`: `dimensions`, `task_type`, `title` and `auto_truncate` are
taken (a text that is too long is refused unless that is true), and models named
`gemini-embedding` take one text to a request. What an embedding used is the sum of
`statistics.token_count`. Google bills text-embedding-005 and text-multilingual-embedding-002 by
the character; their shipped prices are per token, at four characters each. From Sonnet 4.5 on,
Claude costs a tenth more in a region than on `global`: set a price for `MODEL(42)` where that is
to be charged. Imagen and gemini-embedding-2 are not offered. Vertex lists no models to an
account, so they are not compared with the upstream's.

### PaLM

Google switched it off in 2024. Channels of type 11 that come from One API can be seen, disabled,
deleted and made channels of another type (Gemini is 24); nobody can make one, or give one another
address, key or config. Who asks for a model that only they serve gets 404 `model_not_found` with
these words; nothing is sent and nothing is charged.

### Tencent Hunyuan

Type 23 signs its calls: the key is `AppId|SecretId|SecretKey`, as in One API (or without the first
part). A plain key, from Hunyuan's own console, is for type 1006. The signed form knows neither a
limit of tokens (`max_tokens` is passed over) nor JSON mode, and vectors of one size only.

### MiniMax

Its errors come inside a 200, and are judged by their numbers. Where an older model reports only
`total_tokens`, tokens are counted here. `embo-01` is asked for in MiniMax's own form, for documents
unless a request says `"input_type": "query"`. Its speech and video are not served.

### DeepL

A model's name ends in the language to translate into (`deepl-de`, `deepl-pt-br`; others by the
model mapping), the last message of the user is the text, and streams come in one piece. Characters
are charged ([prices.md](prices.md)); clients read their number as tokens of the prompt. Without a
`base_url`, keys that end in `:fx` go to `api-free.deepl.com`, others to `api.deepl.com`.

### AIProxy Library

The last message of the user is the question. The documents that an answer comes from are appended
to it as a list of links, which costs nothing; the tokens of request and answer are counted here.

### Volcengine Ark

Models are asked for by their dated names, or by the id of an endpoint (`ep-…`), which the model
mapping names. Abroad, `base_url` is BytePlus's address.

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
    documents = [f"`config.{field.name}`" for field in vendor.config if field.kind == JSON]
    if documents:
        key = f"{' or '.join(documents)}, or the key"
    docs = f"[here]({vendor.docs})" if vendor.docs else ""
    return str(vendor.id), vendor.name, vendor.protocol, address, _served(vendor), key, docs


def _served(vendor: Vendor) -> str:
    tasks, usual = set(vendor.tasks), set(PROTOCOLS["openai"])
    if usual <= tasks:
        return ", ".join(["as OpenAI", *sorted(tasks - usual)])
    if vendor.retired:
        return "retired"
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
