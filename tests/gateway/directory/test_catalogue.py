"""The catalogue of vendors."""

from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.channels.balances import PROBES
from gateway.directory.catalogue import BALANCES, Catalogue
from gateway.directory.vendor import PROTOCOLS
from gateway.providers.natives import OWN
from tests.gateway.directory.conftest import PROVIDERS
from tests.gateway.directory.page import PAGE, page

CATALOGUE = Catalogue.load(PROVIDERS)
CHAT, EMBEDDINGS = "/v1/chat/completions", "/v1/embeddings"

URLS = [
    (1, "", CHAT, "chat", "https://api.openai.com/v1/chat/completions"),
    (1, "http://h:1", CHAT, "chat", "http://h:1/v1/chat/completions"),
    (
        1,
        "https://gateway.ai.cloudflare.com/v1/a/g/openai",
        CHAT,
        "chat",
        "https://gateway.ai.cloudflare.com/v1/a/g/openai/chat/completions",
    ),
    (8, "http://h", EMBEDDINGS, "embeddings", "http://h/v1/embeddings"),
    (20, "", CHAT, "chat", "https://openrouter.ai/api/v1/chat/completions"),
    (27, "", CHAT, "chat", "https://api.minimax.chat/v1/text/chatcompletion_v2"),
    (29, "", CHAT, "chat", "https://api.groq.com/openai/v1/chat/completions"),
    (40, "", CHAT, "chat", "https://ark.cn-beijing.volces.com/api/v3/chat/completions"),
    (40, "http://h", EMBEDDINGS, "embeddings", "http://h/api/v3/embeddings"),
    (41, "", CHAT, "chat", "https://api.novita.ai/v3/openai/chat/completions"),
    (47, "", CHAT, "chat", "https://qianfan.baidubce.com/v2/chat/completions"),
    (
        49,
        "",
        EMBEDDINGS,
        "embeddings",
        "https://dashscope.aliyuncs.com/compatible-mode/v1/embeddings",
    ),
    (50, "http://h/v1/", CHAT, "chat", "http://h/v1/chat/completions"),
    (
        51,
        "",
        EMBEDDINGS,
        "embeddings",
        "https://generativelanguage.googleapis.com/v1beta/openai/embeddings",
    ),
]


@pytest.mark.parametrize("type_id, base, path, task, url", URLS)
def test_where_requests_go(
    catalogue: Catalogue, type_id: int, base: str, path: str, task: str, url: str
) -> None:
    assert catalogue.vendor(type_id).url(base, path, task) == url


GATEWAY = "https://gateway.ai.cloudflare.com/v1/a/g"
AZURE, DEPLOYED = "https://r", "/openai/deployments"
NEWER = "?api-version=2025-04-01-preview"
DATED, THEN = {"api_version": "2024-10-21"}, "?api-version=2024-10-21"
ACCOUNT = "/client/v4/accounts"
TEMPLATES: list[tuple[int, str, str, str, dict[str, str], str]] = [
    (3, AZURE, "chat", "g-3.5", {}, f"{DEPLOYED}/g-35/chat/completions{NEWER}"),
    (3, AZURE, "images", "a.b", DATED, f"{DEPLOYED}/a.b/images/generations{THEN}"),
    (3, AZURE, "speech", "a?b/%", DATED, f"{DEPLOYED}/a%3Fb%2F%25/audio/speech{THEN}"),
    (3, AZURE, "chat", "é", {"api_version": "v1"}, "/openai/v1/chat/completions?api-version=v1"),
    (3, f"{GATEWAY}/azure-openai/r", "chat", "m", DATED, f"/m/chat/completions{THEN}"),
    (
        37,
        "https://h",
        "chat",
        "m",
        {"account_id": "a/b"},
        f"{ACCOUNT}/a%2Fb/ai/v1/chat/completions",
    ),
    (37, f"{GATEWAY}/workers-ai", "embeddings", "m", {}, "/v1/embeddings"),
    (1, f"{GATEWAY}/openai", "responses", "m", {}, "/responses"),
    (14, f"{GATEWAY}/anthropic", "messages", "m", {}, "/v1/messages"),
]


@pytest.mark.parametrize("type_id, base, task, model, config, rest", TEMPLATES)
def test_what_is_filled_in_stays_in_its_place(
    catalogue: Catalogue, type_id: int, base: str, task: str, model: str, config: Any, rest: str
) -> None:
    path = "/v1/messages" if task == "messages" else CHAT
    url = catalogue.vendor(type_id).url(base, path, task, model, config)
    assert url == base + rest


@given(model=st.text(max_size=20), deployment=st.text(max_size=20))
def test_no_name_changes_the_address(model: str, deployment: str) -> None:
    vendor = CATALOGUE.vendor(3)
    for config in ({}, {"deployments": {model: deployment}}):
        try:
            url = vendor.url("https://r", CHAT, "chat", model, config)
        except LookupError:
            assert not model.strip(".") or not deployment.strip(".")
            continue
        parsed = httpx.URL(url)
        assert (parsed.host, parsed.query) == ("r", b"api-version=2025-04-01-preview")
        start, _, end = parsed.raw_path.partition(b"?")[0].rpartition(b"/chat")
        assert start.startswith(b"/openai/deployments/") and start.count(b"/") == 3
        assert end == b"/completions"


def test_an_address_that_lacks_something_says_what(catalogue: Catalogue) -> None:
    with pytest.raises(LookupError, match="config.account_id"):
        catalogue.vendor(37).url("", CHAT, "chat", "m", {})
    with pytest.raises(LookupError, match="deployment"):
        catalogue.vendor(3).url("https://r", CHAT, "chat", "..", {})


