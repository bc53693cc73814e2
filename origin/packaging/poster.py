"""Picks one picture that shows what a video is about, and writes it as JPEG."""

from collections.abc import Iterator
from fractions import Fraction
from itertools import chain, dropwhile
from pathlib import Path

import av.error
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from origin.packaging.demux import open_source, packets, select
from origin.packaging.faults import CorruptSource, SourceFault
from origin.packaging.jpeg import encode_jpeg, write_durably
from origin.packaging.limits import Limits
from origin.packaging.picture import PictureFilter, orientation_steps
from origin.packaging.report import SourceReport, VideoTrackInfo
from origin.packaging.shrink import STILL_MATRIX

LARGEST_WIDTH = 1280
PLACES = (Fraction(1, 10), Fraction(1, 3), Fraction(1, 2), Fraction(0))
"""Where to look, as parts of the duration, until a picture is bright enough."""
PICTURES_PER_PLACE = 24
DARK_LUMA = 40
JPEG_QUALITY = 3
TIMESCALE = 90_000


def poster(path: Path, report: SourceReport, out: Path, *, limits: Limits | None = None) -> None:
    """Write a JPEG of at most 1280 pixels width, turned as the viewer sees it, to `out`.

    Raises a `SourceFault` when no picture can be decoded.
    """
    limits = limits or Limits()
    assert report.video is not None, "a source without video has no poster"
    best: tuple[float, VideoFrame] | None = None
    with open_source(path, limits) as container:
        (stream,) = select(container, [report.video.index])
        assert isinstance(stream, VideoStream)
        stream.codec_context.thread_count = limits.threads
        stream.codec_context.options = {"max_pixels": str(limits.largest_area)}
        for place in PLACES:
            found = _representative(container, stream, report.video, _time_us(report, place))
            if found is not None and (best is None or _luma(found) > best[0]):
                best = (_luma(found), found)
            if best is not None and best[0] > DARK_LUMA:
                break
    if best is None:
        raise CorruptSource("No picture of this file can be decoded.")
    write_durably(out, encode_jpeg(best[1], JPEG_QUALITY))


def _time_us(report: SourceReport, place: Fraction) -> int:
    return int(report.start * 1_000_000 + report.duration_ms * 1000 * place)


def _representative(
    container: InputContainer, stream: VideoStream, track: VideoTrackInfo, time_us: int
) -> VideoFrame | None:
    """Let FFmpeg's `thumbnail` choose among the pictures that follow a time."""
    try:
        container.seek(time_us)
    except av.error.FFmpegError:
        return None
    steps = (*orientation_steps(track.matrix), ("thumbnail", f"n={PICTURES_PER_PLACE}"))
    chooser = PictureFilter(
        track, _size(track), TIMESCALE, pixel_format="yuvj420p", matrix=STILL_MATRIX, extra=steps
    )
    chosen: VideoFrame | None = None
    for number, picture in enumerate(_pictures(container, stream)):
        picture.pts = number
        chosen = next(chooser.push(picture), chosen)
        if chosen is not None or number + 1 >= PICTURES_PER_PLACE:
            break
    return chosen or next(chooser.flush(), None)


def _pictures(container: InputContainer, stream: VideoStream) -> Iterator[VideoFrame]:
    from_key = dropwhile(lambda packet: not packet.is_keyframe, packets(container, [stream]))
    try:
        for packet in chain(from_key, [None]):
            try:
                yield from stream.codec_context.decode(packet)
            except av.error.FFmpegError:
                continue
    except SourceFault:
        return


def _size(track: VideoTrackInfo) -> tuple[int, int]:
    """Give the size to scale to, before the picture is turned."""
    shown_width, _ = track.shown_size
    part = min(Fraction(1), Fraction(LARGEST_WIDTH, shown_width))
    width, height = track.display_size
    return max(2, int(width * part)), max(2, int(height * part))


def _luma(picture: VideoFrame) -> float:
    plane = picture.planes[0]
    data = memoryview(plane)
    rows = range(0, picture.height, max(1, picture.height // 64))
    total = sum(
        sum(data[row * plane.line_size : row * plane.line_size + picture.width]) for row in rows
    )
    return total / (len(rows) * picture.width)
