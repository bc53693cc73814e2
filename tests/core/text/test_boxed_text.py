"""The two formats that MP4 holds: tx3g and wvtt."""

import struct
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.isobmff.box import box
from core.text.faults import MalformedText
from core.text.tx3g import Tx3gEntry, read_entry, tx3g_payload
from core.text.wvtt import wvtt_cues
from tests.fixtures.text import value_or_refusal


def styled(text: str, *records: tuple[int, int, int]) -> bytes:
    data = text.encode()
    rows = b"".join(
        struct.pack(">HHHBBI", start, end, 1, face, 18, 0) for start, end, face in records
    )
    styl = box(b"styl", struct.pack(">H", len(records)) + rows) if records else b""
    return struct.pack(">H", len(data)) + data + styl


def entry(flags: int = 0, across: int = 1, down: int = -1, face: int = 0) -> bytes:
    return struct.pack(">Ibb4x8xHHHBBI", flags, across, down, 0, 0, 1, face, 18, 0)


def test_styles_count_characters_not_bytes() -> None:
    sample = styled("é bold\nit", (2, 6, 1), (7, 9, 2))
    assert tx3g_payload(Tx3gEntry(), sample) == "é <b>bold</b>\n<i>it</i>"


def test_text_without_a_record_has_the_style_of_the_entry() -> None:
    assert tx3g_payload(read_entry(entry(face=2)), styled("a b", (2, 3, 1))) == "<i>a </i><b>b</b>"


def test_an_empty_sample_shows_nothing() -> None:
    assert tx3g_payload(Tx3gEntry(), b"\0\0") == ""
    assert tx3g_payload(Tx3gEntry(), b"") == ""


def test_utf_16_has_a_mark() -> None:
    text = "Привет".encode("utf-16")
    assert tx3g_payload(Tx3gEntry(), struct.pack(">H", len(text)) + text) == "Привет"


@pytest.mark.parametrize(
    ("data", "settings", "forced"),
    [
        (entry(), "", False),
        (entry(down=0), "line:0", False),
        (entry(across=0), "align:start", False),
        (entry(flags=0x80000000, across=-1, down=0), "line:0 align:end", True),
        (b"\1", "", False),
    ],
)
def test_the_entry_says_where_and_whether_it_is_forced(
    data: bytes, settings: str, forced: bool
) -> None:
    assert (read_entry(data).settings, read_entry(data).forced) == (settings, forced)


def test_a_length_beyond_the_sample_is_refused() -> None:
    with pytest.raises(MalformedText, match="claims 9 of text"):
        tx3g_payload(Tx3gEntry(), b"\0\x09abc")


def test_a_sample_of_wvtt_has_a_box_for_each_cue() -> None:
    first = box(
        b"vttc", box(b"iden", b"one"), box(b"sttg", b"line:0 x:y"), box(b"payl", b"<i>a</i>\n\nb")
    )
    second = box(b"vttc", box(b"payl", b"c --> d"))
    assert wvtt_cues(first + box(b"vtte") + second) == [
        ("<i>a</i>\nb", "line:0", "one"),
        ("c --&gt; d", "", ""),
    ]
    assert wvtt_cues(box(b"vtte")) == []


@given(st.binary(max_size=80))
def test_any_bytes_end_in_text_or_in_a_fault(data: bytes) -> None:
    for read in (lambda sample: tx3g_payload(Tx3gEntry(), sample), wvtt_cues, read_entry):
        value_or_refusal(partial(read, data))
