"""H.264 and AAC: sample entries and the codec strings of RFC 6381."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.codecs.aac import (
    AacConfiguration,
    aac_configuration,
    adts_configuration,
    mp4a_codec_string,
    mp4a_sample_entry,
    without_adts,
)
from core.codecs.avc import avc_codec_string, avc_configuration, avc_sample_entry, avcc_of
from core.isobmff.bit_reader import BitReader
from core.isobmff.sample_entry import (
    LARGEST_CONFIGURATION_BYTES,
    InvalidDecoderConfiguration,
    VisualTraits,
)
from tests.fixtures.boxes import Box, top

SPS, PPS = b"\x67\x64\x00\x1f\xac", b"\x68\xee\x3c\x80"


def avcc(*, sps: tuple[bytes, ...] = (SPS,), pps: tuple[bytes, ...] = (PPS,)) -> bytes:
    record = bytes((1, 0x64, 0x00, 0x1F, 0xFF, 0xE0 | len(sps)))
    record += b"".join(len(each).to_bytes(2) + each for each in sps)
    record += bytes((len(pps),))
    return record + b"".join(len(each).to_bytes(2) + each for each in pps)


def entry(data: bytes, skip: int) -> tuple[Box, dict[bytes, Box]]:
    (box,) = top(data).children()
    return box, {child.kind: child for child in box.children(skip)}


def test_avc1_holds_size_configuration_colour_and_pixel_aspect() -> None:
    traits = VisualTraits(pasp=(16, 11), colr=(1, 13, 6, True))
    data = avc_sample_entry(avcc(), 720, 576, traits)
    box, children = entry(data, 78)
    assert box.kind == b"avc1"
    assert box.fields("HH", 24) == (720, 576)
    assert box.fields("H", 6) == (1,)  # data reference
    assert box.fields("IIIH", 28) == (0x480000, 0x480000, 0, 1)
    assert box.fields("Hh", 74) == (0x18, -1)
    assert list(children) == [b"avcC", b"colr", b"pasp"]
    assert children[b"avcC"].payload == avcc()
    assert children[b"colr"].payload == b"nclx\x00\x01\x00\x0d\x00\x06\x80"
    assert children[b"pasp"].fields("II", 0) == (16, 11)


def test_what_is_not_known_is_left_out_of_avc1() -> None:
    _, children = entry(avc_sample_entry(avcc(), 2, 2), 78)
    assert list(children) == [b"avcC"]


@pytest.mark.parametrize(("width", "height"), [(0, 2), (2, 0), (65_536, 2), (2, 65_536)])
def test_a_picture_that_does_not_fit_is_refused(width: int, height: int) -> None:
    with pytest.raises(InvalidDecoderConfiguration, match=f"{width}x{height}"):
        avc_sample_entry(avcc(), width, height)


BROKEN_AVCC = {
    "nothing": b"",
    "six bytes": avcc()[:6],
    "version 2": b"\2" + avcc()[1:],
    "no sequence parameter set": avcc(sps=()),
    "no picture parameter set": avcc(pps=()),
    "an empty set": avcc(sps=(b"",)),
    "cut in the sequence parameter set": avcc()[:10],
    "cut before the picture parameter sets": avcc()[:13],
    "cut in the picture parameter set": avcc()[:-1],
    "Annex B": b"\0\0\0\1" + SPS + b"\0\0\0\1" + PPS,
    "too long": avcc() + bytes(LARGEST_CONFIGURATION_BYTES),
}


@pytest.mark.parametrize("data", BROKEN_AVCC.values(), ids=list(BROKEN_AVCC))
def test_a_broken_avcc_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidDecoderConfiguration) as caught:
        avc_codec_string(data)
    assert caught.value.status == 400
    with pytest.raises(InvalidDecoderConfiguration):
        avc_sample_entry(data, 2, 2)


def test_an_avc_codec_string_has_profile_constraints_and_level() -> None:
    assert avc_codec_string(avcc()) == "avc1.64001f"
    assert avc_codec_string(b"\x01\x42\xc0\x0a" + avcc()[4:]) == "avc1.42c00a"


@pytest.mark.parametrize(
    ("asc", "codec"),
    [
        ("1210", "mp4a.40.2"),
        ("119056e500", "mp4a.40.2"),  # announces that there is no SBR
        ("131056e598", "mp4a.40.5"),  # announced SBR
        ("139056e5a54880", "mp4a.40.29"),  # announced SBR and PS
        ("2b920800", "mp4a.40.5"),  # SBR outright
        ("eb098800", "mp4a.40.29"),  # PS outright
        ("0a10", "mp4a.40.1"),
        ("f9484000", "mp4a.40.42"),  # escaped object type
        ("1780bb8010", "mp4a.40.2"),  # a frequency written out
        ("1200", "mp4a.40.2"),  # channels in a program config element
    ],
)
def test_an_aac_codec_string_names_the_object_type(asc: str, codec: str) -> None:
    assert mp4a_codec_string(bytes.fromhex(asc)) == codec


@pytest.mark.parametrize("asc", ["", "12", "f8", "0010", "1780bb80"])
def test_a_broken_audio_configuration_is_refused(asc: str) -> None:
    with pytest.raises(InvalidDecoderConfiguration):
        mp4a_codec_string(bytes.fromhex(asc))
    with pytest.raises(InvalidDecoderConfiguration):
        mp4a_sample_entry(bytes.fromhex(asc), 2, 48_000)


def test_mp4a_holds_channels_rate_and_configuration() -> None:
    data = mp4a_sample_entry(bytes.fromhex("1190"), 6, 48_000)
    box, children = entry(data, 28)
    assert box.kind == b"mp4a"
    assert box.fields("H", 6) == (1,)
    assert box.fields("HHHHI", 16) == (6, 16, 0, 0, 48_000 << 16)
    esds = children[b"esds"].payload
    assert esds == bytes.fromhex(
        "00000000"  # version and flags
        "0319" "0000" "00"  # ES_Descriptor
        "0411" "40" "15" "000000" "00000000" "00000000"  # DecoderConfigDescriptor
        "0502" "1190"  # DecoderSpecificInfo
        "0601" "02"  # SLConfigDescriptor
    )  # fmt: skip


def test_a_long_audio_configuration_gets_a_long_length() -> None:
    asc = bytes.fromhex("1210") + bytes(200)
    _, children = entry(mp4a_sample_entry(asc, 2, 44_100), 28)
    esds = children[b"esds"].payload
    at = esds.index(asc)
    assert esds[at - 3 : at] == bytes((0x05, 0x81, 202 & 0x7F))


def test_a_rate_beyond_16_bits_is_left_to_the_configuration() -> None:
    box, _ = entry(mp4a_sample_entry(bytes.fromhex("1010"), 2, 96_000), 28)
    assert box.fields("I", 24) == (0,)


@pytest.mark.parametrize("channels", [0, 65_536])
def test_channels_that_do_not_fit_are_refused(channels: int) -> None:
    with pytest.raises(InvalidDecoderConfiguration, match=str(channels)):
        mp4a_sample_entry(bytes.fromhex("1210"), channels, 48_000)


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ("1190", (2, 48000, 2, 1024, 0, 0)),
        ("1208", (2, 44100, 1, 1024, 0, 0)),
        ("11b056e500", (2, 48000, 6, 1024, 0, 0)),
        ("1194", (2, 48000, 2, 960, 0, 0)),
        ("131056e59d", (2, 24000, 2, 1024, 5, 48000)),
        ("2b118800", (2, 24000, 2, 1024, 5, 48000)),
        ("eb098800", (2, 24000, 1, 1024, 29, 48000)),
        ("17800bb80880", (2, 0x1770, 1, 1024, 0, 0)),
    ],
)
def test_audio_configurations(record: str, expected: tuple[int, ...]) -> None:
    assert aac_configuration(bytes.fromhex(record)) == AacConfiguration(*expected)


@pytest.mark.parametrize("record", ["", "11", "17", "16f8", "1780"])
def test_audio_configurations_that_make_no_sense_are_refused(record: str) -> None:
    with pytest.raises(InvalidDecoderConfiguration, match=r"cut off|not known"):
        aac_configuration(bytes.fromhex(record))


ADTS = bytes.fromhex("fff15080 01 bf fc".replace(" ", "")) + b"block!"


def test_an_adts_frame_gives_configuration_and_block() -> None:
    assert adts_configuration(ADTS).hex() == "1210"
    assert without_adts(ADTS) == b"block!"


@pytest.mark.parametrize("frame", [b"", ADTS[:9], ADTS + b"x", b"\xff\xe1" + ADTS[2:], ADTS[:7]])
def test_a_broken_adts_frame_is_refused(frame: bytes) -> None:
    with pytest.raises(InvalidDecoderConfiguration):
        without_adts(frame)


def test_the_record_of_a_stream_with_parameter_sets_in_band() -> None:
    sps = bytes.fromhex("67640028acd940780227e5c044000003000400000300c83c60c658")
    record = avcc_of([sps], [PPS])
    assert avc_codec_string(record) == "avc1.640028"
    assert avc_configuration(record).length_size == 4
    assert avc_configuration(record).parameter_sets == {sps, PPS}
    assert record[-4:] == b"\xfd\xf8\xf8\0"  # 4:2:0 of 8 bits


@pytest.mark.parametrize(
    ("sequence", "picture"),
    [([], [PPS]), ([SPS], []), ([b"\x67"], [PPS]), ([b"\x67\x64\0\x1f"], [PPS])],
)
def test_no_record_comes_of_sets_that_make_no_sense(
    sequence: list[bytes], picture: list[bytes]
) -> None:
    with pytest.raises(InvalidDecoderConfiguration):
        avcc_of(sequence, picture)


@given(st.binary(max_size=60))
def test_any_bytes_are_a_configuration_or_refused(data: bytes) -> None:
    with suppress(InvalidDecoderConfiguration):
        assert avc_codec_string(data).startswith("avc1.")
    with suppress(InvalidDecoderConfiguration):
        assert mp4a_codec_string(data).startswith("mp4a.40.")


@given(st.binary(max_size=8), st.lists(st.integers(0, 20), max_size=10))
def test_bits_come_in_order_and_end(data: bytes, widths: list[int]) -> None:
    text = "".join(f"{byte:08b}" for byte in data)
    bits, at = BitReader(data), 0
    for width in widths:
        if at + width > len(text):
            with pytest.raises(EOFError):
                bits.read(width)
        else:
            assert bits.read(width) == int(text[at : at + width] or "0", 2)
            at += width
        assert bits.left == len(text) - at
