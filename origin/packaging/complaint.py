"""Reads FFmpeg's log where its error codes are too coarse: how large a refused picture is."""

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path

import av.error
import av.logging
from av.video.stream import VideoStream

from origin.packaging.demux import codec_name, open_source, packets
from origin.packaging.faults import SourceFault
from origin.packaging.limits import Limits

REFUSED_SIZE = re.compile(r"Picture size (\d{1,9})x(\d{1,9}) is invalid")
PACKETS = 3


def refused_picture_size(path: Path, limits: Limits) -> tuple[int, int] | None:
    """Give width and height of a picture that FFmpeg will not make room for, if that is the fault.

    FFmpeg forgets the size when it refuses it; only its log says. Reads a few packets again.
    """
    with _listening() as log, suppress(SourceFault, av.error.FFmpegError):
        _provoke(path, limits)
    for _, _, line in log:
        if found := REFUSED_SIZE.search(line):
            return int(found[1]), int(found[2])
    return None


def _provoke(path: Path, limits: Limits) -> None:
    with open_source(path, limits) as container:
        for stream in container.streams:
            if isinstance(stream, VideoStream) and codec_name(stream):
                stream.codec_context.thread_count = 1
                stream.codec_context.options = {"max_pixels": str(limits.largest_area)}
                for packet in islice(packets(container, [stream]), PACKETS):
                    with suppress(av.error.FFmpegError):
                        stream.codec_context.decode(packet)
                return


@contextmanager
def _listening() -> Iterator[list[tuple[int, str, str]]]:
    av.logging.set_skip_repeated(False)
    av.logging.set_libav_level(av.logging.ERROR)
    av.logging.set_level(av.logging.ERROR)
    try:
        with av.logging.Capture() as log:
            yield log
    finally:
        av.logging.set_level(None)
        av.logging.set_libav_level(av.logging.PANIC)
        av.logging.set_skip_repeated(True)
