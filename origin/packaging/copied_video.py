"""A video track that is copied: its samples as they are, with times and access of our own."""

from fractions import Fraction
from pathlib import Path

from core.media.presentation import TrackKind
from native import SampleRun, nal_types
from origin.packaging import avc
from origin.packaging.decision import LONGEST_GOP_S
from origin.packaging.demux import AnyPacket
from origin.packaging.description import video_description
from origin.packaging.faults import NeedsTranscodeError
from origin.packaging.movie_source import MovieTrackSource
from origin.packaging.report import VideoTrackInfo
from origin.packaging.timing import DecodeTimes, TickScale, VideoSample
from origin.packaging.track import OPEN_ACCESS, SYNC, PackagedTrack, Purpose, TrackWriter

IDR_UNIT = 1 << avc.IDR
PARAMETER_UNITS = 1 << avc.SEQUENCE_PARAMETERS | 1 << avc.PICTURE_PARAMETERS


class VideoCopier:
    """Copies H.264: every sample as it is, but for repeated parameter sets, which are left out.

    Samples come as packets of FFmpeg's demuxer or, given `source`, as runs of a file's own tables,
    never both.
    """

    def __init__(
        self,
        track: VideoTrackInfo,
        out: Path | None,
        source: MovieTrackSource | None = None,
        *,
        purpose: Purpose = Purpose.PUBLISHED,
    ) -> None:
        self._track = track
        self._configuration = avc.parse_configuration(track.record)
        self._source = source
        base = Fraction(1, source.timescale) if source else Fraction(*track.time_base)
        self._scale = TickScale(base, track.start)
        self._times = DecodeTimes(SYNC)
        self._longest_gop = LONGEST_GOP_S * self._scale.timescale
        self._last_idr = 0
        self._end = 0
        self._first = True
        self._last_dts: int | None = None
        self._writer = TrackWriter(
            out and out / f"v-{track.name}",
            video_description(track),
            self._scale.timescale,
            purpose=purpose,
        )

    def feed(self, packet: AnyPacket) -> None:
        """Take a packet."""
        time = self._checked_time(packet)
        data = bytes(packet)
        (units,) = nal_types(data, [len(data)], self._configuration.length_size)
        sample = self._checked_sample(data, units)
        self._take(len(sample), time, packet.duration or 0, units, access=packet.is_keyframe)
        self._writer.write(sample)

    def feed_run(self, run: SampleRun, data: memoryview) -> None:
        """Take samples that lie one behind the other; `data` is theirs."""
        if run.description != 1:
            raise NeedsTranscodeError("the coding parameters change on the way")
        assert self._source is not None
        window = self._source.window
        if self._first:
            start = run.decode_times[0] + run.composition_offsets[0]
            self._scale = TickScale(Fraction(1, self._source.timescale), start)
        units = nal_types(data, run.sizes, self._configuration.length_size)
        plain = all(each >= 0 and not each & PARAMETER_UNITS for each in units)
        if plain:
            self._writer.write(data)
        at = 0
        for size, decode_time, offset, duration, access, types in zip(
            run.sizes, run.decode_times, run.composition_offsets, run.durations, run.access, units,
            strict=True,
        ):  # fmt: skip
            time = decode_time + offset
            if time < window.start or (window.end is not None and time >= window.end):
                raise NeedsTranscodeError("the file's edit list hides pictures")
            if not plain:
                sample = self._checked_sample(bytes(data[at : at + size]), types)
                at += size
                self._writer.write(sample)
                size = len(sample)  # noqa: PLW2901 - what was left out is gone
            self._take(size, self._scale.ticks(time), duration, types, access=access != 0)

    def finish(self) -> PackagedTrack:
        """Complete the track."""
        if self._first:
            raise NeedsTranscodeError("the track has no samples")
        self._check_gop(self._end)
        self._writer.index(self._times.finish())
        return self._writer.finish(TrackKind.VIDEO, self._track.name, self._track.index)

    def discard(self) -> None:
        """Remove what was written."""
        self._writer.discard()

    def _take(self, size: int, time: int, duration: int, units: int, *, access: bool) -> None:
        """Index a sample; `time` is in ticks, `duration` on the container's clock."""
        self._check_gop(time)
        if units & IDR_UNIT:
            flags, self._last_idr = SYNC, time
        else:
            flags = OPEN_ACCESS if access else 0
        if self._first and not flags & SYNC:
            raise NeedsTranscodeError("the first picture is not an IDR picture")
        self._first = False
        span = self._scale.span(duration)
        self._end = max(self._end, time + span)
        self._writer.index(self._times.push(VideoSample(size, time, span, flags)))

    def _check_gop(self, time: int) -> None:
        if time - self._last_idr > self._longest_gop:
            seconds = self._last_idr / self._scale.timescale
            raise NeedsTranscodeError(
                f"playback can start nowhere in the {LONGEST_GOP_S} s after {seconds:.2f} s"
            )

    def _checked_time(self, packet: AnyPacket) -> int:
        if packet.pts is None:
            raise NeedsTranscodeError("a picture has no presentation time")
        if packet.is_discard:
            raise NeedsTranscodeError("the file's edit list hides pictures")
        if packet.has_sidedata("new_extradata"):
            raise NeedsTranscodeError("the coding parameters change on the way")
        if packet.dts is not None:
            if self._last_dts is not None and packet.dts <= self._last_dts:
                raise NeedsTranscodeError(
                    f"decode times fall from {self._last_dts} to {packet.dts}"
                )
            self._last_dts = packet.dts
        return self._scale.ticks(packet.pts)

    def _checked_sample(self, data: bytes, units: int) -> bytes:
        if units >= 0 and not units & PARAMETER_UNITS:
            return data
        try:
            listed = avc.nal_units(data, self._configuration.length_size)
        except ValueError as problem:
            raise NeedsTranscodeError(str(problem)) from problem
        return self._without_parameter_sets(data, listed)

    def _without_parameter_sets(self, data: bytes, units: list[tuple[int, int, int]]) -> bytes:
        """Leave out parameter sets that repeat the record's (ISO/IEC 14496-15 §5.3.2, `avc1`)."""
        kept = []
        for kind, start, end in units:
            if not PARAMETER_UNITS >> kind & 1:
                kept.append(data[start:end])
            elif data[start + self._configuration.length_size : end] not in (
                self._configuration.parameter_sets
            ):
                raise NeedsTranscodeError("the coding parameters change on the way")
        if not kept:
            raise NeedsTranscodeError("a sample has no picture in it")
        return b"".join(kept)
