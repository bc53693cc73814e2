"""The track index, both twins: what it answers and what it refuses."""

import mmap
import struct
from pathlib import Path
from types import ModuleType

import pytest

from native import CorruptIndex, TrackIndex
from tests.fixtures.indexes import (
    SYNC,
    Row,
    constant_rows,
    header_length,
    index_bytes,
    patched,
    reseal,
    row_at,
    totals,
)

# Decode order I P B B I P: presentation times 0 3 1 2 4 5, in thousands.
REORDERED: list[Row] = [
    (500, 1000, 0, SYNC),
    (200, 1000, 2000, 0),
    (50, 1000, -1000, 0),
    (60, 1000, -1000, 0),
    (510, 1000, 0, SYNC),
    (210, 1000, 0, 0),
]


def test_an_index_gives_back_what_was_added(twin: ModuleType) -> None:
    rows = [(n * 7 + 1, n % 5, n % 3, SYNC if n % 48 == 0 else 0) for n in range(200)]
    rows[0] = (1, 9, 0, SYNC)
    index = twin.TrackIndex(index_bytes(rows, description=b"words", base_time=77, priming=5))
    assert (index.timescale, index.sample_count, index.description) == (24_000, 200, b"words")
    assert (index.data_length, index.duration) == totals(rows)
    assert (index.base_time, index.priming) == (77, 5)
    offset, time = 0, 77
    for number, row in enumerate(rows):
        size, duration, composition_offset, flags = row
        expected = (offset, size, time, duration, composition_offset, flags)
        assert index.sample(number) == expected
        offset, time = offset + size, time + duration


def test_both_builders_write_the_same_bytes(writer: ModuleType) -> None:
    rows = constant_rows(150, gop=10)
    builder = writer.IndexBuilder(timescale=24_000, description=b"{}", base_time=3)
    for row in rows:
        builder.add(*row)
    rest, header = builder.finish(priming=2)
    assert header + rest == index_bytes(rows, base_time=3, priming=2)


def test_a_builder_hands_over_whole_blocks_while_samples_arrive(writer: ModuleType) -> None:
    builder = writer.IndexBuilder(timescale=1, description=b"")
    taken = b""
    for number, row in enumerate(constant_rows(130), 1):
        builder.add(*row)
        block = builder.take()
        assert len(block) == (1040 if number % 64 == 0 else 0)
        taken += block
    rest, header = builder.finish()
    assert len(header) == builder.header_length == 80
    assert len(rest) == 16 + 2 * 16
    index = TrackIndex(header + taken + rest)
    assert index.sample_count == builder.sample_count == 130
    assert (index.data_length, index.duration) == (builder.data_length, builder.duration)


@pytest.mark.parametrize("count", [1, 63, 64, 65, 128, 129])
def test_a_track_ends_anywhere_in_a_block(twin: ModuleType, count: int) -> None:
    rows = constant_rows(count)
    index = twin.TrackIndex(index_bytes(rows))
    size, duration = totals(rows)
    assert index.segment(0, count) == (0, size, 0, duration)
    assert index.segment(count - 1, 1) == (size - rows[-1][0], rows[-1][0], duration - 1000, 1000)


def test_sync_times_are_presentation_times_in_decode_order(twin: ModuleType) -> None:
    index = twin.TrackIndex(index_bytes(REORDERED))
    assert index.sync_times() == [(0, 0), (4, 4000)]


def test_priming_puts_the_first_samples_before_zero(twin: ModuleType) -> None:
    rows = [(10, 1024, 0, SYNC)] * 4
    index = twin.TrackIndex(index_bytes(rows, priming=1500))
    assert index.sync_times() == [(0, -1500), (1, -476), (2, 548), (3, 1572)]
    assert index.segment_starts([0, 1, 548, 549]) == [0, 2, 2, 3]


