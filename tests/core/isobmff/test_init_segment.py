"""The init segment, box by box."""

import struct
from dataclasses import dataclass

import msgspec
import pytest

from core.codecs.aac import mp4a_sample_entry
from core.isobmff.bit_rates import BitRates, with_bit_rates
from core.isobmff.init_segment import init_segment
from core.media.description import IDENTITY_MATRIX, TrackDescription
from core.media.presentation import TrackKind
from core.media.ticks import Ticks
from tests.fixtures.boxes import Box, top

ENTRY = b"\0\0\0\x10avc1whatever"
ROTATED = (0, 0x10000, 0, -0x10000, 0, 0, 1080 << 16, 0, 0x40000000)
VIDEO = TrackDescription(
    kind=TrackKind.VIDEO,
    codec="avc1.64001f",
    sample_entry=ENTRY,
    width=1440,
    height=1080,
    display_width=1920,
    display_height=1080,
    matrix=ROTATED,
)
RATES = BitRates(5000, 300_000, 200_000)
RATES_AT_ONCE = struct.pack(">II", 300_000, 200_000)
AUDIO = TrackDescription(kind=TrackKind.AUDIO, codec="mp4a.40.2", sample_entry=ENTRY)


@dataclass(frozen=True)
class Init:
    data: bytes

    def at(self, path: str) -> Box:
        return top(self.data).find(path)


def init(description: TrackDescription, *, priming: int = 0, duration: int = 240_000) -> Init:
    return Init(
        init_segment(
            description,
            timescale=48_000,
            duration=Ticks(duration),
            priming=Ticks(priming),
            rates=RATES,
        )
    )


def language(code: str) -> TrackDescription:
    return msgspec.structs.replace(AUDIO, language=code)


def test_an_init_segment_is_a_file_type_and_a_movie_with_one_track() -> None:
    segment = init(VIDEO)
    assert [box.kind for box in top(segment.data).children()] == [b"ftyp", b"moov"]
    assert segment.at("ftyp").payload[:4] == b"iso6"
    assert b"cmfc" in segment.at("ftyp").payload[8:]
    assert [box.kind for box in segment.at("moov").children()] == [b"mvhd", b"trak", b"mvex"]
    assert segment.at("moov/mvhd").fields("III", 4) == (0, 0, 48_000)
    assert segment.at("moov/mvhd").fields("9i", 36) == IDENTITY_MATRIX
    assert segment.at("moov/mvhd").fields("I", 96) == (2,)
    assert len(segment.at("moov/mvhd").payload) == 100


def test_the_track_header_turns_the_displayed_size() -> None:
    tkhd = init(VIDEO).at("moov/trak/tkhd")
    assert (tkhd.version, tkhd.flags, len(tkhd.payload)) == (0, 3, 84)
    assert tkhd.fields("I", 12) == (1,)
    assert tkhd.fields("HHH", 32) == (0, 0, 0)
    assert tkhd.fields("9i", 40) == ROTATED
    assert tkhd.fields("II", 76) == (1920 << 16, 1080 << 16)


def test_audio_sounds_and_has_no_size() -> None:
    tkhd = init(AUDIO).at("moov/trak/tkhd")
    assert tkhd.fields("HHH", 32) == (0, 1, 0x100)
    assert tkhd.fields("II", 76) == (0, 0)


@pytest.mark.parametrize(
    ("description", "handler", "header"),
    [(VIDEO, b"vide", b"vmhd"), (AUDIO, b"soun", b"smhd")],
)
def test_each_kind_has_its_handler(
    description: TrackDescription, handler: bytes, header: bytes
) -> None:
    segment = init(description)
    assert segment.at("moov/trak/mdia/hdlr").payload[8:12] == handler
    assert segment.at("moov/trak/mdia/hdlr").payload[-1] == 0
    kinds = [box.kind for box in segment.at("moov/trak/mdia/minf").children()]
    assert kinds == [header, b"dinf", b"stbl"]


