"""Opening a source and reading its packets: FFmpeg's errors become faults here."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import av
import av.error
import av.logging
from av.container import InputContainer
from av.stream import Discard, Stream

from origin.packaging.boxes import outer_boxes
from origin.packaging.faults import (
    CorruptSource,
    EmptySource,
    MissingIndex,
    SourceFault,
    TruncatedSource,
    UnrecognisedSource,
)
from origin.packaging.limits import Limits

if TYPE_CHECKING:
    from av.packet import Packet

    AnyPacket = Packet[Stream]
else:  # PyAV's packet is generic in its stub alone.
    from av.packet import Packet as AnyPacket

# Demuxers by FFmpeg's names. None of them opens further files or addresses that the source
# names: playlists (hls, dash, concat, imf), image sequences and device inputs are left out.
DEMUXERS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,mpegts,mpeg,mpegvideo,avi,flv,live_flv,asf,ogg,wav,w64,"
    "mp3,flac,aac,ac3,eac3,truehd,mlp,dts,aiff,au,caf,amr,ape,wv,tta,mxf,nut,ivf,h264,hevc,vvc,"
    "m4v,obu,yuv4mpegpipe,gif,rm,dv,wtv,swf,nsv,ty,dhav"
)

JUMPING_CONTAINERS = frozenset({"mpegts", "mpeg", "wtv", "ty", "dhav", "rm"})

av.logging.set_libav_level(av.logging.PANIC)


@contextmanager
def open_source(path: Path, limits: Limits) -> Iterator[InputContainer]:
    """Open a file for demuxing, under the limits. Raises the `SourceFault` that fits."""
    if path.stat().st_size == 0:
        raise EmptySource
    try:
        container = av.open(
            str(path.absolute()),
            mode="r",
            options=_options(limits),
            metadata_errors="replace",
            timeout=limits.open_timeout_s,
        )
    except av.error.FFmpegError as cause:
        raise _opening_fault(path) from cause
    try:
        yield container
    finally:
        container.close()


def _options(limits: Limits) -> dict[str, str]:
    return {
        "format_whitelist": DEMUXERS,
        "protocol_whitelist": "file",
        "probesize": str(limits.probe_bytes),
        "analyzeduration": str(limits.analyze_s * 1_000_000),
        "max_streams": str(limits.most_streams),
        "max_pixels": str(limits.largest_area),
    }


def _opening_fault(path: Path) -> SourceFault:
    boxes = outer_boxes(path)
    if boxes is None:
        return UnrecognisedSource()
    if boxes.missing_bytes:
        return TruncatedSource(boxes.missing_bytes)
    if not boxes.has_index:
        return MissingIndex()
    return CorruptSource("This looks like an MP4 file, but its index (the moov box) is damaged.")


def select(container: InputContainer, indexes: Sequence[int]) -> list[Stream]:
    """Choose the streams to read; the demuxer skips all others."""
    chosen = []
    for stream in container.streams:
        if stream.index in indexes:
            chosen.append(stream)
        else:
            stream.discard = Discard.all
    return chosen


def packets(container: InputContainer, streams: Sequence[Stream]) -> Iterator[AnyPacket]:
    """Give the packets of the chosen streams that have content, in the file's order.

    A file that may end anywhere ends where it can be read no further; of any other `CorruptSource`
    is raised there.
    """
    try:
        for packet in container.demux(streams):
            if packet.size:
                yield packet
    except av.error.FFmpegError as cause:
        if not may_end_anywhere(container):
            raise CorruptSource(
                f"This file cannot be read to its end: {cause.strerror}."
            ) from cause


def is_indexed(container: InputContainer) -> bool:
    """Whether the container has an index that says where every sample is (the MP4 family)."""
    return container.format.name.startswith("mov")


def may_end_anywhere(container: InputContainer) -> bool:
    """Whether a file that is cut short is whole up to there.

    So is one without an index (MPEG-TS, Matroska), and an MP4 of several fragments, which are
    written one by one so that a recorder may be switched off.
    """
    if not is_indexed(container):
        return True
    boxes = outer_boxes(Path(container.name))
    return boxes is not None and boxes.fragments > 1


def may_jump(container: InputContainer) -> bool:
    """Whether the container's clock may leap where nothing is missing (splices, wrap-around)."""
    return container.format.name in JUMPING_CONTAINERS


def lacks_presentation_times(container: InputContainer) -> bool:
    """Whether the container knows decode times alone, so that FFmpeg's presentation times mislead.

    Its pictures come out of the decoder in order, at the rate at which they went in.
    """
    return container.format.name == "avi"


def codec_name(stream: Stream) -> str:
    """Give FFmpeg's name of a stream's codec, empty where nothing decodes it."""
    # PyAV leaves the context out where FFmpeg has no decoder, whatever its stub says.
    context: object = stream.codec_context
    return "" if context is None else stream.codec_context.codec.canonical_name


def time_base_of(stream: Stream) -> Fraction:
    """Give the length of a stream's tick in seconds."""
    base = stream.time_base
    return base or Fraction(1, 90_000)
