"""Segments: equal bytes for equal events, and damage named by its line."""

import gzip
import random
import tracemalloc

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.errors import LedgerError
from ledger.events import GENESIS, chain_hash, request_hash
from ledger.segments import (
    BrokenSegment,
    Segment,
    SegmentWriter,
    check,
    line_of,
    read,
)
from ledger.writers import Writer
from tests.ledger.drafts import charge, recharge


def history(count, slot=3, start=1):
    """Yield events of one writer, as they are stored."""
    writer = Writer(slot, 1, start, GENESIS, 0)
    for n in range(count):
        draft = recharge(str(n)) if n % 7 == 0 else charge(f"r{n}", n % 90)
        yield writer.number(draft, 1, request_hash(draft), 1_700_000_000_000_000 + n * 1_000)


def write(path, events):
    with SegmentWriter(path) as writer:
        for event in events:
            writer.add(event)
        return writer.close()


def rewrite(path, change):
    """Change the text of a segment, keeping its compression sound."""
    lines = gzip.decompress(path.read_bytes()).splitlines(keepends=True)
    change(lines)
    path.write_bytes(gzip.compress(b"".join(lines), mtime=0))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "w3.jsonl.gz"


def test_what_was_written_is_read_back(path):
    events = list(history(50))
    segment = write(path, events)
    assert list(read(path)) == events
    assert check(path) == check(path, segment) == segment
    assert (segment.events, segment.first_seq, segment.last_seq) == (50, 1, 50)
    assert segment.first_prev == GENESIS and segment.last_hash == events[-1]["hash"]
    assert segment.bytes == path.stat().st_size
    assert Segment.from_json(orjson.loads(orjson.dumps(segment.to_json()))) == segment


def test_equal_events_give_equal_files(tmp_path):
    one = write(tmp_path / "a.jsonl.gz", history(200))
    shuffled = [dict(reversed(event.items())) for event in history(200)]
    two = write(tmp_path / "b.jsonl.gz", shuffled)
    assert one.sha256 == two.sha256
    assert (tmp_path / "a.jsonl.gz").read_bytes() == (tmp_path / "b.jsonl.gz").read_bytes()


def test_a_file_that_is_not_whole_has_no_name(path):
    with SegmentWriter(path) as writer:
        for event in history(5):
            writer.add(event)
    assert list(path.parent.iterdir()) == []


def test_an_empty_segment_is_refused(path):
    with pytest.raises(LedgerError, match="at least one"), SegmentWriter(path) as writer:
        writer.close()
    assert list(path.parent.iterdir()) == []


def test_events_that_do_not_follow_each_other_are_refused(path):
    one, two, three = history(3)
    with SegmentWriter(path) as writer:
        writer.add(one)
        for wrong in (three, one, {**two, "writer": 9}, {**two, "prev": GENESIS}):
            with pytest.raises(LedgerError, match="does not follow"):
                writer.add(wrong)
        writer.add(two)


def changed(lines):
    lines[6] = lines[6].replace(b'"amount":', b'"amount":1')


def changed_with_its_hash_mended(lines):
    event = orjson.loads(lines[6])
    event["account"] = "user:99"
    event["hash"] = chain_hash(event["prev"], event)
    lines[6] = line_of(event)


def removed(lines):
    del lines[6]


def twice(lines):
    lines.insert(6, lines[5])


def swapped(lines):
    lines[6], lines[7] = lines[7], lines[6]


def not_json(lines):
    lines[6] = b"{" + lines[6]


def not_an_event(lines):
    lines[6] = b'{"_id":"x"}\n'


def cut_line(lines):
    lines[6:] = [lines[6][:-20]]


def spaced(lines):
    lines[6] = lines[6].replace(b'":', b'": ', 1)


def reordered_fields(lines):
    lines[6] = orjson.dumps(dict(reversed(orjson.loads(lines[6]).items()))) + b"\n"


DAMAGE = {
    changed: 7,
    changed_with_its_hash_mended: 8,
    removed: 7,
    twice: 7,
    swapped: 7,
    not_json: 7,
    not_an_event: 7,
    cut_line: 7,
    spaced: 7,
    reordered_fields: 7,
}


@pytest.mark.parametrize("damage", DAMAGE, ids=lambda damage: damage.__name__)
def test_damage_is_named_by_its_line(path, damage):
    segment = write(path, history(20))
    rewrite(path, damage)
    for expected in (None, segment):
        with pytest.raises(BrokenSegment) as found:
            check(path, expected)
        assert found.value.line == DAMAGE[damage], str(found.value)
        assert str(path) in str(found.value)


def test_a_tail_that_is_gone_is_found_by_the_description(path):
    segment = write(path, history(20))
    rewrite(path, lambda lines: lines.pop())
    assert check(path).events == 19
    with pytest.raises(BrokenSegment, match="SHA-256"):
        check(path, segment)


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**32))
def test_no_flipped_bit_and_no_cut_passes(tmp_path_factory, seed):
    chance = random.Random(seed)
    path = tmp_path_factory.mktemp("flip") / "w3.jsonl.gz"
    segment = write(path, history(30))
    data = bytearray(path.read_bytes())
    at = chance.randrange(len(data))
    if chance.random() < 0.8:
        data[at] ^= 1 << chance.randrange(8)
    else:
        del data[at:]
    path.write_bytes(data)
    with pytest.raises(BrokenSegment):
        check(path, segment)


def test_a_missing_file_is_named(path):
    with pytest.raises(BrokenSegment, match="No such file"):
        list(read(path))
    with pytest.raises(BrokenSegment, match="No such file"):
        check(path)


def test_another_segment_in_its_place_is_refused(path):
    segment = write(path, history(20))
    write(path, history(20, slot=4))
    with pytest.raises(BrokenSegment):
        check(path, segment)


def test_writing_and_checking_hold_one_event_at_a_time(path):
    tracemalloc.start()
    try:
        write(path, history(6_000))
        assert check(path).events == 6_000
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 4 << 20, peak
