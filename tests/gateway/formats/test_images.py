"""The size of an image, from its first bytes, and what it costs in tokens."""

import base64
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.formats.images import Image, most, of_base64, of_url, size_of


def png(width: int, height: int) -> bytes:
    return b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + struct.pack(">II", width, height) + bytes(8)


def jpeg(width: int, height: int, notes: int = 0) -> bytes:
    note = b"\xff\xe1" + struct.pack(">H", notes + 2) + bytes(notes) if notes else b""
    frame = b"\xff\xc2" + struct.pack(">HBHH", 17, 8, height, width) + bytes(10)
    return b"\xff\xd8" + note + frame


def webp(kind: bytes, rest: bytes) -> bytes:
    return b"RIFF\0\0\0\0WEBP" + kind + b"\0\0\0\0" + rest


SIZES = {
    "png": png(640, 480),
    "gif": b"GIF89a" + struct.pack("<HH", 640, 480) + bytes(20),
    "jpeg": jpeg(640, 480),
    "photo": jpeg(640, 480, notes=60_000),
    "vp8x": webp(b"VP8X", bytes(4) + (639).to_bytes(3, "little") + (479).to_bytes(3, "little")),
    "vp8": webp(b"VP8 ", bytes(3) + b"\x9d\x01\x2a" + struct.pack("<HH", 640, 480)),
    "vp8l": webp(b"VP8L", b"\x2f" + struct.pack("<I", 639 | 479 << 14)),
}


@pytest.mark.parametrize("name", SIZES)
def test_every_kind_tells_its_size(name: str) -> None:
    data = base64.b64encode(SIZES[name]).decode()
    assert size_of(SIZES[name]) == (640, 480)
    assert of_url(f"data:image/x;base64,{data}") == Image((640, 480))
    assert of_base64(data, low=True) == Image((640, 480), low=True)


@pytest.mark.parametrize(
    ("model", "size", "tokens"),
    [
        ("gpt-4o", (1024, 1024), 85 + 4 * 170),
        ("gpt-4o", (2048, 4096), 85 + 6 * 170),
        ("gpt-4o-mini", (1024, 1024), 2_833 + 4 * 5_667),
        ("gpt-5", (512, 512), 70 + 140),
        ("o1", (512, 512), 75 + 150),
        ("gpt-4.1-mini", (1024, 1024), 1_659),
        ("claude-opus-4-1", (1000, 1000), 1_334),
        ("claude-opus-4-1", (200, 200), 54),
        ("claude-opus-4-1", (4000, 4000), 1_600),
        ("gemini-2.5-pro", (384, 384), 258),
        ("gemini-2.5-pro", (960, 540), 2 * 258),
        ("gemini-2.5-pro", (9000, 9000), 16 * 258),
    ],
)
def test_what_vendors_say_that_an_image_costs(
    model: str, size: tuple[int, int], tokens: int
) -> None:
    assert Image(size).tokens(model) == tokens


def test_low_detail_costs_the_base_only() -> None:
    assert of_url("https://example.com/x.png", "low").tokens("gpt-4o") == 85
    assert of_url("https://example.com/x.png").tokens("gpt-4o") == 765
    assert of_url(None).tokens("claude-x") == 1_600


@given(st.binary(max_size=60) | st.sampled_from(sorted(SIZES.values())).map(lambda b: b[:22]))
def test_any_bytes_are_read_without_failing(head: bytes) -> None:
    size_of(head)
    of_base64(head.decode("latin-1"))
    of_url("data:image/png;base64," + base64.b64encode(head).decode())


models = st.sampled_from(["gpt-4o", "gpt-4o-mini", "gpt-5-nano", "o3", "claude-x", "gemini-x", "m"])
sides = st.integers(1, 20_000)


@given(models, st.none() | st.tuples(sides, sides), st.booleans())
def test_no_image_costs_more_than_is_held_for_one(
    model: str, size: tuple[int, int] | None, low: bool
) -> None:
    assert 0 < Image(size, low).tokens(model) <= most(model)
