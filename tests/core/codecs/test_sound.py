"""AC-3, E-AC-3, Opus, FLAC, MP3: configurations, sample entries and names from hand-made bytes."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.codecs.ac3 import (
    ac3_sample_entry,
    dec3_of,
    eac3_channels,
    eac3_sample_entry,
    frame_samples,
    is_joint_object_coding,
    sync_frames,
)
from core.codecs.flac import flac_configuration, flac_sample_entry
from core.codecs.mp3 import mp3_codec_string, mp3_format, mp3_sample_entry
from core.codecs.opus import opus_configuration, opus_sample_entry
from core.codecs.sound import SourceSound, audio_format
from core.isobmff.sample_entry import InvalidDecoderConfiguration
from tests.fixtures.boxes import Box, top


def bits(*fields: tuple[int, int]) -> bytes:
    text = "".join(f"{value:0{width}b}" for value, width in fields)
    return int(text.ljust(-(-len(text) // 8) * 8, "0"), 2).to_bytes(-(-len(text) // 8))


def ac3(*, acmod: int = 7, lfe: int = 1, size_code: int = 30) -> bytes:
    """Make a frame of AC-3 at 48 kHz; code 30 is 448 kbit/s."""
    fields = [(0x0B77, 16), (0, 16), (0, 2), (size_code, 6), (8, 5), (0, 3), (acmod, 3)]
    fields += [(0, 2)] * ((acmod & 1 and acmod != 1) + bool(acmod & 4) + (acmod == 2))
    head = bits(*fields, (lfe, 1))
    return head.ljust(1792, b"\0")


def eac3(
    *,
    kind: int = 0,
    substream: int = 0,
    acmod: int = 7,
    lfe: int = 1,
    size: int = 768,
    blocks: int = 3,
    joc: int = 0,
    channel_map: int | None = None,
) -> bytes:
    """Make a frame of E-AC-3 at 48 kHz, without mixing data."""
    fields = [(0x0B77, 16), (kind, 2), (substream, 3), (size // 2 - 1, 11), (0, 2), (blocks, 2)]
    fields += [(acmod, 3), (lfe, 1), (16, 5), (31, 5), (0, 1)]
    if kind == 1:
        fields += [(0, 1)] if channel_map is None else [(1, 1), (channel_map, 16)]
    fields += [(0, 1), (0, 1)]  # mixing and informational metadata
    if kind == 0 and blocks != 3:
        fields += [(0, 1)]
    fields += [(1, 1), (1, 6), (0, 7), (1, 1), (joc, 8)] if joc else [(0, 1)]
    return bits(*fields).ljust(size, b"\0")


def entry(data: bytes) -> tuple[Box, dict[bytes, Box]]:
    (box,) = top(data).children()
    return box, {child.kind: child for child in box.children(28)}


def test_ac3_in_its_entry() -> None:
    box, children = entry(ac3_sample_entry(ac3()))
    assert box.kind == b"ac-3"
    assert box.fields("HHHHI", 16) == (6, 16, 0, 0, 48_000 << 16)
    assert children[b"dac3"].payload == bits(
        (0, 2), (8, 5), (0, 3), (7, 3), (1, 1), (15, 5), (0, 5)
    )


def test_eac3_in_its_entry() -> None:
    sample = eac3()
    box, children = entry(eac3_sample_entry(sample))
    assert box.kind == b"ec-3"
    assert box.fields("H", 16) == (6,)
    head = [(192, 13), (0, 3)]  # 768 bytes in 32 ms
    stream = [(0, 2), (16, 5), (0, 2), (0, 3), (7, 3), (1, 1), (0, 3), (0, 4), (0, 1)]
    assert children[b"dec3"].payload == bits(*head, *stream)
    assert (frame_samples(sample), is_joint_object_coding(sample)) == (1536, False)


def test_dolby_atmos_is_told_by_its_flag_and_complexity() -> None:
    sample = eac3(joc=16)
    assert is_joint_object_coding(sample)
    assert dec3_of(sample).endswith(b"\x01\x10")
    form = audio_format(SourceSound("eac3", b"", 6, 48_000), sample)
    assert (form.codec_string, form.objects, form.length) == ("ec-3", True, 1536)


def test_a_dependent_substream_adds_its_channels() -> None:
    rear = 0x0200  # Lrs, Rrs
    sample = eac3() + eac3(kind=1, acmod=2, lfe=0, size=256, channel_map=rear)
    assert eac3_channels(sample) == 8
    head = [(256, 13), (0, 3)]
    stream = [(0, 2), (16, 5), (0, 2), (0, 3), (7, 3), (1, 1), (0, 3), (1, 4), (2, 9)]
    assert dec3_of(sample) == bits(*head, *stream)


def test_a_second_programme_is_a_substream_of_its_own() -> None:
    sample = eac3() + eac3(substream=1, acmod=2, lfe=0, size=256)
    assert dec3_of(sample)[1] & 7 == 1
    assert (eac3_channels(sample), frame_samples(sample)) == (6, 1536)


def test_short_frames_of_eac3_are_counted_together() -> None:
    sample = b"".join(eac3(blocks=0, size=128) for _ in range(6))
    assert frame_samples(sample) == 1536
    with pytest.raises(InvalidDecoderConfiguration, match="768 samples"):
        audio_format(SourceSound("eac3", b"", 6, 48_000), eac3(blocks=2, size=128))


def test_the_configuration_of_the_source_goes_first() -> None:
    source = SourceSound("eac3", b"", 6, 48_000, dec3=b"as it was")
    _, children = entry(audio_format(source, eac3()).sample_entry)
    assert children[b"dec3"].payload == b"as it was"


@pytest.mark.parametrize(
    "sample",
    [
        b"",
        b"\x0b\x77",
        ac3()[:-1],
        b"\x0b\x78" + ac3()[2:],
        ac3(size_code=63),
        ac3()[:5] + b"\xff" * 9,
    ],
)
def test_frames_of_ac3_that_make_no_sense_are_refused(sample: bytes) -> None:
    with pytest.raises(InvalidDecoderConfiguration):
        ac3_sample_entry(sample)
    with pytest.raises(InvalidDecoderConfiguration):
        eac3_sample_entry(sample)


def test_ac3_and_eac3_are_not_taken_for_one_another() -> None:
    with pytest.raises(InvalidDecoderConfiguration):
        ac3_sample_entry(eac3())
    with pytest.raises(InvalidDecoderConfiguration):
        eac3_sample_entry(ac3())
    with pytest.raises(InvalidDecoderConfiguration, match="dependent"):
        eac3_sample_entry(eac3(kind=1))


OPUS = b"OpusHead\1\2" + (312).to_bytes(2, "little") + (44_100).to_bytes(4, "little") + b"\0\1\0"
SURROUND = b"OpusHead\1\6" + bytes(8) + b"\1\4\2" + bytes((0, 4, 1, 2, 3, 5))


def test_opus_in_its_entry() -> None:
    box, children = entry(opus_sample_entry(OPUS))
    assert box.kind == b"Opus"
    assert box.fields("HHHHI", 16) == (2, 16, 0, 0, 48_000 << 16)
    assert children[b"dOps"].payload == bytes.fromhex(
        "00 02 0138 0000ac44 0100 00".replace(" ", "")
    )
    _, children = entry(opus_sample_entry(SURROUND))
    assert children[b"dOps"].payload[10:] == SURROUND[18:]


@pytest.mark.parametrize(
    "head",
    [
        b"",
        OPUS[:-1],
        b"OpusTags" + OPUS[8:],
        b"OpusHead\x11" + OPUS[9:],
        b"OpusHead\1\3" + OPUS[10:],
        SURROUND[:-1],
        SURROUND[:19] + b"\4\5" + SURROUND[21:],
        SURROUND[:-1] + b"\6",
    ],
)
def test_an_opus_header_that_makes_no_sense_is_refused(head: bytes) -> None:
    with pytest.raises(InvalidDecoderConfiguration):
        opus_configuration(head)


def streaminfo(*, rate: int = 44_100, channels: int = 2, depth: int = 16) -> bytes:
    packed = rate << 44 | (channels - 1) << 41 | (depth - 1) << 36 | 1000
    return b"\x10\0\x10\0" + bytes(6) + packed.to_bytes(8) + bytes(16)


@pytest.mark.parametrize(
    ("rate", "written"), [(44_100, 44_100), (96_000, 48_000), (176_400, 44_100), (192_000, 48_000)]
)
def test_flac_in_its_entry(rate: int, written: int) -> None:
    info = streaminfo(rate=rate, depth=24)
    for data in (info, b"fLaC\x80\0\0\x22" + info):
        box, children = entry(flac_sample_entry(data))
        assert box.kind == b"fLaC"
        assert box.fields("HHHHI", 16) == (2, 24, 0, 0, written << 16)
        assert children[b"dfLa"].payload == b"\0\0\0\0\x80\0\0\x22" + info
    assert flac_configuration(info).samples == 1000


@pytest.mark.parametrize("data", [b"", streaminfo()[:33], streaminfo(rate=0), bytes(34)])
def test_a_streaminfo_that_makes_no_sense_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidDecoderConfiguration):
        flac_configuration(data)


@pytest.mark.parametrize(
    ("head", "name", "expected"),
    [
        ("fffb9064", "mp4a.6B", (44_100, 2, 1152)),
        ("fffb54c4", "mp4a.6B", (48_000, 1, 1152)),
        ("fff384c4", "mp4a.69", (24_000, 1, 576)),
    ],
)
def test_mp3_by_its_frames(head: str, name: str, expected: tuple[int, int, int]) -> None:
    frame = bytes.fromhex(head)
    found = mp3_format(frame)
    assert (found.sample_rate, found.channels, found.frame_length) == expected
    assert mp3_codec_string(frame) == name
    box, children = entry(mp3_sample_entry(frame))
    assert box.kind == b"mp4a"
    assert bytes((int(name[5:], 16), 0x15)) in children[b"esds"].payload


@pytest.mark.parametrize("head", ["", "fffb", "0000ffff", "fffd9064", "fffb9c64", "ffe39064"])
def test_frames_that_are_no_mp3_are_refused(head: str) -> None:
    with pytest.raises(InvalidDecoderConfiguration):
        mp3_format(bytes.fromhex(head))


@given(
    st.sampled_from(["aac", "ac3", "eac3", "opus", "flac", "mp3", "vorbis"]),
    st.binary(max_size=50),
    st.binary(max_size=200) | st.binary(max_size=80).map(lambda tail: b"\x0b\x77" + tail),
)
def test_any_bytes_are_a_format_or_refused(codec: str, record: bytes, first: bytes) -> None:
    with suppress(InvalidDecoderConfiguration):
        form = audio_format(SourceSound(codec, record, 2, 48_000), first)
        assert form.codec_string
        form.lengths(first, [len(first)])


def test_the_heads_of_all_frames_in_a_sample_are_read() -> None:
    assert [frame.size for frame in sync_frames(ac3() + ac3(acmod=2, lfe=0))] == [1792, 1792]