@pytest.mark.parametrize(
    ("cuts", "starts"),
    [
        ([], []),
        ([0], [0]),
        ([5000], [0]),
        ([0, 1], [0, 4]),
        ([0, 4000], [0, 4]),
        ([0, 4000, 4000], [0, 4, 4]),
        ([0, 4001], [0, 6]),
        ([0, 4000, 9000, 10_000], [0, 4, 6, 6]),
        ([-8, -4, 0, 3], [0, 0, 0, 4]),
    ],
)
def test_a_segment_starts_at_the_first_sync_sample_at_or_after_its_cut(
    twin: ModuleType, cuts: list[int], starts: list[int]
) -> None:
    assert twin.TrackIndex(index_bytes(REORDERED)).segment_starts(cuts) == starts


def test_falling_cuts_are_refused(twin: ModuleType) -> None:
    with pytest.raises(ValueError, match="fall from 5 to 4"):
        twin.TrackIndex(index_bytes(REORDERED)).segment_starts([0, 5, 4])


@pytest.mark.parametrize(
    ("first", "count"), [(0, 0), (0, 7), (6, 1), (-1, 1), (3, -1), (5, 2**62), (2**62, 5)]
)
def test_samples_outside_the_track_are_refused(twin: ModuleType, first: int, count: int) -> None:
    index = twin.TrackIndex(index_bytes(REORDERED))
    with pytest.raises(IndexError, match=f"{count} samples from {first} of a track of 6"):
        index.segment(first, count)
    with pytest.raises(IndexError):
        index.fragment_header(first, count, 1)
    if count == 1:
        with pytest.raises(IndexError):
            index.sample(first)


@pytest.mark.parametrize(
    ("row", "error"),
    [
        ((2**32, 1, 0, 1), OverflowError),
        ((-1, 1, 0, 1), OverflowError),
        ((1, 2**32, 0, 1), OverflowError),
        ((1, -1, 0, 1), OverflowError),
        ((1, 1, 2**31, 1), OverflowError),
        ((1, 1, -(2**31) - 1, 1), OverflowError),
        ((1, 1, 0, 2**32), OverflowError),
        ((1, 1, 0, -1), OverflowError),
        ((2**70, 1, 0, 1), OverflowError),
        ((0, 1, 0, 1), ValueError),
        ((1, 1, 0, 3), ValueError),
        ((1, 1, 0, 4), ValueError),
        ((1, 1, 0, 0x101), ValueError),
        ((1, 1, 0, 0), ValueError),  # as first sample
        ((1, 1, -1, 1), ValueError),
    ],
)
def test_a_builder_refuses_what_no_index_may_hold(
    writer: ModuleType, row: Row, error: type[Exception]
) -> None:
    builder = writer.IndexBuilder(timescale=1, description=b"")
    with pytest.raises(error):
        builder.add(*row)
    assert builder.sample_count == 0


@pytest.mark.parametrize(
    "arguments",
    [
        {"timescale": 0, "description": b""},
        {"timescale": 2**32, "description": b""},
        {"timescale": 1, "description": b"", "base_time": -1},
        {"timescale": 1, "description": b"", "base_time": 2**63},
    ],
)
def test_a_builder_refuses_a_header_no_index_may_hold(
    writer: ModuleType, arguments: dict[str, object]
) -> None:
    with pytest.raises(OverflowError):
        writer.IndexBuilder(**arguments)


def test_time_does_not_run_beyond_63_bits(writer: ModuleType) -> None:
    builder = writer.IndexBuilder(timescale=1, description=b"", base_time=2**63 - 11)
    builder.add(1, 10, 0, SYNC)
    with pytest.raises(OverflowError):
        builder.add(1, 1, 0, SYNC)
    rest, header = builder.finish(priming=2**63 - 2)
    assert TrackIndex(header + rest).duration == 10


def test_a_track_with_nothing_to_present_cannot_be_finished(writer: ModuleType) -> None:
    builder = writer.IndexBuilder(timescale=1, description=b"")
    with pytest.raises(ValueError, match="0 samples"):
        builder.finish()
    builder.add(1, 0, 0, SYNC)
    with pytest.raises(ValueError, match="0 ticks"):
        builder.finish()
    builder.add(1, 8, 0, SYNC)
    for priming in (-1, 8):
        with pytest.raises(ValueError, match="nothing to present"):
            builder.finish(priming=priming)
    builder.finish(priming=7)
    with pytest.raises(ValueError, match="finished"):
        builder.finish()
    with pytest.raises(ValueError, match="finished"):
        builder.add(1, 1, 0, 1)


