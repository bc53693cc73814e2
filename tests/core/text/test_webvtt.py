"""WebVTT read and written: what is kept comes back, what is wrong is named with its line."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.text.cues import Cue, TextDocument, document
from core.text.faults import MalformedText
from core.text.markup import TAGS, Run, payload
from core.text.webvtt import cue_settings, parse_webvtt, write_webvtt
from tests.fixtures.text import value_or_refusal

runs = st.lists(
    st.builds(Run, st.text(max_size=12), st.frozensets(st.sampled_from(TAGS))), max_size=4
)
settings = st.sampled_from(["", "line:0", "line:50%,center align:start", "align:end", "size:40%"])
identifiers = st.sampled_from(["", "intro", "a b"])


@st.composite
def cues(draw: st.DrawFn) -> Cue:
    start = draw(st.integers(0, 200_000_000))
    end = start + draw(st.integers(0, 400_000_000))
    return Cue(start, end, payload(draw(runs)), draw(settings), draw(identifiers))


documents = st.builds(
    document,
    st.lists(cues(), max_size=8),
    st.lists(st.just("STYLE\n::cue { color: lime }"), max_size=2),
)


@given(documents)
def test_what_is_written_is_read_as_the_same(content: TextDocument) -> None:
    assert parse_webvtt(write_webvtt(content)) == content


@given(
    st.text(alphabet=st.sampled_from("\n\r\0WEBVT NOTESTYLE:.-->0123456789<&;%,é"), max_size=200)
)
def test_any_text_ends_in_cues_that_are_stable_or_in_a_fault(text: str) -> None:
    content = value_or_refusal(lambda: parse_webvtt("WEBVTT\n\n" + text))
    if not isinstance(content, MalformedText):
        assert parse_webvtt(write_webvtt(content)) == content


def test_all_of_a_file() -> None:
    content = parse_webvtt(
        "WEBVTT - a title\nKind: captions\n\n"
        "STYLE\n::cue(b) { color: red }\n\n"
        "NOTE a comment\nof two lines\n\n"
        "7\n00:01.000 --> 00:02.500 line:0 colour:red align:start\n<v Ada>Well,</v>\n"
        "now &amp; then\n\n"
        "named\n100:00:00.000 --> 100:00:00.001\nlate\n"
        "00:03.000 --> 00:04.000\nwithout an empty line before\n"
    )
    assert content == TextDocument(
        cues=(
            Cue(1000, 2500, "<v Ada>Well,</v>\nnow &amp; then", "line:0 align:start"),
            Cue(3000, 4000, "without an empty line before"),
            Cue(360_000_000, 360_000_001, "late", "", "named"),
        ),
        blocks=("STYLE\n::cue(b) { color: red }",),
    )


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("", 1, "begins with 'WEBVTT'"),
        ("WEBVTTX\n", 1, "begins with 'WEBVTT'"),
        ("WEBVTT\n\n00:01.000 --> 00:0x.000\nno\n", 3, "'00:0x.000' is no time of WebVTT"),
        ("WEBVTT\n\nid\n00:01 --> 00:02.000\nno\n", 4, "'00:01' is no time"),
        ("WEBVTT\n\n00:02.000 --> 00:01.000\nno\n", 3, "ends at 00:00:01.000, before it begins"),
        ("WEBVTT\n\n00:01.000 --> 999999:00:00.000\nno\n", 3, "after a week"),
        ("WEBVTT\n\njust words\n", 3, "'just words' is neither a cue nor a comment"),
        (f"WEBVTT\n\n00:01.000 --> 00:02.000\n{'x' * 20_000}", 3, "has 20000 characters"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(text: str, line: int, words: str) -> None:
    with pytest.raises(MalformedText, match=words) as caught:
        parse_webvtt(text)
    assert caught.value.line == line
    assert caught.value.message.startswith(f"line {line}: ")


def test_cues_that_show_nothing_or_never_are_dropped() -> None:
    text = (
        "WEBVTT\n\n00:01.000 --> 00:02.000\n<i> </i>\n\n"
        "00:03.000 --> 00:03.000\nx\n\n00:04.000 --> 00:05.000\n"
    )
    assert parse_webvtt(text).cues == ()


@pytest.mark.parametrize(
    ("given_words", "kept"),
    [
        ("line:-1 position:10%,line-left size:50% align:end", None),
        ("vertical:rl region:fred line:12.5%", None),
        ("line:0 line:1", "line:0"),
        ("line:abc position:101% size:5 align:middle x:y", ""),
    ],
)
def test_settings_are_kept_where_they_are_settings(given_words: str, kept: str | None) -> None:
    assert cue_settings(given_words.split()) == (given_words if kept is None else kept)
