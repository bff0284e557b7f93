"""What is Spark's own: versions, refused handshakes, proxies, patience, and what its codes mean."""

import asyncio
from typing import Any

import pytest

from gateway.channels.blame import Blame, blame
from gateway.channels.failure import of_answer
from gateway.channels.health import Rules
from gateway.channels.watch import Watch
from gateway.providers.natives import NATIVES
from gateway.providers.spark_request import chat_body, place_of
from gateway.relay.errors import RelayError
from tests.fakes import spark
from tests.fakes.proxies import FakeProxy
from tests.gateway.channels.anything import Vendor
from tests.gateway.relay.conftest import DEADLINE_S, Gate
from tests.gateway.relay.vendors.conftest import Case

pytestmark = pytest.mark.asyncio(loop_scope="module")
HI: Any = [{"role": "user", "content": "hi"}]


@pytest.fixture
def case_of_spark(all_cases: dict[str, Case], gate: Gate) -> Case:
    found = all_cases["spark"]
    found.fake.reset()
    gate.running.relay.watch = Watch(Rules())
    return found


async def _channel(case: Case, model: str, secret: str = spark.KEY, **more: Any) -> None:
    await case.gate.price({"model": model, "input": "1", "output": "1"})
    given = {"type": 18, "name": model, "base_url": case.fake.url, "models": [model], **more}
    await case.gate.running.directory.channels.create(given, secret)


async def test_versions_and_a_channels_own(case_of_spark: Case) -> None:
    case = case_of_spark
    known = {
        "Spark-Lite": ("/v1.1/chat", "lite"),
        "Spark-Pro-128K": ("/chat/pro-128k", "pro-128k"),
        "Spark-4.0-Ultra": ("/v4.0/chat", "4.0Ultra"),
        "SparkDesk-v3.5-32K": ("/chat/max-32k", "max-32k"),
        "generalv3": ("/v3.1/chat", "generalv3"),
    }
    await _channel(case, "SparkDesk", config={"api_version": "v3.5"})
    await _channel(case, "SparkDesk-v2.1")
    for model, (path, domain) in known.items():
        await _channel(case, model)
        answer = await case.gate.post(case.key, {"model": model, "messages": HI})
        assert answer.status_code == 200, answer.text
        received = case.fake.received[-1]
        assert (received.path, received.body["parameter"]["chat"]["domain"]) == (path, domain)
    await case.gate.post(case.key, {"model": "SparkDesk", "messages": HI})
    assert case.fake.received[-1].path == "/v3.5/chat"
    missing = await case.gate.post(case.key, {"model": "SparkDesk-v2.1", "messages": HI})
    assert missing.status_code == 404  # this fake has no such version
    assert place_of("SparkDesk", {}) == place_of("Spark-Lite", {}) and place_of("gpt", {}) is None


async def test_refused_handshakes_and_keys_of_another_form(case_of_spark: Case) -> None:
    case = case_of_spark
    for model, secret in (("other-key", "app-1|no|key-1"), ("two-parts", "app-1|no")):
        mapped = {"model_mapping": {model: "Spark-Max"}}
        await _channel(case, model, secret, **mapped)
        for stream in (False, True):
            asked = {"model": model, "messages": HI, "stream": stream}
            answer = await case.gate.post(case.key, asked)
            assert (answer.status_code, answer.json()["error"]["code"]) == (502, "upstream_auth")
    assert not case.fake.received


async def test_a_connection_through_a_proxy(case_of_spark: Case) -> None:
    case = case_of_spark
    async with FakeProxy("http", ("me", "pw")) as proxy:
        mapped = {"model_mapping": {"by-proxy": "Spark-Max"}, "proxy": proxy.url}
        await _channel(case, "by-proxy", **mapped)
        answer = await case.gate.post(case.key, {"model": "by-proxy", "messages": HI})
        assert answer.status_code == 200, answer.text
        assert proxy.reached == [("127.0.0.1", case.fake.port)]


