"""How a film is laid out in small pictures, and which of its pictures they show."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.media.storyboard import (
    LARGEST_TILE,
    MOST_TILES,
    choose_pictures,
    grid,
    tile_size,
)
from tests.fixtures.presentations import storyboard


@pytest.mark.parametrize(
    ("duration_ms", "laid_out"),
    [
        (1, (1, 2000, 1, 1)),
        (2000, (1, 2000, 1, 1)),
        (2001, (2, 2000, 2, 1)),
        (30_000, (15, 2000, 10, 2)),
        (2_000_000, (1000, 2000, 10, 10)),
        (7_200_000, (1000, 7200, 10, 10)),
        (7_200_001, (1000, 7201, 10, 10)),
    ],
)
def test_a_picture_every_two_seconds_and_no_more_than_a_thousand(
    duration_ms: int, laid_out: tuple[int, int, int, int]
) -> None:
    assert grid(duration_ms) == laid_out


@given(st.integers(1, 7 * 24 * 3_600_000))
def test_tiles_cover_the_film_and_fit_their_sprites(duration_ms: int) -> None:
    layout = grid(duration_ms)
    assert 1 <= layout.tile_count <= MOST_TILES
    assert (layout.tile_count - 1) * layout.interval_ms < duration_ms
    assert layout.tile_count * layout.interval_ms >= duration_ms
    sides = layout.columns * LARGEST_TILE[0], layout.rows * LARGEST_TILE[1]
    assert max(sides) <= 4096


@given(st.integers(1, 16_384), st.integers(1, 16_384))
def test_a_tile_is_even_within_bounds_and_keeps_its_shape(width: int, height: int) -> None:
    across, down = tile_size(width, height)
    assert across % 2 == down % 2 == 0
    assert 2 <= across <= LARGEST_TILE[0]
    assert 2 <= down <= LARGEST_TILE[1]
    if across > 2 and down > 2:  # no thinner than can be halved
        assert abs(across / down - width / height) <= 3 * (1 + width / height) / down


@given(
    st.lists(st.integers(0, 7_200_000), min_size=1, max_size=40, unique=True).map(sorted),
    st.integers(1, 7_200_000),
)
def test_no_other_picture_is_nearer_to_a_tiles_middle(times: list[int], duration_ms: int) -> None:
    layout = grid(duration_ms)
    chosen = choose_pictures(times, layout)
    assert len(chosen) == layout.tile_count
    assert chosen == sorted(chosen)
    for number, picture in enumerate(chosen):
        middle = number * layout.interval_ms + layout.interval_ms // 2
        assert abs(times[picture] - middle) == min(abs(time - middle) for time in times)


def test_of_nothing_nothing_can_be_chosen() -> None:
    with pytest.raises(ValueError, match="no picture"):
        choose_pictures([], grid(1000))


def test_tiles_follow_one_another_row_by_row_and_end_with_the_film() -> None:
    tiles = list(storyboard().tiles())
    assert len(tiles) == 105
    assert tiles[0] == (0, 2000, 0, 0, 0)
    assert tiles[13] == (26_000, 28_000, 0, 3 * 284, 160)
    assert tiles[100] == (200_000, 202_000, 1, 0, 0)
    assert tiles[104] == (208_000, 209_500, 1, 4 * 284, 0)
