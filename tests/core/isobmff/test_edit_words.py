"""Edit lists in words."""

import pytest

from core.isobmff.edit_words import edit_words
from core.isobmff.movie import Edit

ONE = (1, 0)


@pytest.mark.parametrize(
    ("edits", "words"),
    [
        ((), ""),
        ((Edit(2000, 960, ONE),), "2.000 s from 0.020 s on"),
        (
            (Edit(500, -1, ONE), Edit(0, 0, ONE)),
            "nothing for 0.500 s, then all there is from 0.000 s on",
        ),
        ((Edit(1000, 48000, (0, 0)),), "the picture at 1.000 s for 1.000 s"),
        ((Edit(1000, 0, (2, 0)),), "1.000 s from 0.000 s on at 2 times the speed"),
        ((Edit(1000, 0, (0, -32768)),), "1.000 s from 0.000 s on at 0.5 times the speed"),
        ((Edit(1, -1, ONE),) * 10, ", then ".join(["nothing for 0.001 s"] * 8 + ["2 more edits"])),
    ],
)  # fmt: skip
def test_edits_say_what_is_shown_and_for_how_long(edits: tuple[Edit, ...], words: str) -> None:
    assert edit_words(edits, 1000, 48000) == words
