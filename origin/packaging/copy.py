"""Takes a source apart: its playable tracks, sample by sample as they are, into flat files.

One pass over the file serves all tracks. What only the packets can tell, such as the distance
between IDR pictures, is checked on the way; a track that turns out unfit is dropped and named, so
that it can be encoded anew, while the others go on.
"""

from fractions import Fraction
from pathlib import Path
from typing import Protocol

from av.container import InputContainer

from core.isobmff.sample_entry import (
    avc_codec_string,
    avc_sample_entry,
    mp4a_codec_string,
    mp4a_sample_entry,
)
from core.media.description import TrackDescription
from core.media.presentation import TrackKind
from origin.packaging import aac, avc
from origin.packaging.decision import LONGEST_GOP_S
from origin.packaging.demux import AnyPacket, is_indexed, open_source, packets, select
from origin.packaging.faults import CorruptSource, NeedsTranscodeError
from origin.packaging.limits import Limits
from origin.packaging.picture import tagged_colour
from origin.packaging.progress import Progress, Pulse
from origin.packaging.report import AudioTrackInfo, SourceReport, VideoTrackInfo
from origin.packaging.timing import AudioPacket, AudioTimes, DecodeTimes, TickScale, VideoSample
from origin.packaging.track import (
    OPEN_ACCESS,
    SYNC,
    CopyOutcome,
    PackagedTrack,
    Rejection,
    TrackWriter,
)

PARAMETER_SETS = frozenset({avc.SEQUENCE_PARAMETERS, avc.PICTURE_PARAMETERS})


class _Copier(Protocol):
    def feed(self, packet: AnyPacket) -> None: ...
    def finish(self) -> PackagedTrack: ...
    def discard(self) -> None: ...


def copy_tracks(
    path: Path, report: SourceReport, out: Path, progress: Progress, *, limits: Limits | None = None
) -> CopyOutcome:
    """Copy the tracks that the report says can be copied into folders `{kind}-{name}` of `out`.

    Raises a `SourceFault` when the file cannot be read to its end.
    """
    limits = limits or Limits()
    pulse = Pulse(progress)
    out.mkdir(parents=True, exist_ok=True)
    with open_source(path, limits) as container:
        copiers: dict[int, _Copier] = {}
        rejected: list[Rejection] = []
        try:
            _prepare(container, report, out, copiers, rejected)
            _pump(container, copiers, rejected, pulse, report.size_bytes)
            tracks = _finish(copiers, rejected)
        except BaseException:
            for copier in copiers.values():
                copier.discard()
            raise
    progress.advance(1.0)
    return CopyOutcome(tuple(tracks), tuple(rejected))


def _prepare(
    container: InputContainer,
    report: SourceReport,
    out: Path,
    copiers: dict[int, _Copier],
    rejected: list[Rejection],
) -> None:
    """Add a copier for each track to copy."""
    for stream in container.streams:
        if stream.index not in report.copyable:
            continue
        record = stream.codec_context.extradata or b""
        try:
            if report.video is not None and stream.index == report.video.index:
                copiers[stream.index] = _VideoCopier(report.video, record, out)
            else:
                track = report.audio_track(stream.index)
                copiers[stream.index] = _AudioCopier(track, record, report.start, out)
        except NeedsTranscodeError as refusal:
            rejected.append(Rejection(stream.index, refusal.reason))


def _pump(
    container: InputContainer,
    copiers: dict[int, _Copier],
    rejected: list[Rejection],
    pulse: Pulse,
    size_bytes: int,
) -> None:
    indexed = is_indexed(container)
    for packet in packets(container, select(container, list(copiers))):
        copier = copiers.get(packet.stream_index)
        if copier is None:
            continue
        if packet.is_corrupt:
            if indexed:
                raise CorruptSource("A sample of this file lies beyond the file's end.")
            continue
        try:
            copier.feed(packet)
        except NeedsTranscodeError as refusal:
            rejected.append(_reject(copiers, packet.stream_index, refusal))
        pulse.beat((packet.pos or 0) / size_bytes)


def _finish(copiers: dict[int, _Copier], rejected: list[Rejection]) -> list[PackagedTrack]:
    tracks = []
    for stream, copier in list(copiers.items()):
        try:
            tracks.append(copier.finish())
        except NeedsTranscodeError as refusal:
            rejected.append(_reject(copiers, stream, refusal))
    return tracks


def _reject(copiers: dict[int, _Copier], stream: int, refusal: NeedsTranscodeError) -> Rejection:
    copiers.pop(stream).discard()
    return Rejection(stream, refusal.reason)


