"""Samples where they lie in a file: both twins say the same of them, and copy the same bytes."""

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from native import UnfitTimes, _sample_file, reference
from native.reference.sample_rows import ROW, SampleRow, packed

BLOCK = 1 << 20
HOLE = 16384


@pytest.fixture(params=[_sample_file, reference], ids=["compiled", "reference"])
def twin(request: pytest.FixtureRequest) -> ModuleType:
    module = request.param
    assert isinstance(module, ModuleType)
    return module


def rows_of(*places: tuple[int, int], access: Sequence[int] = ()) -> bytes:
    """Rows for samples at (offset, size)."""
    marks = access or [0] * len(places)
    return packed(
        SampleRow(offset, number * 10, 0, size, 10, mark, 1)
        for number, ((offset, size), mark) in enumerate(zip(places, marks, strict=True))
    )


@contextmanager
def opened(data: bytes) -> Iterator[int]:
    with tempfile.TemporaryFile() as file:
        file.write(data)
        file.flush()
        yield file.fileno()


def copied(twin: ModuleType, data: bytes, *tracks: tuple[bytes, int, int, bytes]) -> list[bytes]:
    """Copy samples of tracks (rows, first, count, head) to a file each; give what these hold."""
    with ExitStack() as files, opened(data) as source:
        targets = [files.enter_context(tempfile.TemporaryFile()) for _ in tracks]
        jobs = [
            (twin.SampleFile(source, rows), target.fileno(), first, count, head)
            for (rows, first, count, head), target in zip(tracks, targets, strict=True)
        ]
        done = twin.copy_samples(jobs)
        for target in targets:
            target.seek(0)
        found = [target.read() for target in targets]
    assert done == sum(map(len, found))
    return found


