"""How long a recording is: what each kind of file says, and what is not believed."""

import os
import random
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.media.duration import LOWEST_BYTES_PER_S, duration
from gateway.media.form import File
from gateway.media.spool import MEMORY_BYTES, Spool
from tests.fakes.media import wav

# MPEG 1 layer III, 128 kbit/s, 44.1 kHz: 417 bytes, 1,152 samples.
FRAME = b"\xff\xfb\x90\xc0" + bytes(413)
FRAME_S = 1_152 / 44_100
SEED = 11


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    made = Spool(tmp_path)
    yield made
    made.close()
    assert list(tmp_path.iterdir()) == []


async def measured(spool: Spool, content: bytes) -> tuple[int, str]:
    await spool.append(b"before")
    offset = spool.size
    await spool.append(content)
    await spool.append(b"after")
    return await duration(spool, File("file", "a", "x/y", offset, len(content)))


def flac(seconds: int, size: int) -> bytes:
    rate = 44_100
    about = (rate << 44) | (1 << 41) | (15 << 36) | (seconds * rate)
    info = struct.pack(">HH", 4_096, 4_096) + bytes(6) + about.to_bytes(8, "big") + bytes(16)
    return b"fLaC" + bytes([0x80]) + len(info).to_bytes(3, "big") + info + bytes(size)


def opus(seconds: int, size: int) -> bytes:
    def page(granule: int, number: int, data: bytes, last: bool = False) -> bytes:
        lacing = bytes([255] * (len(data) // 255) + [len(data) % 255])
        head = struct.pack("<4sBBqIII", b"OggS", 0, 4 * last, granule, 1, number, 0)
        return head + bytes([len(lacing)]) + lacing + data

    start = b"OpusHead" + struct.pack("<BBHIhB", 1, 1, 0, 48_000, 0, 0)
    tags = b"OpusTags" + struct.pack("<II", 0, 0)
    pages = [page(0, 0, start), page(0, 1, tags)]
    count = max(1, size // 4_000)
    for n in range(1, count + 1):
        pages.append(page(48_000 * seconds * n // count, n + 1, bytes(4_000), n == count))
    return b"".join(pages)


def m4a(seconds: int, size: int) -> bytes:
    def atom(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I4s", 8 + len(data), name) + data

    mvhd = atom(b"mvhd", struct.pack(">IIIII", 0, 0, 0, 1_000, seconds * 1_000) + bytes(80))
    head = atom(b"ftyp", b"M4A \x00\x00\x00\x00")
    return head + atom(b"moov", mvhd) + atom(b"mdat", bytes(size))


def webm(clusters: int, stated_ms: float | None = None) -> bytes:
    """As a browser records: nothing knows its size, a cluster every 10 s, a block every 60 ms."""
    open_size = b"\x01" + b"\xff" * 7
    info = b"\x2a\xd7\xb1\x83" + (1_000_000).to_bytes(3, "big")
    if stated_ms is not None:
        info += b"\x44\x89\x88" + struct.pack(">d", stated_ms)
    whole = b"\x1a\x45\xdf\xa3\x80\x18\x53\x80\x67" + open_size
    whole += b"\x15\x49\xa9\x66" + bytes([0x80 | len(info)]) + info
    for n in range(clusters):
        whole += b"\x1f\x43\xb6\x75" + open_size + b"\xe7\x84" + (n * 10_000).to_bytes(4, "big")
        for at in range(0, 10_000, 60):
            block = b"\x81" + struct.pack(">h", at) + b"\x80" + bytes(200)
            whole += b"\xa3" + struct.pack(">H", 0x4000 | len(block)) + block
    return whole


async def test_each_kind_of_file_says_how_long_it_is(tmp_path: Path) -> None:
    for content, seconds in (
        (wav(2.5), 3),
        (wav(10), 10),
        (FRAME * 400, 11),
        (flac(7, 300_000), 7),
        (opus(20, 60_000), 20),
        (m4a(20, 60_000), 20),
        (webm(3), 30),
        (webm(1, stated_ms=10_500.0), 11),
        (webm(2, stated_ms=3.0), 20),
        (webm(0, stated_ms=1_500.0), 2),
    ):
        spool = Spool(tmp_path)
        assert await measured(spool, content) == (seconds, "counted"), content[:12]
        spool.close()


async def test_a_file_can_not_make_itself_shorter_than_its_size_allows(tmp_path: Path) -> None:
    short = struct.pack("<4sI4s", b"RIFF", 36, b"WAVE") + wav(60)[12:40] + struct.pack("<I", 100)
    xing = FRAME[:36] + b"Xing" + struct.pack(">III", 3, 2, 900) + bytes(417 - 52)
    for content, least in (
        (short + wav(60)[44:], 60),
        (xing + FRAME * 1_000, 10),
        (flac(1, 5 << 20), 4),
        (opus(1, 640_000), 10),
        (m4a(1, 960_000), 10),
    ):
        spool = Spool(tmp_path)
        seconds, _ = await measured(spool, content)
        assert seconds >= least, content[:12]
        spool.close()


async def test_what_can_not_be_read_is_as_long_as_it_could_be(spool: Spool) -> None:
    odd = b"\x1a\x45\xdf\xa3" + bytes(10 * LOWEST_BYTES_PER_S - 4)
    assert await measured(spool, odd) == (10, "estimated")


async def test_nothing_at_all_is_no_second(spool: Spool) -> None:
    assert await measured(spool, b"") == (0, "counted")


@pytest.mark.parametrize(
    "head",
    [
        b"\xff\xfb",
        b"RIFF0000WAVE",
        b"fLaC",
        b"OggS",
        b"ID3",
        b"\x1a\x45\xdf\xa3\x1f\x43\xb6\x75",
        b"\0\0\0\1ftyp",
    ],
)
async def test_noise_ends_soon_and_is_never_free(spool: Spool, head: bytes) -> None:
    print("seed", SEED)
    noise = random.Random(SEED)
    for content in (head + noise.randbytes(3 * MEMORY_BYTES), head * 100_000):
        seconds, source = await measured(spool, content)
        assert seconds > 0 and source in ("counted", "estimated")


async def test_a_spool_keeps_what_it_is_given(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    whole = random.Random(SEED).randbytes(2 * MEMORY_BYTES)
    for at in range(0, len(whole), 50_000):
        await spool.append(whole[at : at + 50_000])
    assert spool.on_disk and spool.size == len(whole)
    assert os.listdir(tmp_path) == []
    first, second = spool.pieces(5, len(whole) - 5), spool.pieces(0, 10)
    got = await anext(first)
    assert b"".join([piece async for piece in second]) == whole[:10]
    got += b"".join([piece async for piece in first])
    assert got == whole[5:]
    spool.close()
    with pytest.raises(OSError, match="not there"):
        await anext(spool.pieces(0, 1))
    with pytest.raises(OSError, match="given up"):
        await spool.append(whole)
