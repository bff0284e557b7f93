"""How long a WebM recording is (Matroska: RFC 9559), as browsers make them.

A browser writes while it records: it knows neither the length nor the sizes of what it has begun.
So the clusters are looked for, and the last block of the last one tells when the recording ends.
"""

import struct
from typing import BinaryIO

HEAD = b"\x1a\x45\xdf\xa3"
_CLUSTER = b"\x1f\x43\xb6\x75"
_SCALE, _DURATION = b"\x2a\xd7\xb1", b"\x44\x89"
_TIMESTAMP, _SIMPLE_BLOCK, _BLOCK_GROUP, _BLOCK = 0xE7, 0xA3, 0xA0, 0xA1
_USUAL_SCALE_NS = 1_000_000
_NS_PER_S = 1_000_000_000
_PIECE = 1 << 20
_HEAD_BYTES = 64 << 10
_MOST_CLUSTER_BYTES = 8 << 20


def seconds(file: BinaryIO) -> float | None:
    """Return the length in seconds by the blocks, or by what the head says where there are none.

    The longer of both: a head is easily changed. None when there is neither.
    """
    file.seek(0)
    head = file.read(_HEAD_BYTES)
    scale = _USUAL_SCALE_NS
    at = head.find(_SCALE)
    if at >= 0:
        value, _ = _element_data(head, at + len(_SCALE))
        scale = int.from_bytes(value, "big") or _USUAL_SCALE_NS
    ticks = max(_stated(head), _last_block(file, _last_cluster(file)))
    return ticks * scale / _NS_PER_S if ticks > 0 else None


def _stated(head: bytes) -> float:
    at = head.find(_DURATION)
    value = _element_data(head, at + len(_DURATION))[0] if at >= 0 else b""
    known = {4: ">f", 8: ">d"}.get(len(value))
    stated = float(struct.unpack(known, value)[0]) if known else 0.0
    return stated if 0 < stated < 1e12 else 0.0


def _last_cluster(file: BinaryIO) -> int | None:
    """Return where the last cluster begins."""
    found, offset, carried = None, 0, b""
    file.seek(0)
    while piece := file.read(_PIECE):
        window = carried + piece
        at = window.rfind(_CLUSTER)
        if at >= 0:
            found = offset - len(carried) + at
        offset += len(piece)
        carried = window[-len(_CLUSTER) + 1 :]
    return found


def _last_block(file: BinaryIO, start: int | None) -> int:
    """Return the time of a cluster's last block, in ticks."""
    if start is None:
        return 0
    file.seek(start)
    data = file.read(_MOST_CLUSTER_BYTES)
    at = _size(data, len(_CLUSTER))[1]
    begun = last = 0
    while at < len(data):
        kind = data[at]
        if kind == _BLOCK_GROUP:
            at = _size(data, at + 1)[1]  # its block is its first element
            continue
        value, after = _element_data(data, at + 1)
        if kind == _TIMESTAMP:
            begun = last = int.from_bytes(value[:8], "big")
        elif kind in (_SIMPLE_BLOCK, _BLOCK) and len(value) >= 3:
            last = max(last, begun + int.from_bytes(value[1:3], "big", signed=True))
        elif after <= at + 1:
            break
        at = after
    return last


def _element_data(data: bytes, at: int) -> tuple[bytes, int]:
    """Return an element's content and where it ends; `at` is where its size is."""
    size, start = _size(data, at)
    return data[start : start + size], start + size


def _size(data: bytes, at: int) -> tuple[int, int]:
    """Read a variable-length size; return it and where it ends."""
    first = data[at] if at < len(data) else 0
    length = 9 - first.bit_length()
    if not first or length > 8:
        return 0, at + 1
    value = int.from_bytes(data[at : at + length], "big") & ((1 << 7 * length) - 1)
    return value, at + length