async def test_patience(case_of_spark: Case) -> None:
    case = case_of_spark
    impatient = {"timeouts": {"first_byte": 1}}
    await _channel(case, "slow", model_mapping={"slow": "Spark-Max"}, **impatient)
    case.plays(hang_after=0)
    answer = await case.gate.post(case.key, {"model": "slow", "messages": HI})
    assert answer.json()["error"]["code"] == "upstream_timeout"
    await asyncio.wait_for(case.fake.gone.wait(), DEADLINE_S)


async def test_what_is_too_long_or_breaks_off(
    case_of_spark: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = case_of_spark
    monkeypatch.setattr("gateway.providers.spark.MAX_ANSWER", 100)
    case.plays(words=("0123456789",) * 12)
    answer = await case.post()
    assert (answer.status_code, answer.json()["error"]["code"]) == (502, "upstream_bad_answer")
    monkeypatch.setattr("gateway.providers.sockets.MAX_MESSAGE", 1_000)
    case.plays(words=("x" * 2_000,))
    answer = await case.post()
    assert (answer.status_code, answer.json()["error"]["code"]) == (502, "upstream_cut")
    monkeypatch.undo()
    case.plays(cut_after=3)
    answer = await case.post()
    assert (answer.status_code, answer.json()["error"]["code"]) == (502, "upstream_cut")
    await _channel(case, "nobody", base_url="http://127.0.0.1:9", model_mapping={"nobody": "lite"})
    answer = await case.gate.post(case.key, {"model": "nobody", "messages": HI})
    assert answer.json()["error"]["code"] == "upstream_unreachable"


async def test_what_is_said_where_there_are_no_system_turns() -> None:
    turns = [{"role": "system", "content": "Be brief."}, *HI, {"role": "system", "content": "x"}]
    for model, roles in (("Spark-Lite", ["user"] * 3), ("Spark-Max", ["system", "user", "user"])):
        made = chat_body({"model": model, "messages": turns, "temperature": 2, "top_k": 9}, {})
        assert [each["role"] for each in made["payload"]["message"]["text"]] == roles
        asked = made["parameter"]["chat"]
        assert (asked["temperature"], asked["top_k"]) == (1, 6)


@pytest.mark.parametrize(
    ("asked", "param"),
    [
        ({"model": "gpt-4"}, "model"),
        ({"model": 4}, "model"),
        ({"tools": [{"type": "function", "function": {"name": "f"}}]}, "tools"),
        (
            {"messages": [*HI, {"role": "function", "name": "f", "content": "x"}]},
            "messages[1].role",
        ),
    ],
)
async def test_what_cannot_be_said(asked: Any, param: str) -> None:
    with pytest.raises(RelayError) as caught:
        chat_body({"model": "Spark-Lite", "messages": HI, **asked}, {})
    assert (caught.value.status, caught.value.param) == (400, param)


async def test_thoughts_are_read(case_of_spark: Case) -> None:
    case = case_of_spark
    case.plays(thoughts=("Hm", "."))
    message = (await case.ask()).parse().choices[0].message
    assert message.reasoning_content == "Hm."
    pieces = [chunk async for chunk in (await case.ask(stream=True)).parse()]
    deltas = [choice.delta for chunk in pieces for choice in chunk.choices]
    said = [getattr(delta, "reasoning_content", None) or "" for delta in deltas]
    assert "".join(said) == "Hm."


@pytest.mark.parametrize(
    ("code", "means", "whose"),
    [
        (10013, 400, Blame.REQUEST),
        (10907, 400, Blame.REQUEST),
        (10015, 401, Blame.CREDENTIAL),
        (11200, 403, Blame.ABSENT),
        (11202, 429, Blame.LIMIT),
        (10012, 500, Blame.UPSTREAM),
    ],
)
async def test_what_codes_mean(code: int, means: int, whose: Blame) -> None:
    said = {"header": {"code": code, "message": "quotes 11200", "sid": "s", "status": 2}}
    failure = of_answer(Vendor(18, "spark"), 200, {}, said, 0.0)
    assert (failure.means, blame(failure)) == (means, whose)
    assert NATIVES["spark"].failed(said) and not NATIVES["spark"].ends(said)