def patterned(length: int) -> bytes:
    """Bytes that tell their place."""
    return b"".join(number.to_bytes(4) for number in range(-(-length // 4)))[:length]


def test_samples_are_written_one_behind_the_other_after_their_head(twin: ModuleType) -> None:
    data = patterned(200)
    rows = rows_of((10, 20), (30, 5), (100, 50))
    assert copied(twin, data, (rows, 0, 3, b"head")) == [b"head" + data[10:35] + data[100:150]]
    assert copied(twin, data, (rows, 1, 1, b"")) == [data[30:35]]


def test_tracks_of_a_file_are_copied_in_one_pass(twin: ModuleType) -> None:
    data = patterned(400)
    pictures, sound = rows_of((0, 100), (120, 100), (240, 100)), rows_of((100, 20), (220, 20))
    assert copied(twin, data, (pictures, 0, 3, b"v"), (sound, 0, 2, b"a")) == [
        b"v" + data[0:100] + data[120:220] + data[240:340],
        b"a" + data[100:120] + data[220:240],
    ]


def test_samples_larger_than_a_block_and_far_apart_are_copied_whole(twin: ModuleType) -> None:
    data = patterned(4 * BLOCK)
    places = [
        (3, 2 * BLOCK + 7),
        (2 * BLOCK + 10, 1),
        (2 * BLOCK + 11 + HOLE, 9),
        (4 * BLOCK - 5, 5),
    ]
    expected = b"".join(data[offset : offset + size] for offset, size in places)
    other = [(2 * BLOCK + 20 + HOLE, BLOCK)]
    assert copied(twin, data, (rows_of(*places), 0, 4, b"h"), (rows_of(*other), 0, 1, b"")) == [
        b"h" + expected,
        data[other[0][0] : other[0][0] + BLOCK],
    ]


def test_samples_that_lie_backwards_are_copied_in_decode_order(twin: ModuleType) -> None:
    data = patterned(100)
    assert copied(twin, data, (rows_of((50, 10), (0, 10), (20, 10)), 0, 3, b"")) == [
        data[50:60] + data[0:10] + data[20:30]
    ]


def test_more_pieces_than_one_call_takes(twin: ModuleType) -> None:
    data = patterned(6000)
    places = [(3 * number, 2) for number in range(1500)]
    assert copied(twin, data, (rows_of(*places), 0, 1500, b"x")) == [
        b"x" + b"".join(data[at : at + 2] for at, _ in places)
    ]


def test_a_file_that_has_become_shorter_is_said_to_be(twin: ModuleType) -> None:
    with pytest.raises(EOFError):
        copied(twin, patterned(100), (rows_of((50, 51)), 0, 1, b""))
    with opened(patterned(100)) as file, pytest.raises(EOFError):
        twin.SampleFile(file, rows_of((98, 40))).nal_access(4)


def test_a_target_that_cannot_be_written_is_an_error_of_the_system(twin: ModuleType) -> None:
    with opened(patterned(100)) as file, Path("/dev/full").open("wb") as full:
        samples = twin.SampleFile(file, rows_of((0, 100)))
        with pytest.raises(OSError, match="space"):
            twin.copy_samples([(samples, full.fileno(), 0, 1, b"")])


def test_samples_outside_the_track_are_refused(twin: ModuleType) -> None:
    with opened(patterned(100)) as file:
        samples = twin.SampleFile(file, rows_of((0, 10), (20, 10)))
        assert samples.sample_count == 2
        assert [samples.offset(0), samples.offset(1)] == [0, 20]
        assert [samples.before(20, 0), samples.before(21, 0), samples.before(0, 1)] == [1, 2, 1]
        for first, count in ((-1, 1), (0, 3), (2, 1), (0, 0)):
            with pytest.raises(IndexError):
                twin.copy_samples([(samples, file, first, count, b"")])


def test_tracks_of_two_files_are_no_one_pass(twin: ModuleType) -> None:
    with opened(b"one") as one, opened(b"two") as two:
        jobs = [(twin.SampleFile(file, rows_of((0, 3))), one, 0, 1, b"") for file in (one, two)]
        with pytest.raises(ValueError, match="different files"):
            twin.copy_samples(jobs)


@pytest.mark.parametrize("rows", [b"x" * (ROW.size - 1), rows_of((0, 0)), rows_of((2**63, 1))])
def test_rows_that_make_no_sense_are_refused(twin: ModuleType, rows: bytes) -> None:
    with opened(b"") as file, pytest.raises(ValueError, match=r"sample|rows"):
        twin.SampleFile(file, rows)


UNITS = [
    ((5,), False, 1), ((1,), False, 0), ((6, 5), False, 1), ((7, 8, 5), False, 17),
    ((9, 1), False, 0), ((38,), True, 1), ((42,), True, 1), ((16,), True, 4),
    ((64, 38), True, 17), ((2,), True, 0),
]  # fmt: skip


@pytest.mark.parametrize(("heads", "hevc", "flags"), UNITS)
@pytest.mark.parametrize("length_size", [1, 2, 4])
def test_nal_units_say_what_a_sample_is(
    twin: ModuleType, heads: tuple[int, ...], hevc: bool, flags: int, length_size: int
) -> None:
    sample = b"".join((3).to_bytes(length_size) + bytes((head, 0, 0)) for head in heads)
    with opened(b"before" + sample) as file:
        samples = twin.SampleFile(file, rows_of((6, len(sample))))
        assert samples.nal_access(length_size, hevc=hevc) == bytes((flags,))


def test_what_the_tables_call_a_key_picture_is_one_without_being_one_to_start_at(
    twin: ModuleType,
) -> None:
    sample = b"\0\0\0\2\x01\0"
    with opened(sample * 2) as file:
        samples = twin.SampleFile(file, rows_of((0, 6), (6, 6), access=(1, 0)))
        assert samples.nal_access(4) == b"\2\0"


@pytest.mark.parametrize(
    "sample", [b"\0\0\0\0\1", b"\0\0\0\3\1\0", b"\0\0\0\1", b"\0", b"\xff" * 9]
)
def test_lengths_that_do_not_add_up_are_something_to_examine(
    twin: ModuleType, sample: bytes
) -> None:
    with opened(sample + b"behind") as file:
        assert twin.SampleFile(file, rows_of((0, len(sample)))).nal_access(4) == b"\x10"


def test_the_first_bytes_of_every_sample_are_given(twin: ModuleType) -> None:
    with opened(b"0123456789") as file:
        samples = twin.SampleFile(file, rows_of((1, 2), (4, 5)))
        assert samples.heads(3) == b"12456"
        assert samples.heads(9) == b"1245678"
        with pytest.raises(ValueError, match="0 bytes"):
            samples.heads(0)
        with pytest.raises(EOFError):
            twin.SampleFile(file, rows_of((8, 3))).heads(3)


MESSAGES = [
    (b"\x06\4\x47GA94\3", b"\x4e\1\4GA94\3", 8), (b"\x06\5nothing", b"\x4e\1\5nothing", 0),
    (b"\x06" + bytes(1019), b"\x50" + bytes(1019), 0),
    (b"\x06" + bytes(1020), b"\x50" + bytes(1020), 8), (b"\x01GA94", b"\x02\1GA94", 0),
]  # fmt: skip


@pytest.mark.parametrize(("avc", "hevc", "flags"), MESSAGES)
def test_messages_with_the_mark_of_captions_and_long_ones_may_hold_some(
    twin: ModuleType, avc: bytes, hevc: bytes, flags: int
) -> None:
    for unit, is_hevc, picture in ((avc, False, b"\x65"), (hevc, True, b"\x26")):
        sample = b"".join(len(each).to_bytes(4) + each for each in (b"\2\1" * 600, unit, picture))
        with opened(sample) as file:
            samples = twin.SampleFile(file, rows_of((0, len(sample))))
            assert samples.nal_access(4, hevc=is_hevc) == bytes((flags | 1,))


@given(st.binary(min_size=1, max_size=4000), st.data())
def test_twins_agree_on_any_samples_of_any_file(data: bytes, choice: st.DataObject) -> None:
    place = st.tuples(st.integers(0, len(data) - 1), st.integers(1, 300))
    places = [
        (offset, min(size, len(data) - offset))
        for offset, size in choice.draw(st.lists(place, min_size=1, max_size=30))
    ]
    marks = choice.draw(st.lists(st.integers(0, 2), min_size=len(places), max_size=len(places)))
    rows = rows_of(*places, access=marks)
    size = choice.draw(st.integers(1, 4))
    hevc = choice.draw(st.booleans())
    with opened(data) as file:
        answers = [
            module.SampleFile(file, rows).nal_access(size, hevc=hevc)
            for module in (_sample_file, reference)
        ]
    assert answers[0] == answers[1]
    halves = [(rows, 0, len(places), b"head"), (rows, len(places) - 1, 1, b"")]
    assert copied(_sample_file, data, *halves) == copied(reference, data, *halves)


CLAIMS = st.lists(st.tuples(st.integers(0, 60), st.integers(1, 9)), max_size=8)


@given(CLAIMS, CLAIMS, st.booleans())
def test_twins_agree_on_bytes_that_two_tracks_share(
    one: list[tuple[int, int]], other: list[tuple[int, int]], rising: bool
) -> None:
    if rising:
        one, other = sorted(one), sorted(other)
    assert shared(_sample_file, one, other) == shared(reference, one, other)


def shared(twin: ModuleType, one: list[tuple[int, int]], other: list[tuple[int, int]]) -> int | str:
    try:
        found = twin.shared_byte(rows_of(*one), rows_of(*other))
    except UnfitTimes:
        return "falling"
    assert isinstance(found, int)
    return found


def test_the_first_shared_byte_is_found(twin: ModuleType) -> None:
    assert shared(twin, [(0, 10), (20, 10)], [(10, 10), (30, 5)]) == -1
    assert shared(twin, [(0, 10), (20, 10)], [(10, 11)]) == 20
    assert shared(twin, [(0, 10)], [(0, 10)]) == 0
    assert shared(twin, [(20, 10), (0, 10)], []) == "falling"


def test_a_sample_beyond_any_file_shares_nothing(twin: ModuleType) -> None:
    for beyond in ((2**64 - 1, 5), (2**63 - 5, 5), (2**63, 1)):
        with pytest.raises(ValueError, match="beyond"):
            shared(twin, [(0, 10), beyond], [(10, 10)])
    assert shared(twin, [(2**63 - 6, 5)], [(10, 10)]) == -1


def test_a_closed_file_is_an_error_of_the_system(twin: ModuleType) -> None:
    descriptor = os.open("/dev/null", os.O_RDONLY)
    os.close(descriptor)
    with pytest.raises(OSError, match="descriptor"):
        twin.SampleFile(descriptor, rows_of((0, 9))).nal_access(4)