SOUND = index_bytes(constant_rows(130, gop=13), description=b"d" * 5)
BODY = header_length(SOUND)

CONTRADICTIONS = {
    "nothing": (b"", "header", 0),
    "cut in the fixed header": (SOUND[:71], "header", 0),
    "other magic": (b"X" + SOUND[1:], "magic", 0),
    "header length not a multiple of 16": (patched(SOUND, 12, "I", 81), "header_length", 12),
    "header length below the fixed part": (patched(SOUND, 12, "I", 64), "header_length", 12),
    "header longer than the file": (patched(SOUND, 12, "I", 2**32 - 16), "header_length", 12),
    "header length of another header": (patched(SOUND, 12, "I", 96), "description_length", 64),
    "header checksum": (SOUND[:20] + b"\xff" + SOUND[21:], "header_crc", 8),
    "description longer than header": (patched(SOUND, 64, "I", 9), "description_length", 64),
    "description of 4 GiB": (patched(SOUND, 64, "I", 2**32 - 1), "description_length", 64),
    "reserved field": (patched(SOUND, 68, "I", 1), "reserved", 68),
    "padding": (patched(SOUND, 78, "B", 1), "padding", 77),
    "timescale zero": (patched(SOUND, 20, "I", 0), "timescale", 20),
    "no samples": (patched(SOUND, 24, "Q", 0), "sample_count", 24),
    "one sample more": (patched(SOUND, 24, "Q", 131), "sample_count", 24),
    "samples beyond memory": (patched(SOUND, 24, "Q", 2**64 - 1), "sample_count", 24),
    "a count whose length wraps": (patched(SOUND, 24, "Q", 2**60 + 130), "sample_count", 24),
    "one byte more": (reseal(SOUND + b"\0"), "sample_count", 24),
    "one row less": (reseal(SOUND[:-16]), "sample_count", 24),
    "data length beyond 63 bits": (patched(SOUND, 32, "Q", 2**63), "data_length", 32),
    "data length too small": (patched(SOUND, 32, "Q", 99), "size", BODY + 16),
    "data length too large": (patched(SOUND, 32, "Q", 2**40), "data_length", 32),
    "duration zero": (patched(SOUND, 40, "Q", 0), "duration", 40),
    "duration beyond 63 bits": (patched(SOUND, 40, "Q", 2**63), "duration", 40),
    "duration too small": (patched(SOUND, 40, "Q", 999), "sample duration", BODY + 20),
    "duration too large": (patched(SOUND, 40, "Q", 130_001), "duration", 40),
    "base time that overflows": (patched(SOUND, 48, "Q", 2**63 - 130_000), "base_time", 48),
    "base time not that of the anchor": (patched(SOUND, 48, "Q", 1), "anchor time", BODY + 8),
    "priming beyond the end": (patched(SOUND, 56, "Q", 130_000), "priming", 56),
    "body checksum": (SOUND[:-1] + b"\x01", "body_crc", 16),
    "anchor offset": (patched(SOUND, BODY + 1040, "Q", 7), "anchor offset", BODY + 1040),
    "anchor time": (patched(SOUND, BODY + 1048, "Q", 7), "anchor time", BODY + 1048),
    "size zero": (patched(SOUND, row_at(SOUND, 9), "I", 0), "size", row_at(SOUND, 9)),
    "one size": (patched(SOUND, row_at(SOUND, 129), "I", 1), "data_length", 32),
    "one duration": (patched(SOUND, row_at(SOUND, 129) + 4, "I", 1), "duration", 40),
    "presented before zero": (
        patched(SOUND, row_at(SOUND, 3) + 8, "i", -3001),
        "composition_offset",
        row_at(SOUND, 3) + 8,
    ),
    "first sample not sync": (patched(SOUND, BODY + 28, "I", 0), "flags", BODY + 28),
    "sync and open": (patched(SOUND, BODY + 28, "I", 3), "flags", BODY + 28),
    "unknown flag": (patched(SOUND, BODY + 28, "I", 9), "flags", BODY + 28),
    "another description": (patched(SOUND, BODY + 28, "I", 0x101), "flags", BODY + 28),
}


