"""The fuzz invariant of MP4 files: any bytes end in samples or in `MalformedMovie`.

Real small files, whole and fragmented, are spoiled in their boxes. Both twins come to the same,
whatever is given lies within the file, and memory stays in proportion to it.
"""

import struct
import tracemalloc
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.isobmff.movie import read_movie
from native import MalformedMovie, _samples
from tests.fixtures.media import Picture, Sound, make_clip
from tests.fixtures.movie_checks import check_movie
from tests.fixtures.movies import open_track, parts_of

CLIPS: dict[str, dict[str, str]] = {
    "whole.mp4": {},
    "index-first.mov": {"movflags": "faststart"},
    "negative.mp4": {"movflags": "negative_cts_offsets"},
    "fragmented.mp4": {"movflags": "frag_keyframe+empty_moov"},
    "cmaf.mp4": {"movflags": "cmaf+frag_keyframe+empty_moov+global_sidx"},
    "hybrid.mp4": {"movflags": "frag_keyframe"},
}
WORDS = (0, 1, 2, 7, 8, 16, 2**16, 2**31 - 1, 2**31, 2**32 - 1)
BOXES = (
    b"moov moof trak mdia stbl traf stts stsc stco stsz ctts stss elst tfhd tfdt trun trex stsd"
).split()
KINDS = (b"stsz", b"stz2", b"stco", b"co64", b"stps", b"trun", b"free", b"moof", b"trak", b"sbgp")


@cache
def seed(name: str) -> bytes:
    """Make a short clip, most of which are boxes."""
    with TemporaryDirectory() as folder:
        clip = make_clip(
            Path(folder) / name,
            Picture(count=12, gop=5, b_frames=2, width=32, height=32),
            Sound(samples=9600),
            options=CLIPS[name],
        )
        return clip.read_bytes()


def check(data: bytes) -> str:
    """Read a file with both twins; give the refusals, or nothing."""
    refusal, tracks = check_movie(data)
    return refusal + "".join(said for _, said in tracks)


@pytest.mark.parametrize("name", CLIPS)
def test_the_files_themselves_are_sound(name: str) -> None:
    assert check(seed(name)) == ""


@st.composite
def spoiled(draw: st.DrawFn) -> bytes:
    data = bytearray(seed(draw(st.sampled_from(list(CLIPS)))))
    boxes = [at for kind in BOXES for at in _places(data, kind)]
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.sampled_from(boxes)) + 4 * draw(st.integers(-1, 12))
        match draw(st.sampled_from(["word", "word", "flip", "cut", "double", "rename", "any"])):
            case "word":
                _put(data, at, draw(st.sampled_from(WORDS)))
            case "flip":
                at = min(at, len(data) - 1)
                data[at] ^= 1 << draw(st.integers(0, 7))
            case "cut":
                del data[draw(st.integers(0, len(data))) :]
                data += bytes(max(0, 64 - len(data)))
            case "double":
                data[at:at] = data[at : at + draw(st.integers(1, 32))]
            case "rename":
                at = draw(st.sampled_from(boxes))
                data[at : at + 4] = draw(st.sampled_from(KINDS))
            case _:
                _put(data, draw(st.integers(0, len(data))), draw(st.integers(0, 2**32 - 1)))
    return bytes(data)


def _places(data: bytearray, kind: bytes) -> list[int]:
    places, at = [], data.find(kind)
    while at >= 0:
        places.append(at)
        at = data.find(kind, at + 1)
    return places


def _put(data: bytearray, at: int, value: int) -> None:
    struct.pack_into(">I", data, max(0, min(at, len(data) - 4)), value)


@given(spoiled())
def test_any_spoiled_file_is_samples_or_a_refusal(data: bytes) -> None:
    check(data)


@given(st.binary(max_size=200))
def test_any_bytes_are_samples_or_a_refusal(data: bytes) -> None:
    check(data)


@given(spoiled())
def test_no_claim_makes_memory_grow(data: bytes) -> None:
    tracemalloc.start()
    try:
        movie = read_movie(parts_of(data))
        for track in movie.tracks:
            table = open_track(_samples, movie, track)
            while table.next_run(1 << 20, 100) is not None:
                pass
    except MalformedMovie:
        pass
    finally:
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < 100_000 + 16 * len(data)
