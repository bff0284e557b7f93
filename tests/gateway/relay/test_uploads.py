"""Uploads: bounded, whole at every attempt, refused kindly, and gone afterwards."""

import asyncio
import os
import random
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.channels.health import Rules
from gateway.channels.watch import Watch
from gateway.media.spool import MEMORY_BYTES
from tests.fakes.media import Say, wav
from tests.gateway.relay.conftest import Gate
from tests.gateway.relay.media import Studio, opened, says, studio
from tests.waiting import until

__all__ = ["opened", "studio"]
pytestmark = pytest.mark.asyncio(loop_scope="module")

PATH = "/v1/audio/transcriptions"
MODEL = {"model": "whisper-1"}
SEED = 7


def big(size: int = 3 * MEMORY_BYTES) -> bytes:
    """Return a recording that does not fit into a spool's memory."""
    return wav(0) + random.Random(SEED).randbytes(size)


def open_files(directory: Path) -> list[str]:
    """Return the open files of this process that no name leads to any more."""
    found = []
    for number in os.listdir("/proc/self/fd"):
        try:
            found.append(os.readlink(f"/proc/self/fd/{number}"))
        except FileNotFoundError:
            continue
    return [path for path in found if path.startswith(str(directory)) and "(deleted)" in path]


async def gone(gate: Gate) -> None:
    """See that nothing is left of any upload."""
    directory = gate.running.settings.data_dir
    before = {path.name for path in directory.iterdir()}
    await until(lambda: not open_files(directory))
    assert not [name for name in before if name.startswith("tmp")]


async def test_a_retry_sends_the_whole_upload_again(studio: Studio) -> None:
    gate, sent = studio.gate, big()
    await gate.running.directory.options.set("RetryTimes", 2)
    mapping = {"whisper-1": "other"}
    other = await gate.channel(
        "whisper-1", base_url=studio.upstream.url, priority=9, model_mapping=mapping
    )
    try:
        says(studio, Say(status=503), Say())
        answer = await studio.post(PATH, data=MODEL, files={"file": ("a.wav", sent)})
        assert answer.status_code == 200
        first, second = studio.upstream.received
        assert (first.body["model"], second.body["model"]) == ("other", "whisper-1")
        assert first.files["file"][0].body == second.files["file"][0].body == sent
        assert int(first.headers["content-length"]) == len(first.raw)
        assert "transfer-encoding" not in first.headers
        assert len((await studio.last())["body"]["attempts"]) == 2
        await gone(gate)
    finally:
        await gate.running.directory.channels.delete(other.id)
        gate.running.relay.watch = Watch(Rules())


