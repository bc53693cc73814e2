"""HEVC, AV1, VP9: records, sample entries and names from hand-made bytes, and their samples."""

from contextlib import suppress
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.codecs.av1 import av1_codec_string, av1_configuration, av1_sample_entry, av1_sequence
from core.codecs.hevc import (
    hevc_codec_string,
    hevc_configuration,
    hevc_sample_entry,
    hvcc_from_units,
)
from core.codecs.nal import annexb_units, without_emulation
from core.codecs.records import video_record
from core.codecs.video import ChangedConfiguration, VideoFormat, video_format
from core.codecs.vp9 import vp9_codec_string, vp9_format, vp9_level, vp9_sample_entry, vpcc_of
from core.isobmff.sample_entry import InvalidDecoderConfiguration, VisualTraits
from tests.fixtures.boxes import Box, top

VPS = bytes.fromhex("40010c01ffff02200000030090000003000003007899 9809".replace(" ", ""))
SPS = bytes.fromhex(
    "42010102200000030090000003000003001ea02083136595912930bc05a84880482000000300200000030321"
)
PPS = bytes.fromhex("4401c172b46240")
HEVC_HEAD = bytes.fromhex("0102200000009000000000 0078f000fcfdfafa00000f".replace(" ", ""))
SEQUENCE = bytes.fromhex("0000000337fbe257ca84880482")  # 10 bit, BT.2020 and PQ
PLAIN_SEQUENCE = bytes.fromhex("0000000337fbe257c802")
KEY = bytes.fromhex("824983420013f00ef680")  # 320 by 240


def obu(kind: int, payload: bytes) -> bytes:
    return bytes((kind << 3 | 2, len(payload))) + payload


def av1c(sequence: bytes = PLAIN_SEQUENCE) -> bytes:
    return b"\x81\0\x0c\0" + obu(1, sequence)


def hvcc(*, complete: bool = True, sets: tuple[bytes, ...] = (VPS, SPS, PPS)) -> bytes:
    record = HEVC_HEAD + bytes((len(sets),))
    for unit in sets:
        kind = unit[0] >> 1
        record += bytes((0x80 * complete | kind,)) + b"\0\1" + len(unit).to_bytes(2) + unit
    return record


def entry(data: bytes) -> tuple[Box, dict[bytes, Box]]:
    (box,) = top(data).children()
    return box, {child.kind: child for child in box.children(78)}


def test_an_hevc_name_has_profile_compatibility_tier_level_and_constraints() -> None:
    assert hevc_codec_string(hvcc()) == "hvc1.2.4.L120.90"
    high = bytearray(hvcc())
    high[1], high[2:6], high[6:12], high[12] = 0x61, b"\x60\0\0\0", b"\xb0\0\1\0\0\0", 153
    assert hevc_codec_string(bytes(high)) == "hvc1.A1.6.H153.B0.0.1"


def test_an_hev1_record_becomes_one_of_hvc1() -> None:
    _, children = entry(hevc_sample_entry(hvcc(complete=False), 1920, 1080))
    assert children[b"hvcC"].payload == hvcc()


def test_an_hvc1_entry_holds_colour_and_the_light_of_its_mastering() -> None:
    traits = VisualTraits(
        colr=(9, 16, 9, False), mdcv=b"m" * 24, clli=b"clli", dovi=b"\1\0\x10\x35\x10" + bytes(19)
    )
    box, children = entry(hevc_sample_entry(hvcc(), 3840, 2160, traits))
    assert box.kind == b"hvc1"
    assert list(children) == [b"hvcC", b"colr", b"mdcv", b"clli", b"dvvC"]
    assert children[b"mdcv"].payload == b"m" * 24
    assert children[b"clli"].payload == b"clli"


@pytest.mark.parametrize(
    ("profile", "kind"), [(5, b"dvcC"), (7, b"dvcC"), (8, b"dvvC"), (10, b"dvvC"), (20, b"dvwC")]
)
def test_the_box_of_dolby_vision_goes_by_its_profile(profile: int, kind: bytes) -> None:
    record = b"\1\0" + bytes((profile << 1,)) + bytes(21)
    _, children = entry(hevc_sample_entry(hvcc(), 16, 16, VisualTraits(dovi=record)))
    assert children[kind].payload == record


BROKEN_HVCC = {
    "nothing": b"",
    "version 2": b"\2" + hvcc()[1:],
    "cut before an array": hvcc()[:24],
    "cut in a unit": hvcc()[:-1],
    "no sequence parameter set": hvcc(sets=(VPS, PPS)),
    "lengths of three bytes": hvcc()[:21] + b"\x0e" + hvcc()[22:],
}


