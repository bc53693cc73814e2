"""Encodes sound of any kind as AAC-LC, sample for sample on the presentation's timeline.

What lies before the presentation's zero is cut away, what is missing, at the start or in a gap,
is filled with silence, so that the track begins at zero and nothing shifts. The encoder's own
delay is the track's priming. The durations of all samples, less the priming, add up to the
source's samples at the new rate.
"""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import av.error
from av.audio.codeccontext import AudioCodecContext
from av.audio.fifo import AudioFifo
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.codec.context import Flags
from av.container import InputContainer

from core.codecs.aac import mp4a_codec_string, mp4a_sample_entry
from core.media.description import TrackDescription
from core.media.presentation import TrackKind
from origin.packaging.demux import AnyPacket, may_jump, open_source, packets, select, time_base_of
from origin.packaging.faults import CorruptSource, UnheardSound
from origin.packaging.limits import Limits
from origin.packaging.progress import Progress, Pulse
from origin.packaging.report import AudioTrackInfo, SourceReport
from origin.packaging.timing import Row
from origin.packaging.track import SYNC, PackagedTrack, TrackWriter

FORMAT = "fltp"
KEPT_RATES = frozenset({44100, 48000})
USUAL_RATE = 48000
BPS_PER_CHANNEL = 64_000
MONO_BPS = 80_000
TOLERANCE_S = Fraction(1, 25)
"""Containers round times and muxers jitter; silence fills only what is longer than this."""
LONGEST_SILENCE_S = 3600
LONGEST_STEP_S = 30
LONGEST_STEP_BACK_S = 1
"""Clocks of some containers jump; beyond these steps sound goes on where it was."""
SILENCE_CHUNK = 16384


def transcode_audio(
    path: Path,
    report: SourceReport,
    track: AudioTrackInfo,
    out: Path,
    progress: Progress,
    *,
    limits: Limits | None = None,
) -> PackagedTrack:
    """Encode an audio track into the folder `a-{name}` of `out`: mono stays mono, others go stereo.

    Raises a `SourceFault` when nothing can be decoded, `UnheardSound` when nothing is presented.
    """
    limits = limits or Limits()
    with open_source(path, limits) as container:
        (stream,) = select(container, [track.index])
        assert isinstance(stream, AudioStream)
        encoding = _Encoding(track, report.start, out, jumps=may_jump(container))
        try:
            encoding.run(container, stream, Pulse(progress), report.size_bytes)
            packaged = encoding.finish()
        except BaseException:
            encoding.discard()
            raise
    progress.advance(1.0)
    return packaged


