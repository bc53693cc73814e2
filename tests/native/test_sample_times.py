"""Index rows of whole tracks: the twins agree, and with what looks at each sample."""

from collections.abc import Sequence
from fractions import Fraction
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from native import UnfitTimes, _sample_times, reference
from native.reference.sample_rows import INDEX_ROW, SampleRow, packed
from origin.packaging.faults import NeedsTranscodeError
from origin.packaging.timing import (
    LONGEST_PATCH_S,
    AudioPacket,
    AudioTimes,
    DecodeTimes,
    Row,
    VideoSample,
)

FOREVER = (-(2**62), 2**62)
NEVER = 2**40
Answer = list[tuple[int, ...]] | None


@pytest.fixture(params=[_sample_times, reference], ids=["compiled", "reference"])
def twin(request: pytest.FixtureRequest) -> ModuleType:
    module = request.param
    assert isinstance(module, ModuleType)
    return module


def video(
    twin: ModuleType,
    times: Sequence[int],
    flags: Sequence[int],
    *,
    durations: Sequence[int] = (),
    scale: tuple[int, int] = (1, 1),
    window: tuple[int, int] = FOREVER,
    longest_gap: int = NEVER,
) -> Answer:
    lasting = durations or [10] * len(times)
    rows = packed(
        SampleRow(number, number, time - number, 7, duration, 0, 1)
        for number, (time, duration) in enumerate(zip(times, lasting, strict=True))
    )
    start = times[0] if times else 0
    try:
        found = twin.video_rows(
            rows, bytes(flags), start=start, scale=scale, window=window, longest_gap=longest_gap
        )
    except UnfitTimes:
        return None
    return list(INDEX_ROW.iter_unpack(found))


def one_by_one(times: Sequence[int], flags: Sequence[int]) -> Answer:
    """What is said where every sample is looked at."""
    settling = DecodeTimes(1)
    rows: list[Row] = []
    try:
        for time, each in zip(times, flags, strict=True):
            rows += settling.push(VideoSample(7, time - times[0], 10, each))
        rows += settling.finish()
    except NeedsTranscodeError:
        return None
    return [tuple(row) for row in rows]


def test_pictures_are_decoded_no_later_than_they_are_shown(twin: ModuleType) -> None:
    # I0 P3 B1 B2, then the next group
    assert video(twin, [0, 30, 10, 20, 40], [1, 0, 0, 0, 1]) == [
        (7, 5, 0, 1), (7, 5, 25, 0), (7, 10, 0, 0), (7, 20, 0, 0), (7, 10, 0, 1),
    ]  # fmt: skip


def test_times_are_scaled_and_halves_round_up(twin: ModuleType) -> None:
    assert video(twin, [5, 6, 8], [1, 0, 0], durations=[1, 1, 3], scale=(3, 2)) == [
        (7, 2, 0, 1), (7, 3, 0, 0), (7, 5, 0, 0),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("times", "flags", "more"),
    [
        ([0, 10], [0, 1], {}),
        ([0, 10], [1, 3], {}),
        ([0, 10], [1, 8], {}),
        ([0, 10, 10], [1, 0, 0], {}),
        ([0, 30, 10], [1, 0, 1], {}),
        ([10, 0], [1, 0], {}),
        ([0, 10], [1, 0], {"window": (0, 10)}),
        ([0, 10], [1, 0], {"window": (1, 100)}),
        ([0, 10, 500], [1, 0, 1], {"longest_gap": 499}),
        ([0, 10, 500], [1, 0, 0], {"longest_gap": 505}),
        ([0, 2**33], [1, 1], {}),
        ([0, 2**61], [1, 1], {"scale": (4, 1)}),
        ([0, 2**63 - 1], [1, 1], {}),
        ([0, -(2**63) + 2], [1, 1], {}),
        ([2**62], [1], {}),
        ([1 - 2**62, 2**62], [1, 1], {"scale": (3, 2)}),
        ([0], [1], {"scale": (0, 1)}),
        ([], [], {}),
    ],
)
def test_what_is_unusual_is_left_to_who_looks_at_each_sample(
    twin: ModuleType, times: list[int], flags: list[int], more: dict[str, object]
) -> None:
    assert video(twin, times, flags, **more) is None  # type: ignore[arg-type] # of the table