def test_a_vendor_without_a_route_says_so(catalogue: Catalogue) -> None:
    vendor = catalogue.vendor(27)
    assert vendor.serves("chat") and not vendor.serves("embeddings")
    with pytest.raises(LookupError, match="embeddings"):
        vendor.url("", EMBEDDINGS, "embeddings")


def test_every_vendor_is_complete(catalogue: Catalogue) -> None:
    without_models = {v.id for v in catalogue.vendors() if not v.models}
    # Retired, bots, the raw proxy, servers of one's own.
    assert without_models == {11, 34, 43, 1003, 1004, 1005, 1008, 1037}
    assert {v.id for v in catalogue.vendors() if v.needs_base_url} == {3, 8, 43, 50, 1008}
    without_key = {v.id for v in catalogue.vendors() if not v.needs_key}
    assert without_key == {30, 33, 42, 1000, 1003, 1004, 1005, 1008}
    assert len(catalogue.vendor(20).models) == 231
    with pytest.raises(LookupError):
        catalogue.vendor(999)


FAMILIES = """
vendors:
  - id: 1
    name: Cloud
    base_url: https://cloud
    protocol: ours
    paths: {native_chat: "/models/{model}/chat"}
    families:
      - models: ^claude-
        protocol: theirs
        paths: {messages: "/theirs/{model}"}
"""


def test_models_of_a_family_are_asked_for_in_its_protocol(tmp_path: Path) -> None:
    path = tmp_path / "providers.yaml"
    path.write_text(FAMILIES)
    catalogue = Catalogue.load(path)
    cloud = catalogue.vendor(1)
    claude = cloud.of("claude-9")
    assert cloud.of("not-claude-9") is cloud and claude.protocol == "theirs"
    assert claude.url("", "/v1/messages", "messages", "claude-9") == "https://cloud/theirs/claude-9"
    assert not claude.serves("native_chat") and not cloud.serves("messages")
    assert cloud.tasks == ("messages", "native_chat")
    with pytest.raises(ValueError, match="nothing here speaks 'theirs'"):
        catalogue.check_protocols({"ours"})
    path.write_text(FAMILIES.replace("^claude-", "("))
    with pytest.raises(ValueError, match="providers.yaml"):
        Catalogue.load(path)


def test_every_balance_has_its_probe(catalogue: Catalogue) -> None:
    assert set(PROBES) == set(BALANCES)
    shows = {vendor.id for vendor in catalogue.vendors() if vendor.balance}
    assert shows == {1, 4, 5, 8, 10, 12, 13, 20, 25, 32, 36, 41, 44, 50}


def test_a_protocol_says_which_tasks_its_vendors_have(catalogue: Catalogue) -> None:
    serves = {
        (type_id, task)
        for type_id in (1, 14, 24, 50)
        for task in ("chat", "messages", "generate", "responses", "embeddings")
        if catalogue.vendor(type_id).serves(task)
    }
    assert serves == {
        (1, "chat"),
        (1, "responses"),
        (1, "embeddings"),
        (14, "messages"),
        (24, "generate"),
        (50, "chat"),
        (50, "embeddings"),
    }


def test_a_vendor_with_its_own_protocol_serves_what_it_lists(catalogue: Catalogue) -> None:
    ollama, cohere = catalogue.vendor(30), catalogue.vendor(35)
    asked = ("chat", "native_chat", "native_embeddings", "native_rerank", "rerank")
    assert [task for task in asked if ollama.serves(task)] == ["native_chat", "native_embeddings"]
    assert [task for task in asked if cohere.serves(task)] == list(asked[1:4])
    with pytest.raises(ValueError, match="nothing here speaks 'ollama'"):
        catalogue.check_protocols({*PROTOCOLS, *OWN} - {"ollama"})


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a: [",
        "vendors: []",
        "vendors: [{id: 1}]",
        "vendors: [{id: 1, name: A, protocol: smoke}]",
        "vendors: [{id: 1, name: A, paths: {chats: /x}}]",
        "vendors: [{id: 1, name: A, models: unknown}]",
        "vendors: [{id: 1, name: A, models: [1]}]",
        "vendors: [{id: 1, name: A, colour: red}]",
        "vendors: [{id: 1, name: A}, {id: 1, name: B}]",
        "vendors: [{id: 1, name: A, base_url: 'http://h/?q=1'}]",
        "vendors: [{id: 1, name: A, models: [m], test_model: n}]",
        "vendors: [{id: 1, name: A, balance: magic}]",
        "vendors: [{id: 1, name: A, bounds: {size: [0, 1]}}]",
        "vendors: [{id: 1, name: A, bounds: {top_p: [0]}}]",
        "vendors: [{id: 1, name: A, paths: {chat: '/{config.x}'}}]",
        "vendors: [{id: 1, name: A, paths: {chat: /a}, forms: [{when: {x: [y]}, paths: {}}]}]",
    ],
)
def test_a_faulty_file_is_refused_by_name(tmp_path: Path, text: str) -> None:
    path = tmp_path / "providers.yaml"
    path.write_text(text)
    with pytest.raises(ValueError, match="providers.yaml"):
        Catalogue.load(path)


def test_the_page_of_vendors_is_up_to_date(catalogue: Catalogue) -> None:
    assert PAGE.read_text(encoding="utf-8") == page(catalogue), "see docs/providers.md for how"