class _Encoding:
    """Decodes, lays the sound on the timeline and hands it to the encoder."""

    def __init__(self, track: AudioTrackInfo, zero: Fraction, out: Path, *, jumps: bool) -> None:
        self._track = track
        self._zero = zero
        self._channels = min(2, track.channels)
        self._rate = track.sample_rate if track.sample_rate in KEPT_RATES else USUAL_RATE
        self._name = track.name(self._channels)
        self._sink = _Sink(_encoder(self._channels, self._rate), track, self._name, out)
        self._resampler: AudioResampler | None = None
        self._shape: tuple[str, str, int] | None = None
        self._longest_gap_s = LONGEST_STEP_S if jumps else LONGEST_SILENCE_S
        self._shift = Fraction(0)
        self._end: Fraction | None = None
        self._surplus = Fraction(0)
        self._undecodable = 0

    def run(
        self, container: InputContainer, stream: AudioStream, pulse: Pulse, size_bytes: int
    ) -> None:
        time_base = time_base_of(stream)
        for packet in packets(container, [stream]):
            self._take(self._decode(stream, packet), time_base)
            pulse.beat((packet.pos or 0) / size_bytes)
        self._take(self._decode(stream, None), time_base)

    def finish(self) -> PackagedTrack:
        if self._end is None:
            raise CorruptSource("None of the sound of this file can be decoded.")
        self._end -= self._surplus
        self._flush()
        notes = (f"{self._undecodable} samples could not be decoded",) if self._undecodable else ()
        return self._sink.finish(notes)

    def discard(self) -> None:
        self._sink.discard()

    def _decode(self, stream: AudioStream, packet: AnyPacket | None) -> list[AudioFrame]:
        try:
            return stream.codec_context.decode(packet)
        except av.error.FFmpegError:
            self._undecodable += 1
            return []

    def _take(self, frames: list[AudioFrame], time_base: Fraction) -> None:
        for frame in frames:
            if frame.samples and frame.sample_rate > 0:
                time = None if frame.pts is None else frame.pts * time_base - self._zero
                length = Fraction(frame.samples, frame.sample_rate)
                if self._make_room(time, length):
                    self._surplus = _surplus(frame, time_base, length)
                    self._lay(frame, length)

    def _make_room(self, time: Fraction | None, length: Fraction) -> bool:
        """Fill the gap before a frame; False for one whose place is taken already."""
        if self._end is None:
            return self._begin(time or Fraction(0))
        if time is None:
            return True
        drift = time + self._shift - self._end
        if drift < -LONGEST_STEP_BACK_S or drift > self._longest_gap_s:
            self._shift -= drift
            return True
        if drift > TOLERANCE_S:
            self._fill(drift)
        return drift > -max(TOLERANCE_S, length)

    def _begin(self, time: Fraction) -> bool:
        if time > self._longest_gap_s:
            self._shift = -time
            time = Fraction(0)
        self._end = min(Fraction(0), time)
        if time < 0:
            self._sink.skip(_samples(-time, self._rate))
        self._fill(max(Fraction(0), time))
        return True

    def _fill(self, length: Fraction) -> None:
        assert self._end is not None
        if length > 0:
            self._flush()
            self._end += length
            self._sink.silence_until(_samples(self._end, self._rate))

    def _lay(self, frame: AudioFrame, length: Fraction) -> None:
        assert self._end is not None
        frame.pts = None
        shape = (frame.format.name, frame.layout.name, frame.sample_rate)
        if shape != self._shape:
            self._flush()
            self._shape = shape
            self._resampler = AudioResampler(FORMAT, _layout(self._channels), self._rate)
        self._end += length
        self._resample(frame)

    def _resample(self, frame: AudioFrame | None) -> None:
        if self._resampler is None:
            return
        try:
            frames = self._resampler.resample(frame)
        except av.error.FFmpegError as cause:
            raise CorruptSource(f"The sound cannot be brought to stereo: {cause}.") from cause
        for piece in frames:
            self._sink.write(piece)

    def _flush(self) -> None:
        """Empty the resampler, so that exactly what was laid so far has come out."""
        self._resample(None)
        self._resampler, self._shape = None, None
        if self._end is not None:
            self._sink.settle(_samples(self._end, self._rate))


