"""An audio track that is copied: its frames as they are, one after another."""

from fractions import Fraction
from pathlib import Path

from core.codecs.sound import AudioFormat, audio_format
from core.isobmff.sample_entry import InvalidDecoderConfiguration
from core.media.presentation import TrackKind
from native import SampleRun
from origin.packaging.demux import AnyPacket
from origin.packaging.description import audio_description, source_sound
from origin.packaging.faults import NeedsTranscodeError
from origin.packaging.movie_source import MovieTrackSource
from origin.packaging.report import AudioTrackInfo
from origin.packaging.timing import AudioPacket, AudioTimes, Row
from origin.packaging.track import SYNC, PackagedTrack, Purpose, TrackWriter


class AudioCopier:
    """Copies coded sound; writing starts with the first sample, whose time the index begins with.

    Samples come as packets of FFmpeg's demuxer or, given `source`, as runs of a file's own tables,
    never both. `zero` is the presentation's start on that clock, in seconds. Some codecs tell in
    their samples alone what a decoder needs, so the `AudioFormat` is made of the first.
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
        self._rate = track.sample_rate
        self._source = source
        self._base = Fraction(1, source.timescale) if source else Fraction(*track.time_base)
        self._granule = _whole(self._base * self._rate)
        if source is not None:
            zero -= source.window.delay - Fraction(source.window.start, source.timescale)
        self._zero = _whole(zero * self._rate)
        self._format: AudioFormat | None = None
        self._times: AudioTimes | None = None
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
        data = bytes(packet)
        try:
            form, times = self._begun(data)
            sample = form.framed(data)
            (length,) = form.lengths(sample, [len(sample)])
        except InvalidDecoderConfiguration as fault:
            raise NeedsTranscodeError(fault.message) from fault
        rows = list(times.push(self._described(packet, packet.pts, len(sample), length)))
        writer = self._writer or self._begin(form, times)
        writer.write(sample)
        writer.index(rows)

    def feed_run(self, run: SampleRun, data: memoryview) -> None:
        """Take samples that lie one behind the other; `data` is theirs."""
        if run.description != 1:
            raise NeedsTranscodeError("the coding parameters change on the way")
        assert self._source is not None
        first, stop = _presented(run, self._source)
        if first == stop:
            return
        begin = sum(run.sizes[:first])
        sizes = run.sizes[first:stop]
        samples = data[begin : begin + sum(sizes)]
        try:
            form, times = self._begun(bytes(samples[: sizes[0]]))
            lengths = form.lengths(samples, sizes)
        except InvalidDecoderConfiguration as fault:
            raise NeedsTranscodeError(fault.message) from fault
        rows: list[Row] = []
        for number, length in zip(range(first, stop), lengths, strict=True):
            rows += times.push(self._timed(run, number, length, self._source))
        writer = self._writer or self._begin(form, times)
        writer.write(samples)
        writer.index(rows)

    def finish(self) -> PackagedTrack:
        """Complete the track."""
        if self._writer is None or self._times is None:
            raise NeedsTranscodeError("the track has no samples")
        self._writer.index(self._times.finish())
        return self._writer.finish(
            TrackKind.AUDIO,
            self._track.copied_name,
            self._track.index,
            priming=self._times.priming,
            default=self._track.default,
        )

    def discard(self) -> None:
        """Remove what was written."""
        if self._writer is not None:
            self._writer.discard()

    def _begun(self, first: bytes) -> tuple[AudioFormat, AudioTimes]:
        """Give the format, made with the first sample, and what lays samples one after another."""
        if self._format is None or self._times is None:
            entry = b"" if self._source is None else self._source.entry
            self._format = audio_format(source_sound(self._track, entry), first)
            if self._format.rate != self._rate:
                raise InvalidDecoderConfiguration(
                    f"{self._rate} Hz is told, and {self._format.rate} Hz found"
                )
            self._times = AudioTimes(self._format.length, self._rate, self._base * self._rate, SYNC)
        return self._format, self._times

    def _begin(self, form: AudioFormat, times: AudioTimes) -> TrackWriter:
        self._writer = TrackWriter(
            self._out and self._out / f"a-{self._track.copied_name}",
            audio_description(self._track, form),
            self._rate,
            times.base_time,
            purpose=self._purpose,
        )
        return self._writer

    def _described(self, packet: AnyPacket, pts: int, size: int, length: int) -> AudioPacket:
        skip, discard = _trimmed(packet)
        time = pts * self._granule - self._zero
        duration = (packet.duration or 0) * self._granule
        return AudioPacket(size, time, duration, skip, discard, length)

    def _timed(
        self, run: SampleRun, number: int, length: int, source: MovieTrackSource
    ) -> AudioPacket:
        time = run.decode_times[number] + run.composition_offsets[number]
        duration = run.durations[number]
        over = 0 if source.window.end is None else time + duration - source.window.end
        return AudioPacket(
            run.sizes[number],
            time * self._granule - self._zero,
            duration * self._granule,
            0,
            length - int((duration - over) * self._granule) if over > source.window.slack else 0,
            length,
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
