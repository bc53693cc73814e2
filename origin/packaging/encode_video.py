"""Encodes one rung: pictures of any kind become H.264 whose key pictures lie on the cut plan."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import av.error
from av.codec.context import Flags
from av.container import InputContainer
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType, VideoFrame
from av.video.stream import VideoStream

from core.codecs.avc import avc_codec_string, avc_sample_entry
from core.isobmff.sample_entry import VisualTraits
from core.media.description import TrackDescription
from core.media.ladder import Rung
from core.media.presentation import TrackKind
from core.media.ticks import Ticks, rescale
from core.media.timeline import CutPlan
from origin.packaging.demux import (
    AnyPacket,
    lacks_presentation_times,
    may_jump,
    open_source,
    packets,
    select,
)
from origin.packaging.faults import CorruptSource
from origin.packaging.limits import Limits
from origin.packaging.picture import PictureFilter, encoded_colour, tagged_colour
from origin.packaging.progress import Progress, Pulse
from origin.packaging.report import SourceReport, VideoTrackInfo
from origin.packaging.timing import DecodeTimes, TickScale, VideoSample
from origin.packaging.track import SYNC, PackagedTrack, TrackWriter

SEGMENT_TARGET_S = 4
PRESET = "veryfast"
LIMITED_RANGE = 1
USUAL_RATE = Fraction(25)
LONGEST_STEP_BACK_S = 1
LONGEST_STEP_S = 30
"""In containers whose clocks may jump, a longer step forward is such a jump, not a long picture."""


def transcode_video(
    path: Path,
    report: SourceReport,
    rung: Rung,
    plan: CutPlan | None,
    out: Path,
    progress: Progress,
    *,
    limits: Limits | None = None,
) -> PackagedTrack:
    """Encode the source's video track at a rung into the folder `v-{rung}` of `out`.

    Key pictures, and only they, lie at the plan's starts; without a plan at the first picture 4 s
    and more after the last one, so that `sync_times` make the plan for other rungs. As many
    pictures come out as were decoded. Raises a `SourceFault` when nothing can be decoded.
    """
    limits = limits or Limits()
    assert report.video is not None, "a source without video has no rung"
    with open_source(path, limits) as container:
        (stream,) = select(container, [report.video.index])
        assert isinstance(stream, VideoStream)
        encoding = _Encoding(container, report.video, rung, plan, out, limits)
        try:
            encoding.run(container, stream, Pulse(progress), report.size_bytes)
            track = encoding.finish()
        except BaseException:
            encoding.discard()
            raise
    progress.advance(1.0)
    return track


class _Encoding:
    def __init__(
        self,
        container: InputContainer,
        track: VideoTrackInfo,
        rung: Rung,
        plan: CutPlan | None,
        out: Path,
        limits: Limits,
    ) -> None:
        scale = TickScale(Fraction(*track.time_base), track.start)
        self._track = track
        self._rung = rung
        self._limits = limits
        self._clock = PictureClock(
            scale,
            track.rate,
            jumps=may_jump(container),
            by_decoding=lacks_presentation_times(container),
        )
        self._cuts = Cuts(scale.timescale, plan)
        self._filter = PictureFilter(
            track, (rung.width, rung.height), scale.timescale, threads=limits.threads
        )
        self._encoder = _encoder(track, rung, scale.timescale, limits.threads)
        self._times = DecodeTimes(SYNC)
        self._end = plan_end(plan, scale.timescale)
        self._undecodable = 0
        self._pictures = 0
        self._writer = TrackWriter(
            out / f"v-{rung.name}", _description(track, rung, self._encoder), scale.timescale
        )

    def run(
        self, container: InputContainer, stream: VideoStream, pulse: Pulse, size_bytes: int
    ) -> None:
        stream.codec_context.thread_count = self._limits.threads
        stream.codec_context.thread_type = "AUTO"
        stream.codec_context.options = {"max_pixels": str(self._limits.largest_area)}
        for packet in packets(container, [stream]):
            self._take(self._decode(stream, packet))
            pulse.beat((packet.pos or 0) / size_bytes)
        self._take(self._decode(stream, None))
        self._encode(self._filter.flush())
        self._write(self._encoder.encode_lazy(None))

    def finish(self) -> PackagedTrack:
        if self._pictures == 0:
            raise CorruptSource("None of the pictures of this file can be decoded.")
        self._writer.index(self._times.finish(max(self._end, self._clock.end)))
        notes = (f"{self._undecodable} samples could not be decoded",) if self._undecodable else ()
        return self._writer.finish(TrackKind.VIDEO, self._rung.name, self._track.index, notes=notes)

    def discard(self) -> None:
        self._writer.discard()

    def _decode(self, stream: VideoStream, packet: AnyPacket | None) -> list[VideoFrame]:
        try:
            return stream.codec_context.decode(packet)
        except av.error.FFmpegError:
            self._undecodable += 1
            return []

    def _take(self, pictures: list[VideoFrame]) -> None:
        for picture in pictures:
            picture.pts = self._clock.time(picture)
            self._encode(self._filter.push(picture))

    def _encode(self, pictures: Iterator[VideoFrame]) -> None:
        for picture in pictures:
            assert picture.pts is not None
            is_cut, picture.pts = self._cuts.place(picture.pts)
            picture.pict_type = PictureType.I if is_cut else PictureType.NONE
            self._pictures += 1
            self._write(self._encoder.encode_lazy(picture))

    def _write(self, encoded: Iterator[AnyPacket]) -> None:
        for packet in encoded:
            assert packet.pts is not None
            sample = bytes(packet)
            flags = SYNC if packet.is_keyframe else 0
            self._writer.write(sample)
            self._writer.index(self._times.push(VideoSample(len(sample), packet.pts, 0, flags)))


class PictureClock:
    """Turns the times of decoded pictures into strictly rising ticks from 0.

    A picture without a time follows the one before it by the usual distance, and so does one that
    steps back by more than a second or, where clocks may jump, ahead by more than 30 s. With
    `by_decoding` the times at which pictures were decoded stand for those at which they are shown.
    """

    def __init__(
        self, scale: TickScale, rate: Fraction | None, *, jumps: bool, by_decoding: bool
    ) -> None:
        self._scale = scale
        self._usual = max(1, int(scale.timescale / (rate or USUAL_RATE)))
        self._jumps = jumps
        self._by_decoding = by_decoding
        self._shift: int | None = None
        self._last = 0
        self.end = 0

    def time(self, picture: VideoFrame) -> int:
        """Give the picture's time in ticks."""
        stamp = None if self._by_decoding else picture.pts
        time = self._place(picture.dts if stamp is None else stamp)
        self._last = time
        lasts = self._scale.span(picture.duration) if picture.duration > 0 else self._usual
        self.end = time + max(1, lasts)
        return time

    def _place(self, stamp: int | None) -> int:
        own = None if stamp is None else self._scale.ticks(stamp)
        if self._shift is None:
            self._shift = -(own or 0)
            return 0
        follows = self._last + self._usual
        if own is None:
            return follows
        time = own + self._shift
        step = time - self._last
        longest = LONGEST_STEP_S * self._scale.timescale
        if step < -LONGEST_STEP_BACK_S * self._scale.timescale or (self._jumps and step > longest):
            self._shift += follows - time
            return follows
        return max(time, self._last + 1)


