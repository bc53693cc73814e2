"""Writes pictures as JPEG, and files so that they are there after a crash."""

import os
from fractions import Fraction
from pathlib import Path

import av
from av.codec.context import Flags
from av.video.frame import VideoFrame

FULL_RANGE = 2


def encode_jpeg(picture: VideoFrame, quality: int) -> bytes:
    """Give a picture in `yuvj420p` as JPEG; `quality` is FFmpeg's scale, 2 is best, 31 worst."""
    encoder = av.CodecContext.create("mjpeg", "w")
    encoder.width, encoder.height = picture.width, picture.height
    encoder.pix_fmt = "yuvj420p"
    encoder.color_range = FULL_RANGE
    encoder.time_base = Fraction(1, 25)
    encoder.flags |= Flags.qscale
    encoder.global_quality = quality
    picture.pts, picture.time_base = 0, Fraction(1, 25)
    encoded = [*encoder.encode(picture), *encoder.encode(None)]
    return b"".join(bytes(packet) for packet in encoded)


def write_durably(out: Path, data: bytes) -> None:
    """Write a file and wait until the disk has it."""
    out.parent.mkdir(parents=True, exist_ok=True)
    with out.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
