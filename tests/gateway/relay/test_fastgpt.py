"""FastGPT, whose protocol is OpenAI's but for what its page on the chat API says (FastGPT, OpenAPI,
"Chat"): usage that is made up, and events of its flows between those of the answer."""

import orjson
import pytest

from tests.fakes.upstream import Behaviour
from tests.gateway.relay.conftest import Gate
from tests.gateway.relay.dialects.conftest import messages

pytestmark = pytest.mark.asyncio(loop_scope="module")
MADE_UP = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 1}
WORDS = ("The director", " of the film", " is Makoto Shinkai", ".")


def chunk(word: str | None, reason: str | None = None) -> bytes:
    delta = {} if word is None else {"content": word}
    choice = {"delta": delta, "index": 0, "finish_reason": reason}
    return orjson.dumps({"id": "", "object": "", "created": 0, "model": "", "choices": [choice]})


def detailed() -> str:
    """A stream with `detail: true`."""
    status = orjson.dumps({"status": "running", "name": "AI"})
    events = [(b"flowNodeStatus", status), *((b"answer", chunk(word)) for word in WORDS)]
    events += [(b"answer", chunk(None, "stop")), (b"answer", b"[DONE]")]
    events += [(b"flowResponses", orjson.dumps([{"moduleName": "AI", "tokens": 303}]))]
    return b"".join(b"event: %b\ndata: %b\n\n" % event for event in events).decode()


async def test_usage_that_is_made_up_is_counted_here(gate: Gate) -> None:
    await gate.price({"model": "fast", "input": "1", "output": "4"})
    await gate.channel("fast", type=22)
    _, key = await gate.key()
    gate.upstream.behaviour = Behaviour(usage=MADE_UP)
    said = [{"role": "user", "content": "Who directed the film Suzume?"}]
    body = {"model": "fast", "messages": said, "chatId": "abc", "variables": {"uid": "u"}}
    answer = await gate.post(key, body)
    assert answer.status_code == 200, answer.text
    sent = gate.upstream.received[-1].body
    assert (sent["chatId"], sent["variables"]) == ("abc", {"uid": "u"})
    assert gate.upstream.received[-1].path == "/v1/chat/completions"
    event = await gate.charge_of(answer)
    usage = event["body"]["usage"]
    assert usage["input"] > 8 and usage["output"] >= 1
    assert event["amount"] == -(usage["input"] * 1_000 + usage["output"] * 4_000)
    assert event["body"]["usage_source"] in ("counted", "estimated")
    assert orjson.loads(event["body"]["usage_frame"]) == MADE_UP
    gate.upstream.behaviour = Behaviour(usage=None, say_instead=detailed())
    streamed = await gate.post(key, {**body, "stream": True, "detail": True})
    text = streamed.text
    assert all(word in text for word in WORDS) and text.endswith("data: [DONE]\n\n")
    assert "flowNodeStatus" in text and "flowResponses" not in text
    event = await gate.charge_of(streamed)
    assert event["body"]["outcome"] == "complete" and event["body"]["usage"]["output"] > 5
    # Events of flows are no words of an answer for clients of other dialects.
    heard = await messages(gate, key, "fast", True)
    assert heard.text == "".join(WORDS)


async def test_a_limit_that_is_not_heeded_is_no_reason_to_go_on_there(gate: Gate) -> None:
    await gate.price({"model": "fast-two", "input": "1", "output": "4"})
    await gate.channel("fast-two", priority=9, model_mapping={"fast-two": "fail-500"})
    await gate.channel("fast-two", type=22, priority=1)
    said = [{"role": "user", "content": "hi"}]
    asked = {"model": "fast-two", "messages": said, "max_tokens": 5}
    await gate.running.directory.options.set("RetryTimes", 2)
    try:
        for usd, stream, status in (("1", False, 200), ("0.001", False, 502), ("0.001", True, 200)):
            gate.upstream.behaviour = Behaviour(usage=None)
            _, secret = await gate.key(usd)
            answer = await gate.post(secret, {**asked, "stream": stream})
            assert answer.status_code == status, answer.text
    finally:
        await gate.running.directory.options.set("RetryTimes", 0)
