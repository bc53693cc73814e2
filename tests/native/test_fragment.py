"""The header of a media segment, both twins, read back by a parser of its own."""

from types import ModuleType

import pytest

from native import PICTURE_HEADER_BYTES
from tests.fixtures.boxes import fragment_samples, top
from tests.fixtures.indexes import SYNC, Row, index_bytes

DEPENDS_ON_NONE = 0x02000000
NON_SYNC = 0x01010000
OPEN_ACCESS = 0x02010000


def segment(twin: ModuleType, rows: list[Row], first: int = 0, count: int | None = None) -> bytes:
    index = twin.TrackIndex(index_bytes(rows, base_time=500))
    taken = len(rows) - first if count is None else count
    header: bytes = index.fragment_header(first, taken, 7)
    return header + bytes(index.segment(first, taken)[1])


def test_a_segment_is_styp_moof_mdat_and_nothing_else(twin: ModuleType) -> None:
    data = segment(twin, [(10, 5, 0, SYNC), (20, 5, 0, 0)])
    styp, moof, mdat = top(data).children()
    assert (styp.kind, moof.kind, mdat.kind) == (b"styp", b"moof", b"mdat")
    assert styp.payload[:4] == b"msdh"
    assert {styp.payload[at : at + 4] for at in range(8, len(styp.payload), 4)} == {
        b"msdh", b"cmfs", b"cmff",
    }  # fmt: skip
    assert mdat.payload == bytes(30)
    assert [child.kind for child in moof.children()] == [b"mfhd", b"traf"]
    assert moof.find("mfhd").fields("I") == (7,)
    assert [child.kind for child in moof.find("traf").children()] == [b"tfhd", b"tfdt", b"trun"]
    assert moof.find("traf/tfhd").fields("I") == (1,)


def test_samples_and_decode_time_are_those_of_the_index(twin: ModuleType) -> None:
    rows: list[Row] = [
        (100 + n, 900 + n % 3, 1000 * (n % 2), SYNC if n % 40 == 0 else 0) for n in range(200)
    ]
    data = segment(twin, rows, 80, 100)
    decode_time, samples = fragment_samples(data)
    assert decode_time == 500 + sum(row[1] for row in rows[:80])
    assert samples[0].offset == len(data) - sum(row[0] for row in rows[80:180])
    assert samples[-1].offset + samples[-1].size == len(data)
    assert [(s.size, s.duration, s.composition_offset) for s in samples] == [
        row[:3] for row in rows[80:180]
    ]
    assert [s.flags for s in samples] == [
        DEPENDS_ON_NONE if row[3] else NON_SYNC for row in rows[80:180]
    ]


I, P, O = SYNC, 0, 2  # noqa: E741


@pytest.mark.parametrize(
    ("rows", "tfhd_flags", "trun_flags"),
    [
        ([(9, 5, 0, I)], 0x38, 0x001),
        ([(9, 5, 0, I), (9, 5, 0, I)], 0x38, 0x001),
        ([(9, 5, 0, I), (8, 5, 0, I)], 0x28, 0x201),
        ([(9, 5, 0, I), (9, 6, 0, I)], 0x30, 0x101),
        ([(9, 5, 0, I), (9, 5, 1, I)], 0x38, 0x801),
        ([(9, 5, 3, I), (9, 5, 3, I)], 0x38, 0x801),
        ([(9, 5, 0, I), (9, 5, 0, P), (9, 5, 0, P)], 0x38, 0x005),
        ([(9, 5, 0, I), (9, 5, 0, P), (9, 5, 0, O)], 0x18, 0x401),
        ([(9, 5, 0, I), (9, 5, 0, I), (9, 5, 0, P)], 0x18, 0x401),
        ([(9, 5, 0, I), (8, 6, -2, P), (9, 5, 0, I)], 0x00, 0xF01),
    ],
)
def test_what_is_constant_is_said_once(
    twin: ModuleType, rows: list[Row], tfhd_flags: int, trun_flags: int
) -> None:
    data = segment(twin, rows)
    traf = top(data).find("moof/traf")
    assert traf.find("tfhd").flags == 0x020000 | tfhd_flags
    assert traf.find("trun").flags == trun_flags
    _, samples = fragment_samples(data)
    words = {I: DEPENDS_ON_NONE, P: NON_SYNC, O: OPEN_ACCESS}
    assert [(s.size, s.duration, s.composition_offset, s.flags) for s in samples] == [
        (*row[:3], words[row[3]]) for row in rows
    ]