@pytest.mark.parametrize("record", BROKEN_HVCC.values(), ids=list(BROKEN_HVCC))
def test_a_broken_hvcc_is_refused(record: bytes) -> None:
    with pytest.raises(InvalidDecoderConfiguration):
        hevc_sample_entry(record, 16, 16)


def test_the_record_of_hevc_with_parameter_sets_in_band() -> None:
    record = hvcc_from_units({32: [VPS], 33: [SPS], 34: [PPS]})
    assert hevc_codec_string(record) == "hvc1.2.4.L30.90"
    found = hevc_configuration(record)
    assert (found.profile, found.length_size) == (2, 4)
    assert set(found.parameter_sets) == {VPS, SPS, PPS}
    assert record[16:19] == b"\xfd\xfa\xfa"  # 4:2:0 of 10 bits
    assert record[21] == 0x0F  # one temporal layer, nested, lengths of four bytes


@pytest.mark.parametrize("unit", [b"", b"\x42\1", SPS[:16], b"\x42\1" + b"\xff" * 40])
def test_no_record_comes_of_a_broken_sequence_parameter_set(unit: bytes) -> None:
    with pytest.raises(InvalidDecoderConfiguration):
        hvcc_from_units({32: [VPS], 33: [unit], 34: [PPS]})


def test_parameter_sets_of_hev1_are_taken_from_the_first_sample() -> None:
    sample = b"".join(len(unit).to_bytes(4) + unit for unit in (VPS, SPS, PPS, b"\x26\1x"))
    record, annexb = video_record("hevc", HEVC_HEAD + b"\0", sample)
    assert (record, annexb) == (hvcc(), False)
    with pytest.raises(InvalidDecoderConfiguration, match="nowhere"):
        video_record("hevc", HEVC_HEAD + b"\0", b"\0\0\0\3\x26\1x")


@pytest.mark.parametrize(
    ("sequence", "name"),
    [
        (PLAIN_SEQUENCE, "av01.0.00M.08"),
        (SEQUENCE, "av01.0.00M.10.0.110.09.16.09.0"),
    ],
)
def test_an_av1_name_has_its_colour_only_where_that_is_unusual(sequence: bytes, name: str) -> None:
    assert av1_codec_string(av1c(sequence)) == name


