"""The catalogue of vendors."""

from pathlib import Path

import pytest

from gateway.directory.catalogue import Catalogue

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


def test_a_vendor_without_a_route_says_so(catalogue: Catalogue) -> None:
    vendor = catalogue.vendor(47)
    assert vendor.serves("chat") and not vendor.serves("embeddings")
    with pytest.raises(LookupError, match="embeddings"):
        vendor.url("", EMBEDDINGS, "embeddings")


def test_every_vendor_is_complete(catalogue: Catalogue) -> None:
    assert len(catalogue.vendors()) == 38
    assert {v.id for v in catalogue.vendors() if not v.models} == {43}  # of the raw proxy
    assert {v.id for v in catalogue.vendors() if v.needs_base_url} == {8, 43, 50}
    assert {v.id for v in catalogue.vendors() if not v.needs_key} == {30, 1000}
    assert len(catalogue.vendor(20).models) == 231
    with pytest.raises(LookupError):
        catalogue.vendor(33)


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
        catalogue.check_protocols({"openai", "anthropic", "gemini", "sandbox", "cohere"})


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
    ],
)
def test_a_faulty_file_is_refused_by_name(tmp_path: Path, text: str) -> None:
    path = tmp_path / "providers.yaml"
    path.write_text(text)
    with pytest.raises(ValueError, match="providers.yaml"):
        Catalogue.load(path)
