"""What an image costs in tokens, by its size: declared formulas of the vendors.

Sources: OpenAI, Images and vision (tiles of 512 pixels, or patches of 32 times a factor by model);
Anthropic, Vision (width × height / 750, made smaller beyond 1,568 pixels); Gemini API, Understand
and count tokens (258, or 258 for each tile of 768 pixels). What is at an address has no known size:
then it is taken for a large one.
"""

import base64
import binascii
import re
import struct
from dataclasses import dataclass

# Enough for the header behind a photo's own notes.
_HEAD = 192 << 10
_LARGE = (1_568, 1_176)
# Anthropic makes images smaller than that many tokens.
_MOST_CLAUDE = 1_600
# Larger ones are made to fit into 3,072 pixels each way.
_GEMINI_TILE, _GEMINI_SMALL, _PER_GEMINI_TILE, _MOST_TILES = 768, 384, 258, 16
_MOST_PATCHES = 1_536
# Of models whose vendor says nothing, a fair upper figure.
_MOST_OTHERS = 1_600

# OpenAI's by model: patches of 32 pixels and their factor in hundredths …
_PATCHES = (
    (re.compile(r"gpt-(?:4\.1|5(?:\.\d)?)-mini"), 162),
    (re.compile(r"gpt-(?:4\.1|5(?:\.\d)?)-nano"), 246),
    (re.compile(r"o4-mini"), 172),
)
# … or a base, and so much for each tile.
_TILES = (
    (re.compile(r"gpt-4o-mini"), 2_833, 5_667),
    (re.compile(r"gpt-5"), 70, 140),
    (re.compile(r"(?:^|/)o[13]"), 75, 150),
    (re.compile(r""), 85, 170),
)
_CLAUDE = re.compile(r"claude", re.IGNORECASE)
_GEMINI = re.compile(r"gemini|gemma", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Image:
    """An image in a request: width and height in pixels, if they are known; `low` detail."""

    size: tuple[int, int] | None
    low: bool = False

    def tokens(self, model: str) -> int:
        """Return what it costs a model of this name."""
        width, height = self.size or _LARGE
        if _CLAUDE.search(model):
            return _of_claude(width, height)
        if _GEMINI.search(model):
            return _of_gemini(width, height)
        return _of_openai(model, width, height, self.low)


def most(model: str) -> int:
    """Return what any image may cost a model at most."""
    if _CLAUDE.search(model):
        return _MOST_CLAUDE
    if _GEMINI.search(model):
        return _PER_GEMINI_TILE * _MOST_TILES
    largest = ((768, 2_048), (1_024, 1_536))
    return max(_MOST_OTHERS, *(_of_openai(model, *size, low=False) for size in largest))


def _of_claude(width: int, height: int) -> int:
    longest = max(width, height)
    if longest > _LARGE[0]:
        width, height = width * _LARGE[0] // longest, height * _LARGE[0] // longest
    return max(1, min(-(-width * height // 750), _MOST_CLAUDE))


def _of_gemini(width: int, height: int) -> int:
    if max(width, height) <= _GEMINI_SMALL:
        return _PER_GEMINI_TILE
    tiles = -(-width // _GEMINI_TILE) * -(-height // _GEMINI_TILE)
    return _PER_GEMINI_TILE * min(tiles, _MOST_TILES)


def _of_openai(model: str, width: int, height: int, low: bool) -> int:
    for pattern, factor in _PATCHES:
        if pattern.search(model):
            patches = min(-(-width // 32) * -(-height // 32), _MOST_PATCHES)
            return -(-patches * factor // 100)
    _, base, each = next(row for row in _TILES if row[0].search(model))
    return base if low else base + each * _tiles(width, height)


def _tiles(width: int, height: int) -> int:
    longest = max(width, height)
    if longest > 2_048:
        width, height = width * 2_048 // longest, height * 2_048 // longest
    shortest = min(width, height)
    if shortest > 768:
        width, height = width * 768 // shortest, height * 768 // shortest
    return max(1, -(-width // 512) * -(-height // 512))


def of_url(url: object, detail: object = None) -> Image:
    """Describe an image by its address; a data: URL tells its size."""
    low = detail == "low"
    if not isinstance(url, str) or url[:5].lower() != "data:":
        return Image(None, low)
    start = url.find(",", 0, 200) + 1
    return of_base64(url[start : start + _HEAD], low) if start else Image(None, low)


def of_base64(data: str, low: bool = False) -> Image:
    """Describe an image by the beginning of its bytes in base64."""
    head = data[: min(len(data), _HEAD) // 4 * 4]
    try:
        return Image(size_of(base64.b64decode(head)), low)
    except (binascii.Error, ValueError):
        return Image(None, low)


def size_of(head: bytes) -> tuple[int, int] | None:
    """Return width and height as a PNG, GIF, JPEG or WebP says them; None for anything else."""
    try:
        found = _size_of(head)
    except (struct.error, IndexError):
        return None
    return found if found is not None and min(found) > 0 else None


def _size_of(head: bytes) -> tuple[int, int] | None:
    if head[:8] == b"\x89PNG\r\n\x1a\n":
        return struct.unpack(">II", head[16:24])
    if head[:4] == b"GIF8":
        return struct.unpack("<HH", head[6:10])
    if head[:2] == b"\xff\xd8":
        return _of_jpeg(head)
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return _of_webp(head)
    return None


def _of_jpeg(head: bytes) -> tuple[int, int] | None:
    at = 2
    while at + 9 <= len(head) and head[at] == 0xFF:
        marker, (length,) = head[at + 1], struct.unpack(">H", head[at + 2 : at + 4])
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack(">HH", head[at + 5 : at + 9])
            return width, height
        at += 2 + length
    return None


def _of_webp(head: bytes) -> tuple[int, int] | None:
    kind = head[12:16]
    if kind == b"VP8X":
        width, height = head[24:27], head[27:30]
        return int.from_bytes(width, "little") + 1, int.from_bytes(height, "little") + 1
    if kind == b"VP8 ":
        wide, high = struct.unpack("<HH", head[26:30])
        return wide & 0x3FFF, high & 0x3FFF
    if kind == b"VP8L":
        (bits,) = struct.unpack("<I", head[21:25])
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    return None