@pytest.mark.parametrize(
    ("data", "field", "offset"), CONTRADICTIONS.values(), ids=CONTRADICTIONS.keys()
)
def test_a_contradiction_is_named_and_refused(
    twin: ModuleType, data: bytes, field: str, offset: int
) -> None:
    with pytest.raises(CorruptIndex) as caught:
        twin.TrackIndex(data)
    assert (caught.value.field, caught.value.offset) == (field, offset)
    assert str(caught.value).startswith(f"{field} at byte {offset} ")


def test_the_index_that_the_contradictions_spoil_is_itself_sound(twin: ModuleType) -> None:
    assert twin.TrackIndex(SOUND).sample_count == 130
    assert reseal(SOUND) == SOUND


def test_every_cut_of_an_index_is_refused(twin: ModuleType) -> None:
    data = index_bytes(constant_rows(3))
    for length in range(len(data)):
        with pytest.raises(CorruptIndex):
            twin.TrackIndex(data[:length])


@pytest.mark.parametrize("wrap", [bytes, bytearray, memoryview])
def test_an_index_reads_any_buffer(twin: ModuleType, wrap: type) -> None:
    assert twin.TrackIndex(wrap(SOUND)).sample_count == 130


def test_an_index_reads_a_mapped_file_and_holds_it_open(twin: ModuleType, tmp_path: Path) -> None:
    path = tmp_path / "track.idx"
    path.write_bytes(SOUND)
    with path.open("rb") as file:
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    index = twin.TrackIndex(mapped)
    with pytest.raises(BufferError):
        mapped.close()
    assert index.sample(129)[0] == struct.unpack_from("<Q", SOUND, 32)[0] - (100 + 129)
    del index
    mapped.close()


def test_an_index_starts_in_the_middle_of_a_buffer(twin: ModuleType) -> None:
    surrounded = memoryview(b"12345" + SOUND + b"123")
    assert twin.TrackIndex(surrounded[5:-3]).segment(60, 10) == twin.TrackIndex(SOUND).segment(
        60, 10
    )


def test_what_is_no_buffer_is_a_type_error(twin: ModuleType) -> None:
    with pytest.raises(TypeError):
        twin.TrackIndex("text")


def test_bit_rates_are_those_of_the_busiest_second_and_of_the_whole(twin: ModuleType) -> None:
    rows: list[Row] = [(10, 400, 0, SYNC), (300, 400, 0, 0), (20, 400, 0, 0), (200, 600, 0, 0)]
    index = twin.TrackIndex(index_bytes(rows, timescale=1000))
    # A second from 400 on holds three samples; 530 bytes last 1.8 s.
    assert index.bit_rates() == (300, 8 * 520, -(-530 * 8 * 1000 // 1800))


def test_a_track_of_less_than_a_second_is_as_fast_as_its_mean(twin: ModuleType) -> None:
    index = twin.TrackIndex(index_bytes([(50, 10, 0, SYNC)], timescale=1000))
    assert index.bit_rates() == (50, 40_000, 40_000)


def test_bit_rates_of_the_largest_numbers_do_not_wrap(twin: ModuleType) -> None:
    rows: list[Row] = [(2**32 - 1, 0, 0, SYNC)] * 200 + [(1, 1, 0, SYNC)]
    index = twin.TrackIndex(index_bytes(rows, timescale=2**32 - 1))
    mean = (200 * (2**32 - 1) + 1) * 8 * (2**32 - 1)
    assert index.bit_rates() == (2**32 - 1, mean, mean)
