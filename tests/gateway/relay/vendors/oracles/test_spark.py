"""The signature of iFlytek's documentation, and the fake of Spark asked by iFlytek's own client.

That client (spark-ai-python 0.4.5) wants a dozen packages that nothing else here does, so it is no
part of the extra `dev`: where it is not installed, that test is skipped.
"""

import asyncio
import base64
import time
from typing import Any

import httpx
import orjson
import pytest

from gateway.providers.spark_request import chat_body, signed
from tests.fakes import spark
from tests.fakes.native import CALLS, WORDS, Script
from tests.fakes.spark import FakeSpark

pytestmark = pytest.mark.asyncio(loop_scope="module")
TEXT = "".join(WORDS)
FUNCTION = {"name": "weather", "description": "w", "parameters": {"type": "object"}}


async def test_the_signature_of_the_documentation() -> None:
    # iFlytek, "URL authentication" for WebSockets: date, key, secret and results are printed there.
    key, secret = "addd2272b6d8b7c8abdd79531420ca3b", "MjlmNzkzNmZkMDQ2OTc0ZDdmNGE2ZTZi"
    address = httpx.URL("wss://spark-api.xf-yun.com/v1.1/chat")
    query = dict(signed(address, key, secret, 1_683_283_419).params)
    assert query["date"] == "Fri, 05 May 2023 10:43:39 GMT"
    assert query["host"] == "spark-api.xf-yun.com"
    assert base64.b64decode(query["authorization"]).decode() == (
        f'api_key="{key}", algorithm="hmac-sha256", headers="host date request-line", '
        'signature="z5gHdu3pxVV4ADMyk467wOWDQ9q6BQzR3nfMTjc/DaQ="'
    )


async def test_another_reader_of_websockets() -> None:
    client = pytest.importorskip("websockets.asyncio.client")
    chat = {"model": "Spark-Max", "messages": [{"role": "user", "content": "hi"}]}
    body = {**chat_body(chat, {}), "header": {"app_id": spark.APP}}
    async with FakeSpark() as fake:
        fake.script = Script(piece=3)
        address = httpx.URL(fake.url.replace("http", "ws") + "/v3.5/chat")
        url = str(signed(address, spark.API_KEY, spark.SECRET, time.time()))
        async with client.connect(url, proxy=None) as socket:
            await socket.send(orjson.dumps(body).decode())
            frames = [orjson.loads(each) async for each in socket]
        choices = [frame["payload"]["choices"] for frame in frames]
        assert "".join(each["text"][0]["content"] for each in choices) == TEXT
        assert [each["status"] for each in choices] == [0, 1, 1, 1, 1, 2]
        for wrong in (url.replace("/v3.5/", "/v1.1/"), url.replace("authorization=", "a=")):
            with pytest.raises(Exception, match="HTTP 401"):
                await client.connect(wrong, proxy=None)


@pytest.mark.filterwarnings("ignore")
async def test_spark() -> None:
    llm: Any = pytest.importorskip("sparkai.llm.llm")
    async with FakeSpark() as fake:
        client = llm._SparkLLMClient(
            app_id=spark.APP,
            api_key=spark.API_KEY,
            api_secret=spark.SECRET,
            api_url=fake.url.replace("http", "ws") + "/v3.5/chat",
            spark_domain="generalv3.5",
            model_kwargs={"temperature": 0.5, "max_tokens": 99},
        )
        hi = [{"role": "user", "content": "hi"}]
        fake.script = Script(calls=CALLS, piece=3)
        await asyncio.to_thread(client.run, hi, "u", None, True, [FUNCTION])
        said = [client.queue.get_nowait() for _ in range(client.queue.qsize())]
        data = [each["data"] for each in said if "data" in each]
        words = [each["content"] for each in data[:-1]]
        assert "".join(words) == TEXT and data[-1]["function_call"]["name"] == "weather"
        assert [each["usage"] for each in said if "usage" in each] == [spark.counts(11, 7)]
        assert fake.received[-1].body["payload"]["functions"] == {"text": [FUNCTION]}
        fake.script = Script(fails=True)
        await asyncio.to_thread(client.run, hi, "u")
        assert client.queue.get_nowait()["error_code"] == 10012
