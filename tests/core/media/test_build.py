"""The name of a build and the table of its segments."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.media.build import (
    EmptySegment,
    MisalignedRendition,
    build_hash,
    peak_bandwidth,
    segment_table,
)
from core.media.description import CorruptDescription, TrackDescription, encode_description
from core.media.presentation import TrackKind
from core.media.ticks import Ticks
from core.media.timeline import CutPlan, Span
from native import TrackIndex
from tests.fixtures.indexes import SYNC, Row, index_bytes

VIDEO = encode_description(TrackDescription(kind=TrackKind.VIDEO, codec="", sample_entry=b""))
AUDIO = encode_description(TrackDescription(kind=TrackKind.AUDIO, codec="", sample_entry=b""))


def plan(*starts: int, end: int, timescale: int = 1000) -> CutPlan:
    return CutPlan(timescale, tuple(Ticks(start) for start in starts), Ticks(end))


def video(gops: int, length: int = 10, duration: int = 1000, timescale: int = 1000) -> TrackIndex:
    rows: list[Row] = [
        (1000 + n, duration, 0, SYNC if n % length == 0 else 0) for n in range(gops * length)
    ]
    return TrackIndex(index_bytes(rows, timescale=timescale, description=VIDEO))


def audio(samples: int, *, base_time: int = 0, priming: int = 0) -> TrackIndex:
    rows: list[Row] = [(300, 1024, 0, SYNC)] * samples
    return TrackIndex(
        index_bytes(rows, timescale=48_000, description=AUDIO, base_time=base_time, priming=priming)
    )


def spans(*pairs: tuple[int, int]) -> tuple[Span, ...]:
    return tuple(Span(Ticks(start), Ticks(duration)) for start, duration in pairs)


def test_video_is_cut_where_the_plan_says() -> None:
    table = segment_table(video(4), plan(0, 20_000, end=40_000))
    assert table.first == (0, 20)
    assert table.count == (20, 20)
    assert table.spans == spans((0, 20_000), (20_000, 20_000))
    assert len(table) == 2


def test_a_rung_with_another_timescale_is_cut_at_the_same_instants() -> None:
    rung = video(4, duration=90_000, timescale=90_000)
    table = segment_table(rung, plan(0, 20_000, end=40_000))
    assert table.first == (0, 20)
    assert table.spans == spans((0, 1_800_000), (1_800_000, 1_800_000))


@pytest.mark.parametrize("cut", [9_999, 10_001, 15_000, 39_000])
def test_video_without_a_sync_sample_at_a_cut_is_misaligned(cut: int) -> None:
    with pytest.raises(MisalignedRendition, match="segment 1") as caught:
        segment_table(video(4), plan(0, cut, end=40_000))
    assert caught.value.code == "media.misaligned_rendition"


def test_video_that_does_not_begin_with_the_plan_is_misaligned() -> None:
    with pytest.raises(MisalignedRendition, match="segment 0"):
        segment_table(video(4), plan(10_000, 20_000, end=40_000))


def test_all_rungs_end_where_the_plan_ends() -> None:
    table = segment_table(video(2), plan(0, 10_000, end=20_007))
    assert table.spans[-1] == Span(Ticks(10_000), Ticks(10_007))


def test_audio_snaps_to_its_own_sample_at_or_after_each_cut() -> None:
    table = segment_table(audio(200), plan(0, 1000, 2000, end=4000))
    assert table.first == (0, 47, 94)  # 47 * 1024 is the first at or after 48000
    assert table.count == (47, 47, 106)
    assert table.spans == spans((0, 48_128), (48_128, 48_128), (96_256, 200 * 1024 - 96_256))


def test_priming_is_not_presented() -> None:
    table = segment_table(audio(200, priming=1024), plan(0, 1000, end=4000))
    assert table.first == (0, 48)
    assert table.spans == spans((0, 47 * 1024), (47 * 1024, 152 * 1024))


def test_audio_that_starts_late_keeps_its_place() -> None:
    table = segment_table(audio(100, base_time=96_000), plan(0, 1000, 3000, end=4000))
    assert table.first == (0, 47)
    assert table.spans[0].start == 96_000
    assert table.spans[1].start == 96_000 + 47 * 1024


def test_audio_that_ends_early_has_fewer_segments() -> None:
    table = segment_table(audio(40), plan(0, 1000, 2000, end=4000))
    assert table.count == (40,)


def test_a_segment_without_duration_is_refused() -> None:
    rows: list[Row] = [(9, 5, 0, SYNC), (9, 0, 0, SYNC)]
    index = TrackIndex(index_bytes(rows, timescale=1000, description=AUDIO))
    with pytest.raises(EmptySegment, match="segment 1 of 2"):
        segment_table(index, plan(0, 5, end=20))


def test_byte_lengths_count_the_generated_header() -> None:
    index = video(2)
    table = segment_table(index, plan(0, 10_000, end=20_000))
    for number, length in enumerate(table.byte_lengths):
        first, count = table.first[number], table.count[number]
        header = index.fragment_header(first, count, number + 1)
        assert length == len(header) + index.segment(first, count)[1]
    assert table.average_bandwidth == -(-8 * sum(table.byte_lengths) // 20)
    assert table.peak_bandwidth == -(-8 * table.byte_lengths[1] // 10)


def test_a_description_that_is_none_is_refused() -> None:
    index = TrackIndex(index_bytes([(1, 1, 0, SYNC)], description=b"?"))
    with pytest.raises(CorruptDescription):
        segment_table(index, plan(0, end=1))


@pytest.mark.parametrize(
    ("lengths", "durations", "peak"),
    [
        ([100], [10], 80),
        ([100, 300], [10, 10], 240),
        ([100, 100, 90], [10, 10, 1], 139),  # the short one counts only with its neighbour
        ([10, 10, 10], [1, 1, 1], 80),
        ([80, 80, 80, 80], [2, 2, 10, 10], 138),  # 2 + 2 + 10 is the busiest run
    ],
)
def test_the_peak_is_over_runs_of_half_to_one_and_a_half_targets(
    lengths: list[int], durations: list[int], peak: int
) -> None:
    assert peak_bandwidth(lengths, durations, 1, max(durations)) == peak


@given(st.lists(st.tuples(st.integers(1, 10**9), st.integers(1, 10**6)), min_size=1, max_size=40))
def test_the_peak_is_below_neither_the_mean_nor_any_full_segment(
    segments: list[tuple[int, int]],
) -> None:
    lengths, durations = zip(*segments, strict=True)
    peak = peak_bandwidth(lengths, durations, 1000, max(durations))
    full = [n for n, duration in enumerate(durations) if 2 * duration >= max(durations)]
    assert all(peak >= lengths[n] * 8 * 1000 // durations[n] for n in full)
    assert peak >= sum(lengths) * 8 * 1000 // sum(durations)


FLAT, INDEX = bytes(32), bytes(range(32))
PLAN = plan(0, 10, end=20)


def test_a_build_hash_is_twenty_digits_and_the_same_every_time() -> None:
    name = build_hash(FLAT, INDEX, PLAN)
    assert len(name) == 20
    assert set(name) <= set("0123456789abcdef")
    assert name == build_hash(FLAT, INDEX, plan(0, 10, end=20))


@pytest.mark.parametrize(
    "other",
    [
        (INDEX, INDEX, PLAN, ""),
        (FLAT, FLAT, PLAN, ""),
        (FLAT, INDEX, plan(0, 11, end=20), ""),
        (FLAT, INDEX, plan(0, 10, end=21), ""),
        (FLAT, INDEX, plan(0, end=20), ""),
        (FLAT, INDEX, plan(0, 10, end=20, timescale=999), ""),
        (FLAT, INDEX, PLAN, "key"),
    ],
)
def test_whatever_decides_the_bytes_changes_the_hash(
    other: tuple[bytes, bytes, CutPlan, str],
) -> None:
    assert build_hash(*other) != build_hash(FLAT, INDEX, PLAN)


def test_a_digest_has_32_bytes() -> None:
    with pytest.raises(ValueError, match="32 bytes, not 31 and 32"):
        build_hash(bytes(31), INDEX, PLAN)
