"""A file somebody sends: its encoding and its format are found out from what is in it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import Fault
from core.text.faults import MalformedText
from core.text.sidecar import MOST_BYTES, TextFormat, TooMuchText, read_sidecar
from core.text.webvtt import parse_webvtt, write_webvtt
from tests.fixtures.text import value_or_refusal

SRT = "1\n00:00:01,000 --> 00:00:02,000\nGrüße – “ja”\n"


@pytest.mark.parametrize(
    ("data", "encoding", "guessed"),
    [
        (SRT.encode(), "utf-8", False),
        (SRT.encode("utf-8-sig"), "utf-8", False),
        (SRT.encode("utf-16"), "utf-16", False),
        (b"\xfe\xff" + SRT.encode("utf-16-be"), "utf-16", False),
        (SRT.encode("utf-16-le"), "utf-16", True),
        (SRT.encode("utf-16-be"), "utf-16", True),
        (SRT.encode("cp1252"), "windows-1252", True),
    ],
)
def test_encodings(data: bytes, encoding: str, guessed: bool) -> None:
    read = read_sidecar(data)
    assert (read.encoding, read.guessed) == (encoding, guessed)
    assert read.content.cues[0].text == "Grüße – “ja”"


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (SRT, TextFormat.SUBRIP),
        ("WEBVTT\n\n00:01.000 --> 00:02.000\nx", TextFormat.WEBVTT),
        ("[Events]\nDialogue: 0,0:00:01.00,0:00:02.00,Default,,0,0,0,,x", TextFormat.ASS),
        ("\r\n\n \t[events]\nDialogue: 0,0:00:01.00,0:00:02.00,D,,0,0,0,,x", TextFormat.ASS),
    ],
)
def test_formats(text: str, kind: TextFormat) -> None:
    assert read_sidecar(text.encode()).format is kind


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "is empty"),
        (b" \n", "is empty"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "not text"),
        (b"Dear Sir", "neither WebVTT nor SubRip nor ASS"),
        (b"\n" * 2_000_000 + b"Dear Sir", "neither WebVTT nor SubRip nor ASS"),
        (b"\r" * 2_000_000 + b"Dear Sir", "neither WebVTT nor SubRip nor ASS"),
        (b"00:00:01,000 --> 00:00:02,000\n\n", "no cue in it shows anything"),
    ],
)
def test_what_is_no_file_of_subtitles_is_refused(data: bytes, words: str) -> None:
    with pytest.raises(Fault, match=words) as caught:
        read_sidecar(data)
    assert caught.value.status == 422


ASS = "[Events]\nDialogue: 0,0:00:01.00,0:00:02.00,Default,,0,0,0,,"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (f"{ASS}{{\\p1}}m {'0 0 l ' * 4000}{{\\p0}}seen", "seen"),  # a drawing shows nothing
        (SRT.replace("Grüße", "&" * 3000), "&amp;" * 3000 + " – “ja”"),
        (SRT.replace("Grüße", "&" * 4000), None),
        (SRT.replace("Grüße", "<" * 9000), None),
        (f"{ASS}{'&' * 8000}", None),
    ],
)
def test_what_is_kept_of_a_cue_counts_and_can_be_read_again(text: str, shown: str | None) -> None:
    if shown is None:
        with pytest.raises(MalformedText, match="characters; 16384 may be"):
            read_sidecar(text.encode())
        return
    content = read_sidecar(text.encode()).content
    assert [cue.text for cue in content.cues] == [shown]
    assert parse_webvtt(write_webvtt(content)).cues == content.cues


def test_a_file_that_is_too_large_is_refused_unread() -> None:
    with pytest.raises(TooMuchText) as caught:
        read_sidecar(bytes(MOST_BYTES + 1))
    assert caught.value.status == 413


@given(st.binary(max_size=200))
def test_any_bytes_end_in_a_value_or_in_a_fault(data: bytes) -> None:
    read = value_or_refusal(lambda: read_sidecar(data))
    assert isinstance(read, MalformedText) or read.content.cues
