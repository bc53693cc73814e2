"""A whole track as one file: any stretch of it is what lies there, and nothing more is made."""

import io

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.media.build import SegmentTable, segment_table
from core.media.ticks import Ticks
from core.media.timeline import CutPlan
from core.media.track_file import FlatRange, TrackFile, track_file
from native import SEGMENT_TYPE_BYTES, TrackIndex
from tests.fixtures.boxes import top
from tests.fixtures.indexes import SYNC, Row, index_bytes
from tests.fixtures.packaged import (
    PackagedClip,
    encode_audio,
    encode_video,
    init_of,
    package_audio,
    package_video,
    segments,
)

CLIPS = {"video": package_video(encode_video()), "audio": package_audio(encode_audio())}


def cut(clip: PackagedClip) -> SegmentTable:
    """Cut a second at a time; pictures lie on their own grid, sound snaps to it."""
    index = CLIPS["video"].index
    times = [Ticks(time - index.priming) for _, time in index.sync_times()]
    plan = CutPlan(index.timescale, tuple(times), Ticks(index.duration))
    return segment_table(clip.index, plan)


def file_of(clip: PackagedClip) -> TrackFile:
    made = track_file(clip.index, cut(clip), init_of(clip))
    assert made is not None
    return made


def bytes_of(clip: PackagedClip, file: TrackFile, start: int, stop: int) -> bytes:
    return b"".join(
        clip.flat[piece.offset : piece.offset + piece.length]
        if isinstance(piece, FlatRange)
        else piece
        for piece in file.pieces(start, stop)
    )


@pytest.mark.parametrize("kind", CLIPS)
def test_it_is_the_init_segment_the_index_and_the_fragments_of_the_segments(kind: str) -> None:
    clip = CLIPS[kind]
    file = file_of(clip)
    whole = bytes_of(clip, file, 0, file.layout.length)
    assert len(whole) == file.layout.length
    fragments = [segment[SEGMENT_TYPE_BYTES:] for segment in segments(clip, cut(clip))]
    assert len(fragments) >= 2
    assert whole[: file.layout.init_bytes] == file.init == init_of(clip)
    assert whole[file.layout.head_bytes :] == b"".join(fragments)
    kinds = [box.kind for box in top(whole).children()]
    assert kinds == [b"ftyp", b"moov", b"sidx", *[b"moof", b"mdat"] * len(fragments)]


@pytest.mark.parametrize("kind", CLIPS)
def test_the_index_leads_to_every_fragment(kind: str) -> None:
    clip = CLIPS[kind]
    file, table = file_of(clip), cut(clip)
    whole = bytes_of(clip, file, 0, file.layout.length)
    sidx = top(whole).find("sidx")
    assert (sidx.start, sidx.size) == (file.layout.init_bytes, file.layout.index_bytes)
    time, at = sidx.fields("Q", 12)[0], sidx.start + sidx.size
    for number, span in enumerate(table.spans):
        size, duration, access = sidx.fields("III", 32 + 12 * number)
        assert (time, duration, access) == (span.start, span.duration, 0x90000000)
        assert at == file.layout.fragments[number]
        assert [box.kind for box in top(whole[at : at + size]).children()] == [b"moof", b"mdat"]
        time, at = time + duration, at + size
    assert at == len(whole) == file.layout.fragments[-1]


@pytest.mark.parametrize("kind", CLIPS)
def test_ffmpeg_finds_every_packet_in_it(kind: str) -> None:
    clip = CLIPS[kind]
    file = file_of(clip)
    whole = bytes_of(clip, file, 0, file.layout.length)
    with av.open(io.BytesIO(whole), "r") as container:
        sizes = [packet.size for packet in container.demux() if packet.size]
    index = clip.index
    assert sizes == [index.sample(number)[1] for number in range(index.sample_count)]


@given(st.sampled_from(sorted(CLIPS)), st.data())
def test_any_stretch_is_what_lies_there(kind: str, data: st.DataObject) -> None:
    clip = CLIPS[kind]
    file = file_of(clip)
    whole = bytes_of(clip, file, 0, file.layout.length)
    places = st.integers(0, len(whole)) | st.sampled_from(
        [0, file.layout.init_bytes, *file.layout.fragments]
    ).flatmap(lambda at: st.integers(max(0, at - 2), min(len(whole), at + 2)))
    start, stop = sorted((data.draw(places), data.draw(places)))
    assert bytes_of(clip, file, start, stop) == whole[start:stop]
    assert all(piece for piece in file.pieces(start, stop) if isinstance(piece, bytes))


def test_a_stretch_beyond_the_file_is_refused() -> None:
    file = file_of(CLIPS["video"])
    for start, stop in ((-1, 1), (2, 1), (0, file.layout.length + 1)):
        with pytest.raises(ValueError, match="of a file of"):
            list(file.pieces(start, stop))


def test_pieces_are_made_as_they_are_asked_for() -> None:
    rows: list[Row] = [(10, 1000, 0, SYNC)] * 3
    index = TrackIndex(
        index_bytes(rows, timescale=1000, description=CLIPS["audio"].index.description)
    )
    plan = CutPlan(1000, (Ticks(0), Ticks(1000), Ticks(2000)), Ticks(3000))
    file = track_file(index, segment_table(index, plan), b"init")
    assert file is not None
    pieces = file.pieces(0, file.layout.length)
    assert next(pieces) == file.head
    header, body = next(pieces), next(pieces)
    assert isinstance(header, bytes)
    assert body == FlatRange(0, 10)
    assert list(file.pieces(file.layout.length - 4, file.layout.length)) == [FlatRange(26, 4)]


def test_a_track_that_no_sidx_can_hold_has_no_file() -> None:
    description = CLIPS["audio"].index.description
    index = TrackIndex(index_bytes([(2**31, 1, 0, SYNC)], timescale=1, description=description))
    table = segment_table(index, CutPlan(1, (Ticks(0),), Ticks(1)))
    assert track_file(index, table, b"") is None
