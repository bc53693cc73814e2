"""The colour of a picture in words."""

import pytest

from core.media.colour_words import colour_words, high_dynamic_range


@pytest.mark.parametrize(
    ("colour", "full", "words", "high"),
    [
        ((2, 2, 2), False, "", ""),
        ((2, 2, 2), True, "full range", ""),
        ((1, 1, 1), False, "BT.709", ""),
        ((1, 13, 1), True, "BT.709 / sRGB, full range", ""),
        ((9, 16, 9), False, "BT.2020 / PQ", "PQ"),
        ((9, 18, 9), False, "BT.2020 / HLG", "HLG"),
        ((1, 2, 99), False, "BT.709 / unspecified / 99", ""),
    ],
)
def test_numbers_have_names(
    colour: tuple[int, int, int], full: bool, words: str, high: str
) -> None:
    assert colour_words(colour, full_range=full) == words
    assert high_dynamic_range(colour) == high
