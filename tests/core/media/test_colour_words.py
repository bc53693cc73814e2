"""The colour of a picture in words."""

import struct

import pytest

from core.media.colour_words import colour_words, light_words


@pytest.mark.parametrize(
    ("colour", "full", "words"),
    [
        ((2, 2, 2), False, ""),
        ((2, 2, 2), True, "full range"),
        ((1, 1, 1), False, "BT.709"),
        ((1, 13, 1), True, "BT.709 / sRGB, full range"),
        ((9, 16, 9), False, "BT.2020 / PQ"),
        ((9, 18, 9), False, "BT.2020 / HLG"),
        ((1, 2, 99), False, "BT.709 / unspecified / 99"),
    ],
)
def test_numbers_have_names(colour: tuple[int, int, int], full: bool, words: str) -> None:
    assert colour_words(colour, full_range=full) == words


def test_light_is_told_in_candela() -> None:
    mdcv = struct.pack(">8H2I", *range(8), 10_000_000, 50)
    clli = struct.pack(">HH", 1000, 400)
    mastered = "mastered from 0.005 to 1000 cd/m²"
    assert light_words(mdcv, b"") == mastered
    assert light_words(mdcv, clli) == (
        f"{mastered}, pixels up to 1000 cd/m², pictures up to 400 on average"
    )
    assert light_words(mdcv[:-1], clli[:-1]) == light_words(b"", b"") == ""