class Cuts:
    """Says which pictures begin a segment."""

    def __init__(self, timescale: int, plan: CutPlan | None) -> None:
        self._target = SEGMENT_TARGET_S * timescale
        self._planned: Iterator[int] | None = None
        if plan is not None:
            self._planned = (rescale(start, plan.timescale, timescale) for start in plan.starts)
        self._next: int | None = 0 if self._planned is None else next(self._planned, None)

    def place(self, time: int) -> tuple[bool, int]:
        """Say whether a picture begins a segment, and at what time.

        Where the picture of a planned cut is missing, because it could not be decoded, the one
        after it is shown earlier: all renditions are cut at the same times.
        """
        if self._next is None or time < self._next:
            return False, time
        if self._planned is None:
            self._next = time + self._target
            return True, time
        planned, self._next = self._next, next(self._planned, None)
        return True, planned


def plan_end(plan: CutPlan | None, timescale: int) -> Ticks:
    """Give a plan's end in ticks of a timescale, 0 without a plan."""
    return Ticks(0) if plan is None else rescale(plan.end, plan.timescale, timescale)


def _encoder(track: VideoTrackInfo, rung: Rung, timescale: int, threads: int) -> VideoCodecContext:
    encoder = av.CodecContext.create("libx264", "w")
    encoder.width, encoder.height = rung.width, rung.height
    encoder.pix_fmt = "yuv420p"
    encoder.time_base = Fraction(1, timescale)
    encoder.framerate = track.rate or USUAL_RATE
    encoder.sample_aspect_ratio = Fraction(1)
    encoder.color_primaries, encoder.color_trc, encoder.colorspace = encoded_colour(track)
    encoder.color_range = LIMITED_RANGE
    encoder.thread_count = threads
    encoder.flags |= Flags.global_header
    encoder.options = {
        "preset": PRESET,
        "profile": "high",
        "crf": str(rung.crf),
        "maxrate": str(rung.peak_bps),
        "bufsize": str(rung.buffer_bits),
        "forced-idr": "1",
        # Length-prefixed samples with an avcC record; key pictures where we ask for them alone.
        "x264-params": "annexb=0:keyint=infinite:scenecut=0:open-gop=0",
    }
    encoder.open()
    return encoder


def _description(track: VideoTrackInfo, rung: Rung, encoder: VideoCodecContext) -> TrackDescription:
    record = encoder.extradata or b""
    colr = tagged_colour(encoded_colour(track), full_range=False)
    return TrackDescription(
        kind=TrackKind.VIDEO,
        codec=avc_codec_string(record),
        sample_entry=avc_sample_entry(record, rung.width, rung.height, VisualTraits(colr=colr)),
        width=rung.width,
        height=rung.height,
        display_width=rung.width,
        display_height=rung.height,
        matrix=track.matrix,
        frame_rate=track.frame_rate,
        language=track.language,
        label=track.label,
    )