def test_negative_and_extreme_composition_offsets_keep_their_sign(twin: ModuleType) -> None:
    rows: list[Row] = [(1, 2**32 - 1, 2**31 - 1, SYNC), (1, 1, -(2**31), 0)]
    _, samples = fragment_samples(segment(twin, rows))
    assert [s.composition_offset for s in samples] == [2**31 - 1, -(2**31)]


def test_a_header_of_96_samples_takes_less_than_a_kilobyte(twin: ModuleType) -> None:
    rows: list[Row] = [(n + 1, 1001, 1001 * (n % 3), int(n == 0)) for n in range(96)]
    index = twin.TrackIndex(index_bytes(rows))
    assert len(index.fragment_header(0, 96, 1)) < 960


@pytest.mark.parametrize("number", [0, 80, 81, 199])
def test_a_picture_alone_is_decoded_when_it_is_presented_and_lasts_as_told(
    twin: ModuleType, number: int
) -> None:
    rows: list[Row] = [
        (100 + n, 900 + n % 3, 1000 * (n % 2), SYNC if n % 40 == 0 else 2 * (n % 2))
        for n in range(200)
    ]
    index = twin.TrackIndex(index_bytes(rows, base_time=500, priming=40))
    offset, size, time, _, composition_offset, _ = index.sample(number)
    header = index.picture_header(number, 96_000, 7)
    assert len(header) == PICTURE_HEADER_BYTES
    decode_time, (alone,) = fragment_samples(header + bytes(size))
    assert decode_time == time + composition_offset
    assert offset == sum(row[0] for row in rows[:number])
    assert (alone.offset, alone.size) == (len(header), size)
    assert (alone.duration, alone.composition_offset) == (96_000, 0)
    assert alone.flags == DEPENDS_ON_NONE


def test_a_picture_alone_has_bounds(twin: ModuleType) -> None:
    index = twin.TrackIndex(index_bytes([(1, 1, 0, SYNC), (2**32 - 1, 1, 0, 0)]))
    for number in (-1, 2):
        with pytest.raises(IndexError):
            index.picture_header(number, 1, 1)
    for duration, sequence in ((-1, 1), (2**32, 1), (1, -1), (1, 2**32)):
        with pytest.raises(OverflowError):
            index.picture_header(0, duration, sequence)
    with pytest.raises(OverflowError, match="4 GiB"):
        index.picture_header(1, 1, 1)
    assert index.picture_header(0, 2**32 - 1, 2**32 - 1)


@pytest.mark.parametrize("sequence", [-1, 2**32])
def test_a_sequence_number_has_32_bits(twin: ModuleType, sequence: int) -> None:
    index = twin.TrackIndex(index_bytes([(1, 1, 0, SYNC)]))
    with pytest.raises(OverflowError, match="sequence"):
        index.fragment_header(0, 1, sequence)
    assert top(index.fragment_header(0, 1, 2**32 - 1)[:-8]).find("moof/mfhd").fields("I") == (
        2**32 - 1,
    )


def test_a_segment_of_4_gib_is_refused_and_one_just_below_is_written(twin: ModuleType) -> None:
    rows: list[Row] = [(2**32 - 9, 1, 0, SYNC), (1, 1, 0, 0)]
    index = twin.TrackIndex(index_bytes(rows))
    assert index.fragment_header(0, 1, 1)[-8:] == b"\xff\xff\xff\xffmdat"
    with pytest.raises(OverflowError, match="4 GiB"):
        index.fragment_header(0, 2, 1)


def test_the_cost_of_a_position_does_not_depend_on_where_it_is(twin: ModuleType) -> None:
    """At most 63 rows are read before any sample, so a broken row elsewhere goes unnoticed."""
    data = bytearray(index_bytes([(1, 1, 0, SYNC)] * 1000))
    index = twin.TrackIndex(data)
    expected = index.segment(900, 10)
    for number in range(64, 896):
        at = 80 + number // 64 * 1040 + 16 + number % 64 * 16
        data[at : at + 16] = bytes(16)
    assert index.segment(900, 10) == expected
