"""Bit rates of encrypted tracks, as manifests promise them."""

from dataclasses import replace
from typing import Final

from core.media.build import SegmentTable, peak_bandwidth
from core.media.iframes import IFrames
from core.protection.content_key import KeyUse
from core.protection.scheme import Scheme
from core.protection.track_file import (
    DIVIDED_BYTES,
    FREE_BYTES,
    INFORMATION_BYTES,
    VECTOR_BYTES,
)

BLOCK: Final = 16
# What is added at most to a fragment, and for each sample, where `track.mp4` has it.
COMMON_HEAD_BYTES: Final = INFORMATION_BYTES + FREE_BYTES
WHOLE_SAMPLE_BYTES: Final = VECTOR_BYTES
DIVIDED_SAMPLE_BYTES: Final = VECTOR_BYTES + DIVIDED_BYTES


def protected_bandwidth(
    table: SegmentTable, timescale: int, use: KeyUse, *, by_units: bool
) -> tuple[int, int]:
    """Give peak and mean bit rate of an encrypted track, in bit/s: never below the true ones.

    Of `cenc` and `cbcs` what is added depends on the samples; up to seven slices a picture fit into
    what is counted here.
    """
    if use.scheme is Scheme.AES_128:
        lengths = [length + BLOCK - length % BLOCK for length in table.byte_lengths]
    else:
        each = DIVIDED_SAMPLE_BYTES if by_units else WHOLE_SAMPLE_BYTES
        lengths = [
            length + COMMON_HEAD_BYTES + each * count
            for length, count in zip(table.byte_lengths, table.count, strict=True)
        ]
    durations = [span.duration for span in table.spans]
    mean = -(-sum(lengths) * 8 * timescale // sum(durations))
    return peak_bandwidth(lengths, durations, timescale, max(durations)), mean


def protected_iframes(shown: IFrames, timescale: int) -> IFrames:
    """Give I-frames with bit rates that are never below those of encrypted ones."""
    each_bits = 8 * (COMMON_HEAD_BYTES + DIVIDED_SAMPLE_BYTES)
    more = -(-each_bits * timescale // min(span.duration for span in shown.spans))
    return replace(
        shown,
        peak_bandwidth=shown.peak_bandwidth + more,
        average_bandwidth=shown.average_bandwidth + more,
    )