def test_sample_tables_are_empty_and_the_entry_is_the_one_described() -> None:
    segment = init(VIDEO)
    stbl = "moov/trak/mdia/minf/stbl"
    told = with_bit_rates(ENTRY, RATES)
    assert segment.at(f"{stbl}/stsd").payload == b"\0\0\0\0\0\0\0\x01" + told
    for kind in ("stts", "stsc", "stco"):
        assert segment.at(f"{stbl}/{kind}").payload == bytes(8)
    assert segment.at(f"{stbl}/stsz").payload == bytes(12)
    url = segment.at("moov/trak/mdia/minf/dinf/dref").children(8)
    assert [(box.kind, box.flags) for box in url] == [(b"url ", 1)]


def test_priming_is_the_one_edit() -> None:
    elst = init(AUDIO, priming=1024).at("moov/trak/edts/elst")
    assert elst.version == 0
    assert elst.fields("IIiI") == (1, 0, 1024, 0x10000)


def test_a_priming_beyond_31_bits_takes_the_wide_edit() -> None:
    elst = init(AUDIO, priming=2**31, duration=2**40).at("moov/trak/edts/elst")
    assert elst.version == 1
    assert elst.fields("IQqI") == (1, 0, 2**31, 0x10000)


def test_without_priming_there_is_no_edit() -> None:
    assert top(init(VIDEO).data).find_all("moov/trak/edts") == []


def test_the_movie_extends_by_what_is_presented() -> None:
    segment = init(AUDIO, priming=1024, duration=240_000)
    assert segment.at("moov/mvex/mehd").fields("I") == (240_000 - 1024,)
    assert segment.at("moov/mvex/trex").fields("IIIII") == (1, 1, 0, 0, 0)
    wide = init(AUDIO, duration=2**32).at("moov/mvex/mehd")
    assert (wide.version, wide.fields("Q")) == (1, (2**32,))


@pytest.mark.parametrize(
    ("code", "letters", "tag"),
    [
        ("und", "und", None),
        ("eng", "eng", None),
        ("en", "eng", None),
        ("ger", "deu", None),
        ("pt-BR", "por", b"pt-BR\0"),
        ("xx", "und", b"xx\0"),
        ("no tag", "und", None),
    ],
)
def test_a_language_takes_three_letters_and_a_tag_where_they_do_not_tell(
    code: str, letters: str, tag: bytes | None
) -> None:
    mdia = init(language(code)).at("moov/trak/mdia")
    (packed,) = mdia.find("mdhd").fields("H", 20)
    assert "".join(chr((packed >> shift & 31) + 0x60) for shift in (10, 5, 0)) == letters
    assert [box.payload[4:] for box in mdia.find_all("elng")] == ([tag] if tag else [])


def test_equal_tracks_have_equal_init_segments() -> None:
    assert init(VIDEO).data == init(VIDEO).data


def test_the_sample_entry_ends_in_the_bit_rates() -> None:
    entry = init(VIDEO).at("moov/trak/mdia/minf/stbl/stsd").payload[8:]
    assert entry[8:16] == b"whatever"
    assert entry[16:] == struct.pack(">I4sIII", 20, b"btrt", *RATES)
    assert int.from_bytes(entry[:4]) == len(entry)


def test_the_decoder_configuration_of_a_sound_says_the_same() -> None:
    plain = mp4a_sample_entry(bytes.fromhex("1190"), 2, 48_000)
    told = with_bit_rates(plain, RATES)
    numbers = b"\x40\x15" + bytes(11), b"\x40\x15" + struct.pack(">I", 5000)[1:] + RATES_AT_ONCE
    assert told[4:-20] == plain[4:].replace(*numbers)
    assert told[-20:] == struct.pack(">I4sIII", 20, b"btrt", *RATES)


def test_bit_rates_beyond_their_fields_become_the_largest() -> None:
    told = with_bit_rates(
        mp4a_sample_entry(bytes.fromhex("1190"), 2, 48_000), BitRates(*[2**40] * 3)
    )
    assert b"\x40\x15" + b"\xff" * 11 in told
    assert told.endswith(b"btrt" + b"\xff" * 12)
