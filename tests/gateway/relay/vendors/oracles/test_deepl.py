"""The fake of DeepL, asked by DeepL's own client."""

import asyncio
from typing import Any

import pytest

from tests.fakes.deepl import KEY, FakeDeepL
from tests.fakes.native import WORDS, Script

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_deepl() -> None:
    deepl = pytest.importorskip("deepl")
    async with FakeDeepL() as fake:

        def translate(key: str, **more: Any) -> Any:
            client = deepl.DeepLClient(key, server_url=fake.url)
            try:
                return client.translate_text(["hi", "Zürich 🏔"], target_lang="PT-BR", **more)
            finally:
                client.close()

        found = await asyncio.to_thread(translate, KEY, formality="more", source_lang="EN")
        assert [each.text for each in found] == ["".join(WORDS)] * 2
        assert [each.billed_characters for each in found] == [2, 8]
        assert fake.received[-1].body["target_lang"] == "PT-BR"
        with pytest.raises(deepl.AuthorizationException):
            await asyncio.to_thread(translate, "another:fx")
        fake.script = Script(status=456)
        with pytest.raises(deepl.QuotaExceededException):
            await asyncio.to_thread(translate, KEY)
