"""Parameter sets that make no sense end in a refusal."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.codecs.avc_slices import avc_division
from core.isobmff.sample_entry import InvalidDecoderConfiguration

# 640x360, High, x264: one set of each kind.
SPS = bytes.fromhex("67640016acd940a02ff9701100000303e90000ea600f162d96")
PPS = bytes.fromhex("68ebe3cb22c0")


def avcc(sps: bytes, pps: bytes) -> bytes:
    return (
        b"\x01\x64\x00\x16\xff\xe1" + len(sps).to_bytes(2) + sps
        + b"\x01" + len(pps).to_bytes(2) + pps
    )  # fmt: skip


def test_a_real_configuration_is_read() -> None:
    sets = avc_division(avcc(SPS, PPS))
    assert sets.length_size == 4
    (number,) = sets.slices
    known = sets.slices[number]
    assert (number, known.frames_only, known.arithmetic, known.has_chroma) == (0, True, True, True)
    assert (known.frame_number_bits, known.order_type, known.order_bits) == (4, 0, 6)


@pytest.mark.parametrize(
    ("sps", "pps"), [(SPS[:4], PPS), (SPS, PPS[:2]), (SPS, b"\x68" + bytes(9)), (b"\x67", PPS)]
)
def test_what_is_cut_off_is_refused(sps: bytes, pps: bytes) -> None:
    with pytest.raises(InvalidDecoderConfiguration):
        avc_division(avcc(sps, pps))


@given(st.binary(min_size=1, max_size=40), st.binary(min_size=1, max_size=40))
def test_any_sets_end_in_a_value_or_a_refusal(sps: bytes, pps: bytes) -> None:
    for tail in (sps, SPS[:5] + sps):
        try:
            sets = avc_division(avcc(b"\x67" + tail, b"\x68" + pps))
        except InvalidDecoderConfiguration:
            continue
        for known in sets.slices.values():
            assert 0 <= known.slice_group_bits <= 32
