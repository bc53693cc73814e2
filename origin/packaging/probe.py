"""Looks at a source: what is in it, whether it is whole, and what is to become of its tracks."""

from collections import Counter
from collections.abc import Collection, Iterator
from fractions import Fraction
from itertools import chain, islice
from pathlib import Path

import av.error
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.stream import Disposition, Stream
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from core.codecs.records import video_record
from core.isobmff.sample_entry import InvalidDecoderConfiguration
from core.media.description import IDENTITY_MATRIX
from core.media.frame_rate import nominal_rate
from origin.packaging.boxes import outer_boxes
from origin.packaging.complaint import refused_picture_size
from origin.packaging.decision import Verdict, judge_audio, judge_video
from origin.packaging.demux import (
    AnyPacket,
    codec_name,
    is_indexed,
    lacks_presentation_times,
    may_end_anywhere,
    open_source,
    packets,
    select,
    time_base_of,
)
from origin.packaging.encryption import encrypted_tracks
from origin.packaging.faults import (
    CorruptSource,
    NoFrames,
    NoMedia,
    SourceDimensions,
    SourceFault,
    TruncatedSource,
    UnrecognisedSource,
    UnsupportedCodec,
)
from origin.packaging.hdr import dolby_vision, light_level, mastering_display
from origin.packaging.limits import Limits
from origin.packaging.report import (
    AudioTrackInfo,
    Decision,
    IgnoredTrack,
    Matrix,
    SourceReport,
    VideoTrackInfo,
    sane_pixel_aspect,
)
from origin.packaging.stream_words import label_of, language_of
from origin.packaging.text_probe import chapters_of, is_text, roles_of, text_tracks

MOST_AUDIO_TRACKS = 16
INDEX_TAIL = 256
INDEX_PROBES = 4096
ENCRYPTED = "it is encrypted"
COVER = "it is a cover picture"
HIGHEST_RATE = 300
FULL_RANGE = 2
PROGRESSIVE_ORDERS = (0, 1)
"""FFmpeg's field orders: unknown, progressive; all others are interlaced."""


def probe(path: Path, limits: Limits) -> SourceReport:
    """Examine a source. Raises the `SourceFault` that says why it cannot be played."""
    try:
        return _examine(path, limits)
    except (CorruptSource, NoFrames, NoMedia, UnrecognisedSource, UnsupportedCodec) as fault:
        boxes = outer_boxes(path)
        if boxes is not None and boxes.missing_bytes:
            raise TruncatedSource(boxes.missing_bytes) from fault
        if size := refused_picture_size(path, limits):
            _check_dimensions(*size, limits)
        raise


