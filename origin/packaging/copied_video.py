"""A video track that is copied: its samples as they are, with times and access of our own."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

from core.codecs.video import video_format
from core.isobmff.sample_entry import InvalidDecoderConfiguration
from core.media.presentation import TrackKind
from native import EXAMINE, SampleRun
from origin.packaging.decision import LONGEST_GOP_S
from origin.packaging.demux import AnyPacket
from origin.packaging.description import video_description
from origin.packaging.faults import NeedsTranscodeError
from origin.packaging.movie_source import MovieTrackSource
from origin.packaging.report import VideoTrackInfo
from origin.packaging.timing import DecodeTimes, TickScale, VideoSample
from origin.packaging.track import OPEN_ACCESS, SYNC, PackagedTrack, Purpose, TrackWriter

LONGEST_JUMP_S = 10
"""A longer step between pictures is a jump of the clock, where the container's may jump."""


class VideoCopier:
    """Copies pictures: every sample as it is, but for what belongs into the configuration.

    Samples come as packets of FFmpeg's demuxer or, given `source`, as runs of a file's own tables,
    never both. What they are is asked of the track's `VideoFormat`, many at once.
    """

    def __init__(
        self,
        track: VideoTrackInfo,
        out: Path | None,
        source: MovieTrackSource | None = None,
        *,
        purpose: Purpose = Purpose.PUBLISHED,
        may_jump: bool = False,
    ) -> None:
        self._track = track
        with _unfit():
            self._format = video_format(track.codec, track.record, annexb=track.annexb)
        self._source = source
        base = Fraction(1, source.timescale) if source else Fraction(*track.time_base)
        self._scale = TickScale(base, track.start)
        self._times = DecodeTimes(SYNC)
        self._longest_jump = LONGEST_JUMP_S * self._scale.timescale if may_jump else None
        self._last_idr = 0
        self._last_time = 0
        self._end = 0
        self._first = True
        self._last_dts: int | None = None
        with _unfit():
            description = video_description(track, self._format, source.entry if source else b"")
        self._writer = TrackWriter(
            out and out / f"v-{track.name}",
            description,
            self._scale.timescale,
            purpose=purpose,
        )

    def feed(self, packet: AnyPacket) -> None:
        """Take a packet."""
        time = self._checked_time(packet)
        data = self._format.framed(bytes(packet))
        (access,) = self._format.access(data, [len(data)])
        if access & EXAMINE:
            data = self._stored(data)
        self._take(len(data), time, packet.duration or 0, access, key=packet.is_keyframe)
        self._writer.write(data)

    def feed_run(self, run: SampleRun, data: memoryview) -> None:
        """Take samples that lie one behind the other; `data` is theirs."""
        if run.description != 1:
            raise NeedsTranscodeError("the coding parameters change on the way")
        assert self._source is not None
        window = self._source.window
        if self._first:
            start = run.decode_times[0] + run.composition_offsets[0]
            self._scale = TickScale(Fraction(1, self._source.timescale), start)
        accesses = self._format.access(data, run.sizes)
        sizes = self._write_run(data, run.sizes, accesses)
        for size, decode_time, offset, duration, key, access in zip(
            sizes, run.decode_times, run.composition_offsets, run.durations, run.access, accesses,
            strict=True,
        ):  # fmt: skip
            time = decode_time + offset
            if time < window.start or (window.end is not None and time >= window.end):
                raise NeedsTranscodeError("the file's edit list hides pictures")
            self._take(size, self._scale.ticks(time), duration, access, key=key != 0)

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

    def _write_run(self, data: memoryview, sizes: Sequence[int], accesses: bytes) -> Sequence[int]:
        """Write samples as they are stored; gives their sizes, which may have become smaller.

        What needs no looking at goes in one write up to the next sample that does.
        """
        if not any(access & EXAMINE for access in accesses):
            self._writer.write(data)
            return sizes
        kept, begin, at = list(sizes), 0, 0
        for number, (size, access) in enumerate(zip(sizes, accesses, strict=True)):
            if access & EXAMINE:
                sample = self._stored(bytes(data[at : at + size]))
                if len(sample) != size:
                    self._writer.write(data[begin:at])
                    self._writer.write(sample)
                    begin, kept[number] = at + size, len(sample)
            at += size
        self._writer.write(data[begin:at])
        return kept

    def _stored(self, sample: bytes) -> bytes:
        with _unfit():
            return self._format.stored(sample)

    def _take(self, size: int, time: int, duration: int, access: int, *, key: bool) -> None:
        """Index a sample; `time` is in ticks, `duration` and `key` are what the container says."""
        self._check_jump(time)
        self._check_gop(time)
        if access & SYNC:
            flags, self._last_idr = SYNC, time
        else:
            flags = OPEN_ACCESS if key or access & OPEN_ACCESS else 0
        if self._first and not flags & SYNC:
            raise NeedsTranscodeError("the first picture is not one that decoding may begin with")
        self._first = False
        span = self._scale.span(duration)
        self._end = max(self._end, time + span)
        self._writer.index(self._times.push(VideoSample(size, time, span, flags)))

    def _check_gop(self, time: int) -> None:
        if time - self._last_idr > LONGEST_GOP_S * self._scale.timescale:
            seconds = self._last_idr / self._scale.timescale
            raise NeedsTranscodeError(
                f"playback can start nowhere in the {LONGEST_GOP_S} s after {seconds:.2f} s"
            )

    def _check_jump(self, time: int) -> None:
        if self._longest_jump is not None and abs(time - self._last_time) > self._longest_jump:
            seconds = self._last_time / self._scale.timescale
            raise NeedsTranscodeError(f"the clock of the pictures jumps at {seconds:.2f} s")
        self._last_time = time

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


@contextmanager
def _unfit() -> Iterator[None]:
    """Have a track encoded anew whose configuration or samples are not what they should be."""
    try:
        yield
    except InvalidDecoderConfiguration as fault:
        raise NeedsTranscodeError(fault.message) from fault
