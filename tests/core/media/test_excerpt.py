"""Which segments hold a stretch of a film, and which of each rendition belong to them."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.media.excerpt import OutsideFilm, excerpt, excerpt_of
from core.media.presentation import Window
from core.media.ticks import Ticks
from core.media.timeline import CutPlan
from tests.fixtures.presentations import audio, tiles, video

# Cuts at 0, 4, 8 and 12 s, 14 s in all.
PLAN = CutPlan(24_000, tuple(Ticks(96_000 * each) for each in range(4)), Ticks(336_000))
PICTURE = video(spans=tiles((96_000, 96_000, 96_000, 48_000)))
# Frames of 1024 samples: each segment begins at the first frame at or after the cut.
SOUND = audio(spans=tiles((192_512, 191_488, 192_512, 95_488)))


@pytest.mark.parametrize(
    ("start_ms", "end_ms", "cuts"),
    [
        (0, None, (0, 4)), (0, 14_000, (0, 4)), (0, 1, (0, 1)), (0, 4000, (0, 1)),
        (0, 4001, (0, 2)), (3999, 4000, (0, 1)), (4000, 4001, (1, 2)), (3999, 4001, (0, 2)),
        (13_999, 14_000, (3, 4)), (12_000, None, (3, 4)), (5000, 9000, (1, 3)),
    ],
)  # fmt: skip
def test_whole_segments_hold_the_stretch(
    start_ms: int, end_ms: int | None, cuts: tuple[int, int]
) -> None:
    part = excerpt(PLAN, 14_000, start_ms, end_ms)
    assert (part.first, part.stop) == cuts
    assert part.origin_us == 4_000_000 * cuts[0]
    assert part.lead_us == 1000 * start_ms - part.origin_us
    assert part.exact_us == 1000 * (end_ms or 14_000) - part.origin_us
    assert part.is_last == (cuts[1] == 4)


@pytest.mark.parametrize(
    ("start_ms", "end_ms"),
    [(-1, 5), (5, 5), (6, 5), (0, 14_001), (14_000, None), (14_000, 15_000), (99_999, 100_000)],
)
def test_what_does_not_lie_within_the_film_is_refused(start_ms: int, end_ms: int | None) -> None:
    with pytest.raises(OutsideFilm, match="14000 ms"):
        excerpt(PLAN, 14_000, start_ms, end_ms)


def test_a_key_picture_within_half_a_millisecond_is_where_it_was_asked_for() -> None:
    """At 23.976 a second none is at a whole millisecond, and people name whole milliseconds."""
    plan = CutPlan(24_000, (Ticks(0), Ticks(120_125)), Ticks(240_000))  # 5.00521 s
    part = excerpt(plan, 10_000, 5005, None)
    assert (part.first, part.lead_us) == (1, 0)


def test_a_rendition_keeps_its_times_and_says_where_they_count_from() -> None:
    part = excerpt(PLAN, 14_000, 5000, 9000)
    picture, sound = excerpt_of(PICTURE, part), excerpt_of(SOUND, part)
    assert picture is not None
    assert sound is not None
    assert picture.spans == PICTURE.spans[1:3]
    assert picture.window == Window(1, Ticks(96_000), 1_000_000)
    assert sound.spans == SOUND.spans[1:3]
    assert sound.origin == 192_000
    assert sound.spans[0].start == 192_512  # the first frame at or after the cut


def test_sound_that_begins_late_is_in_the_excerpt_in_which_it_begins() -> None:
    late = audio(spans=tiles((144_000, 288_000), start=240_000))  # from 5 s
    assert excerpt_of(late, excerpt(PLAN, 14_000, 0, 4000)) is None
    found = excerpt_of(late, excerpt(PLAN, 14_000, 4000, 8000))
    assert found is not None
    assert (found.first, found.spans) == (0, late.spans[:1])


def test_sound_that_ends_early_is_in_no_later_excerpt() -> None:
    early = audio(spans=tiles((192_512, 96_000)))
    assert excerpt_of(early, excerpt(PLAN, 14_000, 12_000, None)) is None


def test_one_file_shows_more_than_an_excerpt_so_there_is_none() -> None:
    found = excerpt_of(PICTURE, excerpt(PLAN, 14_000, 0, 1000))
    assert found is not None
    assert found.layout is None


@given(st.lists(st.integers(1, 13_999), min_size=1, max_size=6, unique=True).map(sorted))
def test_neighbouring_excerpts_meet_without_gap_or_overlap_at_cuts(points: list[int]) -> None:
    """Whatever the points, both renditions have the segments between the same cuts."""
    for rendition in (PICTURE, SOUND):
        for before, after in pairwise([0, *points, 14_000]):
            part = excerpt(PLAN, 14_000, before, after)
            found = excerpt_of(rendition, part)
            assert found is not None
            numbers = range(found.first, found.first + len(found.spans))
            assert numbers == range(part.first, part.stop)
