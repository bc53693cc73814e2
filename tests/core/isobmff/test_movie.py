"""The movie of a hand-made file, and what is refused in it."""

import struct

import pytest

from core.isobmff.bit_rates import BitRates
from core.isobmff.box import box, full_box
from core.isobmff.init_segment import init_segment
from core.isobmff.movie import Edit, read_movie, sample_table
from core.media.description import TrackDescription
from core.media.presentation import TrackKind
from core.media.ticks import Ticks
from native import MalformedMovie
from tests.fixtures.movies import parts_of

ENTRY = box(b"twos", bytes(28))
BTRT_BYTES = 20
INIT = init_segment(
    TrackDescription(
        kind=TrackKind.AUDIO, codec="x", sample_entry=ENTRY, channels=2, sample_rate=8000,
        language="de",
    ),
    timescale=8000,
    duration=Ticks(9000),
    priming=Ticks(1000),
    rates=BitRates(1000, 64_000, 48_000),
)  # fmt: skip


def changed(kind: bytes, at: int, value: int) -> bytes:
    """Write a number into a box of the init segment, counted from the box's letters."""
    data = bytearray(INIT)
    struct.pack_into(">I", data, data.index(kind) + at, value)
    return bytes(data)


def without(kind: bytes) -> bytes:
    return INIT.replace(kind, b"free", 1)


def test_our_own_init_segment_is_read() -> None:
    movie = read_movie(parts_of(INIT))
    (track,) = movie.tracks
    assert movie.fragmented
    assert (track.track_id, track.timescale, track.language) == (1, 8000, "deu")
    assert (track.handler, track.path) == (b"soun", "moov/trak[1]")
    assert [(entry.kind, entry.span[1] - entry.span[0]) for entry in track.entries] == [
        (b"twos", len(ENTRY) + BTRT_BYTES)
    ]
    assert track.edits == (Edit(0, 1000, (1, 0)),)
    assert sample_table(movie, track).sample_count == 0


def test_lengths_of_64_bits_and_open_ones_are_read() -> None:
    moov = INIT[INIT.index(b"moov") - 4 :]
    wide = struct.pack(">I4sQ", 1, b"moov", len(moov) + 8) + moov[8:]
    open_end = struct.pack(">I4s", 0, b"moov") + moov[8:]
    for data in (wide, open_end):
        assert len(read_movie(parts_of(data)).tracks) == 1


def test_quicktime_closes_lists_with_zeros() -> None:
    moov = INIT[INIT.index(b"moov") - 4 :]
    closed = struct.pack(">I4s", len(moov) + 4, b"moov") + moov[8:] + bytes(4)
    assert len(read_movie(parts_of(closed)).tracks) == 1


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "file at byte 0 has no moov"),
        (INIT + INIT, "moov at byte .* stands there twice"),
        (INIT + b"\0\0\0", "file at byte .* ends with 3 bytes that are no box"),
        (INIT + b"\0\0\0\x09mdat", "mdat at byte .* claims 9 bytes where 8 are left"),
        (INIT + b"\0\0\0\x04mdat", "mdat at byte .* claims 4 bytes"),
        (INIT + b"\0\0\0\x01mdat" + bytes(8), "mdat at byte .* claims 0 bytes"),
        (INIT + b"\0\0\0\x08\0\1\2\3\0", "ends with 1 bytes"),
        (INIT + b"\0\0\0\x20\0\1\2\3", "0x00010203 at byte .* claims 32 bytes"),
        (without(b"mvhd"), "moov at byte .* has no mvhd"),
        (without(b"tkhd"), r"moov/trak\[1\] at byte .* has no tkhd"),
        (without(b"mdia"), r"moov/trak\[1\] at byte .* has no mdia"),
        (without(b"mdhd"), r"moov/trak\[1\]/mdia at byte .* has no mdhd"),
        (without(b"hdlr"), r"moov/trak\[1\]/mdia at byte .* has no hdlr"),
        (without(b"stsd"), r"moov/trak\[1\]/mdia/minf/stbl at byte .* has no stsd"),
        (INIT.replace(b"hdlr", b"mdhd", 1), r"mdia/mdhd at byte .* stands there twice"),
        (changed(b"mvhd", 4, 2 << 24), "moov/mvhd at byte .* has version 2"),
        (changed(b"mvhd", 16, 0), "moov/mvhd at byte .* has a timescale of 0"),
        (changed(b"mdhd", 16, 0), "mdhd at byte .* has a timescale of 0"),
        (changed(b"tkhd", 16, 0), "tkhd at byte .* has the track number 0"),
        (changed(b"elst", 8, 9), "elst at byte .* claims 9 entries in 12 bytes"),
        (changed(b"stsd", 8, 2), "stsd at byte .* claims 2 entries and has 1"),
        (changed(b"stsd", 8, 2**32 - 1), "stsd at byte .* claims 4294967295 entries"),
        (changed(b"url ", 4, 0), r"dref/url  at byte .* points to another file"),
        (changed(b"trak", -4, 0), "trak at byte .* claims 0 bytes"),
        (without(b"mvex") + box(b"moof", bytes(16)), "has no mvex, yet the file has fragments"),
        (INIT.replace(b"mvex", b"cmov", 1), "moov/cmov at byte .* is compressed"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_with_its_byte(data: bytes, message: str) -> None:
    with pytest.raises(MalformedMovie, match=message):
        read_movie(parts_of(data))


def test_a_track_number_is_given_once() -> None:
    start = INIT.index(b"trak") - 4
    length = struct.unpack_from(">I", INIT, start)[0]
    moov = INIT.index(b"moov")
    data = bytearray(INIT[: start + length] + INIT[start : start + length] + INIT[start + length :])
    struct.pack_into(">I", data, moov - 4, struct.unpack_from(">I", data, moov - 4)[0] + length)
    with pytest.raises(MalformedMovie, match=r"trak\[2\]/tkhd at byte .* repeats the track number"):
        read_movie(parts_of(bytes(data)))


def test_a_box_of_two_defaults_for_a_track_is_refused() -> None:
    trex = full_box(b"trex", 0, 0, struct.pack(">5I", 1, 1, 0, 0, 0))
    data = bytearray(INIT + trex)
    for kind in (b"moov", b"mvex"):
        at = data.index(kind) - 4
        struct.pack_into(">I", data, at, struct.unpack_from(">I", data, at)[0] + len(trex))
    with pytest.raises(MalformedMovie, match=r"trex at byte .* tells of track 1 a second time"):
        read_movie(parts_of(bytes(data)))