def _examine(path: Path, limits: Limits) -> SourceReport:
    with open_source(path, limits) as container:
        size_bytes = path.stat().st_size
        _check_complete(container, size_bytes)
        encrypted = encrypted_tracks(path) if is_indexed(container) else frozenset()
        video, sounds, ignored = _choose(container, encrypted)
        texts, unread = text_tracks(container, path)
        if video is not None:
            sounds = _without_empty(path, container, sounds, ignored)
        if video is None and not sounds:
            raise _nothing_to_play(container, encrypted)
        select(container, [stream.index for stream in (video, *sounds) if stream is not None])
        picture = _video_track(container, video, limits) if video is not None else None
        zero = _zero(container, picture, sounds, limits)
        return SourceReport(
            container=container.format.name,
            size_bytes=size_bytes,
            duration_ms=max(0, (container.duration or 0) // 1000),
            zero=(zero.numerator, zero.denominator),
            video=picture,
            audio=tuple(_audio_tracks(sounds)),
            ignored=tuple(sorted((*ignored, *unread), key=lambda track: track.index)),
            text=tuple(texts),
            chapters=chapters_of(container, zero),
        )


def _check_complete(container: InputContainer, size_bytes: int) -> None:
    """Compare the index of an MP4 with the file's length, looking at 4,352 samples at most."""
    if may_end_anywhere(container):
        return
    farthest = 0
    for stream in container.streams:
        entries = stream.index_entries
        count = len(entries)
        tail = range(max(0, count - INDEX_TAIL), count)
        for number in chain(range(0, count, max(1, count // INDEX_PROBES)), tail):
            entry = entries[number]
            farthest = max(farthest, entry.pos + entry.size)
    if farthest > size_bytes:
        raise TruncatedSource(farthest - size_bytes)


def _choose(
    container: InputContainer, encrypted: Collection[int]
) -> tuple[VideoStream | None, list[AudioStream], list[IgnoredTrack]]:
    """Take one video track, the default one if there is a choice, and all audio tracks."""
    pictures: list[VideoStream] = []
    sounds: list[AudioStream] = []
    ignored: list[IgnoredTrack] = []
    for stream in container.streams:
        if is_text(stream):
            continue
        if reason := _unusable(stream, encrypted):
            ignored.append(_ignored(stream, reason))
        elif isinstance(stream, VideoStream):
            pictures.append(stream)
        elif isinstance(stream, AudioStream) and len(sounds) < MOST_AUDIO_TRACKS:
            sounds.append(stream)
        else:
            ignored.append(_ignored(stream, "there are more audio tracks than are published"))
    pictures.sort(key=lambda stream: not stream.disposition & Disposition.default)
    ignored += [_ignored(stream, "another video track is published") for stream in pictures[1:]]
    return (pictures[0] if pictures else None), sounds, ignored


def _without_empty(
    path: Path,
    container: InputContainer,
    sounds: list[AudioStream],
    ignored: list[IgnoredTrack],
) -> list[AudioStream]:
    """Leave out audio tracks that an MP4's index says are empty; phones write such tracks."""
    boxes = outer_boxes(path)
    if not is_indexed(container) or boxes is None or boxes.fragmented:
        return sounds
    empty = [stream for stream in sounds if len(stream.index_entries) == 0]
    ignored += [_ignored(stream, "it is empty") for stream in empty]
    return [stream for stream in sounds if stream not in empty]


def _unusable(stream: Stream, encrypted: Collection[int]) -> str:
    """Say why a stream is not published; empty if it may be. `encrypted` are numbers of tracks."""
    if stream.disposition & (Disposition.attached_pic | Disposition.timed_thumbnails):
        return COVER
    if stream.id in encrypted:
        return ENCRYPTED
    return "" if codec_name(stream) else "nothing here decodes its codec"


def _ignored(stream: Stream, reason: str) -> IgnoredTrack:
    return IgnoredTrack(
        index=stream.index,
        kind=stream.type,
        codec=codec_name(stream),
        reason=reason,
        language=language_of(stream),
    )


def _nothing_to_play(container: InputContainer, encrypted: Collection[int]) -> SourceFault:
    media = [stream for stream in container.streams if stream.type in ("video", "audio")]
    problems = {_unusable(stream, encrypted) for stream in media} - {COVER}
    if problems == {ENCRYPTED}:
        return UnsupportedCodec("This file is encrypted; it has to be decrypted before.")
    if problems:
        return UnsupportedCodec(f"The tracks of this file cannot be used: {', '.join(problems)}.")
    return NoMedia()


def _video_track(container: InputContainer, stream: VideoStream, limits: Limits) -> VideoTrackInfo:
    context = stream.codec_context
    _check_dimensions(context.width, context.height, limits)
    picture, first = _first_frame(container, stream, limits)
    assert isinstance(picture, VideoFrame)
    _check_dimensions(picture.width, picture.height, limits)
    interlaced = context.field_order not in PROGRESSIVE_ORDERS or picture.interlaced_frame
    pixel_format = picture.format.name
    codec = codec_name(stream)
    time_base = time_base_of(stream)
    rate = _rate(stream)
    colour = picture.color_primaries, picture.color_trc, picture.colorspace
    record, annexb, flaw = _record(container, stream, first, rate, colour)
    verdict = judge_video(codec, pixel_format, flaw, interlaced=interlaced)
    return VideoTrackInfo(
        index=stream.index,
        decision=verdict.decision,
        reason=verdict.reason,
        codec=codec,
        profile=context.profile or "",
        pixel_format=pixel_format,
        bit_depth=max((part.bits for part in picture.format.components), default=8),
        width=picture.width,
        height=picture.height,
        pixel_aspect=sane_pixel_aspect(stream.sample_aspect_ratio),
        matrix=_matrix(picture),
        frame_rate=(rate.numerator, rate.denominator) if rate else None,
        variable_rate=_is_variable(stream),
        interlaced=interlaced,
        colour=colour,
        full_range=picture.color_range == FULL_RANGE or pixel_format.startswith("yuvj"),
        time_base=(time_base.numerator, time_base.denominator),
        start=_start(container, picture, stream),
        language=language_of(stream),
        label=label_of(stream),
        track_id=stream.id,
        record=record,
        reach=verdict.reach,
        annexb=annexb,
        mastering_display=mastering_display(picture),
        light_level=light_level(picture),
        dolby_vision=dolby_vision(container, stream),
    )


def _record(
    container: InputContainer,
    stream: VideoStream,
    first: bytes,
    rate: Fraction | None,
    colour: tuple[int, int, int],
) -> tuple[bytes, bool, str]:
    """Give the decoder configuration as MP4 stores it, whether samples have start codes, a flaw."""
    extradata = stream.codec_context.extradata or b""
    if lacks_presentation_times(container):
        return extradata, False, "the container does not say when pictures are shown"
    try:
        record, annexb = video_record(
            codec_name(stream), extradata, first, rate=rate, colour=colour
        )
    except InvalidDecoderConfiguration as fault:
        return extradata, False, fault.message
    return record, annexb, ""


def _check_dimensions(width: int, height: int, limits: Limits) -> None:
    if width == 0 and height == 0:
        return  # Not known before the first picture is decoded, which has its own bound.
    if min(width, height) < limits.smallest_side:
        least = limits.smallest_side
        raise SourceDimensions(
            f"The picture is {width}×{height} pixels; it has to be at least {least}×{least}."
        )
    if max(width, height) > limits.largest_side or width * height > limits.largest_area:
        raise SourceDimensions(
            f"The picture is {width}×{height} pixels; Sluice takes {limits.largest_side} pixels "
            f"a side and {limits.largest_area // 1_000_000} megapixels at most."
        )


def _first_frame(
    container: InputContainer, stream: VideoStream | AudioStream, limits: Limits
) -> tuple[VideoFrame | AudioFrame, bytes]:
    """Decode the first frame of a track, looking at a bounded number of packets.

    Gives the track's first packet as well.

    Raises `NoFrames` where the track is empty, `CorruptSource` where nothing comes out.
    """
    stream.codec_context.thread_count = 1
    stream.codec_context.options = {"max_pixels": str(limits.largest_area)}
    seen, first = 0, b""
    for packet in islice(packets(container, [stream]), limits.first_frame_packets):
        seen += 1
        first = first or bytes(packet)
        if frame := _decode(stream, packet):
            return frame, first
    if frame := _decode(stream, None):
        return frame, first
    if seen == 0:
        raise NoFrames(stream.type)
    raise CorruptSource(f"The first {seen} samples of the {stream.type} track cannot be decoded.")


def _decode(
    stream: VideoStream | AudioStream, packet: AnyPacket | None
) -> VideoFrame | AudioFrame | None:
    frames: list[VideoFrame] | list[AudioFrame]
    try:
        frames = stream.codec_context.decode(packet)
    except av.error.FFmpegError:
        return None
    return frames[0] if frames else None


def _matrix(picture: VideoFrame) -> Matrix:
    """Read the display matrix, as in `tkhd` (ISO/IEC 14496-12 §8.3.2)."""
    try:
        data = bytes(picture.side_data["DISPLAYMATRIX"])  # type: ignore[typeddict-item]  # unlisted
    except (KeyError, ValueError):  # ValueError: side data of a kind that PyAV has no name for
        return IDENTITY_MATRIX
    cells = tuple(
        int.from_bytes(data[at : at + 4], "little", signed=True) for at in range(0, 36, 4)
    )
    a, b, u, c, d, v, x, y, w = cells
    return (a, b, u, c, d, v, x, y, w) if a * d - b * c else IDENTITY_MATRIX


def _rate(stream: VideoStream) -> Fraction | None:
    for rate in (stream.average_rate, stream.guessed_rate):
        if rate and 0 < rate <= HIGHEST_RATE:
            return nominal_rate(Fraction(rate))
    return None


def _is_variable(stream: VideoStream) -> bool:
    average, base = stream.average_rate, stream.base_rate
    return bool(average and base and abs(average / base - 1) > Fraction(1, 100))


def _time(frame: VideoFrame | AudioFrame, stream: Stream) -> int:
    for time in (frame.pts, frame.dts, stream.start_time):
        if time is not None:
            return time
    return 0


def _start(container: InputContainer, picture: VideoFrame, stream: VideoStream) -> int:
    if lacks_presentation_times(container):
        return stream.start_time or 0
    return _time(picture, stream)


def _zero(
    container: InputContainer,
    picture: VideoTrackInfo | None,
    sounds: list[AudioStream],
    limits: Limits,
) -> Fraction:
    """Find the source's time, in seconds, at which the presentation starts."""
    if picture is not None:
        return picture.start * Fraction(*picture.time_base)
    frame, _ = _first_frame(container, sounds[0], limits)
    return _time(frame, sounds[0]) * time_base_of(sounds[0])


def _audio_tracks(streams: list[AudioStream]) -> Iterator[AudioTrackInfo]:
    languages: Counter[str] = Counter()
    has_default = any(stream.disposition & Disposition.default for stream in streams)
    for place, stream in enumerate(streams):
        context = stream.codec_context
        language = language_of(stream)
        verdict = _judge_audio(stream)
        default = bool(stream.disposition & Disposition.default) if has_default else place == 0
        base = time_base_of(stream)
        yield AudioTrackInfo(
            index=stream.index,
            decision=verdict.decision,
            reason=verdict.reason,
            codec=codec_name(stream),
            profile=context.profile or "",
            channels=context.channels,
            sample_rate=context.sample_rate,
            layout=context.layout.name,
            language=language,
            ordinal=languages[language],
            default=default,
            label=label_of(stream),
            roles=roles_of(stream),
            time_base=(base.numerator, base.denominator),
            track_id=stream.id,
            record=context.extradata or b"",
            reach=verdict.reach,
        )
        languages[language] += 1


def _judge_audio(stream: AudioStream) -> Verdict:
    context = stream.codec_context
    if context.sample_rate <= 0 or context.channels <= 0:
        return Verdict(Decision.IGNORE, "its sample rate and channels are unknown")
    return judge_audio(
        codec_name(stream), context.extradata or b"", context.profile or "", context.sample_rate
    )
