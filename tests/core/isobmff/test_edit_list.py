"""What edit lists present: one stretch of media, or nothing we can say so simply."""

from fractions import Fraction

import pytest

from core.isobmff.edit_list import EditWindow, IrregularEdits, edit_window
from core.isobmff.movie import Edit

NORMAL = (1, 0)
MOVIE, TRACK = 1000, 48000


def window(*edits: Edit, fragmented: bool = False) -> EditWindow:
    return edit_window(edits, MOVIE, TRACK, fragmented=fragmented)


def test_no_edit_presents_everything() -> None:
    assert window() == EditWindow(0, None, Fraction(0))


def test_an_edit_has_a_start_and_an_end() -> None:
    assert window(Edit(2000, 1024, NORMAL)) == EditWindow(1024, 97024, Fraction(0), 48)


def test_empty_edits_in_front_are_a_delay() -> None:
    edits = Edit(500, -1, NORMAL), Edit(250, -1, NORMAL), Edit(0, 0, NORMAL)
    assert window(*edits) == EditWindow(0, None, Fraction(3, 4))


def test_an_empty_edit_alone_presents_nothing() -> None:
    with pytest.raises(IrregularEdits, match="presents nothing"):
        window(Edit(500, -1, NORMAL))


def test_empty_edits_behind_add_nothing() -> None:
    edits = Edit(1000, 0, NORMAL), Edit(500, -1, NORMAL)
    assert window(*edits) == EditWindow(0, 48000, Fraction(0), 48)


def test_a_fragmented_file_sets_no_end() -> None:
    assert window(Edit(2000, 1024, NORMAL), fragmented=True).end is None


def test_joined_edits_are_one_but_for_the_movies_ticks() -> None:
    joined = Edit(1000, 0, NORMAL), Edit(1000, 48047, NORMAL)
    assert window(*joined) == EditWindow(0, 96000, Fraction(0), 48)
    with pytest.raises(IrregularEdits, match="jumps from 48000 to 48049"):
        window(Edit(1000, 0, NORMAL), Edit(1000, 48049, NORMAL))


@pytest.mark.parametrize(
    ("edits", "problem"),
    [
        ((Edit(1000, 0, (2, 0)),), "changes the speed"),
        ((Edit(1000, 0, (0, 0)),), "changes the speed"),
        ((Edit(1, 0, NORMAL), Edit(1, -1, NORMAL), Edit(1, 48, NORMAL)), "pause in the middle"),
        ((Edit(1000, 0, NORMAL), Edit(1000, 0, NORMAL)), "jumps from 48000 to 0"),
    ],
)
def test_what_is_no_single_stretch_is_said(edits: tuple[Edit, ...], problem: str) -> None:
    with pytest.raises(IrregularEdits, match=problem):
        window(*edits)
