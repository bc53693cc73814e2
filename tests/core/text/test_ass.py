"""What of ASS and SSA is kept."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.text.ass import AssScript, AssStyle, ass_payload, packet_payload, parse_ass, read_script
from core.text.cues import Cue
from core.text.faults import MalformedText
from core.text.webvtt import parse_webvtt, write_webvtt
from tests.fixtures.text import value_or_refusal

SCRIPT = r"""[Script Info]
; a comment
WrapStyle: 0

[V4+ Styles]
Format: Name, Fontname, Fontsize, Bold, Italic, Underline, Alignment, Encoding
Style: Default,Arial,20,0,0,0,2,1
Style: Top,Arial,20,0,-1,0,7,1

[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
Comment: 0,0:00:00.00,0:00:09.00,Default,,0,0,0,,not shown
Dialogue: 0,0:00:01.00,0:00:02.50,Default,,0,0,0,,Hello, {\b1}you{\b0} & me\Nnext\nsoft
Dialogue: 0,0:00:03.00,0:00:04.00,Top,,0,0,0,,{\fad(100,100)}sky{\i0} plain{\r} again
Dialogue: 1,0:00:05.00,0:00:05.04,Default,,0,0,0,,{\pos(1,2)}moves
Dialogue: 0,0:00:05.00,0:00:05.04,Default,,0,0,0,,{\pos(1,3)}moves
Dialogue: 0,0:00:05.04,0:00:05.08,Default,,0,0,0,,{\pos(1,4)}moves
Dialogue: 0,0:00:06.00,0:00:07.00,Default,,0,0,0,,{\p1}m 0 0 l 100 0{\p0}
Dialogue: 0,0:00:06.00,0:00:07.00,Default,,0,0,0,,a\hb
"""


def test_all_of_a_script() -> None:
    assert parse_ass(SCRIPT).cues == (
        Cue(1000, 2500, "Hello, <b>you</b> &amp; me\nnext soft"),
        Cue(3000, 4000, "<i>sky</i> plain<i> again</i>", "line:0 align:start"),
        Cue(5000, 5080, "moves"),
        Cue(6000, 7000, "a\N{NO-BREAK SPACE}b"),
    )


@pytest.mark.parametrize(
    ("place", "settings"),
    [
        (1, "align:start"), (2, ""), (3, "align:end"),
        (4, "line:50%,center align:start"), (5, "line:50%,center"),
        (6, "line:50%,center align:end"),
        (7, "line:0 align:start"), (8, "line:0"), (9, "line:0 align:end"),
    ],
)  # fmt: skip
def test_the_nine_places(place: int, settings: str) -> None:
    assert ass_payload(AssScript(), "", f"{{\\an{place}}}x") == ("x", settings)
    assert ass_payload(AssScript({"S": AssStyle(place=place)}), "S", "x") == ("x", settings)


def test_the_places_of_the_older_format_are_counted_otherwise() -> None:
    assert ass_payload(AssScript(), "", "{\\a6}x") == ("x", "line:0")
    old = "[V4 Styles]\nFormat: Name, Bold, Alignment\nStyle: Up,0,6\n[Events]\n"
    assert read_script(old).style("Up") == AssStyle(place=8)


def test_an_event_of_matroska_has_its_times_elsewhere() -> None:
    script = read_script(SCRIPT)
    assert packet_payload(script, "7,0,Top,Ada,0,0,0,,Well, {\\u1}well") == (
        "<i>Well, <u>well</u></i>",
        "line:0 align:start",
    )
    with pytest.raises(MalformedText, match="3 fields of 9"):
        packet_payload(script, "0,0,Top")


def test_a_header_that_says_so_breaks_softly() -> None:
    script = read_script("[Script Info]\nWrapStyle: 2\n")
    assert ass_payload(script, "", r"a\nb") == ("a\nb", "")


@pytest.mark.parametrize(
    ("lines", "line", "words"),
    [
        ("[Events]\nDialogue: 0,0:00:01.00,soon,Default,,0,0,0,,x", 2, "'soon' is no time of ASS"),
        ("[Events]\nDialogue: 0,0:00:01.00", 2, "2 fields of 10"),
        ("[Script Info]\n", 0, "no Dialogue line"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(lines: str, line: int, words: str) -> None:
    with pytest.raises(MalformedText, match=words) as caught:
        parse_ass(lines)
    assert caught.value.line == line


@given(st.text(alphabet=st.sampled_from("{}\\anNhbiupr01238,:. \nx"), max_size=120))
def test_any_text_ends_in_cues_or_in_a_fault(text: str) -> None:
    line = f"Dialogue: 0,0:00:01.00,0:00:02.00,Default,,0,0,0,,{text}"
    content = value_or_refusal(lambda: parse_ass(f"[Events]\n{line}"))
    if not isinstance(content, MalformedText):
        assert parse_webvtt(write_webvtt(content)) == content