@st.composite
def pictures(draw: st.DrawFn) -> tuple[list[int], list[int]]:
    """Pictures in decode order: groups, each shuffled a little, now and then wrongly."""
    times: list[int] = []
    flags: list[int] = []
    shown = 0
    for _ in range(draw(st.integers(1, 6))):
        steps = draw(st.lists(st.integers(1, 9), max_size=50))
        inner = [shown + sum(steps[: number + 1]) for number in range(len(steps))]
        reach = draw(st.sampled_from([0, 2, 5, 40]))
        moved = sorted(range(len(inner)), key=lambda number: number + draw(st.integers(0, reach)))
        times += [shown, *(inner[number] for number in moved)]
        flags += [1, *(draw(st.sampled_from([0, 0, 0, 2])) for _ in inner)]
        shown = max([shown, *inner]) + draw(st.integers(0, 5))
    if draw(st.booleans()):
        times[draw(st.integers(0, len(times) - 1))] += draw(st.integers(-20, 300))
    return times, flags


@given(pictures())
def test_a_whole_track_in_one_call_is_what_its_samples_one_by_one_are(
    track: tuple[list[int], list[int]],
) -> None:
    times, flags = track
    compiled, clear = (video(module, times, flags) for module in (_sample_times, reference))
    assert compiled == clear
    assert compiled == one_by_one(times, flags) or compiled is None


@given(pictures())
def test_no_usual_track_is_unusual(track: tuple[list[int], list[int]]) -> None:
    single = one_by_one(*track)
    if single is not None and all(row[2] <= 0x7FFFFFFF for row in single):
        assert video(_sample_times, *track) == single


@given(
    st.lists(st.tuples(st.integers(0, 2000), st.integers(-3, 3)), min_size=1, max_size=60),
    st.integers(-500, 500),
    st.sampled_from([(1, 1), (48000, 44100), (48, 1), (2, 3)]),
    st.integers(-10_000, 10_000),
)
def test_twins_agree_on_sound(
    steps: list[tuple[int, int]], first: int, scale: tuple[int, int], zero: int
) -> None:
    time, rows = 0, []
    for number, (step, moved) in enumerate(steps):
        rows.append(SampleRow(number, time, moved, 9, step, 1, 1))
        time += step
    answers = []
    for module in (_sample_times, reference):
        try:
            answers.append(
                module.audio_rows(
                    packed(rows), first=first, frame_length=1024, last_duration=77, scale=scale,
                    zero=zero, longest_patch=4800,
                )
            )  # fmt: skip
        except UnfitTimes:
            answers.append(None)
    assert answers[0] == answers[1]


@pytest.mark.parametrize("offset", [2**63 - 1, -(2**63), 2**62])
def test_sound_beyond_any_time_is_unfit(twin: ModuleType, offset: int) -> None:
    rows = packed(SampleRow(0, 2**62 - 1, each, 9, 1024, 1, 1) for each in (0, offset))
    with pytest.raises(UnfitTimes):
        twin.audio_rows(
            rows, first=0, frame_length=1024, last_duration=77, scale=(1, 1), zero=0,
            longest_patch=0,
        )  # fmt: skip


@given(
    st.lists(st.integers(-1200, 6000), max_size=12), st.sampled_from([1000, 12800, 44100, 48000]),
    st.integers(0, 2000),
)  # fmt: skip
def test_sound_in_one_call_is_what_its_samples_one_by_one_are(
    drifts: list[int], timescale: int, start: int
) -> None:
    rate, granule = 48000, Fraction(48000, timescale)
    times = [start + int((1024 * number + sum(drifts[:number])) / granule)
             for number in range(len(drifts) + 1)]  # fmt: skip
    if sorted(times) != times:
        return
    zero = Fraction(480)
    laid = AudioTimes(1024, rate, granule, 1)
    rows: list[Row] | None = None
    found_rows: list[Row] = []
    try:
        for time in times:
            found_rows += laid.push(AudioPacket(9, time * granule - zero, 1024, 0, 0))
        rows = [*found_rows, *laid.finish()]
    except NeedsTranscodeError:
        pass
    common = granule.denominator
    packed_rows = packed(SampleRow(0, time, 0, 9, 1, 1, 1) for time in times)
    try:
        found = _sample_times.audio_rows(
            packed_rows, first=laid.base_time - laid.priming, frame_length=1024,
            last_duration=1024, scale=(int(granule * common), common), zero=int(zero * common),
            longest_patch=int(LONGEST_PATCH_S * rate),
        )  # fmt: skip
    except UnfitTimes:
        assert rows is None
    else:
        if rows is not None:
            assert list(INDEX_ROW.iter_unpack(found)) == [tuple(row) for row in rows]
