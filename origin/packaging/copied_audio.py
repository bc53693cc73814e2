"""An audio track that is copied: its frames as they are, one after another."""

from fractions import Fraction
from pathlib import Path

from core.media.presentation import TrackKind
from native import SampleRun
from origin.packaging import aac
from origin.packaging.demux import AnyPacket
from origin.packaging.description import audio_description
from origin.packaging.faults import NeedsTranscodeError
from origin.packaging.movie_source import MovieTrackSource
from origin.packaging.report import AudioTrackInfo
from origin.packaging.timing import AudioPacket, AudioTimes, Row
from origin.packaging.track import SYNC, PackagedTrack, Purpose, TrackWriter


class AudioCopier:
    """Copies AAC frames; writing starts with the first one, whose time the index begins with.

    Samples come as packets of FFmpeg's demuxer or, given `source`, as runs of a file's own tables,
    never both. `zero` is the presentation's start on that clock, in seconds.
    """

    def __init__(
        self,
        track: AudioTrackInfo,
        zero: Fraction,
        out: Path | None,
        source: MovieTrackSource | None = None,
        *,
        purpose: Purpose = Purpose.PUBLISHED,
    ) -> None:
        self._purpose = purpose
        self._track = track
        self._out = out
        configuration = aac.parse_configuration(track.record)
        self._rate = track.sample_rate
        length = Fraction(configuration.frame_length * self._rate, configuration.core_rate)
        if length.denominator != 1:
            raise NeedsTranscodeError(f"{self._rate} Hz does not fit {configuration.core_rate} Hz")
        self._source = source
        base = Fraction(1, source.timescale) if source else Fraction(*track.time_base)
        granule = base * self._rate
        self._times = AudioTimes(int(length), self._rate, granule, SYNC)
        self._granule = _whole(granule)
        if source is not None:
            zero -= source.window.delay - Fraction(source.window.start, source.timescale)
        self._zero = _whole(zero * self._rate)
        self._writer: TrackWriter | None = None
        self._presented = False

    def feed(self, packet: AnyPacket) -> None:
        """Take a packet."""
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

    def feed_run(self, run: SampleRun, data: memoryview) -> None:
        """Take samples that lie one behind the other; `data` is theirs."""
        if run.description != 1:
            raise NeedsTranscodeError("the coding parameters change on the way")
        assert self._source is not None
        first, stop = _presented(run, self._source)
        if first == stop:
            return
        rows: list[Row] = []
        for number in range(first, stop):
            rows += self._times.push(self._timed(run, number, self._source))
        writer = self._writer or self._begin()
        begin = sum(run.sizes[:first])
        writer.write(data[begin : begin + sum(run.sizes[first:stop])])
        writer.index(rows)

    def finish(self) -> PackagedTrack:
        """Complete the track."""
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
        """Remove what was written."""
        if self._writer is not None:
            self._writer.discard()

    def _begin(self) -> TrackWriter:
        self._writer = TrackWriter(
            self._out and self._out / f"a-{self._track.name(self._track.channels)}",
            audio_description(self._track),
            self._rate,
            self._times.base_time,
            purpose=self._purpose,
        )
        return self._writer

    def _described(self, packet: AnyPacket, pts: int) -> AudioPacket:
        skip, discard = _trimmed(packet)
        time = pts * self._granule - self._zero
        duration = (packet.duration or 0) * self._granule
        return AudioPacket(packet.size, time, duration, skip, discard)

    def _timed(self, run: SampleRun, number: int, source: MovieTrackSource) -> AudioPacket:
        time = run.decode_times[number] + run.composition_offsets[number]
        duration = run.durations[number]
        over = 0 if source.window.end is None else time + duration - source.window.end
        return AudioPacket(
            run.sizes[number],
            time * self._granule - self._zero,
            duration * self._granule,
            0,
            int(over * self._granule) if over > source.window.slack else 0,
        )


def _presented(run: SampleRun, source: MovieTrackSource) -> tuple[int, int]:
    """Give the first sample of a run that is needed, and the one behind the last.

    A decoder needs some samples before the first that is heard; a second of them is plenty.
    """
    window = source.window
    early = window.start - source.timescale
    first, stop = 0, len(run.sizes)
    while first < stop and run.decode_times[first] + run.durations[first] <= early:
        first += 1
    while window.end is not None and first < stop and run.decode_times[stop - 1] >= window.end:
        stop -= 1
    return first, stop


def _whole(value: Fraction) -> Fraction | int:
    """Give the same number, as an integer if it is one: arithmetic per packet is faster so."""
    return value.numerator if value.denominator == 1 else value


def _trimmed(packet: AnyPacket) -> tuple[int, int]:
    """Give the decoded samples to skip at a packet's start and to discard at its end."""
    if not packet.has_sidedata("skip_samples"):
        return 0, 0
    data = bytes(packet.get_sidedata("skip_samples"))
    return int.from_bytes(data[:4], "little"), int.from_bytes(data[4:8], "little")
