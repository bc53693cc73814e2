"""Text cut where the picture is cut."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.media.ticks import Ticks
from core.media.timeline import CutPlan
from core.text.cues import Cue, document
from core.text.track import TextTrack, bit_rates, text_hash, track_name
from core.text.webvtt import parse_webvtt

PLAN = CutPlan(25, (Ticks(0), Ticks(50), Ticks(100), Ticks(150)), Ticks(200))


def cue(start_ms: int, end_ms: int, text: str) -> Cue:
    return Cue(start_ms, end_ms, text)


def test_a_cue_that_spans_a_cut_stands_in_both_segments_at_its_own_times() -> None:
    track = TextTrack(document([cue(1000, 2500, "spans"), cue(2000, 4000, "second")]), PLAN)
    assert [[each.text for each in track.cues(number)] for number in range(4)] == [
        ["spans"], ["spans", "second"], [], [],
    ]  # fmt: skip
    assert track.segment(1) == (
        "WEBVTT\nX-TIMESTAMP-MAP=MPEGTS:0,LOCAL:00:00:00.000\n\n"
        "00:00:01.000 --> 00:00:02.500\nspans\n\n00:00:02.000 --> 00:00:04.000\nsecond\n"
    )


def test_silence_is_a_segment_too() -> None:
    track = TextTrack(document([cue(0, 100, "x")]), PLAN)
    assert track.segment(3) == "WEBVTT\nX-TIMESTAMP-MAP=MPEGTS:0,LOCAL:00:00:00.000\n"


def test_a_cue_that_ends_on_a_cut_is_not_in_the_segment_after_it() -> None:
    track = TextTrack(document([cue(1000, 2000, "x")]), PLAN)
    assert not track.cues(1)


def test_what_is_shown_after_the_picture_is_in_the_last_segment() -> None:
    track = TextTrack(document([cue(9000, 9500, "late")]), PLAN)
    assert [each.text for each in track.cues(3)] == ["late"]


@pytest.mark.parametrize("number", [-1, 4])
def test_there_is_no_segment_outside_of_the_plan(number: int) -> None:
    with pytest.raises(IndexError):
        TextTrack(document([]), PLAN).segment(number)


@given(
    st.lists(st.tuples(st.integers(0, 9000), st.integers(1, 5000)), max_size=20),
    st.lists(st.integers(1, 3000), min_size=1, max_size=6),
    st.integers(1, 2000),
)
def test_a_segment_holds_exactly_the_cues_within_its_span(
    times: list[tuple[int, int]], gaps: list[int], timescale: int
) -> None:
    starts = [0]
    for gap in gaps:
        starts.append(starts[-1] + gap)
    plan = CutPlan(timescale, tuple(map(Ticks, starts[:-1])), Ticks(starts[-1]))
    content = document(cue(start, start + length, str(start)) for start, length in times)
    track = TextTrack(content, plan)
    last = len(plan.starts) - 1
    for number, span in enumerate(plan.spans):
        begin, end = Fraction(1000 * span.start, timescale), Fraction(1000 * span.end, timescale)
        expected = [
            each
            for each in content.cues
            if (each.end_ms > begin or number == 0) and (each.start_ms < end or number == last)
        ]
        assert list(track.cues(number)) == expected
        assert parse_webvtt(track.segment(number)).cues == tuple(expected)


def test_the_hash_names_the_bytes() -> None:
    assert text_hash(b"a") != text_hash(b"b")
    assert len(text_hash(b"a")) == 20


def test_names_are_languages_and_purposes() -> None:
    assert track_name("en", ("forced",), frozenset()) == "en-forced"
    assert track_name("en", (), frozenset({"en", "en-2"})) == "en-3"


def test_rates_are_those_of_the_file() -> None:
    peak, mean = bit_rates(document([cue(0, 1000, "x" * 100)]), 10_000)
    assert mean == -(-len("WEBVTT\n\n00:00:00.000 --> 00:00:01.000\n" + "x" * 100 + "\n") * 8 // 10)
    assert peak >= mean
