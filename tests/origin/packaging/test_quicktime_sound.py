"""Sound as QuickTime describes it: sample descriptions of versions 1 and 2, `wave` inside of them.

QuickTime File Format Specification, "Sound Sample Descriptions". The same film comes to the same
tracks however its sound is described, and a description that is spoilt never passes for another.
"""

import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from core.isobmff.box import box
from origin.packaging.direct import read_directly
from origin.packaging.faults import CorruptSource
from origin.packaging.limits import Limits
from origin.packaging.movie_probe import probe_movie
from origin.packaging.probe import probe
from origin.packaging.report import Decision
from tests.fixtures.media import Picture, Sound, make_clip

HEAD = 36
"""Of a description of version 0, before what extends it."""
VERSION = 16
CONTAINERS = (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd")
TERMINATOR = struct.pack(">II", 8, 0)
NOT_COMPRESSED = -1
VARIABLE_RATE = -2

Description = Callable[[bytes, bytes], bytes]
"""Makes a description out of one of version 0: its head, and the boxes behind it."""


def wave(kind: bytes, boxes: bytes) -> bytes:
    """Give what a decoder of QuickTime is told."""
    return box(b"wave", box(b"frma", kind), box(kind, bytes(4)), boxes, TERMINATOR)


def version_1(head: bytes, boxes: bytes, *, packet: int = 1024, compression: int = -2) -> bytes:
    """Give the head with the four fields that version 1 adds, and the boxes."""
    fields = struct.pack(">IIII", packet, 0, 0, 2)
    return (
        head[:VERSION] + b"\0\1" + head[VERSION + 2 : 28] + struct.pack(">h", compression)
        + head[30:] + fields + boxes
    )  # fmt: skip


def version_2(
    head: bytes, boxes: bytes, *, bits: int = 0, flags: int = 0, packet: int = 0
) -> bytes:
    """Give a description whose numbers stand in 36 bytes of their own."""
    channels, rate = struct.unpack_from(">H", head, 24)[0], struct.unpack_from(">I", head, 32)[0]
    frames = 1 if packet else 1024
    return (
        head[:VERSION] + b"\0\2" + head[VERSION + 2 : 24]
        + struct.pack(">HHhHI", 3, 16, VARIABLE_RATE, 0, 1 << 16)
        + struct.pack(">IdIIIIII", 72, float(rate >> 16), channels, 0x7F000000, bits, flags, packet,
                      frames)
        + boxes
    )  # fmt: skip


def redescribed(data: bytes, kind: bytes, description: Description) -> bytes:
    """Describe the sound of a film anew, in which no sample lies behind `moov`."""
    parents, at, end = [], 0, len(data)
    while True:
        length, found = struct.unpack_from(">I4s", data, at)
        if found == kind:
            break
        inside = found in CONTAINERS and (found != b"trak" or kind in data[at : at + length])
        if inside:
            parents.append(at)
        at, end = (at + 8 + 8 * (found == b"stsd"), at + length) if inside else (at + length, end)
        assert at < end
    old = data[at : at + length]
    new = description(old[:HEAD], old[HEAD:])
    new = struct.pack(">I", len(new)) + new[4:]
    spoilt = bytearray(data[:at] + new + data[at + length :])
    for parent in parents:
        size = struct.unpack_from(">I", data, parent)[0]
        struct.pack_into(">I", spoilt, parent, size + len(new) - length)
    return bytes(spoilt)


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("films") / "film.mp4"
    return make_clip(path, Picture(count=25), Sound(samples=48000))


@pytest.mark.parametrize(
    "description",
    [
        lambda head, boxes: version_1(head, wave(b"mp4a", boxes)),
        version_1,
        lambda head, boxes: version_2(head, wave(b"mp4a", boxes)),
        version_2,
    ],
    ids=["1, in wave", "1, beside", "2, in wave", "2, beside"],
)
def test_a_film_has_the_same_tracks_however_its_sound_is_described(
    film: Path, tmp_path: Path, description: Description
) -> None:
    path = tmp_path / "film.mov"
    data = redescribed(film.read_bytes(), b"mp4a", description)
    path.write_bytes(data.replace(b"isomiso2avc1mp41", b"qt  iso2avc1mp41"))
    assert probe_movie(path, Limits()) is None
    plain, report = probe(film, Limits()), probe(path, Limits())
    assert report.audio == plain.audio
    tracks, expected = read_directly(path, report).tracks, read_directly(film, plain).tracks
    assert [track.index for track in tracks] == [track.index for track in expected]
    assert [track.description for track in tracks] == [track.description for track in expected]


LPCM_INTEGER = 0xC  # signed integers, packed
AS_LPCM: dict[str, Description] = {
    "1": lambda head, boxes: version_1(head, boxes, packet=1, compression=NOT_COMPRESSED),
    "2": lambda head, boxes: version_2(
        head[:4] + b"lpcm" + head[8:], boxes, bits=16, flags=LPCM_INTEGER, packet=4
    ),
}


@pytest.mark.parametrize("version", AS_LPCM)
def test_sound_that_is_not_compressed_is_read_by_its_description_and_encoded(
    tmp_path: Path, version: str
) -> None:
    path = make_clip(tmp_path / "film.mov", Picture(count=25), Sound("pcm_s16le", samples=48000))
    plain = probe(path, Limits())
    path.write_bytes(redescribed(path.read_bytes(), b"sowt", AS_LPCM[version]))
    assert probe_movie(path, Limits()) is None
    (sound,) = probe(path, Limits()).audio
    assert sound == plain.audio[0]
    assert (sound.codec, sound.decision) == ("pcm_s16le", Decision.TRANSCODE)


SPOILT: dict[str, Description] = {
    "version 1 without its fields": lambda head, _: head[:VERSION] + b"\0\1" + head[VERSION + 2 :],
    "version 2 without its fields": lambda head, _: head[:VERSION] + b"\0\2" + head[VERSION + 2 :],
    "version 3": lambda head, boxes: head[:VERSION] + b"\0\3" + head[VERSION + 2 :] + boxes,
    "wave beyond its entry": lambda head, boxes: version_1(
        head, b"\0\0\7\0wave" + wave(b"mp4a", boxes)[8:]
    ),
    "wave within wave within wave": lambda head, boxes: version_1(
        head, box(b"wave", box(b"wave", wave(b"mp4a", boxes)))
    ),
    "esds beyond wave": lambda head, boxes: version_1(head, wave(b"mp4a", b"\0\0\1\0" + boxes[4:])),
    "a struct of no bytes": lambda head, boxes: version_2(head, boxes)[:HEAD] + bytes(36) + boxes,
    "rates that are no numbers": lambda head, boxes: (
        version_2(head, b"")[: HEAD + 4] + b"\x7f\xf8" + bytes(30) + boxes
    ),
}


@pytest.mark.parametrize("name", SPOILT)
def test_a_spoilt_description_is_refused_or_comes_to_the_sound_itself(
    film: Path, tmp_path: Path, name: str
) -> None:
    path = tmp_path / "film.mov"
    data = redescribed(film.read_bytes(), b"mp4a", SPOILT[name])
    path.write_bytes(data.replace(b"isomiso2avc1mp41", b"qt  iso2avc1mp41"))
    assert probe_movie(path, Limits()) is None
    plain = probe(film, Limits())
    try:
        report = probe(path, Limits())
    except CorruptSource:
        return
    assert report.video == plain.video
    for sound in report.audio:
        assert sound.decision != Decision.COPY or sound.record == plain.audio[0].record
