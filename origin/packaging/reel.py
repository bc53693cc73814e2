"""Decodes chosen pictures of a stored track, and none of the others.

The chosen samples are read from the track's flat file one by one and given to FFmpeg as a
fragmented MP4 that is made while it is read: what is decoded is what players are served, in
whatever codec, and of a long film no more is read than its key pictures.
"""

import os
from collections.abc import Iterator, Sequence

import av
import av.error
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from core.isobmff.init_segment import track_init
from origin.packaging.limits import Limits
from origin.stored_track import DamagedTrack, StoredTrack


class Reel:
    """A file for FFmpeg to read, from its first byte to its last."""

    def __init__(self, stored: StoredTrack, samples: Sequence[int]) -> None:
        self._pieces = _pieces(stored, samples)
        self._left = memoryview(b"")

    def read(self, size: int) -> bytes:
        """Give at most `size` bytes; none at the end."""
        if not self._left:
            self._left = memoryview(next(self._pieces, b""))
        given, self._left = self._left[:size], self._left[size:]
        return bytes(given)


def pictures(
    stored: StoredTrack, samples: Sequence[int], limits: Limits
) -> Iterator[tuple[int, VideoFrame]]:
    """Decode sync samples, rising; give each picture with its number among them.

    Those that cannot be decoded are left out.
    """
    with av.open(Reel(stored, samples), "r", format="mp4") as container:
        (stream,) = container.streams.video
        assert isinstance(stream, VideoStream)
        stream.codec_context.thread_type = "AUTO"
        stream.codec_context.thread_count = limits.threads
        stream.codec_context.options = {"max_pixels": str(limits.largest_area)}
        yield from _decoded(container.demux(stream), stream)


def _decoded(
    packets: Iterator["av.Packet[VideoStream]"], stream: VideoStream
) -> Iterator[tuple[int, VideoFrame]]:
    numbers: dict[int | None, int] = {}
    try:
        for packet in packets:
            if packet.size:
                numbers[packet.pts] = len(numbers)
            for frame in _tried(stream, packet if packet.size else None):
                if frame.pts in numbers and not frame.is_corrupt:
                    yield numbers[frame.pts], frame
    except av.error.FFmpegError:
        return


def _tried(stream: VideoStream, packet: "av.Packet[VideoStream] | None") -> Sequence[VideoFrame]:
    try:
        return stream.codec_context.decode(packet)
    except av.error.FFmpegError:
        return ()


def _pieces(stored: StoredTrack, samples: Sequence[int]) -> Iterator[bytes]:
    index = stored.index
    yield track_init(index, stored.description)
    for number, sample in enumerate(samples, 1):
        offset, size, *_ = index.sample(sample)
        data = os.pread(stored.flat, size, offset)
        if len(data) != size:
            raise DamagedTrack(f"a track has no {size} bytes at {offset} any more")
        yield index.picture_header(sample, 1, number) + data
