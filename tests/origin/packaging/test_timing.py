"""Decode times, ticks and the laying of audio samples, as laws."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from origin.packaging.faults import NeedsTranscodeError
from origin.packaging.timing import (
    REORDER_WINDOW,
    AudioPacket,
    AudioTimes,
    DecodeTimes,
    Row,
    TickScale,
    VideoSample,
)

SYNC = 1


def video_rows(times: list[int], *, duration: int = 10, end: int = 0) -> list[Row]:
    decode = DecodeTimes(SYNC)
    rows = [
        row
        for place, time in enumerate(times)
        for row in decode.push(VideoSample(1, time, duration, SYNC if place == 0 else 0))
    ]
    return [*rows, *decode.finish(end)]


def decode_times(rows: list[Row]) -> list[int]:
    times, at = [], 0
    for row in rows:
        times.append(at)
        at += row.duration
    return times


@st.composite
def gops(draw: st.DrawFn) -> list[int]:
    """Presentation times in decode order: rising, but shuffled within short stretches."""
    steps = draw(st.lists(st.integers(40, 5000), min_size=1, max_size=80))
    shown = [0]
    for step in steps:
        shown.append(shown[-1] + step)
    order = [shown[0]]
    at = 1
    while at < len(shown):
        size = draw(st.integers(1, 16))
        order += draw(st.permutations(shown[at : at + size]))
        at += size
    return order


@given(times=gops())
def test_samples_are_decoded_in_order_and_before_they_are_shown(times: list[int]) -> None:
    rows = video_rows(times)
    assert len(rows) == len(times)
    at = 0
    for row, time in zip(rows, times, strict=True):
        assert row.composition_offset >= 0
        assert row.duration > 0
        assert at + row.composition_offset == time
        at += row.duration
    assert at == max(times) + 10


@given(times=gops())
def test_a_picture_after_all_before_it_is_decoded_when_it_is_shown(times: list[int]) -> None:
    for place, (time, decoded) in enumerate(
        zip(times, decode_times(video_rows(times)), strict=True)
    ):
        if max(times[:place], default=-1) < time < min(times[place + 1 :], default=1 << 60):
            assert decoded == time


@given(count=st.integers(200, 400))
def test_rows_come_while_samples_arrive(count: int) -> None:
    decode = DecodeTimes(SYNC)
    settled = sum(
        len(list(decode.push(VideoSample(1, 10 * number, 10, SYNC)))) for number in range(count)
    )
    assert settled >= count - REORDER_WINDOW - 2


@pytest.mark.parametrize("times", [[0, 10, 10, 20], [0, 20, 20, 10], [10, 0], [0, 0]])
def test_contradictory_times_are_refused(times: list[int]) -> None:
    with pytest.raises(NeedsTranscodeError):
        video_rows(times)


def test_a_picture_far_out_of_order_is_refused() -> None:
    with pytest.raises(NeedsTranscodeError):
        video_rows([0, *range(20, 1000, 10), 10])


def test_a_picture_shown_after_a_later_key_picture_is_refused() -> None:
    decode = DecodeTimes(SYNC)
    samples = [(0, SYNC), (30, 0), (20, SYNC), (40, 0)]
    with pytest.raises(NeedsTranscodeError):
        [
            row for time, flags in samples for row in decode.push(VideoSample(1, time, 10, flags))
        ] + list(decode.finish())


def test_the_last_picture_lasts_to_the_end_that_is_asked_for() -> None:
    assert sum(row.duration for row in video_rows([0, 20, 10], end=100)) == 100


@pytest.mark.parametrize(
    ("time_base", "timescale"),
    [
        (Fraction(1, 12800), 12800),
        (Fraction(1, 90000), 90000),
        (Fraction(1001, 30000), 30000),
        (Fraction(1, 25), 1000),
        (Fraction(1, 24), 1008),
        (Fraction(1, 1_000_000_000), 90000),
    ],
)
def test_the_timescale_is_the_containers_own_where_it_can_be(
    time_base: Fraction, timescale: int
) -> None:
    scale = TickScale(time_base, 7)
    assert scale.timescale == timescale
    assert scale.ticks(7) == 0
    if time_base.denominator <= 1_000_000:
        assert Fraction(scale.ticks(107), timescale) == 100 * time_base


FRAME = 1024


def audio_rows(
    packets: list[AudioPacket], granule: Fraction = Fraction(1)
) -> tuple[AudioTimes, list[Row]]:
    times = AudioTimes(FRAME, 48000, granule, SYNC)
    rows = [row for packet in packets for row in times.push(packet)]
    return times, [*rows, *times.finish()]


def packets(count: int, start: int = 0, **changes: int) -> list[AudioPacket]:
    return [
        AudioPacket(10, start + FRAME * number, FRAME, changes.get("skip", 0) * (number == 0), 0)
        for number in range(count)
    ]


def test_audio_samples_follow_one_another() -> None:
    times, rows = audio_rows(packets(5))
    assert [row.duration for row in rows] == [FRAME] * 5
    assert (times.base_time, times.priming) == (0, 0)


def test_what_lies_before_zero_is_priming() -> None:
    times, rows = audio_rows(packets(5, start=-1024, skip=1024))
    assert (times.base_time, times.priming) == (0, 1024)
    assert len(rows) == 5


def test_what_starts_after_zero_has_a_base_time() -> None:
    times, _ = audio_rows(packets(5, start=500))
    assert (times.base_time, times.priming) == (500, 0)


@given(
    jitter=st.lists(st.integers(-47, 47), min_size=2, max_size=60),
    start=st.integers(-1024, 4000),
)
def test_rounded_times_change_nothing(jitter: list[int], start: int) -> None:
    exact = packets(len(jitter), start=start)
    rounded = [
        packet._replace(time=packet.time + shift)
        for packet, shift in zip(exact, [0, *jitter[1:]], strict=True)
    ]
    _, rows = audio_rows(rounded, Fraction(48))
    assert [row.duration for row in rows] == [FRAME] * len(exact)


def test_a_short_gap_lengthens_the_sample_before_it() -> None:
    late = [*packets(3), *packets(3, start=3 * FRAME + 2000)]
    _, rows = audio_rows(late)
    assert [row.duration for row in rows] == [FRAME, FRAME, FRAME + 2000, FRAME, FRAME, FRAME]


@pytest.mark.parametrize("shift", [-3000, 48_000])
def test_long_gaps_and_overlaps_are_refused(shift: int) -> None:
    with pytest.raises(NeedsTranscodeError, match="gap" if shift > 0 else "overlap"):
        audio_rows([*packets(3), *packets(3, start=3 * FRAME + shift)])


def test_the_last_sample_is_trimmed_as_the_source_says() -> None:
    whole = packets(3)
    _, by_duration = audio_rows([*whole[:2], whole[2]._replace(duration=300)])
    _, by_side_data = audio_rows([*whole[:2], whole[2]._replace(discard=24)])
    rounded = whole[2]._replace(duration=960, discard=24)
    _, by_both = audio_rows([*whole[:2], rounded], Fraction(48))
    assert by_duration[-1].duration == 300
    assert by_side_data[-1].duration == 1000
    assert by_both[-1].duration == 1000


def test_a_duration_rounded_to_milliseconds_trims_nothing() -> None:
    whole = packets(2)
    _, rows = audio_rows([whole[0], whole[1]._replace(duration=21 * 48)], Fraction(48))
    assert rows[-1].duration == FRAME
