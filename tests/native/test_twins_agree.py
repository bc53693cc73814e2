"""Both twins give the same values and the same refusals, on sound, mutated and arbitrary bytes."""

import struct
from collections.abc import Callable
from functools import partial
from types import ModuleType
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from native import CorruptIndex, _index, reference
from tests.fixtures.indexes import SYNC, WRITERS, Row, constant_rows, index_bytes, reseal

FLAGS = st.sampled_from([0, 0, 0, SYNC, 2])
ROWS = st.lists(
    st.tuples(
        st.integers(1, 2**32 - 1),
        st.integers(1, 2**32 - 1),
        st.integers(0, 2**31 - 1),
        FLAGS,
    ),
    min_size=1,
    max_size=200,
).map(lambda rows: [(*rows[0][:3], SYNC), *rows[1:]])
INDEXES = st.builds(
    index_bytes,
    ROWS,
    timescale=st.integers(1, 2**32 - 1),
    description=st.binary(max_size=40),
    base_time=st.integers(0, 2**62),
    priming=st.just(0),
)


def outcome(call: Callable[..., Any], *arguments: Any) -> tuple[str, Any]:
    try:
        return "value", call(*arguments)
    except (CorruptIndex, IndexError, OverflowError, ValueError) as error:
        return type(error).__name__, str(error)


def everything(module: ModuleType, data: bytes) -> tuple[str, Any]:
    """Open an index and ask it all there is to ask; anything but a refusal escapes."""

    def ask() -> Any:
        index = module.TrackIndex(data)
        count = index.sample_count
        times = sorted(time for _, time in index.sync_times())
        return (
            [getattr(index, name) for name in ("timescale", "base_time", "priming")],
            [getattr(index, name) for name in ("data_length", "duration", "description")],
            index.sync_times(),
            index.segment_starts(times),
            index.segment_starts([time + 1 for time in times[::2]]),
            [index.sample(number) for number in range(count)],
            [index.begins_open(number) for number in range(count)],
            index.bit_rates(),
            [index.segment(number, count - number) for number in range(count)],
            [
                outcome(index.fragment_header, number, min(70, count - number), number)
                for number in range(0, count, 13)
            ],
            [
                outcome(index.picture_header, number, duration, number)
                for number, duration in ((0, 0), (count - 1, 2**32 - 1), (count // 2, 5))
            ],
            [
                outcome(index.segment_index, starts, index.duration)
                for starts in (range(0, count, 7), [number for number, _ in index.sync_times()])
            ],
        )

    return outcome(ask)


@given(INDEXES)
def test_twins_agree_on_sound_indexes(data: bytes) -> None:
    compiled = everything(_index, data)
    assert compiled[0] == "value"
    assert compiled == everything(reference, data)


@given(st.binary(max_size=400))
@example(b"")
@example(b"SLICEIX1" + bytes(72))
def test_twins_agree_on_arbitrary_bytes(data: bytes) -> None:
    assert everything(_index, data) == everything(reference, data)
    resealed = reseal(data)
    assert everything(_index, resealed) == everything(reference, resealed)


SMALL = index_bytes(constant_rows(70, gop=7), description=b"abc", priming=3)


@given(
    st.lists(st.integers(0, 8 * len(SMALL) - 1), min_size=1, max_size=3),
    st.integers(0, len(SMALL)),
    st.booleans(),
)
def test_twins_agree_on_flipped_bits_and_cuts(flips: list[int], length: int, cut: bool) -> None:
    mutable = bytearray(SMALL)
    for bit in flips:
        mutable[bit // 8] ^= 1 << bit % 8
    data = reseal(mutable[:length] if cut else mutable)
    assert everything(_index, data) == everything(reference, data)


WORDS = st.sampled_from([0, 1, 16, 63, 64, 80, 2**31 - 1, 2**31, 2**32 - 1]) | st.integers(
    0, 2**32 - 1
)


@given(st.lists(st.tuples(st.integers(0, len(SMALL) // 4 - 1), WORDS), min_size=1, max_size=4))
def test_twins_agree_on_replaced_words(words: list[tuple[int, int]]) -> None:
    mutable = bytearray(SMALL)
    for number, value in words:
        struct.pack_into("<I", mutable, 4 * number, value)
    data = reseal(mutable)
    assert everything(_index, data) == everything(reference, data)


NUMBERS = (
    st.integers(-2, 3)
    | st.sampled_from([2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**63 - 1, -(2**31), -(2**31) - 1])
    | st.integers(-(2**63), 2**63 - 1)
)


@given(
    st.lists(st.tuples(NUMBERS, NUMBERS, NUMBERS, NUMBERS), max_size=8),
    st.integers(0, 2**63 - 1),
    NUMBERS,
)
def test_builders_agree_on_what_they_accept(rows: list[Row], base_time: int, priming: int) -> None:
    builders = [
        writer.IndexBuilder(timescale=1, description=b"", base_time=base_time)
        for writer in WRITERS.values()
    ]
    for row in rows:
        compiled, clear = (outcome(builder.add, *row) for builder in builders)
        assert compiled == clear
    compiled, clear = (outcome(partial(builder.finish, priming=priming)) for builder in builders)
    assert compiled == clear
    if compiled[0] == "value":
        rest, header = compiled[1]
        assert everything(_index, header + rest)[0] == "value"


@given(ROWS, st.lists(st.integers(-1, 210), max_size=5), st.integers(-9, 2**40))
def test_twins_agree_on_where_segments_lie(rows: list[Row], starts: list[int], end: int) -> None:
    data = index_bytes(rows, priming=rows[0][1] // 2)
    for asked in (starts, sorted({0, *starts})):
        for name, *more in (("segment_lengths",), ("segment_index", end)):
            compiled, clear = (
                outcome(getattr(module.TrackIndex(data), name), asked, *more)
                for module in (_index, reference)
            )
            assert compiled == clear


@given(ROWS, st.integers(-3, 210), st.integers(-3, 210))
def test_twins_agree_on_which_samples_exist(rows: list[Row], first: int, count: int) -> None:
    data = index_bytes(rows)
    compiled, clear = (
        outcome(module.TrackIndex(data).segment, first, count) for module in (_index, reference)
    )
    assert compiled == clear
    assert (compiled[0] == "value") == (first >= 0 and count >= 1 and first + count <= len(rows))