class _VideoCopier:
    """Copies H.264: every sample as it is, but for repeated parameter sets, which are left out."""

    def __init__(self, track: VideoTrackInfo, record: bytes, out: Path) -> None:
        self._track = track
        self._configuration = avc.parse_configuration(record)
        self._scale = TickScale(Fraction(*track.time_base), track.start)
        self._times = DecodeTimes(SYNC)
        self._longest_gop = LONGEST_GOP_S * self._scale.timescale
        self._last_idr = 0
        self._end = 0
        self._first = True
        self._last_dts: int | None = None
        self._writer = TrackWriter(
            out / f"v-{track.name}", _video_description(track, record), self._scale.timescale
        )

    def feed(self, packet: AnyPacket) -> None:
        time = self._checked_time(packet)
        sample, kinds = self._checked_sample(bytes(packet))
        self._check_gop(time)
        if avc.IDR in kinds:
            flags, self._last_idr = SYNC, time
        else:
            flags = OPEN_ACCESS if packet.is_keyframe else 0
        if self._first and not flags & SYNC:
            raise NeedsTranscodeError("the first picture is not an IDR picture")
        self._first = False
        duration = self._scale.span(packet.duration or 0)
        self._end = max(self._end, time + duration)
        self._writer.write(sample)
        self._writer.index(self._times.push(VideoSample(len(sample), time, duration, flags)))

    def finish(self) -> PackagedTrack:
        if self._first:
            raise NeedsTranscodeError("the track has no samples")
        self._check_gop(self._end)
        self._writer.index(self._times.finish())
        return self._writer.finish(TrackKind.VIDEO, self._track.name, self._track.index)

    def discard(self) -> None:
        self._writer.discard()

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

    def _checked_sample(self, data: bytes) -> tuple[bytes, set[int]]:
        try:
            units = avc.nal_units(data, self._configuration.length_size)
        except ValueError as problem:
            raise NeedsTranscodeError(str(problem)) from problem
        kinds = {kind for kind, _, _ in units}
        if not kinds & PARAMETER_SETS:
            return data, kinds
        return self._without_parameter_sets(data, units), kinds

    def _without_parameter_sets(self, data: bytes, units: list[tuple[int, int, int]]) -> bytes:
        """Leave out parameter sets that repeat the record's (ISO/IEC 14496-15 §5.3.2, `avc1`)."""
        kept = []
        for kind, start, end in units:
            if kind not in PARAMETER_SETS:
                kept.append(data[start:end])
            elif data[start + self._configuration.length_size : end] not in (
                self._configuration.parameter_sets
            ):
                raise NeedsTranscodeError("the coding parameters change on the way")
        if not kept:
            raise NeedsTranscodeError("a sample has no picture in it")
        return b"".join(kept)


class _AudioCopier:
    """Copies AAC frames; writing starts with the first one, whose time the index begins with."""

    def __init__(self, track: AudioTrackInfo, record: bytes, zero: Fraction, out: Path) -> None:
        self._track = track
        self._record = record
        self._out = out
        configuration = aac.parse_configuration(record)
        self._rate = track.sample_rate
        length = Fraction(configuration.frame_length * self._rate, configuration.core_rate)
        if length.denominator != 1:
            raise NeedsTranscodeError(f"{self._rate} Hz does not fit {configuration.core_rate} Hz")
        granule = Fraction(*track.time_base) * self._rate
        self._times = AudioTimes(int(length), self._rate, granule, SYNC)
        self._granule = _whole(granule)
        self._zero = _whole(zero * self._rate)
        self._writer: TrackWriter | None = None
        self._presented = False

    def feed(self, packet: AnyPacket) -> None:
        if packet.pts is None:
            raise NeedsTranscodeError("a sound sample has no time")
        if packet.is_discard and self._presented:
            raise NeedsTranscodeError("the file's edit list hides sound in the middle")
        if packet.has_sidedata("new_extradata"):
            raise NeedsTranscodeError("the coding parameters change on the way")
        self._presented = self._presented or not packet.is_discard
        rows = list(self._times.push(self._described(packet, packet.pts)))
        writer = self._writer or self._begin()
        writer.write(bytes(packet))
        writer.index(rows)

    def finish(self) -> PackagedTrack:
        if self._writer is None:
            raise NeedsTranscodeError("the track has no samples")
        self._writer.index(self._times.finish())
        return self._writer.finish(
            TrackKind.AUDIO,
            self._track.name(self._track.channels),
            self._track.index,
            priming=self._times.priming,
            default=self._track.default,
        )

    def discard(self) -> None:
        if self._writer is not None:
            self._writer.discard()

    def _begin(self) -> TrackWriter:
        self._writer = TrackWriter(
            self._out / f"a-{self._track.name(self._track.channels)}",
            _audio_description(self._track, self._record),
            self._rate,
            self._times.base_time,
        )
        return self._writer

    def _described(self, packet: AnyPacket, pts: int) -> AudioPacket:
        skip, discard = _trimmed(packet)
        time = pts * self._granule - self._zero
        duration = (packet.duration or 0) * self._granule
        return AudioPacket(packet.size, time, duration, skip, discard)


def _whole(value: Fraction) -> Fraction | int:
    """Give the same number, as an integer if it is one: arithmetic per packet is faster so."""
    return value.numerator if value.denominator == 1 else value


def _trimmed(packet: AnyPacket) -> tuple[int, int]:
    """Give the decoded samples to skip at a packet's start and to discard at its end."""
    if not packet.has_sidedata("skip_samples"):
        return 0, 0
    data = bytes(packet.get_sidedata("skip_samples"))
    return int.from_bytes(data[:4], "little"), int.from_bytes(data[4:8], "little")


def _video_description(track: VideoTrackInfo, record: bytes) -> TrackDescription:
    width, height = track.display_size
    colr = tagged_colour(track.colour, full_range=track.full_range)
    pasp = None if track.pixel_aspect == (1, 1) else track.pixel_aspect
    return TrackDescription(
        kind=TrackKind.VIDEO,
        codec=avc_codec_string(record),
        sample_entry=avc_sample_entry(record, track.width, track.height, pasp=pasp, colr=colr),
        width=track.width,
        height=track.height,
        display_width=width,
        display_height=height,
        matrix=track.matrix,
        frame_rate=track.frame_rate,
        language=track.language,
        label=track.label,
    )


def _audio_description(track: AudioTrackInfo, record: bytes) -> TrackDescription:
    return TrackDescription(
        kind=TrackKind.AUDIO,
        codec=mp4a_codec_string(record),
        sample_entry=mp4a_sample_entry(record, track.channels, track.sample_rate),
        channels=track.channels,
        sample_rate=track.sample_rate,
        language=track.language,
        label=track.label,
    )
