"""The bench of converted streams: whole streams of any dialect count, damaged ones do not."""

import asyncio

import pytest

from tests.bench import dialect_upstream, wire
from tests.bench.converted import PASSED, WAYS, Asking, Streams
from tests.bench.dialect_upstream import Dialects
from tests.bench.upstream import Served


async def test_streams_of_every_dialect_are_judged_by_their_pieces() -> None:
    served = Served()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Dialects(served), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    passed = [way for way in WAYS if "passed on" in way.name]
    for way in passed:
        result = await Streams(Asking(port, "sk-x", "stream", 3, 2, way=way)).go()
        assert (result.complete, result.wrong, result.examples) == (3, 0, [])
    assert served.counts["stream"] == 3 * len(passed)
    server.close()
    await server.wait_closed()


@pytest.mark.parametrize("name", ["_anthropic", "_gemini", "_ollama", "_cohere"])
def test_what_is_missing_is_noticed(name: str) -> None:
    whole = b"".join(getattr(dialect_upstream, name)())
    judge = Streams(Asking(1, "", way=PASSED)).judge
    judge(200, whole + wire.DONE)
    for damaged in (whole.replace(b" piece17", b"") + wire.DONE, whole[: whole.find(b" piece38")]):
        with pytest.raises(wire.WrongAnswer):
            judge(200, damaged)
    with pytest.raises(wire.WrongAnswer, match="status 500"):
        judge(500, whole)
