"""Which tracks can be encrypted sample by sample: told by their names, and by what is in them."""

import pytest

from core.codecs.hevc import hevc_codec_string
from core.codecs.hevc_slices import hevc_division
from core.isobmff.box import box
from core.isobmff.sample_entry import InvalidDecoderConfiguration
from core.media.description import TrackDescription
from core.media.presentation import TrackKind
from core.protection.track import UnprotectableTrack, can_be_divided, divisions

SEQUENCE = b"\x42\x01\x01"
"""A sequence parameter set of HEVC up to its profile."""


@pytest.mark.parametrize("codec", [
    "avc1.64001f", "avc3.640028", "vp09.00.10.08", "av01.0.04M.08",
    "hvc1.1.6.L93.B0", "hev1.2.4.L120.90", "hvc1.4.10.L93.9D.8", "hvc1.A1.6.L93", "hvc1.12.0.L93",
])  # fmt: skip
def test_what_can_be_divided(codec: str) -> None:
    assert can_be_divided(codec)


@pytest.mark.parametrize("codec", [
    "vp08.00.41.08", "mp4v.20.9", "hvc1.6.40.L93.B0", "hev1.9.200.L93", "hvc1.A6.40.L93",
    "hev1.C11.800.H120",
])  # fmt: skip
def test_what_cannot_be_divided(codec: str) -> None:
    assert not can_be_divided(codec)


@pytest.mark.parametrize("profile", range(32))
def test_a_profile_is_refused_by_its_name_where_its_slices_are(profile: int) -> None:
    """The rest of the set is missing, so all are refused: of this profile, or as cut off."""
    hvcc = hevc_record(SEQUENCE + bytes((profile,)))
    with pytest.raises(InvalidDecoderConfiguration) as caught:
        hevc_division(hvcc)
    is_refused = "slice headers of its own" in caught.value.message
    assert can_be_divided(hevc_codec_string(hvcc)) is not is_refused


@pytest.mark.parametrize(("codec", "entry"), [
    ("avc1.64001f", box(b"avc1", bytes(78), box(b"avcC", b"\1\x64\0\x1f\xff\xe1\0\4\x67\0"))),
    ("avc1.64001f", box(b"avc1", bytes(78))),
    ("hvc1.1.6.L93.B0", box(b"hvc1", bytes(78), box(b"hvcC", bytes(23)))),
    ("av01.0.04M.08", box(b"av01", bytes(78), box(b"av1C", b"\x81\0\0\0\x0a\1\xff"))),
    ("mp4v.20.9", box(b"mp4v", bytes(78))),
])  # fmt: skip
def test_a_track_of_which_nothing_is_known_is_unprotectable(codec: str, entry: bytes) -> None:
    track = TrackDescription(kind=TrackKind.VIDEO, codec=codec, sample_entry=entry)
    with pytest.raises(UnprotectableTrack):
        divisions(track)


def hevc_record(sequence: bytes) -> bytes:
    """An hvcC with nothing but a sequence parameter set, of the profile that this has."""
    fixed = bytes((1, sequence[3])) + bytes(19) + b"\3\1"
    return fixed + b"\x21\0\1" + len(sequence).to_bytes(2) + sequence