class _Sink:
    """Takes sound at the encoder's rate in pieces of any length and writes AAC frames."""

    def __init__(
        self, encoder: AudioCodecContext, track: AudioTrackInfo, name: str, out: Path
    ) -> None:
        self._encoder = encoder
        self._track = track
        self._name = name
        self._rate = encoder.sample_rate
        self._layout = encoder.layout.name
        self._frame_length = encoder.frame_size
        self._fifo = AudioFifo()
        self._skip = 0
        self._received = 0
        self._encoded = 0
        self._priming: int | None = None
        self._written = 0
        self._held: bytes | None = None
        self._writer = TrackWriter(
            out / f"a-{name}", _description(track, encoder), encoder.sample_rate
        )

    def skip(self, count: int) -> None:
        """Cut away that many samples from the start."""
        self._skip = count

    def write(self, frame: AudioFrame) -> None:
        """Append sound at the encoder's rate; times it carries do not count."""
        frame.pts = None
        frame.time_base = Fraction(1, self._rate)
        self._fifo.write(frame)
        self._received += frame.samples
        self._cut()
        self._drain(keep=self._frame_length)

    def silence_until(self, position: int) -> None:
        """Bring the timeline to a position, in samples from zero, with silence."""
        while (missing := position - self._position()) > 0:
            self.write(_silence(min(missing, SILENCE_CHUNK), self._layout, self._rate))

    def settle(self, position: int) -> None:
        """Make good what rounding in the resampler left over or short of a position."""
        self.silence_until(position)
        surplus = self._position() - position
        if surplus > 0 and self._fifo.samples > surplus:
            kept = self._fifo.read(self._fifo.samples - surplus)
            self._fifo.read()
            self._received -= surplus
            assert kept is not None
            kept.pts = None
            self._fifo.write(kept)

    def finish(self, notes: tuple[str, ...]) -> PackagedTrack:
        if self._position() <= 0:
            raise UnheardSound
        self._drain(keep=0)
        self._store(self._encoder.encode_lazy(None))
        if self._held is not None:
            self._flush_held(self._total() - self._written)
        return self._writer.finish(
            TrackKind.AUDIO,
            self._name,
            self._track.index,
            priming=self._priming or 0,
            default=self._track.default,
            notes=notes,
        )

    def discard(self) -> None:
        self._writer.discard()

    def _position(self) -> int:
        """Samples from zero that have come in; negative before the part to skip is complete."""
        return self._received - self._skip if self._skip else self._received

    def _total(self) -> int:
        return (self._priming or 0) + self._encoded

    def _cut(self) -> None:
        cut = min(self._skip, self._fifo.samples)
        if cut:
            self._fifo.read(cut)
            self._skip -= cut
            self._received -= cut

    def _drain(self, keep: int) -> None:
        """Encode whole frames, keeping that many samples back; with nothing to keep, everything."""
        while self._fifo.samples >= self._frame_length + keep or (not keep and self._fifo.samples):
            frame = self._fifo.read(self._frame_length, partial=True)
            assert frame is not None
            frame.pts = self._encoded
            frame.time_base = Fraction(1, self._rate)
            frame.sample_rate = self._rate
            self._encoded += frame.samples
            self._store(self._encoder.encode_lazy(frame))

    def _store(self, encoded: Iterator[AnyPacket]) -> None:
        """Hold back one sample: the last one's duration is known at the end alone."""
        for packet in encoded:
            if self._priming is None:
                self._priming = max(0, -(packet.pts or 0))
            if self._held is not None:
                self._flush_held(self._frame_length)
            self._held = bytes(packet)

    def _flush_held(self, duration: int) -> None:
        assert self._held is not None
        if duration > 0:
            self._writer.write(self._held)
            self._writer.index([Row(len(self._held), duration, 0, SYNC)])
            self._written += duration


def _surplus(frame: AudioFrame, time_base: Fraction, length: Fraction) -> Fraction:
    """Say how much longer a frame is than its container has it; counts for the last frame alone.

    Decoders ignore that the last sample of an MP4 track is trimmed by a shorter duration.
    """
    duration = frame.duration * time_base
    return length - duration if 0 < duration < length - time_base else Fraction(0)


def _samples(length: Fraction, rate: int) -> int:
    return int(length * rate + Fraction(1, 2))


def _silence(count: int, layout: str, rate: int) -> AudioFrame:
    frame = AudioFrame(FORMAT, layout, count)
    frame.sample_rate = rate
    for plane in frame.planes:
        plane.update(bytes(plane.buffer_size))
    return frame


def _layout(channels: int) -> str:
    return "mono" if channels == 1 else "stereo"


def _encoder(channels: int, rate: int) -> AudioCodecContext:
    encoder = av.CodecContext.create("aac", "w")
    encoder.sample_rate = rate
    encoder.layout = _layout(channels)
    encoder.format = FORMAT
    encoder.bit_rate = MONO_BPS if channels == 1 else BPS_PER_CHANNEL * channels
    encoder.time_base = Fraction(1, rate)
    encoder.flags |= Flags.global_header
    encoder.open()
    return encoder


def _description(track: AudioTrackInfo, encoder: AudioCodecContext) -> TrackDescription:
    record = encoder.extradata or b""
    return TrackDescription(
        kind=TrackKind.AUDIO,
        codec=mp4a_codec_string(record),
        sample_entry=mp4a_sample_entry(record, encoder.channels, encoder.sample_rate),
        channels=encoder.channels,
        sample_rate=encoder.sample_rate,
        language=track.language,
        label=track.label,
        roles=track.roles,
    )
