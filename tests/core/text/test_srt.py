"""SubRip as it is found."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.text.cues import Cue
from core.text.faults import MalformedText
from core.text.srt import parse_srt
from core.text.webvtt import parse_webvtt, write_webvtt
from tests.fixtures.text import value_or_refusal


def test_numbers_tags_places_and_overlaps() -> None:
    content = parse_srt(
        "1\r\n00:00:01,000 --> 00:00:02,500\r\n<i>Hello</i> & <b>you\r\n\r\n"
        '2\r\n00:00:03,2 --> 0:00:05\r\n{\\an8}<font color="red">Top</font>\r\n1984\r\n\r\n'
        "00:00:04.000 -> 00:00:06.000 X1:10 X2:20\r\nno number, 3 < 4\r\n"
    )
    assert content.cues == (
        Cue(1000, 2500, "<i>Hello</i> &amp; <b>you</b>"),
        Cue(3200, 5000, "Top\n1984", "line:0"),
        Cue(4000, 6000, "no number, 3 &lt; 4"),
    )


def test_a_number_before_the_next_times_is_no_text_and_one_at_the_end_is() -> None:
    content = parse_srt("00:00:01,000 --> 00:00:02,000\na\n2\n00:00:02,000 --> 00:00:03,000\n42\n")
    assert [cue.text for cue in content.cues] == ["a", "42"]


def test_text_goes_on_behind_an_empty_line() -> None:
    content = parse_srt(
        "1\n00:00:01,000 --> 00:00:02,000\na\n\nb\n\n2\n00:00:03,000 --> 00:00:04,000\nc"
    )
    assert [cue.text for cue in content.cues] == ["a\nb", "c"]


def test_cues_come_in_the_order_in_which_they_begin() -> None:
    content = parse_srt(
        "00:00:09,000 --> 00:00:10,000\nlate\n\n00:00:01,000 --> 00:00:02,000\nearly"
    )
    assert [cue.text for cue in content.cues] == ["early", "late"]


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("hello", 0, "no line with times"),
        ("1\n00:00:01,000 --> later\nx", 2, "has no times to read"),
        ("1\n00:00:05,000 --> 00:00:04,000\nx", 2, "before it begins"),
        ("1\n00:00:05,000 --> 999:00:04,000\nx", 2, "after a week"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(text: str, line: int, words: str) -> None:
    with pytest.raises(MalformedText, match=words) as caught:
        parse_srt(text)
    assert caught.value.line == line


@given(st.text(alphabet=st.sampled_from("\n\r0123456789:,-> <>ib/{}\\an8fontx\0"), max_size=300))
def test_any_text_ends_in_cues_or_in_a_fault(text: str) -> None:
    content = value_or_refusal(lambda: parse_srt(f"00:00:01,000 --> 00:00:02,000\n{text}"))
    if not isinstance(content, MalformedText):
        assert parse_webvtt(write_webvtt(content)) == content
