from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.media.description import (
    IDENTITY_MATRIX,
    CorruptDescription,
    TrackDescription,
    decode_description,
    encode_description,
)
from core.media.presentation import TrackKind

VIDEO = TrackDescription(
    kind=TrackKind.VIDEO,
    codec="avc1.64001f",
    sample_entry=bytes(range(256)),
    width=1920,
    height=1088,
    display_width=1920,
    display_height=1080,
    matrix=(0, 0x10000, 0, -0x10000, 0, 0, 1080 << 16, 0, 0x40000000),
    frame_rate=(30_000, 1001),
    label='Director"s cut',
)


def test_a_description_comes_back_as_it_went() -> None:
    assert decode_description(encode_description(VIDEO)) == VIDEO


def test_equal_descriptions_are_equal_bytes() -> None:
    again = decode_description(encode_description(VIDEO))
    assert encode_description(again) == encode_description(VIDEO)


def test_what_is_not_said_has_a_plain_default() -> None:
    audio = decode_description(b'{"kind":"a","codec":"mp4a.40.2","sample_entry":"AAAA"}')
    assert (audio.kind, audio.sample_entry) == (TrackKind.AUDIO, bytes(3))
    assert (audio.matrix, audio.language, audio.frame_rate) == (IDENTITY_MATRIX, "und", None)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b"\xff",
        b"[]",
        b'{"kind":"x","codec":"","sample_entry":""}',
        b'{"kind":"v","codec":"","sample_entry":"not base64!"}',
        b'{"kind":"v","codec":"","sample_entry":"","matrix":[1,2]}',
        b'{"kind":"v","codec":"","sample_entry":""} and more',
    ],
)
def test_what_is_no_description_is_a_fault_of_ours(data: bytes) -> None:
    with pytest.raises(CorruptDescription) as caught:
        decode_description(data)
    assert caught.value.status == 500


@given(st.binary(max_size=200) | st.text(max_size=100).map(str.encode))
def test_any_bytes_are_a_description_or_a_fault(data: bytes) -> None:
    with suppress(CorruptDescription):
        assert isinstance(decode_description(data), TrackDescription)
