"""Decodes chosen pictures of a track, and none of the others.

The chosen samples are read one by one from where they lie, in a flat file or a film, and given to
FFmpeg as a fragmented MP4 that is made while it is read: what is decoded is what players are
served, in whatever codec, and of a long film no more is read than its key pictures.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Self

import av
import av.error
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from core.isobmff.init_segment import track_init
from core.media.description import TrackDescription
from native import TrackIndex
from origin.packaging.limits import Limits
from origin.stored_track import DamagedTrack, StoredTrack

Places = Callable[[int], tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Footage:
    """A picture track to read from: `place` gives the offset and the bytes of a sample in `file`.

    `file` is a descriptor, which whoever holds this keeps open.
    """

    index: TrackIndex
    description: TrackDescription
    file: int
    place: Places

    @classmethod
    def stored(cls, track: StoredTrack) -> Self:
        """Read from the flat file of a track of the store."""

        def place(sample: int) -> tuple[int, int]:
            offset, size, *_ = track.index.sample(sample)
            return offset, size

        return cls(track.index, track.description, track.flat, place)

    def sample(self, number: int) -> bytes:
        """Read one sample. Raises `DamagedTrack` where the file has become shorter."""
        offset, size = self.place(number)
        data = os.pread(self.file, size, offset)
        if len(data) != size:
            raise DamagedTrack(f"a track has no {size} bytes at {offset} any more")
        return data


class Reel:
    """A file for FFmpeg to read, from its first byte to its last."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._left = memoryview(b"")

    def read(self, size: int) -> bytes:
        """Give at most `size` bytes; none at the end."""
        if not self._left:
            self._left = memoryview(next(self._pieces, b""))
        given, self._left = self._left[:size], self._left[size:]
        return bytes(given)


def pictures(
    footage: Footage, samples: Sequence[int], limits: Limits
) -> Iterator[tuple[int, VideoFrame]]:
    """Decode sync samples, rising; give each picture with its number among them.

    Those that cannot be decoded are left out.
    """
    with av.open(Reel(_pieces(footage, samples)), "r", format="mp4") as container:
        (stream,) = container.streams.video
        assert isinstance(stream, VideoStream)
        prepare_decoder(stream, limits)
        yield from _decoded(container.demux(stream), stream)


def prepare_decoder(stream: VideoStream, limits: Limits) -> None:
    """Bound what decoding a stream may take."""
    stream.codec_context.thread_type = "AUTO"
    stream.codec_context.thread_count = limits.threads
    stream.codec_context.options = {"max_pixels": str(limits.largest_area)}


def _decoded(
    packets: Iterator["av.Packet[VideoStream]"], stream: VideoStream
) -> Iterator[tuple[int, VideoFrame]]:
    numbers: dict[int | None, int] = {}
    try:
        for packet in packets:
            if packet.size:
                numbers[packet.pts] = len(numbers)
            for frame in tried(stream, packet if packet.size else None):
                if frame.pts in numbers and not frame.is_corrupt:
                    yield numbers[frame.pts], frame
    except av.error.FFmpegError:
        return


def tried(stream: VideoStream, packet: "av.Packet[VideoStream] | None") -> Sequence[VideoFrame]:
    """Decode a packet, None at the end; one that cannot be gives nothing."""
    try:
        return stream.codec_context.decode(packet)
    except av.error.FFmpegError:
        return ()


def _pieces(footage: Footage, samples: Sequence[int]) -> Iterator[bytes]:
    yield track_init(footage.index, footage.description)
    for number, sample in enumerate(samples, 1):
        yield footage.index.picture_header(sample, 1, number) + footage.sample(sample)
