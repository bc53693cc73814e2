"""Segments are decoded for real: what FFmpeg reads from ours is what it read from the source."""

from collections.abc import Callable
from fractions import Fraction
from typing import TypeVar

import pytest

from core.media.build import SegmentTable, segment_table
from core.media.ticks import Ticks
from core.media.timeline import CutPlan, cut_plan, even_plan, plan_segments
from tests.fixtures.boxes import fragment_samples, top
from tests.fixtures.packaged import (
    PackagedClip,
    encode_audio,
    encode_video,
    init_of,
    package_audio,
    package_video,
    packets_of,
    pictures_of,
    segments,
    sound_of,
)

T = TypeVar("T")
VARIABLE = tuple(sum(400 + 90 * (n * 7 % 11) for n in range(count)) for count in range(50))


def video_plan(clip: PackagedClip, target: int) -> CutPlan:
    index = clip.index
    times = [Ticks(time) for _, time in index.sync_times()]
    return cut_plan(plan_segments(times, Ticks(index.duration), Ticks(target)), index.timescale)


def whole(clip: PackagedClip, table: SegmentTable) -> bytes:
    return init_of(clip) + b"".join(segments(clip, table))


VIDEOS: dict[str, Callable[[], bytes]] = {
    "B-frames": encode_video,
    "no B-frames": lambda: encode_video(b_frames=0),
    "29.97 fps": lambda: encode_video(rate=Fraction(30_000, 1001), timescale=30_000),
    "variable rate": lambda: encode_video(pts=VARIABLE),
    "one picture": lambda: encode_video(frames=1),
}


@pytest.fixture(params=list(VIDEOS))
def source(request: pytest.FixtureRequest) -> bytes:
    return VIDEOS[str(request.param)]()


def late_by(data: bytes) -> int:
    """How late FFmpeg says the pictures of a fragmented track are.

    Its demuxer makes room for negative composition offsets by moving all presentation times; what
    players of Media Source Extensions do is what ISO/IEC 14496-12 says, and moves nothing.
    """
    moofs = [box for box in top(data).children() if box.kind == b"moof"]
    offsets = [0]
    for moof in moofs:
        trun = moof.find("traf/trun")
        if trun.flags & 0x800:
            entry = 4 * (trun.flags >> 8 & 0xF).bit_count()
            at = 16 if trun.flags & 0x4 else 12
            offsets += [
                trun.fields("i", end - 4)[0]
                for end in range(at + entry, len(trun.payload) + 1, entry)
            ]
    return -min(offsets)


def moved(timed: list[tuple[int, T]], by: int) -> list[tuple[int, T]]:
    return [(time + by, what) for time, what in timed]


@pytest.mark.parametrize("target", [1, 10_000, 10**6], ids=["each GOP", "two GOPs", "whole"])
@pytest.mark.parametrize("edited", [False, True], ids=["signed offsets", "edit"])
def test_video_segments_decode_to_the_pictures_of_the_source(
    source: bytes, target: int, edited: bool
) -> None:
    clip = package_video(source, edited=edited)
    data = whole(clip, segment_table(clip.index, video_plan(clip, target)))
    late = late_by(data)
    assert late == 0 or not edited
    pictures = pictures_of(source)
    assert pictures[0][0] == 0
    assert pictures_of(data) == moved(pictures, late)
    assert packets_of(data) == moved(packets_of(source), late)


@pytest.mark.parametrize("edited", [False, True], ids=["signed offsets", "edit"])
def test_every_video_segment_decodes_on_its_own(source: bytes, edited: bool) -> None:
    clip = package_video(source, edited=edited)
    table = segment_table(clip.index, video_plan(clip, 1))
    alone = []
    for segment, span in zip(segments(clip, table), table.spans, strict=True):
        pictures = moved(pictures_of(init_of(clip) + segment), -late_by(segment))
        assert min(time for time, _ in pictures) == span.start
        alone += pictures
    assert alone == pictures_of(source)


@pytest.mark.parametrize("samples", [100_000, 96_000, 1024, 500])
def test_audio_segments_hold_the_samples_of_the_source(samples: int) -> None:
    clip = package_audio(encode_audio(samples=samples))
    end = Ticks(clip.index.duration - clip.index.priming)
    table = segment_table(clip.index, cut_plan(even_plan(end, Ticks(24_000)), 48_000))
    data = whole(clip, table)
    assert packets_of(data) == packets_of(clip.source)
    assert sound_of(data) == sound_of(clip.source)
    durations = [
        sample.duration
        for segment in segments(clip, table)
        for sample in fragment_samples(segment)[1]
    ]
    (edit,) = top(init_of(clip)).find_all("moov/trak/edts/elst")
    _, segment_duration, media_time, rate = edit.fields("IIiI")
    assert (segment_duration, rate) == (0, 0x10000)
    assert sum(durations) - media_time == samples


def test_bodies_of_all_segments_are_the_flat_file() -> None:
    clip = package_video(encode_video())
    table = segment_table(clip.index, video_plan(clip, 1))
    bodies = []
    for number, segment in enumerate(segments(clip, table)):
        decode_time, samples = fragment_samples(segment)
        first, last = samples[0], samples[-1]
        bodies.append(segment[first.offset : last.offset + last.size])
        assert decode_time == clip.index.segment(table.first[number], 1)[2]
        assert len(segment) == table.byte_lengths[number]
    assert b"".join(bodies) == clip.flat