async def test_what_is_refused_is_refused_after_the_body_was_read(studio: Studio) -> None:
    """An answer in the middle of an upload would look like a broken connection."""
    gate, sent = studio.gate, {"file": ("a.wav", big())}
    gate.settings(max_upload_bytes=2 * MEMORY_BYTES)
    too_large = await studio.post(PATH, data=MODEL, files=sent)
    assert too_large.status_code == 413
    assert str(2 * MEMORY_BYTES) in too_large.json()["error"]["message"]

    async def slowly() -> Any:
        yield b"--b\r\n"
        for _ in range(40):
            yield bytes(MEMORY_BYTES // 16)

    kind = {"content-type": "multipart/form-data; boundary=b"}
    unknown_length = await studio.post(PATH, headers=kind, content=slowly())
    assert unknown_length.status_code in (400, 413)
    gate.settings(max_upload_bytes=100 << 20)
    answers = [
        (await studio.post(PATH, "wrong", data=MODEL, files=sent), 401),
        (await studio.post(PATH, data={"model": "nope"}, files=sent), 404),
    ]
    _, narrow = await gate.key(models=["tts-1"])
    answers.append((await studio.post(PATH, narrow, data=MODEL, files=sent), 403))
    _, poor = await gate.key("0")
    answers.append((await studio.post(PATH, poor, data=MODEL, files=sent), 402))
    assert [answer.status_code for answer, _ in answers] == [status for _, status in answers]
    assert studio.upstream.received == []
    await studio.nothing()
    await gone(gate)


async def test_a_client_that_leaves_in_mid_upload_leaves_nothing(studio: Studio) -> None:
    gate = studio.gate
    begun = asyncio.Event()

    async def half() -> Any:
        yield b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
        yield bytes(2 * MEMORY_BYTES)
        begun.set()
        await asyncio.Event().wait()

    kind = {"content-type": "multipart/form-data; boundary=b"}
    task = asyncio.create_task(studio.post(PATH, headers=kind, content=half()))
    await begun.wait()
    directory = gate.running.settings.data_dir
    await until(lambda: open_files(directory))
    task.cancel()
    await gone(gate)
    await studio.nothing()


async def test_an_upstream_that_answers_early_or_dies_leaves_nothing(studio: Studio) -> None:
    gate, early = studio.gate, asyncio.Event()

    async def rude(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        if early.is_set():
            body = b'{"error": {"message": "busy"}}'
            head = b"HTTP/1.1 503 Busy\r\nContent-Type: application/json\r\nContent-Length: "
            writer.write(head + str(len(body)).encode() + b"\r\n\r\n" + body)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(rude, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    channel = await gate.channel("whisper-1", base_url=url, priority=9)
    try:
        for answers in (True, False):
            early.set() if answers else early.clear()
            answer = await studio.post(PATH, data=MODEL, files={"file": ("a.wav", big())})
            assert answer.status_code in (502, 503), answer.text
            gate.running.relay.watch = Watch(Rules())
        await gone(gate)
        await studio.nothing()
    finally:
        await gate.running.directory.channels.delete(channel.id)
        server.close()
        await server.wait_closed()


async def test_uploads_leave_the_disk_to_the_books(
    studio: Studio, caplog: pytest.LogCaptureFixture
) -> None:
    gate = studio.gate
    usual = gate.running.relay.settings.min_free_disk_bytes
    gate.settings(min_free_disk_bytes=1 << 60)
    answer = await studio.post(PATH, data=MODEL, files={"file": ("a.wav", big())})
    small = await studio.post(PATH, data=MODEL, files={"file": ("a.wav", wav(1))})
    gate.settings(min_free_disk_bytes=usual)
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "disk_full")
    assert "could not be kept" in caplog.text
    assert small.status_code == 200
    await gone(gate)


HEAD = b'--b\r\nContent-Disposition: form-data; name="'
FILE = HEAD + b'file"; filename="a.wav"\r\n\r\n' + wav(1) + b"\r\n"
END = b"--b--\r\n"


def field(name: bytes, value: bytes) -> bytes:
    return HEAD + name + b'"\r\n\r\n' + value + b"\r\n"


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("multipart/form-data", FILE + END),
        ("multipart/form-data; boundary=", FILE + END),
        ("multipart/form-data; boundary=" + "b" * 300, FILE + END),
        ("application/json", b'{"model": "whisper-1"}'),
        ("", b""),
        ("multipart/form-data; boundary=b", b""),
        ("multipart/form-data; boundary=b", b"no form"),
        ("multipart/form-data; boundary=b", FILE),
        ("multipart/form-data; boundary=b", END),
        ("multipart/form-data; boundary=b", field(b"model", b"whisper-1") + END),
        ("multipart/form-data; boundary=b", FILE + FILE + END),
        ("multipart/form-data; boundary=b", FILE + field(b"model", b"a") * 2 + END),
        ("multipart/form-data; boundary=b", FILE + field(b"model", b"\xff\xfe") + END),
        ("multipart/form-data; boundary=b", FILE + field(b"stream", b"perhaps") + END),
        ("multipart/form-data; boundary=b", FILE + field(b'model"; filename="x', b"m") + END),
        ("multipart/form-data; boundary=b", field(b"a[]", b"x") * 10_000 + FILE + END),
        ("multipart/form-data; boundary=b", field(b"prompt", bytes(2 << 20)) + FILE + END),
        ("multipart/form-data; boundary=b", b"--b\r\nX: y\r\n\r\nz\r\n" + FILE + END),
        ("multipart/form-data; boundary=b", b"--b\r\n" + b"X: y\r\n" * 100 + b"\r\n" + END),
        ("multipart/form-data; boundary=b", b"--b\r\nX:" + b"y" * 9_000 + b"\r\n\r\n" + END),
        ("multipart/form-data; boundary=b", b"--b\r\n: no name\r\n\r\n" + FILE + END),
    ],
)
async def test_hostile_forms_are_refused(studio: Studio, kind: str, body: bytes) -> None:
    answer = await studio.post(PATH, headers={"content-type": kind}, content=body)
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"]["type"] == "invalid_request_error"
    assert studio.upstream.received == []
    await studio.nothing()


async def test_methods_and_trailing_bytes(studio: Studio) -> None:
    headers = {"authorization": f"Bearer sk-{studio.secret}"}
    assert (await studio.gate.http.get(PATH, headers=headers)).status_code == 405
    assert (await studio.gate.http.options(PATH)).status_code == 204
    assert (await studio.gate.http.request("PROPFIND", PATH)).status_code == 405
    kind = {"content-type": 'multipart/form-data; charset=utf-8; boundary="b"'}
    answer = await studio.post(PATH, headers=kind, content=b"\r\n" + FILE + END + b"tail")
    assert answer.status_code == 200
    assert (await studio.last())["body"]["usage"] == {"seconds": 1}


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
async def test_no_form_is_a_fault_of_ours(studio: Studio, data: st.DataObject) -> None:
    """Whatever is done to a form, it is served or refused."""
    whole = field(b"model", b"whisper-1") + field(b"response_format", b"text") + FILE + END
    whole = whole[: data.draw(st.integers(0, len(whole)))] if data.draw(st.booleans()) else whole
    for _ in range(data.draw(st.integers(0, 3))):
        at = data.draw(st.integers(0, 400))
        whole = whole[:at] + data.draw(st.binary(max_size=12)) + whole[at + 1 :]
    kind = {"content-type": "multipart/form-data; boundary=b"}
    answer: httpx.Response = await studio.post(PATH, headers=kind, content=whole)
    assert answer.status_code in (200, 400, 404), (answer.text, whole)