def test_an_av1_level_and_tier_are_those_of_the_first_operating_point() -> None:
    # One operating point of level 5.1 (13), tier 1.
    bits = "000000000000000000000000011011" + "01010101" + "0" * 12
    bits += "0" + "000" + "0000" + "0" + "1" + "1" + "000" + "000" + "000000"
    data = int(bits.ljust(-(-len(bits) // 8) * 8, "0"), 2).to_bytes(-(-len(bits) // 8))
    assert (av1_sequence(data).level, av1_sequence(data).tier) == (13, 1)


def test_an_av01_entry_holds_its_record() -> None:
    box, children = entry(av1_sample_entry(av1c(), 640, 360))
    assert (box.kind, children[b"av1C"].payload) == (b"av01", av1c())


@pytest.mark.parametrize(
    "record",
    [b"", b"\x81\0\x0c\0", b"\1" + av1c()[1:], av1c()[:-1], av1c(b"\0\0"), av1c(b"\xff" * 12)],
)
def test_a_broken_av1c_is_refused(record: bytes) -> None:
    with pytest.raises(InvalidDecoderConfiguration):
        av1_sample_entry(record, 16, 16)


def test_the_first_sample_of_av1_is_believed_before_the_container() -> None:
    unit = obu(2, b"") + obu(1, SEQUENCE) + obu(6, b"\x10")
    record, _ = video_record("av1", av1c(), unit)
    assert av1_configuration(record).header == SEQUENCE
    assert record[:4] == b"\x81\0\x4c\0"
    assert video_record("av1", av1c(), obu(6, b"\x10")) == (av1c(), False)
    with pytest.raises(InvalidDecoderConfiguration, match="without a sequence header"):
        video_record("av1", b"", obu(6, b"\x10"))


def test_a_vp9_key_picture_tells_how_it_is_coded() -> None:
    key = vp9_format(KEY)
    assert (key.profile, key.bit_depth, key.chroma, key.width, key.height) == (0, 8, 1, 320, 240)


@pytest.mark.parametrize(
    ("size", "rate", "level"),
    [
        ((64, 48), Fraction(25), 10),
        ((1920, 1080), Fraction(24), 40),
        ((1920, 1080), Fraction(60), 41),
        ((3840, 2160), Fraction(60), 51),
        ((1920, 1080), None, 40),
        ((65_535, 65_535), Fraction(300), 62),
    ],
)
def test_vp9_levels(size: tuple[int, int], rate: Fraction | None, level: int) -> None:
    assert vp9_level(*size, rate) == level


def test_a_vp9_name_has_its_colour_only_where_that_is_unusual() -> None:
    key = vp9_format(KEY)
    assert vp9_codec_string(vpcc_of(key, Fraction(60))) == "vp09.00.20.08"
    told = vpcc_of(key, Fraction(60), (9, 16, 9))
    assert vp9_codec_string(told) == "vp09.00.20.08.01.09.16.09.00"
    box, children = entry(vp9_sample_entry(told, 320, 240))
    assert box.kind == b"vp09"
    assert children[b"vpcC"].payload == b"\1\0\0\0" + told


@pytest.mark.parametrize(
    "frame", [b"", KEY[:8], b"\x86" + KEY[1:], b"\x82\0\0\0" + KEY[4:], b"\x02"]
)
def test_what_is_no_vp9_key_picture_is_refused(frame: bytes) -> None:
    with pytest.raises(InvalidDecoderConfiguration):
        vp9_format(frame)


@pytest.mark.parametrize("record", [b"", bytes(8), bytes(9), b"\4\x14\x82\1\1\1\0\0"])
def test_a_broken_vpcc_is_refused(record: bytes) -> None:
    with pytest.raises(InvalidDecoderConfiguration):
        vp9_sample_entry(record, 16, 16)


def test_start_codes_of_any_length_part_the_units() -> None:
    data = b"\0\0\0\1" + VPS + b"\0\0\1" + SPS + b"\0\0\0\0\1" + PPS + b"\0\0"
    assert list(annexb_units(data)) == [VPS, SPS, PPS]
    assert list(annexb_units(b"no start code")) == []


def test_emulation_prevention_is_taken_out() -> None:
    assert without_emulation(b"\1\0\0\3\0\0\3\1\3") == b"\1\0\0\0\0\1\3"


def hevc() -> VideoFormat:
    return video_format("hevc", hvcc(complete=False))


def test_repeated_parameter_sets_are_left_out_of_samples() -> None:
    picture = b"\0\0\0\4\x26\1xy"
    sample = b"".join(len(unit).to_bytes(4) + unit for unit in (VPS, SPS, PPS)) + picture
    assert hevc().stored(sample) == picture


@pytest.mark.parametrize(
    ("given_format", "sample"),
    [
        (hevc(), b"\0\0\0\4\x42\1xy\0\0\0\4\x26\1xy"),
        (video_format("av1", av1c()), obu(1, SEQUENCE) + obu(6, b"\x10")),
        (video_format("vp9", vpcc_of(vp9_format(KEY), None)), b"\xa2" + KEY[1:]),
    ],
    ids=["hevc", "av1", "vp9"],
)
def test_parameters_that_change_on_the_way_are_told(
    given_format: VideoFormat, sample: bytes
) -> None:
    with pytest.raises(ChangedConfiguration):
        given_format.stored(sample)


@pytest.mark.parametrize(
    ("given_format", "sample"),
    [
        (hevc(), b"\0\0\0\x09\x26\1"),
        (hevc(), len(VPS).to_bytes(4) + VPS),
        (video_format("av1", av1c()), b"\x0a\xff"),
        (video_format("av1", av1c()), obu(2, b"")),
        (video_format("vp9", vpcc_of(vp9_format(KEY), None)), b"\0\0"),
    ],
    ids=["too long a unit", "no picture", "too long an OBU", "only a delimiter", "no frame"],
)
def test_samples_that_make_no_sense_are_refused(given_format: VideoFormat, sample: bytes) -> None:
    with pytest.raises(InvalidDecoderConfiguration):
        given_format.stored(sample)


def test_temporal_delimiters_are_left_out_of_samples() -> None:
    kept = obu(1, PLAIN_SEQUENCE) + obu(6, b"\x10")
    assert video_format("av1", av1c()).stored(obu(2, b"") + kept) == kept


def test_start_codes_become_lengths_and_delimiters_go() -> None:
    form = video_format("hevc", hvcc(), annexb=True)
    data = b"\0\0\0\1\x46\1\x50\0\0\1\x26\1xy"
    assert form.framed(data) == b"\0\0\0\4\x26\1xy"


@given(
    st.binary(max_size=80), st.sampled_from(["h264", "hevc", "av1", "vp9"]), st.binary(max_size=60)
)
def test_any_bytes_are_a_record_or_refused(extradata: bytes, codec: str, first: bytes) -> None:
    head = {"hevc": HEVC_HEAD, "av1": b"\x81\0\x0c\0\x0a\x0a", "h264": b"\1d\0\x1f\xff\xe1"}
    for data in (extradata, head.get(codec, b"") + extradata):
        with suppress(InvalidDecoderConfiguration):
            record, annexb = video_record(codec, data, first)
            form = video_format(codec, record, annexb=annexb)
            assert form.codec_string
            assert len(form.access(first, [len(first)])) == 1
            form.stored(form.framed(first))
