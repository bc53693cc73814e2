"""Styled text as a payload."""

from hypothesis import given
from hypothesis import strategies as st

from core.text.cues import plain
from core.text.markup import TAGS, Run, payload

BOLD, ITALIC = frozenset("b"), frozenset("i")


def test_tags_are_balanced_and_text_is_escaped() -> None:
    shown = payload([Run("a < b", BOLD), Run(" & ", BOLD | ITALIC), Run("-->\nc", ITALIC)])
    assert shown == "<b>a &lt; b<i> &amp; </i></b><i>--&gt;\nc</i>"


def test_blank_lines_and_blanks_at_the_ends_go() -> None:
    assert payload([Run("  a  \n \n\nb \r\n")]) == "a\nb"


@given(
    st.lists(st.builds(Run, st.text(max_size=20), st.frozensets(st.sampled_from(TAGS))), max_size=5)
)
def test_words_survive_and_no_line_is_empty(given_runs: list[Run]) -> None:
    shown = payload(given_runs)
    said = "".join(run.text for run in given_runs).replace("\0", "\N{REPLACEMENT CHARACTER}")
    assert "".join(plain(shown).split()) == "".join(
        said.replace("\N{ZERO WIDTH SPACE}", "").split()
    )
    assert "-->" not in shown
    assert shown == "" or all(line.strip() for line in shown.split("\n"))
